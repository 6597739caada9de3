//! The commentator is always heard, and everything else steps back by as much as it takes.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::{Feeds, crowd, integrated, level_db, noise, part, speech, ungated};
use common::{largest_step, mixer, slope, tone};
use tl_base::SlotId;
use tl_sound::{Choice, Fader, Meters, Mixer, Processing};

const VOICE: u16 = SlotId::COMMENTARY.0;
/// When the voice speaks; it begins with a word, at 5.25 s, and ends within a pause.
const SPOKEN: std::ops::Range<f64> = 5.2..15.7;

/// What is left of the bed when the voice is taken out of the programme: the same programme with the voice's wave turned round.
/// Both runs duck alike, so half their sum is the bed and half their difference the voice.
fn apart(asked_lu: f32, bed: f32, voice: f32) -> (Vec<f32>, Vec<f32>, f32) {
    let run = |sign: f32| {
        let mut mixer = mixer();
        mixer.choose(Choice::Follow(Some(SlotId(1))));
        mixer.set_processing(Processing { ducking_lu: asked_lu, riding: false, ..Processing::default() });
        let mut speech = speech(voice * sign);
        let voice = move |n: i64| if SPOKEN.contains(&(n as f64 / 48_000.0)) { speech(n) } else { 0.0 };
        let mut deepest = 0.0_f32;
        let mut whole = Vec::new();
        Feeds::default().with(1, crowd(1, bed)).with(VOICE, voice).run(
            &mut mixer,
            &mut 0,
            20.0,
            |_, _| {},
            |_, samples, meters: &Meters| {
                deepest = deepest.max(meters.ducking_db);
                whole.extend_from_slice(samples);
            },
        );
        (whole, deepest)
    };
    let ((one, deepest), (other, _)) = (run(1.0), run(-1.0));
    let half = |sign: f32| one.iter().zip(&other).map(|(one, other)| (one + sign * other) / 2.0).collect::<Vec<f32>>();
    (half(1.0), half(-1.0), deepest)
}

#[track_caller]
fn check(asked_lu: f32, bed: f32, voice: f32) {
    let (bed, voice, deepest) = apart(asked_lu, bed, voice);
    // The first second of a voice that was never heard may be judged by its envelope alone.
    let over = integrated(part(&voice, 6.0, 15.0)) - integrated(part(&bed, 6.0, 15.0));
    let first = integrated(part(&voice, 5.35, 6.35)) - ungated(part(&bed, 5.35, 6.35));
    let (before, after) = (level_db(part(&bed, 3.0, 5.0)), level_db(part(&bed, 17.0, 19.0)));
    println!("asked {asked_lu} LU: {over:.1} LU over the bed, {first:.1} in the first second, bed down by {deepest:.1} dB, back to {:.2} dB", after - before);
    assert!(over >= f64::from(asked_lu), "{over}");
    assert!(over <= f64::from(asked_lu) + 4.0 || deepest < 0.5, "{over}");
    assert!(first >= f64::from(asked_lu) - 2.0, "{first}");
    assert!((after - before).abs() < 0.7, "bed {before} dB before, {after} behind");
}

#[test]
fn the_voice_is_15_lu_over_the_crowd() {
    check(15.0, 0.15, 0.15);
    check(15.0, 0.3, 0.15);
    check(15.0, 0.05, 0.15);
    check(15.0, 0.15, 0.05);
    check(6.0, 0.15, 0.15);
    check(20.0, 0.15, 0.15);
}

#[test]
fn a_voice_far_over_its_bed_ducks_nothing() {
    let (_, _, deepest) = apart(15.0, 0.005, 0.3);
    assert!(deepest < 0.1, "{deepest}");
}

/// Deepest ducking within each second of a microphone that sends `wave`.
fn ducking(secs: f64, wave: impl FnMut(i64) -> f32 + 'static) -> Vec<f32> {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut deepest = vec![0.0_f32; secs as usize + 1];
    let mut span = 0;
    let mut at = 0.0;
    let at = &mut at;
    let time = std::cell::Cell::new(0.0);
    Feeds::default().with(1, crowd(1, 0.2)).with(VOICE, wave).run(
        &mut mixer,
        &mut span,
        secs,
        |_, now| time.set(now),
        |_, _, meters| {
            *at = time.get();
            let second = &mut deepest[*at as usize];
            *second = second.max(meters.ducking_db);
        },
    );
    deepest
}

