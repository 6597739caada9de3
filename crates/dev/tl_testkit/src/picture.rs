//! Pictures made up, compared, and held against golden ones.

use std::path::Path;
use std::sync::Arc;

use tl_base::{MediaTime, Size, SlotId};
use tl_frame::{Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};

/// Set to bless what the software driver draws now; a person looks at each changed picture.
pub const BLESS: &str = "TOUCHLINE_BLESS";

/// How far two pictures differ, in code values over all planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Largest.
    pub max: u8,
    /// Mean.
    pub mean: f64,
}

/// A picture in `colour` whose sample of plane `0..3` at a column and row is what `sample` says.
pub fn frame(size: Size, format: PixelFormat, colour: Colour, sample: impl Fn(usize, u32, u32) -> u8) -> Frame {
    let mut planes = VecPlanes::new(format, size);
    let (half_w, half_h) = (size.width.div_ceil(2), size.height.div_ceil(2));
    let mut plane = |index: usize, step: usize, first: usize, of: usize, width: u32, height: u32| {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        for (out, (x, y)) in planes.plane_mut(index).iter_mut().skip(first).step_by(step).zip(places) {
            *out = sample(of, x, y);
        }
    };
    plane(0, 1, 0, 0, size.width, size.height);
    match format {
        PixelFormat::I420 => {
            plane(1, 1, 0, 1, half_w, half_h);
            plane(2, 1, 0, 2, half_w, half_h);
        }
        PixelFormat::Nv12 => {
            plane(1, 2, 0, 1, half_w, half_h);
            plane(1, 2, 1, 2, half_w, half_h);
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

/// Y, U and V of a picture, row after row without gaps; empty when it does not lie in memory.
pub fn samples(frame: &Frame) -> [Vec<u8>; 3] {
    let Memory::Cpu(planes) = &frame.memory else { return Default::default() };
    let rows = |index: usize| planes.plane(index).map(|plane| (0..plane.layout.height).flat_map(|y| plane.row(y).to_vec()).collect::<Vec<u8>>()).unwrap_or_default();
    match frame.format {
        PixelFormat::I420 => [rows(0), rows(1), rows(2)],
        PixelFormat::Nv12 => {
            let pairs = rows(1);
            [rows(0), pairs.iter().step_by(2).copied().collect(), pairs.iter().skip(1).step_by(2).copied().collect()]
        }
    }
}

/// Compares two pictures of one size; other sizes differ by 255.
pub fn compare(found: &Frame, wanted: &Frame) -> Difference {
    compare_bytes(&samples(found).concat(), &samples(wanted).concat())
}

fn compare_bytes(found: &[u8], wanted: &[u8]) -> Difference {
    if found.len() != wanted.len() || found.is_empty() {
        return Difference { max: 255, mean: 255.0 };
    }
    let distances = found.iter().zip(wanted).map(|(found, wanted)| found.abs_diff(*wanted));
    Difference { max: distances.clone().max().unwrap_or(0), mean: distances.map(f64::from).sum::<f64>() / found.len() as f64 }
}

/// Holds a picture against a golden one, `path`: a PGM with Y, and below it U and V side by side. Rounding may differ between drivers by
/// `max`; a mean beyond a fifth of that is no rounding. With [`BLESS`] set, the file is written anew.
pub fn check_golden(path: &Path, found: &Frame, max: u8) -> Result<(), String> {
    let bytes = pgm(found);
    if std::env::var_os(BLESS).is_some() {
        return std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()));
    }
    let wanted = std::fs::read(path).map_err(|error| format!("{}: {error}; set {BLESS}=1 to write it", path.display()))?;
    let difference = compare_bytes(&bytes, &wanted);
    if difference.max <= max && difference.mean <= f64::from(max) / 5.0 {
        return Ok(());
    }
    let beside = path.with_extension("found.pgm");
    std::fs::write(&beside, bytes).map_err(|error| format!("{}: {error}", beside.display()))?;
    Err(format!("differs by {} at most and {:.3} in the mean; see {}", difference.max, difference.mean, beside.display()))
}

fn pgm(frame: &Frame) -> Vec<u8> {
    let [y, u, v] = samples(frame);
    let (width, half) = (frame.size.width as usize, frame.size.width as usize / 2);
    let rows = frame.size.height as usize + frame.size.height as usize / 2;
    let mut out = format!("P5\n{width} {rows}\n255\n").into_bytes();
    out.extend_from_slice(&y);
    for (u, v) in u.chunks(half).zip(v.chunks(half)) {
        out.extend_from_slice(u);
        out.extend_from_slice(v);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_hold_the_same_samples() {
        let sample = |plane: usize, x: u32, y: u32| (plane as u32 * 50 + x * 3 + y) as u8;
        let make = |format| frame(Size::new(8, 6), format, Colour::PROGRAMME, sample);
        assert_eq!(compare(&make(PixelFormat::I420), &make(PixelFormat::Nv12)), Difference { max: 0, mean: 0.0 });
        let other = frame(Size::new(8, 6), PixelFormat::I420, Colour::PROGRAMME, |plane, x, y| sample(plane, x, y).wrapping_add(u8::from(plane == 2) * 3));
        assert_eq!(compare(&make(PixelFormat::I420), &other).max, 3);
    }
}
