//! Which capture time belongs to which sample of a source.

use tl_base::MediaTime;

/// Time in which the line follows the stamps; long against their jitter, short against a quartz's wandering.
const FOLLOW_NANOS: f64 = 1e9;
/// No sound card is further off than this.
const DRIFT_LIMIT: f64 = 1e-3;
/// Deviations beyond this say nothing of the drift: somebody corrected the clock.
const DRIFT_CLAMP_NANOS: f64 = 2e6;
/// Beyond this the line moves fast; the ear is protected by the reader, not by the line.
const QUICK_NANOS: f64 = 4e6;

/// A line through the stamps of a source's blocks: capture = `at` + (sample - `index`) x `period_nanos`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    at: MediaTime,
    index: i64,
    /// Studio nanoseconds from one sample to the next.
    period_nanos: f64,
    nominal_nanos: f64,
    /// Blocks noted; the first ones count for more, because the very first stamp may be off.
    noted: u32,
}

impl Line {
    /// A line whose sample 0 was captured at `at`, with the drift that another line learnt.
    pub(crate) fn new(at: MediaTime, rate_hz: u32, learnt: Option<Line>) -> Self {
        let nominal_nanos = 1e9 / f64::from(rate_hz);
        let drift = learnt.map_or(0.0, Line::drift);
        Self { at, index: 0, period_nanos: nominal_nanos * (1.0 + drift), nominal_nanos, noted: 0 }
    }

    /// When sample `index` was captured.
    pub(crate) fn capture_of(&self, index: i64) -> MediaTime {
        self.at + MediaTime(((index - self.index) as f64 * self.period_nanos) as i64)
    }

    /// The sample, with its fraction, that was captured at `time`.
    pub(crate) fn index_of(&self, time: MediaTime) -> f64 {
        self.index as f64 + (time - self.at).0 as f64 / self.period_nanos
    }

    /// Studio nanoseconds from one sample to the next.
    pub(crate) fn period_nanos(&self) -> f64 {
        self.period_nanos
    }

    /// How much longer the source's second is than the studio's, as a share.
    pub(crate) fn drift(self) -> f64 {
        self.period_nanos / self.nominal_nanos - 1.0
    }

    /// Learns that sample `index`, the first of a block of `frames`, was captured at `capture`: a loop of second order.
    pub(crate) fn note(&mut self, index: i64, frames: usize, capture: MediaTime) {
        let predicted = self.capture_of(index);
        let off = (capture - predicted).0 as f64;
        let block_nanos = frames as f64 * self.nominal_nanos;
        let follow = (block_nanos / FOLLOW_NANOS).clamp(0.005, 0.25);
        self.noted = self.noted.saturating_add(1);
        let pull = if off.abs() > QUICK_NANOS { 0.3 } else { follow.max(1.0 / f64::from(self.noted.saturating_add(1))) };
        self.at = predicted + MediaTime((off * pull) as i64);
        self.index = index;
        let turn = follow * follow / 4.0 * off.clamp(-DRIFT_CLAMP_NANOS, DRIFT_CLAMP_NANOS) / frames.max(1) as f64;
        let limit = self.nominal_nanos * DRIFT_LIMIT;
        self.period_nanos = (self.period_nanos + turn).clamp(self.nominal_nanos - limit, self.nominal_nanos + limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_learnt_through_jitter() {
        let mut line = Line::new(MediaTime::ZERO, 48_000, None);
        for block in 1..3_000_i64 {
            let true_nanos = (block * 960) as f64 / 48_000.0 * 1e9 * (1.0 + 100e-6);
            let jitter = if block % 3 == 0 { 700_000.0 } else { -350_000.0 };
            line.note(block * 960, 960, MediaTime((true_nanos + jitter) as i64));
        }
        assert!((line.drift() - 100e-6).abs() < 40e-6, "{}", line.drift());
        let at = 3_000_i64 * 960;
        let off = line.capture_of(at) - MediaTime::from_secs_f64(60.0 * (1.0 + 100e-6));
        assert!(off.abs() < MediaTime::from_micros(500), "{off}");
        assert!((line.index_of(line.capture_of(at)) - at as f64).abs() < 0.01);
    }
}