/// A microphone's hiss, and a breath of 0.4 s every 3 s.
fn breaths(hiss: f32, breath: f32) -> impl FnMut(i64) -> f32 {
    let mut white = noise(11);
    move |n| {
        let t = (n as f64 / 48_000.0).rem_euclid(3.0);
        let shape = if t < 0.4 { (t / 0.4 * std::f64::consts::PI).sin() as f32 } else { 0.0 };
        white() * (hiss + breath * shape)
    }
}

#[test]
fn breath_and_hiss_do_not_duck() {
    // -55 dBFS of hiss, and breaths of -45 dBFS.
    let quiet = ducking(12.0, breaths(0.003, 0.01));
    assert!(quiet.iter().all(|db| *db < 0.1), "{quiet:?}");
    // A room as loud as -40 dBFS all the time: at most the first seconds take it for a voice.
    let room = ducking(20.0, breaths(0.017, 0.0));
    assert!(room[6..].iter().all(|db| *db < 0.1), "{room:?}");
    // Behind speech at -20 dBFS breaths 20 dB below do not hold the bed down.
    let (mut voice, mut breath) = (speech(0.2), breaths(0.001, 0.02));
    let spoken = ducking(24.0, move |n| breath(n) + if n < 8 * 48_000 { voice(n) } else { 0.0 });
    assert!(spoken[2] > 3.0 && spoken[10..].iter().all(|db| *db < 0.1), "{spoken:?}");
}

#[test]
fn a_hum_and_a_click_do_not_duck() {
    let hum = tone(50.0, 0.05);
    let rumble = ducking(12.0, move |n| hum(n as f64 / 48_000.0));
    assert!(rumble[5..].iter().all(|db| *db < 0.1), "{rumble:?}");
    let clicks = ducking(12.0, |n| if n % 48_000 < 48 { 0.5 } else { 0.0 });
    assert!(clicks.iter().all(|db| *db < 0.1), "{clicks:?}");
}

/// Peak of the last span of 2 s of one camera and the commentator.
fn peak_of(set_up: impl Fn(&mut Mixer)) -> f32 {
    let (bed, voice) = (tone(300.0, 0.1), tone(500.0, 0.2));
    let mut mixer = mixer();
    set_up(&mut mixer);
    let feeds = Feeds::default().with(1, move |n| bed(n as f64 / 48_000.0)).with(VOICE, move |n| voice(n as f64 / 48_000.0));
    let (whole, _) = feeds.whole(&mut mixer, 2.0);
    part(&whole, 1.9, 1.98).iter().fold(0.0, |most, value| most.max(value.abs()))
}

#[test]
fn the_commentator_is_heard_whatever_is_chosen() {
    for choice in [Choice::Follow(None), Choice::Follow(Some(SlotId(2))), Choice::Fixed(SlotId(7)), Choice::Fixed(SlotId::COMMENTARY)] {
        let peak = peak_of(|mixer| mixer.choose(choice));
        assert!((peak - 0.2).abs() < 0.005, "{choice:?}: {peak}");
    }
    let muted = peak_of(|mixer| {
        mixer.choose(Choice::Mix);
        mixer.set(SlotId::COMMENTARY, Fader { muted: true, ..Fader::default() });
    });
    // Muted, the voice is not heard and ducks nothing.
    assert!((muted - 0.1).abs() < 0.003, "{muted}");
}

#[test]
fn the_bed_comes_and_goes_without_a_click() {
    let bed = tone(200.0, 0.5);
    let voice = tone(400.0, 0.05);
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let spoken = move |n: i64| {
        let t = (n as f64 / 48_000.0).rem_euclid(2.0);
        let shape = (((t - 0.5) * 20.0).clamp(0.0, 1.0) * ((1.2 - t) * 20.0).clamp(0.0, 1.0)) as f32;
        voice(n as f64 / 48_000.0) * shape
    };
    let (whole, _) = Feeds::default().with(1, move |n| bed(n as f64 / 48_000.0)).with(VOICE, spoken).whole(&mut mixer, 8.0);
    let limit = slope(200.0, 0.5) * 1.1 + slope(400.0, 0.05) * 1.1 + 0.002;
    assert!(largest_step(&whole[9_600..]) < limit, "{} over {limit}", largest_step(&whole[9_600..]));
}
