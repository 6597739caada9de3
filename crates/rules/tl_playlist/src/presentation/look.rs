//! What happened is told, and what it changed is rendered and judged.

use bytes::Bytes;
use tl_base::{MediaTime, Wall};
use tl_mp4::TrackConfig;

use super::Presentation;
use crate::answer::Kind;
use crate::conformance;
use crate::notice::{Action, Finding, Notice, What};
use crate::rendition::{Happened, Rendition};
use crate::served::{self, Looked, Served};
use crate::text;

/// A latency beyond this is a clock that was set, not a latency.
const MAX_LATENCY: MediaTime = MediaTime::from_secs(60);

impl Presentation {
    /// Tells what happened, and renders and judges what it changed.
    pub(super) fn look(&mut self) {
        let closed = self.tell(Kind::Video) | self.tell(Kind::Audio);
        let settled = self.settle();
        for (kind, looked) in [Kind::Video, Kind::Audio].into_iter().zip(settled) {
            self.tell_playlist(kind, looked);
        }
        if closed || self.multivariant.is_none() {
            self.render_multivariant();
        }
        if closed {
            self.periods.follow(&self.picture.rendition, self.sound.as_ref().map(|sound| &sound.rendition));
        }
    }

    /// Tells what happened to a rendition; says whether a segment became whole.
    fn tell(&mut self, kind: Kind) -> bool {
        let happened = match (kind, &mut self.sound) {
            (Kind::Video, _) => &mut self.picture.rendition.happened,
            (Kind::Audio, Some(sound)) => &mut sound.rendition.happened,
            (Kind::Audio, None) => return false,
        };
        let mut closed = false;
        for one in std::mem::take(happened) {
            match one {
                Happened::Ready { msn, duration, bytes, end } => {
                    closed = true;
                    let latency = self.latency(end);
                    self.log.ready(Notice::SegmentReady { kind, name: format!("{}/s{msn}.m4s", kind.folder()), msn, duration, bytes, latency });
                }
                Happened::Failed { duration, reason } => {
                    closed = true;
                    self.log.failed(kind, duration, &reason);
                }
                Happened::Found(finding) => self.log.tell(Notice::Found(finding)),
            }
        }
        closed
    }

    fn latency(&self, end: Wall) -> Option<MediaTime> {
        let ready = self.now?.0.saturating_add(self.picture.wall_ahead);
        let latency = MediaTime::from_micros(ready.checked_sub(end.0)?.clamp(-1, MAX_LATENCY.0));
        (MediaTime::ZERO..=MAX_LATENCY).contains(&latency).then_some(latency)
    }

    fn settle(&mut self) -> [Looked; 2] {
        let Self { picture, sound, video, audio, fault, .. } = self;
        let mut render = |served: &mut Served, kind: Kind| match (kind, sound.as_ref()) {
            (Kind::Video, sound) => served.render(&picture.rendition, picture.next_part(), sound.map(|sound| &sound.rendition), fault),
            (Kind::Audio, Some(sound)) => served.render(&sound.rendition, sound.next_part(picture), Some(&picture.rendition), fault),
            (Kind::Audio, None) => {}
        };
        render(video, Kind::Video);
        render(audio, Kind::Audio);
        served::settle(video, audio, render)
    }

    fn tell_playlist(&mut self, kind: Kind, looked: Looked) {
        let served = if kind == Kind::Video { &self.video } else { &self.audio };
        let (problem, action) = match looked {
            Looked::Same => return,
            Looked::New { listed } => {
                if let Some((msn, good)) = listed.zip(served.good()) {
                    self.log.tell(Notice::ManifestUpdated { kind, path: kind.playlist(), msn, bytes: good.full.len() as u64 });
                }
                return;
            }
            Looked::Remade(problem) => {
                self.log.figures.playlists_remade += 1;
                (problem, Action::Remade)
            }
            Looked::Withheld { problem, first } => {
                self.log.figures.playlists_withheld += 1;
                if !first {
                    return;
                }
                (problem, Action::Withheld)
            }
        };
        self.log.tell(Notice::Found(Finding { what: What::Playlist, place: kind.playlist().to_owned(), reason: problem.to_string(), action }));
    }

    fn render_multivariant(&mut self) {
        let (picture, sound) = (&self.picture.rendition, self.sound.as_ref().map(|sound| &sound.rendition));
        let ready = picture.is_ready() && sound.is_none_or(Rendition::is_ready);
        let Some(TrackConfig::H264(parameters)) = picture.config().filter(|_| ready) else { return };
        let sum = |of: fn(&Rendition) -> u64| of(picture) + sound.map_or(0, of);
        let average_bps = sum(|rendition| rendition.bits.average_bps());
        let peak_bps = sum(|rendition| rendition.bits.peak_bps).max(u64::from(self.config.bandwidth_bps)).max(average_bps);
        let variant = text::Variant { picture: parameters, rate: self.config.rate, peak_bps, average_bps, sound: sound.and_then(Rendition::config) };
        let text = text::multivariant(&variant);
        match conformance::multivariant(&text).into_iter().next() {
            None => self.multivariant = Some(Bytes::from(text)),
            Some(problem) => {
                self.log.figures.playlists_withheld += 1;
                let finding = Finding { what: What::Playlist, place: "live.m3u8".to_owned(), reason: problem.to_string(), action: Action::Withheld };
                self.log.tell(Notice::Found(finding));
            }
        }
    }
}
