//! Playlists as text.

use std::fmt::Write;

use tl_base::Rate;
use tl_frame::h264::Parameters;
use tl_mp4::{TrackConfig, codec_string};

use crate::rendition::{Rendition, Segment, TIMESCALE};

/// EXT-X-SKIP asks for it.
const VERSION: u32 = 9;
/// The sound's group.
const GROUP: &str = "sound";

/// What a multivariant playlist says.
pub(crate) struct Variant<'a> {
    pub picture: &'a Parameters,
    pub rate: Rate,
    pub peak_bps: u64,
    pub average_bps: u64,
    pub sound: Option<&'a TrackConfig>,
}

/// The multivariant playlist.
pub(crate) fn multivariant(variant: &Variant<'_>) -> String {
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let mut codecs = variant.picture.codec_string();
    let mut audio = String::new();
    if let Some(sound) = variant.sound {
        out.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"");
        out.push_str(GROUP);
        out.push_str("\",NAME=\"Programme\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a0/media.m3u8\"\n");
        codecs = format!("{codecs},{}", codec_string(sound));
        audio = format!(",AUDIO=\"{GROUP}\"");
    }
    let (peak, average, size, rate) = (variant.peak_bps, variant.average_bps, variant.picture.size, variant.rate.as_f64());
    write(
        &mut out,
        format_args!(
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\",RESOLUTION={}x{},FRAME-RATE={rate:.3}{audio}\nv0/media.m3u8\n",
            size.width, size.height
        ),
    );
    out
}

/// What a media playlist says beside its segments.
pub(crate) struct Edge<'a> {
    /// Number and index of the part that comes next; none when nothing will.
    pub next: Option<(u64, usize)>,
    /// The other rendition.
    pub other: Option<&'a Rendition>,
    /// Whether old segments may be left out.
    pub skip: bool,
}

/// The media playlist of a rendition.
pub(crate) fn media(rendition: &Rendition, edge: &Edge<'_>) -> String {
    let mut out = String::with_capacity(8_192);
    let target = rendition.target;
    let skip_until = 6 * target;
    // Upwards, since no part may exceed what is written, and three times the written value is what others compute with.
    let part_target_micros = (rendition.part_target * 125).div_ceil(6);
    write(&mut out, format_args!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{}\n", target / u64::from(TIMESCALE)));
    write(
        &mut out,
        format_args!(
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={},PART-HOLD-BACK={},HOLD-BACK={}\n#EXT-X-PART-INF:PART-TARGET={}\n",
            secs(skip_until),
            decimal(3 * part_target_micros),
            secs(3 * target),
            decimal(part_target_micros)
        ),
    );
    let first = rendition.listed().next();
    let (msn, discontinuities) = (first.map_or(rendition.next_msn(), |first| first.msn), rendition.discontinuity_sequence);
    write(&mut out, format_args!("#EXT-X-MEDIA-SEQUENCE:{msn}\n#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}\n#EXT-X-INDEPENDENT-SEGMENTS\n"));

    let total: u64 = rendition.listed().map(Segment::duration).sum();
    let mut before = 0;
    let skipped = if edge.skip { skippable(rendition, total, skip_until) } else { 0 };
    if skipped > 0 {
        write(&mut out, format_args!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n"));
    }
    let mut map = None;
    for (at, segment) in rendition.listed().enumerate() {
        let from_edge = total - before;
        before += segment.duration();
        let map_before = map.replace(segment.init);
        if at < skipped || segment.parts.is_empty() {
            continue;
        }
        let needs_map = segment.discontinuity || map_before != Some(segment.init);
        one_segment(&mut out, segment, needs_map, from_edge <= 3 * target || !segment.closed);
    }
    match edge.next {
        Some((msn, part)) => {
            write(&mut out, format_args!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s{msn}.p{part}.m4s\"\n"));
            if let Some((other, (msn, part))) = edge.other.and_then(|other| Some((other, other.newest_part()?))) {
                write(&mut out, format_args!("#EXT-X-RENDITION-REPORT:URI=\"../{}/media.m3u8\",LAST-MSN={msn},LAST-PART={part}\n", other.kind.folder()));
            }
        }
        None => out.push_str("#EXT-X-ENDLIST\n"),
    }
    out
}

fn one_segment(out: &mut String, segment: &Segment, needs_map: bool, with_parts: bool) {
    if segment.discontinuity {
        out.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if needs_map {
        write(out, format_args!("#EXT-X-MAP:URI=\"init{}.mp4\"\n", segment.init));
    }
    write(out, format_args!("#EXT-X-PROGRAM-DATE-TIME:{}\n", segment.wall.to_rfc3339()));
    if with_parts {
        for (index, part) in segment.parts.iter().enumerate() {
            let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
            let gap = if part.is_gap() { ",GAP=YES" } else { "" };
            write(out, format_args!("#EXT-X-PART:DURATION={},URI=\"s{}.p{index}.m4s\"{independent}{gap}\n", secs(part.duration), segment.msn));
        }
    }
    if segment.closed {
        if segment.is_gap() {
            out.push_str("#EXT-X-GAP\n");
        }
        write(out, format_args!("#EXTINF:{},\ns{}.m4s\n", secs(segment.duration()), segment.msn));
    }
}

/// Whole segments that lie entirely further from the edge than the skip boundary.
fn skippable(rendition: &Rendition, total: u64, skip_until: u64) -> usize {
    let mut end = 0;
    let old = rendition.listed().take_while(|segment| {
        end += segment.duration();
        segment.closed && total - end >= skip_until
    });
    old.count()
}

/// Seconds with six decimals, to the nearest.
pub(crate) fn secs(samples: u64) -> String {
    decimal((samples * 125 + 3) / 6)
}

fn decimal(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

pub(crate) fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    if out.write_fmt(text).is_err() {
        tl_base::never!("writing to a string cannot fail");
    }
}
