//! A sound card's own clock is not heard.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::{Card, TICK, largest_step, mix_tick, mixer, slope, tone};
use tl_base::{MediaTime, SlotId};
use tl_sound::Choice;

const HZ: f64 = 440.0;
const LEVEL: f32 = 0.5;
/// A jittering first stamp takes a few seconds to be made good; until then the pitch is bent by up to a tenth of a percent.
const FIRST_TICK: i64 = 150;

/// Phase of the tone within `samples`, as the delay against its capture time, seconds; and what is left without the tone.
fn delay_and_residue(samples: &[f32], start: f64) -> (f64, f64) {
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    let left: Vec<f64> = samples.iter().step_by(2).map(|value| f64::from(*value)).collect();
    for (n, value) in left.iter().enumerate() {
        let angle = (start + n as f64 / 48_000.0) * HZ * std::f64::consts::TAU;
        sine += value * angle.sin();
        cosine += value * angle.cos();
        power += value * value;
    }
    let count = left.len() as f64;
    let tone_power = (sine * sine + cosine * cosine) * 2.0 / count;
    let delay = -cosine.atan2(sine) / (HZ * std::f64::consts::TAU);
    (delay, ((power - tone_power).max(0.0) / power).sqrt())
}

fn check(drift_ppm: f64, rate_hz: u32, frames: usize, jitter_nanos: i64) {
    let mut mixer = mixer();
    mixer.choose(Choice::Follow(Some(SlotId(1))));
    let mut card = Card { rate_hz, frames, ..Card::new(1, drift_ppm, tone(HZ, LEVEL)) };
    let mut whole = Vec::new();
    // 440 Hz has 22 periods in 50 ms: a window of 4,800 frames holds them whole.
    for tick in 0..900_i64 {
        card.stamp_offset = MediaTime(if tick % 2 == 0 { jitter_nanos } else { -jitter_nanos });
        card.send_until(&mut mixer, (tick + 2) as f64 / 30.0 + 0.02);
        let (samples, _) = mix_tick(&mut mixer, tick);
        assert_eq!(samples.len(), 2 * TICK);
        if tick >= FIRST_TICK {
            whole.extend_from_slice(&samples);
        }
        let stats = mixer.stats(SlotId(1)).expect("a source");
        assert_eq!((stats.late, stats.gaps, stats.resyncs, stats.broken), (0, 0, 0, 0), "tick {tick}");
        assert!(stats.error.abs() < MediaTime::from_millis(5), "tick {tick}: {stats:?}");
    }
    let start = FIRST_TICK as f64 / 30.0;
    let (mut worst_delay, mut worst_residue) = (0.0_f64, 0.0_f64);
    for (n, window) in whole.chunks_exact(2 * 4_800).enumerate() {
        let (delay, residue) = delay_and_residue(window, start + n as f64 * 0.1);
        worst_delay = worst_delay.max(delay.abs());
        worst_residue = worst_residue.max(residue);
    }
    // One period of the tone is 2.3 ms: the phase cannot alias within the limit that `stats.error` holds as well.
    println!("{drift_ppm} ppm, {rate_hz} Hz: at most {:.3} ms off, residue {worst_residue:.5}", worst_delay * 1e3);
    assert!(worst_delay < 0.001 + jitter_nanos as f64 * 1e-9, "{drift_ppm} ppm: {worst_delay} s off");
    assert!(worst_residue < 0.02, "{drift_ppm} ppm: {worst_residue} of noise");
    let limit = slope(HZ, LEVEL) * 1.5;
    assert!(largest_step(&whole) < limit, "{drift_ppm} ppm: step {} over {limit}", largest_step(&whole));
}

#[test]
fn a_tone_stays_in_place_and_clean() {
    check(0.0, 48_000, 960, 0);
    check(100.0, 48_000, 960, 0);
    check(-100.0, 48_000, 960, 0);
    check(50.0, 48_000, 480, 1_000_000);
    check(-300.0, 48_000, 1_024, 0);
}

#[test]
fn another_sample_rate_is_resampled() {
    check(100.0, 44_100, 882, 0);
    check(-100.0, 16_000, 320, 0);
}

#[test]
fn a_moving_delay_budget_is_followed() {
    // The span moves by 5 ms a second, as the show's budget may.
    let mut mixer = mixer();
    mixer.choose(Choice::Follow(Some(SlotId(1))));
    let mut card = Card::new(1, 100.0, tone(HZ, LEVEL));
    let mut whole = Vec::new();
    for tick in 0..600_i64 {
        let behind = MediaTime::from_micros(tick * 5_000 / 30);
        card.send_until(&mut mixer, (tick + 2) as f64 / 30.0 + 0.02);
        let (samples, _) = mixer.mix(MediaTime::from_samples(tick * TICK as i64) - behind, TICK);
        if tick > 15 {
            whole.extend_from_slice(&samples);
            let stats = mixer.stats(SlotId(1)).expect("a source");
            assert!(stats.error.abs() < MediaTime::from_millis(5) && stats.resyncs == 0, "tick {tick}: {stats:?}");
        }
    }
    assert!(largest_step(&whole) < slope(HZ, LEVEL) * 1.5);
}
