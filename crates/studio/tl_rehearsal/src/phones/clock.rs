//! A phone's own idea of time, and the schedule of its camera and microphone.

use tl_base::Wall;

use crate::Seed;
use crate::rink::FRAMES;

/// Pictures a second by the phone's own clock.
const FPS: f64 = 30.0;
/// Sound packets in the loop, 20 ms each.
const PACKETS: u64 = FRAMES as u64 * 50 / 30;
const PACKET_SECS: f64 = 0.02;

/// A clock that is off and drifts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PhoneClock {
    /// The true wall clock when the phones started.
    pub(crate) started: Wall,
    /// Phone minus true at the start, microseconds.
    pub(crate) offset_us: i64,
    /// Parts per million that it runs fast.
    pub(crate) drift_ppm: f64,
    /// Its first picture, seconds after the start, less than one period.
    pub(crate) first_secs: f64,
}

impl PhoneClock {
    /// Offsets to ±5 s, drift to ±50 ppm, any phase.
    pub(crate) fn random(chance: &mut Seed, started: Wall) -> Self {
        let offset_us = chance.range(-5e6, 5e6) as i64;
        Self { started, offset_us, drift_ppm: chance.range(-50.0, 50.0), first_secs: chance.range(0.0, 1.0 / FPS) }
    }

    /// What it shows `true_secs` after the start, nanoseconds since 1970.
    pub(crate) fn shows_ns(&self, true_secs: f64) -> i64 {
        (self.started.0 + self.offset_us) * 1_000 + (true_secs * (1.0 + self.drift_ppm * 1e-6) * 1e9).round() as i64
    }

    /// The true wall clock `true_secs` after the start.
    pub(crate) fn wall(&self, true_secs: f64) -> Wall {
        Wall(self.started.0 + (true_secs * 1e6).round() as i64)
    }

    /// When picture `tick` is truly captured, seconds after the start: the phone's camera is driven by the phone's clock.
    pub(crate) fn picture_secs(&self, tick: u64) -> f64 {
        (self.first_secs + tick as f64 / FPS) / (1.0 + self.drift_ppm * 1e-6)
    }

    /// The first picture at or after a moment.
    pub(crate) fn tick_at(&self, true_secs: f64) -> u64 {
        let own = true_secs * (1.0 + self.drift_ppm * 1e-6) - self.first_secs;
        (own * FPS - 1e-6).ceil().max(0.0) as u64
    }
}

/// Which part of the loop is sent when: picture `tick` shows picture `index` of the loop, and on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) tick: u64,
    /// A key picture.
    pub(crate) index: u32,
}

impl Anchor {
    /// Which picture of the loop is captured at `tick`.
    pub(crate) fn index_at(&self, tick: u64) -> u32 {
        ((u64::from(self.index) + tick.saturating_sub(self.tick)) % u64::from(FRAMES)) as u32
    }

    /// The key picture nearest to what the loop would show at `tick`, from where it may start again.
    pub(crate) fn again_at(&self, tick: u64, key_every: u32) -> Self {
        let index = (self.index_at(tick) + key_every / 2) / key_every * key_every % FRAMES;
        Self { tick, index }
    }

    /// Packet of the loop that is the `number`th after the anchor.
    pub(crate) fn packet_at(&self, number: u64) -> usize {
        ((u64::from(self.index) * 50 / 30 + number) % PACKETS) as usize
    }

    /// When the first sample of the `number`th packet after the anchor is truly captured, seconds after the start.
    pub(crate) fn packet_secs(&self, clock: &PhoneClock, number: u64) -> f64 {
        clock.picture_secs(self.tick) + number as f64 * PACKET_SECS / (1.0 + clock.drift_ppm * 1e-6)
    }
}

/// Length of a packet, seconds.
pub(crate) fn packet_secs() -> f64 {
    PACKET_SECS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_follows_the_phones_own_clock() {
        let clock = PhoneClock { started: Wall(1_000_000), offset_us: 5_000_000, drift_ppm: 50.0, first_secs: 0.01 };
        let hour = 3_600 * 30;
        let (first, last) = (clock.picture_secs(0), clock.picture_secs(hour));
        assert!((last - first - 3_600.0 / 1.000_05).abs() < 1e-6, "a fast clock takes its pictures sooner");
        let shown = clock.shows_ns(last) - clock.shows_ns(first);
        assert!((shown - 3_600_000_000_000).abs() <= 1_000, "by its own clock an hour has passed: {shown}");
        for tick in [0, 1, 29, 12_345] {
            assert_eq!(clock.tick_at(clock.picture_secs(tick)), tick);
        }
    }

    #[test]
    fn sound_and_picture_of_the_loop_stay_together() {
        let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm: -50.0, first_secs: 0.02 };
        for index in [0, 30, 270] {
            let anchor = Anchor { tick: 77, index };
            assert_eq!(anchor.index_at(77 + 300), index);
            // The clap's picture and the packet that holds its click are captured together.
            let to_clap = (0..300).find(|step| anchor.index_at(77 + step) == 60).expect("in the loop");
            let packet = (0..500).find(|number| anchor.packet_at(*number) == 100).expect("in the loop");
            let apart = clock.picture_secs(77 + to_clap) - anchor.packet_secs(&clock, packet);
            assert!(apart.abs() < 1e-6, "{apart}");
        }
        assert_eq!(Anchor { tick: 0, index: 0 }.again_at(296, 30), Anchor { tick: 296, index: 0 });
    }

    #[test]
    fn clocks_stay_within_their_bounds() {
        let mut chance = Seed::new(4);
        for _ in 0..200 {
            let clock = PhoneClock::random(&mut chance, Wall(0));
            assert!(clock.offset_us.abs() <= 5_000_000 && clock.drift_ppm.abs() <= 50.0 && (0.0..1.0 / 30.0).contains(&clock.first_secs));
        }
    }
}
