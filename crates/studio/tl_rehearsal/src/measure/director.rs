//! How the programme was directed: cuts, shots, whether the puck was in the picture, how fast a dead camera was left.

use std::collections::HashMap;

use tl_base::{MediaTime, SlotId};

use super::ledger::{Cut, Kind, Ledger, Tick};
use super::timing::Skews;
use crate::report::{CutReport, DirectorReport};
use crate::rink::{SIZE, Scout};
use crate::truth::Truth;

/// The action counts as in the picture inside this share of it.
const CENTRAL: f32 = 0.90;

pub(crate) fn cuts(ledger: &Ledger, from: Option<MediaTime>, until: Option<MediaTime>) -> Vec<CutReport> {
    let slot = |slot: Option<SlotId>| slot.map(|slot| slot.0);
    let inside = within(ledger, from, until);
    inside.map(|cut| CutReport { t: cut.at.as_secs_f64(), from: slot(cut.from), to: slot(cut.to), by: cut.by.clone(), reason: cut.reason.clone() }).collect()
}

fn within(ledger: &Ledger, from: Option<MediaTime>, until: Option<MediaTime>) -> impl Iterator<Item = &Cut> {
    ledger.cuts.iter().filter(move |cut| from.is_none_or(|from| cut.at >= from) && until.is_none_or(|until| cut.at <= until))
}

pub(crate) fn report(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews, seed: Option<u64>, seconds: f64) -> DirectorReport {
    let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else { return DirectorReport::default() };
    let changes: Vec<&Cut> = within(ledger, Some(first.pts), Some(last.pts)).filter(|cut| cut.from != cut.to).collect();
    let shots = changes.iter().zip(changes.iter().skip(1)).map(|(cut, next)| (next.at - cut.at).as_secs_f64());
    DirectorReport {
        action_in_frame: seed.and_then(|seed| action_in_frame(ledger, ticks, truth, skews, seed)),
        cuts_per_minute: (seconds > 0.0).then(|| changes.len() as f64 * 60.0 / seconds),
        shortest_shot_s: shots.min_by(f64::total_cmp),
        failover_ms: changes.iter().filter(|cut| cut.by == "failover").filter_map(|cut| failover(ticks, cut)).max_by(f64::total_cmp),
    }
}

/// From the dead camera's last new picture on air to the next one's first, milliseconds.
fn failover(ticks: &[Tick], cut: &Cut) -> Option<f64> {
    let dead = cut.from?;
    let shows = |tick: &&Tick| tick.kind == Kind::Frame;
    let near = ticks.partition_point(|tick| tick.pts < cut.at - MediaTime::from_millis(100));
    let after = ticks.get(near..)?.iter().filter(shows).find(|tick| tick.source != Some(dead) && tick.source == cut.to)?;
    let before: Vec<&Tick> = ticks.iter().take_while(|tick| tick.pts < after.pts).filter(shows).filter(|tick| tick.source == Some(dead)).collect();
    let newest = before.last()?.capture;
    let last_new = before.iter().rev().take_while(|tick| tick.capture == newest).last()?;
    Some((after.pts - last_new.pts).as_millis_f64())
}

fn action_in_frame(ledger: &Ledger, ticks: &[Tick], truth: &Truth, skews: &Skews, seed: u64) -> Option<f64> {
    let mut scouts: HashMap<u8, (Scout, HashMap<u16, bool>)> = HashMap::new();
    let (mut inside, mut all) = (0_u64, 0_u64);
    for tick in ticks.iter().filter(|tick| tick.kind == Kind::Frame) {
        let (Some(source), Some(capture)) = (tick.source, tick.capture) else { continue };
        let Some(record) = skews.record(ledger, truth, source, capture) else { continue };
        let Some(frame) = record.frame else { continue };
        let (scout, known) = scouts.entry(record.camera).or_insert_with(|| (Scout::new(seed, record.camera), HashMap::new()));
        let visible = *known.entry(frame).or_insert_with(|| scout.seen(u32::from(frame)).puck.is_some_and(central));
        inside += u64::from(visible);
        all += 1;
    }
    (all > 0).then(|| inside as f64 / all as f64)
}

fn central((x, y): (f32, f32)) -> bool {
    let inside = |value: f32, side: u32| {
        let edge = side as f32 * (1.0 - CENTRAL) / 2.0;
        (edge..side as f32 - edge).contains(&value)
    };
    inside(x, SIZE.width) && inside(y, SIZE.height)
}
