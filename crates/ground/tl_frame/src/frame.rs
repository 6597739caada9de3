//! One decoded picture.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tl_base::{MediaTime, Size, SourceId};

/// How the samples of a picture are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelFormat {
    /// Three 8-bit planes: Y, then U and V at half width and height.
    I420,
    /// Two 8-bit planes: Y, then U and V interleaved at half width and height.
    Nv12,
}

impl PixelFormat {
    /// How many planes it has.
    pub fn planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
        }
    }
}

/// Which luma coefficients made the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and what most phones' encoders mean when they say nothing below 720 lines.
    Bt601,
    /// ITU-R BT.709: high definition, and the programme.
    Bt709,
}

/// Which code values stand for black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// Luma 16-235, chroma 16-240.
    Limited,
    /// 0-255.
    Full,
}

/// What the numbers of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Colour {
    /// Luma coefficients.
    pub matrix: Matrix,
    /// Code values.
    pub range: Range,
}

impl Colour {
    /// What the programme is made in.
    pub const PROGRAMME: Self = Self { matrix: Matrix::Bt709, range: Range::Limited };

    /// What an untagged stream of this size means by common practice: BT.709 from 720 lines up, BT.601 below, limited range.
    pub fn assumed_for(size: Size) -> Self {
        let matrix = if size.short_side() >= 720 { Matrix::Bt709 } else { Matrix::Bt601 };
        Self { matrix, range: Range::Limited }
    }
}

/// Clockwise turn that puts the picture upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Upright as it is.
    #[default]
    None,
    /// A quarter turn clockwise.
    Clockwise90,
    /// Upside down.
    Half,
    /// A quarter turn counter-clockwise.
    Clockwise270,
}

/// Where one plane lies within its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes from one row to the next, at least the row's length.
    pub stride: usize,
    /// Samples in a row (of pairs for interleaved chroma).
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes of one sample: 1, or 2 for interleaved chroma.
    pub bytes_per_sample: usize,
}

/// Borrowed bytes of one plane.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// Where its rows lie.
    pub layout: Layout,
    /// At least `stride * (height - 1) + width * bytes_per_sample` bytes.
    pub bytes: &'a [u8],
}

impl<'a> Plane<'a> {
    /// Row `y`, exactly as long as its samples; empty when the row does not exist.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = y * self.layout.stride;
        if y >= self.layout.height {
            return &[];
        }
        self.bytes.get(start..start + self.layout.width * self.layout.bytes_per_sample).unwrap_or_default()
    }
}

/// Whoever owns the memory of a picture: a mapped decoder buffer, a pool, a plain vector.
pub trait Planes: Send + Sync {
    /// Plane `index` of the picture; none past the format's last plane.
    fn plane(&self, index: usize) -> Option<Plane<'_>>;
}

/// A picture that lives in memory this process cannot read directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum External {
    /// Linux DMA-BUF.
    DmaBuf,
    /// Direct3D 11 texture.
    D3d11,
    /// Apple IOSurface.
    IoSurface,
}

/// Where a picture lies.
#[derive(Clone)]
pub enum Memory {
    /// In ordinary memory.
    Cpu(Arc<dyn Planes>),
    /// On a device; the owner keeps it alive.
    External(External, Arc<dyn Any + Send + Sync>),
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(_) => f.write_str("Cpu"),
            Self::External(kind, _) => write!(f, "External({kind:?})"),
        }
    }
}

/// One decoded picture.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Who made it.
    pub source: SourceId,
    /// Counts the source's pictures in the order in which they were decoded.
    pub seq: u64,
    /// Sample layout.
    pub format: PixelFormat,
    /// What the numbers mean.
    pub colour: Colour,
    /// As stored, before rotation; both sides are even or rounded up for chroma.
    pub size: Size,
    /// Turn that puts it upright.
    pub rotation: Rotation,
    /// When its light was captured.
    pub capture: MediaTime,
    /// When its last byte arrived here.
    pub arrival: MediaTime,
    /// The samples.
    pub memory: Memory,
}

