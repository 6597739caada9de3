//! The programme's pictures counted: encoded, missing, shown twice, black.

use tl_base::{MediaTime, Wall};

use super::files::Reading;
use super::ledger::{Kind, Ledger, Tick};
use super::timing::Skews;
use crate::report::ProgramReport;
use crate::truth::Truth;

/// A picture darker than this is black; 16 is black, a slate is above 40.
const BLACK_LUMA: f32 = 20.0;
/// Ticks further apart than this belong to different runs of the studio.
const SAME_RUN_TICKS: u64 = 900;
/// Two pictures at the programme's rate, microseconds: a camera that captured nothing for longer is not at rate.
const TWO_PERIODS_US: i64 = 66_667;

pub(crate) fn program(
    ledger: &Ledger,
    ticks: &[Tick],
    truth: &Truth,
    skews: &Skews,
    readings: &[Reading],
    span: (Option<MediaTime>, Option<MediaTime>),
) -> ProgramReport {
    let mut report = ProgramReport::default();
    let encoded = ticks.iter().filter(|tick| tick.done_wall_us.is_some()).count() as u64;
    if let (Some(first), Some(last)) = (ticks.first(), ticks.last()) {
        let seconds = (last.pts - first.pts).as_secs_f64();
        report.frames = Some(encoded);
        report.fps = (seconds > 0.0).then(|| (encoded.saturating_sub(1)) as f64 / seconds);
        let missing = ticks.iter().zip(ticks.iter().skip(1)).map(|(tick, next)| next.tick.saturating_sub(tick.tick + 1)).filter(|gap| *gap < SAME_RUN_TICKS);
        report.dropped = Some(missing.sum::<u64>() + ticks.len() as u64 - encoded);
        report.repeated = Some(repeated(ledger, ticks, truth, skews));
    }
    let inside = |at: MediaTime| span.0.is_none_or(|from| at >= from) && span.1.is_none_or(|until| at <= until);
    let programme: Vec<_> = readings.iter().filter(|reading| reading.kind == "programme").flat_map(|reading| &reading.parts).collect();
    if let Some(size) = programme.iter().find_map(|part| part.size) {
        (report.width, report.height) = (Some(size.width), Some(size.height));
        let shown = programme.iter().flat_map(|part| &part.shown).filter(|shown| inside(shown.at));
        let (mut black, mut distinct, mut last) = (0, 0, None);
        for shown in shown {
            black += u64::from(shown.luma < BLACK_LUMA);
            if shown.code.is_some() && shown.code != last {
                distinct += 1;
                last = shown.code;
            }
        }
        (report.black, report.distinct) = (Some(black), Some(distinct));
    }
    report
}

/// Ticks that re-send the last picture, or show the same one again although their camera truly had a newer one.
fn repeated(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews) -> u64 {
    let again = ticks.iter().zip(ticks.iter().skip(1)).filter(|(before, tick)| match tick.kind {
        Kind::Repeat => true,
        Kind::Frame if before.kind == Kind::Frame && tick.source == before.source && tick.capture == before.capture => {
            let (Some(source), Some(capture)) = (tick.source, tick.capture) else { return false };
            skews.record(ledger, truth, source, capture).is_none_or(|record| truth.any_between(source, record.wall_us, Wall(record.wall_us.0 + TWO_PERIODS_US)))
        }
        _ => false,
    });
    again.count() as u64 + u64::from(ticks.first().is_some_and(|tick| tick.kind == Kind::Repeat))
}
