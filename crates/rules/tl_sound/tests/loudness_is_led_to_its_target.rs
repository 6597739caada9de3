//! The programme's loudness is measured, and led to -16 LUFS without pumping.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::{Feeds, crowd, integrated, part, speech, true_peak_dbtp};
use common::{mixer, tone};
use tl_base::SlotId;
use tl_sound::{Choice, Config, Meters, Mixer, Processing};

fn riding() -> Mixer {
    let mut mixer = Mixer::new(Config::default()).expect("a stereo mixer");
    mixer.choose(Choice::Mix);
    mixer
}

/// A game: a crowd that swells every 17 s, a voice in the hall, and a whistle now and then.
fn game(level: f32) -> Feeds {
    let (mut people, mut voice) = (crowd(5, 1.0), speech(0.25));
    let whistle = tone(2_800.0, 0.3);
    Feeds::default().with(1, move |n| {
        let t = n as f64 / 48_000.0;
        let swell = 0.25 + 0.75 * (t / 17.0 * std::f64::consts::TAU).sin().max(0.0).powi(3) as f32;
        let blown = if t.rem_euclid(23.0) < 0.5 { whistle(t) } else { 0.0 };
        level * (people(n) * swell * 0.5 + voice(n) + blown)
    })
}

#[track_caller]
fn check(name: &str, feeds: Feeds, secs: f64) {
    let (whole, meters) = feeds.whole(&mut riding(), secs);
    let judged = integrated(&whole);
    println!("{name}: {judged:.2} LUFS, {:.2} dBTP, gain {:.1} dB", true_peak_dbtp(&whole), meters.ride_db);
    assert!((judged + 16.0).abs() <= 1.0, "{name}: {judged} LUFS");
    assert!(true_peak_dbtp(&whole) <= -1.0);
    let shown = meters.integrated_lufs.expect("a loudness");
    assert!((f64::from(shown) - judged).abs() < 0.15, "{name}: shown {shown}, judged {judged}");
}

#[test]
fn a_game_has_its_loudness_whatever_its_microphones() {
    for level in [0.25_f32, 0.5, 1.0, 1.5] {
        check(&format!("game at {:.0} dB", 20.0 * level.log10()), game(level), 120.0);
    }
    check("voice alone", Feeds::default().with(1, speech(0.12)), 120.0);
    check("crowd alone", Feeds::default().with(1, crowd(9, 0.2)), 120.0);
}

#[test]
fn the_gain_moves_by_one_db_a_second_at_most() {
    let (mut last, mut fastest) = (0.0_f32, 0.0_f32);
    let mut recent: Vec<f32> = Vec::new();
    game(0.3).run(
        &mut riding(),
        &mut 0,
        40.0,
        |_, _| {},
        |_, _, meters| {
            recent.push(meters.ride_db);
            if let Some(before) = recent.len().checked_sub(47) {
                fastest = fastest.max((meters.ride_db - recent[before]).abs());
            }
            last = meters.ride_db;
        },
    );
    assert!(fastest <= 1.11 && last > 1.0, "{fastest} dB a second, {last} dB at last");
}

#[test]
fn a_quiet_break_is_not_pumped_up() {
    let (mut people, mut room) = (crowd(3, 0.25), crowd(4, 0.25));
    // A game of 40 s, a break 24 dB quieter for 60 s, silence for 20 s, and the game again.
    let feeds = move |n: i64| match n as f64 / 48_000.0 {
        t if !(40.0..120.0).contains(&t) => people(n),
        t if t < 100.0 => room(n) * 0.063,
        _ => 0.0,
    };
    let mut gains: Vec<f32> = Vec::new();
    let mut whole = Vec::new();
    Feeds::default().with(1, feeds).run(
        &mut riding(),
        &mut 0,
        140.0,
        |_, _| {},
        |_, samples, meters: &Meters| {
            gains.push(meters.ride_db);
            whole.extend_from_slice(samples);
        },
    );
    let at = |secs: f64| gains[(secs * 48_000.0 / 1_024.0) as usize];
    println!("gain {:.2} dB before, {:.2} in the break, {:.2} in silence, {:.2} after", at(39.5), at(99.0), at(119.0), at(121.0));
    assert!((at(99.0) - at(40.8)).abs() < 0.2 && (at(119.0) - at(40.8)).abs() < 0.2);
    assert!((integrated(part(&whole, 121.0, 139.0)) + 16.0).abs() < 1.5);
}

#[test]
fn riding_can_be_switched_off_and_on() {
    let mut mixer = riding();
    let mut feeds = Feeds::default().with(1, tone_wave(0.05));
    let (mut span, mut gain) = (0, 0.0);
    let mut gain_at = |mixer: &mut Mixer, until: f64| {
        feeds.run(mixer, &mut span, until, |_, _| {}, |_, _, meters| gain = meters.ride_db);
        gain
    };
    assert!(gain_at(&mut mixer, 15.0) > 8.0);
    mixer.set_processing(Processing { riding: false, ..Processing::default() });
    assert_eq!(gain_at(&mut mixer, 20.0), 0.0);
    mixer.set_processing(Processing { target_lufs: -23.0, ..Processing::default() });
    let again = gain_at(&mut mixer, 32.0);
    // What was off so far is made good within 1.5 LU.
    assert!((again - 3.0).abs() < 1.5, "{again}");
    mixer.set_processing(Processing { ducking_lu: f32::NAN, riding: true, target_lufs: f32::INFINITY });
    let usual = gain_at(&mut mixer, 50.0);
    assert!((usual - 10.0).abs() < 1.5, "{usual}");
}

/// A sine of 997 Hz: at a peak of 0.05 -26 LUFS in both channels.
fn tone_wave(level: f32) -> impl Fn(i64) -> f32 {
    let wave = tone(997.0, level);
    move |n| wave(n as f64 / 48_000.0)
}

#[test]
fn meters_agree_with_the_standard() {
    // EBU Tech 3341, case 1: a sine of 1 kHz at -23 dBFS in both channels is -23 LUFS by all three.
    let wave = tone(1_000.0, 10.0_f32.powf(-23.0 / 20.0));
    let mut mixer = mixer();
    mixer.choose(Choice::Fixed(SlotId(1)));
    let (whole, meters) = Feeds::default().with(1, move |n| wave(n as f64 / 48_000.0)).whole(&mut mixer, 20.0);
    for shown in [meters.momentary_lufs, meters.short_term_lufs, meters.integrated_lufs] {
        assert!(shown.is_some_and(|lufs| (lufs + 23.0).abs() < 0.1), "{meters:?}");
    }
    assert!((f64::from(meters.true_peak_dbtp) - true_peak_dbtp(&whole)).abs() < 0.01);
    // Silence behind it is gated; a restart forgets.
    let later = mixer.mix(tl_base::MediaTime::from_secs(60), 48_000).1;
    assert!(later.momentary_lufs.is_none() && later.integrated_lufs.is_some_and(|lufs| (lufs + 23.0).abs() < 0.1), "{later:?}");
    mixer.restart_loudness();
    let anew = mixer.mix(tl_base::MediaTime::from_secs(61), 48_000).1;
    assert!(anew.integrated_lufs.is_none() && anew.true_peak_dbtp < -100.0, "{anew:?}");
}
