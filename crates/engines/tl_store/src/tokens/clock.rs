//! The time by which tokens grow old: it never goes back, whatever the wall clock does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tl_base::Wall;

/// What time it is: how long this process runs by a clock that cannot be set, and the wall clock.
pub type Now = Arc<dyn Fn() -> (Duration, Wall) + Send + Sync>;

/// Time within a run goes with the monotonic clock; a run begins at the wall clock or where the run before ended, whichever
/// is later. So nothing lives longer or revives when the wall clock is set, not even between two runs.
pub(super) struct TokenClock {
    now: Now,
    began: Duration,
    /// Microseconds since 1970.
    base: i64,
}

impl TokenClock {
    pub(super) fn new(now: Now, seen: Wall) -> Self {
        let (began, wall) = now();
        Self { now, began, base: wall.0.max(seen.0) }
    }

    /// Microseconds, never falling.
    pub(super) fn micros(&self) -> i64 {
        let (elapsed, _) = (self.now)();
        self.base.saturating_add(micros(elapsed.saturating_sub(self.began)))
    }

    /// What the wall clock will show when this clock shows `at`, as far as one can know.
    pub(super) fn wall_of(&self, at: i64) -> Wall {
        let (_, wall) = (self.now)();
        Wall(wall.0.saturating_add(at.saturating_sub(self.micros())))
    }

    pub(super) fn wall(&self) -> Wall {
        (self.now)().1
    }
}

/// The clocks of this machine.
pub(super) fn system() -> Now {
    let start = Instant::now();
    Arc::new(move || (start.elapsed(), Wall::now()))
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
