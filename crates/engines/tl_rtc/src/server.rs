//! The studio's side as its owner sees it: phones publish to it, viewers watch the programme from it.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::{Candidate, Rtc, RtcConfig};
use tl_base::clock_sync::ClockState;
use tl_base::{MediaClock, SourceId, SourceStats};
use tl_frame::{AccessUnit, Codec, h264};

use crate::engine::{Command, Engine, Member};
use crate::session::Session;
use crate::socket::{Port, Waker};
use crate::viewer::Viewer;
use crate::{Error, data, sdp};

/// Sessions open at one time at most: every camera position twice, so that a phone may return before its old session is noticed dead.
pub(crate) const MAX_SESSIONS: usize = 64;
/// Requests that may wait for the thread; more are refused.
const MAX_COMMANDS: usize = 256;
/// Access units of the programme that may wait for the thread: a second and a half of pictures and sound. What comes when it is
/// full is left out, and pictures stay out up to the next key.
const MAX_UNITS: usize = 128;
/// Reports about what is sent and received: browsers line up pictures and sound by them.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What the receiving side needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses at which phones reach this machine; each becomes a host candidate of every answer.
    pub addresses: Vec<IpAddr>,
    /// UDP port, 0 for any free one.
    pub port: u16,
    /// The clock that capture and arrival times are given in.
    pub clock: MediaClock,
    /// Viewers of the programme at one time at most; 0 for none.
    pub max_viewers: usize,
}

/// One phone's or viewer's connection; never used twice by one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a phone or viewer is told.
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
    /// A viewer's connection is up.
    ViewerConnected {
        /// Which session.
        session: SessionId,
    },
    /// A viewer is gone; nothing follows.
    ViewerClosed {
        /// Which session.
        session: SessionId,
        /// Why, for a person.
        reason: String,
    },
    /// A viewer needs a key picture of the programme: ask its encoder for one. Comes once a second at most.
    KeyWanted,
}

/// What was measured of one viewer over the last second. A value that was not measured is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ViewerStats {
    /// Pictures and sound together, as sent, bits a second; what was sent again is not counted.
    pub bitrate_bps: Option<f64>,
    /// Share of packets lost before repair, 0 to 1.
    pub loss: Option<f64>,
    /// Round trip, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Pictures sent since the start.
    pub pictures: u64,
    /// Pictures left out since the first one, because the way did not bear them.
    pub skipped: u64,
    /// Requests to send packets again, since the start.
    pub nacks: u64,
}

/// What the handle and the thread both see.
#[derive(Default)]
pub(crate) struct Shared {
    pub stop: AtomicBool,
    pub open: AtomicUsize,
    /// Viewer sessions, connecting ones included.
    pub viewers: AtomicUsize,
    /// Datagrams that no session wanted.
    pub strays: AtomicU64,
    stats: Mutex<HashMap<SessionId, SourceStats>>,
    viewer_stats: Mutex<HashMap<SessionId, ViewerStats>>,
}

impl Shared {
    pub fn viewer_stats(&self) -> MutexGuard<'_, HashMap<SessionId, ViewerStats>> {
        self.viewer_stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stats(&self) -> MutexGuard<'_, HashMap<SessionId, SourceStats>> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The studio's side: one UDP socket, one thread named `rtc`. Dropping it closes every session and joins the thread.
pub struct Server {
    shared: Arc<Shared>,
    commands: Sender<Command>,
    units: Sender<AccessUnit>,
    /// The queue was full: pictures are left out up to the next key.
    broken: AtomicBool,
    /// `profile_idc` of the programme, 0 while it is not known.
    profile: AtomicU8,
    max_viewers: usize,
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
        let (units, programme) = crossbeam_channel::bounded(MAX_UNITS);
        let mut engine = Engine::new(port, config.clock, Arc::clone(&shared), requests, programme, on_event);
        let thread = std::thread::Builder::new().name("rtc".into()).spawn(move || engine.run())?;
        Ok(Self {
            shared,
            commands,
            units,
            broken: AtomicBool::new(false),
            profile: AtomicU8::new(0),
            max_viewers: config.max_viewers,
            waker,
            thread: Some(thread),
            locals,
            clock: config.clock,
            certificate,
            next_session: AtomicU64::new(1),
        })
    }

