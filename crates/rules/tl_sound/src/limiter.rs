//! Keeps true peaks below the ceiling by turning the gain down before they come.
//!
//! Each stage holds sound back by its look-ahead. The gain of a frame is a mean of minima over that time, so it is down when
//! the peak arrives, it stands still while the interpolator's kernel passes the peak, and it never has a corner. A gain that
//! moves bends the wave between the samples a little: what the first stage leaves, at most a few tenths of a decibel, the second
//! one takes.

use std::collections::VecDeque;

use crate::Stereo;
use crate::true_peak::{Interpolator, TAPS};

/// -1 dBFS: no sample exceeds it, and no true peak -1 dBTP.
pub const CEILING: f32 = 0.891_250_9;
/// The first stage aims at -1.1 dBTP.
const FIRST_AIM: f32 = 0.881_048_9;
/// The second one aims at -1.05 dBTP.
const SECOND_AIM: f32 = 0.886_135_2;
/// 5 ms, the first stage's look-ahead.
const FIRST_FRAMES: usize = 240;
/// 2 ms, the second one's.
const SECOND_FRAMES: usize = 96;
/// How long a frame stays within.
pub(crate) const LOOK_AHEAD_FRAMES: usize = delay_of(FIRST_FRAMES) + delay_of(SECOND_FRAMES);
/// Share of the missing gain that comes back with each frame: 80 ms.
const RELEASE: f32 = 1.0 / (0.080 * 48_000.0);

/// Frames by which a stage that smooths over `smooth` frames delays: the kernel must have passed as well.
const fn delay_of(smooth: usize) -> usize {
    smooth + TAPS - 2
}

/// The limiter; left and right are turned down together so that nothing wanders.
pub(crate) struct Limiter {
    first: Stage,
    second: Stage,
    deepest: f32,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self { first: Stage::new(FIRST_AIM, FIRST_FRAMES), second: Stage::new(SECOND_AIM, SECOND_FRAMES), deepest: 1.0 }
    }

    /// Replaces the frames by those from [`LOOK_AHEAD_FRAMES`] ago, limited.
    pub(crate) fn process(&mut self, frames: &mut [Stereo]) {
        let first = self.first.process(frames);
        let second = self.second.process(frames);
        self.deepest = self.deepest.min(first * second);
        // The clamp takes away what rounding may add, never more.
        for value in frames.as_flattened_mut() {
            *value = value.clamp(-CEILING, CEILING);
        }
    }

    /// Deepest reduction since the last call, dB, not negative.
    pub(crate) fn reduction_db(&mut self) -> f32 {
        let db = -20.0 * std::mem::replace(&mut self.deepest, 1.0).max(1e-6).log10();
        // The running mean of ones may be a hair below one.
        if db < 0.001 { 0.0 } else { db }
    }
}

struct Stage {
    aim: f32,
    smooth: usize,
    interpolator: Interpolator,
    peaks: Vec<f32>,
    held: VecDeque<Stereo>,
    /// Gains asked for within the window, falling from front to back: the front is the least. With the frame of each.
    least: VecDeque<(u64, f32)>,
    frame: u64,
    released: f32,
    gains: VecDeque<f32>,
    sum: f64,
    /// Frames since anything was turned down.
    resting: usize,
}

impl Stage {
    fn new(aim: f32, smooth: usize) -> Self {
        Self {
            aim,
            smooth,
            interpolator: Interpolator::new(),
            peaks: Vec::new(),
            held: vec![[0.0; 2]; delay_of(smooth)].into(),
            least: VecDeque::new(),
            frame: 0,
            released: 1.0,
            gains: vec![1.0; smooth].into(),
            sum: smooth as f64,
            resting: usize::MAX / 2,
        }
    }

