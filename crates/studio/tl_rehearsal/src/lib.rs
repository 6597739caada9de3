//! A synthetic rink with known truth, and virtual phones that join over the real protocols.
//!
//! [`rink`] draws a hockey game from a seed as each camera sees it; [`clips()`] encodes it once and caches it; [`rehearse`] lets
//! phones, apps and cameras with clocks of their own send the clips, each over its protocol ([`Way`]), while a scripted director cuts
//! and has the clocks set by a clap, and writes down when each picture was really captured; [`measure`] reads the pictures' time codes back out of the recordings and joins them with that truth.
//!
//! This room refuses to be known by the studio: no path there can tell a virtual phone from a real one.
//!
//! Invariant: the same seed draws the same pictures, sound, clocks and faults on every machine.
//!
//! ```no_run
//! let options = tl_rehearsal::ClipOptions { seed: 1, cameras: 4, ..Default::default() };
//! let set = tl_rehearsal::clips(&options, &|progress| eprintln!("{} {:.0} %", progress.what, progress.share * 100.0))?;
//! assert_eq!(set.cameras.len(), 4);
//! # Ok::<(), tl_rehearsal::Error>(())
//! ```

mod clips;
mod error;
mod forms;
mod measure;
mod phones;
mod rehearse;
mod report;
pub mod rink;
mod script;
mod seed;
mod signalling;
mod sound;
pub mod timecode;
pub mod truth;

pub use clips::{Clip, ClipOptions, ClipSet, Progress, clips};
pub use error::Error;
pub use measure::{Input, measure};
pub use phones::{Fault, FaultKind, Faults};
pub use rehearse::{Options, PhoneSummary, PhoneTicket, Summary, Way, rehearse};
pub use report::{
    CameraReport, CutReport, DirectorReport, LatencyReport, LipSyncReport, OutputReport, ProcessResources, ProgramReport, ProtocolReport, RecordingReport,
    Report, ResourceReport, SoundReport, Spread, Tail,
};
pub use seed::Seed;
