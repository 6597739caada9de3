//! The offset at which two cameras' pictures get bright and dark together.

use tl_base::MediaTime;

use super::{Offset, RANGE, Unsure};

/// Most pictures looked at: 10 s at 120 a second; older ones are left out.
const MOST_PICTURES: usize = 1_200;
/// Least step of the mean luma that is a flash, of 255.
const LEAST_STEP: f32 = 8.0;
/// A step is so many times what the picture does anyway.
const OVER_NOISE: f32 = 6.0;
/// Pictures that a step may take: the one during which the light changed, and those of a camera whose exposure follows.
const STEP_PICTURES: usize = 2;
/// Steps of both cameras this near to each other are the same; three pictures of 30 a second would not be.
const SAME: MediaTime = MediaTime::from_millis(50);
/// Most steps that are compared: the greatest.
const MOST_STEPS: usize = 32;
/// Another offset that is so much as good as the best makes both worthless.
const RIVAL: f32 = 0.75;

/// A change of light.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: MediaTime,
    /// Luma; negative = darker.
    size: f32,
    /// Time between the pictures around it.
    period: MediaTime,
}

/// How far b's clock is from a's by a flash (a lamp switched on or off, a phone's torch) that both saw: capture time and mean luma
/// (0 to 255) of each picture, in order of time. The moment is interpolated by the share of the light that the picture during which
/// it changed had caught. Range [`RANGE`].
pub fn flash_offset(a: &[(MediaTime, f32)], b: &[(MediaTime, f32)]) -> Result<Offset, Unsure> {
    let (a, b) = (steps(a), steps(b));
    if a.is_empty() || b.is_empty() {
        return Err(Unsure::Silence);
    }
    let candidates = a.iter().flat_map(|a| b.iter().filter(|b| a.size * b.size > 0.0).map(move |b| a.at - b.at));
    let mut scored: Vec<(MediaTime, f32)> = candidates.filter(|offset| offset.abs() <= RANGE).map(|offset| (offset, score(&a, &b, offset))).collect();
    scored.sort_by(|one, other| other.1.total_cmp(&one.1));
    let (rough, best) = scored.first().copied().ok_or(Unsure::NoMatch)?;
    let rival = scored.iter().find(|(offset, _)| (*offset - rough).abs() > SAME + SAME).map_or(0.0, |(_, score)| *score);
    if rival > RIVAL * best {
        return Err(Unsure::Ambiguous);
    }
    let (offset, uncertainty) = mean(&a, &b, rough);
    Ok(Offset { offset, uncertainty, confidence: (best - rival).clamp(0.0, 1.0) })
}

/// Steps of a series, greatest first.
fn steps(series: &[(MediaTime, f32)]) -> Vec<Step> {
    let series = series.get(series.len().saturating_sub(MOST_PICTURES)..).unwrap_or_default();
    let sane = series.windows(2).all(|pair| matches!(pair, [(before, _), (after, _)] if before < after)) && series.iter().all(|(_, luma)| luma.is_finite());
    if !sane || series.len() < 2 * STEP_PICTURES + 1 {
        return Vec::new();
    }
    let least = LEAST_STEP.max(OVER_NOISE * noise(series));
    let mut found: Vec<Step> = series.windows(2 + STEP_PICTURES).filter_map(|window| step(window, least)).collect();
    found.sort_by(|one, other| other.size.abs().total_cmp(&one.size.abs()));
    let mut kept: Vec<Step> = Vec::new();
    for step in found {
        let again = kept.iter().any(|kept| (kept.at - step.at).abs() < step.period + step.period && kept.size * step.size > 0.0);
        if !again && kept.len() < MOST_STEPS {
            kept.push(step);
        }
    }
    kept
}

/// What a picture usually differs from the one before: the median.
fn noise(series: &[(MediaTime, f32)]) -> f32 {
    let mut sizes: Vec<f32> = series.windows(2).filter_map(|pair| Some((pair.last()?.1 - pair.first()?.1).abs())).collect();
    let middle = sizes.len() / 2;
    if sizes.is_empty() { 0.0 } else { *sizes.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

/// A step between the first and the last of four pictures: the light changed while the second or the third was exposed.
fn step(window: &[(MediaTime, f32)], least: f32) -> Option<Step> {
    let [(start, dark), (_, early), (late_at, late), (_, light)] = window else { return None };
    let (size, rest) = (late - dark, light - late);
    // Whole by the third picture, and begun by the second or there: else a neighbouring window holds it better.
    if size.abs() < least || rest.abs() > 0.25 * size.abs() {
        return None;
    }
    let caught = ((early - dark) / size).clamp(0.0, 1.0);
    let period = MediaTime((*late_at - *start).0 / 2);
    if caught > 0.95 {
        return None;
    }
    // The second picture saw the light for this share of its exposure, which ends when the third begins.
    let at = *late_at - MediaTime((f64::from(caught) * period.0 as f64) as i64);
    Some(Step { at, size, period })
}

/// Which share of both cameras' light matches when `offset` is added to b's times.
fn score(a: &[Step], b: &[Step], offset: MediaTime) -> f32 {
    let whole: f32 = a.iter().chain(b).map(|step| step.size.abs()).sum();
    let matched: f32 = pairs(a, b, offset).map(|(a, b)| a.size.abs() + b.size.abs()).sum();
    matched / whole.max(f32::MIN_POSITIVE)
}

/// Steps of both that are the same at `offset`.
fn pairs<'a>(a: &'a [Step], b: &'a [Step], offset: MediaTime) -> impl Iterator<Item = (&'a Step, &'a Step)> {
    a.iter().filter_map(move |a| {
        let same = b.iter().filter(move |b| a.size * b.size > 0.0 && (a.at - b.at - offset).abs() <= SAME);
        same.min_by_key(|b| (a.at - b.at - offset).abs()).map(|b| (a, b))
    })
}

/// The mean offset of all pairs, and what their picture periods leave open: a light that changes while a shutter is closed may
/// have done so anywhere within, half a period either way for each camera.
fn mean(a: &[Step], b: &[Step], rough: MediaTime) -> (MediaTime, MediaTime) {
    let (mut sum, mut open, mut count) = (0_i128, 0_i128, 0_i128);
    for (a, b) in pairs(a, b, rough) {
        sum += i128::from((a.at - b.at).0);
        open += i128::from(a.period.0 + b.period.0) / 2;
        count += 1;
    }
    let count = count.max(1);
    (MediaTime((sum / count) as i64), MediaTime((open / count) as i64))
}
