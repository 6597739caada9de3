//! A sound card with a clock of its own, and a studio that asks for one tick after the other.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod studio;

use std::sync::Arc;

use tl_base::{MediaTime, SlotId, SourceId};
use tl_frame::AudioBlock;
use tl_sound::{Config, Meters, Mixer, Processing};

/// Frames of one tick at 30 pictures a second.
pub const TICK: usize = 1_600;

/// Sends what `wave` says at each capture time, by a clock that is `drift_ppm` slow.
pub struct Card<W> {
    pub source: SourceId,
    pub wave: W,
    /// Its seconds are longer than the studio's by this.
    pub drift_ppm: f64,
    /// Added to every stamp from now on.
    pub stamp_offset: MediaTime,
    /// Blocks sent.
    pub block: i64,
    pub frames: usize,
    pub rate_hz: u32,
}

impl<W: Fn(f64) -> f32> Card<W> {
    pub fn new(source: u16, drift_ppm: f64, wave: W) -> Self {
        Self { source: SlotId(source), wave, drift_ppm, stamp_offset: MediaTime::ZERO, block: 0, frames: 960, rate_hz: 48_000 }
    }

    /// Capture time of sample `n`, seconds.
    fn time_of(&self, n: i64) -> f64 {
        n as f64 / f64::from(self.rate_hz) * (1.0 + self.drift_ppm * 1e-6)
    }

    /// The next block.
    pub fn next(&mut self) -> AudioBlock {
        let first = self.block * self.frames as i64;
        self.block += 1;
        let samples: Arc<[f32]> = (first..first + self.frames as i64).map(|n| (self.wave)(self.time_of(n))).collect();
        AudioBlock {
            source: self.source,
            capture: MediaTime::from_secs_f64(self.time_of(first)) + self.stamp_offset,
            rate_hz: self.rate_hz,
            channels: 1,
            samples,
        }
    }

    /// Pushes blocks until all up to `until` seconds was sent.
    pub fn send_until(&mut self, mixer: &mut Mixer, until: f64) {
        while self.time_of(self.block * self.frames as i64) < until {
            mixer.push(self.next());
        }
    }
}

/// A stereo mixer that leaves levels alone.
pub fn mixer() -> Mixer {
    let processing = Processing { riding: false, ..Processing::default() };
    Mixer::new(Config { processing, ..Config::default() }).expect("a stereo mixer")
}

/// Mixes tick `tick`, which starts 100 ms behind the epoch's.
pub fn mix_tick(mixer: &mut Mixer, tick: i64) -> (Vec<f32>, Meters) {
    mixer.mix(MediaTime::from_samples(tick * TICK as i64), TICK)
}

/// A tone of `hz` at `level`.
pub fn tone(hz: f64, level: f32) -> impl Fn(f64) -> f32 + Copy {
    move |t| (t * hz * std::f64::consts::TAU).sin() as f32 * level
}

/// Largest step from one left sample to the next.
pub fn largest_step(samples: &[f32]) -> f32 {
    let left: Vec<f32> = samples.iter().step_by(2).copied().collect();
    left.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

/// Largest step of a tone.
pub fn slope(hz: f64, level: f32) -> f32 {
    (hz * std::f64::consts::TAU / 48_000.0) as f32 * level
}
