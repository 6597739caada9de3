//! DASH manifests (ISO/IEC 23009-1) of the same segments that HLS names.
//!
//! A period is an unbroken stretch of segments in all renditions: a discontinuity, another initialisation segment and a gap
//! each start another one, since a timeline can leave nothing out without losing count of its numbers.

mod live;
mod xml;

use tl_base::{Rate, Size, Wall};

pub(crate) use live::{Live, Periods};

use crate::answer::Kind;
use crate::rendition::TIMESCALE;
use xml::Xml;

/// Media type of a manifest.
pub(crate) const MPD: &str = "application/dash+xml";
/// Profile of manifests with templates and timelines.
const PROFILE: &str = "urn:mpeg:dash:profile:isoff-live:2011";

/// One rendition within a period.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub kind: Kind,
    pub codecs: String,
    pub size: Option<Size>,
    pub rate: Option<Rate>,
    /// Bits a second.
    pub bandwidth: u64,
    /// Address of the initialisation segment.
    pub init: String,
    /// Template of the segments' addresses.
    pub media: &'static str,
    /// Number of the first segment.
    pub number: u64,
    /// Decode time and duration of each, samples of 48 kHz.
    pub segments: Vec<(u64, u64)>,
}

/// An unbroken stretch.
#[derive(Clone, Debug)]
pub(crate) struct Period {
    pub id: String,
    /// Microseconds from the availability start, or from the beginning.
    pub start: i64,
    /// Microseconds; none while it may grow.
    pub duration: Option<i64>,
    /// Decode time at its start.
    pub offset: u64,
    pub tracks: Vec<Track>,
}

/// What stands at the top.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Presents {
    /// Something finished, so many microseconds long.
    Stored { duration: i64 },
    /// Something that runs, or has just ended.
    Live {
        /// When this manifest came to be.
        published: Wall,
        /// What time it is.
        now: Wall,
        /// Target duration, samples.
        target: u64,
        /// How much can be fetched, samples.
        depth: u64,
        /// Microseconds from the availability start to the end, once it has ended.
        ended: Option<i64>,
    },
}

/// The manifest.
pub(crate) fn manifest(presents: &Presents, periods: &[Period]) -> String {
    let mut xml = Xml::new();
    top(&mut xml, presents);
    for period in periods {
        write_period(&mut xml, period);
    }
    if let Presents::Live { now, .. } = presents {
        xml.leaf("UTCTiming", &[("schemeIdUri", &"urn:mpeg:dash:utc:direct:2014"), ("value", &now.to_rfc3339())]);
    }
    xml.finish()
}

fn top(xml: &mut Xml, presents: &Presents) {
    let names = [("xmlns", "urn:mpeg:dash:schema:mpd:2011"), ("profiles", PROFILE)];
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = names.iter().map(|(key, value)| (*key, value as &dyn std::fmt::Display)).collect();
    match *presents {
        Presents::Stored { duration } => {
            let duration = Duration(duration);
            attributes.extend([("type", &"static" as &dyn std::fmt::Display), ("minBufferTime", &"PT2S"), ("mediaPresentationDuration", &duration)]);
            xml.open("MPD", &attributes);
        }
        Presents::Live { published, target, depth, ended, .. } => {
            let (published, target, depth) = (published.to_rfc3339(), samples(target), samples(depth));
            let (delay, ended) = (Duration(3 * target.0), ended.map(Duration));
            attributes.extend([
                ("type", &"dynamic" as &dyn std::fmt::Display),
                // One start for all runs of all sessions: periods say when they are in absolute time.
                ("availabilityStartTime", &"1970-01-01T00:00:00Z"),
                ("publishTime", &published),
                ("minBufferTime", &target),
                ("maxSegmentDuration", &target),
                ("timeShiftBufferDepth", &depth),
                ("suggestedPresentationDelay", &delay),
            ]);
            match &ended {
                Some(ended) => attributes.push(("mediaPresentationDuration", ended)),
                None => attributes.push(("minimumUpdatePeriod", &target)),
            }
            xml.open("MPD", &attributes);
            // Whole segments are offered and no chunks of a growing one, so the edge is the last whole segment. Low latency
            // is what the LL-HLS of the same segments is for.
            let (aim, least, most) = (delay.0 / 1_000, 2 * target.0 / 1_000, 6 * target.0 / 1_000);
            xml.open("ServiceDescription", &[("id", &0)]);
            xml.leaf("Latency", &[("min", &least), ("max", &most), ("target", &aim)]);
            xml.leaf("PlaybackRate", &[("min", &"0.96"), ("max", &"1.04")]);
            xml.close();
        }
    }
}

