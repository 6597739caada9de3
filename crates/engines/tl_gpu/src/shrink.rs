//! Planes made smaller by a whole factor while they are copied for the device: a tile needs a fraction of a camera's samples, and
//! what is not handed over costs nothing.

use tl_base::Size;
use tl_frame::Frame;

use crate::layout;
use crate::plan::PxRect;

/// The largest factor: 16 by 16 samples of 8 bits still add up in 16.
const LARGEST: u32 = 16;

/// The smallest factor that brings a stored picture of `stored` pixels within `within`.
pub(crate) fn factor(stored: Size, within: Size) -> u32 {
    let side = |stored: u32, within: u32| stored.div_ceil(within.max(1));
    side(stored.width, within.width).max(side(stored.height, within.height)).clamp(1, LARGEST)
}

/// Sides of the smaller luma plane; chroma has half of each, rounded up. What is no whole square is left out.
pub(crate) fn size(stored: Size, factor: u32) -> Size {
    Size::new((stored.width / factor).max(1), (stored.height / factor).max(1))
}

/// Memory that is used again from picture to picture.
#[derive(Default)]
pub(crate) struct Scratch {
    /// By plane: interleaved chroma comes row by row in turns.
    sums: [Vec<u16>; 3],
    row: Vec<u8>,
    out: Vec<u8>,
}

/// Gives each row of the smaller planes of a whole frame to `write(plane, row, samples)`: each sample is the mean of `factor` by
/// `factor`. Samples beyond the last whole square are left out, where a row of chroma lacks them the last one stands in.
pub(crate) fn for_rows(frame: &Frame, factor: u32, scratch: &mut Scratch, mut write: impl FnMut(usize, usize, &[u8])) {
    let Scratch { sums, row: plain_row, out } = scratch;
    let small = size(frame.size, factor);
    let step = factor as usize;
    let squares = factor * factor;
    // Multiplied by this and shifted by 16, a sum becomes its mean, rounded.
    let share = 65_536_u32.div_ceil(squares);
    layout::for_rows(frame, PxRect::new(0, 0, frame.size.width, frame.size.height), |plane, row, samples| {
        let divisor = if plane == 0 { 1 } else { 2 };
        let (width, height) = (small.width.div_ceil(divisor) as usize, small.height.div_ceil(divisor) as usize);
        if row / step >= height {
            return;
        }
        let samples = match samples.plain() {
            Some(plain) => plain,
            None => {
                plain_row.resize((frame.size.width as usize).div_ceil(divisor as usize), 0);
                samples.copy_to(plain_row);
                &*plain_row
            }
        };
        if factor == 1 {
            write(plane, row, samples.get(..width).unwrap_or(samples));
            return;
        }
        let Some(sums) = sums.get_mut(plane) else { return };
        if row % step == 0 {
            sums.clear();
            sums.resize(width, 0);
        }
        // Rows that are missing below the last one are as it is.
        let last = row + 1 == frame.size.height.div_ceil(divisor) as usize;
        let times = if last { step - row % step } else { 1 };
        (0..times).for_each(|_| match factor {
            2 => add::<2>(sums, samples),
            3 => add::<3>(sums, samples),
            4 => add::<4>(sums, samples),
            5 => add::<5>(sums, samples),
            6 => add::<6>(sums, samples),
            8 => add::<8>(sums, samples),
            _ => add_any(sums, samples, step),
        });
        if last || row % step == step - 1 {
            let half = squares / 2;
            out.clear();
            out.extend(sums.iter().map(|sum| ((u32::from(*sum) + half).wrapping_mul(share) >> 16).min(255) as u8));
            write(plane, row / step, out);
        }
    });
}

/// Adds each `N` neighbouring samples to their sum.
fn add<const N: usize>(sums: &mut [u16], samples: &[u8]) {
    let (groups, rest) = samples.as_chunks::<N>();
    for (sum, group) in sums.iter_mut().zip(groups) {
        *sum += group.iter().map(|sample| u16::from(*sample)).sum::<u16>();
    }
    add_rest(sums, groups.len(), rest, N);
}

