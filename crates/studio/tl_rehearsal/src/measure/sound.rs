//! Sound against picture, by the claps in the programme file.

use tl_base::{MediaTime, Percentiles};

use super::files::Reading;
use crate::report::LipSyncReport;

/// A click further from a flash than this belongs to another clap.
const SAME_CLAP: MediaTime = MediaTime::from_millis(400);

pub(crate) fn lip_sync(readings: &[Reading], span: (Option<MediaTime>, Option<MediaTime>)) -> Option<LipSyncReport> {
    let inside = |at: MediaTime| span.0.is_none_or(|from| at >= from) && span.1.is_none_or(|until| at <= until);
    let mut signed = Vec::new();
    for part in readings.iter().filter(|reading| reading.kind == "programme").flat_map(|reading| &reading.parts) {
        let mut before = false;
        for shown in &part.shown {
            // A flash lasts one picture; one that is held longer counts from its first.
            let starts = shown.flash && !before && inside(shown.at);
            before = shown.flash;
            if !starts || shown.code.is_none() {
                continue;
            }
            let nearest = part.clicks.iter().map(|click| *click - shown.at).min_by_key(|distance| distance.abs());
            signed.extend(nearest.filter(|distance| distance.abs() <= SAME_CLAP).map(MediaTime::as_millis_f64));
        }
    }
    let found = Percentiles::of(signed.iter().map(|value| value.abs()))?;
    let mean = signed.iter().sum::<f64>() / signed.len() as f64;
    Some(LipSyncReport { p50: found.p50, p95: found.p95, max: found.max, mean, claps: signed.len() as u64 })
}
