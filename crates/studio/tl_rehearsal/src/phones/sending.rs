//! What a connected phone captures and sends, and when.

use std::collections::VecDeque;

use bytes::Bytes;
use tl_base::{MediaTime, SlotId};
use tl_frame::{AccessUnit, Codec, ConfigId};

use super::clock::{Anchor, PhoneClock};
use crate::Seed;
use crate::clips::{KEY_EVERY, Loaded, Sound};
use crate::sound::is_clap;
use crate::truth::Record;

/// A phone's encoder takes this long, seconds.
const ENCODE_SECS: (f64, f64) = (0.005, 0.020);
/// Sound leaves this long after its last sample, seconds.
const SOUND_SECS: f64 = 0.004;
/// What a repair takes, seconds: a round trip at least, Linux's shortest patience at most (RTO_MIN).
const REPAIR_SECS: (f64, f64) = (0.02, 0.2);
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

/// What lies between a phone's camera and the network, beside its encoder's usual time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Habits {
    /// Pictures and sound leave so much later than they could, seconds, and nobody is told.
    pub(crate) hidden_secs: f64,
    /// Each picture and packet leaves up to this much later, in order, seconds: a local network's jitter where the protocol repairs it.
    pub(crate) jitter_secs: f64,
    /// Share of pictures and packets that are lost once where the protocol repairs it: they leave later, and all behind them wait.
    pub(crate) stalls: f64,
}

/// Something that is ready to leave.
pub(crate) struct Parcel {
    /// Seconds after the start at which it leaves.
    pub(crate) at_secs: f64,
    /// The phone's clock when it was captured, nanoseconds since 1970.
    pub(crate) capture_ns: i64,
    /// Its times count from the phone's start by the phone's clock.
    pub(crate) unit: AccessUnit,
    /// What is written down when it has left; sound has none.
    pub(crate) record: Option<Record>,
}

/// The schedule of one connection.
pub(crate) struct Sending {
    clock: PhoneClock,
    habits: Habits,
    anchor: Anchor,
    packet_samples: u32,
    /// What is shown, and since when.
    look: (Look, u64),
    next_tick: u64,
    next_packet: u64,
    /// When the last picture and the last packet leave: both keep their order.
    last_secs: [f64; 2],
    waiting: VecDeque<Parcel>,
}

impl Sending {
    /// Begins with the game's next key picture.
    pub(crate) fn begin(clock: PhoneClock, now_secs: f64, habits: Habits, sound: &Sound) -> Self {
        let anchor = Anchor::after(clock, now_secs, KEY_EVERY, sound.packet_samples);
        let tick = anchor.first_tick;
        Self {
            clock,
            habits,
            anchor,
            packet_samples: sound.packet_samples,
            look: (Look::Loop, tick),
            next_tick: tick,
            next_packet: 0,
            last_secs: [now_secs; 2],
            waiting: VecDeque::with_capacity(32),
        }
    }

    /// What lies between from now on.
    pub(crate) fn set_habits(&mut self, habits: Habits) {
        self.habits = habits;
    }