fn write_period(xml: &mut Xml, period: &Period) {
    let (start, duration) = (Duration(period.start), period.duration.map(Duration));
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = vec![("id", &period.id), ("start", &start)];
    if let Some(duration) = &duration {
        attributes.push(("duration", duration));
    }
    xml.open("Period", &attributes);
    for track in &period.tracks {
        write_track(xml, track, period.offset);
    }
    xml.close();
}

fn write_track(xml: &mut Xml, track: &Track, offset: u64) {
    let (id, word) = (track.kind as u32, track.kind.word());
    xml.open(
        "AdaptationSet",
        &[("id", &id), ("contentType", &word), ("mimeType", &track.kind.media_type()), ("segmentAlignment", &"true"), ("startWithSAP", &1)],
    );
    let bandwidth = track.bandwidth.max(1);
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = vec![("id", &word), ("bandwidth", &bandwidth), ("codecs", &track.codecs)];
    let rate = track.rate.map(|rate| if rate.den == 1 { rate.num.to_string() } else { format!("{}/{}", rate.num, rate.den) });
    if let Some(size) = &track.size {
        attributes.extend([("width", &size.width as &dyn std::fmt::Display), ("height", &size.height)]);
    }
    if let Some(rate) = &rate {
        attributes.push(("frameRate", rate));
    }
    if track.kind == Kind::Audio {
        attributes.push(("audioSamplingRate", &TIMESCALE));
    }
    xml.open("Representation", &attributes);
    if track.kind == Kind::Audio {
        xml.leaf("AudioChannelConfiguration", &[("schemeIdUri", &"urn:mpeg:mpegB:cicp:ChannelConfiguration"), ("value", &2)]);
    }
    xml.open(
        "SegmentTemplate",
        &[
            ("timescale", &TIMESCALE),
            ("presentationTimeOffset", &offset),
            ("initialization", &track.init),
            ("media", &track.media),
            ("startNumber", &track.number),
        ],
    );
    timeline(xml, &track.segments);
    for _ in 0..3 {
        xml.close();
    }
}

/// Segments of the same length in a row are written once.
fn timeline(xml: &mut Xml, segments: &[(u64, u64)]) {
    xml.open("SegmentTimeline", &[]);
    let mut rest = segments;
    while let Some((start, lasts)) = rest.first().copied() {
        let repeats = rest.iter().enumerate().take_while(|(at, (time, ticks))| (*time, *ticks) == (start + *at as u64 * lasts, lasts)).count();
        let again = repeats - 1;
        if again == 0 {
            xml.leaf("S", &[("t", &start), ("d", &lasts)]);
        } else {
            xml.leaf("S", &[("t", &start), ("d", &lasts), ("r", &again)]);
        }
        rest = rest.get(repeats..).unwrap_or_default();
    }
    xml.close();
}

/// Microseconds as XML writes a duration.
#[derive(Clone, Copy, Debug)]
struct Duration(i64);

/// From samples of 48 kHz.
fn samples(samples: u64) -> Duration {
    Duration(crate::rendition::micros(i64::try_from(samples).unwrap_or(i64::MAX)))
}

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.0.max(0);
        write!(f, "PT{}.{:06}S", micros / 1_000_000, micros % 1_000_000)
    }
}
