//! Two cameras that saw the same flash are brought together.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::noise;
use tl_base::MediaTime;
use tl_sound::align::{Unsure, flash_offset};

/// Pictures of eight seconds by a camera: mean luma over each exposure of light that is `light(t)`.
fn seen(light: impl Fn(f64) -> f64, late_secs: f64, fps: f64, phase: f64, shutter: f64, noise_luma: f32, seed: u64) -> Vec<(MediaTime, f32)> {
    let mut white = noise(seed);
    (0..(8.0 * fps) as usize)
        .map(|n| {
            let start = (n as f64 + phase) / fps;
            let mean = (0..50).map(|part| light(start + f64::from(part) / 50.0 * shutter / fps)).sum::<f64>() / 50.0;
            (MediaTime::from_secs_f64(start + late_secs), mean as f32 + white() * noise_luma)
        })
        .collect()
}

/// A lamp that is on from 3.2 s for `secs`.
fn lamp(secs: f64) -> impl Fn(f64) -> f64 + Copy {
    move |t| if (3.2..3.2 + secs).contains(&t) { 130.0 } else { 70.0 }
}

#[track_caller]
fn check(name: &str, light: impl Fn(f64) -> f64 + Copy, shutter: f64, limit_secs: f64) {
    let mut worst = 0.0_f64;
    for (n, late_secs) in [0.0, 0.02, -0.3, 0.9, -1.7].into_iter().enumerate() {
        for (fps_a, fps_b) in [(30.0, 30.0), (30.0, 25.0), (29.97, 60.0)] {
            let a = seen(light, 0.0, fps_a, 0.1, shutter, 1.0, n as u64);
            let b = seen(light, late_secs, fps_b, 0.17 * n as f64, shutter, 1.0, 50 + n as u64);
            let found = flash_offset(&a, &b).unwrap_or_else(|unsure| panic!("{name} {late_secs} {fps_a} {fps_b}: {unsure}"));
            let off = (found.offset.as_secs_f64() + late_secs).abs();
            assert!(off <= found.uncertainty.as_secs_f64() + 0.002, "{name}: {off} s, said {:?}", found.uncertainty);
            assert!((0.0..=1.0).contains(&found.confidence));
            worst = worst.max(off);
        }
    }
    println!("{name}: at most {:.1} ms off", worst * 1e3);
    assert!(worst <= limit_secs, "{name}: {worst} s off");
}

#[test]
fn a_lamp_is_seen_within_a_part_of_a_picture() {
    check("lamp, open shutter", lamp(0.5), 1.0, 0.004);
    check("lamp, short shutter", lamp(0.5), 0.3, 0.025);
    check("torch of 120 ms", lamp(0.12), 0.8, 0.012);
    check("lamp that stays on", lamp(60.0), 1.0, 0.004);
}

#[track_caller]
fn refuses(name: &str, a: &[(MediaTime, f32)], b: &[(MediaTime, f32)], expect: Unsure) {
    assert_eq!(flash_offset(a, b).err(), Some(expect), "{name}");
}

#[test]
fn what_is_not_sure_is_refused() {
    let dark = seen(|_| 70.0, 0.0, 30.0, 0.0, 1.0, 1.0, 1);
    let lit = seen(lamp(0.5), 0.0, 30.0, 0.0, 1.0, 1.0, 2);
    refuses("no picture", &[], &[], Unsure::Silence);
    refuses("no flash", &dark, &lit, Unsure::Silence);
    // A slow dawn is no flash.
    let dawn = seen(|t| 40.0 + 15.0 * t, 0.0, 30.0, 0.0, 1.0, 1.0, 3);
    refuses("dawn", &dawn, &lit, Unsure::Silence);
    // A strobe fits at every beat.
    let strobe = |t: f64| if t.rem_euclid(0.5) < 0.2 { 150.0 } else { 60.0 };
    let (a, b) = (seen(strobe, 0.0, 30.0, 0.0, 1.0, 1.0, 4), seen(strobe, 0.1, 30.0, 0.3, 1.0, 1.0, 5));
    refuses("strobe", &a, &b, Unsure::Ambiguous);
    refuses("far", &lit, &seen(lamp(60.0), 2.9, 30.0, 0.0, 1.0, 1.0, 6), Unsure::NoMatch);
    // Times that go back, and lumas that are no numbers, are no series.
    let mut back = lit.clone();
    back.swap(10, 200);
    refuses("back", &back, &lit, Unsure::Silence);
    let mut odd = lit.clone();
    odd[5].1 = f32::NAN;
    refuses("odd", &lit, &odd, Unsure::Silence);
}
