//! Whether somebody speaks into a microphone.
//!
//! The level is an envelope of the mean square behind a high-pass. It opens above the tracked noise floor and near the tracked
//! level of speech, and closes 4 dB lower, 300 ms later: neither the room nor a breath opens it.

use crate::Stereo;
use crate::biquad::Biquad;

/// Frames between two decisions: 1 ms.
pub(crate) const STEP_FRAMES: usize = 48;
/// Rumble and handling noise end here, Hz.
const HIGH_PASS_HZ: f32 = 150.0;
/// The envelope rises within a syllable's onset, and falls between words, ms.
const RISE_MS: f32 = 8.0;
const FALL_MS: f32 = 40.0;
/// Over the noise floor, dB.
const OVER_FLOOR_DB: f32 = 13.0;
/// Below speech, dB: breaths are 20 dB below, weak syllables less.
const UNDER_SPEECH_DB: f32 = 15.0;
/// Nothing quieter is a voice, dBFS.
const FAINTEST_DB: f32 = -45.0;
/// Between opening and closing, dB.
const HYSTERESIS_DB: f32 = 4.0;
/// To open, so many windows in a row must each hold a loud ms: a click is over within two, and a deep voice has a pulse in each.
const WINDOW_MS: u32 = 10;
const LOUD_WINDOWS: u32 = 3;
/// So long does it stay open behind the last sound, ms.
const HOLD_MS: u32 = 300;
/// The floor rises at this pace, dB a ms: pauses between words let it fall again, a hum has none.
const FLOOR_RISE: f32 = 0.003;
/// The floor falls within this, ms.
const FLOOR_FALL_MS: f32 = 60.0;
/// Level of speech: rises within a word, falls within sentences, and is forgotten in silence.
const SPEECH_RISE_MS: f32 = 200.0;
const SPEECH_FALL_MS: f32 = 5_000.0;
const SPEECH_FORGET: f32 = 0.000_2;
/// What is assumed before anything was heard, dBFS: at this floor the first word opens it and a hiss does not.
const FIRST_FLOOR_DB: f32 = -48.0;
const FAINTEST_SPEECH_DB: f32 = -32.0;

/// Listens to one microphone.
#[derive(Debug)]
pub(crate) struct Detector {
    high_pass: [Biquad; 2],
    sum: f32,
    count: usize,
    power: f32,
    floor_db: f32,
    speech_db: f32,
    /// The window that has begun: its ms, and whether one was loud; and the loud windows in a row before it.
    window_ms: u32,
    window_loud: bool,
    loud_windows: u32,
    hold_ms: u32,
}

impl Detector {
    pub(crate) fn new() -> Self {
        Self {
            high_pass: [Biquad::high_pass(HIGH_PASS_HZ, 48_000.0); 2],
            sum: 0.0,
            count: 0,
            power: 0.0,
            floor_db: FIRST_FLOOR_DB,
            speech_db: FAINTEST_SPEECH_DB,
            window_ms: 0,
            window_loud: false,
            loud_windows: 0,
            hold_ms: 0,
        }
    }

    /// Takes a frame; at the end of each ms it says whether somebody speaks, or spoke within the hold.
    pub(crate) fn note(&mut self, frame: Stereo) -> Option<bool> {
        for (value, filter) in frame.iter().zip(&mut self.high_pass) {
            let value = filter.pass(*value);
            self.sum += value * value;
        }
        self.count += 1;
        if self.count < STEP_FRAMES {
            return None;
        }
        let power = self.sum / (2 * STEP_FRAMES) as f32;
        self.sum = 0.0;
        self.count = 0;
        Some(self.decide(power))
    }

    /// Mean square of the envelope, of one channel.
    pub(crate) fn power(&self) -> f32 {
        self.power
    }

    /// Whether the last sound was within the hold but is over.
    pub(crate) fn holds(&self) -> bool {
        self.hold_ms < HOLD_MS
    }

    fn decide(&mut self, power: f32) -> bool {
        let within = if power > self.power { RISE_MS } else { FALL_MS };
        self.power += (power - self.power) / within;
        let level_db = 10.0 * self.power.max(1e-12).log10();
        let open = self.hold_ms > 0;
        self.follow(level_db, open);
        let opens_at = (self.floor_db + OVER_FLOOR_DB).max(self.speech_db - UNDER_SPEECH_DB).max(FAINTEST_DB);
        let loud = 10.0 * power.max(1e-12).log10() > opens_at;
        if self.is_steady(loud) || (open && level_db > opens_at - HYSTERESIS_DB) {
            self.hold_ms = HOLD_MS;
        } else {
            self.hold_ms = self.hold_ms.saturating_sub(1);
        }
        self.hold_ms > 0
    }

    /// Whether it was loud for long enough to open.
    fn is_steady(&mut self, loud: bool) -> bool {
        self.window_loud |= loud;
        self.window_ms += 1;
        if self.window_ms == WINDOW_MS {
            self.loud_windows = if self.window_loud { (self.loud_windows + 1).min(LOUD_WINDOWS) } else { 0 };
            self.window_ms = 0;
            self.window_loud = false;
        }
        self.loud_windows == LOUD_WINDOWS
    }

    /// Tracks the floor and the speech.
    fn follow(&mut self, level_db: f32, open: bool) {
        if level_db < self.floor_db {
            self.floor_db += (level_db.max(-90.0) - self.floor_db) / FLOOR_FALL_MS;
        } else {
            self.floor_db = (self.floor_db + FLOOR_RISE).min(level_db);
        }
        if open && level_db > self.speech_db {
            self.speech_db += (level_db - self.speech_db) / SPEECH_RISE_MS;
        } else if open {
            self.speech_db += (level_db - self.speech_db) / SPEECH_FALL_MS;
        } else {
            self.speech_db -= SPEECH_FORGET;
        }
        self.speech_db = self.speech_db.max(FAINTEST_SPEECH_DB);
    }
}