    /// Captures what is due; `record` is filled in by the true time, the frame and the time of the click that belongs to it. Another
    /// look begins with the game's next key picture.
    pub(crate) fn capture(
        &mut self,
        now_secs: f64,
        look: Look,
        media: &Loaded,
        chance: &mut Seed,
        record: &mut dyn FnMut(f64, Option<u16>, Option<f64>) -> Record,
    ) {
        if self.clock.tick_at(now_secs) > self.next_tick + LATE_PICTURES {
            self.anchor = Anchor::after(self.clock, now_secs, KEY_EVERY, self.packet_samples);
            (self.next_tick, self.next_packet) = (self.anchor.first_tick, 0);
            self.look.1 = self.next_tick;
        }
        while self.clock.picture_secs(self.next_tick) <= now_secs {
            let tick = self.next_tick;
            self.next_tick += 1;
            let index = self.anchor.index_at(tick);
            if look != self.look.0 && index.is_multiple_of(KEY_EVERY) {
                self.look = (look, tick);
            }
            let captured = self.clock.picture_secs(tick);
            let since = (tick - self.look.1) as usize;
            let (unit, frame) = match self.look.0 {
                Look::Loop => (media.video.get(index as usize), Some(index as u16)),
                Look::Frozen => (media.frozen.get(since % media.frozen.len().max(1)), Some(0)),
                Look::Black => (media.black.get(since % media.black.len().max(1)), None),
            };
            let Some(unit) = unit else { continue };
            let click = (self.look.0 == Look::Loop && is_clap(index) && !media.sound.packets.is_empty()).then(|| self.anchor.sound_of(index, captured));
            let at_secs = self.leaves(0, captured + chance.range(ENCODE_SECS.0, ENCODE_SECS.1), chance);
            self.pack(at_secs, captured, unit.clone(), Some(record(captured, frame, click)));
        }
        let sound = &media.sound;
        loop {
            let captured = self.anchor.packet_secs(self.next_packet);
            let ready = captured + self.anchor.packet_length_secs() + SOUND_SECS;
            if ready > now_secs {
                break;
            }
            if let Some(packet) = sound.packets.get(self.anchor.packet_at(self.next_packet, sound.packets.len())) {
                let at_secs = self.leaves(1, ready, chance);
                self.pack(at_secs, captured, unit_of(sound.codec, packet), None);
            }
            self.next_packet += 1;
        }
    }

    /// When what is ready leaves: nothing overtakes what was captured before it.
    fn leaves(&mut self, line: usize, ready_secs: f64, chance: &mut Seed) -> f64 {
        let repair = if self.habits.stalls > 0.0 && chance.chance(self.habits.stalls) { chance.range(REPAIR_SECS.0, REPAIR_SECS.1) } else { 0.0 };
        let at = ready_secs + self.habits.hidden_secs + repair + chance.range(0.0, self.habits.jitter_secs);
        let last = self.last_secs.get_mut(line);
        last.map_or(at, |last| {
            *last = at.max(*last);
            *last
        })
    }

    fn pack(&mut self, at_secs: f64, captured_secs: f64, unit: AccessUnit, record: Option<Record>) {
        let capture_ns = self.clock.shows_ns(captured_secs);
        let pts = MediaTime(capture_ns - self.clock.shows_ns(0.0));
        self.waiting.push_back(Parcel { at_secs, capture_ns, unit: AccessUnit { capture: pts, pts, dts: pts, ..unit }, record });
    }

    /// The next parcel that leaves by now.
    pub(crate) fn pop(&mut self, now_secs: f64) -> Option<Parcel> {
        let ready = self.waiting.iter().position(|parcel| parcel.at_secs <= now_secs)?;
        self.waiting.remove(ready)
    }

    /// When to look again, seconds after the start.
    pub(crate) fn wake_secs(&self) -> f64 {
        let sound = self.anchor.packet_secs(self.next_packet) + self.anchor.packet_length_secs() + SOUND_SECS;
        let leaving = self.waiting.iter().map(|parcel| parcel.at_secs).fold(f64::INFINITY, f64::min);
        self.clock.picture_secs(self.next_tick).min(sound).min(leaving)
    }
}

/// A unit of bytes alone.
pub(crate) fn unit_of(codec: Codec, data: &Bytes) -> AccessUnit {
    let zero = MediaTime::ZERO;
    AccessUnit { source: SlotId(0), codec, config_id: ConfigId(0), capture: zero, pts: zero, dts: zero, arrival: zero, key: true, data: data.clone() }
}

#[cfg(test)]
mod tests {
    use tl_base::Wall;

    use super::*;

    fn media() -> Loaded {
        let unit = |key| AccessUnit { key, ..unit_of(Codec::H264, &Bytes::from_static(b"x")) };
        let units = |count: usize| (0..count).map(|n| unit(n % 30 == 0)).collect();
        let sound = Sound { codec: Codec::Opus, packet_samples: 960, packets: vec![Bytes::from_static(b"s"); 500] };
        Loaded { video: units(300), black: units(60), frozen: units(60), sound }
    }

