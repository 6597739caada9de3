//! Pictures made up, and held against each other.

use std::sync::Arc;

use tl_base::{MediaTime, Size, SlotId};
use tl_frame::{Colour, Frame, Matrix, Memory, PixelFormat, Range, Rotation, VecPlanes};

/// How far two pictures are apart, in code values of 8 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Peak signal to noise ratio over all samples, dB; infinite when they are equal.
    pub psnr_db: f64,
    /// Largest distance of two samples.
    pub max_abs: u8,
    /// Mean distance of two samples.
    pub mean_abs: f64,
}

/// How far two pictures may be apart. The one place for such numbers: software renderers differ by a rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Largest distance of two samples.
    pub max_abs: u8,
    /// Mean distance of two samples.
    pub mean_abs: f64,
}

impl Threshold {
    /// The same but for rounding: what another software renderer may do.
    pub const ROUNDING: Self = Self { max_abs: 3, mean_abs: 0.5 };
    /// The same but for the edges of text and shapes.
    pub const EDGES: Self = Self { max_abs: 64, mean_abs: 1.5 };
    /// The same after an encoder and a decoder.
    pub const ENCODED: Self = Self { max_abs: 96, mean_abs: 4.0 };

    /// Whether a difference stays within.
    pub fn holds(&self, difference: &Difference) -> bool {
        difference.max_abs <= self.max_abs && difference.mean_abs <= self.mean_abs
    }
}

/// Compares bytes of equal length; none when the lengths differ or there are none.
pub fn compare_bytes(first: &[u8], second: &[u8]) -> Option<Difference> {
    if first.len() != second.len() || first.is_empty() {
        return None;
    }
    let (mut max_abs, mut sum, mut squares) = (0_u8, 0_u64, 0_u64);
    for (first, second) in first.iter().zip(second) {
        let distance = first.abs_diff(*second);
        max_abs = max_abs.max(distance);
        sum += u64::from(distance);
        squares += u64::from(distance) * u64::from(distance);
    }
    let count = first.len() as f64;
    let psnr_db = if squares == 0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 / (squares as f64 / count)).log10() };
    Some(Difference { psnr_db, max_abs, mean_abs: sum as f64 / count })
}

/// Compares the samples of two pictures of the same size and format; none when these differ or one cannot be read.
pub fn compare(first: &Frame, second: &Frame) -> Option<Difference> {
    if first.size != second.size || first.format != second.format {
        return None;
    }
    compare_bytes(&samples(first)?, &samples(second)?)
}

/// All samples of a picture, plane after plane without padding; none when it does not lie in ordinary memory.
pub fn samples(frame: &Frame) -> Option<Vec<u8>> {
    let Memory::Cpu(planes) = &frame.memory else { return None };
    let mut out = Vec::new();
    for plane in (0..frame.format.planes()).map_while(|index| planes.plane(index)) {
        (0..plane.layout.height).for_each(|y| out.extend_from_slice(plane.row(y)));
    }
    Some(out)
}

/// Y, U and V of a picture of either format, each row after row without padding; empty when it does not lie in ordinary memory.
pub fn planes(frame: &Frame) -> [Vec<u8>; 3] {
    let mut rest = samples(frame).unwrap_or_default();
    let (width, height) = (frame.size.width as usize, frame.size.height as usize);
    let half = width.div_ceil(2) * height.div_ceil(2);
    let mut chroma = rest.split_off((width * height).min(rest.len()));
    match frame.format {
        PixelFormat::I420 => {
            let v = chroma.split_off(half.min(chroma.len()));
            [rest, chroma, v]
        }
        PixelFormat::Nv12 => [rest, chroma.iter().step_by(2).copied().collect(), chroma.iter().skip(1).step_by(2).copied().collect()],
    }
}

/// Mean luma, code values; none when the picture cannot be read.
pub fn mean_luma(frame: &Frame) -> Option<f64> {
    let Memory::Cpu(planes) = &frame.memory else { return None };
    let luma = planes.plane(0)?;
    let sum: u64 = (0..luma.layout.height).flat_map(|y| luma.row(y)).map(|value| u64::from(*value)).sum();
    let count = luma.layout.width * luma.layout.height;
    (count > 0).then(|| sum as f64 / count as f64)
}

