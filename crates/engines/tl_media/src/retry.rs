//! How long to wait before the next attempt.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The longest first wait.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Each bound over the one before.
const GROWTH: f64 = 1.5;
/// The longest wait of all.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// No attempt follows another faster.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// Full jitter: anything up to a bound that grows with each failure in a row, so that what died together does not return
/// together.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// It worked: the next failure starts from the shortest bound.
    pub(crate) fn note_success(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub(crate) fn next_wait(&mut self) -> Duration {
        self.wait(random())
    }

    /// The wait before one more attempt that probably fails, and that too many of may lock us out.
    pub(crate) fn longest_wait() -> Duration {
        LAST_WAIT
    }

    /// `random` is from 0 to 1.
    fn wait(&mut self, random: f64) -> Duration {
        let exponent = i32::try_from(self.failures.min(16)).unwrap_or(16);
        let bound = FIRST_WAIT.mul_f64(GROWTH.powi(exponent)).min(LAST_WAIT);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(random.clamp(0.0, 1.0)).max(LEAST_WAIT)
    }
}

/// From 0 to 1, different at each call.
fn random() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_anew_after_success() {
        let mut back_off = BackOff::default();
        let waits: Vec<u128> = (0..9).map(|_| back_off.wait(1.0).as_millis()).collect();
        assert_eq!(waits, [2_000, 3_000, 4_500, 6_750, 10_125, 15_187, 22_781, 30_000, 30_000]);
        back_off.note_success();
        assert_eq!(back_off.wait(0.5), Duration::from_secs(1));
        assert_eq!(back_off.wait(0.0), LEAST_WAIT);
    }
}
