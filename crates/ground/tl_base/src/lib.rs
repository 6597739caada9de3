//! The ground every room stands on: ids, time and rate types, plain records that rooms exchange, the bounded queue,
//! [`never!`], and the log set-up with the one redactor.
//!
//! This room refuses to know anything about pictures, sound, networks or files.
//!
//! Invariant: nothing here grows without a bound that its maker stated.
//!
//! ```
//! use tl_base::{MediaTime, Rate};
//! let rate = Rate::new(30, 1).unwrap();
//! assert_eq!(rate.tick_start(30), MediaTime::from_secs(1));
//! ```

pub mod arrival_clock;
pub mod clock_sync;
mod ids;
pub mod log;
mod never;
pub mod queue;
mod records;
mod secret;
mod stats;
mod time;

pub use ids::{EraId, SlotId, SourceId};
pub use records::{Admission, PictureAdvice, Protocol, Size, SourceStats};
pub use secret::Secret;
pub use stats::{Percentiles, RateMeter, Window};
pub use time::{MediaClock, MediaTime, Rate, SAMPLE_RATE_HZ, Wall};

#[doc(hidden)]
pub use tracing;
