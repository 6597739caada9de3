//! The offset at which two sources' onsets lie on each other.

use tl_base::MediaTime;

use super::envelope::{Envelope, HOP};
use super::onsets::{MAYBE, Onsets};
use super::{Offset, RANGE, Unsure};

/// Hops either way.
const REACH: i64 = RANGE.0 / HOP.0;
/// Less alike than this is chance.
const LEAST: f32 = 0.35;
/// Another offset that is so much as good as the best makes both worthless.
const RIVAL: f32 = 0.75;
/// Hops over which energies are averaged: short ones place a clap well, long ones find a whistle in noise.
const SHARP: usize = 8;
const BLUNT: usize = 32;

/// How far b's clock is from a's by their sound: the normalised cross-correlation of their onsets, refined between the hops by a
/// parabola through the correlation of their shapes. Range [`RANGE`]; takes some 10 ms of processor time for 10 s.
pub fn sound_offset(a: &Envelope, b: &Envelope) -> Result<Offset, Unsure> {
    match matched(a, b, SHARP) {
        Err(Unsure::Silence | Unsure::NoMatch) => matched(a, b, BLUNT),
        sure => sure,
    }
}

fn matched(a: &Envelope, b: &Envelope, side: usize) -> Result<Offset, Unsure> {
    let (a, b) = (Onsets::of(a, side).ok_or(Unsure::Silence)?, Onsets::of(b, side).ok_or(Unsure::Silence)?);
    let scores = correlate(&a, &b);
    let (best, peak) = highest(&scores, |_| true).ok_or(Unsure::NoMatch)?;
    if peak < LEAST {
        return Err(Unsure::NoMatch);
    }
    // An onset is as wide as it was averaged, before and behind.
    let own = 3 * side as i64;
    let (_, rival) = highest(&scores, |lag| (lag - best).abs() > own).unwrap_or((0, 0.0));
    if rival > RIVAL * peak {
        return Err(Unsure::Ambiguous);
    }
    let lag = refine(&a, &b, best, side as i64);
    let offset = MediaTime((lag * HOP.0 as f64) as i64);
    let uncertainty = MediaTime(HOP.0 * (side / SHARP) as i64);
    Ok(Offset { offset, uncertainty, confidence: (peak - rival).clamp(0.0, 1.0) })
}

/// Of each lag how alike both are when it is added to b's times, 0 to 1.
fn correlate(a: &Onsets, b: &Onsets) -> Vec<(i64, f32)> {
    let power = |onsets: &Onsets| onsets.onset.iter().map(|value| value * value).sum::<f32>();
    let norm = (power(a) * power(b)).sqrt().max(f32::MIN_POSITIVE);
    let events: Vec<(i64, f32)> = b.onset.iter().zip(b.first..).filter(|(value, _)| **value > 0.0).map(|(value, at)| (at, *value)).collect();
    (-REACH..=REACH)
        .map(|lag| {
            let sum: f32 = events.iter().filter_map(|(at, value)| Some(value * at_hop(&a.onset, a.first, at + lag)?)).sum();
            (lag, sum / norm)
        })
        .collect()
}

fn at_hop(values: &[f32], first: i64, hop: i64) -> Option<f32> {
    values.get(usize::try_from(hop - first).ok()?).copied()
}

fn highest(scores: &[(i64, f32)], which: impl Fn(i64) -> bool) -> Option<(i64, f32)> {
    scores.iter().filter(|(lag, _)| which(*lag)).copied().max_by(|one, other| one.1.total_cmp(&other.1))
}

/// The lag with its fraction, from the shapes around what rises or falls in both.
fn refine(a: &Onsets, b: &Onsets, coarse: i64, side: i64) -> f64 {
    let mut near = vec![false; b.change.len()];
    for (at, value) in (b.first..).zip(&b.change).filter(|(_, value)| value.abs() > MAYBE) {
        let same = |off: i64| at_hop(&a.change, a.first, at + coarse + off).is_some_and(|other| other.abs() > MAYBE && other * value > 0.0);
        if (-side / 2..=side / 2).any(same) {
            for hop in at - side..=at + side {
                if let Some(near) = usize::try_from(hop - b.first).ok().and_then(|at| near.get_mut(at)) {
                    *near = true;
                }
            }
        }
    }
    let score = |lag: i64| -> f32 {
        let hops = (b.first..).zip(&b.change).zip(&near).filter(|(_, near)| **near);
        hops.filter_map(|((at, value), _)| Some(value * at_hop(&a.change, a.first, at + lag)?)).sum()
    };
    let scores: Vec<(i64, f32)> = (coarse - side..=coarse + side).map(|lag| (lag, score(lag))).collect();
    let Some((best, peak)) = highest(&scores, |_| true) else { return coarse as f64 };
    let (before, after) = (f64::from(score(best - 1)), f64::from(score(best + 1)));
    let bend = before - 2.0 * f64::from(peak) + after;
    let fraction = if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    best as f64 + fraction
}
