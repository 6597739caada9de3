//! Sound against picture, by the claps in the programme file.

use tl_base::{MediaTime, Percentiles, SlotId};

use super::files::{PartReading, Reading, Shown};
use super::ledger::{Ledger, Tick};
use super::timing::Skews;
use crate::report::LipSyncReport;
use crate::truth::Truth;

/// A click further from a flash than this belongs to another clap.
const SAME_CLAP: MediaTime = MediaTime::from_millis(400);
/// A picture of the programme file belongs to the tick within this distance: half a period at 30 a second.
const SAME_TICK: MediaTime = MediaTime::from_micros(16_667);

/// Claps seen and heard in the programme: the camera on air, and sound minus picture beyond what is true, milliseconds.
///
/// A camera's shutter meets the clap's flash up to half a period beside the click, which its truth tells and which is no error.
pub(crate) fn claps(
    readings: &[Reading],
    span: (Option<MediaTime>, Option<MediaTime>),
    ledger: &Ledger,
    truth: &Truth,
    skews: &Skews,
) -> Vec<(Option<SlotId>, f64)> {
    let inside = |at: MediaTime| span.0.is_none_or(|from| at >= from) && span.1.is_none_or(|until| at <= until);
    let mut claps = Vec::new();
    for part in readings.iter().filter(|reading| reading.kind == "programme").flat_map(|reading| &reading.parts) {
        let mut before = false;
        for shown in &part.shown {
            // A flash lasts one picture; one that is held longer counts from its first.
            let starts = shown.flash && !before && inside(shown.at);
            before = shown.flash;
            if starts && shown.code.is_some() {
                claps.extend(clap(part, shown, ledger, truth, skews));
            }
        }
    }
    claps
}

fn clap(part: &PartReading, shown: &Shown, ledger: &Ledger, truth: &Truth, skews: &Skews) -> Option<(Option<SlotId>, f64)> {
    let heard = part.clicks.iter().map(|click| *click - shown.at).min_by_key(|distance| distance.abs())?;
    if heard.abs() > SAME_CLAP {
        return None;
    }
    let tick = tick_at(&ledger.ticks, shown.at);
    let source = tick.and_then(|tick| tick.source);
    let known = source.filter(|slot| truth.has(*slot));
    let Some((slot, capture)) = known.zip(tick.and_then(|tick| tick.capture)) else {
        return Some((source, heard.as_millis_f64()));
    };
    // A camera without sound is not measured by another's.
    let record = skews.record(ledger, truth, slot, capture)?;
    let true_ms = (record.click_us?.0 - record.wall_us.0) as f64 / 1e3;
    Some((source, heard.as_millis_f64() - true_ms))
}

fn tick_at(ticks: &[Tick], at: MediaTime) -> Option<&Tick> {
    let after = ticks.partition_point(|tick| tick.pts < at);
    let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|index| ticks.get(index));
    near.min_by_key(|tick| (tick.pts - at).abs()).filter(|tick| (tick.pts - at).abs() <= SAME_TICK)
}

/// Middle and tail over some claps.
pub(crate) fn lip_sync(claps: impl Iterator<Item = f64>) -> Option<LipSyncReport> {
    let signed: Vec<f64> = claps.collect();
    let found = Percentiles::of(signed.iter().map(|value| value.abs()))?;
    let mean = signed.iter().sum::<f64>() / signed.len() as f64;
    Some(LipSyncReport { p50: found.p50, p95: found.p95, max: found.max, mean, claps: signed.len() as u64 })
}