    /// The addresses that phones and viewers are told.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.locals
    }

    /// Datagrams since the start that belonged to no session.
    pub fn strays(&self) -> u64 {
        self.shared.strays.load(Ordering::Relaxed)
    }

    /// Answers a phone's offer with a new session for `slot`. A camera position needs a picture; the microphones
    /// [`SlotId::COMMENTARY`](tl_base::SlotId::COMMENTARY) and [`SlotId::TALKBACK`](tl_base::SlotId::TALKBACK) take sound alone. One
    /// session a slot is the caller's rule: it closes the older one.
    pub fn offer(&self, slot: SourceId, sdp: &str) -> Result<Answer, Error> {
        if self.shared.open.load(Ordering::Relaxed) >= MAX_SESSIONS {
            return Err(Error::Full(MAX_SESSIONS));
        }
        let plan = sdp::plan(sdp, slot.is_camera())?;
        let (rtc, answer) = self.build(sdp::config(plan.codec), &plan.offer)?;
        let session = self.next_session();
        let opened = Session::new(session, slot, rtc, self.clock, &plan.ssrcs);
        self.open(&self.shared.open, Member::Phone(Box::new(opened)), &answer)?;
        Ok(Answer { session, sdp: sdp::finish(&answer) })
    }

    /// Answers a viewer's offer with a new session that is sent the programme: one picture, in H.264, and at most one sound. When as
    /// many view as may, it is [`Error::Full`], and the page should watch in another way.
    pub fn view(&self, sdp: &str) -> Result<Answer, Error> {
        if self.shared.viewers.load(Ordering::Relaxed) >= self.max_viewers {
            return Err(Error::Full(self.max_viewers));
        }
        let plan = sdp::view_plan(sdp, self.profile.load(Ordering::Relaxed))?;
        let (rtc, answer) = self.build(sdp::view_config(plan.profile_level), &plan.offer)?;
        let session = self.next_session();
        self.open(&self.shared.viewers, Member::Viewer(Box::new(Viewer::new(session, rtc))), &answer)?;
        Ok(Answer { session, sdp: sdp::finish_view(&answer) })
    }

    /// Takes a piece of the programme for all viewers: pictures in H.264 with their parameter sets in front of each key, sound in
    /// Opus. Never blocks, and costs next to nothing while nobody views. False when the thread is so far behind that it was left
    /// out; pictures are then left out up to the next key.
    pub fn send_programme(&self, unit: &AccessUnit) -> bool {
        let picture = unit.codec == Codec::H264;
        if picture && unit.key {
            self.note_profile(&unit.data);
        }
        if self.viewers() == 0 {
            return true;
        }
        if picture && !unit.key && self.broken.load(Ordering::Relaxed) {
            return false;
        }
        let taken = self.units.try_send(unit.clone()).is_ok();
        if picture {
            self.broken.store(!taken, Ordering::Relaxed);
        }
        self.waker.wake();
        taken
    }

    /// Viewers now, those that still connect included.
    pub fn viewers(&self) -> usize {
        self.shared.viewers.load(Ordering::Relaxed)
    }

    /// What was measured last of each viewer that has been here for a second.
    pub fn viewer_stats(&self) -> Vec<(SessionId, ViewerStats)> {
        self.shared.viewer_stats().iter().map(|(id, stats)| (*id, *stats)).collect()
    }

    /// Sends a packet of Opus to one phone: the programme without its own sound, or somebody who speaks to it. Never blocks; false
    /// when the thread is so far behind that it was left out. A phone whose offer has no sound line that receives hears nothing.
    pub fn send_return(&self, session: SessionId, unit: &AccessUnit) -> bool {
        unit.codec == Codec::Opus && !unit.data.is_empty() && self.request(Command::Return(session, unit.clone())).is_ok()
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

    fn next_session(&self) -> SessionId {
        SessionId(self.next_session.fetch_add(1, Ordering::Relaxed))
    }

    /// Hands a session to the thread and counts it.
    fn open(&self, count: &AtomicUsize, member: Member, answer: &str) -> Result<(), Error> {
        let ufrag = sdp::attribute(answer, "ice-ufrag").ok_or_else(|| Error::Protocol("an answer without ice-ufrag".into()))?.to_owned();
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(refused) = self.request(Command::Open(member, ufrag)) {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(refused);
        }
        Ok(())
    }

    /// Remembers the programme's H.264 profile, which the next viewers are answered with.
    fn note_profile(&self, picture: &[u8]) {
        let mut sets = h264::nals(picture).take(4).filter(|nal| h264::kind(nal) == h264::SPS);
        if let Some(profile) = sets.find_map(|sps| sps.get(1)) {
            self.profile.store(*profile, Ordering::Relaxed);
        }
    }

    /// The parser of a library that reads strangers' words is held at arm's length.
    fn build(&self, config: RtcConfig, offer: &str) -> Result<(Rtc, String), Error> {
        let built = catch_unwind(AssertUnwindSafe(|| self.answer(config, offer)));
        built.map_err(|_| Error::OfferRefused("it could not be read".into()))?
    }

    fn answer(&self, config: RtcConfig, offer: &str) -> Result<(Rtc, String), Error> {
        let refuse = |error: &dyn fmt::Display| Error::OfferRefused(error.to_string());
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| refuse(&error))?;
        let mut config = config
            .set_dtls_cert(self.certificate.clone())
            .set_rtp_mode(true)
            .set_sctp_max_buffered_amount(16 * data::MAX_MESSAGE_BYTES)
            .set_rtcp_report_interval_video(REPORT_EVERY)
            .set_rtcp_report_interval_audio(REPORT_EVERY)
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
