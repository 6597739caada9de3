//! An hour with sound cards that are 50 ppm off: sources and programme stay together.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use common::{Card, mixer};
use tl_base::{MediaTime, SlotId};
use tl_sound::Choice;

/// Frames of a block and of a span: longer than live.
const BLOCK: usize = 800;
const RATE: u32 = 8_000;
const SPAN: usize = 24_000;
const SPANS: i64 = 2 * 3_600;

/// A click of 1 ms every ten seconds, `at` seconds behind: cheap to make, and sharp.
fn click(at: f64) -> impl Fn(f64) -> f32 {
    move |t| {
        let since = (t - at).rem_euclid(10.0);
        if since < 0.001 { (0.5 * (1.0 - since / 0.001)) as f32 } else { 0.0 }
    }
}

/// When a click leaves, seconds from the span's start.
fn onset(samples: &[f32]) -> Option<f64> {
    let at = samples.iter().step_by(2).position(|value| *value > 0.2)?;
    Some(at as f64 / 48_000.0)
}

#[test]
fn fast_and_slow_cards_stay_within_5_ms() {
    let mut mixer = mixer();
    // A sixth of the rate costs a sixth of the samples; the clocks are as wrong. Their clicks are five seconds apart.
    let card = |source, drift_ppm, at| Card { rate_hz: RATE, frames: BLOCK, ..Card::new(source, drift_ppm, click(at)) };
    let mut cards = [card(1, 50.0, 0.25), card(2, -50.0, 5.25)];
    let (mut worst, mut worst_error, mut clicks, mut jitter) = (0.0_f64, MediaTime::ZERO, 0, 1_u32);
    for span in 0..SPANS {
        let start = span as f64 * SPAN as f64 / 48_000.0;
        for card in &mut cards {
            while (card.block * BLOCK as i64) as f64 / f64::from(RATE) < start + 0.7 {
                jitter = jitter.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                card.stamp_offset = MediaTime::from_micros(i64::from(jitter >> 16) % 2_000 - 1_000);
                mixer.push(card.next());
            }
        }
        // All sound is sent. The first and the last two minutes are mixed whole, of the rest the second around each click, so that
        // an hour passes in seconds.
        let whole = !(240..SPANS - 240).contains(&span);
        if !whole && !matches!(span % 10, 0 | 9) {
            continue;
        }
        // The programme cuts between the two every five seconds, long before each click.
        mixer.choose(Choice::Follow(Some(SlotId(if (start + 2.5).rem_euclid(10.0) < 5.0 { 1 } else { 2 }))));
        let (samples, _) = mixer.mix(MediaTime::from_samples(span * SPAN as i64), SPAN);
        if let Some(at) = onset(&samples).map(|at| start + at) {
            worst = worst.max((at - ((at - 0.25) / 5.0).round() * 5.0 - 0.25).abs());
            clicks += 1;
        }
        for card in &cards {
            let stats = mixer.stats(card.source).expect("a source");
            assert_eq!((stats.late, stats.gaps, stats.resyncs), (0, 0, 0), "span {span}");
            worst_error = worst_error.max(stats.error.abs());
        }
    }
    let learnt = [1, 2].map(|source| mixer.stats(SlotId(source)).expect("a source").drift_ppm);
    println!(
        "60 minutes at +50 and -50 ppm: {clicks} clicks at most {:.2} ms from their time, read at most {:.2} ms off, learnt {learnt:.0?} ppm",
        worst * 1e3,
        worst_error.as_millis_f64()
    );
    assert!(clicks >= 715, "{clicks}");
    assert!(worst <= 0.005 && worst_error <= MediaTime::from_millis(5), "{worst} s, {worst_error}");
}
