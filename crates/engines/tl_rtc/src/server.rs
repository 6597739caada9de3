//! The receiving side as its owner sees it.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::{Candidate, Rtc};
use tl_base::clock_sync::ClockState;
use tl_base::{MediaClock, SourceId, SourceStats};
use tl_frame::AccessUnit;

use crate::engine::{Command, Engine};
use crate::session::Session;
use crate::socket::{Port, Waker};
use crate::{Error, data, sdp};

/// Sessions open at one time at most: every camera position twice, so that a phone may return before its old session is noticed dead.
pub(crate) const MAX_SESSIONS: usize = 64;
/// Requests that may wait for the thread; more are refused.
const MAX_COMMANDS: usize = 256;

/// What the receiving side needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses at which phones reach this machine; each becomes a host candidate of every answer.
    pub addresses: Vec<IpAddr>,
    /// UDP port, 0 for any free one.
    pub port: u16,
    /// The clock that capture and arrival times are given in.
    pub clock: MediaClock,
}

/// One phone's connection; never used twice by one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a phone is told.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The new session.
    pub session: SessionId,
    /// The answer, `application/sdp`.
    pub sdp: String,
}

/// What happened. Called on the thread `rtc`, which must not be held up: hand on and return.
#[derive(Debug)]
pub enum Event {
    /// The connection is up; media follows.
    Connected {
        /// Which session.
        session: SessionId,
        /// Which camera position.
        slot: SourceId,
    },
    /// A picture or a packet of sound.
    Media {
        /// Which session.
        session: SessionId,
        /// The access unit; its source is the slot.
        unit: AccessUnit,
    },
    /// The phone said something other than the answer to a ping.
    Data {
        /// Which session.
        session: SessionId,
        /// What it said.
        message: data::FromPhone,
    },
    /// The phone's clock is known, or known better; about once a second.
    Clock {
        /// Which session.
        session: SessionId,
        /// Offset, drift and certainty.
        state: ClockState,
    },
    /// Once a second.
    Stats {
        /// Which session.
        session: SessionId,
        /// Measured over the last seconds.
        stats: SourceStats,
        /// Whole pictures since the start.
        video_frames: u64,
        /// Pictures lost since the start.
        lost: u64,
    },
    /// The session is over; nothing follows.
    Closed {
        /// Which session.
        session: SessionId,
        /// Which camera position.
        slot: SourceId,
        /// Why, for a person.
        reason: String,
    },
}

/// What the handle and the thread both see.
#[derive(Default)]
pub(crate) struct Shared {
    pub stop: AtomicBool,
    pub open: AtomicUsize,
    /// Datagrams that no session wanted.
    pub strays: AtomicU64,
    stats: Mutex<HashMap<SessionId, SourceStats>>,
}

impl Shared {
    pub fn stats(&self) -> MutexGuard<'_, HashMap<SessionId, SourceStats>> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiving side: one UDP socket, one thread named `rtc`. Dropping it closes every session and joins the thread.
pub struct Server {
    shared: Arc<Shared>,
    commands: Sender<Command>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
    locals: Vec<SocketAddr>,
    clock: MediaClock,
    certificate: DtlsCert,
    next_session: AtomicU64,
}

impl Server {
    /// Opens the socket and starts the thread.
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        let port = Port::bind(&config.addresses, config.port)?;
        let locals = port.locals.clone();
        let waker = port.waker()?;
        let certificate = certificate()?;
        let shared = Arc::new(Shared::default());
        let (commands, requests) = crossbeam_channel::bounded(MAX_COMMANDS);
        let mut engine = Engine::new(port, config.clock, Arc::clone(&shared), requests, on_event);
        let thread = std::thread::Builder::new().name("rtc".into()).spawn(move || engine.run())?;
        Ok(Self { shared, commands, waker, thread: Some(thread), locals, clock: config.clock, certificate, next_session: AtomicU64::new(1) })
    }

