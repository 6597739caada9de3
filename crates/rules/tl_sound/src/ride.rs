//! Leads the programme's loudness to its target, slowly: a hand on the master fader.
//!
//! The hand follows the mean energy of what counts for the integrated loudness. Blocks below the gates move nothing, so a quiet
//! break is not pumped up; only when it lasts for minutes does the relative gate come down to it.

use crate::level::gain_of;
use crate::loudness::{Loudness, STEP_FRAMES, energy_of, lufs_of};
use crate::{Error, Stereo};

/// Steps of 100 ms in a second.
const STEPS_PER_SEC: f32 = 10.0;
/// Fastest that the gain is led, dB a second.
const PACE_DB: f32 = 1.0;
/// Fastest that it goes back to 0 dB when riding is switched off, dB a second.
const LEAVE_DB: f32 = 6.0;
/// Furthest that the gain may go, dB.
const REACH_DB: f32 = 18.0;
/// A hall in which nobody speaks, LUFS: never raised.
const QUIET_LUFS: f32 = -50.0;
/// Relative gate of BS.1770-4, LU.
const GATE_LU: f32 = 10.0;
/// Time over which the programme's energy is averaged, steps: longer than a sentence, shorter than a play.
const MEAN_STEPS: f64 = 60.0;
/// Time over which the relative gate's level is averaged, steps.
const GATE_STEPS: f64 = 200.0;
/// How fast the relative gate comes down while nothing passes it, dB a second: 3 LU a minute.
const GATE_FALL_DB: f32 = 0.05;
/// Before anything was heard: a phone's microphone in a hall, LUFS.
const EXPECTED_LUFS: f32 = -24.0;
/// Furthest that what went wrong so far is made good, LU, and how fast: a minute.
const TRIM_LU: f32 = 1.5;
const TRIM_SECS: f32 = 60.0;

/// The riding gain.
pub(crate) struct Ride {
    before: Loudness,
    on: bool,
    target_lufs: f32,
    /// Mean energy of what passed the gates, and how many steps did.
    mean: f64,
    passed: f64,
    /// Level that the relative gate refers to.
    gate: f64,
    trim_lu: f32,
    gain_db: f32,
    gain: f32,
    step: f32,
    left: usize,
}

impl Ride {
    pub(crate) fn new(on: bool, target_lufs: f32) -> Result<Self, Error> {
        // The hand lies half way to where a hall usually wants it: less of the first minute is lost on the way, and a loud
        // microphone is not made louder by much.
        let gain_db = if on { ((target_lufs - EXPECTED_LUFS) / 2.0).clamp(-REACH_DB, REACH_DB) } else { 0.0 };
        Ok(Self {
            before: Loudness::new()?,
            on,
            target_lufs,
            mean: 0.0,
            passed: 0.0,
            gate: energy_of(EXPECTED_LUFS),
            trim_lu: 0.0,
            gain_db,
            gain: gain_of(gain_db),
            step: 0.0,
            left: 0,
        })
    }

    /// Switches it, or moves its target.
    pub(crate) fn set(&mut self, on: bool, target_lufs: f32) {
        if target_lufs != self.target_lufs {
            self.trim_lu = 0.0;
        }
        self.on = on;
        self.target_lufs = target_lufs;
    }

    /// Gain now, dB.
    pub(crate) fn gain_db(&self) -> f32 {
        self.gain_db
    }

    /// Measures frames of the mix and gives their gains; `integrated` is what has left so far, LUFS.
    pub(crate) fn gains(&mut self, mix: &[Stereo], integrated: Option<f32>, gains: &mut Vec<f32>) {
        gains.clear();
        gains.extend(mix.iter().map(|_| {
            if self.left > 0 {
                self.left -= 1;
                self.gain += self.step;
            }
            self.gain
        }));
        // Switched off and back at 0 dB there is nothing to learn.
        if !self.on && self.gain_db == 0.0 && self.left == 0 {
            self.gain = 1.0;
            return;
        }
        for _ in 0..self.before.note(mix) {
            self.lead(integrated);
        }
    }

    /// One step of 100 ms.
    fn lead(&mut self, integrated: Option<f32>) {
        let energy = self.before.momentary();
        if !self.on {
            self.go_towards(0.0, LEAVE_DB);
        } else if self.counts(energy) {
            self.passed += 1.0;
            self.mean += (energy - self.mean) / self.passed.min(MEAN_STEPS);
            if let Some(so_far) = integrated {
                let pull = (self.target_lufs - so_far) / (TRIM_SECS * STEPS_PER_SEC);
                self.trim_lu = (self.trim_lu + pull).clamp(-TRIM_LU, TRIM_LU);
            }
            let goal = self.target_lufs + self.trim_lu - lufs_of(self.mean);
            self.go_towards(goal.clamp(-REACH_DB, REACH_DB), PACE_DB);
        }
        let target = gain_of(self.gain_db);
        self.left = STEP_FRAMES;
        self.step = (target - self.gain) / STEP_FRAMES as f32;
    }

    /// Whether a block passes both gates; teaches the relative one.
    fn counts(&mut self, energy: f64) -> bool {
        let floor = 10.0_f64.powf(f64::from(-GATE_LU) / 10.0);
        if energy < energy_of(QUIET_LUFS) {
            return false;
        }
        if energy < self.gate * floor {
            self.gate *= 10.0_f64.powf(f64::from(-GATE_FALL_DB / STEPS_PER_SEC) / 10.0);
            return false;
        }
        self.gate += (energy - self.gate) / GATE_STEPS;
        true
    }

    fn go_towards(&mut self, goal_db: f32, pace_db: f32) {
        let most = pace_db / STEPS_PER_SEC;
        self.gain_db += (goal_db - self.gain_db).clamp(-most, most);
    }
}
