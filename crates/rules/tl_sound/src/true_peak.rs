//! The highest value that the wave takes between its samples.
//!
//! ITU-R BS.1770-4, annex 2: four-fold oversampling by a polyphase filter of 48 taps. The kernel is a sinc under a Hann window,
//! as in libebur128, whose every fourth tap is zero: the samples themselves pass unchanged, so three phases are computed.

use std::f64::consts::PI;

use crate::Stereo;

/// Taps of each phase: a peak seen at frame `n` lies between the frames `n - 6` and `n - 5`, and depends on `n - 11` to `n`.
pub(crate) const TAPS: usize = 12;
/// Points for each sample.
const FACTOR: usize = 4;
/// Frames whose three phases are computed side by side.
const LANES: usize = 16;

/// Measures true peaks of a stream of frames.
pub(crate) struct Interpolator {
    /// Phases 1 to 3, oldest sample first.
    kernels: [[f32; TAPS]; FACTOR - 1],
    /// Sum of a kernel's absolute taps, at most: how far a peak between samples can exceed them.
    most_gain: f32,
    /// Of each channel the last samples of the block before, then the block.
    lines: [Vec<f32>; 2],
}

impl Interpolator {
    pub(crate) fn new() -> Self {
        let mut kernels = [[0.0; TAPS]; FACTOR - 1];
        for (phase, kernel) in (1..).zip(&mut kernels) {
            for (age, tap) in (0..TAPS).rev().zip(kernel.iter_mut()) {
                *tap = tap_of(FACTOR * age + phase) as f32;
            }
        }
        let most_gain = kernels.iter().map(|kernel| kernel.iter().map(|tap| tap.abs()).sum::<f32>()).fold(1.0, f32::max);
        Self { kernels, most_gain, lines: [vec![0.0; TAPS - 1], vec![0.0; TAPS - 1]] }
    }

    /// The true peak of both channels at each frame, written to `peaks`. A block that can nowhere reach `matters` is not
    /// interpolated: its peaks are given as 0.
    pub(crate) fn peaks(&mut self, frames: &[Stereo], matters: f32, peaks: &mut Vec<f32>) {
        peaks.clear();
        peaks.resize(frames.len(), 0.0);
        for channel in [0, 1] {
            let Some(line) = self.lines.get_mut(channel) else { continue };
            line.extend(frames.iter().map(|frame| frame.get(channel).copied().unwrap_or(0.0)));
            let highest = line.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            if highest * self.most_gain >= matters {
                for (window, most) in line.windows(TAPS + LANES - 1).step_by(LANES).zip(peaks.chunks_mut(LANES)) {
                    phases(&self.kernels, window, most);
                }
                // What is left behind the last whole run of lanes.
                let done = peaks.len() / LANES * LANES;
                for (window, most) in line.windows(TAPS).skip(done).zip(peaks.iter_mut().skip(done)) {
                    phases(&self.kernels, window, std::slice::from_mut(most));
                }
            }
            line.drain(..line.len() - (TAPS - 1));
        }
    }
}

/// Raises `most` to the true peaks of the frames whose samples begin at the window's.
fn phases(kernels: &[[f32; TAPS]], window: &[f32], most: &mut [f32]) {
    for (value, most) in window.iter().skip(TAPS / 2 - 1).zip(most.iter_mut()) {
        *most = most.max(value.abs());
    }
    for kernel in kernels {
        let mut sums = [0.0_f32; LANES];
        for (tap, from) in kernel.iter().zip(0..) {
            for (sum, value) in sums.iter_mut().zip(window.get(from..).unwrap_or_default()) {
                *sum += tap * value;
            }
        }
        for (sum, most) in sums.iter().zip(most.iter_mut()) {
            *most = most.max(sum.abs());
        }
    }
}

/// Tap `index` of the 48.
fn tap_of(index: usize) -> f64 {
    let length = (TAPS * FACTOR) as f64;
    let window = 0.5 * (1.0 - (2.0 * PI * index as f64 / length).cos());
    let at = (index as f64 - length / 2.0) * PI / FACTOR as f64;
    if at.abs() < 1e-9 { window } else { window * at.sin() / at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: usize, wave: impl Fn(f64) -> f64, expect: f32) {
        let frames: Vec<Stereo> = (0..4_800).map(|n| [0.0, wave(f64::from(n)) as f32]).collect();
        let mut interpolator = Interpolator::new();
        let (mut peaks, mut most) = (Vec::new(), 0.0_f32);
        for block in frames.chunks(block) {
            interpolator.peaks(block, 0.0, &mut peaks);
            assert_eq!(peaks.len(), block.len());
            most = peaks.iter().copied().fold(most, f32::max);
        }
        assert!((20.0 * (most / expect).log10()).abs() < 0.2, "{most} instead of {expect}");
    }

    #[test]
    fn peaks_between_the_samples_are_seen() {
        // A quarter of the sample rate, 45 degrees off: every sample is at 0.707 of the peak.
        for block in [1, 7, 16, 1_000, 1_024] {
            check(block, |n| (n * PI / 2.0 + PI / 4.0).sin() * (n / 2_400.0).min(1.0), 1.0);
            check(block, |n| 0.5 * (n * 0.13).sin() * (n / 2_400.0).min(1.0), 0.5);
        }
    }

    #[test]
    fn a_quiet_block_is_not_interpolated_but_remembered() {
        let (mut interpolator, mut peaks) = (Interpolator::new(), Vec::new());
        interpolator.peaks(&[[0.1; 2]; 100], 0.9, &mut peaks);
        assert!(peaks.iter().all(|peak| *peak == 0.0));
        interpolator.peaks(&[[0.1; 2]; 100], 0.0, &mut peaks);
        assert!((peaks[50] - 0.1).abs() < 0.005 && peaks.iter().all(|peak| *peak < 0.11));
    }
}
