//! Whether somebody who knocked at a listener holds its passphrase.
//!
//! libsrt asks for the passphrase after the last moment at which a caller can be turned away, and `srtsrc` takes only its first
//! caller, so one that passes beside a running caller is told nothing and waits in the listener's queue. That queue has one place
//! (`srt_listen` with a backlog of 1): while it is taken, libsrt refuses the next caller before it asks us. So we call ourselves and
//! see whether we are asked.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::Error;
use crate::input::wake::Wake;
use crate::line::{Fate, element, set, watch};

/// An answer takes a few milliseconds on the machine itself; libsrt gives up on silence after 3 s.
const LIMIT: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// A call of our own, known by a stream id that nobody can guess.
#[derive(Clone)]
pub(super) struct Probe {
    id: String,
    asked: Arc<AtomicBool>,
}

impl Probe {
    pub(super) fn new() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        Self { id: format!("probe-{:016x}{:016x}", random(), random()), asked: Arc::default() }
    }

    /// Whether this stream id is the probe's, which then has seen enough.
    pub(super) fn is_it(&self, id: &str) -> bool {
        let is_it = id == self.id;
        self.asked.fetch_or(is_it, Ordering::Relaxed);
        is_it
    }

    /// Calls the listener at `bind`; true when its queue is taken by somebody who passed.
    pub(super) fn finds_a_guest(&self, bind: SocketAddr, wake: &Wake) -> bool {
        let call = match Call::start(&self.id, reachable(bind)) {
            Ok(call) => call,
            Err(error) => {
                tracing::warn!(%error, "a knock cannot be judged");
                return false;
            }
        };
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            if self.asked.load(Ordering::Relaxed) || wake.wait(LOOK).is_some() {
                return false;
            }
            if call.fate.error().is_some() {
                // The refusal that follows our own question comes after the question.
                return !self.asked.load(Ordering::Relaxed);
            }
        }
        false
    }
}

/// Where a listener answers on this machine.
pub(super) fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

struct Call {
    pipeline: gst::Pipeline,
    fate: Arc<Fate>,
}

impl Call {
    fn start(id: &str, to: SocketAddr) -> Result<Self, Error> {
        let (source, sink) = (element("srtsrc")?, element("fakesink")?);
        source.set_property("uri", format!("srt://{to}?mode=caller"));
        for (name, value) in [("mode", "caller"), ("streamid", id), ("poll-timeout", "50"), ("auto-reconnect", "false")] {
            set(&source, name, value);
        }
        let pipeline = gst::Pipeline::new();
        let fate = watch(&pipeline);
        pipeline.add_many([&source, &sink]).and_then(|()| source.link(&sink)).map_err(Error::pipeline("SRT probe"))?;
        let call = Self { pipeline, fate };
        if call.pipeline.set_state(gst::State::Playing).is_err() {
            tracing::trace!("a probe was refused at once");
        }
        Ok(call)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a probe did not stop");
        }
    }
}
