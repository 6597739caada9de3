//! One stream of a phone: packets in any order go in, whole access units in order come out.
//!
//! Late packets: a hole is waited for as long as it takes to be asked for three times and sent again over this phone's way (at least
//! [`HOLD`], at most [`HOLD_MOST`]), counted from when it was noticed; then the picture is skipped and counted, and pictures stay
//! away until the next key picture, which the owner asks for at once. Early packets wait for the hole before them. A picture that
//! only has not ended yet is no hole: a large one takes its time on a narrow way. Missing input for longer is the session's matter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::{MediaTime, Size, SourceId};
use tl_frame::{AccessUnit, Codec, ConfigId, h264, vp8};

use crate::depacketize::{self, Picture};
use crate::timeline::{PhoneClock, Timeline};

/// How long a hole among pictures is waited for at least: three requests, one each 33 ms (what the protocol library does).
const HOLD: Duration = Duration::from_millis(100);
/// And at most: the largest show budget (400 ms) bears no more.
const HOLD_MOST: Duration = Duration::from_millis(400);
/// What is sent again needs a round trip, and a queue in it may have grown since that was measured.
const ROUND_TRIPS: f64 = 1.25;
/// The last of a spread-out group of packets comes this many times their mean spread (RFC 3550's jitter) after the middle one.
const SPREADS: f64 = 4.0;
/// How long packets that were overtaken are waited for at least. Sound is not sent again, so it is given no more than this.
const OVERTAKEN: Duration = Duration::from_millis(40);
/// So many missing packets at once are no accident of single ones, unless they were overtaken: that takes this long and as long as
/// packets spread out, and no longer than the second figure.
const MANY: usize = 20;
const DISORDER: Duration = Duration::from_millis(30);
const DISORDER_MOST: Duration = Duration::from_millis(120);
/// What libopus, which every browser sends with, looks ahead at 48 kHz (`OPUS_GET_LOOKAHEAD`: 312 samples). RFC 7587 knows no pre-skip.
const OPUS_LOOKAHEAD: MediaTime = MediaTime::from_micros(6_500);
/// Packets held at most: a second of 20 Mbit/s.
const MAX_PACKETS: usize = 2_048;
/// Bytes held at most.
const MAX_BYTES: usize = 4 << 20;

/// One RTP packet as it came.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP time.
    pub rtp: u32,
    /// Marker bit: the last packet of a picture.
    pub marker: bool,
    /// Synchronisation source.
    pub ssrc: u32,
    /// How the payload is encoded.
    pub codec: Codec,
    /// When it came.
    pub received: Instant,
    /// The payload, empty in packets that only pad.
    pub payload: Arc<[u8]>,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Track {
    source: SourceId,
    sound: bool,
    /// How long a hole is waited for.
    hold: Duration,
    /// How long many missing packets may only have been overtaken.
    disorder: Duration,
    timeline: Timeline,
    queue: VecDeque<Packet>,
    queued_bytes: usize,
    /// Sequence number after the last packet that was used or given up.
    next: Option<u64>,
    ssrc: Option<u32>,
    awaits_key: bool,
    config: Config,
    config_id: ConfigId,
    /// RTP time of the last picture that came out, and the usual distance.
    last_rtp: Option<u32>,
    usual_step: u32,
    out: u64,
    lost: u64,
    /// A key picture is needed before anything can be shown.
    wants_key: bool,
    /// Packets are missing right before the front.
    after_hole: bool,
    /// The phone puts parameter sets into its key pictures.
    sets_in_band: bool,
}

/// What a decoder was told last.
#[derive(Debug, PartialEq)]
enum Config {
    None,
    H264(h264::Parameters),
    Vp8(Size),
}

/// What the front of the queue holds.
enum Front {
    /// This many packets make up an access unit.
    Whole(usize),
    /// Something is missing, and has been since then.
    Waits(Instant),
    Nothing,
}

impl Track {
    /// A stream of `source` whose RTP clock ticks `rate_hz` times a second.
    pub fn new(source: SourceId, sound: bool, rate_hz: u32) -> Self {
        Self {
            source,
            sound,
            hold: if sound { OVERTAKEN } else { HOLD },
            disorder: DISORDER,
            timeline: Timeline::new(rate_hz),
            queue: VecDeque::new(),
            queued_bytes: 0,
            next: None,
            ssrc: None,
            awaits_key: !sound,
            config: Config::None,
            config_id: ConfigId::default(),
            last_rtp: None,
            usual_step: rate_hz / 30,
            out: 0,
            lost: 0,
            wants_key: false,
            after_hole: false,
            sets_in_band: false,
        }
    }

