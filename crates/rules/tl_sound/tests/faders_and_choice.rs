//! Which sources are heard, and how loud.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::time::Instant;

use common::{Card, largest_step, mix_tick, mixer, slope, tone};
use tl_base::{MediaTime, SlotId};
use tl_sound::{CEILING, Choice, Config, Error, Fader, Mixer};

/// Processor time of this thread where the system tells, else time on the wall.
fn cpu_secs() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.as_deref().and_then(|text| text.split(' ').next()).and_then(|first| first.parse::<f64>().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// Two tones of the same height, at 0.2 and 0.4.
fn two_sources() -> (Mixer, impl FnMut(&mut Mixer, i64) -> (Vec<f32>, tl_sound::Meters)) {
    let (mut one, mut two) = (Card::new(1, 30.0, tone(200.0, 0.2)), Card::new(2, -30.0, tone(200.0, 0.4)));
    let step = move |mixer: &mut Mixer, tick: i64| {
        one.send_until(mixer, (tick + 2) as f64 / 30.0);
        two.send_until(mixer, (tick + 2) as f64 / 30.0);
        mix_tick(mixer, tick)
    };
    (mixer(), step)
}

#[test]
fn sound_follows_the_picture_in_20_ms() {
    let (mut mixer, mut step) = two_sources();
    let mut whole = Vec::new();
    for tick in 0..60 {
        mixer.choose(Choice::Follow(Some(SlotId(if tick < 30 { 1 } else { 2 }))));
        let (samples, _) = step(&mut mixer, tick);
        match tick {
            10..=29 => assert!((peak(&samples) - 0.2).abs() < 0.01, "{tick}: {}", peak(&samples)),
            31.. => assert!((peak(&samples) - 0.4).abs() < 0.01, "{tick}: {}", peak(&samples)),
            _ => {}
        }
        whole.extend(samples);
    }
    assert!(largest_step(&whole) < slope(200.0, 0.4) * 1.5);
}

#[test]
fn each_choice_hears_its_sources() {
    for (choice, expect) in [
        (Choice::Follow(None), 0.0),
        (Choice::Follow(Some(SlotId(1))), 0.2),
        (Choice::Fixed(SlotId(2)), 0.4),
        (Choice::Mix, 0.6),
        (Choice::Fixed(SlotId(9)), 0.0),
    ] {
        let (mut mixer, mut step) = two_sources();
        mixer.choose(choice);
        let last = (0..10).map(|tick| step(&mut mixer, tick).0).last().expect("ticks");
        assert!((peak(&last) - expect).abs() < 0.01, "{choice:?}: {}", peak(&last));
    }
}

#[test]
fn faders_move_without_a_click() {
    let (mut mixer, mut step) = two_sources();
    mixer.choose(Choice::Fixed(SlotId(1)));
    let moves = [
        (20, Fader { gain_db: 6.0, ..Fader::default() }, 0.399),
        (40, Fader { muted: true, ..Fader::default() }, 0.0),
        (60, Fader { gain_db: -60.0, ..Fader::default() }, 0.000_2),
        (80, Fader::default(), 0.2),
    ];
    let mut whole = Vec::new();
    for (at, fader, expect) in moves {
        mixer.set(SlotId(1), fader);
        let mut last = Vec::new();
        for tick in at - 20..at {
            last = step(&mut mixer, tick).0;
            whole.extend_from_slice(&last);
        }
        assert!((peak(&last) - expect).abs() < 0.01, "{fader:?}: {}", peak(&last));
    }
    assert!(largest_step(&whole) < slope(200.0, 0.4) * 1.5);
}

#[test]
fn values_beyond_a_fader_are_brought_within() {
    let (mut mixer, mut step) = two_sources();
    mixer.choose(Choice::Fixed(SlotId(1)));
    mixer.set(SlotId(1), Fader { gain_db: f32::INFINITY, muted: false, delay: MediaTime(i64::MAX) });
    mixer.set(SlotId(0), Fader::default());
    mixer.set(SlotId(500), Fader::default());
    let last = (0..40).map(|tick| step(&mut mixer, tick).0).last().expect("ticks");
    assert!((peak(&last) - 0.2).abs() < 0.01, "{}", peak(&last));
    assert!(mixer.stats(SlotId(500)).is_none());
}

#[test]
fn a_source_that_goes_fades_out_and_may_come_back() {
    let (mut mixer, mut step) = two_sources();
    mixer.choose(Choice::Fixed(SlotId(1)));
    let mut whole: Vec<f32> = (0..20).flat_map(|tick| step(&mut mixer, tick).0).collect();
    mixer.remove(SlotId(1));
    let mut card = Card::new(2, 0.0, tone(200.0, 0.4));
    for tick in 20..25 {
        card.send_until(&mut mixer, tick as f64 / 30.0);
        whole.extend(mix_tick(&mut mixer, tick).0);
    }
    assert!(mixer.stats(SlotId(1)).is_none() && mixer.stats(SlotId(2)).is_some());
    for tick in 25..40 {
        whole.extend(step(&mut mixer, tick).0);
    }
    assert!((peak(&whole[whole.len() - 3_200..]) - 0.2).abs() < 0.01);
    assert!(largest_step(&whole) < slope(200.0, 0.4) * 1.5 + 0.2 / 240.0);
}

#[test]
fn the_programme_never_exceeds_its_ceiling() {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut seed = 7_u32;
    let mut deepest: f32 = 0.0;
    let mut cards: Vec<_> = (1..=6).map(|source| Card::new(source, f64::from(source) * 20.0 - 60.0, tone(150.0 * f64::from(source), 0.9))).collect();
    for card in &cards {
        mixer.set(card.source, Fader { gain_db: 12.0, ..Fader::default() });
    }
    for tick in 0..120 {
        for card in &mut cards {
            card.send_until(&mut mixer, (tick + 2) as f64 / 30.0);
        }
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if seed.is_multiple_of(3) {
            mixer.choose(if seed & 64 == 0 { Choice::Mix } else { Choice::Fixed(SlotId(3)) });
        }
        let (samples, meters) = mix_tick(&mut mixer, tick);
        assert!(peak(&samples) <= CEILING);
        assert!(meters.peak_dbfs.iter().all(|peak| *peak <= -0.999));
        deepest = deepest.max(meters.limiter_db);
    }
    assert!(deepest > 6.0, "{deepest}");
}

#[test]
fn meters_show_what_is_heard() {
    let mut mixer = mixer();
    mixer.choose(Choice::Follow(Some(SlotId(1))));
    let mut card = Card::new(1, 0.0, tone(997.0, 0.1));
    let mut other = Card::new(2, 0.0, tone(997.0, 0.5));
    let (_, silent) = mixer.mix(MediaTime::from_secs(-1), 1_600);
    assert_eq!((silent.peak_dbfs, silent.short_term_lufs, silent.limiter_db), ([-120.0; 2], None, 0.0));
    let mut meters = silent;
    for tick in 0..150 {
        card.send_until(&mut mixer, (tick + 2) as f64 / 30.0);
        other.send_until(&mut mixer, (tick + 2) as f64 / 30.0);
        meters = mix_tick(&mut mixer, tick).1;
    }
    // A sine of -20 dBFS in both channels has -20 LUFS by definition (997 Hz, two channels of -23 each).
    assert!(meters.peak_dbfs.iter().all(|peak| (peak + 20.0).abs() < 0.1), "{meters:?}");
    assert!(meters.short_term_lufs.is_some_and(|lufs| (lufs + 20.0).abs() < 0.2), "{meters:?}");
    let sources: Vec<_> = meters.sources.iter().map(|meter| (meter.source.0, (meter.peak_dbfs * 10.0).round())).collect();
    assert_eq!(sources, [(1, -200.0), (2, -60.0)]);
}

#[test]
fn odd_requests_are_answered() {
    assert!(matches!(Mixer::new(Config { channels: 6, ..Config::default() }), Err(Error::Channels(6))));
    let (mut mixer, mut step) = two_sources();
    mixer.choose(Choice::Mix);
    step(&mut mixer, 0);
    assert!(mixer.mix(MediaTime::ZERO, 0).0.is_empty());
    assert_eq!(mixer.mix(MediaTime(i64::MAX), 7).0.len(), 14);
    assert_eq!(mixer.mix(MediaTime(i64::MIN), usize::MAX).0.len(), 96_000);
    mixer.remove(SlotId(77));
}

#[test]
fn left_and_right_stay_apart() {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let (left, right) = (tone(200.0, 0.3), tone(200.0, 0.1));
    let mut whole = Vec::new();
    for tick in 0..60_i64 {
        // One channel for a second, then two that differ.
        for part in 0..5 {
            let first = (tick + 2) * 1_600 + part * 320;
            let times = (first..first + 320).map(|n| n as f64 / 48_000.0);
            let samples = times.flat_map(|t| [left(t), if t < 1.0 { left(t) } else { right(t) }]).collect();
            let capture = MediaTime::from_samples(first);
            mixer.push(tl_frame::AudioBlock { source: SlotId(1), capture, rate_hz: 48_000, channels: 2, samples });
        }
        whole.extend(mix_tick(&mut mixer, tick).0);
    }
    let last = &whole[whole.len() - 3_200..];
    let of = |channel: usize| last.iter().skip(channel).step_by(2).fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!((of(0) - 0.3).abs() < 0.01 && (of(1) - 0.1).abs() < 0.01, "{} {}", of(0), of(1));
    assert!(largest_step(&whole) < slope(200.0, 0.3) * 1.5 + 0.3 / 240.0);
}

#[test]
fn six_sources_cost_little() {
    let mut mixer = mixer();
    mixer.choose(Choice::Mix);
    let mut cards: Vec<_> = (1..=6).map(|source| Card::new(source, f64::from(source) * 20.0 - 60.0, tone(150.0 * f64::from(source), 0.1))).collect();
    let (mut spent, ticks) = (0.0, 300);
    for tick in 0..ticks {
        let mut blocks = Vec::new();
        for card in &mut cards {
            while (card.block * 960) as f64 / 48_000.0 < (tick + 2) as f64 / 30.0 {
                blocks.push(card.next());
            }
        }
        let before = cpu_secs();
        blocks.into_iter().for_each(|block| mixer.push(block));
        mix_tick(&mut mixer, tick);
        spent += cpu_secs() - before;
    }
    let share = spent / (f64::from(ticks as i32) / 30.0);
    println!("six sources heard at once: {:.2} % of a core", share * 100.0);
    // 3 % is the aim on an idle core; a machine whose other core is busy counts up to twice that.
    assert!(share < 0.08, "{share}");
}
