//! Two sources that heard the same clap are brought together, and those that did not are left alone.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::noise;
use tl_base::{MediaTime, SlotId};
use tl_frame::AudioBlock;
use tl_sound::align::{Envelope, Unsure, sound_offset};

/// Ten seconds of a wave by its true time, heard by a device whose stamps are `late_secs` late, with noise of its own.
fn heard(wave: impl Fn(f64) -> f64, late_secs: f64, rate_hz: u32, noise_rms: f32, seed: u64) -> Envelope {
    let (mut envelope, mut white) = (Envelope::new(), noise(seed));
    let frames = rate_hz as usize / 50;
    for block in 0..500 {
        let samples = (0..frames)
            .map(|n| {
                let t = (block * frames + n) as f64 / f64::from(rate_hz);
                (wave(t) as f32) + white() * noise_rms / 0.577
            })
            .collect();
        let jitter = if block % 2 == 0 { 400 } else { -400 };
        let capture = MediaTime::from_secs_f64(block as f64 * 0.02 + late_secs) + MediaTime::from_micros(jitter);
        envelope.push(&AudioBlock { source: SlotId(1), capture, rate_hz, channels: 1, samples });
    }
    envelope
}

/// A clap: a burst around 2 kHz that dies away within 30 ms, with the given RMS over its first 30 ms.
fn clap(t: f64, rms: f64) -> f64 {
    if !(0.0..0.06).contains(&t) {
        return 0.0;
    }
    let ring: f64 = [1_200.0, 1_750.0, 2_300.0, 2_900.0].iter().map(|hz| (t * hz * std::f64::consts::TAU + hz).sin()).sum();
    ring * (-t / 0.008).exp() * rms * 2.75
}

/// A referee's whistle: 2.8 kHz, half a second, with the trill of its pea.
fn whistle(t: f64, rms: f64) -> f64 {
    if !(0.0..0.5).contains(&t) {
        return 0.0;
    }
    let edge = (t / 0.01).min(1.0) * ((0.5 - t) / 0.01).min(1.0);
    (t * 2_800.0 * std::f64::consts::TAU).sin() * (1.0 + 0.3 * (t * 37.0 * std::f64::consts::TAU).sin()) * edge * rms * 1.41
}

#[track_caller]
fn check(name: &str, wave: impl Fn(f64) -> f64 + Copy, noise_rms: f32) {
    let (mut worst, mut refused, mut count) = (0.0_f64, 0, 0);
    for (seed, late_secs) in [0.0, 0.013, -0.117, 0.4, -0.75, 1.2345, -1.9, 1.95].into_iter().enumerate() {
        for rate_hz in [48_000, 44_100, 16_000] {
            let a = heard(wave, 0.0, 48_000, noise_rms, 2 * seed as u64 + 1);
            let b = heard(wave, late_secs, rate_hz, noise_rms, 1_000 + seed as u64 * 3 + u64::from(rate_hz));
            count += 1;
            match sound_offset(&a, &b) {
                Ok(found) => {
                    assert!((0.0..=1.0).contains(&found.confidence));
                    worst = worst.max((found.offset.as_secs_f64() + late_secs).abs());
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{name}: {count} pairs, {refused} refused, at most {:.2} ms off", worst * 1e3);
    assert!(worst <= 0.005, "{name}: {worst} s off");
    assert_eq!(refused, 0, "{name}");
}

#[test]
fn claps_and_whistles_in_noise_as_loud_as_they_are() {
    check("clap, quiet room", |t| clap(t - 5.0, 0.1), 0.000_3);
    check("clap at 0 dB", |t| clap(t - 5.0, 0.1), 0.1);
    check("whistle, quiet room", |t| whistle(t - 5.0, 0.1), 0.000_3);
    check("whistle at 0 dB", |t| whistle(t - 5.0, 0.1), 0.1);
    check("claps out of step at 0 dB", |t| clap(t - 3.1, 0.1) + clap(t - 4.0, 0.1) + clap(t - 5.7, 0.1), 0.1);
}

#[track_caller]
fn refuses(name: &str, a: &Envelope, b: &Envelope, expect: &[Unsure]) {
    let got = sound_offset(a, b);
    assert!(got.as_ref().is_err_and(|unsure| expect.contains(unsure)), "{name}: {got:?}");
}

#[test]
fn what_is_not_sure_is_refused() {
    let quiet = |seed| heard(|_| 0.0, 0.0, 48_000, 0.01, seed);
    let clapped = heard(|t| clap(t - 5.0, 0.1), 0.0, 48_000, 0.01, 1);
    refuses("nothing at all", &Envelope::new(), &Envelope::new(), &[Unsure::Silence]);
    refuses("silence", &heard(|_| 0.0, 0.0, 48_000, 0.0, 1), &heard(|_| 0.0, 0.0, 48_000, 0.0, 2), &[Unsure::Silence]);
    for seed in 0..20 {
        refuses("noise", &quiet(seed), &quiet(100 + seed), &[Unsure::Silence, Unsure::NoMatch]);
        refuses("one clap", &clapped, &quiet(200 + seed), &[Unsure::Silence, Unsure::NoMatch]);
    }
    // A metronome fits at every beat.
    let beats = |t: f64| clap(t.rem_euclid(0.5), 0.1);
    let (a, b) = (heard(beats, 0.0, 48_000, 0.01, 1), heard(beats, 0.13, 48_000, 0.01, 2));
    refuses("metronome", &a, &b, &[Unsure::Ambiguous]);
    // Further apart than the range.
    refuses("far", &clapped, &heard(|t| clap(t - 5.0, 0.1), 3.0, 48_000, 0.01, 3), &[Unsure::NoMatch]);
}

#[test]
fn holes_and_jumps_are_silence_and_old_sound_leaves() {
    let mut envelope = heard(|t| clap(t - 5.0, 0.1), 0.0, 48_000, 0.01, 1);
    let other = heard(|t| clap(t - 5.0, 0.1), 0.25, 48_000, 0.01, 2);
    let found = sound_offset(&envelope, &other).expect("a clap");
    assert!((found.offset.as_millis_f64() + 250.0).abs() < 2.0, "{found:?}");
    let block =
        |secs: i64| AudioBlock { source: SlotId(1), capture: MediaTime::from_secs(secs), rate_hz: 48_000, channels: 2, samples: vec![0.001; 1_920].into() };
    envelope.push(&block(14));
    assert!(sound_offset(&envelope, &other).is_ok(), "a hole of four seconds leaves the clap");
    envelope.push(&block(16));
    assert!(sound_offset(&envelope, &other).is_err(), "the clap is older than ten seconds");
    assert_eq!(envelope.newest(), Some(MediaTime::from_millis(16_020)));
    envelope.push(&block(3));
    assert_eq!(envelope.newest(), Some(MediaTime::from_millis(3_020)));
    envelope.clear();
    assert_eq!(envelope.newest(), None);
}
