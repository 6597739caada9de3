//! No true peak of the programme exceeds -1 dBTP, whatever is mixed.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

use common::mixer;
use common::studio::{Feeds, noise, true_peak_dbtp};
use tl_base::SlotId;
use tl_sound::{CEILING, Choice, Fader, Mixer};

/// True peak by a plain sum over 64 neighbours at sixteen points between two samples, dBTP: finer than the standard asks.
fn fine_peak_dbtp(samples: &[f32]) -> f64 {
    let mut most = 0.0_f64;
    for channel in [0, 1] {
        let line: Vec<f64> = samples.iter().skip(channel).step_by(2).map(|value| f64::from(*value)).collect();
        // The highest peaks lie beside the highest samples; what is 6 dB below the ceiling is left out.
        for n in (32..line.len().saturating_sub(32)).filter(|n| line[*n].abs() > 0.45) {
            for point in 0..16 {
                let at = n as f64 + f64::from(point) / 16.0;
                let sum: f64 = (n - 31..=n + 32).map(|m| line[m] * kernel(at - m as f64)).sum();
                most = most.max(sum.abs());
            }
        }
    }
    20.0 * most.log10()
}

fn kernel(x: f64) -> f64 {
    let angle = x * std::f64::consts::PI;
    let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
    sinc * (0.5 + 0.5 * (x / 32.5 * std::f64::consts::PI).cos())
}

#[track_caller]
fn check(name: &str, mut mixer: Mixer, feeds: Feeds, secs: f64) -> f32 {
    let mut whole = Vec::new();
    let (mut deepest, mut shown) = (0.0_f32, 0.0);
    let mut feeds = feeds;
    feeds.run(
        &mut mixer,
        &mut 0,
        secs,
        |_, _| {},
        |_, samples, meters| {
            whole.extend_from_slice(samples);
            deepest = deepest.max(meters.limiter_db);
            shown = meters.true_peak_dbtp;
        },
    );
    let (judged, fine) = (true_peak_dbtp(&whole), fine_peak_dbtp(part_of(&whole)));
    println!("{name}: {judged:.3} dBTP (16-fold {fine:.3}), limited by {deepest:.1} dB");
    assert!(judged <= -1.0, "{name}: {judged} dBTP");
    assert!(fine <= -0.6, "{name}: {fine} dBTP");
    assert!(whole.iter().all(|value| value.abs() <= CEILING));
    assert!((f64::from(shown) - judged).abs() < 0.1, "{name}: shown {shown}");
    deepest
}

/// Half a second, once the gain has settled, is enough for the slow judge.
fn part_of(whole: &[f32]) -> &[f32] {
    &whole[48_000 * 2..48_000 * 3]
}

fn loud() -> Mixer {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    for source in 1..=6 {
        mixer.set(SlotId(source), Fader { gain_db: 12.0, ..Fader::default() });
    }
    mixer
}

#[test]
fn a_quarter_of_the_rate_45_degrees_off() {
    // Every sample of the wave is at 0.707 of its peak: at full scale in samples the wave reaches +3 dBTP.
    let wave = |n: i64| (1.41 * (n as f64 * FRAC_PI_2 + FRAC_PI_4).sin()) as f32;
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    assert!(check("fs/4", mixer, Feeds::default().with(1, wave), 3.0) > 2.5);
    let bursts = move |n: i64| if n % 9_600 < 2_000 { wave(n) } else { 0.0 };
    check("fs/4 bursts at +12 dB", loud(), Feeds::default().with(1, bursts), 3.0);
}

#[test]
fn clicks() {
    let clicks = |n: i64| match n % 4_801 {
        0 | 3 | 4 | 40 => 1.0,
        1 | 2 | 41 => -1.0,
        _ => 0.01,
    };
    check("clicks at +12 dB", loud(), Feeds::default().with(1, clicks), 3.0);
    let pulses = |n: i64| if n % 480 < 240 { 1.0 } else { -1.0 };
    check("square at +12 dB", loud(), Feeds::default().with(1, pulses).with(2, move |n| -pulses(n + 100)), 3.0);
}

#[test]
fn six_faders_at_the_top() {
    let mut feeds = Feeds::default();
    for source in 1..=6_u16 {
        let mut white = noise(u64::from(source));
        let hz = 700.0 * f64::from(source) + 37.0;
        feeds = feeds.with(source, move |n| {
            let swell = ((n / 24_000) % 3) as f32 * 0.5;
            (white() * 0.7 + (n as f64 * hz / 48_000.0 * TAU).sin() as f32 * 0.3) * swell
        });
    }
    assert!(check("six at +12 dB", loud(), feeds, 6.0) > 15.0);
}

#[test]
fn every_pitch() {
    // A sweep from 20 Hz to 23 kHz in ten seconds, 12 dB over full scale, and two that beat.
    let sweep = |n: i64| {
        let t = n as f64 / 48_000.0;
        (TAU * 20.0 * 10.0 / 1_150.0_f64.ln() * ((t / 10.0 * 1_150.0_f64.ln()).exp() - 1.0)).sin() as f32
    };
    check("sweep at +12 dB", loud(), Feeds::default().with(1, sweep), 10.0);
    let beat = |n: i64| ((n as f64 * 0.24 * TAU).sin() + (n as f64 * 0.241_3 * TAU + 1.0).sin()) as f32 * 0.5;
    check("beats at +12 dB", loud(), Feeds::default().with(1, beat).with(2, beat), 3.0);
}
