//! One phone: its protocol instance, its streams, its clock, and the conversation beside them.
//!
//! Time comes in with every call. Output goes to the [`Outlet`]; nothing here waits.

use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use str0m::bwe::Bitrate;
use str0m::channel::ChannelId;
use str0m::media::{KeyframeRequestKind, MediaAdded, Mid, Pt, SenderFeedback};
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo};
use str0m::{IceConnectionState, Rtc};
use tl_base::{MediaClock, SourceId, SourceStats};
use tl_frame::{AccessUnit, Codec};

use crate::engine::Outlet;
use crate::link::Link;
use crate::programme;
use crate::reception::Reception;
use crate::server::{Event, SessionId};
use crate::surge::{Surge, Word};
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
/// While no missing packet is worth asking for, they are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_millis(30);
const STATS_EVERY: Duration = Duration::from_secs(1);
/// RTP clock of pictures (RFC 6184, section 8.2.1; RFC 7741, section 6.1).
const VIDEO_RATE_HZ: u32 = 90_000;
/// A word about its way can be lost like any datagram, so it is told again with each turn of the statistics so many times.
const WORD_AGAIN: u8 = 3;
/// More than any phone sends, bits a second.
const FREE_BPS: f64 = 100e6;

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
    /// Missing packets are not asked for, and were forgotten last at this time.
    unrepaired: Option<Instant>,
}

/// Sound to the phone.
struct Return {
    mid: Mid,
    pt: Pt,
    next: SeqNo,
}

/// What was counted at one turn of the statistics.
#[derive(Clone, Copy, Default)]
struct Turn {
    at: Option<Instant>,
    bytes: u64,
    frames: u64,
}

pub(crate) struct Session {
    link: Link,
    slot: SourceId,
    clock: MediaClock,
    opened: Instant,
    connected: bool,
    /// Media or a word came last.
    heard: Instant,
    /// The only synchronisation sources that are listened to, in order; none: any.
    ssrcs: Vec<u32>,
    formats: Vec<Format>,
    video: Option<Stream>,
    sound: Option<Stream>,
    back: Option<Return>,
    phone: PhoneClock,
    two_way: bool,
    talk: Talk,
    key_asked: Option<Instant>,
    key_wanted: bool,
    surge: Surge,
    /// Sequence number of the pictures' packet that came in the newest datagram, unless it was sent again.
    fresh: Option<u16>,
    /// What the phone was told of its way last, and how often that will be told again.
    word: Option<(Word, u8)>,
    next_stats: Instant,
    bytes: u64,
    turns: [Turn; 3],
    path_rtt_ms: Option<f64>,
}

impl Session {
    /// A session whose answer is about to go out.
    pub fn new(id: SessionId, slot: SourceId, rtc: Rtc, clock: MediaClock, ssrcs: &[u32]) -> Self {
        let now = Instant::now();
        Self {
            link: Link::new(id, rtc, now),
            slot,
            clock,
            opened: now,
            connected: false,
            heard: now,
            ssrcs: ssrcs.to_vec(),
            formats: Vec::new(),
            video: None,
            sound: None,
            back: None,
            phone: PhoneClock::default(),
            two_way: false,
            talk: Talk::new(now),
            key_asked: None,
            key_wanted: false,
            surge: Surge::new(VIDEO_RATE_HZ),
            fresh: None,
            word: None,
            next_stats: now + STATS_EVERY,
            bytes: 0,
            turns: [Turn::default(); 3],
            path_rtt_ms: None,
        }
    }

    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    pub fn slot(&self) -> SourceId {
        self.slot
    }

    /// Why it ended, once it has.
    pub fn over(&self) -> Option<&str> {
        self.link.over()
    }

