//! The one delay budget of the show: how long after the light a tick shows it.

use std::sync::atomic::{AtomicI64, Ordering};

use tl_base::MediaTime;

/// Where the budget starts before anything is measured.
const START: MediaTime = MediaTime::from_millis(100);
/// It moves at most this far a second, so that nobody sees or hears it move.
const SLEW_PER_SECOND: MediaTime = MediaTime::from_millis(5);

/// The largest 99th-percentile arrival delay of the locked cameras, clamped and slewed. Written by the control loop, read each tick.
#[derive(Debug)]
pub struct Budget {
    now: AtomicI64,
    target: AtomicI64,
    floor: MediaTime,
    ceiling: MediaTime,
}

impl Budget {
    /// A budget between `floor` and `ceiling`.
    pub fn new(floor: MediaTime, ceiling: MediaTime) -> Self {
        let start = START.clamp(floor, ceiling.max(floor));
        Self { now: AtomicI64::new(start.0), target: AtomicI64::new(start.0), floor, ceiling: ceiling.max(floor) }
    }

    /// The budget now.
    pub fn now(&self) -> MediaTime {
        MediaTime(self.now.load(Ordering::Relaxed))
    }

    /// Where it is going.
    pub fn target(&self) -> MediaTime {
        MediaTime(self.target.load(Ordering::Relaxed))
    }

    /// Whether a camera with this delay is within what the budget may become.
    pub fn can_lock(&self, delay: MediaTime) -> bool {
        delay <= self.ceiling
    }

    /// Moves towards the largest of `delays` over `elapsed`. `step` says that nothing is on air yet, so that it may jump.
    pub fn steer(&self, delays: impl Iterator<Item = MediaTime>, elapsed: MediaTime, step: bool) {
        let largest = delays.filter(|delay| self.can_lock(*delay)).max();
        let Some(largest) = largest else { return };
        let target = largest.clamp(self.floor, self.ceiling);
        self.target.store(target.0, Ordering::Relaxed);
        let now = self.now();
        let reach = if step { i64::MAX } else { (SLEW_PER_SECOND.as_secs_f64() * elapsed.as_secs_f64() * 1e9) as i64 };
        let moved = (target - now).0.clamp(-reach, reach);
        self.now.store(now.0 + moved, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: i64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    #[test]
    fn it_slews_and_stays_within_its_limits() {
        let budget = Budget::new(ms(60), ms(400));
        for _ in 0..10 {
            budget.steer([ms(200), ms(10)].into_iter(), ms(100), false);
        }
        assert_eq!((budget.now(), budget.target()), (ms(105), ms(200)));
        for _ in 0..10_000 {
            budget.steer([ms(20)].into_iter(), ms(100), false);
        }
        assert_eq!(budget.now(), ms(60));
    }

    #[test]
    fn a_camera_too_slow_for_the_show_moves_nothing() {
        let budget = Budget::new(ms(60), ms(400));
        budget.steer([ms(900)].into_iter(), ms(1_000), false);
        assert_eq!(budget.now(), ms(100));
        budget.steer([ms(900), ms(300)].into_iter(), ms(1_000), true);
        assert_eq!(budget.now(), ms(300));
    }
}