    /// The addresses that phones are told.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.locals
    }

    /// Datagrams since the start that belonged to no session.
    pub fn strays(&self) -> u64 {
        self.shared.strays.load(Ordering::Relaxed)
    }

    /// Answers a phone's offer with a new session for `slot`. One session a slot is the caller's rule: it closes the older one.
    pub fn offer(&self, slot: SourceId, sdp: &str) -> Result<Answer, Error> {
        if self.shared.open.load(Ordering::Relaxed) >= MAX_SESSIONS {
            return Err(Error::Full(MAX_SESSIONS));
        }
        let plan = sdp::plan(sdp)?;
        // The parser of a library that reads strangers' words is held at arm's length.
        let built = catch_unwind(AssertUnwindSafe(|| self.build(&plan)));
        let (rtc, answer) = built.map_err(|_| Error::OfferRefused("it could not be read".into()))??;
        let ufrag = sdp::attribute(&answer, "ice-ufrag").ok_or_else(|| Error::Protocol("an answer without ice-ufrag".into()))?.to_owned();
        let session = SessionId(self.next_session.fetch_add(1, Ordering::Relaxed));
        let opened = Session::new(session, slot, rtc, self.clock);
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        if let Err(refused) = self.request(Command::Open(Box::new(opened), ufrag)) {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
            return Err(refused);
        }
        Ok(Answer { session, sdp: sdp::finish(&answer) })
    }

    /// Ends a session; the phone is told, and [`Event::Closed`] follows.
    pub fn close(&self, session: SessionId) {
        self.tell(Command::Close(session));
    }

    /// Says something to a phone. It is lost when the data channel is not open (yet): say again what must be known on
    /// [`data::FromPhone::Hello`].
    pub fn send(&self, session: SessionId, message: &data::ToPhone) {
        match message.to_json() {
            Ok(text) => self.tell(Command::Send(session, text)),
            Err(error) => tracing::warn!(%session, %error, "not said to the phone"),
        }
    }

    /// Asks a phone for a key picture.
    pub fn request_key(&self, session: SessionId) {
        self.tell(Command::RequestKey(session));
    }

    /// What was measured of a session last; none when it is over or younger than a second.
    pub fn stats(&self, session: SessionId) -> Option<SourceStats> {
        self.shared.stats().get(&session).copied()
    }

    fn build(&self, plan: &sdp::Plan) -> Result<(Rtc, String), Error> {
        let refuse = |error: &dyn fmt::Display| Error::OfferRefused(error.to_string());
        let offer = SdpOffer::from_sdp_string(&plan.offer).map_err(|error| refuse(&error))?;
        let mut config = sdp::config(plan.codec)
            .set_dtls_cert(self.certificate.clone())
            .set_rtp_mode(true)
            .set_sctp_max_buffered_amount(16 * data::MAX_MESSAGE_BYTES)
            .set_stats_interval(Some(Duration::from_secs(1)));
        // A phone that is gone should be noticed within seconds, one that lost a packet or two should not.
        config.set_initial_stun_rto(Duration::from_millis(200));
        config.set_max_stun_rto(Duration::from_millis(1_000));
        config.set_max_stun_retransmits(4);
        let mut rtc = config.build(Instant::now());
        let mut reachable = 0;
        for local in &self.locals {
            // An address that makes no candidate, such as a tunnel's, must not take the others with it.
            match Candidate::host(*local, "udp") {
                Ok(candidate) => reachable += usize::from(rtc.add_local_candidate(candidate).is_some()),
                Err(error) => tracing::debug!(%local, %error, "not offered"),
            }
        }
        if reachable == 0 {
            return Err(Error::NoAddress);
        }
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| refuse(&error))?;
        Ok((rtc, answer.to_sdp_string()))
    }

    fn request(&self, command: Command) -> Result<(), Error> {
        self.commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Disconnected(_) => Error::NoSession,
        })?;
        self.waker.wake();
        Ok(())
    }

    fn tell(&self, command: Command) {
        if let Err(error) = self.request(command) {
            tracing::warn!(%error, "request to the rtc thread lost");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the rtc thread panicked");
        }
    }
}

/// One certificate for all sessions of a server: making one costs milliseconds.
fn certificate() -> Result<DtlsCert, Error> {
    let provider = str0m::crypto::from_feature_flags();
    provider.dtls_provider.generate_certificate().ok_or_else(|| Error::Protocol("no certificate could be made".into()))
}
