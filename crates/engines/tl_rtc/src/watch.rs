//! A viewer without a screen: it watches the programme over the same protocols as a browser, for rehearsals and tests.
//!
//! Like [`crate::publish::Publisher`] it owns a socket and no thread: [`Watcher::poll`] does what is due and says when it wants to
//! be called again, so that one thread can be many viewers.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec as Format;
use str0m::media::{Direction, KeyframeRequestKind, MediaData, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, IceConnectionState, Input, Output, Rtc};
use tl_frame::h264;

use crate::{Error, sdp, socket};

/// How long datagrams may lie in the socket: the price of having no thread.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The longest datagram that is read.
const MAX_DATAGRAM_BYTES: usize = 2_048;
/// Datagrams taken in one call.
const MAX_DATAGRAMS: usize = 512;
/// Events held for the owner; the oldest leaves when they are not fetched.
const MAX_EVENTS: usize = 1_024;
/// The profile that a viewer without a screen asks for: any, since it decodes nothing.
const PROFILE_LEVEL: u32 = 0x64_001f;

/// What happened at the viewer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection is up.
    Connected,
    /// A picture (Annex B) or a packet of Opus.
    Unit {
        /// Whether it is sound.
        sound: bool,
        /// Whether decoding may start here.
        key: bool,
        /// RTP time as sent: 90 kHz for pictures, 48 kHz for sound.
        rtp: u32,
        /// Nothing was lost between the one before and this one.
        contiguous: bool,
        /// The access unit.
        data: Arc<[u8]>,
    },
    /// The connection is over.
    Closed,
}

/// A viewer without a screen.
pub struct Watcher {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    picture: Option<Mid>,
    sound: Option<Mid>,
    wake: Instant,
    closed: bool,
    events: VecDeque<Event>,
    buffer: Vec<u8>,
    bytes: u64,
    studio: Option<SocketAddr>,
}

impl Watcher {
    /// A viewer at `bind`.
    pub fn new(bind: IpAddr) -> Result<Self, Error> {
        let socket = socket::open(SocketAddr::new(bind, 0), false)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let now = Instant::now();
        let mut rtc = sdp::view_config(PROFILE_LEVEL).build(now);
        let candidate = Candidate::host(local, "udp").map_err(|error| Error::Protocol(error.to_string()))?;
        rtc.add_local_candidate(candidate);
        Ok(Self {
            rtc,
            socket,
            local,
            pending: None,
            picture: None,
            sound: None,
            wake: now,
            closed: false,
            events: VecDeque::new(),
            buffer: vec![0; MAX_DATAGRAM_BYTES],
            bytes: 0,
            studio: None,
        })
    }

    /// The offer to post: one picture and one sound, both received.
    pub fn offer(&mut self) -> Result<String, Error> {
        let mut changes = self.rtc.sdp_api();
        self.picture = Some(changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None));
        self.sound = Some(changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None));
        let (offer, pending) = changes.apply().ok_or_else(|| Error::Protocol("an offer without content".into()))?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    /// Takes the answer to [`Watcher::offer`]; [`Event::Connected`] follows.
    pub fn accept(&mut self, answer: &str) -> Result<(), Error> {
        let pending = self.pending.take().ok_or_else(|| Error::AnswerRefused("nothing was offered".into()))?;
        let refuse = |error: &dyn std::fmt::Display| Error::AnswerRefused(error.to_string());
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|error| refuse(&error))?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| refuse(&error))?;
        self.wake = Instant::now();
        Ok(())
    }

    /// Asks the studio for a key picture.
    pub fn request_key(&mut self) {
        let Some(mut writer) = self.picture.and_then(|mid| self.rtc.writer(mid)) else { return };
        if let Err(error) = writer.request_keyframe(None, KeyframeRequestKind::Pli) {
            tracing::debug!(%error, "no key asked for");
        }
        self.wake = Instant::now();
    }

    /// Sends any bytes at all to the studio from this viewer's own port, for viewers that do not keep to the protocol.
    pub fn send_raw(&self, bytes: &[u8]) {
        if let Some(to) = self.studio {
            self.transmit(to, bytes);
        }
    }

    /// Does what is due and tells when to call again at the latest; calling earlier does no harm.
    pub fn poll(&mut self, now: Instant) -> Instant {
        self.receive();
        if now >= self.wake {
            self.step(Input::Timeout(now), now);
        }
        if self.closed { now + Duration::from_secs(1) } else { self.wake.min(now + LOOK_EVERY).max(now) }
    }

    /// What happened, oldest first.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes that came, datagrams' payloads as they were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Leaves and tells the studio.
    pub fn close(&mut self) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "not closed cleanly");
        }
        self.drain(Instant::now());
        self.end();
    }

    fn receive(&mut self) {
        for _ in 0..MAX_DATAGRAMS {
            let Ok((length, from)) = self.socket.recv_from(&mut self.buffer) else { return };
            self.bytes += length as u64;
            self.studio = Some(from);
            let now = Instant::now();
            let buffer = std::mem::take(&mut self.buffer);
            if let Some(Ok(receive)) = buffer.get(..length).map(|datagram| Receive::new(Protocol::Udp, from, self.local, datagram)) {
                self.step(Input::Receive(now, receive), now);
            }
            self.buffer = buffer;
        }
    }

    fn step(&mut self, input: Input<'_>, now: Instant) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "protocol");
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(wake)) => {
                    self.wake = wake;
                    break;
                }
                Ok(Output::Transmit(transmit)) => self.transmit(transmit.destination, &transmit.contents),
                Ok(Output::Event(event)) => self.event(event),
                Err(error) => {
                    tracing::debug!(%error, "protocol");
                    self.wake = now + Duration::from_millis(10);
                    break;
                }
            }
        }
        if !self.rtc.is_alive() {
            self.end();
        }
    }

    fn event(&mut self, event: str0m::Event) {
        match event {
            str0m::Event::Connected => self.tell(Event::Connected),
            str0m::Event::MediaData(media) => self.take(media),
            str0m::Event::Closed | str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.end(),
            _ => {}
        }
    }

    fn take(&mut self, media: MediaData) {
        let sound = media.params.spec().codec == Format::Opus;
        let key = sound || h264::is_key(&media.data);
        self.tell(Event::Unit { sound, key, rtp: media.time.numer() as u32, contiguous: media.contiguous, data: media.data });
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn end(&mut self) {
        if !self.closed {
            self.closed = true;
            self.tell(Event::Closed);
        }
    }

    fn transmit(&self, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = self.socket.send_to(bytes, to) {
            tracing::trace!(%error, "datagram not sent");
        }
    }
}