    /// Ties RTP time to the phone's NTP time in nanoseconds.
    pub fn note_report(&mut self, rtp: u32, ntp: i64) {
        self.timeline.note_report(rtp, ntp);
    }

    /// Tells how long the way is: what is measured of it decides how long a hole among pictures is worth waiting for.
    pub fn note_way(&mut self, rtt_ms: Option<f64>, jitter_ms: Option<f64>) {
        let sane = |value: Option<f64>| value.filter(|ms| ms.is_finite()).unwrap_or(0.0).clamp(0.0, 1_000.0);
        let spread = Duration::from_secs_f64(SPREADS * sane(jitter_ms) / 1e3);
        self.disorder = (DISORDER + spread).min(DISORDER_MOST);
        self.hold = if self.sound {
            OVERTAKEN.max(spread).min(HOLD)
        } else {
            (HOLD + Duration::from_secs_f64(ROUND_TRIPS * sane(rtt_ms) / 1e3) + spread).min(HOLD_MOST)
        };
    }

    /// What is sent again has to stand in this queue, which the way's measure does not know yet. Holds until the next measure.
    pub fn note_queue(&mut self, queue: Duration) {
        self.hold = (self.hold + queue).min(HOLD_MOST);
    }

    /// Access units that came out, and those that never will.
    pub fn counts(&self) -> (u64, u64) {
        (self.out, self.lost)
    }

    /// Whether a key picture should be asked for now; reading it clears it.
    pub fn take_wants_key(&mut self) -> bool {
        std::mem::take(&mut self.wants_key)
    }

    /// Takes a packet; one that is too late or was there before is ignored.
    pub fn push(&mut self, packet: Packet) {
        if self.ssrc.is_some_and(|ssrc| ssrc != packet.ssrc) {
            self.start_anew();
        }
        self.ssrc = Some(packet.ssrc);
        if self.next.is_some_and(|next| packet.sequence < next) {
            return;
        }
        let Err(at) = self.queue.binary_search_by_key(&packet.sequence, |held| held.sequence) else { return };
        if self.queue.len() >= MAX_PACKETS || self.queued_bytes + packet.payload.len() > MAX_BYTES {
            self.lose(1);
            self.next = self.queue.back().map(|last| last.sequence + 1);
            self.queue.clear();
            self.queued_bytes = 0;
            return;
        }
        self.queued_bytes += packet.payload.len();
        self.queue.insert(at, packet);
    }

    /// The next access unit, if one is whole; gives up what has been waited for long enough by `now`.
    pub fn pop(&mut self, now: Instant, to_media: impl Fn(Instant) -> MediaTime, clock: &PhoneClock) -> Option<AccessUnit> {
        loop {
            self.skip_padding();
            self.seek_key();
            match self.front() {
                Front::Nothing => return None,
                Front::Waits(since) => {
                    if now < since + self.patience() {
                        return None;
                    }
                    if self.is_hopeless() {
                        self.give_up_all();
                    } else {
                        self.give_up_front();
                    }
                }
                Front::Whole(count) => {
                    if let Some(unit) = self.take(count, &to_media, clock) {
                        return Some(unit);
                    }
                }
            }
        }
    }

    /// When [`Track::pop`] would give something up.
    pub fn deadline(&self) -> Option<Instant> {
        if let Front::Waits(since) = self.front() { since.checked_add(self.patience()) } else { None }
    }

    /// How long what is missing at the front is worth waiting for. To give up a key picture costs another one, which takes longer
    /// than any repair.
    fn patience(&self) -> Duration {
        if self.is_hopeless() {
            return self.disorder;
        }
        if self.queue.front().is_some_and(is_of_key) { HOLD_MOST.max(self.hold) } else { self.hold }
    }

    /// Passes over packets that only take a number.
    fn skip_padding(&mut self) {
        while let Some(first) = self.queue.front().filter(|first| first.payload.is_empty() && self.next.is_none_or(|next| next == first.sequence)) {
            self.next = Some(first.sequence + 1);
            self.queue.pop_front();
        }
    }

