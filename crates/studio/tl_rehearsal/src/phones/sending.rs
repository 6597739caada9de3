//! What a connected phone captures and sends, and when.

use std::collections::VecDeque;

use bytes::Bytes;
use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec, ConfigId};

use super::clock::{Anchor, PhoneClock, packet_secs};
use crate::Seed;
use crate::clips::{KEY_EVERY, Loaded};
use crate::truth::Record;

/// A phone's encoder takes this long, seconds.
const ENCODE_SECS: (f64, f64) = (0.005, 0.020);
/// Sound leaves this long after its last sample, seconds.
const SOUND_SECS: f64 = 0.004;
/// A phone that is this many pictures late starts again from now.
const LATE_PICTURES: u64 = 6;

/// Which pictures are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The game.
    Loop,
    /// One picture again and again.
    Frozen,
    /// A covered lens.
    Black,
}

/// Something that is ready to leave.
pub(crate) struct Parcel {
    /// Seconds after the start at which it leaves.
    pub(crate) at_secs: f64,
    /// The phone's clock when it was captured, nanoseconds.
    pub(crate) capture_ns: i64,
    pub(crate) unit: AccessUnit,
    /// What is written down when it has left; sound has none.
    pub(crate) record: Option<Record>,
}

/// The schedule of one connection.
pub(crate) struct Sending {
    clock: PhoneClock,
    anchor: Anchor,
    /// Where the variant that is shown began.
    look: (Look, u64),
    next_tick: u64,
    next_packet: u64,
    last_secs: f64,
    waiting: VecDeque<Parcel>,
}

impl Sending {
    /// Begins with a key picture at the first tick after `now_secs`.
    pub(crate) fn begin(clock: PhoneClock, now_secs: f64, index: u32) -> Self {
        let tick = clock.tick_at(now_secs);
        let anchor = Anchor { tick, index: index / KEY_EVERY * KEY_EVERY };
        Self { clock, anchor, look: (Look::Loop, tick), next_tick: tick, next_packet: 0, last_secs: now_secs, waiting: VecDeque::with_capacity(8) }
    }

    /// Captures what is due; `record` is filled in by tick and frame.
    pub(crate) fn capture(&mut self, now_secs: f64, look: Look, media: &Loaded, chance: &mut Seed, record: &mut dyn FnMut(f64, Option<u16>) -> Record) {
        let due = self.clock.tick_at(now_secs);
        if due > self.next_tick + LATE_PICTURES || look != self.look.0 {
            let tick = due.max(self.next_tick);
            self.anchor = self.anchor.again_at(tick, KEY_EVERY);
            self.look = (look, tick);
            (self.next_tick, self.next_packet) = (tick, 0);
        }
        while self.clock.picture_secs(self.next_tick) <= now_secs {
            let tick = self.next_tick;
            self.next_tick += 1;
            let captured = self.clock.picture_secs(tick);
            let index = self.anchor.index_at(tick);
            let since = (tick - self.look.1) as usize;
            let (unit, frame) = match look {
                Look::Loop => (media.video.get(index as usize), Some(index as u16)),
                Look::Frozen => (media.frozen.get(since % media.frozen.len().max(1)), Some(0)),
                Look::Black => (media.black.get(since % media.black.len().max(1)), None),
            };
            let Some(unit) = unit else { continue };
            // An encoder hands pictures on in their order.
            let at_secs = (captured + chance.range(ENCODE_SECS.0, ENCODE_SECS.1)).max(self.last_secs);
            self.last_secs = at_secs;
            let record = Some(record(captured, frame));
            self.waiting.push_back(Parcel { at_secs, capture_ns: self.clock.shows_ns(captured), unit: unit.clone(), record });
        }
        loop {
            let captured = self.anchor.packet_secs(&self.clock, self.next_packet);
            let at_secs = captured + packet_secs() + SOUND_SECS;
            if at_secs > now_secs {
                break;
            }
            if let Some(packet) = media.sound.get(self.anchor.packet_at(self.next_packet)) {
                self.waiting.push_back(Parcel { at_secs, capture_ns: self.clock.shows_ns(captured), unit: sound_unit(packet), record: None });
            }
            self.next_packet += 1;
        }
    }

    /// The next parcel that leaves by now.
    pub(crate) fn pop(&mut self, now_secs: f64) -> Option<Parcel> {
        let ready = self.waiting.iter().position(|parcel| parcel.at_secs <= now_secs)?;
        self.waiting.remove(ready)
    }

    /// When to look again, seconds after the start.
    pub(crate) fn wake_secs(&self) -> f64 {
        let sound = self.anchor.packet_secs(&self.clock, self.next_packet) + packet_secs() + SOUND_SECS;
        let leaving = self.waiting.iter().map(|parcel| parcel.at_secs).fold(f64::INFINITY, f64::min);
        self.clock.picture_secs(self.next_tick).min(sound).min(leaving)
    }

