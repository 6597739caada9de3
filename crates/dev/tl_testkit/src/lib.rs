//! What tests need: a clock that is set by hand, seeded chance, fault schedules, a bad network, and pictures and texts to
//! compare with what a person has seen and blessed.
//!
//! This room refuses to be used outside tests, and to read the time or the system's random source.
//!
//! Invariant: the same seed gives the same test.
//!
//! Golden files are written anew, for a person to look at, when `TOUCHLINE_BLESS` is set (`cargo xtask bless`).
//!
//! ```
//! use tl_base::MediaTime;
//! use tl_testkit::{FakeClock, Random, faults};
//! let clock = FakeClock::new();
//! let mut faults = faults::Schedule::random(&mut Random::new(7), MediaTime::from_secs(60), MediaTime::from_secs(5), &["freeze", "black"]);
//! clock.advance(MediaTime::from_secs(60));
//! assert!(faults.due(clock.now()).count() > 3);
//! ```

mod clock;
pub mod faults;
mod golden;
pub mod picture;
mod random;

pub use clock::FakeClock;
pub use golden::{assert_golden, assert_golden_text, blessing};
pub use random::Random;
