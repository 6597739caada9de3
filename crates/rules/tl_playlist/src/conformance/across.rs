//! Rules that hold between the playlists of one presentation, and between a playlist and its media.

use tl_mp4::{TrackConfig, codec_string};

use super::multivariant::variants;
use super::parse::Playlist;
use super::{Found, Problem};

/// Whether media playlists of the same moment belong together. Each comes with its path; reports are matched by the last two
/// parts of it. A rendition may be a little behind: what is compared is what both have.
pub fn renditions(playlists: &[(&str, &str)]) -> Vec<Problem> {
    let parsed: Vec<_> = playlists.iter().map(|(path, text)| (*path, Playlist::parse(text))).collect();
    let borrowed: Vec<_> = parsed.iter().map(|(path, playlist)| (*path, playlist)).collect();
    renditions_of(&borrowed)
}

/// As [`renditions`], of texts that are parsed already.
pub(crate) fn renditions_of(parsed: &[(&str, &Playlist<'_>)]) -> Vec<Problem> {
    let mut found = Found::default();
    for (at, (path, playlist)) in parsed.iter().enumerate() {
        for (other_path, other) in parsed.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, other)| other) {
            discontinuities(path, playlist, other_path, other, &mut found);
            if !playlist.ended {
                report(path, playlist, other_path, other, &mut found);
            }
        }
    }
    found.0
}

fn discontinuities(path: &str, playlist: &Playlist<'_>, other_path: &str, other: &Playlist<'_>, found: &mut Found) {
    // Absolute numbers of the segments that stand behind a discontinuity, within what both list.
    let (first, after) = (playlist.first_listed().max(other.first_listed()), |list: &Playlist<'_>| list.first_listed() + list.segments.len() as u64);
    let common = first..after(playlist).min(after(other));
    let marks = |list: &Playlist<'_>| -> Vec<u64> {
        list.numbered().filter(|(msn, segment)| segment.discontinuity && common.contains(msn)).map(|(msn, _)| msn).collect()
    };
    let count_before = |list: &Playlist<'_>| {
        let passed = list.numbered().filter(|(msn, segment)| segment.discontinuity && *msn < common.start).count() as u64;
        list.discontinuity_sequence.unwrap_or(0) + passed
    };
    let agree = marks(playlist) == marks(other) && count_before(playlist) == count_before(other);
    found.need(agree, "discontinuities-agree", || format!("{path} has {:?}, {other_path} has {:?}", marks(playlist), marks(other)));
}

fn report(path: &str, playlist: &Playlist<'_>, other_path: &str, other: &Playlist<'_>, found: &mut Found) {
    let is_other = |uri: &str| uri.trim_start_matches("../") == other_path;
    let Some(report) = playlist.reports.iter().find(|report| report.get("URI").is_some_and(is_other)) else {
        return found.add("rendition-report", format!("{path} says nothing of {other_path}"));
    };
    let number = |key| report.get(key).and_then(|value| value.parse::<u64>().ok());
    let said = number("LAST-MSN").zip(number("LAST-PART"));
    found.need(said == other.newest_part(), "rendition-report", || format!("{path} says {said:?} of {other_path}, which has {:?}", other.newest_part()));
}

/// Whether the first variant's CODECS and RESOLUTION are what these initialisation segments say.
pub fn codecs(multivariant: &str, inits: &[&[u8]]) -> Vec<Problem> {
    let mut found = Found::default();
    let mut configs = Vec::new();
    for init in inits {
        match tl_mp4::inspect::read_init(init) {
            Ok(tracks) => configs.extend(tracks.into_iter().map(|track| track.config)),
            Err(error) => found.add("init-shape", error.to_string()),
        }
    }
    let variants = variants(multivariant);
    let Some((attributes, _)) = variants.first() else {
        found.add("stream-inf", "no variant");
        return found.0;
    };
    let mut said: Vec<&str> = attributes.get("CODECS").unwrap_or_default().split(',').collect();
    let mut are: Vec<String> = configs.iter().map(codec_string).collect();
    said.sort_unstable();
    are.sort_unstable();
    found.need(said == are, "codecs", || format!("{said:?} where the media say {are:?}"));
    let size = configs.iter().find_map(|config| match config {
        TrackConfig::H264(parameters) => Some(format!("{}x{}", parameters.size.width, parameters.size.height)),
        _ => None,
    });
    found.need(attributes.get("RESOLUTION") == size.as_deref(), "resolution", || format!("{:?} where the media say {size:?}", attributes.get("RESOLUTION")));
    found.0
}

/// Whether the first variant's BANDWIDTH covers the highest rate of its segments: of each rendition, the seconds and bytes of
/// its segments. Those shorter than half a target duration say nothing of a rate.
pub fn bandwidth(multivariant: &str, target_secs: f64, renditions: &[&[(f64, u64)]]) -> Vec<Problem> {
    let mut found = Found::default();
    let peak_of = |segments: &&[(f64, u64)]| {
        let rates = segments.iter().filter(|(seconds, _)| *seconds >= target_secs / 2.0).map(|(seconds, bytes)| *bytes as f64 * 8.0 / seconds);
        rates.fold(0.0, f64::max)
    };
    let peak: f64 = renditions.iter().map(peak_of).sum();
    let said = variants(multivariant).first().and_then(|(attributes, _)| attributes.number("BANDWIDTH")).unwrap_or(0.0);
    found.need(said >= peak.floor(), "bandwidth", || format!("{said} where {peak:.0} was measured"));
    found.0
}