    fn front(&self) -> Front {
        let Some(first) = self.queue.front() else { return Front::Nothing };
        if self.next.is_some_and(|next| next != first.sequence) {
            return Front::Waits(self.noticed(0));
        }
        if self.sound {
            return Front::Whole(1);
        }
        for (index, (expected, packet)) in (first.sequence..).zip(&self.queue).enumerate() {
            if packet.sequence != expected {
                return Front::Waits(self.noticed(index));
            }
            if packet.rtp != first.rtp {
                // The mark was left out; the next picture's first packet says the same.
                return Front::Whole(index);
            }
            if packet.marker {
                return Front::Whole(index + 1);
            }
        }
        // Nothing is missing so far, so it counts from the newest packet.
        let newest = self.queue.iter().map(|packet| packet.received).max();
        Front::Waits(newest.unwrap_or(first.received))
    }

    /// While a key picture is awaited, nothing before one is worth a wait.
    fn seek_key(&mut self) {
        if !self.awaits_key {
            return;
        }
        let mut before: Option<u64> = None;
        let start = self.queue.iter().position(|packet| {
            // The parameter sets go in front of the picture; without them right there, they may be what is missing.
            let joined = before.replace(packet.sequence).is_some_and(|before| before + 1 == packet.sequence);
            match key_start(packet) {
                KeyStart::Sets => true,
                KeyStart::Picture => joined || packet.codec != Codec::H264,
                KeyStart::None => false,
            }
        });
        let Some(start) = start.filter(|start| *start > 0 || self.next.is_some()) else { return };
        for _ in 0..start {
            self.drop_front();
        }
        let Some((sequence, rtp)) = self.queue.front().map(|first| (first.sequence, first.rtp)) else { return };
        if start > 0 || self.next != Some(sequence) {
            let missed = self.missed_before(rtp);
            self.lost += missed;
            self.last_rtp = self.last_rtp.map(|_| rtp.wrapping_sub(self.usual_step));
            self.after_hole = true;
            self.next = Some(sequence);
        }
    }

    /// Whether a key picture is awaited and pieces of one have come: another one would only come behind it.
    pub fn key_on_its_way(&self) -> bool {
        self.awaits_key && self.queue.iter().any(is_of_key)
    }

    /// Whether a key picture is awaited and nothing of one has come yet: then there is no use in asking for what is missing.
    pub fn wants_no_repair(&self) -> bool {
        self.awaits_key && self.out > 0 && !self.queue.iter().any(|packet| packet.codec != Codec::H264 || is_of_key(packet))
    }

    /// Whether all that is held is the first packet of a key picture: nothing that is missing by then is of use.
    pub fn key_begins(&self) -> bool {
        self.awaits_key && self.queue.len() == 1 && self.queue.front().is_some_and(|first| !matches!(key_start(first), KeyStart::None))
    }

    /// Whether more is missing than came since. Once that cannot be mere disorder, the way has broken down, and what it still bears is better spent on a new picture.
    fn is_hopeless(&self) -> bool {
        let (Some(next), Some(last)) = (self.next, self.queue.back()) else { return false };
        let span = (last.sequence + 1).saturating_sub(next);
        let missing = usize::try_from(span).unwrap_or(usize::MAX).saturating_sub(self.queue.len());
        !self.sound && !self.awaits_key && missing >= MANY && missing > self.queue.len()
    }

    fn give_up_all(&mut self) {
        let Some((sequence, rtp)) = self.queue.back().map(|last| (last.sequence, last.rtp)) else { return };
        let missed = self.missed_before(rtp);
        self.queue.clear();
        self.queued_bytes = 0;
        self.next = Some(sequence + 1);
        self.last_rtp = Some(rtp);
        self.after_hole = true;
        self.lose(missed + 1);
    }

    /// When the hole before the packet at `index` was noticed: when the first of those behind it came. One that came again may
    /// stand in front and be younger than those behind it.
    fn noticed(&self, index: usize) -> Instant {
        let behind = self.queue.iter().skip(index).take(64).map(|packet| packet.received);
        behind.min().unwrap_or_else(Instant::now)
    }

