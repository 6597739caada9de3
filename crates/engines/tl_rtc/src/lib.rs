//! WebRTC sessions: offers and packets in, access units out, and a small conversation over a data channel beside them.
//!
//! [`Server`] is the end that phones publish to and that viewers watch the programme from; it owns one UDP socket and one thread. [`publish::Publisher`] is the
//! other end, a phone without a screen, for rehearsals and tests: the same protocols over the same real sockets. [`watch::Watcher`]
//! is a viewer without one. [`ladder`]
//! decides, without any clock or socket of its own, what a phone should send when its network is poor.
//!
//! This room refuses to know HTTP, to decode a picture, and to name any server on the internet: only host candidates are
//! offered, none of the phone's are dialled.
//!
//! Invariant: nothing that one phone or viewer sends, well-formed or not, reaches another's session.
//!
//! ```no_run
//! # fn main() -> Result<(), tl_rtc::Error> {
//! # let offer_sdp = "";
//! use tl_base::{MediaClock, MediaTime, SlotId};
//! use tl_rtc::{Config, Event, Server};
//!
//! let clock = MediaClock::starting_at(MediaTime::ZERO);
//! let server = Server::start(Config { addresses: vec![[127, 0, 0, 1].into()], port: 0, clock, max_viewers: 20 }, |event| {
//!     if let Event::Media { unit, .. } = event {
//!         println!("{} bytes captured at {}", unit.data.len(), unit.capture);
//!     }
//! })?;
//! let answer = server.offer(SlotId(1), offer_sdp)?;
//! # let _ = answer.sdp; Ok(())
//! # }
//! ```

pub mod data;
mod depacketize;
mod engine;
mod error;
pub mod ladder;
mod link;
mod packetize;
mod programme;
pub mod publish;
mod reception;
mod sdp;
mod server;
mod session;
mod slow_way;
mod socket;
mod surge;
mod talk;
mod timeline;
mod track;
mod viewer;
pub mod watch;

pub use error::{Error, Severity};
pub use server::{Answer, Config, Event, Server, SessionId, ViewerStats};
