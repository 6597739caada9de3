//! The running programme as viewers fetch it.

use bytes::Bytes;
use tl_base::Wall;
use tl_frame::AccessUnit;
use tl_mp4::TrackConfig;

use crate::answer::{Answer, Cache, Finished, Reply};
use crate::config::Config;
use crate::picture::{Picture, Step};
use crate::rendition::{Rendition, TIMESCALE};
use crate::request::{Directives, Target, Thing, Which};
use crate::sound::Sound;
use crate::text;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const VIDEO: &str = "video/mp4";
const AUDIO: &str = "audio/mp4";

/// The running programme: one picture rendition, and one of sound where there is any.
#[derive(Debug)]
pub struct Presentation {
    config: Config,
    picture: Picture,
    sound: Option<Sound>,
}

impl Presentation {
    /// A presentation to which nothing was pushed yet.
    pub fn new(config: Config) -> Self {
        let plan = config.plan();
        let rendition = |name, part| Rendition::new(name, part, &plan, config.start_msn, config.discontinuity_sequence);
        let picture = Picture::new(rendition("v0", plan.video_part), &plan);
        let sound = config.has_audio.then(|| Sound::new(rendition("a0", plan.audio_part), &plan));
        Self { config, picture, sound }
    }

    /// Takes one encoded picture, Annex B. The first key picture starts the programme; one on or behind the next line of the
    /// segment grid ends a segment. `wall` is the wall time of its `pts`. Gives what became whole.
    pub fn push_video(&mut self, unit: &AccessUnit, wall: Wall) -> Vec<Finished> {
        let mut out = Vec::new();
        if self.picture.rendition.ended {
            return out;
        }
        let mut step = self.picture.push(unit, wall, &mut out);
        if matches!(step, Ok(Step::Break)) {
            self.break_off(&mut out);
            step = self.picture.push(unit, wall, &mut out);
        }
        if step.is_err() {
            self.break_off(&mut out);
        }
        self.follow(&mut out);
        out
    }

    /// Takes one AAC frame. Its wall time is not used: both renditions take theirs from the picture, so that they agree.
    pub fn push_audio(&mut self, unit: &AccessUnit, _wall: Wall) -> Vec<Finished> {
        let mut out = Vec::new();
        if let Some(sound) = self.sound.as_mut().filter(|sound| !sound.rendition.ended) {
            sound.push(unit);
            self.follow(&mut out);
        }
        out
    }

    /// What comes now does not continue what came before: the growing segment is whole as it is, and the next key picture
    /// starts one behind EXT-X-DISCONTINUITY. Gives what became whole.
    pub fn discontinuity(&mut self) -> Vec<Finished> {
        let mut out = Vec::new();
        if !self.picture.rendition.ended {
            self.break_off(&mut out);
        }
        out
    }

    /// The programme is over: everything is whole, and the playlists say ENDLIST. Gives what became whole.
    pub fn end(&mut self) -> Vec<Finished> {
        let out = self.discontinuity();
        self.picture.rendition.end();
        if let Some(sound) = &mut self.sound {
            sound.rendition.end();
        }
        out
    }

    /// Rises whenever an answer might change.
    pub fn version(&self) -> u64 {
        self.picture.rendition.changes + self.sound.as_ref().map_or(0, |sound| sound.rendition.changes)
    }

    /// Whether a key picture is needed: nothing has started, a run was broken, or the grid's key picture did not come.
    pub fn wants_key(&self) -> bool {
        self.picture.wants_key && !self.picture.rendition.ended
    }

    /// Media bytes held in memory.
    pub fn held_bytes(&self) -> u64 {
        self.picture.rendition.held_bytes() + self.sound.as_ref().map_or(0, |sound| sound.rendition.held_bytes())
    }

    /// Answers a request: `path` relative to the presentation without a leading slash, `query` without its question mark.
    pub fn get(&self, path: &str, query: &str) -> Answer {
        let Some(target) = Target::parse(path) else { return Answer::NotFound };
        match target {
            Target::Live => self.multivariant(),
            Target::Of(which, thing) => {
                let (rendition, next) = match (which, &self.sound) {
                    (Which::Picture, _) => (&self.picture.rendition, self.picture.next_part()),
                    (Which::Sound, Some(sound)) => (&sound.rendition, sound.next_part(&self.picture)),
                    (Which::Sound, None) => return Answer::NotFound,
                };
                let media_type = if which == Which::Picture { VIDEO } else { AUDIO };
                match thing {
                    Thing::Playlist => self.playlist(which, rendition, next, query),
                    Thing::Init(number) => rendition.init(number).map_or(Answer::NotFound, |bytes| media(media_type, vec![bytes.clone()])),
                    Thing::Segment(msn) => segment(rendition, media_type, msn),
                    Thing::Part(msn, part) => one_part(rendition, next, media_type, msn, part),
                }
            }
        }
    }

