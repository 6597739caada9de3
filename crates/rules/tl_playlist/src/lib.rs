//! Media chunks in, Low-Latency HLS (RFC 8216bis) and DASH out: parts, segments and playlists of a running programme, who waits
//! for what, and the playlists of a finished one.
//!
//! [`Presentation`] takes the encoded programme, one access unit at a time, and answers requests by path and query. A part
//! can be fetched the moment its last picture was pushed, since durations follow from the rate; nothing waits for the picture
//! behind it. Video decides where segments end, sound follows on the nearest frame. [`conformance`] reads playlists and media
//! as a stranger would and names every rule they break. [`vod`] turns what was stored of a session into playlists of it.
//!
//! Nothing is announced that was not looked at. A part is read back against what it was made of; one that is not as it must be
//! is made again, and when that does not help it is a gap, and with it its segment. A playlist is rendered once for each change
//! and judged by the conformance rules; a bad one is rendered again, and when that does not help the last good one stays.
//! [`Presentation::take_notices`] tells of it.
//!
//! This room refuses to have a clock, a thread, a socket or a file: whoever asks for what is not there yet is told to
//! [wait](Answer::Wait) and to ask again when [`Presentation::version`] has changed.
//!
//! Wall time is taken once for each unbroken run of pictures, and never goes back from one run to the next: a wall clock that
//! jumps moves neither PROGRAM-DATE-TIME within a run nor any number.
//!
//! Invariant: what a playlist once said of a part or a segment stays true, and no part is longer than PART-TARGET.
//!
//! Late, early and missing input:
//! - A picture whose tick is missing in front of it: the picture before lasts longer, or this one starts early when that one
//!   was published already. Later pictures are not moved, so nothing drifts. A hole of a part or more ends the
//!   segment; the next key picture starts a new one behind a discontinuity.
//! - No key picture on the grid: the segment goes on to the next one, at most half a second more, then as above. It is the one
//!   case in which a preload hint is not kept, since pictures on time matter more.
//! - Sound that runs ahead is held until the picture is there. Sound that is missing, or more than a second late, becomes
//!   silence, so that sound never stops the picture's viewers.
//! - An access unit without a picture, or a frame that cannot be sound, is missing. What says that it is a key picture and is none
//!   starts no segment.
//!
//! ```
//! use tl_base::{Rate, Size};
//! use tl_playlist::{Answer, Config, Presentation};
//! let presentation = Presentation::new(Config::new(Rate::FPS_30, Size::new(1280, 720), 6_000_000));
//! // Nothing was pushed yet, so a viewer waits for the first segment.
//! assert!(matches!(presentation.get("live.m3u8", ""), Answer::Wait));
//! assert!(matches!(presentation.get("v0/../secret", ""), Answer::NotFound));
//! ```

mod answer;
mod check;
mod config;
pub mod conformance;
mod dash;
mod fault;
mod notice;
mod packed;
mod picture;
mod presentation;
mod rendition;
mod request;
mod served;
mod sound;
mod text;
pub mod vod;

pub use answer::{Answer, Cache, Facts, Finished, Kind, Reply};
pub use config::{Config, ResumePoint};
#[doc(hidden)]
pub use fault::Fault;
pub use notice::{Action, Figures, Finding, MAX_NOTICES, Notice, Progress, What};
pub use packed::GzipMemo;
pub use presentation::Presentation;
