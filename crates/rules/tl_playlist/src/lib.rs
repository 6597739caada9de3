//! Media chunks in, Low-Latency HLS out (RFC 8216bis): parts, segments and playlists of a running programme, and who waits
//! for what.
//!
//! [`Presentation`] takes the encoded programme, one access unit at a time, and answers requests by path and query. A part
//! can be fetched the moment its last picture was pushed, since durations follow from the rate; nothing waits for the picture
//! behind it. Video decides where segments end, sound follows on the nearest frame. [`conformance`] reads playlists and media
//! as a stranger would and names every rule they break.
//!
//! This room refuses to have a clock, a thread, a socket or a file: whoever asks for what is not there yet is told to
//! [wait](Answer::Wait) and to ask again when [`Presentation::version`] has changed.
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
mod config;
pub mod conformance;
mod picture;
mod presentation;
mod rendition;
mod request;
mod sound;
mod text;

pub use answer::{Answer, Cache, Finished, Reply};
pub use config::Config;
pub use presentation::Presentation;
