//! What is heard at a time was captured at that time.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::{Card, TICK, largest_step, mix_tick, mixer, slope, tone};
use tl_base::{MediaTime, SlotId};
use tl_sound::{Choice, Fader};

/// A clap of 1 ms at each whole second and a quarter.
fn clap(t: f64) -> f32 {
    let since = (t - 0.25).rem_euclid(1.0);
    if since < 0.001 { (0.8 * (1.0 - since / 0.001)) as f32 } else { 0.0 }
}

/// Times at which sound rises above half the clap, seconds.
fn onsets(samples: &[f32], start: f64) -> Vec<f64> {
    let left: Vec<f32> = samples.iter().step_by(2).copied().collect();
    let mut found: Vec<f64> = Vec::new();
    for (n, value) in left.iter().enumerate() {
        let at = start + n as f64 / 48_000.0;
        if *value > 0.4 && found.last().is_none_or(|last| at - last > 0.1) {
            found.push(at);
        }
    }
    found
}

fn check(drift_ppm: f64, delay_ms: i64) {
    let mut mixer = mixer();
    mixer.choose(Choice::Follow(Some(SlotId(1))));
    mixer.set(SlotId(1), Fader { delay: MediaTime::from_millis(delay_ms), ..Fader::default() });
    let mut card = Card::new(1, drift_ppm, clap);
    let mut whole = Vec::new();
    for tick in 0..300 {
        card.send_until(&mut mixer, (tick + 2) as f64 / 30.0);
        whole.extend(mix_tick(&mut mixer, tick).0);
    }
    let found = onsets(&whole, 0.0);
    assert!(found.len() >= 9, "{found:?}");
    for at in found {
        let expect = (at - delay_ms as f64 / 1e3 - 0.25).round() + 0.25 + delay_ms as f64 / 1e3;
        assert!((at - expect).abs() < 0.000_3, "clap at {at} instead of {expect}");
    }
}

#[test]
fn a_clap_is_where_it_was_clapped() {
    check(0.0, 0);
    check(100.0, 0);
    check(-100.0, 0);
    check(0.0, 37);
    check(50.0, 500);
}

/// The left channel of 3 s of a tone, of which blocks for which `lost` is true never arrive.
fn with_losses(lost: impl Fn(i64) -> bool) -> (Vec<f32>, u64) {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut card = Card::new(1, 0.0, tone(300.0, 0.5));
    let mut whole = Vec::new();
    for tick in 0..90 {
        while card.block * 20 < (tick + 2) * 34 {
            let number = card.block;
            let block = card.next();
            if !lost(number) {
                mixer.push(block);
            }
        }
        whole.extend(mix_tick(&mut mixer, tick).0);
    }
    (whole, mixer.stats(SlotId(1)).expect("a source").gaps)
}

#[test]
fn a_lost_block_is_a_silence_with_soft_edges() {
    let (whole, gaps) = with_losses(|block| block == 50);
    assert_eq!(gaps, 1);
    // A fade of 5 ms adds a little to the tone's own slope.
    let limit = slope(300.0, 0.5) + 0.5 / 240.0 + 0.002;
    assert!(largest_step(&whole) < limit, "{} over {limit}", largest_step(&whole));
    let silent = |millis: usize| whole.iter().skip(millis * 96).take(96).all(|value| value.abs() < 1e-3);
    assert!(silent(1_008) && silent(1_017) && !silent(998) && !silent(1_027));
    // Behind the hole the tone is in its own place again.
    let behind = whole.iter().step_by(2).enumerate().skip(1_040 * 48).take(4_800);
    for (n, value) in behind {
        let expect = tone(300.0, 0.5)(n as f64 / 48_000.0);
        assert!((value - expect).abs() < 0.01, "{value} instead of {expect} at {n}");
    }
}

#[test]
fn losing_every_third_block_never_clicks() {
    let (whole, gaps) = with_losses(|block| block % 3 == 2);
    assert!(gaps > 40, "{gaps}");
    assert!(largest_step(&whole) < slope(300.0, 0.5) + 0.5 / 240.0 + 0.002);
}

#[test]
fn late_blocks_are_dropped_and_early_ones_kept() {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut card = Card::new(1, 0.0, tone(300.0, 0.5));
    // 1.9 s come at once, long before their time.
    card.send_until(&mut mixer, 1.9);
    let mut whole = Vec::new();
    for tick in 0..50 {
        whole.extend(mix_tick(&mut mixer, tick).0);
    }
    for (n, value) in whole.iter().step_by(2).enumerate().skip(4_800) {
        let expect = tone(300.0, 0.5)(n as f64 / 48_000.0);
        assert!((value - expect).abs() < 0.01, "{value} instead of {expect} at {n}");
    }
    let mut late = Card::new(2, 0.0, tone(300.0, 0.5));
    late.send_until(&mut mixer, 1.0);
    assert_eq!(mixer.stats(SlotId(2)).expect("a source").late, 50);
}

#[test]
fn a_clock_that_is_set_is_followed_without_a_click() {
    for jump_ms in [-300_i64, 300] {
        let mut mixer = mixer();
        mixer.choose(Choice::Mix);
        let mut card = Card::new(1, 0.0, tone(300.0, 0.5));
        let mut whole = Vec::new();
        for tick in 0..150 {
            if tick == 60 {
                card.stamp_offset = MediaTime::from_millis(jump_ms);
            }
            card.send_until(&mut mixer, (tick + 2) as f64 / 30.0 + 0.35);
            whole.extend(mix_tick(&mut mixer, tick).0);
        }
        let stats = mixer.stats(SlotId(1)).expect("a source");
        assert_eq!(stats.resyncs + stats.gaps, 1, "{jump_ms}: {stats:?}");
        let limit = slope(300.0, 0.5) * 1.5 + 0.5 / 240.0;
        assert!(largest_step(&whole) < limit, "{jump_ms}: {} over {limit}", largest_step(&whole));
        for (n, value) in whole.iter().step_by(2).enumerate().skip(4 * 48_000).take(24_000) {
            let expect = tone(300.0, 0.5)(n as f64 / 48_000.0 - jump_ms as f64 / 1e3);
            assert!((value - expect).abs() < 0.02, "{jump_ms}: {value} instead of {expect} at {n}");
        }
    }
}

#[test]
fn a_span_elsewhere_is_reached_by_a_crossfade() {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut card = Card::new(1, 0.0, tone(300.0, 0.5));
    card.send_until(&mut mixer, 1.9);
    let mut whole = Vec::new();
    for tick in 0..20 {
        let skipped = if tick < 10 { 0 } else { 24_010 };
        whole.extend(mixer.mix(MediaTime::from_samples(tick * TICK as i64 + skipped), TICK).0);
    }
    assert!(largest_step(&whole) < slope(300.0, 0.5) * 1.5);
    let (n, value) = (19 * TICK + 50, whole[2 * (19 * TICK + 50)]);
    let expect = tone(300.0, 0.5)((n + 24_010) as f64 / 48_000.0);
    assert!((value - expect).abs() < 0.02);
}
