//! One source's clock against the studio's: offset, drift and how sure we are.
//!
//! Late input costs nothing but certainty, out-of-order samples are taken as they are, and without any sample nothing is
//! claimed. Pings (both ways) decide where there are any; without them the fastest one-way arrivals do ([`ArrivalClock`]), which
//! leaves the shortest transit time inside the offset.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::MediaTime;
use crate::arrival_clock::ArrivalClock;

/// Samples kept: at one a second about a minute, which is long against jitter and short against a quartz's wandering.
const CAPACITY: usize = 64;
/// How far off a phone's quartz is taken to be before anything is measured, one standard deviation.
const DRIFT_PRIOR: f64 = 60e-6;
/// What even the best sample may be off: scheduling on both ends.
const NOISE_NANOS: f64 = 200_000.0;
/// No phone's quartz is further off than this; more is a step and starts the estimate anew.
const DRIFT_LIMIT: f64 = 500e-6;
/// A sample this far outside its own uncertainty means that the remote clock was set.
const STEP: MediaTime = MediaTime::from_millis(250);
/// Consecutive such samples before the estimate starts anew.
const STEPS_BEFORE_RESET: u32 = 3;
/// What an offset from arrivals alone may be off at least: the shortest way is not known.
const ONE_WAY: MediaTime = MediaTime::from_millis(5);

/// What is known of a remote clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct ClockState {
    /// Remote minus studio, milliseconds, at the newest sample.
    pub offset_ms: f64,
    /// Parts per million that the remote clock runs fast.
    pub drift_ppm: f64,
    /// Half-width of what the offset may be off, milliseconds.
    pub uncertainty_ms: f64,
    /// Whether round trips decided it.
    pub two_way: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Studio time that belongs to `remote`.
    at: MediaTime,
    remote: i64,
    /// Half the round trip.
    error: MediaTime,
}

/// Estimates one remote clock. The remote clock counts nanoseconds from any epoch of its own.
#[derive(Clone, Debug)]
pub struct RemoteClock {
    pings: VecDeque<Sample>,
    arrivals: ArrivalClock,
    strays: u32,
    /// What the pings say.
    line: Option<Line>,
}

impl Default for RemoteClock {
    fn default() -> Self {
        Self { pings: VecDeque::new(), arrivals: ArrivalClock::new(ONE_WAY), strays: 0, line: None }
    }
}

/// Studio time = `at` + (remote - `remote`) / (1 + `drift`).
#[derive(Clone, Copy, Debug)]
struct Line {
    at: MediaTime,
    remote: i64,
    drift: f64,
    uncertainty: MediaTime,
}

impl Line {
    fn to_media(self, remote: i64) -> MediaTime {
        let since = remote.saturating_sub(self.remote) as f64;
        self.at + MediaTime((since / (1.0 + self.drift)) as i64)
    }
}

impl RemoteClock {
    /// A clock of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a round trip: asked at `sent`, the remote clock showed `remote` nanoseconds when it answered, heard at `received`.
    pub fn note_ping(&mut self, sent: MediaTime, remote: i64, received: MediaTime) {
        let trip = received - sent;
        if trip.0 < 0 {
            return;
        }
        let half = MediaTime(trip.0 / 2);
        self.take(Sample { at: sent + half, remote, error: half });
    }

    /// Notes that something stamped `remote` arrived at `arrival`.
    pub fn note_arrival(&mut self, remote: i64, arrival: MediaTime) {
        self.arrivals.note(remote, arrival);
    }

    /// The studio's time when the remote clock showed `remote`; none before the first sample.
    pub fn to_media(&self, remote: i64) -> Option<MediaTime> {
        self.line.map(|line| line.to_media(remote)).or_else(|| self.arrivals.to_media(remote))
    }

    /// What is known now.
    pub fn state(&self) -> Option<ClockState> {
        let pinged = self.line.map(|line| ClockState {
            offset_ms: line.remote.saturating_sub(line.at.0) as f64 / 1e6,
            drift_ppm: line.drift * 1e6,
            uncertainty_ms: line.uncertainty.as_millis_f64(),
            two_way: true,
        });
        pinged.or_else(|| self.arrivals.state())
    }

    fn take(&mut self, sample: Sample) {
        if let Some(line) = self.line {
            let off = (line.to_media(sample.remote) - sample.at).abs();
            if off > STEP + sample.error {
                self.strays += 1;
                if self.strays < STEPS_BEFORE_RESET {
                    return;
                }
                self.pings.clear();
            }
            self.strays = 0;
        }
        if self.pings.len() == CAPACITY {
            self.pings.pop_front();
        }
        self.pings.push_back(sample);
        self.line = fit(&self.pings);
    }
}