/// The picture as RGB, three bytes a pixel, by its own colour facts: for people to look at.
pub fn rgb(frame: &Frame) -> Option<Vec<u8>> {
    let Memory::Cpu(_) = &frame.memory else { return None };
    let [luma, u, v] = planes(frame);
    let (kr, kb) = match frame.colour.matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
    };
    let (black, luma_steps, chroma_steps) = match frame.colour.range {
        Range::Limited => (16.0, 219.0, 224.0),
        Range::Full => (0.0, 255.0, 255.0),
    };
    let width = (frame.size.width as usize).max(1);
    let half = width.div_ceil(2);
    let mut out = Vec::with_capacity(luma.len() * 3);
    for (at, luma) in luma.iter().enumerate() {
        let chroma = |plane: &[u8]| (f64::from(plane.get(at / width / 2 * half + at % width / 2).copied().unwrap_or(128)) - 128.0) / chroma_steps;
        let (y, cb, cr) = ((f64::from(*luma) - black) / luma_steps, chroma(&u), chroma(&v));
        let (red, blue) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        let green = (y - kr * red - kb * blue) / (1.0 - kr - kb);
        out.extend([red, green, blue].map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8));
    }
    Some(out)
}

/// A picture of source 1 whose sample of plane 0, 1 or 2 (Y, U, V) at a column and row of that plane is what `sample` says.
pub fn frame(size: Size, format: PixelFormat, colour: Colour, sample: impl Fn(usize, u32, u32) -> u8) -> Frame {
    let mut planes = VecPlanes::new(format, size);
    let (half_w, half_h) = (size.width.div_ceil(2), size.height.div_ceil(2));
    // Plane in memory, bytes from sample to sample, first byte, and which of Y, U and V it is.
    let parts: &[(usize, usize, usize, usize)] = match format {
        PixelFormat::I420 => &[(0, 1, 0, 0), (1, 1, 0, 1), (2, 1, 0, 2)],
        PixelFormat::Nv12 => &[(0, 1, 0, 0), (1, 2, 0, 1), (1, 2, 1, 2)],
    };
    for (index, step, first, of) in parts.iter().copied() {
        let (width, height) = if of == 0 { (size.width, size.height) } else { (half_w, half_h) };
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        for (out, (x, y)) in planes.plane_mut(index).iter_mut().skip(first).step_by(step).zip(places) {
            *out = sample(of, x, y);
        }
    }
    Frame {
        source: SlotId(1),
        seq: 0,
        format,
        colour,
        size,
        rotation: Rotation::None,
        capture: MediaTime::ZERO,
        arrival: MediaTime::ZERO,
        memory: Memory::Cpu(Arc::new(planes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(format: PixelFormat, more: u8) -> Frame {
        frame(Size::new(8, 6), format, Colour::PROGRAMME, |plane, x, y| (40 * plane as u32 + 16 + x * 3 + y) as u8 + more)
    }

    #[test]
    fn distances_are_told() {
        assert_eq!(compare(&made(PixelFormat::I420, 0), &made(PixelFormat::I420, 0)).map(|found| found.max_abs), Some(0));
        let apart = compare(&made(PixelFormat::I420, 0), &made(PixelFormat::I420, 3)).expect("comparable");
        assert_eq!((apart.max_abs, apart.mean_abs), (3, 3.0));
        assert!((apart.psnr_db - 38.588).abs() < 0.01);
        assert!(Threshold::EDGES.holds(&Difference { mean_abs: 1.0, ..apart }) && !Threshold::ROUNDING.holds(&apart));
        assert_eq!(compare(&made(PixelFormat::I420, 0), &made(PixelFormat::Nv12, 0)), None);
        assert_eq!(compare_bytes(&[], &[]), None);
    }

    #[test]
    fn both_formats_hold_the_same_planes() {
        assert_eq!(planes(&made(PixelFormat::I420, 0)), planes(&made(PixelFormat::Nv12, 0)));
        let grey = frame(Size::new(4, 4), PixelFormat::Nv12, Colour::PROGRAMME, |plane, _, _| if plane == 0 { 235 } else { 128 });
        assert_eq!(rgb(&grey), Some(vec![255; 48]));
        assert_eq!(mean_luma(&grey), Some(235.0));
    }
}