impl Frame {
    /// Mean luma, 0 to 255, by every `step`-th sample of every `step`-th row; none where the samples cannot be read.
    pub fn mean_luma(&self, step: usize) -> Option<f32> {
        let Memory::Cpu(planes) = &self.memory else { return None };
        let luma = planes.plane(0)?;
        let step = step.max(1);
        let (mut sum, mut count) = (0_u64, 0_u64);
        for y in (0..luma.layout.height).step_by(step) {
            let row = luma.row(y);
            // A row of eight thousand samples fits by far.
            sum += u64::from(row.iter().step_by(step).map(|sample| u32::from(*sample)).sum::<u32>());
            count += row.len().div_ceil(step) as u64;
        }
        (count > 0).then(|| sum as f32 / count as f32)
    }
}

/// Planes in one vector of their own.
#[derive(Clone, Debug)]
pub struct VecPlanes {
    bytes: Vec<u8>,
    planes: Vec<(usize, Layout)>,
}

impl VecPlanes {
    /// Tightly packed planes of `size` in `format`, all bytes zero.
    pub fn new(format: PixelFormat, size: Size) -> Self {
        let (w, h) = (size.width as usize, size.height as usize);
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        let shapes: &[(usize, usize, usize)] = match format {
            PixelFormat::I420 => &[(w, h, 1), (cw, ch, 1), (cw, ch, 1)],
            PixelFormat::Nv12 => &[(w, h, 1), (cw, ch, 2)],
        };
        let mut offset = 0;
        let planes = shapes.iter().map(|&(width, height, bytes_per_sample)| {
            let stride = width * bytes_per_sample;
            let start = offset;
            offset += stride * height;
            (start, Layout { stride, width, height, bytes_per_sample })
        });
        let planes = planes.collect();
        Self { bytes: vec![0; offset], planes }
    }

    /// All bytes, plane after plane.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, plane after plane, to write to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The bytes of plane `index`, to write to; empty past the last plane.
    pub fn plane_mut(&mut self, index: usize) -> &mut [u8] {
        let Some((start, layout)) = self.planes.get(index) else { return &mut [] };
        let end = start + layout.stride * layout.height;
        self.bytes.get_mut(*start..end).unwrap_or_default()
    }
}

impl Planes for VecPlanes {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let (start, layout) = self.planes.get(index)?;
        let bytes = self.bytes.get(*start..start + layout.stride * layout.height)?;
        Some(Plane { layout: *layout, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let planes = VecPlanes::new(PixelFormat::I420, Size::new(5, 3));
        assert_eq!(planes.bytes().len(), 15 + 6 + 6);
        let chroma = planes.plane(1).expect("U");
        assert_eq!((chroma.layout.width, chroma.layout.height), (3, 2));
        assert_eq!((chroma.row(1).len(), chroma.row(2).len()), (3, 0));
        assert!(planes.plane(3).is_none());
    }

    #[test]
    fn the_mean_is_taken_of_the_samples_that_are_looked_at() {
        let size = Size::new(32, 16);
        let mut planes = VecPlanes::new(PixelFormat::I420, size);
        for (index, sample) in planes.plane_mut(0).iter_mut().enumerate() {
            *sample = if index % 8 == 0 && index / 32 % 8 == 0 { 40 } else { 200 };
        }
        let (source, capture) = (tl_base::SlotId(1), MediaTime::ZERO);
        let memory = Memory::Cpu(Arc::new(planes));
        let frame =
            Frame { source, seq: 0, format: PixelFormat::I420, colour: Colour::PROGRAMME, size, rotation: Rotation::None, capture, arrival: capture, memory };
        assert_eq!(frame.mean_luma(8), Some(40.0));
        assert_eq!(frame.mean_luma(1), Some(200.0 - 160.0 * 8.0 / 512.0));
    }
}
