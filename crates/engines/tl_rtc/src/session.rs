//! One phone: its protocol instance, its streams, its clock, and the conversation beside them.
//!
//! Time comes in with every call. Output goes to the [`Outlet`]; nothing here waits.

use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use str0m::channel::ChannelId;
use str0m::media::{KeyframeRequestKind, MediaAdded, Mid, SenderFeedback};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{IceConnectionState, Input, Output, Rtc};
use tl_base::{MediaClock, SourceId, SourceStats};
use tl_frame::Codec;

use crate::engine::Outlet;
use crate::reception::Reception;
use crate::server::{Event, SessionId};
use crate::talk::{Heard, Talk, Task};
use crate::timeline::PhoneClock;
use crate::track::{Packet, Track};

/// A phone that has its answer must be connected within this time.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A phone from which neither media nor a word comes for this long is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// Key pictures are asked for this often.
const KEY_EVERY: Duration = Duration::from_secs(2);
/// And never more often than this, however much is lost.
const KEY_SPACING: Duration = Duration::from_millis(250);
const STATS_EVERY: Duration = Duration::from_secs(1);
/// Output steps taken in one go; a library that never finishes must not hold the thread.
const MAX_OUTPUTS: usize = 20_000;
/// Failures of the protocol instance before the session is given up.
const MAX_FAILURES: u32 = 1_000;

/// A payload type of the answer.
struct Format {
    pt: u8,
    codec: Codec,
    /// The packets carry what was sent before.
    repair: bool,
}

struct Stream {
    mid: Mid,
    track: Track,
    reception: Reception,
}

/// What was counted at one turn of the statistics.
#[derive(Clone, Copy, Default)]
struct Turn {
    at: Option<Instant>,
    bytes: u64,
    frames: u64,
}

pub(crate) struct Session {
    id: SessionId,
    slot: SourceId,
    rtc: Rtc,
    clock: MediaClock,
    rtc_wake: Instant,
    opened: Instant,
    connected: bool,
    /// Media or a word came last.
    heard: Instant,
    over: Option<String>,
    failures: u32,
    formats: Vec<Format>,
    video: Option<Stream>,
    sound: Option<Stream>,
    phone: PhoneClock,
    two_way: bool,
    talk: Talk,
    key_asked: Option<Instant>,
    key_wanted: bool,
    next_stats: Instant,
    bytes: u64,
    turns: [Turn; 3],
    path_rtt_ms: Option<f64>,
}

impl Session {
    /// A session whose answer is about to go out.
    pub fn new(id: SessionId, slot: SourceId, rtc: Rtc, clock: MediaClock) -> Self {
        let now = Instant::now();
        Self {
            id,
            slot,
            rtc,
            clock,
            rtc_wake: now,
            opened: now,
            connected: false,
            heard: now,
            over: None,
            failures: 0,
            formats: Vec::new(),
            video: None,
            sound: None,
            phone: PhoneClock::default(),
            two_way: false,
            talk: Talk::new(now),
            key_asked: None,
            key_wanted: false,
            next_stats: now + STATS_EVERY,
            bytes: 0,
            turns: [Turn::default(); 3],
            path_rtt_ms: None,
        }
    }

    pub fn id(&self) -> SessionId {
        self.id
    }

    pub fn slot(&self) -> SourceId {
        self.slot
    }

