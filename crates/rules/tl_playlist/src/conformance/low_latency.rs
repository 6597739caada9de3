//! Rules of parts, hints and server control.

use super::Found;
use super::parse::Playlist;

/// Durations are written with six decimals.
const SLACK_SECS: f64 = 2e-6;
/// What a part must last at least, as a share of PART-TARGET (RFC 8216bis, 4.4.4.9).
const SHORTEST_PART: f64 = 0.85;

pub(super) fn check(playlist: &Playlist<'_>, found: &mut Found) {
    let Some(part_target) = playlist.part_target.filter(|target| *target > 0.0) else {
        return found.add("part-inf", "no PART-TARGET");
    };
    let target = playlist.target.unwrap_or(0.0);
    control(playlist, part_target, target, found);
    parts(playlist, part_target, found);
    age(playlist, target, found);
    hints(playlist, found);
}

fn control(playlist: &Playlist<'_>, part_target: f64, target: f64, found: &mut Found) {
    let control = playlist.server_control.clone().unwrap_or_default();
    found.need(control.get("CAN-BLOCK-RELOAD") == Some("YES"), "can-block-reload", || "not said".to_owned());
    let mut at_least = |key: &str, rule: &'static str, least: f64, needed: bool| {
        let value = control.number(key);
        let holds = value.map_or(!needed, |value| value >= least - SLACK_SECS);
        found.need(holds, rule, || format!("{key} is {value:?}, {least:.3} is needed"));
    };
    at_least("PART-HOLD-BACK", "part-hold-back", 3.0 * part_target, true);
    at_least("HOLD-BACK", "hold-back", 3.0 * target, false);
    at_least("CAN-SKIP-UNTIL", "can-skip-until", 6.0 * target, true);
}

fn parts(playlist: &Playlist<'_>, part_target: f64, found: &mut Found) {
    for (msn, segment) in playlist.numbered() {
        for (index, part) in segment.parts.iter().enumerate() {
            let Some(duration) = part.duration else { continue };
            found.need(duration <= part_target + SLACK_SECS / 2.0, "part-too-long", || format!("{} lasts {duration} s of {part_target}", part.uri));
            let is_last = index + 1 == segment.parts.len();
            // The last part of a growing segment may turn out to be its last of all.
            let long_enough = is_last || duration >= SHORTEST_PART * part_target - SLACK_SECS;
            found.need(long_enough, "part-too-short", || format!("{} lasts {duration} s of {part_target}", part.uri));
        }
        // A whole segment that lacks a part cannot be fetched; one that has all of them can.
        let lacks = segment.parts.iter().any(|part| part.gap);
        let agree = segment.duration.is_none() || segment.parts.is_empty() || lacks == segment.gap;
        found.need(agree, "gap", || format!("segment {msn} is a gap: {}, lacks a part: {lacks}", segment.gap));
        if let Some(duration) = segment.duration.filter(|_| !segment.parts.is_empty()) {
            let sum: f64 = segment.parts.iter().filter_map(|part| part.duration).sum();
            let slack = SLACK_SECS * (segment.parts.len() as f64 + 1.0);
            found.need((sum - duration).abs() <= slack, "part-sum", || format!("parts of segment {msn} last {sum} s, it lasts {duration} s"));
        }
    }
}

fn age(playlist: &Playlist<'_>, target: f64, found: &mut Found) {
    let mut from_edge = 0.0;
    let segments: Vec<_> = playlist.numbered().collect();
    for (msn, segment) in segments.iter().rev() {
        let is_old = from_edge > 3.0 * target + SLACK_SECS;
        found.need(!is_old || segment.parts.is_empty(), "part-age", || format!("segment {msn} still has parts {from_edge:.1} s from the edge"));
        from_edge += segment.seconds();
        let is_near = from_edge <= 2.0 * target + SLACK_SECS;
        found.need(playlist.ended || !is_near || !segment.parts.is_empty(), "parts-missing", || format!("segment {msn} has none"));
    }
}

fn hints(playlist: &Playlist<'_>, found: &mut Found) {
    if playlist.ended {
        return found.need(playlist.hints.is_empty(), "hint-after-end", || format!("{} hints", playlist.hints.len()));
    }
    let parts: Vec<_> = playlist.hints.iter().filter(|hint| hint.get("TYPE") == Some("PART")).filter_map(|hint| hint.get("URI")).collect();
    let listed = |uri: &str| playlist.numbered().any(|(_, segment)| segment.parts.iter().any(|part| part.uri == uri));
    found.need(parts.len() == 1 && !parts.iter().any(|uri| listed(uri)), "preload-hint", || format!("hinted at {parts:?}"));
}
