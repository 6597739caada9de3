//! Rules of one playlist after the other.

use super::parse::{Playlist, Segment};
use super::{Found, Problem};

/// Everything that a later state of a full media playlist can break.
pub fn change(before: &str, after: &str) -> Vec<Problem> {
    change_of((before, &Playlist::parse(before)), (after, &Playlist::parse(after)))
}

/// As [`change`], of texts that are parsed already.
pub(crate) fn change_of((before, old): (&str, &Playlist<'_>), (after, new): (&str, &Playlist<'_>)) -> Vec<Problem> {
    let mut found = Found::default();
    if old.ended {
        found.need(before == after, "end-frozen", || "playlist changed".to_owned());
        return found.0;
    }
    let same_targets = old.target == new.target && old.part_target == new.part_target;
    found.need(same_targets, "target-changed", || format!("{:?} and {:?}, then {:?} and {:?}", old.target, old.part_target, new.target, new.part_target));
    removed(old, new, &mut found);
    kept(old, new, &mut found);
    hint(old, new, &mut found);
    found.0
}

fn removed(old: &Playlist<'_>, new: &Playlist<'_>, found: &mut Found) {
    let (first_old, first_new) = (old.media_sequence.unwrap_or(0), new.media_sequence.unwrap_or(0));
    // The oldest segment that is still there tells by how much the number has to have risen.
    let oldest = new.segments.first().and_then(|segment| segment.uri);
    let index = old.segments.iter().position(|segment| segment.uri == oldest);
    let expected = index.map(|index| first_old + index as u64);
    let holds = first_new >= first_old && expected.is_none_or(|expected| expected == first_new);
    found.need(holds, "media-sequence", || format!("{first_old}, then {first_new}; the segments say {expected:?}"));
    let Some(index) = index else { return };
    let left = old.segments.iter().take(index).filter(|segment| segment.discontinuity).count() as u64;
    let (before, after) = (old.discontinuity_sequence.unwrap_or(0), new.discontinuity_sequence.unwrap_or(0));
    found.need(after == before + left, "discontinuity-sequence", || format!("{before}, then {after}; {left} discontinuities left"));
    let remaining: f64 = new.segments.iter().map(Segment::seconds).sum();
    let enough = new.segments.len() >= 6 && remaining >= 3.0 * new.target.unwrap_or(0.0);
    found.need(index == 0 || enough, "window", || format!("{} segments of {remaining} s are left", new.segments.len()));
}

fn kept(old: &Playlist<'_>, new: &Playlist<'_>, found: &mut Found) {
    for (msn, was) in old.numbered() {
        let Some((_, is)) = new.numbered().find(|(other, _)| *other == msn) else {
            // What is newer than all that is left has been taken back.
            found.need(msn < new.first_listed(), "published-changed", || format!("segment {msn} was taken back"));
            continue;
        };
        let same_head = was.discontinuity == is.discontinuity && was.date_time == is.date_time && (was.map == is.map || was.map.is_none() || is.map.is_none());
        let same = same_head && (was.uri.is_none() || (was.uri == is.uri && was.duration == is.duration && was.gap == is.gap));
        // Parts may be left out when they are old, and added while the segment grows; never changed.
        let same_parts = is.parts.is_empty() || was.parts.is_empty() || is.parts.starts_with(&was.parts);
        found.need(same && same_parts, "published-changed", || format!("segment {msn} is not what it was"));
    }
}

fn hint(old: &Playlist<'_>, new: &Playlist<'_>, found: &mut Found) {
    let Some(hinted) = old.hints.first().and_then(|hint| hint.get("URI")) else { return };
    let Some((msn, index)) = old.newest_part() else { return };
    // Where the segment has lost its parts to age, nobody can tell any more.
    if !new.numbered().any(|(number, segment)| number == msn && !segment.parts.is_empty()) {
        return;
    }
    let behind = new.numbered().flat_map(|(number, segment)| segment.parts.iter().enumerate().map(move |(at, part)| ((number, at as u64), part)));
    let next = behind.filter(|(place, _)| *place > (msn, index)).map(|(_, part)| part.uri).next();
    found.need(next.is_none_or(|next| next == hinted), "hint-kept", || format!("{hinted} was hinted at, {next:?} came"));
}

/// Whether `delta`, merged into `full` of the same moment, is `full` again.
pub fn delta(full: &str, delta: &str) -> Vec<Problem> {
    delta_of((full, &Playlist::parse(full)), (delta, &Playlist::parse(delta)))
}

/// As [`delta`], of texts that are parsed already.
pub(crate) fn delta_of((full, whole): (&str, &Playlist<'_>), (delta, part): (&str, &Playlist<'_>)) -> Vec<Problem> {
    let mut found = Found::default();
    let Some(skipped) = part.skipped else {
        found.need(full == delta, "delta-merge", || "nothing is skipped, but the playlists differ".to_owned());
        return found.0;
    };
    let kept = usize::try_from(skipped).ok().and_then(|skipped| whole.segments.get(skipped..));
    let boundary = part.server_control.as_ref().and_then(|control| control.number("CAN-SKIP-UNTIL")).unwrap_or(f64::INFINITY);
    let from_edge: f64 = kept.unwrap_or_default().iter().chain([&whole.growing]).map(Segment::seconds).sum();
    found.need(from_edge >= boundary - 1e-5, "skip-boundary", || format!("{skipped} segments are skipped, {from_edge} s are left of {boundary}"));
    let merged = Playlist {
        skipped: None,
        segments: kept.map(|_| whole.segments.iter().take(skipped as usize).chain(&part.segments).cloned().collect()).unwrap_or_default(),
        ..part.clone()
    };
    found.need(merged == *whole, "delta-merge", || format!("{skipped} skipped of {}", whole.segments.len()));
    found.0
}

/// Whether an answer to a blocking reload holds what was asked for.
pub fn answers(text: &str, msn: u64, part: Option<u64>) -> Vec<Problem> {
    let playlist = Playlist::parse(text);
    let mut found = Found::default();
    let whole = playlist.first_listed().saturating_add(playlist.segments.len() as u64);
    let holds = playlist.ended
        || match part {
            None => whole > msn,
            Some(part) => playlist.newest_part().is_some_and(|newest| newest.0 > msn || newest >= (msn, part)),
        };
    found.need(holds, "blocking-answer", || format!("{msn} and {part:?} were asked for, {:?} is newest", playlist.newest_part()));
    found.0
}
