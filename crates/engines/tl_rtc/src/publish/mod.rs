//! A phone without a screen: it publishes pictures and sound over the same protocols as a browser, for rehearsals and tests.
//!
//! It owns a socket and no thread: [`Publisher::poll`] does what is due and says when it wants to be called again, so that one
//! thread can be many phones. It lives in its own phone's time, which may be off and run fast or slow; sender reports and pongs
//! tell that time. What it sends can be lost, delayed and put out of order on the way, repeatably from a seed.

mod clock;
mod impair;
mod shim;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::format::Codec as Format;
use str0m::media::{Direction, Frequency, MediaKind, MediaTime as RtpTime, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, IceConnectionState, Input, Output, Rtc};
use tl_frame::{AccessUnit, Codec};

pub use clock::{Clock, offset_clock};
pub use impair::Impairment;
pub use shim::{Passed, Shim};

use crate::data::{self, FromPhone, ToPhone};
use crate::{Error, sdp, socket};
use clock::PhoneTime;
use impair::Impaired;

/// How long answers from the studio may lie in the socket: the price of having no thread.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The same while nothing is expected soon.
const LOOK_EVERY_IDLE: Duration = Duration::from_millis(10);
/// Events held for the owner; the oldest leaves when they are not fetched.
const MAX_EVENTS: usize = 256;
/// The longest datagram that is read.
const MAX_DATAGRAM_BYTES: usize = 2_048;
/// Datagrams taken in one call.
const MAX_DATAGRAMS: usize = 256;
/// Packets that leave in one go.
const MAX_ROUNDS: u32 = 256;
/// Packets, and their age, that are kept to be sent again.
const REPEATABLE: (usize, Duration) = (1_024, Duration::from_secs(2));
/// What a phone takes its way to bear before it has been told anything, bits a second.
const FIRST_ESTIMATE_BPS: u64 = 4_000_000;
/// Sender reports a second, about: what browsers do.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// What a virtual phone is.
#[derive(Clone)]
pub struct Config {
    /// The address it lives at.
    pub bind: IpAddr,
    /// What happens to its datagrams on the way.
    pub impair: Impairment,
    /// Its clock, see [`offset_clock`].
    pub clock: Clock,
    /// The video codec it offers: H.264 or VP8.
    pub codec: Codec,
    /// How it introduces itself.
    pub name: String,
    /// Whether its sound line also receives: the return sound comes as [`Event::Sound`].
    pub listen: bool,
    /// Whether it offers a microphone alone, without a camera.
    pub sound_only: bool,
    /// Whether it paces what it sends and judges the way by the studio's feedback, as browsers do; the judgement comes as
    /// [`Event::Bandwidth`]. It sends what it is given all the same: its owner chooses a thinner clip.
    pub estimate: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: [127, 0, 0, 1].into(),
            impair: Impairment::default(),
            clock: offset_clock(0.0, 0.0),
            codec: Codec::H264,
            name: "phone".into(),
            listen: false,
            sound_only: false,
            estimate: false,
        }
    }
}

/// What happened at the phone.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The connection is up; what was sent before is gone.
    Connected,
    /// The studio needs a key picture.
    KeyFrameRequested,
    /// The studio said something. Pings are answered without a word about it.
    Data(ToPhone),
    /// A packet of Opus came back from the studio.
    Sound(Arc<[u8]>),
    /// What the way bears by the phone's own judgement, bits a second.
    Bandwidth(u64),
    /// What the studio says may be sent (a receiver's estimate), bits a second.
    Ceiling(u64),
    /// The connection is over.
    Closed,
}

/// What a phone has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams given to the network.
    pub sent: u64,
    /// Datagrams that were lost on purpose.
    pub lost: u64,
    /// Bytes given to the network.
    pub bytes: u64,
    /// Pings answered.
    pub pongs: u64,
}

struct Sending {
    mid: Mid,
    pt: Option<Pt>,
    /// RTP time is the phone's time plus this many ticks, as real senders start anywhere.
    base: u64,
}

