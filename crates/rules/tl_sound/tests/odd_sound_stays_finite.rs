//! Whatever comes in, what goes out is sound.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::noise;
use tl_base::{MediaTime, SlotId};
use tl_frame::AudioBlock;
use tl_sound::align::{Envelope, sound_offset};
use tl_sound::{CEILING, Choice, Config, Fader, Listener, Mixer, Processing};

const ODD: [f32; 10] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-42, -0.0, 1e30, 0.5];
const RATES: [u32; 12] = [0, 1, 7_999, 8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000, 192_001, u32::MAX];
const CHANNELS: [u16; 6] = [0, 1, 2, 3, 64, u16::MAX];

/// Numbers below a bound, from a seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.throw(from.len())]
    }

    fn time(&mut self, near: MediaTime) -> MediaTime {
        match self.throw(8) {
            0 => MediaTime(i64::MIN),
            1 => MediaTime(i64::MAX),
            2 => near - MediaTime::from_secs(3_600),
            3 => near + MediaTime::from_millis(self.throw(500) as i64),
            _ => near,
        }
    }

    fn block(&mut self, near: MediaTime) -> AudioBlock {
        let odd = self.throw(3) == 0;
        let count = self.pick(&[0, 1, 2, 3, 480, 960, 1_920, 96_001]);
        let samples = (0..count).map(|_| if odd { self.pick(&ODD) } else { 0.3 }).collect();
        let usual = self.throw(2) == 0;
        let (rate_hz, channels) = if usual { (48_000, 1) } else { (self.pick(&RATES), self.pick(&CHANNELS)) };
        AudioBlock { source: SlotId(self.throw(40) as u16), capture: self.time(near), rate_hz, channels, samples }
    }
}

#[test]
fn no_sample_is_anything_but_a_number() {
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut mixer = Mixer::new(Config::default()).expect("a stereo mixer");
        let mut envelopes = [Envelope::new(), Envelope::new()];
        for tick in 0..400_i64 {
            let now = MediaTime::from_millis(20 * tick);
            for _ in 0..20 {
                let block = dice.block(now);
                envelopes[usize::from(block.source.0 % 2)].push(&block);
                mixer.push(block);
            }
            let fader = Fader { gain_db: dice.pick(&ODD), muted: dice.throw(4) == 0, delay: dice.time(now) };
            mixer.set(SlotId(dice.throw(40) as u16), fader);
            mixer.set_processing(Processing { ducking_lu: dice.pick(&ODD), riding: dice.throw(2) == 0, target_lufs: dice.pick(&ODD) });
            mixer.choose(dice.pick(&[Choice::Mix, Choice::Follow(None), Choice::Fixed(SlotId(3)), Choice::Follow(Some(SlotId(34)))]));
            let listeners: Vec<Listener> = (0..dice.throw(12)).map(|_| Listener { own: SlotId(dice.throw(40) as u16), talkback: dice.throw(2) == 0 }).collect();
            mixer.listen(&listeners);
            if dice.throw(30) == 0 {
                mixer.remove(SlotId(dice.throw(40) as u16));
            }
            let at = if dice.throw(20) == 0 { dice.time(now) } else { now };
            let (samples, meters) = mixer.mix(at, 960);
            assert_eq!(samples.len(), 1_920);
            assert!(samples.iter().all(|value| value.is_finite() && value.abs() <= CEILING), "seed {seed}, tick {tick}");
            assert!(mixer.returns().all(|(_, sound)| sound.len() == 1_920 && sound.iter().all(|value| value.abs() <= CEILING)));
            assert!(meters.sources.len() <= 34 && meters.sources.iter().all(|meter| meter.peak_dbfs.is_finite() && meter.rms_dbfs.is_finite()));
            let shown = [meters.true_peak_dbtp, meters.limiter_db, meters.ride_db, meters.ducking_db, meters.peak_dbfs[0], meters.peak_dbfs[1]];
            assert!(shown.iter().all(|value| value.is_finite()), "{meters:?}");
        }
        if let Ok(found) = sound_offset(&envelopes[0], &envelopes[1]) {
            assert!(found.confidence.is_finite());
        }
    }
}

#[test]
fn sound_goes_on_behind_what_was_broken() {
    let mut mixer = common::mixer();
    mixer.choose(Choice::Mix);
    let mut white = noise(1);
    let mut last = Vec::new();
    for block in 0..100_i64 {
        let broken = block < 50;
        let samples = (0..960).map(|n| if broken { ODD[n % ODD.len()] } else { 0.2 * white() }).collect();
        mixer.push(AudioBlock { source: SlotId(1), capture: MediaTime::from_millis(20 * (block + 1)), rate_hz: 48_000, channels: 1, samples });
        last = mixer.mix(MediaTime::from_millis(20 * (block - 1)), 960).0;
    }
    let power: f32 = last.iter().map(|value| value * value).sum::<f32>() / last.len() as f32;
    // White noise loses what lies above the resampler's pass band.
    assert!((0.08..0.12).contains(&power.sqrt()), "{}", power.sqrt());
}

#[test]
fn every_source_has_its_meters_heard_or_not() {
    let mut mixer = common::mixer();
    mixer.choose(Choice::Follow(Some(SlotId(1))));
    for block in 0..50 {
        for (source, level) in [(1, 0.5_f32), (2, 0.1), (33, 0.0), (34, 0.01)] {
            let samples = (0..960).map(|n| if n % 2 == 0 { level } else { -level }).collect();
            mixer.push(AudioBlock { source: SlotId(source), capture: MediaTime::from_millis(20 * block), rate_hz: 48_000, channels: 1, samples });
        }
    }
    let (_, meters) = mixer.mix(MediaTime::from_millis(500), 960);
    let shown: Vec<(u16, f32, f32)> = meters.sources.iter().map(|meter| (meter.source.0, meter.peak_dbfs.round(), meter.rms_dbfs.round())).collect();
    assert_eq!(shown, [(1, -6.0, -6.0), (2, -20.0, -20.0), (33, -120.0, -120.0), (34, -40.0, -40.0)]);
}
