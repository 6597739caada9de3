//! Rules of every live media playlist.

use super::Found;
use super::parse::Playlist;

/// PROGRAM-DATE-TIME is written with milliseconds, and frames of sound do not end on them.
const DATE_TIME_SLACK_MICROS: f64 = 5_000.0;

pub(super) fn check(text: &str, playlist: &Playlist<'_>, found: &mut Found) {
    found.need(text.lines().next() == Some("#EXTM3U"), "m3u-head", || "first line is not EXTM3U".to_owned());
    found.need(playlist.versions.len() == 1, "one-version", || format!("{} VERSION tags", playlist.versions.len()));
    version(playlist, found);
    target(playlist, found);
    found.need(playlist.independent, "independent-segments", || "tag is missing".to_owned());
    let sequences = playlist.media_sequence.is_some() && playlist.discontinuity_sequence.is_some() && !playlist.late_sequence;
    found.need(sequences, "sequence-tags", || "a sequence tag is missing or late".to_owned());
    maps(playlist, found);
    addresses(playlist, found);
    date_times(playlist, found);
}

fn version(playlist: &Playlist<'_>, found: &mut Found) {
    let version = playlist.versions.first().and_then(|version| version.parse::<u32>().ok()).unwrap_or(1);
    let has_map = playlist.numbered().any(|(_, segment)| segment.map.is_some());
    let can_skip = playlist.skipped.is_some() || playlist.server_control.as_ref().is_some_and(|control| control.get("CAN-SKIP-UNTIL").is_some());
    let has_gap = playlist.numbered().any(|(_, segment)| segment.gap);
    let least = if can_skip {
        9
    } else if has_gap {
        8
    } else if has_map {
        6
    } else {
        1
    };
    found.need(version >= least, "version", || format!("version {version} where {least} is needed"));
}

fn target(playlist: &Playlist<'_>, found: &mut Found) {
    let Some(target) = playlist.target.filter(|target| *target >= 1.0 && target.fract() == 0.0) else {
        return found.add("target-duration", "no whole number of seconds");
    };
    for (msn, segment) in playlist.numbered() {
        found.need(segment.seconds().round() <= target, "target-duration", || format!("segment {msn} lasts {} s", segment.seconds()));
    }
}

fn maps(playlist: &Playlist<'_>, found: &mut Found) {
    for (at, (msn, segment)) in playlist.numbered().enumerate() {
        // A delta update leaves the first map out together with the first segment.
        let needed = segment.discontinuity || (at == 0 && playlist.skipped.is_none());
        found.need(!needed || segment.map.is_some(), "map", || format!("segment {msn} has none"));
    }
}

fn addresses(playlist: &Playlist<'_>, found: &mut Found) {
    let mut seen = std::collections::HashSet::new();
    for (msn, segment) in playlist.numbered() {
        let is_growing = segment.duration.is_none() && segment.uri.is_none();
        found.need(is_growing || segment.uri.is_some_and(|uri| seen.insert(uri)), "uri", || format!("segment {msn} has none of its own"));
        found.need(is_growing || segment.duration.is_some(), "number", || format!("duration of segment {msn}"));
        for part in &segment.parts {
            found.need(!part.uri.is_empty() && seen.insert(part.uri), "uri", || format!("a part of segment {msn} has none of its own"));
            found.need(part.duration.is_some(), "number", || format!("duration of part {}", part.uri));
        }
    }
}

fn date_times(playlist: &Playlist<'_>, found: &mut Found) {
    let mut expected: Option<f64> = None;
    for (msn, segment) in playlist.numbered() {
        let Some(at) = segment.date_time else {
            found.add("date-time", format!("segment {msn} has none"));
            expected = None;
            continue;
        };
        if let Some(expected) = expected.filter(|_| !segment.discontinuity) {
            let off = at as f64 - expected;
            found.need(off.abs() <= DATE_TIME_SLACK_MICROS, "date-time-step", || format!("segment {msn} is off by {:.1} ms", off / 1e3));
        }
        expected = Some(at as f64 + segment.seconds() * 1e6);
    }
}