    fn multivariant(&self) -> Answer {
        let (picture, sound) = (&self.picture.rendition, self.sound.as_ref().map(|sound| &sound.rendition));
        let ready = picture.is_ready() && sound.is_none_or(Rendition::is_ready);
        let Some(TrackConfig::H264(parameters)) = picture.config().filter(|_| ready) else { return self.not_ready() };
        let sum = |of: fn(&Rendition) -> u64| of(picture) + sound.map_or(0, of);
        let average_bps = sum(|rendition| rendition.bits.average_bps());
        let peak_bps = sum(|rendition| rendition.bits.peak_bps).max(u64::from(self.config.bandwidth_bps)).max(average_bps);
        let variant = text::Variant { picture: parameters, rate: self.config.rate, peak_bps, average_bps, sound: sound.and_then(Rendition::config) };
        text_reply(text::multivariant(&variant), Cache::Short)
    }

    fn playlist(&self, which: Which, rendition: &Rendition, next: (u64, usize), query: &str) -> Answer {
        let directives = match Directives::parse(query) {
            Ok(directives) => directives,
            Err(reason) => return Answer::Bad(reason),
        };
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
            if !contains(rendition, msn, directives.part) {
                return Answer::Wait;
            }
        }
        if !rendition.is_ready() {
            return self.not_ready();
        }
        let other = match which {
            Which::Picture => self.sound.as_ref().map(|sound| &sound.rendition),
            Which::Sound => Some(&self.picture.rendition),
        };
        let edge = text::Edge { next: (!rendition.ended).then_some(next), other, skip: directives.skip };
        text_reply(text::media(rendition, &edge), Cache::NoCache)
    }

    fn not_ready(&self) -> Answer {
        if self.picture.rendition.ended { Answer::NotFound } else { Answer::Wait }
    }

    fn follow(&mut self, out: &mut Vec<Finished>) {
        let followed = match &mut self.sound {
            Some(sound) => sound.follow(&mut self.picture, out),
            None => {
                self.picture.boundaries.clear();
                Ok(())
            }
        };
        if let Err(error) = followed {
            tl_base::never!("sound cannot be written: {error}");
        }
    }

    fn break_off(&mut self, out: &mut Vec<Finished>) {
        let broken = self.picture.break_off(out).and_then(|()| match &mut self.sound {
            Some(sound) => sound.break_off(&mut self.picture, out),
            None => Ok(()),
        });
        if let Err(error) = broken {
            tl_base::never!("a segment cannot be written: {error}");
        }
    }
}

/// Whether a playlist would hold segment `msn`, or part `part` of it, or what comes after.
fn contains(rendition: &Rendition, msn: u64, part: Option<u64>) -> bool {
    let whole = rendition.newest_whole().map(|segment| segment.msn);
    let Some(part) = part else { return whole.is_some_and(|newest| newest >= msn) };
    let Some((newest, index)) = rendition.newest_part() else { return false };
    if newest != msn {
        return newest > msn;
    }
    // A part behind the last of a whole segment is the first of the next one.
    index as u64 >= part
}

fn segment(rendition: &Rendition, media_type: &'static str, msn: u64) -> Answer {
    match rendition.segment(msn) {
        Some(segment) if segment.closed => media(media_type, segment.body()),
        Some(_) if !rendition.ended => Answer::Wait,
        _ if rendition.is_forgotten(msn) => Answer::Gone,
        _ => Answer::NotFound,
    }
}

fn one_part(rendition: &Rendition, next: (u64, usize), media_type: &'static str, msn: u64, part: u64) -> Answer {
    let found = rendition.segment(msn).and_then(|segment| segment.parts.get(usize::try_from(part).ok()?));
    if let Some(found) = found {
        return media(media_type, vec![found.bytes.clone()]);
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

fn media(content_type: &'static str, body: Vec<Bytes>) -> Answer {
    Answer::Ready(Reply { content_type, cache: Cache::Immutable, body, compressible: false })
}

fn text_reply(text: String, cache: Cache) -> Answer {
    Answer::Ready(Reply { content_type: PLAYLIST, cache, body: vec![Bytes::from(text)], compressible: true })
}
