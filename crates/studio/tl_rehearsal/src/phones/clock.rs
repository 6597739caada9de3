//! A phone's own idea of time, and the schedule of its camera and microphone.

use tl_base::Wall;

use crate::Seed;
use crate::rink::FRAMES;

/// Pictures a second by the phone's own clock.
const FPS: f64 = 30.0;
/// Samples of each channel in a second.
const SAMPLES_A_SECOND: f64 = tl_base::SAMPLE_RATE_HZ as f64;

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
        (self.started.0 + self.offset_us) * 1_000 + (true_secs * self.rate() * 1e9).round() as i64
    }

    /// The true wall clock `true_secs` after the start.
    pub(crate) fn wall(&self, true_secs: f64) -> Wall {
        Wall(self.started.0 + (true_secs * 1e6).round() as i64)
    }

    /// When picture `tick` is truly captured, seconds after the start: the phone's camera is driven by the phone's clock.
    pub(crate) fn picture_secs(&self, tick: u64) -> f64 {
        (self.first_secs + tick as f64 / FPS) / self.rate()
    }

    /// Its seconds in a true one.
    fn rate(&self) -> f64 {
        1.0 + self.drift_ppm * 1e-6
    }

    /// The first picture at or after a moment.
    pub(crate) fn tick_at(&self, true_secs: f64) -> u64 {
        let own = true_secs * self.rate() - self.first_secs;
        (own * FPS - 1e-6).ceil().max(0.0) as u64
    }
}

/// Which moment of the game each picture and each packet of sound holds.
///
/// All phones film one game, which begins when they do and goes round with the loop. A picture shows the moment of the game that is
/// nearest to its capture; the sound is the game's own at the time. Both then go on by the phone's clock, so that they stay together
/// while a long connection slowly drifts away from the game; the next connection begins at the right moment again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Anchor {
    clock: PhoneClock,
    /// Picture `tick` of the phone is picture `tick + shift` of the loop.
    shift: u64,
    /// The first picture that is sent, a key picture.
    pub(crate) first_tick: u64,
    /// Samples in a packet of sound.
    packet_samples: u64,
    /// Packet 0 after the anchor is this one of the game.
    first_packet: u64,
}

impl Anchor {
    /// Begins at the first key picture at or after a moment.
    pub(crate) fn after(clock: PhoneClock, now_secs: f64, key_every: u32, packet_samples: u32) -> Self {
        let tick = clock.tick_at(now_secs);
        let (frames, key_every, packet_samples) = (u64::from(FRAMES), u64::from(key_every.max(1)), u64::from(packet_samples.max(1)));
        let shown = (clock.picture_secs(tick) * FPS).round().max(0.0) as u64;
        let shift = (shown + frames - tick % frames) % frames;
        let first_tick = tick + (key_every - (tick + shift) % key_every) % key_every;
        let first_packet = (clock.picture_secs(first_tick) * SAMPLES_A_SECOND / packet_samples as f64).ceil().max(0.0) as u64;
        Self { clock, shift, first_tick, packet_samples, first_packet }
    }

    /// Which picture of the loop is captured at `tick`.
    pub(crate) fn index_at(&self, tick: u64) -> u32 {
        ((tick + self.shift) % u64::from(FRAMES)) as u32
    }

    /// Which of `count` packets is the `number`th after the anchor.
    pub(crate) fn packet_at(&self, number: u64, count: usize) -> usize {
        ((self.first_packet + number) % (count.max(1) as u64)) as usize
    }

    /// When the first sample of the `number`th packet after the anchor is truly captured, seconds after the start.
    pub(crate) fn packet_secs(&self, number: u64) -> f64 {
        self.first_sound_secs() + (number * self.packet_samples) as f64 / SAMPLES_A_SECOND / self.clock.rate()
    }

    /// Length of a packet, seconds.
    pub(crate) fn packet_length_secs(&self) -> f64 {
        self.packet_samples as f64 / SAMPLES_A_SECOND
    }

    /// When the sound that belongs to picture `index` of the loop is captured, the time nearest to `captured_secs`.
    pub(crate) fn sound_of(&self, index: u32, captured_secs: f64) -> f64 {
        let round = f64::from(FRAMES) / FPS;
        let in_loop = f64::from(index) / FPS;
        let game = self.first_sound_secs() + (captured_secs - self.first_sound_secs()) * self.clock.rate();
        let game = ((game - in_loop) / round).round() * round + in_loop;
        self.first_sound_secs() + (game - self.first_sound_secs()) / self.clock.rate()
    }

    fn first_sound_secs(&self) -> f64 {
        (self.first_packet * self.packet_samples) as f64 / SAMPLES_A_SECOND
    }
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
    fn pictures_and_sound_hold_the_moment_of_the_game_at_which_they_are_captured() {
        for (drift_ppm, first_secs, packet_samples, count) in [(-50.0, 0.02, 960, 500), (50.0, 0.0, 1_024, 1_875), (0.0, 0.033, 1_024, 1_875)] {
            let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm, first_secs };
            for now in [0.0, 0.5, 9.99, 12.3, 3_600.0] {
                let anchor = Anchor::after(clock, now, 30, packet_samples);
                let first = clock.picture_secs(anchor.first_tick);
                assert!(anchor.index_at(anchor.first_tick).is_multiple_of(30) && (now..now + 1.04).contains(&first), "{first} after {now}");
                let game = |index: u32| f64::from(index) / 30.0;
                let off = (first - game(anchor.index_at(anchor.first_tick))).rem_euclid(10.0);
                assert!(off.min(10.0 - off) < 0.0167, "{off}");
                let heard = anchor.packet_secs(0);
                assert!((0.0..0.022).contains(&(heard - first)));
                let in_loop = anchor.packet_at(0, count) as f64 * f64::from(packet_samples) / 48_000.0;
                let off = (heard - in_loop).rem_euclid(10.0);
                assert!(off.min(10.0 - off) < 1e-6, "{off}");
            }
        }
    }

    #[test]
    fn a_clap_is_heard_when_every_phone_hears_it() {
        let clap = |drift_ppm, first_secs, packet_samples| {
            let clock = PhoneClock { started: Wall(0), offset_us: 0, drift_ppm, first_secs };
            let anchor = Anchor::after(clock, 3.0, 30, packet_samples);
            let tick = (anchor.first_tick..).find(|tick| anchor.index_at(*tick) == 60).expect("in the loop");
            let seen = clock.picture_secs(tick);
            let heard = anchor.sound_of(60, seen);
            assert!((seen - heard).abs() < 0.0175, "{seen} {heard}");
            heard
        };
        assert!((clap(50.0, 0.03, 960) - 12.0).abs() < 0.001 && (clap(-50.0, 0.004, 1_024) - 12.0).abs() < 0.001);
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
