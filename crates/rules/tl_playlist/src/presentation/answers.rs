//! The viewer's side: requests and their answers.

use bytes::Bytes;
use tl_base::Wall;

use super::{PLAYLIST, Presentation};
use crate::answer::{Answer, Cache, Kind, Reply};
use crate::dash;
use crate::rendition::{Rendition, TIMESCALE};
use crate::request::{Directives, Target, Thing};
use crate::served::Served;

impl Presentation {
    /// Answers a request: `path` relative to the presentation without a leading slash, `query` without its question mark.
    /// Playlists were rendered when they changed, so this copies references only; the DASH manifest is written for each request.
    pub fn get(&self, path: &str, query: &str) -> Answer {
        let Some(target) = Target::parse(path) else { return Answer::NotFound };
        let (kind, thing) = match target {
            Target::Live => return self.multivariant.as_ref().map_or_else(|| self.not_ready(), |text| text_reply(PLAYLIST, text.clone(), Cache::Short)),
            Target::Manifest => return self.manifest(),
            Target::Of(kind, thing) => (kind, thing),
        };
        let (rendition, next, served) = match (kind, &self.sound) {
            (Kind::Video, _) => (&self.picture.rendition, self.picture.next_part(), &self.video),
            (Kind::Audio, Some(sound)) => (&sound.rendition, sound.next_part(&self.picture), &self.audio),
            (Kind::Audio, None) => return Answer::NotFound,
        };
        match thing {
            Thing::Playlist => self.playlist(rendition, served, query),
            Thing::Init(number) => rendition.init(number).map_or(Answer::NotFound, |bytes| media(kind, vec![bytes.clone()])),
            Thing::Segment(msn) => segment(rendition, msn),
            Thing::Part(msn, part) => one_part(rendition, next, msn, part),
        }
    }

    fn playlist(&self, rendition: &Rendition, served: &Served, query: &str) -> Answer {
        let directives = match Directives::parse(query) {
            Ok(directives) => directives,
            Err(reason) => return Answer::Bad(reason),
        };
        let good = served.good();
        if let Some(msn) = directives.msn.filter(|_| !rendition.ended) {
            let newest = rendition.newest_whole().map_or(rendition.next_msn().saturating_sub(1), |segment| segment.msn);
            if msn > newest.saturating_add(2) {
                return Answer::Bad("_HLS_msn is too far ahead".to_owned());
            }
            // Three seconds' worth of parts: a client that asks for more is not guessing but lost.
            let advance = (3 * u64::from(TIMESCALE)).div_ceil(rendition.part_target.max(1));
            let growing = rendition.growing().filter(|growing| growing.msn == msn);
            if let (Some(part), Some(growing)) = (directives.part, growing)
                && part > growing.parts.len() as u64 + advance
            {
                return Answer::Bad("_HLS_part is too far ahead".to_owned());
            }
            if !good.is_some_and(|good| good.contains(msn, directives.part)) {
                return Answer::Wait;
            }
        }
        let Some(good) = good else { return self.not_ready() };
        text_reply(PLAYLIST, if directives.skip { &good.delta } else { &good.full }.clone(), Cache::NoCache)
    }

    fn manifest(&self) -> Answer {
        let audio = self.sound.as_ref().map(|sound| &sound.rendition);
        // Periods lie in the time that PROGRAM-DATE-TIME tells.
        let now = self.now.map_or(Wall(i64::MIN), |now| Wall(now.0.saturating_add(self.picture.wall_ahead)));
        let live = dash::Live { video: &self.picture.rendition, audio, rate: self.config.rate, now };
        match self.periods.manifest(&live) {
            Some(text) => text_reply(dash::MPD, Bytes::from(text), Cache::NoCache),
            None => self.not_ready(),
        }
    }

    fn not_ready(&self) -> Answer {
        if self.picture.rendition.ended { Answer::NotFound } else { Answer::Wait }
    }
}

fn segment(rendition: &Rendition, msn: u64) -> Answer {
    match rendition.segment(msn) {
        Some(segment) if segment.closed && segment.is_gap() => Answer::NotFound,
        Some(segment) if segment.closed => media(rendition.kind, segment.body()),
        Some(_) if !rendition.ended => Answer::Wait,
        _ if rendition.is_forgotten(msn) => Answer::Gone,
        _ => Answer::NotFound,
    }
}

fn one_part(rendition: &Rendition, next: (u64, usize), msn: u64, part: u64) -> Answer {
    let found = rendition.segment(msn).and_then(|segment| segment.parts.get(usize::try_from(part).ok()?));
    if let Some(found) = found {
        return if found.is_gap() { Answer::NotFound } else { media(rendition.kind, vec![found.bytes.clone()]) };
    }
    if rendition.is_forgotten(msn) {
        return Answer::Gone;
    }
    let growing = rendition.growing();
    // The hinted part, the next one of the growing segment, and the first of the one behind: each may be the very next.
    let may_come = (msn, part) == (next.0, next.1 as u64)
        || growing.is_some_and(|growing| (msn, part) == (growing.msn, growing.parts.len() as u64) || (msn, part) == (growing.msn + 1, 0));
    if may_come && !rendition.ended { Answer::Wait } else { Answer::NotFound }
}

fn media(kind: Kind, body: Vec<Bytes>) -> Answer {
    Answer::Ready(Reply { content_type: kind.media_type(), cache: Cache::Immutable, body, compressible: false })
}

fn text_reply(content_type: &'static str, text: Bytes, cache: Cache) -> Answer {
    Answer::Ready(Reply { content_type, cache, body: vec![text], compressible: true })
}
