//! Small JPEG pictures straight from the planes.

use tl_base::Size;
use tl_frame::{Frame, Matrix, Memory, PixelFormat, Plane, Range};

use crate::Error;

/// One component shrunk to the thumbnail's size.
type Component = Vec<u8>;

/// A JPEG (BT.601 full range, as the format wants it) that fits into `max` and keeps the picture's shape; `quality` 1-100.
/// Never larger than the picture itself; the rotation is not applied.
pub fn thumbnail_jpeg(frame: &Frame, max: Size, quality: u8) -> Result<Vec<u8>, Error> {
    let Memory::Cpu(planes) = &frame.memory else { return Err(Error::Unreadable) };
    let size = fit(frame.size, max).ok_or(Error::Unreadable)?;
    let luma = shrink(&planes.plane(0).ok_or(Error::Unreadable)?, 0, size);
    let chroma = planes.plane(1).ok_or(Error::Unreadable)?;
    let (cb, cr) = match frame.format {
        PixelFormat::I420 => (shrink(&chroma, 0, size), shrink(&planes.plane(2).ok_or(Error::Unreadable)?, 0, size)),
        PixelFormat::Nv12 => (shrink(&chroma, 0, size), shrink(&chroma, 1, size)),
    };
    let convert = Conversion::to_jpeg(frame.colour.matrix, frame.colour.range);
    let pixels: Vec<u8> = luma.iter().zip(&cb).zip(&cr).flat_map(|((y, cb), cr)| convert.apply(*y, *cb, *cr)).collect();
    let mut out = Vec::with_capacity(pixels.len() / 8);
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, quality.clamp(1, 100));
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
    let side = |side: u32| u16::try_from(side).map_err(|_| Error::Unreadable);
    encoder
        .encode(&pixels, side(size.width)?, side(size.height)?, jpeg_encoder::ColorType::Ycbcr)
        .map_err(|error| Error::Pipeline { what: "thumbnail", detail: error.to_string() })?;
    Ok(out)
}

/// The largest size with the picture's shape inside `max`.
fn fit(size: Size, max: Size) -> Option<Size> {
    if size.short_side() == 0 || max.short_side() == 0 {
        return None;
    }
    let share = (f64::from(max.width) / f64::from(size.width)).min(f64::from(max.height) / f64::from(size.height)).min(1.0);
    let side = |side: u32| ((f64::from(side) * share).round() as u32).max(1);
    Some(Size::new(side(size.width), side(size.height)))
}

/// The mean of the samples under each thumbnail pixel.
fn shrink(plane: &Plane<'_>, component: usize, size: Size) -> Component {
    let (width, height) = (size.width as usize, size.height as usize);
    let step = plane.layout.bytes_per_sample;
    // A span of source samples for each target pixel, at least one wide.
    let span = |at: usize, of: usize, from: usize| {
        let start = at * from / of;
        start..((at + 1) * from / of).max(start + 1)
    };
    let columns: Vec<_> = (0..width).map(|x| span(x, width, plane.layout.width)).collect();
    let mut out = Vec::with_capacity(width * height);
    for y in 0..height {
        let rows = span(y, height, plane.layout.height);
        let mut sums = vec![(0_u32, 0_u32); width];
        for row in rows.map(|row| plane.row(row)) {
            for (sum, columns) in sums.iter_mut().zip(&columns) {
                let bytes = row.get(columns.start * step..columns.end * step).unwrap_or_default();
                sum.0 += bytes.iter().skip(component).step_by(step).map(|byte| u32::from(*byte)).sum::<u32>();
                sum.1 += (bytes.len() / step) as u32;
            }
        }
        out.extend(sums.iter().map(|(sum, count)| (sum / (*count).max(1)) as u8));
    }
    out
}

/// Colour numbers as the picture means them to those that JPEG means, in 16.16 fixed point.
struct Conversion {
    luma_offset: i32,
    luma: [i32; 3],
    cb: [i32; 2],
    cr: [i32; 2],
}

