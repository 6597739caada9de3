//! Keeps peaks below the ceiling by turning the gain down before they come.
//!
//! It holds sound back by its look-ahead. The gain of each frame is the mean of minima over that time, so it is down when
//! the peak arrives and never has a corner.

use std::collections::VecDeque;

use crate::Stereo;

/// -1 dBFS.
pub const CEILING: f32 = 0.891_250_9;
/// 2.5 ms.
pub(crate) const LOOK_AHEAD_FRAMES: usize = 120;
/// Share of the missing gain that comes back with each frame: 80 ms.
const RELEASE: f32 = 1.0 / (0.080 * 48_000.0);

/// The limiter; left and right are turned down together so that nothing wanders.
pub(crate) struct Limiter {
    held: VecDeque<Stereo>,
    /// Gains asked for within the look-ahead, falling from front to back: the front is the least. With the frame of each.
    least: VecDeque<(u64, f32)>,
    frame: u64,
    released: f32,
    gains: VecDeque<f32>,
    sum: f64,
    deepest: f32,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self {
            held: [[0.0; 2]; LOOK_AHEAD_FRAMES].into(),
            least: VecDeque::new(),
            frame: 0,
            released: 1.0,
            gains: [1.0; LOOK_AHEAD_FRAMES + 1].into(),
            sum: (LOOK_AHEAD_FRAMES + 1) as f64,
            deepest: 1.0,
        }
    }

    /// Takes a frame and gives the one from a look-ahead ago.
    pub(crate) fn pass(&mut self, frame: Stereo) -> Stereo {
        let peak = frame[0].abs().max(frame[1].abs());
        let wanted = if peak > CEILING { CEILING / peak } else { 1.0 };
        while self.least.back().is_some_and(|(_, gain)| *gain >= wanted) {
            self.least.pop_back();
        }
        self.least.push_back((self.frame, wanted));
        while self.least.front().is_some_and(|(at, _)| *at + (LOOK_AHEAD_FRAMES as u64) < self.frame) {
            self.least.pop_front();
        }
        self.frame += 1;
        let least = self.least.front().map_or(1.0, |(_, gain)| *gain);
        self.released = least.min(self.released + (1.0 - self.released) * RELEASE);
        self.sum += f64::from(self.released) - f64::from(self.gains.pop_front().unwrap_or(1.0));
        self.gains.push_back(self.released);
        let gain = (self.sum / (LOOK_AHEAD_FRAMES + 1) as f64).min(1.0) as f32;
        self.deepest = self.deepest.min(gain);
        self.held.push_back(frame);
        // The clamp takes away what rounding may add, never more.
        self.held.pop_front().unwrap_or_default().map(|value| (value * gain).clamp(-CEILING, CEILING))
    }

    /// Deepest reduction since the last call, dB, not negative.
    pub(crate) fn reduction_db(&mut self) -> f32 {
        let db = -20.0 * std::mem::replace(&mut self.deepest, 1.0).max(1e-6).log10();
        // The running mean of ones may be a hair below one.
        if db < 0.001 { 0.0 } else { db }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_exceeds_the_ceiling_and_quiet_sound_passes_unchanged() {
        let mut limiter = Limiter::new();
        let mut seed = 1_u64;
        let mut given = VecDeque::from([[0.0_f32; 2]; LOOK_AHEAD_FRAMES]);
        for n in 0..200_000_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (seed >> 40) as f32 / 8_388_608.0 - 1.0;
            let loud = if (n / 10_000) % 2 == 1 { 6.0 } else { 0.8 };
            let frame = [noise * loud, -noise * loud * 0.5];
            given.push_back(frame);
            let (got, was) = (limiter.pass(frame), given.pop_front().expect("held"));
            assert!(got.iter().all(|value| value.abs() <= CEILING));
            if n < 10_000 {
                assert!((got[0] - was[0]).abs() < 1e-5 && (got[1] - was[1]).abs() < 1e-5);
            }
        }
        assert!(limiter.reduction_db() > 12.0);
    }

    #[test]
    fn a_lone_peak_bends_the_gain_smoothly() {
        let mut limiter = Limiter::new();
        let mut last = 0.5;
        for n in 0..4_000 {
            let value = if n == 2_000 { 4.0 } else { 0.5 };
            let got = limiter.pass([value; 2])[0];
            let peak_leaves = n == 2_000 + LOOK_AHEAD_FRAMES;
            if n > LOOK_AHEAD_FRAMES && !peak_leaves && n != 2_001 + LOOK_AHEAD_FRAMES {
                assert!((got - last).abs() < 0.005, "step {} at {n}", got - last);
            }
            if peak_leaves {
                assert!(got <= CEILING && got > 0.5);
            }
            last = got;
        }
    }
}
