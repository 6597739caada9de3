//! The manifest of what runs.

use std::collections::VecDeque;

use tl_base::{Rate, Wall};
use tl_mp4::{TrackConfig, codec_string};

use super::{Period, Presents, Track, manifest};
use crate::answer::Kind;
use crate::rendition::{Rendition, Segment};

/// Where a period starts.
#[derive(Clone, Copy, Debug)]
struct Start {
    msn: u64,
    wall: Wall,
    /// Decode time.
    time: u64,
}

/// The periods of a running presentation. They are kept apart from the segments, since a period starts where it started even
/// when its first segment is gone.
#[derive(Debug, Default)]
pub(crate) struct Periods {
    starts: VecDeque<Start>,
    /// The first segment that was not looked at.
    next: Option<u64>,
}

/// What a live manifest is made of.
pub(crate) struct Live<'a> {
    pub video: &'a Rendition,
    pub audio: Option<&'a Rendition>,
    pub rate: Rate,
    /// What time it is.
    pub now: Wall,
}

impl Periods {
    /// Looks at segments that have become whole in all renditions.
    pub fn follow(&mut self, video: &Rendition, audio: Option<&Rendition>) {
        let Some(first) = video.listed().next().map(|segment| segment.msn) else { return };
        let mut msn = self.next.unwrap_or(first).max(first);
        while let Some(this) = whole(video, audio, msn) {
            if !this.is_gap && (self.starts.is_empty() || this.starts_anew || is_broken(video, audio, msn)) {
                self.starts.push_back(Start { msn, wall: this.video.wall, time: this.video.start });
            }
            msn += 1;
        }
        self.next = Some(msn);
        while self.starts.get(1).is_some_and(|second| second.msn <= first) {
            self.starts.pop_front();
        }
    }

    /// The manifest; none before the first segment is whole in all renditions.
    pub fn manifest(&self, live: &Live<'_>) -> Option<String> {
        let first = live.video.listed().next()?.msn;
        let mut periods = Vec::new();
        let mut end = None;
        for (at, start) in self.starts.iter().enumerate() {
            let until = self.starts.get(at + 1).map(|next| next.msn).or(self.next)?;
            let numbers: Vec<u64> =
                (start.msn.max(first)..until).take_while(|msn| whole(live.video, live.audio, *msn).is_some_and(|this| !this.is_gap)).collect();
            let Some(last) = numbers.last().and_then(|msn| live.video.segment(*msn)) else { continue };
            let ends = last.end_wall();
            end = Some(ends);
            let renditions = [Some(live.video), live.audio].into_iter().flatten();
            let tracks = renditions.filter_map(|rendition| track(rendition, &numbers, live.rate)).collect();
            let is_last = at + 1 == self.starts.len();
            let duration = (!is_last || live.video.ended).then_some(ends.0.saturating_sub(start.wall.0));
            periods.push(Period { id: format!("p{}", start.msn), start: start.wall.0, duration, offset: start.time, tracks });
        }
        let published = end?;
        let depth = live.video.listed().filter(|segment| segment.closed).map(Segment::duration).sum();
        let ended = live.video.ended.then_some(published.0);
        let presents = Presents::Live { published, now: live.now.max(published), target: live.video.target, depth, ended };
        Some(manifest(&presents, &periods))
    }
}

/// A segment that is whole in all renditions.
struct Whole<'a> {
    video: &'a Segment,
    is_gap: bool,
    starts_anew: bool,
}

fn whole<'a>(video: &'a Rendition, audio: Option<&Rendition>, msn: u64) -> Option<Whole<'a>> {
    let picture = video.segment(msn).filter(|segment| segment.closed)?;
    let sound = match audio {
        Some(audio) => Some(audio.segment(msn).filter(|segment| segment.closed)?),
        None => None,
    };
    let is_gap = picture.is_gap() || sound.is_some_and(Segment::is_gap);
    let starts_anew = picture.discontinuity || picture.init == msn || sound.is_some_and(|sound| sound.init == msn);
    Some(Whole { video: picture, is_gap, starts_anew })
}

/// Whether the segment before this one is a gap.
fn is_broken(video: &Rendition, audio: Option<&Rendition>, msn: u64) -> bool {
    msn.checked_sub(1).and_then(|before| whole(video, audio, before)).is_some_and(|before| before.is_gap)
}

fn track(rendition: &Rendition, numbers: &[u64], rate: Rate) -> Option<Track> {
    let segments: Vec<&Segment> = numbers.iter().filter_map(|msn| rendition.segment(*msn)).collect();
    let first = segments.first()?;
    let config = rendition.config_of(first.init)?;
    let is_video = rendition.kind == Kind::Video;
    Some(Track {
        kind: rendition.kind,
        codecs: codec_string(config),
        size: if let TrackConfig::H264(parameters) = config { Some(parameters.size) } else { None },
        rate: is_video.then_some(rate),
        bandwidth: rendition.bits.peak_bps,
        init: format!("{}/init{}.mp4", rendition.kind.folder(), first.init),
        media: if is_video { "v0/s$Number$.m4s" } else { "a0/s$Number$.m4s" },
        number: first.msn,
        segments: segments.iter().map(|segment| (segment.start, segment.duration())).collect(),
    })
}
