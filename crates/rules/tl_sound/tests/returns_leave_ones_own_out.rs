//! A return is the programme without the listener's own microphone, and the director's voice when it is addressed.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::{Feeds, part, tone_db, true_peak_dbtp};
use common::{largest_step, mixer, tone};
use tl_base::SlotId;
use tl_sound::{Choice, Config, Fader, Listener, MAX_RETURNS, Mixer};

fn listener(own: u16) -> Listener {
    Listener { own: SlotId(own), talkback: false }
}

fn wave(hz: f64, level: f32) -> impl FnMut(i64) -> f32 {
    let tone = tone(hz, level);
    move |n| tone(n as f64 / 48_000.0)
}

const CAMERAS: [(u16, f64); 3] = [(1, 500.0), (2, 1_100.0), (3, 1_700.0)];
const VOICE_HZ: f64 = 2_300.0;
const TALK_HZ: f64 = 2_900.0;

/// Three cameras, a commentator and a director, each with a tone of its own.
fn tones(level: f32) -> Feeds {
    let feeds = CAMERAS.iter().fold(Feeds::default(), |feeds, (slot, hz)| feeds.with(*slot, wave(*hz, level)));
    feeds.with(SlotId::COMMENTARY.0, wave(VOICE_HZ, 0.1)).with(SlotId::TALKBACK.0, wave(TALK_HZ, 0.1))
}

/// The programme and each listener's return of `secs`.
fn mixed(mut mixer: Mixer, mut feeds: Feeds, secs: f64, listeners: &[Listener]) -> (Vec<f32>, Vec<Vec<f32>>) {
    mixer.choose(Choice::Mix);
    let taken = mixer.listen(listeners);
    let (mut whole, mut returns) = (Vec::new(), vec![Vec::new(); taken]);
    feeds.run(
        &mut mixer,
        &mut 0,
        secs,
        |mixer, _| {
            mixer.listen(listeners);
        },
        |mixer, samples, _| {
            whole.extend_from_slice(samples);
            for (heard, (own, sound)) in returns.iter_mut().zip(mixer.returns()) {
                assert!(listeners.iter().any(|listener| listener.own == own) && sound.len() == samples.len());
                heard.extend_from_slice(sound);
            }
        },
    );
    (whole, returns)
}

#[test]
fn ones_own_is_absent_by_more_than_60_db() {
    // With the gain riding and the limiter at work: six dB over full scale.
    let mixer = Mixer::new(Config::default()).expect("a stereo mixer");
    let listeners = [listener(1), listener(2), listener(3), listener(SlotId::COMMENTARY.0)];
    let (whole, returns) = mixed(mixer, tones(0.6), 12.0, &listeners);
    let all = [(1, 500.0), (2, 1_100.0), (3, 1_700.0), (SlotId::COMMENTARY.0, VOICE_HZ)];
    for (listener, heard) in listeners.iter().zip(&returns) {
        for (slot, hz) in all {
            let (there, here) = (tone_db(part(&whole, 8.0, 11.0), hz), tone_db(part(heard, 8.0, 11.0), hz));
            if slot == listener.own.0 {
                assert!(here < there - 60.0, "{}: own {here:.1} dB, {there:.1} in the programme", listener.own);
            } else {
                // Each return has a limiter of its own, which turns less down than the programme's.
                assert!((-1.0..6.5).contains(&(here - there)), "{} hears {slot} at {here:.1} dB, {there:.1} in the programme", listener.own);
            }
        }
        assert!(true_peak_dbtp(heard) <= -1.0);
    }
    // The talkback addresses nobody and is nowhere.
    assert!(tone_db(part(&whole, 8.0, 11.0), TALK_HZ) < -80.0);
}

#[test]
fn the_director_is_heard_by_whom_they_address_and_never_in_the_programme() {
    let listeners = [Listener { own: SlotId(1), talkback: true }, listener(2)];
    let (whole, returns) = mixed(mixer(), tones(0.05), 4.0, &listeners);
    let span = |samples: &[f32], hz| tone_db(part(samples, 2.0, 3.9), hz);
    assert!(span(&whole, TALK_HZ) < -80.0 && span(&returns[1], TALK_HZ) < -80.0);
    assert!((span(&returns[0], TALK_HZ) + 20.0).abs() < 0.1, "{}", span(&returns[0], TALK_HZ));
    // The programme behind it is 12 dB lower, for this listener alone.
    for hz in [1_700.0, VOICE_HZ] {
        let (programme, dipped, plain) = (span(&whole, hz), span(&returns[0], hz), span(&returns[1], hz));
        assert!((programme - dipped - 12.0).abs() < 0.1 && (programme - plain).abs() < 0.1, "{hz}: {programme} {dipped} {plain}");
    }
}

#[test]
fn talkback_and_listeners_come_and_go_without_a_click() {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut heard = Vec::new();
    let mut feeds = Feeds::default().with(2, wave(200.0, 0.3)).with(SlotId::TALKBACK.0, wave(300.0, 0.3));
    feeds.run(
        &mut mixer,
        &mut 0,
        6.0,
        |mixer, now| {
            let talkback = now.rem_euclid(1.0) > 0.5;
            mixer.listen(if now < 1.0 {
                &[]
            } else {
                std::slice::from_ref(if talkback { &Listener { own: SlotId(1), talkback: true } } else { &Listener { own: SlotId(1), talkback: false } })
            });
        },
        |mixer, _, _| mixer.returns().for_each(|(_, sound)| heard.extend_from_slice(sound)),
    );
    assert!(heard.len() > 2 * 4 * 48_000);
    let limit = (common::slope(200.0, 0.3) + common::slope(300.0, 0.3)) * 1.2 + 0.6 / 960.0;
    assert!(largest_step(&heard) < limit, "{} over {limit}", largest_step(&heard));
}

#[test]
fn no_more_than_eight_listen() {
    let mut mixer = mixer();
    let many: Vec<Listener> = (0..40).map(listener).chain([listener(3), listener(u16::MAX)]).collect();
    assert_eq!(mixer.listen(&many), MAX_RETURNS);
    mixer.mix(tl_base::MediaTime::ZERO, 480);
    let owns: Vec<u16> = mixer.returns().map(|(own, _)| own.0).collect();
    assert_eq!(owns, (1..=8).collect::<Vec<u16>>());
    assert_eq!(mixer.listen(&[]), 0);
    mixer.mix(tl_base::MediaTime::from_millis(10), 480);
    assert_eq!(mixer.returns().count(), 0);
}

#[test]
fn a_muted_source_is_in_no_return() {
    let mut mixer = mixer();
    mixer.set(SlotId(2), Fader { muted: true, ..Fader::default() });
    let (_, returns) = mixed(mixer, tones(0.05), 3.0, &[listener(1)]);
    assert!(tone_db(part(&returns[0], 1.5, 2.9), 1_100.0) < -80.0);
}
