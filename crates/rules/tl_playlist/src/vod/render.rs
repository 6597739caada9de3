//! A finished session as HLS and DASH.

use super::{Manifest, Rendition, Segment};
use crate::answer::Kind;
use crate::dash::{self, Period, Presents, Track};
use crate::rendition::{TIMESCALE, micros};
use crate::text::{secs, write};

/// EXT-X-MAP in a playlist that is not of key pictures alone asks for it.
const VERSION: u32 = 6;

impl Manifest {
    /// The multivariant playlist.
    pub fn index(&self) -> String {
        let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        let Some(video) = self.rendition(Kind::Video) else { return out };
        let audio = self.rendition(Kind::Audio);
        let mut group = "";
        let mut codecs = quoted(&video.codecs);
        if let Some(audio) = audio {
            out.push_str("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Programme\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio.m3u8\"\n");
            codecs = format!("{codecs},{}", quoted(&audio.codecs));
            group = ",AUDIO=\"sound\"";
        }
        let peak: u64 = self.renditions.iter().map(|rendition| rendition.bandwidth).fold(0, u64::saturating_add);
        let average = self.renditions.iter().map(average_bps).fold(0, u64::saturating_add).min(peak);
        write(&mut out, format_args!("#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\""));
        if let Some(size) = video.size {
            write(&mut out, format_args!(",RESOLUTION={}x{}", size.width, size.height));
        }
        if let Some(rate) = video.rate.filter(|rate| rate.den > 0) {
            write(&mut out, format_args!(",FRAME-RATE={:.3}", rate.as_f64()));
        }
        write(&mut out, format_args!("{group}\nvideo.m3u8\n"));
        out
    }

    /// The media playlist of a rendition; none where there is no such rendition.
    pub fn media(&self, kind: Kind) -> Option<String> {
        let rendition = self.rendition(kind)?;
        let longest = rendition.segments.iter().map(|segment| segment.duration).max().unwrap_or(0);
        let target = (longest + u64::from(TIMESCALE) / 2) / u64::from(TIMESCALE);
        let word = kind.word();
        let mut out = format!(
            "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n",
            target.max(1)
        );
        let mut init = format!("{word}/init.mp4");
        for (number, segment) in (1..).zip(&rendition.segments) {
            if segment.discontinuity {
                out.push_str("#EXT-X-DISCONTINUITY\n");
            }
            if segment.init.is_some() {
                init = format!("{word}/init{number}.mp4");
            }
            if number == 1 || segment.discontinuity || segment.init.is_some() {
                write(&mut out, format_args!("#EXT-X-MAP:URI=\"{init}\"\n"));
            }
            write(&mut out, format_args!("#EXTINF:{},\n{word}/{number}.m4s\n", secs(segment.duration)));
        }
        out.push_str("#EXT-X-ENDLIST\n");
        Some(out)
    }

    /// The DASH manifest.
    pub fn mpd(&self) -> String {
        let mut periods: Vec<Period> = Vec::new();
        let mut start = 0;
        for range in self.stretches() {
            let tracks: Vec<Track> = self.renditions.iter().filter_map(|rendition| track(rendition, &range)).collect();
            let Some((offset, lasts)) =
                tracks.first().and_then(|track| Some((track.segments.first()?.0, track.segments.iter().map(|(_, ticks)| ticks).sum::<u64>())))
            else {
                continue;
            };
            let duration = micros(i64::try_from(lasts).unwrap_or(i64::MAX));
            periods.push(Period { id: format!("p{}", range.start + 1), start, duration: Some(duration), offset, tracks });
            start = start.saturating_add(duration);
        }
        dash::manifest(&Presents::Stored { duration: start }, &periods)
    }

    /// Ranges of segments that play without a break in all renditions.
    fn stretches(&self) -> Vec<std::ops::Range<usize>> {
        let count = self.renditions.iter().map(|rendition| rendition.segments.len()).min().unwrap_or(0);
        let anew = |at: &usize| self.renditions.iter().any(|rendition| rendition.segments.get(*at).is_some_and(|segment| segment.discontinuity));
        let starts: Vec<usize> = (0..count).filter(|at| *at == 0 || anew(at)).collect();
        let ends = starts.iter().copied().skip(1).chain([count]);
        starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
    }
}

fn track(rendition: &Rendition, range: &std::ops::Range<usize>) -> Option<Track> {
    let segments = rendition.segments.get(range.clone())?;
    let word = rendition.kind.word();
    let changed = rendition.segments.get(..=range.start)?.iter().rposition(|segment| segment.init.is_some());
    Some(Track {
        kind: rendition.kind,
        codecs: rendition.codecs.clone(),
        size: rendition.size,
        rate: rendition.rate,
        bandwidth: rendition.bandwidth,
        init: changed.map_or_else(|| format!("{word}/init.mp4"), |at| format!("{word}/init{}.mp4", at + 1)),
        media: if rendition.kind == Kind::Video { "video/$Number$.m4s" } else { "audio/$Number$.m4s" },
        number: range.start as u64 + 1,
        segments: segments.iter().map(|segment| (segment.time, segment.duration)).collect(),
    })
}

fn average_bps(rendition: &Rendition) -> u64 {
    let sum = |of: fn(&Segment) -> u64| rendition.segments.iter().map(|segment| u128::from(of(segment))).sum::<u128>();
    let bits = sum(|segment| segment.bytes) * 8 * u128::from(TIMESCALE);
    u64::try_from(bits.div_ceil(sum(|segment| segment.duration).max(1))).unwrap_or(u64::MAX)
}

/// What may stand between quotes in a playlist.
fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '"').collect()
}