    /// Delays and limits; gives the least gain.
    fn process(&mut self, frames: &mut [Stereo]) -> f32 {
        let mut peaks = std::mem::take(&mut self.peaks);
        self.interpolator.peaks(frames, self.aim, &mut peaks);
        let calm = self.resting > 2 * (self.smooth + TAPS) && peaks.iter().all(|peak| *peak <= self.aim);
        let mut lowest = 1.0_f32;
        for (frame, peak) in frames.iter_mut().zip(&peaks) {
            self.held.push_back(*frame);
            let gain = if calm { 1.0 } else { self.gain_after(*peak) };
            lowest = lowest.min(gain);
            *frame = self.held.pop_front().unwrap_or_default().map(|value| value * gain);
        }
        self.peaks = peaks;
        lowest
    }

    /// Takes the true peak of the newest frame and gives the gain of the oldest.
    fn gain_after(&mut self, peak: f32) -> f32 {
        let wanted = if peak > self.aim { self.aim / peak } else { 1.0 };
        // For as long as one of the frames behind the peak can still leave by a gain that was averaged with this one.
        let window = (self.smooth + TAPS - 2) as u64;
        while self.least.back().is_some_and(|(_, gain)| *gain >= wanted) {
            self.least.pop_back();
        }
        self.least.push_back((self.frame, wanted));
        while self.least.front().is_some_and(|(at, _)| *at + window < self.frame) {
            self.least.pop_front();
        }
        self.frame += 1;
        let least = self.least.front().map_or(1.0, |(_, gain)| *gain);
        self.released = least.min(self.released + (1.0 - self.released) * RELEASE);
        if self.released > 0.999_99 {
            self.released = 1.0;
        }
        self.resting = if self.released < 1.0 { 0 } else { self.resting.saturating_add(1) };
        self.sum += f64::from(self.released) - f64::from(self.gains.pop_front().unwrap_or(1.0));
        self.gains.push_back(self.released);
        (self.sum / self.smooth as f64).min(1.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes frames in blocks of an odd size.
    fn pass(limiter: &mut Limiter, frames: &[Stereo]) -> Vec<Stereo> {
        let mut out = frames.to_vec();
        out.chunks_mut(777).for_each(|block| limiter.process(block));
        out
    }

    #[test]
    fn nothing_exceeds_the_ceiling_and_quiet_sound_passes_unchanged() {
        let mut limiter = Limiter::new();
        let mut seed = 1_u64;
        let frames: Vec<Stereo> = (0..200_000_u32)
            .map(|n| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let noise = (seed >> 40) as f32 / 8_388_608.0 - 1.0;
                let loud = if (n / 10_000) % 2 == 1 { 6.0 } else { 0.3 };
                [noise * loud, -noise * loud * 0.5]
            })
            .collect();
        let out = pass(&mut limiter, &frames);
        assert!(out.iter().flatten().all(|value| value.abs() <= CEILING));
        // Up to where the first loud part is seen coming.
        for (got, was) in out.iter().skip(LOOK_AHEAD_FRAMES).zip(&frames).take(10_000 - 2 * LOOK_AHEAD_FRAMES) {
            assert!((got[0] - was[0]).abs() < 1e-5 && (got[1] - was[1]).abs() < 1e-5);
        }
        assert!(limiter.reduction_db() > 12.0);
    }

    #[test]
    fn a_lone_peak_bends_the_gain_smoothly() {
        let mut frames = vec![[0.5_f32; 2]; 8_000];
        frames[4_000] = [4.0; 2];
        let out = pass(&mut Limiter::new(), &frames);
        let peak = 4_000 + LOOK_AHEAD_FRAMES;
        for n in 2 * LOOK_AHEAD_FRAMES..out.len() {
            if n != peak && n != peak + 1 {
                assert!((out[n][0] - out[n - 1][0]).abs() < 0.005, "step {} at {n}", out[n][0] - out[n - 1][0]);
            }
        }
        assert!(out[peak][0] <= CEILING && out[peak][0] > 0.5);
    }
}