/// The same for factors that are seldom needed.
fn add_any(sums: &mut [u16], samples: &[u8], step: usize) {
    let groups = samples.chunks_exact(step);
    let (count, rest) = (groups.len(), groups.remainder());
    for (sum, group) in sums.iter_mut().zip(groups) {
        *sum += group.iter().map(|sample| u16::from(*sample)).sum::<u16>();
    }
    add_rest(sums, count, rest, step);
}

/// A part of a group at the right edge of chroma counts as if it were whole.
fn add_rest(sums: &mut [u16], at: usize, rest: &[u8], step: usize) {
    if let (Some(sum), Some(last)) = (sums.get_mut(at), rest.last()) {
        *sum += u16::from(*last) * step as u16;
    }
}

#[cfg(test)]
mod tests {
    use tl_frame::{Colour, PixelFormat};
    use tl_testkit::picture::frame;

    use super::*;

    fn shrunk(stored: Size, format: PixelFormat, factor: u32, sample: impl Fn(usize, u32, u32) -> u8) -> [Vec<Vec<u8>>; 3] {
        let picture = frame(stored, format, Colour::PROGRAMME, sample);
        let mut planes: [Vec<Vec<u8>>; 3] = Default::default();
        for_rows(&picture, factor, &mut Scratch::default(), |plane, row, samples| {
            assert_eq!(planes[plane].len(), row);
            planes[plane].push(samples.to_vec());
        });
        planes
    }

    #[test]
    fn a_picture_comes_within() {
        let check = |stored: (u32, u32), tile: (u32, u32), expect: u32| {
            assert_eq!(factor(Size::new(stored.0, stored.1), Size::new(tile.0, tile.1)), expect, "{stored:?} for {tile:?}");
        };
        check((1_280, 720), (640, 360), 2);
        check((1_280, 720), (512, 288), 3);
        check((1_280, 720), (320, 180), 4);
        check((1_280, 720), (256, 144), 5);
        check((1_920, 1_080), (480, 270), 4);
        check((3_840, 2_160), (480, 270), 8);
        check((7_680, 4_320), (64, 36), 16);
        check((320, 180), (480, 270), 1);
        check((720, 1_280), (320, 180), 8);
    }

    #[test]
    fn samples_are_means_in_either_format() {
        for format in [PixelFormat::I420, PixelFormat::Nv12] {
            for factor in [2, 3, 4, 5, 6, 7, 8, 16] {
                // A ramp along x: the mean of N neighbours from x * N on.
                let planes = shrunk(Size::new(64, 32), format, factor, |_, x, _| x as u8);
                let mean = |x: usize| (x * factor as usize) as f32 + (factor as f32 - 1.0) / 2.0;
                for (plane, divisor) in [(0, 1), (1, 2), (2, 2)] {
                    assert_eq!(
                        (planes[plane].len(), planes[plane][0].len()),
                        ((32 / factor as usize).div_ceil(divisor), (64 / factor as usize).div_ceil(divisor))
                    );
                    for row in &planes[plane] {
                        assert!(row.iter().enumerate().all(|(x, sample)| (f32::from(*sample) - mean(x)).abs() <= 0.6), "{format:?} {factor} {plane} {row:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn odd_sides_lose_no_more_than_a_half_square() {
        let planes = shrunk(Size::new(35, 19), PixelFormat::I420, 2, |plane, _, _| [200, 90, 40][plane]);
        assert_eq!([planes[0].len(), planes[1].len(), planes[0][0].len(), planes[1][0].len()], [9, 5, 17, 9]);
        for (plane, value) in [(0, 200), (1, 90), (2, 40)] {
            assert!(planes[plane].iter().flatten().all(|sample| *sample == value), "{:?}", planes[plane]);
        }
    }

    #[test]
    fn a_picture_of_its_own_size_stays_as_it_is() {
        let planes = shrunk(Size::new(6, 4), PixelFormat::Nv12, 1, |plane, x, y| plane as u8 * 100 + (y * 10 + x) as u8);
        assert_eq!(planes[0][1], [10, 11, 12, 13, 14, 15]);
        assert_eq!(planes[2][1], [210, 211, 212]);
    }
}
