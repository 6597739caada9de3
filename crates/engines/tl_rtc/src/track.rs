//! One stream of a phone: packets in any order go in, whole access units in order come out.
//!
//! Late packets: a hole is waited for at most [`HOLD`], which is time for the phone to send it again; then the picture is
//! skipped and counted, and pictures stay away until the next key picture, which the owner asks for at once. Early packets wait
//! for the hole before them. Missing input for longer is the session's matter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::{MediaTime, Size, SourceId};
use tl_frame::{AccessUnit, Codec, ConfigId, h264, vp8};

use crate::depacketize::{self, Picture};
use crate::timeline::{PhoneClock, Timeline};

/// How long a hole among pictures is waited for.
const HOLD: Duration = Duration::from_millis(100);
/// How long a hole in the sound is waited for; sound is not sent again, so this covers reordering only.
const HOLD_SOUND: Duration = Duration::from_millis(40);
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
    /// Something is missing.
    Hole,
    Nothing,
}

impl Track {
    /// A stream of `source` whose RTP clock ticks `rate_hz` times a second.
    pub fn new(source: SourceId, sound: bool, rate_hz: u32) -> Self {
        Self {
            source,
            sound,
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
            match self.front() {
                Front::Nothing => return None,
                Front::Hole => {
                    if self.deadline().is_none_or(|deadline| now < deadline) {
                        return None;
                    }
                    self.give_up_front();
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
        let first = self.queue.front()?;
        // A packet that came again may stand in front and be younger than those behind it.
        let oldest = self.queue.iter().take(64).map(|packet| packet.received).min().unwrap_or(first.received);
        oldest.checked_add(if self.sound { HOLD_SOUND } else { HOLD })
    }

    fn front(&mut self) -> Front {
        while let Some(first) = self.queue.front().filter(|first| first.payload.is_empty() && self.next.is_none_or(|next| next == first.sequence)) {
            self.next = Some(first.sequence + 1);
            self.queue.pop_front();
        }
        let Some(first) = self.queue.front() else { return Front::Nothing };
        if self.next.is_some_and(|next| next != first.sequence) {
            return Front::Hole;
        }
        if self.sound {
            return Front::Whole(1);
        }
        for (index, (expected, packet)) in (first.sequence..).zip(&self.queue).enumerate() {
            if packet.sequence != expected {
                return Front::Hole;
            }
            if packet.rtp != first.rtp {
                // The mark was left out; the next picture's first packet says the same.
                return Front::Whole(index);
            }
            if packet.marker {
                return Front::Whole(index + 1);
            }
        }
        Front::Hole
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
        let steps = (rtp.wrapping_sub(last).saturating_add(step / 2)) / step;
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
        let (data, key) = match codec {
            Codec::H264 => self.take_h264(depacketize::h264(payloads(), bytes))?,
            Codec::Vp8 => self.take_vp8(depacketize::vp8(payloads(), bytes))?,
            _ => (Bytes::copy_from_slice(payloads().next()?), true),
        };
        if let Some(last) = self.last_rtp {
            let step = rtp.wrapping_sub(last);
            if (1..self.usual_step.saturating_mul(8)).contains(&step) {
                self.usual_step = (self.usual_step * 7 + step) / 8;
            }
        }
        self.last_rtp = Some(rtp);
        self.out += 1;
        let capture = self.timeline.capture(rtp, to_media(first.received), clock);
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
        self.awaits_key = false;
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
            self.awaits_key = false;
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        track: Track,
        began: Instant,
        clock: PhoneClock,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let began = Instant::now();
            Self { track: Track::new(SourceId::parse("1").expect("a slot"), false, 90_000), began, clock: PhoneClock::default(), now: began }
        }

        fn at(&mut self, millis: u64) -> &mut Self {
            self.now = self.began + Duration::from_millis(millis);
            self
        }

        /// Packet `sequence` of picture `picture`: `k`ey or `d`elta, `b`egin, `c`ontinued, `e`nd or `w`hole; `p` only pads.
        fn push(&mut self, sequence: u64, picture: u32, what: &str) -> &mut Self {
            let begins = what.contains('b') || what.contains('w');
            let mut payload = vec![if begins { 0x10 } else { 0x00 }];
            if begins && what.contains('k') {
                payload.extend_from_slice(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02, picture as u8]);
            } else {
                payload.extend_from_slice(&[0x11, picture as u8, 3]);
            }
            if what == "p" {
                payload.clear();
            }
            self.track.push(Packet {
                sequence,
                rtp: picture * 3_000,
                marker: what.contains('e') || what.contains('w'),
                ssrc: 7,
                codec: Codec::Vp8,
                received: self.now,
                payload: payload.into(),
            });
            self
        }

        /// What comes out by now, as picture numbers; key pictures are marked.
        fn out(&mut self) -> String {
            let (now, began) = (self.now, self.began);
            let mut out = Vec::new();
            while let Some(unit) = self.track.pop(now, |at| MediaTime::from(at - began), &self.clock) {
                let number = unit.data.get(if unit.key { 10 } else { 1 }).copied().unwrap_or_default();
                out.push(format!("{number}{}", if unit.key { "k" } else { "" }));
            }
            out.join(" ")
        }
    }

    #[test]
    fn pictures_come_out_whole_and_in_order() {
        let mut bench = Bench::new();
        assert_eq!(bench.push(10, 1, "kb").out(), "");
        assert_eq!(bench.push(11, 1, "e").out(), "1k");
        assert_eq!(bench.push(13, 3, "dw").out(), "");
        assert_eq!(bench.push(12, 2, "dw").out(), "2 3", "an early packet waits");
        assert_eq!(bench.push(12, 2, "dw").push(13, 3, "dw").out(), "", "nothing comes twice");
        assert_eq!(bench.push(14, 3, "p").push(15, 4, "dw").push(16, 4, "p").push(17, 5, "dw").out(), "4 5", "padding takes a number and nothing else");
        assert_eq!(bench.push(18, 6, "db").push(19, 6, "dc").push(20, 7, "dw").out(), "6 7", "a picture also ends where the next begins");
        assert_eq!(bench.track.counts(), (7, 0));
    }

    #[test]
    fn a_hole_is_waited_for_and_then_skipped_until_a_key() {
        let mut bench = Bench::new();
        bench.push(1, 1, "kw").out();
        assert_eq!(bench.at(33).push(3, 3, "dw").out(), "");
        assert_eq!(bench.at(90).push(2, 2, "dw").out(), "2 3", "sent again in time");
        bench.at(100).push(5, 5, "dw");
        assert_eq!(bench.at(199).out(), "");
        assert!(!bench.track.take_wants_key());
        assert_eq!(bench.track.deadline(), Some(bench.began + Duration::from_millis(200)));
        assert_eq!(bench.at(200).out(), "", "what builds on a lost picture stays away");
        assert!(bench.track.take_wants_key() && bench.track.counts().1 >= 1);
        assert_eq!(bench.push(6, 6, "dw").out(), "");
        assert_eq!(bench.push(4, 4, "dw").out(), "", "too late");
        assert_eq!(bench.push(7, 7, "kw").push(8, 8, "dw").out(), "7k 8");
        assert_eq!(bench.track.counts(), (5, 3), "pictures 4, 5 and 6");
    }

    #[test]
    fn a_picture_with_a_hole_inside_is_lost_alone() {
        let mut bench = Bench::new();
        bench.push(1, 1, "kw").out();
        bench.push(2, 2, "db").push(4, 2, "e").push(5, 3, "kw");
        assert_eq!(bench.at(99).out(), "");
        assert_eq!(bench.at(100).out(), "3k", "the key behind it needs nothing from before");
        assert_eq!(bench.track.counts(), (2, 1));
    }

    #[test]
    fn another_ssrc_begins_anew_with_a_key() {
        let mut bench = Bench::new();
        bench.push(1_000, 1, "kw").out();
        bench.track.ssrc = Some(8);
        assert_eq!(bench.push(5, 2, "dw").out(), "");
        assert!(bench.track.take_wants_key());
        assert_eq!(bench.push(6, 3, "kw").out(), "3k");
    }

    #[test]
    fn any_packets_keep_within_memory_and_time() {
        let generator = bolero::produce::<Vec<(u8, u8, bool, u8, Vec<u8>)>>().with().len(0_usize..200);
        bolero::check!().with_generator(generator).for_each(|packets| {
            for codec in [Codec::H264, Codec::Vp8, Codec::Opus] {
                let mut bench = Bench::new();
                let mut last = None;
                for (index, (sequence, rtp, marker, ssrc, payload)) in packets.iter().enumerate() {
                    let received = bench.at(index as u64 * 7).now;
                    bench.track.push(Packet {
                        sequence: u64::from(*sequence),
                        rtp: u32::from(*rtp) << 20,
                        marker: *marker,
                        ssrc: u32::from(ssrc / 250),
                        codec,
                        received,
                        payload: payload.as_slice().into(),
                    });
                    let (now, began) = (bench.now, bench.began);
                    while let Some(unit) = bench.track.pop(now, |at| MediaTime::from(at - began), &bench.clock) {
                        assert!(!unit.data.is_empty() && last != Some(unit.capture));
                        last = Some(unit.capture);
                    }
                }
                let held: usize = bench.track.queue.iter().map(|packet| packet.payload.len()).sum();
                assert_eq!(held, bench.track.queued_bytes);
            }
        });
    }

    #[test]
    fn a_flood_without_an_end_is_cut_off() {
        let mut bench = Bench::new();
        for sequence in 0..10_000 {
            bench.push(sequence, 1, if sequence == 0 { "kb" } else { "c" });
            assert!(bench.track.queue.len() <= MAX_PACKETS && bench.track.queued_bytes <= MAX_BYTES);
        }
        assert!(bench.track.counts().1 > 0 && bench.track.take_wants_key());
    }
}
