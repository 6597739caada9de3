//! A door for apps that publish by RTMP or RTMPS: Larix, Moblin, OBS, ffmpeg.
//!
//! A stranger's bytes cost a refused connection: each has a thread of its own, bounds on what it may send and deadlines for
//! every step, kept by a doorkeeper that closes the socket under it. Who may publish as which source is decided by the owner.
//!
//! Late, early and missing units are dealt with as for every other input (`input`): capture times come from arrivals.

mod connection;
mod doorkeeper;
mod flv;
mod session;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tl_base::clock_sync::ClockState;
use tl_base::{MediaClock, Secret, SlotId, SourceStats, never};
use tl_frame::AccessUnit;

use crate::rtmp_server::doorkeeper::{Doorkeeper, Shared};
use crate::{Error, init};

/// Where to listen, and how much to bear.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub bind: SocketAddr,
    /// RTMPS instead of RTMP.
    pub tls: Option<Tls>,
    /// The session's clock; capture times are read on it.
    pub clock: MediaClock,
    /// What one stranger may cost.
    pub limits: Limits,
}

/// The server's certificate.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificate chain, PEM, the server's own first.
    pub cert_pem: PathBuf,
    /// Private key, PEM.
    pub key_pem: PathBuf,
}

/// What one stranger may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, one thread each.
    pub connections: usize,
    /// Connections at a time from one address.
    pub per_address: usize,
    /// From the connection to the end of the handshake, TLS included.
    pub handshake: Duration,
    /// From the connection to the wish to publish.
    pub publish: Duration,
    /// Between two pictures or pieces of sound of a publisher.
    pub silence: Duration,
    /// The largest message of one that publishes, which is one picture. Before that 64 KiB are the most.
    pub message_bytes: usize,
    /// What is read of one connection in a second; more waits in the sender.
    pub bytes_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            per_address: 8,
            handshake: Duration::from_secs(5),
            publish: Duration::from_secs(10),
            silence: Duration::from_secs(10),
            message_bytes: 4 << 20,
            bytes_per_second: 6_000_000,
        }
    }
}

/// Somebody's wish to publish.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The application: the path of the address.
    pub app: String,
    /// The stream key.
    pub key: Secret,
    /// Who asks.
    pub peer: SocketAddr,
}

/// One connection, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What happens at the door, told on the connections' threads, one call at a time.
#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody was let in.
    Publishing {
        /// As this source.
        source: SlotId,
        /// By this connection.
        connection: ConnectionId,
        /// From here.
        peer: SocketAddr,
    },
    /// A picture or a piece of sound.
    Unit {
        /// Of this connection.
        connection: ConnectionId,
        /// Pictures begin with a key picture; sound is AAC with headers or Opus.
        unit: AccessUnit,
    },
    /// What is known of the source's clock, once a second.
    Clock {
        /// Whose.
        source: SlotId,
        /// By this connection.
        connection: ConnectionId,
        /// Against the studio's.
        state: ClockState,
    },
    /// What was measured, once a second.
    Stats {
        /// Whose.
        source: SlotId,
        /// By this connection.
        connection: ConnectionId,
        /// Rates of the last seconds.
        stats: SourceStats,
    },
    /// The app sends sound that cannot be taken; its pictures go on. Told once.
    NoSound {
        /// Whose.
        source: SlotId,
        /// By this connection.
        connection: ConnectionId,
        /// One phrase for a person.
        reason: String,
    },
    /// A publisher has gone; always told after `Publishing`, and before another may publish as the same source.
    Ended {
        /// Whose.
        source: SlotId,
        /// By this connection.
        connection: ConnectionId,
        /// One phrase for a person.
        reason: String,
    },
}

/// A listening server. Dropping it closes every connection and waits for the threads; not from inside its own callbacks.
pub struct RtmpServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl RtmpServer {
    /// Starts to listen.
    ///
    /// `admit` runs on the connection's thread and names the source that a key belongs to, or says why not; a refused app gets
    /// `NetStream.Publish.BadName`. So does a second one for a source that is being published; one that has said nothing for
    /// two seconds makes way, so that a phone may return before its old connection is known to be dead.
    pub fn start(
        config: Config,
        admit: impl Fn(&Publish) -> Result<SlotId, String> + Send + Sync + 'static,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, Error> {
        init()?;
        let failed = |detail: String| Error::Pipeline { what: "RTMP server", detail };
        let tls = config.tls.as_ref().map(connection::tls_config).transpose()?;
        let listener = std::net::TcpListener::bind(config.bind).map_err(|error| failed(error.to_string()))?;
        listener.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
        let shared = Arc::new(Shared {
            clock: config.clock,
            limits: config.limits,
            tls,
            admit: Box::new(admit),
            on_event: Arc::new(Mutex::new(on_event)),
            guests: Mutex::new(HashMap::new()),
            freed: std::sync::Condvar::new(),
            outlets: Mutex::new(HashMap::new()),
            stop: Mutex::new(false),
            stopped: std::sync::Condvar::new(),
        });
        let doorkeeper = Doorkeeper::new(listener, Arc::clone(&shared));
        let spawned = std::thread::Builder::new().name("rtmp-door".to_owned()).spawn(move || doorkeeper.run());
        let thread = spawned.map_err(|error| failed(error.to_string()))?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends a connection; its `Ended` carries the reason. One that is gone is left alone.
    pub fn close(&self, connection: ConnectionId, reason: &str) {
        self.shared.cut(connection, reason);
    }

    /// Ends every connection that was admitted as this source: who publishes, and who waits for the place.
    pub fn close_source(&self, source: SlotId, reason: &str) {
        self.shared.cut_source(source, reason);
    }
}

impl Drop for RtmpServer {
    fn drop(&mut self) {
        self.shared.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            never!("the RTMP server's thread panicked");
        }
    }
}