    /// Skips what is missing and the picture that it belonged to.
    fn give_up_front(&mut self) {
        let Some(first) = self.queue.front() else { return };
        let broken = if self.next.is_some_and(|next| next != first.sequence) && self.starts_picture(first) {
            // The hole lies before this picture, which may be whole itself.
            None
        } else {
            Some(first.rtp)
        };
        self.next = Some(first.sequence);
        self.after_hole = true;
        let missed = self.missed_before(first.rtp);
        // They are counted by that.
        self.last_rtp = self.last_rtp.map(|_| first.rtp.wrapping_sub(self.usual_step));
        if let Some(rtp) = broken {
            while self.queue.front().is_some_and(|packet| packet.rtp == rtp) {
                self.drop_front();
            }
            // The rest of the same picture may still come; what follows it counts.
            if let Some(packet) = self.queue.front() {
                self.next = Some(packet.sequence);
            }
            self.last_rtp = Some(rtp);
        }
        self.lose(missed + u64::from(broken.is_some() || missed == 0));
    }

    fn starts_picture(&self, packet: &Packet) -> bool {
        match packet.codec {
            Codec::Vp8 => packet.payload.first().is_some_and(|first| first & 0x17 == 0x10),
            // A later fragment certainly does not; a slice that is not the first is found out when joined.
            Codec::H264 => packet.payload.first().is_some_and(|first| first & 0x1f != 28) || packet.payload.get(1).is_some_and(|fu| fu & 0x80 != 0),
            _ => true,
        }
    }

    /// Pictures that fit between the last one and `rtp`.
    fn missed_before(&self, rtp: u32) -> u64 {
        let Some(last) = self.last_rtp else { return 0 };
        let step = self.usual_step.max(1);
        // A phone whose RTP times run backwards has lost nothing by that.
        let ahead = u32::try_from(rtp.wrapping_sub(last) as i32).unwrap_or(0);
        let steps = ahead.saturating_add(step / 2) / step;
        u64::from(steps.saturating_sub(1).min(300))
    }

    fn drop_front(&mut self) -> Option<Packet> {
        let packet = self.queue.pop_front()?;
        self.queued_bytes -= packet.payload.len();
        self.next = Some(packet.sequence + 1);
        Some(packet)
    }

    fn lose(&mut self, count: u64) {
        self.lost += count;
        if !self.sound {
            self.awaits_key = true;
            self.wants_key = true;
        }
    }

    fn start_anew(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.next = None;
        self.last_rtp = None;
        self.after_hole = false;
        self.sets_in_band = false;
        self.awaits_key = !self.sound;
        self.wants_key = !self.sound;
        self.timeline = self.timeline.anew();
    }

    fn take(&mut self, count: usize, to_media: impl Fn(Instant) -> MediaTime, clock: &PhoneClock) -> Option<AccessUnit> {
        let mut packets = Vec::with_capacity(count);
        for _ in 0..count {
            packets.extend(self.drop_front());
        }
        let (first, last) = (packets.first()?, packets.iter().max_by_key(|packet| packet.received)?);
        let (rtp, codec) = (first.rtp, first.codec);
        let arrival = to_media(last.received);
        let bytes: usize = packets.iter().map(|packet| packet.payload.len() + 4).sum();
        let payloads = || packets.iter().map(|packet| &*packet.payload).filter(|payload| !payload.is_empty());
        if let Some(last) = self.last_rtp {
            let step = rtp.wrapping_sub(last);
            if (1..self.usual_step.saturating_mul(8)).contains(&step) {
                self.usual_step = (self.usual_step * 7 + step) / 8;
            }
        }
        self.last_rtp = Some(rtp);
        let (data, key) = match codec {
            Codec::H264 => self.take_h264(depacketize::h264(payloads(), bytes))?,
            Codec::Vp8 => self.take_vp8(depacketize::vp8(payloads(), bytes))?,
            _ => (Bytes::copy_from_slice(payloads().next()?), true),
        };
        self.out += 1;
        // A packet of Opus is stamped by what went into the encoder; what comes out of a decoder lies that much behind.
        let behind = if codec == Codec::Opus { OPUS_LOOKAHEAD } else { MediaTime::ZERO };
        let capture = self.timeline.capture(rtp, to_media(first.received), clock) - behind;
        let config_id = self.config_id;
        Some(AccessUnit { source: self.source, codec, config_id, capture, pts: capture, dts: capture, arrival, key, data })
    }