/// A phone without a screen.
pub struct Publisher {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    time: PhoneTime,
    codec: Codec,
    name: String,
    listen: bool,
    sound_only: bool,
    pending: Option<SdpPendingOffer>,
    video: Option<Sending>,
    sound: Option<Sending>,
    channel: Option<ChannelId>,
    connected: bool,
    closed: bool,
    outbox: VecDeque<String>,
    events: VecDeque<Event>,
    way: Impaired,
    rtc_wake: Instant,
    counts: Counts,
    /// Where the studio was heard last.
    studio: Option<SocketAddr>,
    buffer: Vec<u8>,
}

impl Publisher {
    /// A phone that has not called yet.
    pub fn new(config: Config) -> Result<Self, Error> {
        let socket = socket::open(SocketAddr::new(config.bind, 0), false)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let now = Instant::now();
        let time = PhoneTime::new(config.clock, now);
        let mut settings = sdp::config((!config.sound_only).then_some(config.codec));
        if config.estimate {
            settings = settings.enable_bwe(Some(Bitrate::from(FIRST_ESTIMATE_BPS)));
        }
        let settings = settings.set_rtcp_report_interval_video(REPORT_EVERY).set_rtcp_report_interval_audio(REPORT_EVERY);
        let mut rtc = settings.build(time.instant(now));
        if config.estimate {
            // A phone hopes to send a good camera.
            rtc.bwe().set_desired_bitrate(Bitrate::from(FIRST_ESTIMATE_BPS));
        }
        let candidate = Candidate::host(local, "udp").map_err(|error| Error::Protocol(error.to_string()))?;
        rtc.add_local_candidate(candidate);
        Ok(Self {
            rtc,
            socket,
            local,
            time,
            codec: config.codec,
            name: config.name,
            listen: config.listen,
            sound_only: config.sound_only,
            pending: None,
            video: None,
            sound: None,
            channel: None,
            connected: false,
            closed: false,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            way: Impaired::new(config.impair),
            rtc_wake: now,
            counts: Counts::default(),
            studio: None,
            buffer: vec![0; MAX_DATAGRAM_BYTES],
        })
    }