/// Weighted least squares: a sample counts by how close its error comes to the best one's, so that slow answers move little,
/// and drift is held near zero until the samples speak louder than [`DRIFT_PRIOR`].
fn fit(samples: &VecDeque<Sample>) -> Option<Line> {
    let newest = *samples.back()?;
    let best = samples.iter().map(|sample| sample.error.0).min()?;
    // Nanoseconds around the newest sample, so that the numbers stay small enough for f64.
    let points: Vec<(f64, f64, f64)> = samples
        .iter()
        .map(|sample| {
            let x = sample.remote.saturating_sub(newest.remote) as f64;
            let y = (sample.at - newest.at).0 as f64 - x;
            let spread = (sample.error.0 - best) as f64 + NOISE_NANOS;
            (x, y, 1.0 / (spread * spread))
        })
        .collect();
    let weight: f64 = points.iter().map(|(_, _, w)| w).sum();
    let mean_x = points.iter().map(|(x, _, w)| x * w).sum::<f64>() / weight;
    let mean_y = points.iter().map(|(_, y, w)| y * w).sum::<f64>() / weight;
    let over: f64 = points.iter().map(|(x, y, w)| w * (x - mean_x) * (y - mean_y)).sum();
    let under: f64 = points.iter().map(|(x, _, w)| w * (x - mean_x) * (x - mean_x)).sum::<f64>() + 1.0 / (DRIFT_PRIOR * DRIFT_PRIOR);
    let slope = (over / under).clamp(-DRIFT_LIMIT, DRIFT_LIMIT);
    let at_newest = newest.at + MediaTime((mean_y - slope * mean_x) as i64);
    Some(Line { at: at_newest, remote: newest.remote, drift: 1.0 / (1.0 + slope) - 1.0, uncertainty: MediaTime(best) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A remote clock with an offset and drift; pings every `every_ms` with delays from a small generator.
    fn estimate(offset_secs: f64, drift_ppm: f64, seconds: i64, jitter_ms: f64, seed: u64) -> f64 {
        let mut state = seed | 1;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let remote_at = |t: f64| ((t * (1.0 + drift_ppm * 1e-6) + offset_secs) * 1e9) as i64;
        let mut clock = RemoteClock::new();
        let mut worst: f64 = 0.0;
        // Five pings a second at the start, then one.
        let times = (0..15).map(|step| f64::from(step) * 0.2).chain((3..seconds).map(|second| second as f64));
        for t in times {
            let (out, back) = (0.001 + random().powi(3) * jitter_ms / 1e3, 0.001 + random().powi(3) * jitter_ms / 1e3);
            clock.note_ping(MediaTime::from_secs_f64(t), remote_at(t + out), MediaTime::from_secs_f64(t + out + back));
            if t > 3.0 {
                let asked = t + 0.5;
                let got = clock.to_media(remote_at(asked)).expect("a line").as_secs_f64();
                worst = worst.max((got - asked).abs() * 1e3);
            }
        }
        worst
    }

    #[test]
    fn offset_and_drift_are_found_through_jitter() {
        for seed in 1..20 {
            let worst = estimate(-4.9, 50.0, 300, 40.0, seed);
            assert!(worst < 5.0, "seed {seed}: {worst} ms off");
        }
        assert!(estimate(5.0, -50.0, 300, 0.0, 3) < 0.6);
    }

    #[test]
    fn a_clock_that_is_set_is_followed() {
        let mut clock = RemoteClock::new();
        for second in 0..30 {
            let t = MediaTime::from_secs(second);
            let jump = if second < 15 { 0 } else { 3_600_000_000_000 };
            clock.note_ping(t, t.0 + jump, t + MediaTime::from_millis(2));
        }
        let state = clock.state().expect("samples");
        assert!((state.offset_ms - 3_600_000.0).abs() < 5.0, "{state:?}");
    }

    #[test]
    fn arrivals_alone_give_an_offset_with_an_honest_width() {
        let mut clock = RemoteClock::new();
        for second in 0..20 {
            let t = MediaTime::from_secs(second);
            clock.note_arrival(t.0 + 7_000_000_000, t + MediaTime::from_millis(3 + second % 5));
        }
        let state = clock.state().expect("samples");
        assert!(!state.two_way && state.uncertainty_ms >= 5.0);
        let got = clock.to_media(30_000_000_000).expect("a line");
        assert!((got - MediaTime::from_secs(23)).abs() < MediaTime::from_millis(6), "{got}");
    }

    #[test]
    fn hostile_stamps_do_not_overflow() {
        let mut clock = RemoteClock::new();
        for remote in [i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN] {
            clock.note_ping(MediaTime(1), remote, MediaTime(5));
            clock.note_arrival(remote, MediaTime(5));
            assert!(clock.to_media(remote).is_some());
        }
    }
}