    /// When [`Session::advance`] is due.
    pub fn wake(&self) -> Instant {
        let mut wake = self.link.wake().min(self.next_stats).min(self.gone_at());
        for due in [self.talk.wake(), self.key_due()].into_iter().flatten() {
            wake = wake.min(due);
        }
        let held = [&self.video, &self.sound].into_iter().flatten().filter_map(|stream| stream.track.deadline());
        held.fold(wake, Instant::min)
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.link.begin();
        self.link.tick(now);
        self.settle(now, outlet);
        if self.over().is_some() {
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
        if self.is_foreign(datagram) {
            return false;
        }
        self.link.begin();
        if !self.link.receive(now, from, local, datagram) {
            return false;
        }
        self.note_header(now, datagram);
        self.settle(now, outlet);
        true
    }

    /// Sends a packet of Opus to the phone; tells whether it has an ear for it.
    pub fn send_back(&mut self, unit: &AccessUnit, outlet: &mut Outlet<'_>) -> bool {
        let now = Instant::now();
        let Some(back) = self.back.as_mut().filter(|_| self.connected) else { return false };
        let mut api = self.link.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(back.mid, None) else { return false };
        let rtp = programme::rtp_time(unit.pts, true);
        stream.write_rtp(RtpWrite::new(back.pt, back.next.inc(), rtp, now, &*unit.data));
        self.link.begin();
        self.link.tick(now);
        self.settle(now, outlet);
        true
    }

    /// Says something to the phone if it can hear.
    pub fn say(&mut self, text: &str, outlet: &mut Outlet<'_>) {
        self.talk.say(text.to_owned());
        self.link.begin();
        self.settle(Instant::now(), outlet);
    }

    /// Asks for a key picture, as soon as the spacing allows.
    pub fn request_key(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.key_wanted = true;
        if self.key_due().is_some_and(|due| now >= due) {
            self.link.begin();
            self.ask_key(now);
            self.settle(now, outlet);
        }
    }

    /// Ends it and tells the phone.
    pub fn close(&mut self, reason: &str, outlet: &mut Outlet<'_>) {
        self.link.begin();
        self.link.close(reason);
        self.settle(Instant::now(), outlet);
    }

    fn gone_at(&self) -> Instant {
        if self.connected { self.heard + SILENCE } else { self.opened + CONNECT_WITHIN }
    }

    fn key_due(&self) -> Option<Instant> {
        if !self.connected || self.video.is_none() {
            return None;
        }
        let coming = self.video.as_ref().is_some_and(|video| video.track.key_on_its_way());
        Some(match self.key_asked {
            Some(asked) if self.key_wanted && !coming => asked + KEY_SPACING,
            // A key picture in a queue holds up all that comes behind it.
            Some(asked) => asked + if self.surge.holds() { KEY_EVERY * 3 } else { KEY_EVERY },
            None => self.heard,
        })
    }

    /// Takes all output, and does what the events among it ask for, until nothing more comes.
    fn settle(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.drain(now, outlet);
        while self.over().is_none() {
            match self.talk.task() {
                Some(Task::Close(channel)) => self.link.rtc.direct_api().close_data_channel(channel),
                Some(Task::Write(channel, text)) => self.write(channel, &text),
                None => break,
            }
            self.link.tick(now);
            self.drain(now, outlet);
        }
    }

    fn drain(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        while let Some(event) = self.link.next_event(now, outlet.port) {
            self.event(event, now, outlet);
        }
    }

    fn event(&mut self, event: str0m::Event, now: Instant, outlet: &mut Outlet<'_>) {
        match event {
            str0m::Event::Connected => {
                self.connected = true;
                self.heard = now;
                (outlet.on_event)(Event::Connected { session: self.link.id(), slot: self.slot });
            }
            str0m::Event::IceConnectionStateChange(IceConnectionState::Disconnected) if self.connected => self.link.fail("the way to the phone broke"),
            str0m::Event::MediaAdded(added) => self.add(&added),
            str0m::Event::RtpPacket(packet) => self.packet(packet, now, outlet),
            str0m::Event::SenderFeedback(feedback) => self.report(&feedback, outlet),
            str0m::Event::ChannelOpen(id, label) => {
                let few = self.talk.opened(id, &label, now);
                if !few {
                    self.link.fail("it opens too many data channels");
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
                    (outlet.on_event)(Event::Data { session: self.link.id(), message });
                }
                Heard::TooMuch => self.link.fail("it talks too much"),
            },
            str0m::Event::ChannelClose(id) => self.talk.closed(id),
            str0m::Event::PeerStats(stats) => {
                let pair = stats.selected_candidate_pair.and_then(|pair| pair.current_round_trip_time);
                self.path_rtt_ms = pair.map(|rtt| rtt.as_secs_f64() * 1e3);
            }
            str0m::Event::Closed => self.link.fail("the phone left"),
            _ => {}
        }
    }

    fn add(&mut self, added: &MediaAdded) {
        let sound = added.kind.is_audio();
        let rate_hz = if sound { 48_000 } else { VIDEO_RATE_HZ };
        if added.direction.is_receiving() {
            let stream = Stream { mid: added.mid, track: Track::new(self.slot, sound, rate_hz), reception: Reception::new(rate_hz), unrepaired: None };
            let place = if sound { &mut self.sound } else { &mut self.video };
            place.get_or_insert(stream);
        }
        if sound && added.direction.is_sending() {
            let opus = self.link.rtc.codec_config().params().iter().find(|params| params.spec().codec == str0m::format::Codec::Opus).map(|params| params.pt());
            if let Some(pt) = opus {
                self.back.get_or_insert(Return { mid: added.mid, pt, next: SeqNo::from(1) });
            }
        }
        self.formats.clear();
        for params in self.link.rtc.codec_config().params() {
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

    /// Whether this is media of a source that the offer did not name. The protocol instance would open a stream for it before
    /// it knows whether the packet is genuine.
    fn is_foreign(&self, datagram: &[u8]) -> bool {
        let Some(&[first, kind, _, _, _, _, _, _, s0, s1, s2, s3]) = datagram.first_chunk::<12>() else { return false };
        let media = (128..192).contains(&first) && !(64..96).contains(&(kind & 0x7f));
        let ssrc = u32::from_be_bytes([s0, s1, s2, s3]);
        // Source 0 only probes the way (libwebrtc).
        media && ssrc != 0 && !self.ssrcs.is_empty() && self.ssrcs.binary_search(&ssrc).is_err()
    }

    /// Counts a datagram by its RTP header, before anything is repaired or refused.
    fn note_header(&mut self, now: Instant, datagram: &[u8]) {
        let Some(&[first, kind, s0, s1, t0, t1, t2, t3, ..]) = datagram.first_chunk::<12>() else { return };
        let pt = kind & 0x7f;
        if !(128..192).contains(&first) || (64..96).contains(&pt) {
            return;
        }
        self.bytes += datagram.len() as u64;
        self.surge.count(now, datagram.len());
        let Some((codec, false)) = self.format(pt).map(|format| (format.codec, format.repair)) else { return };
        let arrival = self.clock.at(now);
        if let Some(stream) = self.stream(codec) {
            stream.reception.note(u16::from_be_bytes([s0, s1]), u32::from_be_bytes([t0, t1, t2, t3]), arrival);
        }
        if !codec.is_audio() {
            self.fresh = Some(u16::from_be_bytes([s0, s1]));
        }
    }

    /// Judges the way by a packet of pictures that has just come for the first time. It was found genuine: a forged stamp must not
    /// hold a phone back.
    fn judge_way(&mut self, packet: &RtpPacket, now: Instant) {
        if self.fresh.take() != Some(*packet.seq_no as u16) {
            return;
        }
        let Some(word) = self.surge.note(now, *packet.header.ssrc, packet.header.timestamp) else { return };
        tracing::debug!(session = %self.link.id(), ?word, "the way grew narrow or wide");
        self.word = Some((word, WORD_AGAIN));
        self.tell_way(now);
        if let (Word::AtMost(_), Some(video)) = (word, &mut self.video) {
            video.track.note_queue(self.surge.queue());
        }
    }

    /// Tells the phone what its way bears, by a receiver's estimate.
    fn tell_way(&mut self, now: Instant) {
        let (Some((word, _)), Some(mid)) = (self.word, self.video.as_ref().map(|stream| stream.mid)) else { return };
        let bps = match word {
            Word::AtMost(bps) => bps,
            Word::Free => FREE_BPS,
        };
        if let Some(stream) = self.link.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_remb(Bitrate::from(bps as u64));
        }
        self.link.tick(now);
    }

    fn packet(&mut self, packet: RtpPacket, now: Instant, outlet: &mut Outlet<'_>) {
        self.heard = now;
        let Some(codec) = self.format(*packet.header.payload_type).map(|format| format.codec) else { return };
        if !codec.is_audio() {
            self.judge_way(&packet, now);
        }
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
        let (clock, phone, session) = (self.clock, &self.phone, self.link.id());
        for stream in [&mut self.video, &mut self.sound].into_iter().flatten() {
            while let Some(unit) = stream.track.pop(now, |at| clock.at(at), phone) {
                // One that came by itself will do.
                self.key_wanted &= !unit.key || unit.codec.is_audio();
                (outlet.on_event)(Event::Media { session, unit });
            }
            if stream.track.take_wants_key() {
                self.key_wanted = true;
            }
        }
        self.repair(now);
    }

    /// Asks for missing packets, or leaves it while only a key picture helps: phones send again what is asked for before anything
    /// new, so on a narrow way it would come before the key. For that reason what is missing by then is forgotten, too: the
    /// protocol instance begins its books anew, from the newest packet on.
    fn repair(&mut self, now: Instant) {
        let Some(video) = self.video.as_mut() else { return };
        let mut api = self.link.rtc.direct_api();
        let Some(stream) = api.stream_rx_by_mid(video.mid, None) else { return };
        let unwanted = video.track.wants_no_repair();
        let forget = match video.unrepaired {
            Some(forgotten) => video.track.key_begins() || (unwanted && now >= forgotten + FORGET_EVERY),
            None => unwanted,
        };
        let (ssrc, again) = (stream.ssrc(), stream.rtx());
        if forget {
            api.remove_stream_rx(ssrc);
            api.expect_stream_rx(ssrc, again, video.mid, None).suppress_nack(unwanted);
        } else if !unwanted && video.unrepaired.is_some() {
            stream.suppress_nack(false);
        }
        video.unrepaired = if !unwanted {
            None
        } else if forget {
            Some(now)
        } else {
            video.unrepaired
        };
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
            (outlet.on_event)(Event::Clock { session: self.link.id(), state });
        }
    }

    fn write(&mut self, channel: ChannelId, text: &str) {
        let Some(mut channel) = self.link.rtc.channel(channel) else { return };
        match channel.write(false, text.as_bytes()) {
            Ok(true) => {}
            // A phone that does not listen loses words; the next ones say what counts then.
            Ok(false) => tracing::debug!(session = %self.link.id(), "data channel full"),
            Err(error) => tracing::debug!(session = %self.link.id(), %error, "data channel"),
        }
    }

    fn ask_key(&mut self, now: Instant) {
        let Some(mid) = self.video.as_ref().map(|stream| stream.mid) else { return };
        self.key_asked = Some(now);
        self.key_wanted = false;
        if let Some(stream) = self.link.rtc.direct_api().stream_rx_by_mid(mid, None) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.link.tick(now);
    }

    fn measure(&mut self, now: Instant, outlet: &mut Outlet<'_>) {
        self.next_stats = now + STATS_EVERY;
        self.talk.refill();
        if !self.connected {
            return;
        }
        if let Some((_, left @ 1..)) = &mut self.word {
            *left -= 1;
            self.tell_way(now);
        }
        let (video_frames, lost) = self.video.as_ref().map(|stream| stream.track.counts()).unwrap_or_default();
        let newest = Turn { at: Some(now), bytes: self.bytes, frames: video_frames };
        let [_, middle, last] = self.turns;
        self.turns = [middle, last, newest];
        let oldest = self.turns.iter().find(|turn| turn.at.is_some()).copied().unwrap_or(newest);
        let span = oldest.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        let rate = |after: u64, before: u64| (span > 0.0).then(|| after.saturating_sub(before) as f64 / span);
        let reports = [&mut self.video, &mut self.sound].map(|stream| stream.as_mut().map(|stream| stream.reception.turn()));
        let rtt_ms = self.phone.rtt_ms().or(self.path_rtt_ms);
        for (stream, report) in [&mut self.video, &mut self.sound].into_iter().zip(&reports) {
            if let (Some(stream), Some(report)) = (stream, report) {
                stream.track.note_way(rtt_ms, report.jitter_ms);
            }
        }
        let report = reports.into_iter().flatten().next().unwrap_or_default();
        let stats = SourceStats {
            bitrate_bps: rate(newest.bytes, oldest.bytes).map(|bytes| bytes * 8.0),
            fps: self.video.as_ref().and_then(|_| rate(newest.frames, oldest.frames)),
            loss: report.loss,
            jitter_ms: report.jitter_ms,
            rtt_ms,
            decode_ms: None,
        };
        outlet.shared.stats().insert(self.link.id(), stats);
        (outlet.on_event)(Event::Stats { session: self.link.id(), stats, video_frames, lost });
        self.tell_clock(true, outlet);
    }
}
