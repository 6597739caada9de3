//! The programme to an RTMP or RTMPS server, with a supervisor that brings it back.
//!
//! The protocol is spoken here rather than by a library element, because the supervisor must know at which step and why a
//! connection ended (a wrong key is told apart from a dead network), and how many bytes the server has acknowledged.

mod address;
pub(crate) mod amf;
mod answer;
pub(crate) mod chunk;
mod client;
mod flv;
mod transport;

use tl_base::MediaTime;
use tl_frame::AccessUnit;

use crate::Error;
use crate::push::{Destination, End, Link, Worker};
use crate::rtmp::address::Address;
use crate::rtmp::client::Client;

pub use crate::push::{Config, Event, Stats};
pub(crate) use crate::rtmp::transport::resolve;

/// Pushes one stream on a thread of its own until it is dropped or refused.
///
/// A slow network costs pictures up to the next key, never more than about four seconds of delay; a dead one is tried again
/// for ever, after 2 s x 1.5 up to 30 s with full jitter. The first key picture after a connection begins the stream.
pub struct RtmpPush {
    worker: Worker,
    tls: bool,
}

impl RtmpPush {
    /// Starts pushing; an address that cannot be read is refused here.
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        Self::start_at(config, MediaTime::ZERO, on_event)
    }

    /// The same with a stream whose own time begins later than at zero, to test what happens after days.
    #[doc(hidden)]
    pub fn start_at(config: Config, begin: MediaTime, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        let address = Address::parse(config.url.expose()).map_err(|reason| Error::Unsupported(reason.to_owned()))?;
        let tls = address.tls;
        let Config { name, has_audio, extra_roots, .. } = config;
        let server = Box::new(Server { address, has_audio, extra_roots, begin });
        Ok(Self { worker: Worker::start(format!("rtmp-{name}"), server, Box::new(on_event))?, tls })
    }

    /// Takes a unit; never waits for the network.
    pub fn push(&self, unit: &AccessUnit) {
        self.worker.push(unit);
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.worker.stats()
    }

    pub(crate) fn protocol(&self) -> &'static str {
        if self.tls { "rtmps" } else { "rtmp" }
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }
}

struct Server {
    address: Address,
    has_audio: bool,
    extra_roots: Vec<Vec<u8>>,
    begin: MediaTime,
}

impl Destination for Server {
    fn attempt(&mut self, link: &mut Link<'_>) -> End {
        let io = match transport::connect(&self.address, &self.extra_roots, link) {
            Ok(io) => io,
            Err(end) => return end,
        };
        let mut client = Client::new(io, link.queue, self.begin);
        if let Err(end) = client.open(&self.address, link) {
            return end;
        }
        link.live();
        client.run(self.has_audio, link)
    }
}
