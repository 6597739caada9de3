//! Time that passes only when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tl_base::MediaTime;

/// A clock that is set by hand; clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it shows.
    pub fn now(&self) -> MediaTime {
        MediaTime(self.0.load(Ordering::SeqCst))
    }

    /// Lets time pass and gives what it shows then.
    pub fn advance(&self, by: MediaTime) -> MediaTime {
        MediaTime(self.0.fetch_add(by.0, Ordering::SeqCst).saturating_add(by.0))
    }

    /// Sets it.
    pub fn set(&self, to: MediaTime) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = FakeClock::new();
        let other = clock.clone();
        assert_eq!(clock.advance(MediaTime::from_millis(40)), MediaTime::from_millis(40));
        assert_eq!(other.now(), MediaTime::from_millis(40));
        other.set(MediaTime::ZERO);
        assert_eq!(clock.now(), MediaTime::ZERO);
    }
}
