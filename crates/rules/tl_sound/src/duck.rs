//! Lets everything else step back while the commentator speaks.
//!
//! The depth is what is missing to the loudness difference asked for: listeners want commentary 15 LU over a crowd (AES listening
//! test quoted by EBU; `Processing::ducking_lu`). It follows the bed within 100 ms when that grows.

use crate::level::gain_of;
use crate::loudness::{Loudness, SILENCE_LUFS, lufs_of};
use crate::voice::{Detector, STEP_FRAMES};
use crate::{Error, Stereo};

/// Deepest that the bed is taken down, dB.
const MOST_DB: f32 = 30.0;
/// More than was asked for, so that measuring behind the event does not fall short of it.
const MARGIN_LU: f32 = 1.5;
/// Steps of 1 ms in which the whole depth is reached.
const ATTACK_STEPS: f32 = 40.0;
/// Steps of 1 ms in which the bed comes back, evenly in dB.
const RELEASE_STEPS: f32 = 500.0;
/// How fast the depth gets less while the voice goes on, dB a ms.
const EASE_DB: f32 = 0.01;
/// Time over which the voice's loudness is averaged, steps of 100 ms.
const VOICE_STEPS: f64 = 50.0;
/// Steps of 100 ms until the loudness of the voice is believed rather than guessed from its envelope.
const KNOWN_STEPS: f64 = 5.0;
/// Loudness of a mean square that is the same in both channels: +3.01 - 0.691 (BS.1770-4), and what a syllable is over its word.
const GUESS_DB: f32 = 2.3 - 2.0;
/// Relative gate, LU: pauses between words are not voice.
const GATE_LU: f32 = 10.0;

/// The side chain.
pub(crate) struct Ducker {
    detector: Detector,
    voice: Loudness,
    bed: Loudness,
    asked_lu: f32,
    /// Mean energy of the voice while it spoke, and of how many steps.
    voice_energy: f64,
    voice_steps: f64,
    /// Mean power of the envelope since the voice began, and of how many ms.
    guess: f32,
    guess_steps: f32,
    spoken_ms: u32,
    depth_db: f32,
    /// Depth from which the bed comes back.
    release_db: f32,
    down_db: f32,
    gain: f32,
    step: f32,
    deepest_db: f32,
}

impl Ducker {
    pub(crate) fn new(asked_lu: f32) -> Result<Self, Error> {
        Ok(Self {
            detector: Detector::new(),
            voice: Loudness::new()?,
            bed: Loudness::new()?,
            asked_lu,
            voice_energy: 0.0,
            voice_steps: 0.0,
            guess: 0.0,
            guess_steps: 0.0,
            spoken_ms: 0,
            depth_db: 0.0,
            release_db: 0.0,
            down_db: 0.0,
            gain: 1.0,
            step: 0.0,
            deepest_db: 0.0,
        })
    }

    /// Sets the loudness difference, LU.
    pub(crate) fn set(&mut self, asked_lu: f32) {
        self.asked_lu = asked_lu;
    }

    /// Whether the bed is where it was.
    pub(crate) fn rests(&self) -> bool {
        self.down_db == 0.0 && self.gain > 0.999_9
    }

    /// Deepest since the last call, dB, not negative.
    pub(crate) fn deepest_db(&mut self) -> f32 {
        std::mem::replace(&mut self.deepest_db, self.down_db)
    }

    /// Gains of the bed while `voice` is what the commentator says; both as long as each other.
    pub(crate) fn gains(&mut self, bed: &[Stereo], voice: &[Stereo], gains: &mut Vec<f32>) {
        gains.clear();
        self.bed.note(bed);
        for _ in 0..self.voice.note(voice) {
            self.learn();
        }
        for frame in voice {
            if let Some(speaks) = self.detector.note(*frame) {
                self.move_on(speaks);
            }
            self.gain = (self.gain + self.step).clamp(0.0, 1.0);
            gains.push(self.gain);
        }
    }

    /// Learns how loud the voice is, each 100 ms.
    fn learn(&mut self) {
        let energy = self.voice.momentary();
        // The window must hold the voice alone.
        if self.spoken_ms < 400 || energy < self.voice_energy * f64::from(10.0_f32.powf(-GATE_LU / 10.0)) {
            return;
        }
        self.voice_steps += 1.0;
        self.voice_energy += (energy - self.voice_energy) / self.voice_steps.min(VOICE_STEPS);
    }

    /// One ms.
    fn move_on(&mut self, speaks: bool) {
        if speaks {
            self.spoken_ms = self.spoken_ms.saturating_add(1);
            if !self.detector.holds() && self.voice_steps < KNOWN_STEPS {
                self.guess_steps += 1.0;
                self.guess += (self.detector.power() - self.guess) / self.guess_steps;
            }
            let wanted = self.wanted_db();
            self.depth_db = if wanted > self.depth_db || self.down_db < self.depth_db { wanted } else { (self.depth_db - EASE_DB).max(wanted) };
            let pace = self.depth_db.max(6.0) / ATTACK_STEPS;
            self.down_db += (self.depth_db - self.down_db).clamp(-EASE_DB, pace);
            self.release_db = self.down_db;
        } else {
            self.spoken_ms = 0;
            self.depth_db = 0.0;
            self.down_db = (self.down_db - self.release_db.max(1.0) / RELEASE_STEPS).max(0.0);
        }
        self.deepest_db = self.deepest_db.max(self.down_db);
        let target = if self.down_db > 0.0 { gain_of(-self.down_db) } else { 1.0 };
        self.step = (target - self.gain) / STEP_FRAMES as f32;
    }

    /// Depth that gives the difference asked for, dB.
    fn wanted_db(&self) -> f32 {
        let bed = lufs_of(self.bed.step().max(self.bed.momentary()).max(self.bed.short_term()));
        if bed < SILENCE_LUFS {
            return 0.0;
        }
        let voice = if self.voice_steps < KNOWN_STEPS { 10.0 * self.guess.max(1e-7).log10() + GUESS_DB } else { lufs_of(self.voice_energy) };
        (self.asked_lu + MARGIN_LU - (voice - bed)).clamp(0.0, MOST_DB)
    }
}
