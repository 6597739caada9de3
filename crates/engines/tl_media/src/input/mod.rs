//! Supervised inputs: what speaks RTSP, SRT, HTTP MJPEG, a file or a device of this machine becomes access units.
//!
//! Nothing is decoded here except sound that no container of ours carries (G.711, MP2, MP3, AC-3, PCM), which becomes Opus,
//! and pictures that come raw, which become H.264. An input that fails is tried again for ever, with a visible countdown; only
//! a wrong password and a stream that cannot be used end it, and only where no media came before: cameras that restart refuse for
//! a while what they took, and are asked again at the longest wait. What comes back starts clean: a new [`ConfigId`](tl_frame::ConfigId),
//! new timing, and pictures from a key picture on.
//!
//! Late input leaves late with the capture time it had; early input waits nowhere; missing input leaves a gap; stamps that make
//! no sense are counted and dropped. No unit's capture lies ahead of its arrival.

mod bell;
mod branch;
mod cut;
mod device;
mod file;
mod knock;
mod mjpeg;
mod multipart;
mod opus_ts;
pub(crate) mod outlet;
mod parameters;
mod rtp;
mod rtsp;
mod sound;
mod srt;
mod stream_id;
mod supervisor;
pub(crate) mod timeline;
mod ts;
mod url;
mod wake;
mod watched;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tl_base::clock_sync::ClockState;
use tl_base::{MediaClock, MediaTime, Protocol, Rate, Secret, Size, SlotId, SourceStats};
use tl_frame::AccessUnit;

pub use device::{Device, DeviceKind, devices};

use crate::input::outlet::Outlet;
use crate::input::supervisor::Supervisor;
use crate::input::wake::Wake;
use crate::{Error, init};

/// One input.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose units these will be.
    pub source: SlotId,
    /// Where they come from.
    pub kind: Kind,
    /// The session's clock; capture times are read on it.
    pub clock: MediaClock,
    /// For logs; no secret.
    pub name: String,
}

/// How RTSP media travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Inside the RTSP connection: nothing is lost, nothing smears.
    #[default]
    Tcp,
    /// Plain RTP: for cameras that cannot do otherwise.
    Udp,
}

/// Where an input comes from.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An IP camera that is pulled from.
    Rtsp {
        /// `rtsp://user:password@host:554/path`, or `rtsps://`; what is special in user or password is percent-encoded.
        url: Secret,
        /// How the media travels.
        transport: Transport,
        /// How long a missing packet is waited for; 100 ms is usual. Packets in order do not wait.
        latency: MediaTime,
    },
    /// A port that one sender at a time may call with an MPEG transport stream.
    Srt {
        /// Where to listen; port 0 takes any free one, see [`Input::local_addr`].
        bind: SocketAddr,
        /// What the caller's stream id must be, alone or as `r=` of SRT access control; none lets any through.
        stream_id: Option<String>,
        /// 10 to 79 characters; none takes unencrypted callers only.
        passphrase: Option<Secret>,
        /// SRT's own delay, in which lost packets are sent again; 120 ms is usual.
        latency: MediaTime,
    },
    /// A camera that answers an HTTP GET with `multipart/x-mixed-replace` of JPEG images.
    Mjpeg {
        /// `http://user:password@host/path` or `https://`.
        url: Secret,
    },
    /// A file that plays as if it were live.
    File {
        /// Any file that this machine can demultiplex.
        path: PathBuf,
        /// Whether it starts again at its end.
        looped: bool,
    },
    /// A camera, a microphone, or both, of this machine; see [`devices`].
    Device {
        /// The camera's id.
        video: Option<String>,
        /// The microphone's id; `default` takes the system's choice.
        audio: Option<String>,
        /// Wanted picture size; the nearest that the camera offers is taken.
        size: Size,
        /// Wanted pictures a second.
        rate: Rate,
    },
}

impl Kind {
    /// The way in, as snapshots name it.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Rtsp { .. } => Protocol::Rtsp,
            Self::Srt { .. } => Protocol::Srt,
            Self::Mjpeg { .. } => Protocol::Mjpeg,
            Self::File { .. } => Protocol::File,
            Self::Device { .. } => Protocol::Device,
        }
    }
}

/// What an input tells. No text of it holds a secret.
#[derive(Clone, Debug)]
pub enum Event {
    /// The port is open and waits for a caller.
    Listening {
        /// Where.
        addr: SocketAddr,
    },
    /// An attempt begins.
    Connecting,
    /// The far end is there; its first unit follows. Old timing says nothing about it.
    Connected {
        /// Who, where that is known.
        peer: Option<String>,
    },
    /// One unit.
    Unit(AccessUnit),
    /// The source's clock, once a second.
    Clock(ClockState),
    /// What was measured, once a second.
    Stats(SourceStats),
    /// Somebody was not let in (SRT); a running caller is untouched.
    TurnedAway {
        /// Who.
        peer: Option<String>,
        /// Why, in one short phrase.
        reason: String,
    },
    /// What was connected is gone.
    Lost {
        /// Why, in one short phrase.
        reason: String,
    },
    /// The next attempt follows.
    Waiting {
        /// In this long.
        retry_in: Duration,
        /// Why it is needed, in one short phrase.
        reason: String,
    },
    /// It cannot pass by itself: wrong password, or nothing that can be used, from the beginning. Nothing follows.
    Refused {
        /// Why, in one short phrase.
        reason: String,
    },
    /// A file that plays once is over. Nothing follows.
    Ended,
    /// It was dropped. Nothing follows.
    Stopped,
}

/// What an input has seen since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that gave media.
    pub connects: u64,
    /// Connections that were lost again.
    pub losses: u64,
    /// Units dropped: absurd stamps, too large, broken, or before the first key picture.
    pub dropped: u64,
    /// Callers that were not let in.
    pub turned_away: u64,
}

/// A running input. Dropping it stops it and waits for its threads; not from inside its own callback.
pub struct Input {
    wake: Arc<Wake>,
    outlet: Arc<Outlet>,
    local_addr: Option<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Input {
    /// Starts it. `on_event` runs on the input's own threads, one call at a time, and must return quickly.
    ///
    /// Fails for what no retry mends: a URL that is none, a passphrase of the wrong length, no free port, no thread.
    pub fn start(mut config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        init()?;
        let local_addr = supervisor::prepare(&mut config.kind)?;
        let wake = Arc::new(Wake::default());
        let outlet = Arc::new(Outlet::new(config.source, config.clock, Box::new(on_event)));
        let thread_name = format!("in {} {}", config.kind.protocol(), config.source);
        let supervisor = Supervisor { config, wake: Arc::clone(&wake), outlet: Arc::clone(&outlet) };
        let spawned = std::thread::Builder::new().name(thread_name).spawn(move || supervisor.run());
        let thread = spawned.map_err(|error| Error::Pipeline { what: "input", detail: error.to_string() })?;
        Ok(Self { wake, outlet, local_addr, thread: Some(thread) })
    }

    /// Where callers call; SRT only.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// What it has seen since its start.
    pub fn counters(&self) -> Counters {
        self.outlet.counters()
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.wake.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("an input's thread panicked");
        }
    }
}
