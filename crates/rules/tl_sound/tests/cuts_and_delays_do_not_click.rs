//! Whatever a person moves, nothing clicks.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::studio::{Feeds, part};
use common::{largest_step, mixer, slope, tone};
use tl_base::{MediaTime, SlotId};
use tl_sound::{Choice, Fader, Mixer};

fn wave(hz: f64, level: f32) -> impl FnMut(i64) -> f32 {
    let tone = tone(hz, level);
    move |n| tone(n as f64 / 48_000.0)
}

/// Mixes two tones for `secs` while `each` moves things, and holds the largest step against the tones' own.
#[track_caller]
fn check(name: &str, secs: f64, each: impl FnMut(&mut Mixer, f64)) -> Vec<f32> {
    let mut mixer = mixer();
    let mut whole = Vec::new();
    let mut feeds = Feeds::default().with(1, wave(220.0, 0.4)).with(2, wave(330.0, 0.3));
    feeds.run(&mut mixer, &mut 0, secs, each, |_, samples, _| whole.extend_from_slice(samples));
    // A ramp of 20 ms adds 1/960 of the level to a tone's own slope.
    let limit = slope(220.0, 0.4) + slope(330.0, 0.3) + 0.7 / 960.0;
    let step = largest_step(&whole[9_600..]);
    println!("{name}: largest step {step:.5}, the tones' own {limit:.5}");
    assert!(step <= limit, "{name}: {step} over {limit}");
    whole
}

#[test]
fn cuts() {
    let mut cut = 0_u32;
    check("cut every 21 ms", 6.0, |mixer, _| {
        cut += 1;
        mixer.choose(Choice::Follow(Some(SlotId(if cut.is_multiple_of(2) { 1 } else { 2 }))));
    });
    check("cut every second", 6.0, |mixer, now| mixer.choose(Choice::Follow(Some(SlotId(1 + (now as u16 % 2))))));
}

#[test]
fn delays() {
    for delays in [[0, 1_000], [40, 41], [900, 300], [1_000, 0]] {
        check(&format!("delay {delays:?} ms"), 6.0, |mixer, now| {
            mixer.choose(Choice::Follow(Some(SlotId(1))));
            let delay = delays[usize::from(now.rem_euclid(2.0) > 1.0)];
            mixer.set(SlotId(1), Fader { delay: MediaTime::from_millis(delay), ..Fader::default() });
        });
    }
    let mut dragged = 0_i64;
    check("delay dragged", 6.0, |mixer, _| {
        mixer.choose(Choice::Follow(Some(SlotId(1))));
        dragged = (dragged + 3) % 1_000;
        mixer.set(SlotId(1), Fader { delay: MediaTime::from_millis(dragged), ..Fader::default() });
    });
}

#[test]
fn a_delay_is_as_long_as_it_says() {
    for delay_ms in [0, 137, 1_000] {
        let whole = check("delay", 4.0, |mixer, _| {
            mixer.choose(Choice::Fixed(SlotId(1)));
            mixer.set(SlotId(1), Fader { delay: MediaTime::from_millis(delay_ms), ..Fader::default() });
        });
        let expect = tone(220.0, 0.4);
        for (n, value) in part(&whole, 3.0, 3.9).iter().step_by(2).enumerate() {
            let at = 3.0 + n as f64 / 48_000.0 - delay_ms as f64 / 1e3;
            assert!((value - expect(at)).abs() < 0.01, "{delay_ms} ms: {value} at {n}");
        }
    }
}