    fn take_h264(&mut self, picture: Option<Picture>) -> Option<(Bytes, bool)> {
        let Some(picture) = picture else {
            self.lose(1);
            return None;
        };
        let nal = |span: Option<(usize, usize)>| span.and_then(|(start, end)| picture.data.get(start..end));
        let has_sets = picture.sps.is_some();
        let known = match &self.config {
            Config::H264(known) => Some(known),
            _ => None,
        };
        let sps = nal(picture.sps).or(known.map(|known| &*known.sps));
        let pps = nal(picture.pps).or(known.map(|known| &*known.pps));
        let changed = known.is_none_or(|known| sps != Some(&*known.sps) || pps != Some(&*known.pps));
        if changed && let (Some(sps), Some(pps)) = (sps, pps) {
            match h264::Parameters::parse(sps, pps) {
                Some(found) => self.configure(Config::H264(found)),
                None => {
                    self.lose(1);
                    return None;
                }
            }
        }
        if !picture.coded {
            return None;
        }
        // A key picture that lost its own parameter sets would be decoded by older ones that may be wrong.
        let sets_lost = std::mem::take(&mut self.after_hole) && self.sets_in_band && picture.key && !has_sets;
        if !picture.from_top || sets_lost || (self.awaits_key && !picture.key) {
            self.lose(u64::from(self.out > 0));
            return None;
        }
        let data = Bytes::from(picture.data);
        if !picture.key {
            return Some((data, false));
        }
        let Config::H264(known) = &self.config else {
            self.wants_key = true;
            return None;
        };
        (self.awaits_key, self.wants_key) = (false, false);
        self.sets_in_band |= has_sets;
        Some((h264::with_parameter_sets(&data, known), true))
    }

    fn take_vp8(&mut self, picture: Option<Picture>) -> Option<(Bytes, bool)> {
        let size = picture.as_ref().filter(|picture| picture.key).map(|picture| vp8::size(&picture.data));
        let Some(picture) = picture.filter(|_| size != Some(None)) else {
            self.lose(1);
            return None;
        };
        if let Some(size) = size.flatten() {
            (self.awaits_key, self.wants_key) = (false, false);
            self.configure(Config::Vp8(size));
        }
        if self.awaits_key {
            self.lose(u64::from(self.out > 0));
            return None;
        }
        Some((Bytes::from(picture.data), picture.key))
    }

    fn configure(&mut self, config: Config) {
        if self.config != config {
            self.config = config;
            self.config_id.0 = self.config_id.0.saturating_add(1);
        }
    }
}

/// What of a key picture begins with a packet.
enum KeyStart {
    /// Its parameter sets.
    Sets,
    /// The picture itself.
    Picture,
    None,
}

fn key_start(packet: &Packet) -> KeyStart {
    let (Some(first), second) = (packet.payload.first(), packet.payload.get(1).copied().unwrap_or(0)) else { return KeyStart::None };
    match (packet.codec, first & 0x1f) {
        (Codec::H264, h264::SPS) => KeyStart::Sets,
        // The first unit of an aggregate stands behind its own length (RFC 6184, section 5.7.1).
        (Codec::H264, 24) => match packet.payload.get(3).map(|header| header & 0x1f) {
            Some(h264::SPS) => KeyStart::Sets,
            Some(h264::IDR) => KeyStart::Picture,
            _ => KeyStart::None,
        },
        (Codec::H264, h264::IDR) => KeyStart::Picture,
        (Codec::H264, 28) if second & 0x80 != 0 && second & 0x1f == h264::IDR => KeyStart::Picture,
        (Codec::Vp8, _) if depacketize::begins_vp8_key(&packet.payload) => KeyStart::Picture,
        _ => KeyStart::None,
    }
}

/// Whether an H.264 packet carries a piece of a key picture or of its parameter sets.
fn is_of_key(packet: &Packet) -> bool {
    if packet.codec != Codec::H264 {
        return !matches!(key_start(packet), KeyStart::None);
    }
    let fragment = packet.payload.first().is_some_and(|first| first & 0x1f == 28) && packet.payload.get(1).is_some_and(|fu| fu & 0x1f == h264::IDR);
    fragment || !matches!(key_start(packet), KeyStart::None)
}

#[cfg(test)]
mod tests;
