//! Estimated against true time of capture.

use std::collections::HashMap;

use tl_base::{MediaTime, Percentiles, SlotId, Wall};

use super::files::Reading;
use super::ledger::{Kind, Ledger, Tick};
use crate::report::{Spread, Tail};
use crate::truth::{Record, Truth};

/// A picture further than this from every true one belongs to none of them.
const LOST_US: i64 = 500_000;

/// |estimated - true|, by slot, read out of the cameras' own recordings.
#[derive(Debug, Default)]
pub(crate) struct Skews {
    by_slot: HashMap<SlotId, Vec<f64>>,
    /// Median of estimated minus true, microseconds.
    bias_us: HashMap<SlotId, i64>,
}

impl Skews {
    pub(crate) fn measure(ledger: &Ledger, truth: &Truth, readings: &[Reading], span: (Option<MediaTime>, Option<MediaTime>), unlocked: &[SlotId]) -> Self {
        let mut skews = Self::default();
        for reading in readings {
            let Some(slot) = reading.source.filter(|slot| !unlocked.contains(slot)) else { continue };
            let inside = |at: MediaTime| span.0.is_none_or(|from| at >= from) && span.1.is_none_or(|until| at <= until);
            let shown = reading.parts.iter().flat_map(|part| &part.shown).filter(|shown| inside(shown.at));
            let signed: Vec<i64> = shown
                .filter_map(|shown| {
                    let (_, frame) = shown.code?;
                    let estimated = ledger.wall(shown.at);
                    truth.captured(slot, frame, estimated).map(|captured| estimated.0 - captured.0)
                })
                .collect();
            let mut sorted = signed.clone();
            sorted.sort_unstable();
            if let Some(median) = sorted.get(sorted.len() / 2) {
                skews.bias_us.insert(slot, *median);
            }
            skews.by_slot.entry(slot).or_default().extend(signed.into_iter().map(|us| us.abs() as f64 / 1e3));
        }
        skews
    }

    /// Milliseconds, every picture of every camera.
    pub(crate) fn all(&self) -> impl Iterator<Item = f64> {
        self.by_slot.values().flatten().copied()
    }

    /// Milliseconds, every picture of one camera.
    pub(crate) fn of(&self, slot: SlotId) -> impl Iterator<Item = f64> {
        self.by_slot.get(&slot).into_iter().flatten().copied()
    }

    /// The true picture behind an estimated time of capture. The camera's own median error is taken out first, so that an error of more
    /// than half a frame does not pick the neighbour.
    pub(crate) fn record<'a>(&self, ledger: &Ledger, truth: &'a Truth, slot: SlotId, capture: MediaTime) -> Option<&'a Record> {
        let estimated = Wall(ledger.wall(capture).0 - self.bias_us.get(&slot).copied().unwrap_or(0));
        truth.nearest(slot, estimated).filter(|record| (record.wall_us.0 - estimated.0).abs() < LOST_US)
    }
}

/// From true capture to the end of encoding, over ticks that show a camera's picture.
pub(crate) fn phone_to_program(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews) -> Option<Tail> {
    let delays = ticks.iter().filter(|tick| tick.kind == Kind::Frame).filter_map(|tick| {
        let record = skews.record(ledger, truth, tick.source?, tick.capture?)?;
        Some((tick.done_wall_us?.0 - record.wall_us.0) as f64 / 1e3)
    });
    Percentiles::of(delays).map(Into::into)
}

/// How far each other camera's chosen picture was truly captured from the on-air camera's.
pub(crate) fn pair_skew(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews) -> Option<Spread> {
    let mut distances = Vec::new();
    for tick in ticks.iter().filter(|tick| tick.kind == Kind::Frame) {
        let (Some(source), Some(capture)) = (tick.source, tick.capture) else { continue };
        let Some(own) = skews.record(ledger, truth, source, capture) else { continue };
        let others = tick.pair.iter().filter(|(slot, _)| *slot != source);
        let found = others.filter_map(|(slot, capture)| skews.record(ledger, truth, *slot, *capture));
        distances.extend(found.map(|other| (other.wall_us.0 - own.wall_us.0).abs() as f64 / 1e3));
    }
    Percentiles::of(distances).map(Into::into)
}
