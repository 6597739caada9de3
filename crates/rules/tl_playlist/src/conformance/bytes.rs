//! Rules of the media (ISO/IEC 23000-19, CMAF).

use tl_mp4::inspect::{Fragment, read_fragments, read_init};
use tl_mp4::scan::scan_bytes;

use super::parse::Playlist;
use super::{Found, Problem};

/// A millisecond, the most that written durations may be off.
const SLACK_SECS: f64 = 1e-3;

/// One segment as it can be fetched.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    /// Its address in the playlist.
    pub uri: &'a str,
    /// The whole segment.
    pub whole: &'a [u8],
    /// Its parts, in order; empty when they are not at hand.
    pub parts: &'a [&'a [u8]],
}

/// Whether consecutive segments of one rendition hold what CMAF and `playlist` say of them. `playlist` may list more.
/// Decode times may jump where it says DISCONTINUITY.
pub fn segments(playlist: &str, init: &[u8], segments: &[Chunks<'_>]) -> Vec<Problem> {
    let playlist = Playlist::parse(playlist);
    let mut found = Found::default();
    let timescale = match (read_init(init), scan_bytes(init)) {
        (Ok(tracks), Ok(scan)) if tracks.len() == 1 && scan.fragments == 0 && scan.tracks.iter().all(|track| track.samples == 0) && scan.fragmented => {
            tracks.first().map_or(1, |track| track.timescale)
        }
        _ => {
            found.add("init-shape", "not one track without samples");
            return found.0;
        }
    };
    let (mut end, mut sequence): (Option<u64>, Option<u32>) = (None, None);
    for chunks in segments {
        let listed = playlist.numbered().map(|(_, segment)| segment).find(|segment| segment.uri == Some(chunks.uri));
        if listed.is_some_and(|segment| segment.discontinuity) || is_behind_gap(&playlist, chunks.uri) {
            end = None;
        }
        let Ok(fragments) = read_fragments(init, chunks.whole) else {
            found.add("chunk-shape", format!("{} is not whole chunks", chunks.uri));
            (end, sequence) = (None, None);
            continue;
        };
        fragments_hold(chunks.uri, &fragments, &mut end, &mut sequence, &mut found);
        if !chunks.parts.is_empty() {
            found.need(chunks.parts.concat() == chunks.whole, "parts-make-segment", || chunks.uri.to_owned());
        }
        let Some(listed) = listed else { continue };
        let seconds = |fragment: &Fragment| fragment.runs.iter().map(|run| run.duration).sum::<u64>() as f64 / f64::from(timescale);
        let lasts: f64 = fragments.iter().map(seconds).sum();
        let near = |said: Option<f64>, is: f64| said.is_some_and(|said| (said - is).abs() <= SLACK_SECS);
        found.need(near(listed.duration, lasts), "media-duration", || format!("{} lasts {lasts} s, {:?} is written", chunks.uri, listed.duration));
        if listed.parts.is_empty() {
            continue;
        }
        found.need(listed.parts.len() == fragments.len(), "chunk-shape", || format!("{} parts, {} chunks", listed.parts.len(), fragments.len()));
        for (part, fragment) in listed.parts.iter().zip(&fragments) {
            found.need(near(part.duration, seconds(fragment)), "media-duration", || format!("{} lasts {} s", part.uri, seconds(fragment)));
            let starts = fragment.runs.iter().all(|run| run.starts_with_sync);
            found.need(part.independent == starts, "independent-part", || format!("{} starts with a sync sample: {starts}", part.uri));
        }
    }
    found.0
}

/// Whether the segment before this one cannot be fetched.
fn is_behind_gap(playlist: &Playlist<'_>, uri: &str) -> bool {
    playlist.segments.iter().zip(playlist.segments.iter().skip(1)).any(|(before, this)| before.gap && this.uri == Some(uri))
}

fn fragments_hold(uri: &str, fragments: &[Fragment], end: &mut Option<u64>, sequence: &mut Option<u32>, found: &mut Found) {
    for (at, fragment) in fragments.iter().enumerate() {
        let [run] = fragment.runs.as_slice() else {
            found.add("chunk-shape", format!("{uri} has a chunk of {} tracks", fragment.runs.len()));
            continue;
        };
        found.need(sequence.is_none_or(|last| fragment.sequence > last), "sequence-rises", || format!("{uri}: {sequence:?}, then {}", fragment.sequence));
        *sequence = Some(fragment.sequence);
        let holds = run.base_decode_time.is_some() && end.is_none_or(|end| run.base_decode_time == Some(end));
        found.need(holds, "decode-time", || format!("{uri}, chunk {at}: {:?} where {end:?} is due", run.base_decode_time));
        *end = run.base_decode_time.map(|start| start.saturating_add(run.duration));
        found.need(at > 0 || run.starts_with_sync, "sync-start", || uri.to_owned());
    }
}

/// Whether segments of the same number start and end alike in two renditions, within `slack_secs`: nothing between renditions
/// of pictures, one frame between pictures and sound.
pub fn aligned(one: (&[u8], &[u8]), other: (&[u8], &[u8]), slack_secs: f64) -> Vec<Problem> {
    let mut found = Found::default();
    let extent = |(init, segment): (&[u8], &[u8])| {
        let timescale = f64::from(read_init(init).ok()?.first()?.timescale);
        let fragments = read_fragments(init, segment).ok()?;
        let start = fragments.first()?.runs.first()?.base_decode_time?;
        let lasts: u64 = fragments.iter().flat_map(|fragment| &fragment.runs).map(|run| run.duration).sum();
        Some((start as f64 / timescale, start.saturating_add(lasts) as f64 / timescale))
    };
    match extent(one).zip(extent(other)) {
        Some((one, other)) => {
            let near = (one.0 - other.0).abs() <= slack_secs && (one.1 - other.1).abs() <= slack_secs;
            found.need(near, "aligned", || format!("{one:?} and {other:?} do not match"));
        }
        None => found.add("chunk-shape", "not readable"),
    }
    found.0
}
