//! How planes lie in buffers that the device copies from and to.

use tl_frame::{Frame, Layout, Memory, PixelFormat, Plane};

use crate::plan::PxRect;

/// Rows in buffers start on this many bytes.
const ROW_ALIGNMENT: u32 = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT;

/// One plane of a rectangle within a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlaneSpan {
    /// Of its first byte, aligned.
    pub offset: u64,
    /// From row to row, aligned.
    pub stride: u32,
    pub width: u32,
    pub height: u32,
}

impl PlaneSpan {
    pub fn texture_layout(&self) -> wgpu::TexelCopyBufferLayout {
        wgpu::TexelCopyBufferLayout { offset: self.offset, bytes_per_row: Some(self.stride), rows_per_image: None }
    }

    pub fn extent(&self) -> wgpu::Extent3d {
        wgpu::Extent3d { width: self.width, height: self.height, depth_or_array_layers: 1 }
    }
}

/// Y, U and V of a rectangle within a buffer.
pub(crate) type Spans = [PlaneSpan; 3];

/// Places the planes of a luma rectangle of this size from `offset` on, and says where they end.
pub(crate) fn place(width: u32, height: u32, offset: u64) -> (Spans, u64) {
    let mut at = offset;
    let (half_w, half_h) = (width.div_ceil(2), height.div_ceil(2));
    let spans = [(width, height), (half_w, half_h), (half_w, half_h)].map(|(width, height)| {
        let span = PlaneSpan { offset: at, stride: width.next_multiple_of(ROW_ALIGNMENT), width, height };
        at += u64::from(span.stride) * u64::from(height);
        span
    });
    (spans, at)
}

/// Whether all planes of the frame are there in full, as its size says.
pub(crate) fn is_whole(frame: &Frame) -> bool {
    let Memory::Cpu(planes) = &frame.memory else { return false };
    let (width, height) = (frame.size.width as usize, frame.size.height as usize);
    let (half_w, half_h) = (width.div_ceil(2), height.div_ceil(2));
    let fits = |index: usize, width: usize, height: usize, bytes_per_sample: usize| {
        planes.plane(index).is_some_and(|plane| {
            let Layout { stride, width: has_w, height: has_h, bytes_per_sample: has_bytes } = plane.layout;
            let row = width * bytes_per_sample;
            has_w >= width && has_h >= height && has_bytes == bytes_per_sample && stride >= row && plane.bytes.len() >= stride * (height - 1) + row
        })
    };
    width > 0
        && height > 0
        && fits(0, width, height, 1)
        && match frame.format {
            PixelFormat::I420 => fits(1, half_w, half_h, 1) && fits(2, half_w, half_h, 1),
            PixelFormat::Nv12 => fits(1, half_w, half_h, 2),
        }
}

/// A rectangle in the luma pixels of a frame; the left top corner is even.
pub(crate) type Region = PxRect;

/// Gives each row of Y, U and V of a region of a whole frame to `write(plane, row, samples)`; interleaved chroma is taken apart on the way.
pub(crate) fn for_rows(frame: &Frame, region: Region, mut write: impl FnMut(usize, usize, Samples<'_>)) {
    let Memory::Cpu(planes) = &frame.memory else { return };
    let rows = |index: usize, scale: usize| {
        let plane = planes.plane(index)?;
        let bytes = plane.layout.bytes_per_sample;
        let from = region.x as usize / scale * bytes;
        let length = (region.width as usize).div_ceil(scale) * bytes;
        let top = region.y as usize / scale;
        let count = (region.height as usize).div_ceil(scale);
        Some((0..count).map(move |row| (row, part(&plane, top + row, from, length))))
    };
    for (row, samples) in rows(0, 1).into_iter().flatten() {
        write(0, row, Samples { bytes: samples, step: 1, first: 0 });
    }
    match frame.format {
        PixelFormat::I420 => {
            for index in [1, 2] {
                for (row, samples) in rows(index, 2).into_iter().flatten() {
                    write(index, row, Samples { bytes: samples, step: 1, first: 0 });
                }
            }
        }
        PixelFormat::Nv12 => {
            for (row, pairs) in rows(1, 2).into_iter().flatten() {
                write(1, row, Samples { bytes: pairs, step: 2, first: 0 });
                write(2, row, Samples { bytes: pairs, step: 2, first: 1 });
            }
        }
    }
}

fn part<'a>(plane: &Plane<'a>, row: usize, from: usize, length: usize) -> &'a [u8] {
    let start = row * plane.layout.stride + from;
    plane.bytes.get(start..start + length).unwrap_or_default()
}

/// One row of one plane: every `step`-th byte from `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a> {
    bytes: &'a [u8],
    step: usize,
    first: usize,
}

impl Samples<'_> {
    /// The row as it lies, unless it is interleaved with another.
    pub fn plain(&self) -> Option<&[u8]> {
        (self.step == 1).then_some(self.bytes)
    }

    /// Writes the samples out one by one.
    pub fn copy_to(&self, out: &mut [u8]) {
        if let Some(plain) = self.plain() {
            let length = plain.len().min(out.len());
            if let (Some(out), Some(plain)) = (out.get_mut(..length), plain.get(..length)) {
                out.copy_from_slice(plain);
            }
            return;
        }
        let (pairs, _) = self.bytes.as_chunks::<2>();
        if self.first == 0 {
            for (out, [u, _]) in out.iter_mut().zip(pairs) {
                *out = *u;
            }
        } else {
            for (out, [_, v]) in out.iter_mut().zip(pairs) {
                *out = *v;
            }
        }
    }
}
