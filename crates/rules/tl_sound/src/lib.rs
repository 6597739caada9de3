//! Audio blocks in, one mixed block and its meters out: the sound of the programme.
//!
//! ```text
//! cameras ─ resample ─ delay ─ fader ─ choice ─▶ bed ─ duck ─┬─▶ ride ─ limiter ─▶ programme, meters
//! commentator ─ resample ─ delay ─ fader ─▶ voice ─ side chain ┘     └─ without one's own, + talkback ─ limiter ─▶ returns
//! ```
//!
//! Blocks come with the time at which their first sample was captured. The mixer is asked for a span of capture time and
//! gives exactly the samples of that span, whatever the sources' own clocks do.
//!
//! | input | what is heard |
//! |---|---|
//! | drifting clock, small corrections | resampled; within 5 ms of its capture time, no click |
//! | missing samples | silence, with fades of 5 ms |
//! | a clock that jumps by more than 40 ms | the new time, after a crossfade of 20 ms |
//! | late block (its time was mixed already) | nothing; it is counted |
//! | early block | kept, up to 2 s of each source |
//! | source slower than the span asked for | nothing, unless its fader delays it |
//!
//! This room refuses to know the time: the caller says which span it wants, and must have pushed the sound up to
//! [`LOOK_AHEAD`] behind its end.
//!
//! Invariant: no sample that leaves exceeds -1 dBFS, no true peak -1 dBTP, and each is a number.
//!
//! ```
//! use tl_base::{MediaTime, SlotId};
//! use tl_frame::AudioBlock;
//! use tl_sound::{Choice, Config, Mixer};
//! let mut mixer = Mixer::new(Config::default())?;
//! mixer.choose(Choice::Follow(Some(SlotId(1))));
//! mixer.push(AudioBlock { source: SlotId(1), capture: MediaTime::ZERO, rate_hz: 48_000, channels: 1, samples: vec![0.1; 9_600].into() });
//! let (samples, meters) = mixer.mix(MediaTime::from_millis(20), 1_600);
//! assert_eq!(samples.len(), 2 * 1_600);
//! assert!(meters.peak_dbfs[0] > -21.0);
//! # Ok::<(), tl_sound::Error>(())
//! ```

pub mod align;
mod biquad;
mod duck;
mod level;
mod limiter;
mod line;
mod loudness;
mod meter;
mod mixer;
mod processing;
mod reader;
mod returns;
mod ride;
mod ring;
mod source;
mod true_peak;
mod voice;

pub use limiter::CEILING;
pub use meter::{Meters, SILENCE_DBFS, SourceMeter};
pub use mixer::{Choice, Config, LOOK_AHEAD, Mixer};
pub use processing::Processing;
pub use returns::{Listener, MAX_RETURNS};
pub use source::{Fader, SourceStats};

/// One sample of each channel, full scale = ±1.
pub(crate) type Stereo = [f32; 2];

/// What can go wrong when a mixer is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The programme is stereo.
    #[error("the programme has 2 channels, not {0}")]
    Channels(u16),
    /// The loudness meter refused its settings.
    #[error("loudness meter: {0}")]
    Meter(String),
}
