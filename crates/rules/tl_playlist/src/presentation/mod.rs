//! The running programme as viewers fetch it.

mod answers;
mod look;

use bytes::Bytes;
use tl_base::Wall;
use tl_frame::AccessUnit;

use crate::answer::{Finished, Kind};
use crate::config::{Beginning, Config, ResumePoint};
use crate::dash::Periods;
use crate::fault::Fault;
use crate::notice::{Figures, Log, Notice};
use crate::picture::{FIRST_DECODE_TIME, Picture, Step};
use crate::rendition::Rendition;
use crate::served::Served;
use crate::sound::Sound;

/// Media type of playlists.
pub(crate) const PLAYLIST: &str = "application/vnd.apple.mpegurl";

/// The running programme: one picture rendition, and one of sound where there is any.
#[derive(Debug)]
pub struct Presentation {
    config: Config,
    picture: Picture,
    sound: Option<Sound>,
    video: Served,
    audio: Served,
    multivariant: Option<Bytes>,
    periods: Periods,
    log: Log,
    /// What time it was at the last push.
    now: Option<Wall>,
    fault: Fault,
}

impl Presentation {
    /// A presentation to which nothing was pushed yet.
    pub fn new(config: Config) -> Self {
        Self::starting(config, Beginning { wall: Wall(i64::MIN), time: FIRST_DECODE_TIME })
    }

    /// A presentation that goes on behind an earlier run of the same session, with a discontinuity in front of its first
    /// segment. Numbers count on from that run and never from a clock, so that a wall clock that jumped moves none of them.
    /// PROGRAM-DATE-TIME follows the wall clock where it went forwards; where it was set back, it goes on behind what was
    /// told, since players order segments by it.
    pub fn resumed(config: Config, point: &ResumePoint) -> Self {
        let (config, beginning) = config.resumed(point);
        let mut presentation = Self::starting(config, beginning);
        if !presentation.discontinuity().is_empty() {
            tl_base::never!("a playlist without segments finished one");
        }
        presentation
    }

    fn starting(config: Config, beginning: Beginning) -> Self {
        let plan = config.plan();
        let picture = Picture::new(Rendition::new(Kind::Video, plan.video_part, &plan, &config), &plan, beginning);
        let sound = config.has_audio.then(|| Sound::new(Rendition::new(Kind::Audio, plan.audio_part, &plan, &config), &plan));
        Self {
            config,
            picture,
            sound,
            video: Served::default(),
            audio: Served::default(),
            multivariant: None,
            periods: Periods::default(),
            log: Log::default(),
            now: None,
            fault: Fault::None,
        }
    }

    /// Says what time it is, by the clock whose wall times come with the pictures. Told before a push, it makes the latency of
    /// segments known, and DASH players set their clocks by it.
    pub fn set_now(&mut self, now: Wall) {
        self.now = Some(now);
    }

    /// Takes one encoded picture, Annex B. The first key picture starts the programme; one on or behind the next line of the
    /// segment grid ends a segment. `wall` is the wall time of its `pts`; that of the first picture behind a discontinuity
    /// counts. Gives what became whole.
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
        self.look();
        out
    }

    /// Takes one AAC frame. Its wall time is not used: both renditions take theirs from the picture, so that they agree.
    pub fn push_audio(&mut self, unit: &AccessUnit, _wall: Wall) -> Vec<Finished> {
        let mut out = Vec::new();
        if let Some(sound) = self.sound.as_mut().filter(|sound| !sound.rendition.ended) {
            sound.push(unit);
            self.follow(&mut out);
            self.look();
        }
        out
    }

    /// What comes now does not continue what came before: the growing segment is whole as it is, and the next key picture
    /// starts one behind EXT-X-DISCONTINUITY. Gives what became whole.
    pub fn discontinuity(&mut self) -> Vec<Finished> {
        let mut out = Vec::new();
        if !self.picture.rendition.ended {
            self.break_off(&mut out);
            self.look();
        }
        out
    }

    /// The programme is over: everything is whole, and the playlists say ENDLIST. Gives what became whole.
    pub fn end(&mut self) -> Vec<Finished> {
        let had_ended = self.picture.rendition.ended;
        let out = self.discontinuity();
        self.picture.rendition.end();
        if let Some(sound) = &mut self.sound {
            sound.rendition.end();
        }
        self.look();
        if !had_ended {
            self.log.tell(Notice::TranscodeCompleted(self.log.figures.progress()));
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

    /// What happened since this was last asked, oldest first: at most [`MAX_NOTICES`](crate::MAX_NOTICES), of more the newest.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.log.take()
    }

    /// Counts since the beginning.
    pub fn figures(&self) -> Figures {
        let renditions = [Some(&self.picture.rendition), self.sound.as_ref().map(|sound| &sound.rendition)];
        let sum = |of: fn(&Rendition) -> u64| renditions.iter().flatten().map(|rendition| of(rendition)).sum();
        Figures {
            parts_ready: sum(|rendition| rendition.parts_ready),
            parts_remade: sum(|rendition| rendition.parts_remade),
            parts_failed: sum(|rendition| rendition.parts_failed),
            units_refused: self.picture.refused + self.sound.as_ref().map_or(0, |sound| sound.refused),
            playlist_bytes: self.video.good().map_or(0, |good| good.full.len() as u64),
            ..self.log.figures
        }
    }

    /// Where a later run of this session would have to go on; to be saved with each picture segment.
    pub fn resume_point(&self) -> ResumePoint {
        let rendition = &self.picture.rendition;
        let listed = rendition.listed().filter(|segment| segment.discontinuity).count() as u64;
        // A preload hint may have named the segment behind the growing one.
        let (next_msn, discontinuity_sequence) = (rendition.next_msn() + 1, rendition.discontinuity_sequence + listed);
        ResumePoint { next_msn, discontinuity_sequence, wall: self.picture.told(), time: self.picture.end }
    }

    /// Spoils what the writer makes, for tests of what looks at it.
    #[doc(hidden)]
    pub fn inject(&mut self, kind: Kind, fault: Fault) {
        if matches!(fault, Fault::NextPlaylist | Fault::EveryPlaylist) {
            self.fault = fault;
            return;
        }
        match (kind, &mut self.sound) {
            (Kind::Audio, Some(sound)) => sound.rendition.fault = fault,
            _ => self.picture.rendition.fault = fault,
        }
        self.fault = Fault::None;
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
        self.picture.break_off(out);
        let broken = self.sound.as_mut().map_or(Ok(()), |sound| sound.break_off(&mut self.picture, out));
        if let Err(error) = broken {
            tl_base::never!("a segment cannot be written: {error}");
        }
    }
}
