//! How the door is set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Names, TlsFiles};

/// What the server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen for HTTPS; port 0: any free one.
    pub https: SocketAddr,
    /// Whether to listen for plain HTTP on 127.0.0.1 too, on a free port.
    pub loopback_http: bool,
    /// Certificate and key.
    pub tls: TlsFiles,
    /// By which names this machine may be called.
    pub names: Names,
    /// Where viewers' grants are kept over a restart (mode 0600); none: they are not.
    pub grants_file: Option<PathBuf>,
    /// How long a viewer's grant holds.
    pub grant_life: Duration,
    /// How long a request for media that is not there yet waits: three target durations.
    pub media_wait: Duration,
    /// What is too much.
    pub limits: Limits,
}

impl Config {
    /// The usual door at this address.
    pub fn new(https: SocketAddr, tls: TlsFiles, names: Names) -> Self {
        Self {
            https,
            loopback_http: true,
            tls,
            names,
            grants_file: None,
            grant_life: Duration::from_secs(4 * 3_600),
            media_wait: Duration::from_secs(6),
            limits: Limits::default(),
        }
    }
}

/// What is too much. Each has a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address in the network.
    pub connections_per_ip: usize,
    /// Connections at a time from this machine, where proxies and tools run.
    pub connections_from_loopback: usize,
    /// Time for a new connection to come with its first whole request, and for each later one's headers.
    pub header_time: Duration,
    /// Time for a request's body.
    pub body_time: Duration,
    /// Time without a byte in either direction after which a connection is closed.
    pub idle_time: Duration,
    /// JSON body, bytes.
    pub json_bytes: usize,
    /// JSON nesting.
    pub json_depth: usize,
    /// SDP body, bytes.
    pub sdp_bytes: usize,
    /// One piece of a phone, bytes.
    pub chunk_bytes: usize,
    /// Pieces on their way in at a time from one address in the network.
    pub uploads_per_ip: usize,
    /// The same from this machine.
    pub uploads_from_loopback: usize,
    /// Whether a locked address of this machine still gets in with a valid token: its tools must.
    pub trust_loopback: bool,
    /// Media requests that wait at a time, for one grant and for one address.
    pub waiting: usize,
    /// Event streams at a time.
    pub event_streams: usize,
    /// Event streams at a time from one address in the network: HTTP/2 carries many on one connection.
    pub event_streams_per_ip: usize,
    /// The same from this machine.
    pub event_streams_from_loopback: usize,
    /// Grants at a time; the one that was not used for longest leaves.
    pub grants: usize,
    /// Different wrong tokens within a minute that lock an address out.
    pub wrong_tokens: usize,
    /// How long it is locked out.
    pub lock_time: Duration,
    /// Time between two heartbeats of an event stream.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_048,
            connections_per_ip: 32,
            connections_from_loopback: 1_024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            json_bytes: 64 << 10,
            json_depth: 16,
            sdp_bytes: 64 << 10,
            chunk_bytes: 2 << 20,
            uploads_per_ip: 2,
            uploads_from_loopback: 64,
            trust_loopback: true,
            waiting: 256,
            event_streams: 512,
            event_streams_per_ip: 32,
            event_streams_from_loopback: 512,
            grants: 4_096,
            wrong_tokens: 5,
            lock_time: Duration::from_secs(60),
            heartbeat: Duration::from_secs(10),
        }
    }
}
