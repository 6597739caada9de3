//! How long after the light a camera's own pictures are there, whatever the show's budget is.
//!
//! The budget moves so slowly that nobody notices; a camera that was just synchronised may lie hundreds of milliseconds outside it,
//! one with a slow network for ever. Such a camera is shown, and heard, by its own lag: later than the others, and evenly.

use std::sync::atomic::{AtomicI64, Ordering};

use tl_base::MediaTime;

/// Kept beyond the measured 99th percentile.
const MARGIN: MediaTime = MediaTime::from_millis(10);
/// It grows by at most this much a second: one picture in fifty is shown twice meanwhile.
const RISE_PER_SECOND: f64 = 0.020;
/// It shrinks by at most this much a second.
const FALL_PER_SECOND: f64 = 0.005;
/// Nothing is shown later than this after its light.
const MOST: MediaTime = MediaTime::from_secs(1);
const UNKNOWN: i64 = i64::MIN;

/// One camera's lag. Written by the control loop, read each tick.
#[derive(Debug)]
pub struct Lag(AtomicI64);

impl Default for Lag {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

impl Lag {
    /// How much later than `budget` the camera is shown.
    pub fn beyond(&self, budget: MediaTime) -> MediaTime {
        let own = self.0.load(Ordering::Relaxed);
        if own == UNKNOWN { MediaTime::ZERO } else { (MediaTime(own) - budget).max(MediaTime::ZERO) }
    }

    /// Follows what was `measured` (99th percentile from light to decoded) over `elapsed`.
    pub fn steer(&self, measured: Option<MediaTime>, elapsed: MediaTime) {
        let Some(measured) = measured else { return };
        let wanted = (measured + MARGIN).min(MOST);
        let own = self.0.load(Ordering::Relaxed);
        let reach = |per_second: f64| (per_second * elapsed.as_secs_f64() * 1e9) as i64;
        let moved = if own == UNKNOWN { wanted.0 } else { own + (wanted.0 - own).clamp(-reach(FALL_PER_SECOND), reach(RISE_PER_SECOND)) };
        self.0.store(moved, Ordering::Relaxed);
    }

    /// The camera's capture times moved back by `by` (forward when negative), so its pictures are that much older than was thought.
    pub fn shift(&self, by: MediaTime) {
        let own = self.0.load(Ordering::Relaxed);
        if own != UNKNOWN {
            self.0.store((own + by.0).clamp(0, MOST.0), Ordering::Relaxed);
        }
    }

    /// Another sender: nothing is known.
    pub fn forget(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: i64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    #[test]
    fn a_camera_within_the_budget_is_shown_by_it() {
        let lag = Lag::default();
        assert_eq!(lag.beyond(ms(100)), MediaTime::ZERO);
        lag.steer(Some(ms(80)), ms(100));
        assert_eq!(lag.beyond(ms(100)), MediaTime::ZERO);
        assert_eq!(lag.beyond(ms(60)), ms(30));
    }

    #[test]
    fn a_sync_moves_it_at_once_and_the_network_slowly() {
        let lag = Lag::default();
        lag.steer(Some(ms(90)), ms(100));
        lag.shift(ms(300));
        assert_eq!(lag.beyond(ms(100)), ms(300));
        lag.steer(Some(ms(590)), ms(1_000));
        assert_eq!(lag.beyond(ms(100)), ms(320));
        lag.steer(Some(ms(10)), ms(1_000));
        assert_eq!(lag.beyond(ms(100)), ms(315));
        lag.steer(Some(ms(90_000)), ms(3_600_000));
        assert_eq!(lag.beyond(MediaTime::ZERO), MOST);
        lag.forget();
        assert_eq!(lag.beyond(MediaTime::ZERO), MediaTime::ZERO);
    }
}
