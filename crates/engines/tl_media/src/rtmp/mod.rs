//! The programme to an RTMP or RTMPS server, with a supervisor that brings it back.
//!
//! The protocol is spoken here rather than by a library element, because the supervisor must know at which step and why a
//! connection ended (a wrong key is told apart from a dead network), and how many bytes the server has acknowledged.

mod address;
mod amf;
mod answer;
mod chunk;
mod client;
mod flv;
mod supervisor;
mod transport;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use tl_base::{Secret, never};
use tl_frame::AccessUnit;

use crate::Error;
use crate::unit_queue::{UnitQueue, WhenFull};

/// Encoded bytes that may wait for the network: about four seconds of a programme of 6 Mbit/s.
const MAX_QUEUE_BYTES: usize = 3 << 20;

/// Where to push.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the destination is called in logs and thread names.
    pub name: String,
    /// `rtmp://` or `rtmps://HOST[:PORT]/APP/KEY`. Shown nowhere.
    pub url: Secret,
    /// Whether AAC comes with the pictures. Their parameters come from the stream.
    pub has_audio: bool,
    /// Certificates (DER) trusted beside the system's, for a club's own RTMPS server. Usually none.
    pub extra_roots: Vec<Vec<u8>>,
}

/// What the destination is doing, told on its own thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An attempt begins.
    Connecting,
    /// The server has accepted the stream.
    Live,
    /// The attempt or the connection failed in a way that may pass.
    Waiting {
        /// When the next attempt begins.
        retry_in: Duration,
        /// One phrase for a person.
        reason: String,
    },
    /// The server does not want this stream. No more attempts are made.
    Refused {
        /// One phrase for a person.
        reason: String,
    },
    /// It was stopped from here.
    Stopped,
}

/// What a push has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Bytes that the server has acknowledged; bytes that the network has taken where a server acknowledges none.
    pub bytes: u64,
    /// Connections made after the first that was live.
    pub reconnects: u64,
    /// Units that were dropped because the network was slow or away.
    pub dropped: u64,
}

#[derive(Default)]
struct Counters {
    bytes: AtomicU64,
    reconnects: AtomicU64,
}

/// Pushes one stream on a thread of its own until it is dropped or refused.
///
/// A slow network costs pictures up to the next key, never more than about four seconds of delay; a dead one is tried again
/// for ever, after 2 s x 1.5 up to 30 s with full jitter. The first key picture after a connection begins the stream.
pub struct RtmpPush {
    queue: Arc<UnitQueue>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl RtmpPush {
    /// Starts pushing; an address that cannot be read is refused here.
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        let address = address::Address::parse(config.url.expose()).map_err(|reason| Error::Unsupported(reason.to_owned()))?;
        let queue = Arc::new(UnitQueue::new(MAX_QUEUE_BYTES, WhenFull::DropAll));
        let counters = Arc::new(Counters::default());
        let name = format!("rtmp-{}", config.name);
        let supervisor = supervisor::Supervisor::new(config, address, Arc::clone(&queue), Arc::clone(&counters), Box::new(on_event));
        let spawned = std::thread::Builder::new().name(name).spawn(move || supervisor.run());
        let thread = spawned.map_err(|error| Error::Pipeline { what: "RTMP push", detail: error.to_string() })?;
        Ok(Self { queue, counters, thread: Some(thread) })
    }

    /// Takes a unit; never waits for the network.
    pub fn push(&self, unit: &AccessUnit) {
        // What was dropped is counted; the stream goes on at the next key picture.
        self.queue.push(unit);
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        Stats {
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            reconnects: self.counters.reconnects.load(Ordering::Relaxed),
            dropped: self.queue.dropped(),
        }
    }
}

impl Drop for RtmpPush {
    fn drop(&mut self) {
        self.queue.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            never!("a push's thread panicked");
        }
    }
}