    /// Why it ended, once it has.
    pub fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }

    /// When [`Session::advance`] is due.
    pub fn wake(&self) -> Instant {
        let mut wake = self.rtc_wake.min(self.next_stats).min(self.gone_at());
        for due in [self.talk.wake(), self.key_due()].into_iter().flatten() {
            wake = wake.min(due);
        }
        let held = [&self.video, &self.sound].into_iter().flatten().filter_map(|stream| stream.track.deadline());
        held.fold(wake, Instant::min)
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.input(Input::Timeout(now));
        self.settle(now, outlet);
        if self.over.is_some() {
            return;
        }
        self.release(now, outlet);
        self.talk.ping(now, self.clock.now());
        if self.key_due().is_some_and(|due| now >= due) {
            self.ask_key(now);
        }
        if now >= self.next_stats {
            self.measure(now, outlet);
        }
        if now >= self.gone_at() {
            self.close(if self.connected { "nothing was heard for 5 s" } else { "it did not connect" }, outlet);
            return;
        }
        self.settle(now, outlet);
    }

    /// Takes a datagram; tells whether it was this phone's.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, local: SocketAddr, datagram: &[u8], outlet: &mut Outlet<'_>) -> bool {
        let Ok(receive) = Receive::new(Protocol::Udp, from, local, datagram) else { return false };
        let input = Input::Receive(now, receive);
        if !self.rtc.accepts(&input) {
            return false;
        }
        self.note_header(now, datagram);
        self.input(input);
        self.settle(now, outlet);
        true
    }

    /// Says something to the phone if it can hear.
    pub fn say(&mut self, text: &str, outlet: &mut Outlet<'_>) {
        self.talk.say(text.to_owned());
        self.settle(Instant::now(), outlet);
    }

    /// Asks for a key picture, as soon as the spacing allows.
    pub fn request_key(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.key_wanted = true;
        if self.key_due().is_some_and(|due| now >= due) {
            self.ask_key(now);
            self.settle(now, outlet);
        }
    }

    /// Ends it and tells the phone.
    pub fn close(&mut self, reason: &str, outlet: &mut Outlet<'_>) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(session = %self.id, %error, "not closed cleanly");
        }
        self.fail(reason);
        self.settle(Instant::now(), outlet);
    }

    /// Marks it as over without a further word.
    pub fn fail(&mut self, reason: &str) {
        self.over.get_or_insert_with(|| reason.to_owned());
    }

    fn gone_at(&self) -> Instant {
        if self.connected { self.heard + SILENCE } else { self.opened + CONNECT_WITHIN }
    }

    fn key_due(&self) -> Option<Instant> {
        if !self.connected || self.video.is_none() {
            return None;
        }
        Some(match self.key_asked {
            Some(asked) if self.key_wanted => asked + KEY_SPACING,
            Some(asked) => asked + KEY_EVERY,
            None => self.heard,
        })
    }

    fn input(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            self.note_failure(&error);
        }
    }

    /// What fails on one datagram may be a stranger's forgery, so only many failures end a session.
    fn note_failure(&mut self, error: &dyn std::fmt::Display) {
        self.failures += 1;
        tracing::debug!(session = %self.id, %error, failures = self.failures, "protocol");
        if self.failures >= MAX_FAILURES {
            self.fail("its packets make no sense");
        }
    }

    /// Takes all output, and does what the events among it ask for, until nothing more comes.
    fn settle(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.drain(now, outlet);
        while self.over.is_none() {
            match self.talk.task() {
                Some(Task::Close(channel)) => self.rtc.direct_api().close_data_channel(channel),
                Some(Task::Write(channel, text)) => self.write(channel, &text),
                None => break,
            }
            self.input(Input::Timeout(now));
            self.drain(now, outlet);
        }
        if !self.rtc.is_alive() {
            self.fail("the connection ended");
        }
    }

    fn drain(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(wake)) => {
                    self.rtc_wake = wake;
                    return;
                }
                Ok(Output::Transmit(transmit)) => outlet.port.send(transmit.destination, &transmit.contents),
                Ok(Output::Event(event)) => self.event(event, now, outlet),
                Err(error) => {
                    self.note_failure(&error);
                    self.rtc_wake = now + Duration::from_millis(10);
                    return;
                }
            }
        }
        self.fail("its packets have no end");
    }

    fn event(&mut self, event: str0m::Event, now: Instant, outlet: &mut Outlet<'_>) {
        match event {
            str0m::Event::Connected => {
                self.connected = true;
                self.heard = now;
                (outlet.on_event)(Event::Connected { session: self.id, slot: self.slot });
            }
            str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) if self.connected => self.fail("the way to the phone broke"),
            str0m::Event::MediaAdded(added) => self.add(&added),
            str0m::Event::RtpPacket(packet) => self.packet(packet, now, outlet),
            str0m::Event::SenderFeedback(feedback) => self.report(&feedback, outlet),
            str0m::Event::ChannelOpen(id, label) => {
                let few = self.talk.opened(id, &label, now);
                if !few {
                    self.fail("it opens too many data channels");
                }
            }
            str0m::Event::ChannelData(message) => match self.talk.hear(&message) {
                Heard::Nothing => {}
                Heard::Pong { sent, phone } => {
                    self.heard = now;
                    self.phone.note_ping(sent, phone, self.clock.at(now));
                    self.tell_clock(false, outlet);
                }
                Heard::Words(message) => {
                    self.heard = now;
                    (outlet.on_event)(Event::Data { session: self.id, message });
                }
                Heard::TooMuch => self.fail("it talks too much"),
            },
            str0m::Event::ChannelClose(id) => self.talk.closed(id),
            str0m::Event::PeerStats(stats) => {
                let pair = stats.selected_candidate_pair.and_then(|pair| pair.current_round_trip_time);
                self.path_rtt_ms = pair.map(|rtt| rtt.as_secs_f64() * 1e3);
            }
            str0m::Event::Closed => self.fail("the phone left"),
            _ => {}
        }
    }

    fn add(&mut self, added: &MediaAdded) {
        let sound = added.kind.is_audio();
        let rate_hz = if sound { 48_000 } else { 90_000 };
        let stream = Stream { mid: added.mid, track: Track::new(self.slot, sound, rate_hz), reception: Reception::new(rate_hz) };
        let place = if sound { &mut self.sound } else { &mut self.video };
        place.get_or_insert(stream);
        self.formats.clear();
        for params in self.rtc.codec_config().params() {
            let codec = match params.spec().codec {
                str0m::format::Codec::H264 => Codec::H264,
                str0m::format::Codec::Vp8 => Codec::Vp8,
                str0m::format::Codec::Opus => Codec::Opus,
                _ => continue,
            };
            self.formats.push(Format { pt: *params.pt(), codec, repair: false });
            self.formats.extend(params.resend().map(|pt| Format { pt: *pt, codec, repair: true }));
        }
    }

    fn format(&self, pt: u8) -> Option<&Format> {
        self.formats.iter().find(|format| format.pt == pt)
    }

    fn stream(&mut self, codec: Codec) -> Option<&mut Stream> {
        if codec.is_audio() { self.sound.as_mut() } else { self.video.as_mut() }
    }

    /// Counts a datagram by its RTP header, before anything is repaired or refused.
    fn note_header(&mut self, now: Instant, datagram: &[u8]) {
        let Some(&[first, kind, s0, s1, t0, t1, t2, t3, ..]) = datagram.first_chunk::<12>() else { return };
        let pt = kind & 0x7f;
        if !(128..192).contains(&first) || (64..96).contains(&pt) {
            return;
        }
        self.bytes += datagram.len() as u64;
        let Some((codec, false)) = self.format(pt).map(|format| (format.codec, format.repair)) else { return };
        let arrival = self.clock.at(now);
        if let Some(stream) = self.stream(codec) {
            stream.reception.note(u16::from_be_bytes([s0, s1]), u32::from_be_bytes([t0, t1, t2, t3]), arrival);
        }
    }

    fn packet(&mut self, packet: RtpPacket, now: Instant, outlet: &mut Outlet<'_>) {
        self.heard = now;
        let Some(codec) = self.format(*packet.header.payload_type).map(|format| format.codec) else { return };
        let Some(stream) = self.stream(codec) else { return };
        stream.track.push(Packet {
            sequence: *packet.seq_no,
            rtp: packet.header.timestamp,
            marker: packet.header.marker,
            ssrc: *packet.header.ssrc,
            codec,
            received: packet.timestamp,
            payload: packet.payload,
        });
        self.release(now, outlet);
    }

    /// Hands out what is whole.
    fn release(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        let (clock, phone, session) = (self.clock, &self.phone, self.id);
        for stream in [&mut self.video, &mut self.sound].into_iter().flatten() {
            while let Some(unit) = stream.track.pop(now, |at| clock.at(at), phone) {
                (outlet.on_event)(Event::Media { session, unit });
            }
            self.key_wanted |= stream.track.take_wants_key();
        }
    }

    fn report(&mut self, feedback: &SenderFeedback, outlet: &mut Outlet<'_>) {
        let info = feedback.sender_info;
        // A sender that has sent nothing yet has no RTP time to speak of.
        if info.sender_packet_count == 0 {
            return;
        }
        let ntp = match info.ntp_time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX).saturating_neg(),
        };
        self.phone.note_report(ntp, self.clock.at(feedback.received_at));
        let stream = [&mut self.video, &mut self.sound].into_iter().flatten().find(|stream| stream.mid == feedback.mid);
        if let Some(stream) = stream {
            stream.track.note_report(info.rtp_time.numer() as u32, ntp);
        }
        self.tell_clock(false, outlet);
    }

    /// Tells the clock when it is first known, when it is known better, and when asked to.
    fn tell_clock(&mut self, always: bool, outlet: &mut Outlet<'_>) {
        let Some(state) = self.phone.state() else { return };
        if always || (state.two_way && !self.two_way) {
            self.two_way = state.two_way;
            (outlet.on_event)(Event::Clock { session: self.id, state });
        }
    }

    fn write(&mut self, channel: ChannelId, text: &str) {
        let Some(mut channel) = self.rtc.channel(channel) else { return };
        match channel.write(false, text.as_bytes()) {
            Ok(true) => {}
            // A phone that does not listen loses words; the next ones say what counts then.
            Ok(false) => tracing::debug!(session = %self.id, "data channel full"),
            Err(error) => tracing::debug!(session = %self.id, %error, "data channel"),
        }
    }

    fn ask_key(&mut self, now: Instant) {
        let Some(mid) = self.video.as_ref().map(|stream| stream.mid) else { return };
        self.key_asked = Some(now);
        self.key_wanted = false;
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.input(Input::Timeout(now));
    }

    fn measure(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.next_stats = now + STATS_EVERY;
        self.talk.refill();
        if !self.connected {
            return;
        }
        let (video_frames, lost) = self.video.as_ref().map(|stream| stream.track.counts()).unwrap_or_default();
        let newest = Turn { at: Some(now), bytes: self.bytes, frames: video_frames };
        let [_, middle, last] = self.turns;
        self.turns = [middle, last, newest];
        let oldest = self.turns.iter().find(|turn| turn.at.is_some()).copied().unwrap_or(newest);
        let span = oldest.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        let rate = |after: u64, before: u64| (span > 0.0).then(|| after.saturating_sub(before) as f64 / span);
        let reports = [&mut self.video, &mut self.sound].map(|stream| stream.as_mut().map(|stream| stream.reception.turn()));
        let report = reports.into_iter().flatten().next().unwrap_or_default();
        let stats = SourceStats {
            bitrate_bps: rate(newest.bytes, oldest.bytes).map(|bytes| bytes * 8.0),
            fps: rate(newest.frames, oldest.frames),
            loss: report.loss,
            jitter_ms: report.jitter_ms,
            rtt_ms: self.phone.rtt_ms().or(self.path_rtt_ms),
            decode_ms: None,
        };
        outlet.shared.stats().insert(self.id, stats);
        (outlet.on_event)(Event::Stats { session: self.id, stats, video_frames, lost });
        self.tell_clock(true, outlet);
    }
}
