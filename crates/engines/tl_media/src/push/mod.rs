//! The programme to servers elsewhere: one face for every protocol, one supervisor each.
//!
//! A destination knows how to make one connection and tells how it ended; [`supervisor`] alone decides whether and when
//! there is another. Destinations share nothing, so one in trouble is not felt by the others.

mod supervisor;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use tl_base::{MediaTime, Secret, never};
use tl_frame::AccessUnit;

use crate::rtmp::RtmpPush;
use crate::srt::SrtPush;
use crate::unit_queue::{UnitQueue, WhenFull};
use crate::{Error, push::supervisor::Supervisor};

/// Encoded bytes that may wait for the network: about four seconds of a programme of 6 Mbit/s.
const MAX_QUEUE_BYTES: usize = 3 << 20;

/// Where to push.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the destination is called in logs and thread names.
    pub name: String,
    /// `rtmp://` or `rtmps://HOST[:PORT]/APP/KEY`, or `srt://HOST:PORT?streamid=…&passphrase=…&latency=…`. Shown nowhere.
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
    /// The server has accepted the stream, which begins with the next key picture: ask the encoder for one now.
    Live,
    /// The attempt or the connection failed in a way that may pass.
    Waiting {
        /// When the next attempt begins.
        retry_in: Duration,
        /// One phrase for a person.
        reason: String,
    },
    /// The server does not want this stream and never took it. No more attempts are made.
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

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// The server's name is not known.
    #[default]
    Nothing,
    /// The name has an address.
    Resolved,
    /// The server's machine answers on the port.
    Connected,
    /// The certificate is trusted.
    Tls,
    /// The server speaks the protocol.
    Handshake,
    /// The server was asked to take the stream.
    Publish,
    /// The server has taken the stream.
    Sending,
}

impl Reached {
    const ALL: [Self; 7] = [Self::Nothing, Self::Resolved, Self::Connected, Self::Tls, Self::Handshake, Self::Publish, Self::Sending];
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// We were told to stop.
    Stopped,
    /// The network or the server went away; it may come back.
    Lost(String),
    /// The server said no, or TLS does not trust it.
    Refused(String),
    /// The server hung up without a word on what we asked for, which many do on a wrong application or key.
    HungUp(&'static str),
}

/// What one kind of destination does.
pub(crate) trait Destination: Send {
    /// Makes one connection and sends what the queue gives until something ends it.
    fn attempt(&mut self, link: &mut Link<'_>) -> End;
}

#[derive(Default)]
pub(crate) struct Counters {
    bytes: AtomicU64,
    sent: AtomicU64,
    reconnects: AtomicU64,
    reached: AtomicU8,
    rtt_us: AtomicU64,
    proof: AtomicBool,
}

/// What an attempt reads from and reports to.
pub(crate) struct Link<'a> {
    pub(crate) queue: &'a UnitQueue,
    counters: &'a Counters,
    before: (u64, u64),
    on_live: &'a mut dyn FnMut(),
}

#[cfg(test)]
impl<'a> Link<'a> {
    /// A link that belongs to no supervisor.
    pub(crate) fn alone(queue: &'a UnitQueue, counters: &'a Counters, on_live: &'a mut dyn FnMut()) -> Self {
        Self { queue, counters, before: (0, 0), on_live }
    }
}

impl Link<'_> {
    /// The attempt has come this far.
    pub(crate) fn reached(&self, step: Reached) {
        self.counters.reached.fetch_max(step as u8, Ordering::Relaxed);
    }

    /// How long the way there and back takes.
    pub(crate) fn note_rtt(&self, rtt: Duration) {
        self.counters.rtt_us.store(u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// The server has taken the stream.
    pub(crate) fn live(&mut self) {
        self.reached(Reached::Sending);
        (self.on_live)();
    }

    /// Bytes given to the network and bytes that arrived, on this connection.
    pub(crate) fn progress(&self, sent: u64, arrived: u64) {
        self.counters.sent.store(self.before.0 + sent, Ordering::Relaxed);
        self.counters.bytes.store(self.before.1 + arrived, Ordering::Relaxed);
    }

    /// The server has shown that data reaches it: the next failure starts from the shortest wait.
    pub(crate) fn note_proof(&self) {
        self.counters.proof.store(true, Ordering::Relaxed);
    }
}

/// The part that every kind of push shares: a queue, a supervisor's thread and counters.
pub(crate) struct Worker {
    queue: Arc<UnitQueue>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(crate) fn start(name: String, destination: Box<dyn Destination>, on_event: Box<dyn FnMut(Event) + Send>) -> Result<Self, Error> {
        let queue = Arc::new(UnitQueue::new(MAX_QUEUE_BYTES, WhenFull::DropAll));
        let counters = Arc::new(Counters::default());
        let supervisor = Supervisor::new(name.clone(), destination, Arc::clone(&queue), Arc::clone(&counters), on_event);
        let spawned = std::thread::Builder::new().name(name).spawn(move || supervisor.run());
        let thread = spawned.map_err(|error| Error::Pipeline { what: "push", detail: error.to_string() })?;
        Ok(Self { queue, counters, thread: Some(thread) })
    }

    pub(crate) fn push(&self, unit: &AccessUnit) {
        // What was dropped is counted; the stream goes on at the next key picture.
        self.queue.push(unit);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            reconnects: self.counters.reconnects.load(Ordering::Relaxed),
            dropped: self.queue.dropped(),
        }
    }

    pub(crate) fn reached(&self) -> Reached {
        let step = self.counters.reached.load(Ordering::Relaxed);
        Reached::ALL.get(usize::from(step)).copied().unwrap_or_default()
    }

    pub(crate) fn sent(&self) -> u64 {
        self.counters.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        Some(self.counters.rtt_us.load(Ordering::Relaxed)).filter(|us| *us > 0).map(Duration::from_micros)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            never!("a push's thread panicked");
        }
    }
}

/// A push to a server of any kind, on a thread of its own until it is dropped or refused.
pub enum Push {
    /// To an RTMP or RTMPS server.
    Rtmp(RtmpPush),
    /// To an SRT listener.
    Srt(SrtPush),
}

impl Push {
    /// Starts pushing by the protocol that the address names; an address that cannot be read is refused here.
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        Self::start_at(config, MediaTime::ZERO, on_event)
    }

    /// The same with a stream whose own time begins later than at zero, to test what happens after days.
    #[doc(hidden)]
    pub fn start_at(config: Config, begin: MediaTime, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        let is_srt = config.url.expose().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("srt://"));
        Ok(if is_srt { Self::Srt(SrtPush::start_at(config, begin, on_event)?) } else { Self::Rtmp(RtmpPush::start_at(config, begin, on_event)?) })
    }

    /// Takes a unit; never waits for the network.
    pub fn push(&self, unit: &AccessUnit) {
        self.worker().push(unit);
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.worker().stats()
    }

    /// `rtmp`, `rtmps` or `srt`.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::Rtmp(push) => push.protocol(),
            Self::Srt(_) => "srt",
        }
    }

    pub(crate) fn worker(&self) -> &Worker {
        match self {
            Self::Rtmp(push) => push.worker(),
            Self::Srt(push) => push.worker(),
        }
    }
}