    /// Which picture of the loop comes next, to go on from after a reconnect.
    pub(crate) fn next_index(&self) -> u32 {
        self.anchor.index_at(self.next_tick)
    }
}

fn sound_unit(packet: &Bytes) -> AccessUnit {
    let zero = MediaTime::ZERO;
    AccessUnit {
        source: tl_base::SlotId(0),
        codec: Codec::Opus,
        config_id: ConfigId(0),
        capture: zero,
        pts: zero,
        dts: zero,
        arrival: zero,
        key: true,
        data: packet.clone(),
    }
}

#[cfg(test)]
mod tests {
    use tl_base::{SlotId, Wall};

    use super::*;

    fn media() -> Loaded {
        let unit = |key| AccessUnit { codec: Codec::H264, key, ..sound_unit(&Bytes::from_static(b"x")) };
        let units = |count: usize| (0..count).map(|n| unit(n % 30 == 0)).collect();
        Loaded { video: units(300), black: units(60), frozen: units(60), sound: vec![Bytes::from_static(b"s"); 500] }
    }

    /// Everything that leaves within `secs`, looked at every `step` seconds.
    fn all(step: f64, secs: f64, look: impl Fn(f64) -> Look) -> Vec<Parcel> {
        let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm: 20.0, first_secs: 0.011 };
        let (media, mut chance) = (media(), Seed::new(1));
        let mut sending = Sending::begin(clock, 0.5, 95);
        let mut out = Vec::new();
        let mut now = 0.5;
        let mut seq = 0;
        while now < secs {
            sending.capture(now, look(now), &media, &mut chance, &mut |at, frame| {
                seq += 1;
                Record { camera: 1, slot: SlotId(1), frame, wall_us: clock.wall(at), seq }
            });
            while let Some(parcel) = sending.pop(now) {
                assert!(parcel.at_secs <= now && now - parcel.at_secs < step + 1e-9);
                out.push(parcel);
            }
            now += step;
        }
        out
    }

    #[test]
    fn pictures_and_sound_leave_at_their_rate_and_in_order() {
        let sent = all(0.002, 10.5, |_| Look::Loop);
        let pictures: Vec<&Parcel> = sent.iter().filter(|parcel| parcel.record.is_some()).collect();
        assert!((298..=301).contains(&pictures.len()), "{}", pictures.len());
        assert!((495..=500).contains(&(sent.len() - pictures.len())));
        assert!(pictures[0].unit.key && pictures[0].record.expect("a picture").frame == Some(90));
        for pair in pictures.windows(2) {
            assert!(((pair[1].capture_ns - pair[0].capture_ns) - 33_333_333).abs() < 1_000);
            let (one, two) = (pair[0].record.expect("one"), pair[1].record.expect("two"));
            assert_eq!((one.frame.expect("coded") + 1) % 300, two.frame.expect("coded"));
            assert_eq!(one.seq + 1, two.seq);
        }
    }

    #[test]
    fn a_variant_begins_and_ends_with_a_key_picture() {
        let sent = all(0.002, 6.0, |now| if (2.0..4.0).contains(&now) { Look::Black } else { Look::Loop });
        let pictures: Vec<&Parcel> = sent.iter().filter(|parcel| parcel.record.is_some()).collect();
        let dark = |parcel: &Parcel| parcel.record.expect("a picture").frame.is_none();
        assert!((59..=61).contains(&pictures.iter().filter(|parcel| dark(parcel)).count()));
        for pair in pictures.windows(2) {
            assert!(dark(pair[0]) == dark(pair[1]) || pair[1].unit.key);
        }
    }

    #[test]
    fn a_thread_that_slept_skips_to_a_key_picture() {
        let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm: 0.0, first_secs: 0.0 };
        let (media, mut chance) = (media(), Seed::new(1));
        let mut sending = Sending::begin(clock, 0.0, 0);
        let mut record = |at: f64, frame| Record { camera: 1, slot: SlotId(1), frame, wall_us: clock.wall(at), seq: 0 };
        sending.capture(0.1, Look::Loop, &media, &mut chance, &mut record);
        while sending.pop(9.0).is_some() {}
        sending.capture(3.0, Look::Loop, &media, &mut chance, &mut record);
        let burst: Vec<Parcel> = std::iter::from_fn(|| sending.pop(9.0)).collect();
        assert!(burst.iter().filter(|parcel| parcel.record.is_some()).count() <= 2);
        assert!(burst.iter().find(|parcel| parcel.record.is_some()).is_some_and(|parcel| parcel.unit.key));
    }
}