    /// Everything that leaves within `secs`, looked at every `step` seconds.
    fn all(step: f64, secs: f64, habits: Habits, look: impl Fn(f64) -> Look) -> Vec<Parcel> {
        let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm: 20.0, first_secs: 0.011 };
        let (media, mut chance) = (media(), Seed::new(1));
        let mut sending = Sending::begin(clock, 0.5, habits, &media.sound);
        let mut out = Vec::new();
        let mut now = 0.5;
        let mut seq = 0;
        while now < secs {
            sending.capture(now, look(now), &media, &mut chance, &mut |at, frame, click| {
                seq += 1;
                Record { camera: 1, slot: SlotId(1), frame, wall_us: clock.wall(at), seq, click_us: click.map(|at| clock.wall(at)) }
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
        let sent = all(0.002, 11.03, Habits::default(), |_| Look::Loop);
        let pictures: Vec<&Parcel> = sent.iter().filter(|parcel| parcel.record.is_some()).collect();
        assert!((298..=301).contains(&pictures.len()), "{}", pictures.len());
        assert!((497..=501).contains(&(sent.len() - pictures.len())), "{}", sent.len() - pictures.len());
        assert!(pictures[0].unit.key && pictures[0].record.expect("a picture").frame == Some(30), "a second into the game");
        for pair in pictures.windows(2) {
            assert!(((pair[1].capture_ns - pair[0].capture_ns) - 33_333_333).abs() < 1_000);
            let (one, two) = (pair[0].record.expect("one"), pair[1].record.expect("two"));
            assert_eq!((one.frame.expect("coded") + 1) % 300, two.frame.expect("coded"));
            assert_eq!(one.seq + 1, two.seq);
        }
        let clicks: Vec<_> = pictures.iter().filter_map(|parcel| parcel.record).filter(|record| record.click_us.is_some()).collect();
        assert_eq!(clicks.iter().filter_map(|record| record.frame).collect::<Vec<_>>(), [60, 210]);
        assert!(clicks.iter().all(|record| (record.wall_us.0 - record.click_us.expect("a click").0).abs() < 17_500));
    }

    #[test]
    fn what_is_hidden_delays_all_alike() {
        let habits = Habits { hidden_secs: 0.2, jitter_secs: 0.004, stalls: 0.0 };
        let sent = all(0.002, 4.0, habits, |_| Look::Loop);
        let mut last = [0.0; 2];
        for parcel in &sent {
            let delay = parcel.at_secs - parcel.capture_ns as f64 / 1e9;
            assert!((0.2..0.25).contains(&delay), "{delay}");
            let last = &mut last[usize::from(parcel.record.is_some())];
            assert!(parcel.at_secs >= *last);
            *last = parcel.at_secs;
        }
    }

    #[test]
    fn a_variant_begins_and_ends_with_a_key_picture() {
        let sent = all(0.002, 6.0, Habits::default(), |now| if (1.5..3.5).contains(&now) { Look::Black } else { Look::Loop });
        let pictures: Vec<&Parcel> = sent.iter().filter(|parcel| parcel.record.is_some()).collect();
        let dark = |parcel: &Parcel| parcel.record.expect("a picture").frame.is_none();
        assert_eq!(pictures.iter().filter(|parcel| dark(parcel)).count(), 60);
        for pair in pictures.windows(2) {
            assert!(dark(pair[0]) == dark(pair[1]) || pair[1].unit.key);
        }
    }

    #[test]
    fn a_thread_that_slept_skips_to_a_key_picture() {
        let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm: 0.0, first_secs: 0.0 };
        let (media, mut chance) = (media(), Seed::new(1));
        let mut sending = Sending::begin(clock, 0.0, Habits::default(), &media.sound);
        let mut record = |at: f64, frame, _| Record { camera: 1, slot: SlotId(1), frame, wall_us: clock.wall(at), seq: 0, click_us: None };
        sending.capture(0.1, Look::Loop, &media, &mut chance, &mut record);
        while sending.pop(9.0).is_some() {}
        sending.capture(3.5, Look::Loop, &media, &mut chance, &mut record);
        assert!(std::iter::from_fn(|| sending.pop(9.0)).count() == 0, "nothing before the next key");
        sending.capture(4.05, Look::Loop, &media, &mut chance, &mut record);
        let first = std::iter::from_fn(|| sending.pop(9.0)).find(|parcel| parcel.record.is_some()).expect("a picture");
        assert!(first.unit.key && first.record.expect("a picture").frame == Some(120));
    }
}
