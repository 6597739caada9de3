//! Playlists and media read as a stranger would, and every rule they break by its name.
//!
//! Texts and bytes come in, [`Problem`]s come out; nothing here knows how this crate makes what it checks. The rules are those
//! of RFC 8216bis and of Apple's HLS authoring specification for low latency, and CMAF's for the media.
//!
//! ```
//! let problems = tl_playlist::conformance::media("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:5.0,\ns1.m4s\n");
//! assert!(problems.iter().any(|problem| problem.rule == "target-duration"));
//! ```

mod across;
mod bytes;
mod change;
mod low_latency;
mod multivariant;
mod parse;
mod plain;

use std::fmt;

pub(crate) use across::renditions_of;
pub use across::{bandwidth, codecs, renditions};
pub use bytes::{Chunks, aligned, segments};
pub use change::{answers, change, delta};
pub(crate) use change::{change_of, delta_of};
pub use multivariant::multivariant;
pub(crate) use parse::Playlist;

/// A rule that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One of [`RULES`].
    pub rule: &'static str,
    /// What was found.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

/// Every rule, and what it asks for.
pub const RULES: [(&str, &str); 51] = [
    ("m3u-head", "EXTM3U is the first line"),
    ("one-version", "there is exactly one VERSION"),
    ("version", "VERSION is at least 6 with MAP, 8 with GAP and 9 with SKIP"),
    ("target-duration", "TARGETDURATION is there, and no rounded EXTINF exceeds it"),
    ("map", "an EXT-X-MAP stands before the first segment, and behind each discontinuity"),
    ("date-time", "every segment has a PROGRAM-DATE-TIME"),
    ("date-time-step", "PROGRAM-DATE-TIME advances by the durations between"),
    ("independent-segments", "INDEPENDENT-SEGMENTS is there"),
    ("sequence-tags", "MEDIA-SEQUENCE and DISCONTINUITY-SEQUENCE stand before the segments"),
    ("uri", "every segment has an address of its own"),
    ("number", "durations and counts are numbers"),
    ("part-inf", "PART-INF tells a PART-TARGET"),
    ("can-block-reload", "SERVER-CONTROL says CAN-BLOCK-RELOAD=YES"),
    ("part-hold-back", "PART-HOLD-BACK is at least three part targets"),
    ("hold-back", "HOLD-BACK is at least three target durations"),
    ("can-skip-until", "CAN-SKIP-UNTIL is at least six target durations"),
    ("part-too-long", "no part exceeds PART-TARGET"),
    ("part-too-short", "every part but a segment's last lasts 85 % of PART-TARGET"),
    ("gap", "a segment is a gap exactly when one of its parts is"),
    ("part-sum", "the parts of a segment last as long as the segment"),
    ("part-age", "parts are gone once they are three targets from the edge"),
    ("parts-missing", "the newest segments have parts"),
    ("preload-hint", "while live, one PRELOAD-HINT names a part that is not listed yet"),
    ("hint-after-end", "nothing is hinted at behind ENDLIST"),
    ("stream-inf", "each STREAM-INF has BANDWIDTH, AVERAGE-BANDWIDTH, CODECS, RESOLUTION and FRAME-RATE"),
    ("bandwidth-order", "AVERAGE-BANDWIDTH does not exceed BANDWIDTH"),
    ("audio-group", "an AUDIO group that is named is there"),
    ("media-sequence", "MEDIA-SEQUENCE never falls, and rises by one for each segment that leaves"),
    ("discontinuity-sequence", "DISCONTINUITY-SEQUENCE rises by one for each discontinuity that leaves"),
    ("published-changed", "address, duration and tags of a published segment or part stay"),
    ("target-changed", "TARGETDURATION and PART-TARGET stay"),
    ("window", "no segment leaves while fewer than six, or less than three targets, would be left"),
    ("end-frozen", "nothing changes behind ENDLIST"),
    ("hint-kept", "the part that follows is the one that was hinted at"),
    ("skip-boundary", "SKIP leaves out only what is older than CAN-SKIP-UNTIL"),
    ("delta-merge", "a delta update gives the full playlist when it is merged"),
    ("blocking-answer", "a blocking reload is answered once it holds what was asked for"),
    ("discontinuities-agree", "all renditions have the same segments and discontinuities"),
    ("rendition-report", "each other rendition has a report, and it is right"),
    ("codecs", "CODECS is what the media say"),
    ("resolution", "RESOLUTION is what the media say"),
    ("bandwidth", "BANDWIDTH covers the measured peak"),
    ("init-shape", "an initialisation segment has one track and no samples"),
    ("chunk-shape", "a chunk is moof and mdat of one track, whole, with data offsets that hold"),
    ("sequence-rises", "fragment sequence numbers rise"),
    ("decode-time", "each chunk's decode time is where the one before ended"),
    ("sync-start", "a segment starts with a sync sample"),
    ("parts-make-segment", "the parts of a segment are its bytes"),
    ("independent-part", "INDEPENDENT stands exactly where a part starts with a sync sample"),
    ("aligned", "segments of the same number start and end alike in all renditions"),
    ("media-duration", "EXTINF and part durations are those of the media, within a millisecond"),
];

/// Everything that one media playlist can break by itself.
pub fn media(text: &str) -> Vec<Problem> {
    media_of(text, &Playlist::parse(text))
}

/// As [`media`], of a text that is parsed already.
pub(crate) fn media_of(text: &str, playlist: &Playlist<'_>) -> Vec<Problem> {
    let mut found = Found::default();
    plain::check(text, playlist, &mut found);
    low_latency::check(playlist, &mut found);
    found.0
}

/// Problems as they are found.
#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, rule: &'static str, message: impl Into<String>) {
        if !RULES.iter().any(|(known, _)| *known == rule) {
            tl_base::never!("no such rule: {rule}");
        }
        self.0.push(Problem { rule, message: message.into() });
    }

    /// Adds unless `holds`.
    fn need(&mut self, holds: bool, rule: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.add(rule, message());
        }
    }
}