    /// The offer to post: one camera unless it is a microphone, one microphone, one data channel.
    pub fn offer(&mut self) -> Result<String, Error> {
        let mut changes = self.rtc.sdp_api();
        let video = (!self.sound_only).then(|| changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, None));
        let both = if self.listen { Direction::SendRecv } else { Direction::SendOnly };
        let sound = changes.add_media(MediaKind::Audio, both, None, None, None);
        changes.add_channel(data::LABEL.into());
        let (offer, pending) = changes.apply().ok_or_else(|| Error::Protocol("an offer without content".into()))?;
        self.pending = Some(pending);
        self.video = video.map(|mid| Sending { mid, pt: None, base: 0x1234_5678 });
        self.sound = Some(Sending { mid: sound, pt: None, base: 0x0765_4321 });
        Ok(offer.to_sdp_string())
    }

    /// Takes the answer to [`Publisher::offer`]; [`Event::Connected`] follows.
    pub fn accept(&mut self, answer: &str) -> Result<(), Error> {
        let pending = self.pending.take().ok_or_else(|| Error::AnswerRefused("nothing was offered".into()))?;
        let refuse = |error: &dyn std::fmt::Display| Error::AnswerRefused(error.to_string());
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|error| refuse(&error))?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| refuse(&error))?;
        // A browser repeats whatever it is asked for; this library stops at 15 %, which 5 % of loss on a long way would reach.
        if let Some(video) = &self.video
            && let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(video.mid, None)
        {
            stream.set_rtx_cache(REPEATABLE.0, REPEATABLE.1, None);
        }
        self.rtc_wake = Instant::now();
        Ok(())
    }

    /// Sends a picture (Annex B or VP8) that was captured when the phone's clock showed `capture` nanoseconds. Of the unit only
    /// codec and bytes are looked at.
    pub fn send_video(&mut self, unit: &AccessUnit, capture: i64) -> Result<(), Error> {
        if unit.codec != self.codec {
            return Err(Error::NoCommonCodec);
        }
        let format = if self.codec == Codec::H264 { Format::H264 } else { Format::Vp8 };
        self.send(true, format, &unit.data, capture)
    }

    /// Sends a packet of Opus whose first sample was captured when the phone's clock showed `capture` nanoseconds.
    pub fn send_audio(&mut self, unit: &AccessUnit, capture: i64) -> Result<(), Error> {
        if unit.codec != Codec::Opus {
            return Err(Error::NoCommonCodec);
        }
        self.send(false, Format::Opus, &unit.data, capture)
    }

    /// Says something to the studio.
    pub fn say(&mut self, message: &FromPhone) -> Result<(), Error> {
        let text = message.to_json()?;
        self.outbox.push_back(text);
        Ok(())
    }

    /// Says any text at all on the data channel, for phones that do not keep to the words.
    pub fn say_raw(&mut self, text: &str) {
        self.outbox.push_back(text.to_owned());
    }

    /// Sends any bytes at all to the studio from this phone's own port, for phones that do not keep to the protocol.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Some(to) = self.studio {
            self.transmit(to, bytes);
        }
    }

    /// What the phone's clock shows at `now`, nanoseconds.
    pub fn phone_time(&self, now: Instant) -> i64 {
        self.time.nanos(now)
    }

    /// Does what is due and tells when to call again at the latest; calling earlier does no harm.
    pub fn poll(&mut self, now: Instant) -> Instant {
        self.receive();
        if now >= self.rtc_wake {
            self.step(now, Input::Timeout(self.time.instant(now)));
        }
        while let Some(text) = self.outbox.pop_front() {
            let written = self.channel.and_then(|id| self.rtc.channel(id)).map(|mut channel| channel.write(false, text.as_bytes()));
            if written.is_none() {
                // Said again when the channel opens, if it ever does.
                self.outbox.push_front(text);
                self.outbox.truncate(16);
                break;
            }
            self.step(now, Input::Timeout(self.time.instant(now)));
        }
        self.flush(now);
        if self.closed {
            return now + Duration::from_secs(1);
        }
        let look = if self.pending.is_some() || self.video.is_none() { LOOK_EVERY_IDLE } else { LOOK_EVERY };
        let due = self.way.due().unwrap_or(self.rtc_wake).min(self.rtc_wake).min(now + look);
        due.max(now)
    }

    /// What happened, oldest first.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether media that is sent now goes out.
    pub fn connected(&self) -> bool {
        self.connected && !self.closed
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts { lost: self.way.lost(), ..self.counts }
    }

    /// Changes what happens to datagrams from now on.
    pub fn set_impairment(&mut self, impair: Impairment) {
        self.way.set(impair);
    }

    /// Hangs up and tells the studio.
    pub fn close(&mut self) {
        let now = Instant::now();
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "not closed cleanly");
        }
        self.drain(now);
        self.flush(now);
        self.end();
    }

    fn send(&mut self, video: bool, format: Format, data: &[u8], capture: i64) -> Result<(), Error> {
        if !self.connected() {
            return Err(Error::NotConnected);
        }
        let now = Instant::now();
        // The protocol's time must have passed the capture before it is written.
        self.step(now, Input::Timeout(self.time.instant(now)));
        let sending = if video { self.video.as_mut() } else { self.sound.as_mut() };
        let sending = sending.ok_or(Error::NotConnected)?;
        let writer = self.rtc.writer(sending.mid).ok_or(Error::NotConnected)?;
        let pt = match sending.pt {
            Some(pt) => pt,
            None => writer.payload_params().find(|params| params.spec().codec == format).map(|params| params.pt()).ok_or(Error::NoCommonCodec)?,
        };
        sending.pt = Some(pt);
        let (rate, frequency) = if video { (90_000, Frequency::NINETY_KHZ) } else { (48_000, Frequency::FORTY_EIGHT_KHZ) };
        let ticks = (i128::from(capture) * rate).div_euclid(1_000_000_000) as u64;
        let rtp = RtpTime::new(u64::from(ticks.wrapping_add(sending.base) as u32), frequency);
        let wallclock = self.time.instant_of(capture);
        writer.write(pt, wallclock, rtp, Arc::<[u8]>::from(data)).map_err(|error| Error::Protocol(error.to_string()))?;
        self.step(now, Input::Timeout(self.time.instant(now)));
        self.flush(now);
        Ok(())
    }

    fn receive(&mut self) {
        for _ in 0..MAX_DATAGRAMS {
            let Ok((length, from)) = self.socket.recv_from(&mut self.buffer) else { return };
            let now = Instant::now();
            let at = self.time.instant(now);
            let buffer = std::mem::take(&mut self.buffer);
            if let Some(Ok(receive)) = buffer.get(..length).map(|datagram| Receive::new(Protocol::Udp, from, self.local, datagram)) {
                self.studio = Some(from);
                self.step(now, Input::Receive(at, receive));
            }
            self.buffer = buffer;
        }
    }

    fn step(&mut self, now: Instant, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, "protocol");
        }
        self.drain(now);
    }

    fn drain(&mut self, now: Instant) {
        let own = self.time.instant(now);
        let mut rounds = MAX_ROUNDS;
        loop {
            match self.rtc.poll_output() {
                // The protocol spaces its packets by asking for the time again, at once.
                Ok(Output::Timeout(wake)) if wake <= own && rounds > 0 => {
                    rounds -= 1;
                    if let Err(error) = self.rtc.handle_input(Input::Timeout(own)) {
                        tracing::debug!(%error, "protocol");
                    }
                }
                Ok(Output::Timeout(wake)) => {
                    self.rtc_wake = self.time.real(now, wake);
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    if let Some((to, bytes)) = self.way.take(now, transmit.destination, transmit.contents.into()) {
                        self.transmit(to, &bytes);
                    }
                }
                Ok(Output::Event(event)) => self.event(event, now),
                Err(error) => {
                    tracing::debug!(%error, "protocol");
                    self.rtc_wake = now + Duration::from_millis(10);
                    break;
                }
            }
        }
        if !self.rtc.is_alive() {
            self.end();
        }
    }

    fn event(&mut self, event: str0m::Event, now: Instant) {
        match event {
            str0m::Event::Connected => {
                self.connected = true;
                self.tell(Event::Connected);
            }
            str0m::Event::KeyframeRequest(_) => self.tell(Event::KeyFrameRequested),
            str0m::Event::MediaData(media) => self.tell(Event::Sound(media.data)),
            str0m::Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => self.tell(Event::Ceiling(estimate.as_u64())),
            str0m::Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => self.tell(Event::Bandwidth(estimate.as_u64())),
            str0m::Event::ChannelOpen(id, label) if label == data::LABEL => {
                self.channel = Some(id);
                let hello = FromPhone::Hello { name: self.name.clone(), user_agent: concat!("touchline/", env!("CARGO_PKG_VERSION")).into() };
                if let Ok(text) = hello.to_json() {
                    self.outbox.push_front(text);
                }
            }
            str0m::Event::ChannelData(words) => match ToPhone::parse(&words.data) {
                Some(ToPhone::Ping { id }) => {
                    let pong = FromPhone::Pong { id, clock_us: self.time.ntp(now).div_euclid(1_000) };
                    self.counts.pongs += 1;
                    if let Ok(text) = pong.to_json() {
                        self.outbox.push_back(text);
                    }
                }
                Some(message) => self.tell(Event::Data(message)),
                None => {}
            },
            str0m::Event::Closed | str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.end(),
            _ => {}
        }
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

    fn flush(&mut self, now: Instant) {
        while let Some((to, bytes)) = self.way.pop(now) {
            self.transmit(to, &bytes);
        }
    }

    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.counts.sent += 1;
        self.counts.bytes += bytes.len() as u64;
        if let Err(error) = self.socket.send_to(bytes, to) {
            tracing::trace!(%error, "datagram not sent");
        }
    }
}