impl Conversion {
    fn to_jpeg(matrix: Matrix, range: Range) -> Self {
        let (luma_offset, luma_gain, chroma_gain) = match range {
            Range::Full => (0, 1.0, 1.0),
            Range::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
        };
        // BT.709 to BT.601 on full-range differences; the identity where they already are BT.601.
        let (luma, cb, cr) = match matrix {
            Matrix::Bt601 => ([1.0, 0.0, 0.0], [1.0, 0.0], [0.0, 1.0]),
            Matrix::Bt709 => ([1.0, 0.101_579, 0.196_076], [0.989_854, -0.110_653], [-0.072_453, 0.983_398]),
        };
        let fixed = |value: f64| (value * 65_536.0).round() as i32;
        Self {
            luma_offset,
            luma: [fixed(luma[0] * luma_gain), fixed(luma[1] * chroma_gain), fixed(luma[2] * chroma_gain)],
            cb: cb.map(|value| fixed(value * chroma_gain)),
            cr: cr.map(|value| fixed(value * chroma_gain)),
        }
    }

    fn apply(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let (y, cb, cr) = (i32::from(y) - self.luma_offset, i32::from(cb) - 128, i32::from(cr) - 128);
        let [ly, lb, lr] = self.luma;
        let [bb, br] = self.cb;
        let [rb, rr] = self.cr;
        let byte = |value: i32, offset: i32| (((value + 32_768) >> 16) + offset).clamp(0, 255) as u8;
        [byte(ly * y + lb * cb + lr * cr, 0), byte(bb * cb + br * cr, 128), byte(rb * cb + rr * cr, 128)]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tl_base::{MediaTime, SlotId};
    use tl_frame::{Colour, Rotation, VecPlanes};

    use super::*;

    fn flat(format: PixelFormat, size: Size, ycc: [u8; 3]) -> Frame {
        let mut planes = VecPlanes::new(format, size);
        planes.plane_mut(0).fill(ycc[0]);
        match format {
            PixelFormat::I420 => {
                planes.plane_mut(1).fill(ycc[1]);
                planes.plane_mut(2).fill(ycc[2]);
            }
            PixelFormat::Nv12 => planes.plane_mut(1).as_chunks_mut::<2>().0.fill([ycc[1], ycc[2]]),
        }
        Frame {
            source: SlotId(1),
            seq: 0,
            format,
            colour: Colour::PROGRAMME,
            size,
            rotation: Rotation::None,
            capture: MediaTime::ZERO,
            arrival: MediaTime::ZERO,
            memory: Memory::Cpu(Arc::new(planes)),
        }
    }

    #[test]
    fn a_thumbnail_keeps_the_shape_and_never_grows() {
        assert_eq!(fit(Size::new(1280, 720), Size::new(416, 416)), Some(Size::new(416, 234)));
        assert_eq!(fit(Size::new(720, 1280), Size::new(416, 234)), Some(Size::new(132, 234)));
        assert_eq!(fit(Size::new(64, 64), Size::new(416, 234)), Some(Size::new(64, 64)));
        assert_eq!(fit(Size::new(0, 64), Size::new(416, 234)), None);
    }

    #[test]
    fn both_layouts_and_odd_sizes_become_a_jpeg() {
        for format in [PixelFormat::I420, PixelFormat::Nv12] {
            for size in [Size::new(1280, 720), Size::new(33, 17), Size::new(1, 1)] {
                let jpeg = thumbnail_jpeg(&flat(format, size, [120, 90, 200]), Size::new(416, 234), 80).expect("a JPEG");
                assert_eq!((jpeg.get(..2), jpeg.get(jpeg.len() - 2..)), (Some([0xff, 0xd8].as_slice()), Some([0xff, 0xd9].as_slice())));
            }
        }
    }

    #[test]
    fn programme_colours_become_jpeg_colours() {
        let convert = Conversion::to_jpeg(Matrix::Bt709, Range::Limited);
        assert_eq!(convert.apply(16, 128, 128), [0, 128, 128]);
        assert_eq!(convert.apply(235, 128, 128), [255, 128, 128]);
        // Pure red: (63, 102, 240) in BT.709 limited, (76, 85, 255) in JPEG's numbers.
        let [y, cb, cr] = convert.apply(63, 102, 240);
        assert!(y.abs_diff(76) <= 2 && cb.abs_diff(85) <= 2 && cr.abs_diff(255) <= 2, "{y} {cb} {cr}");
    }
}
