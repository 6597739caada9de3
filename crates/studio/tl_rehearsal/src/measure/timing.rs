//! Estimated against true time of capture.

use std::collections::HashMap;

use tl_base::{MediaTime, Percentiles, SlotId, Wall};

use super::files::Reading;
use super::judged::Judged;
use super::ledger::{Kind, Ledger, Tick};
use crate::report::{Spread, Tail};
use crate::truth::{Record, Truth};

/// A picture further than this from every true one belongs to none of them.
const LOST_US: i64 = 500_000;

/// |estimated - true|, by slot, read out of the cameras' own recordings.
#[derive(Debug, Default)]
pub(crate) struct Skews {
    by_slot: HashMap<SlotId, Vec<f64>>,
    /// Median of estimated minus true in each part of a recording, microseconds, with the part's begin; in order.
    bias_us: HashMap<SlotId, Vec<(MediaTime, i64)>>,
    judged: Judged,
}

impl Skews {
    pub(crate) fn measure(
        ledger: &Ledger,
        truth: &Truth,
        readings: &[Reading],
        span: (Option<MediaTime>, Option<MediaTime>),
        unlocked: &[SlotId],
        judged: Judged,
    ) -> Self {
        let mut skews = Self { judged, ..Self::default() };
        let inside = |at: MediaTime| span.0.is_none_or(|from| at >= from) && span.1.is_none_or(|until| at <= until);
        for reading in readings {
            let Some(slot) = reading.source else { continue };
            for part in &reading.parts {
                let signed: Vec<(MediaTime, i64)> = part
                    .shown
                    .iter()
                    .filter_map(|shown| {
                        let (_, frame) = shown.code?;
                        let estimated = ledger.wall(shown.at);
                        truth.captured(slot, frame, estimated).map(|captured| (shown.at, estimated.0 - captured.0))
                    })
                    .collect();
                let mut sorted: Vec<i64> = signed.iter().map(|(_, us)| *us).collect();
                sorted.sort_unstable();
                if let (Some(median), Some((begin, _))) = (sorted.get(sorted.len() / 2), signed.first()) {
                    skews.bias_us.entry(slot).or_default().push((*begin, *median));
                }
                if unlocked.contains(&slot) {
                    continue;
                }
                let counted = signed.into_iter().filter(|(at, _)| inside(*at) && skews.judged.counts(slot, *at));
                let counted: Vec<f64> = counted.map(|(_, us)| us.abs() as f64 / 1e3).collect();
                skews.by_slot.entry(slot).or_default().extend(counted);
            }
        }
        skews.bias_us.values_mut().for_each(|parts| parts.sort_unstable_by_key(|(begin, _)| *begin));
        skews
    }

    /// How cameras came in and from when on their clocks count.
    pub(crate) fn judged(&self) -> &Judged {
        &self.judged
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
        let parts = self.bias_us.get(&slot).map(Vec::as_slice).unwrap_or_default();
        let part = parts.partition_point(|(begin, _)| *begin <= capture).saturating_sub(1);
        let estimated = Wall(ledger.wall(capture).0 - parts.get(part).map_or(0, |(_, bias)| *bias));
        truth.nearest(slot, estimated).filter(|record| (record.wall_us.0 - estimated.0).abs() < LOST_US)
    }
}

/// From true capture to the end of encoding, over ticks that show a picture of these cameras.
pub(crate) fn to_program(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews, of: impl Fn(SlotId) -> bool) -> Option<Tail> {
    let delays = ticks.iter().filter(|tick| tick.kind == Kind::Frame && tick.source.is_some_and(&of)).filter_map(|tick| {
        let record = skews.record(ledger, truth, tick.source?, tick.capture?)?;
        Some((tick.done_wall_us?.0 - record.wall_us.0) as f64 / 1e3)
    });
    Percentiles::of(delays).map(Into::into)
}

/// How far each other camera's chosen picture was truly captured from the on-air camera's, where both clocks count.
pub(crate) fn pair_skew(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews) -> Option<Spread> {
    let mut distances = Vec::new();
    for tick in ticks.iter().filter(|tick| tick.kind == Kind::Frame) {
        let (Some(source), Some(capture)) = (tick.source, tick.capture) else { continue };
        if !skews.judged.counts(source, capture) {
            continue;
        }
        let Some(own) = skews.record(ledger, truth, source, capture) else { continue };
        let others = tick.pair.iter().filter(|(slot, capture)| *slot != source && skews.judged.counts(*slot, *capture));
        let found = others.filter_map(|(slot, capture)| skews.record(ledger, truth, *slot, *capture));
        distances.extend(found.map(|other| (other.wall_us.0 - own.wall_us.0).abs() as f64 / 1e3));
    }
    Percentiles::of(distances).map(Into::into)
}
