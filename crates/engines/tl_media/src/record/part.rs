//! One file of a recording: samples are placed on its timeline and leave as whole fragments.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use tl_base::MediaTime;
use tl_frame::{AccessUnit, ConfigId};

use crate::Error;
use crate::record::container::{Container, OWN_SOUND_TRACK, PROGRAMME_TRACK, SoundHead, Timed, TrackRun};
use crate::record::part_file::PartFile;
use crate::record::picture::Picture;
use crate::record::sound::{Packet, Sound, SoundTrack};
use crate::record::{Config, Kind, PartInfo};

/// The least distance between two pictures: a tick of Matroska's clock, and more than one of the video grid.
const MIN_STEP: MediaTime = MediaTime::from_millis(1);
/// How much longer the first fragment may wait for sound to begin.
const SOUND_WAIT: MediaTime = MediaTime::from_millis(500);
/// The longest time between decoding and showing a picture; a source that claims more has its times mixed up.
const MAX_REORDER: MediaTime = MediaTime::from_secs(2);
/// How long the last picture lasts when nothing says so.
const USUAL_PICTURE: MediaTime = MediaTime::from_millis(33);
/// The longest fragment, however late the next picture comes: a file format counts it in 16-bit milliseconds.
pub(crate) const MAX_STEP: MediaTime = MediaTime::from_secs(30);

/// A fragment of more bytes is written before its time.
const MAX_FRAGMENT_BYTES: usize = 16 << 20;

/// A picture whose length is not known before the next one comes.
struct Open {
    start: MediaTime,
    offset: MediaTime,
    key: bool,
    data: Bytes,
}

/// Which of a part's two sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// What belongs to the pictures.
    Own,
    /// What went on air meanwhile.
    Programme,
}

/// What is known of the sound before a part begins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    /// The own sound's track is there whether or not sound comes.
    pub(crate) own: Option<Sound>,
    /// So is the programme's.
    pub(crate) programme: bool,
    /// Own sound is AAC, which not every container takes.
    pub(crate) own_is_aac: bool,
}

/// A part being written.
pub(crate) struct Part {
    file: PartFile,
    container: Container,
    picture: Picture,
    config_id: ConfigId,
    kind: Kind,
    /// Whether the container takes AAC.
    takes_aac: bool,
    start: MediaTime,
    /// By how much the first picture is shown later than decoded; what all decoding times are moved by.
    lead: MediaTime,
    open: Option<Open>,
    video: Vec<Timed>,
    own: SoundTrack,
    programme: SoundTrack,
    head_written: bool,
    /// End of what is in the file, on the file's timeline.
    written: MediaTime,
    waiting_bytes: usize,
}

/// What kept a part from being written.
pub(crate) enum Failure {
    Disk(PathBuf, io::Error),
    Content(PathBuf, Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Disk(path, source) => Self::File { action: "write", path, source },
            Failure::Content(_, error) => error,
        }
    }
}

impl Part {
    /// Makes the file for a key picture.
    pub(crate) fn start(config: &Config, number: &mut u32, picture: Picture, unit: &AccessUnit, expected: Expected) -> Result<Self, Failure> {
        let extension = picture.extension(expected.programme || expected.own_is_aac);
        let file = PartFile::create(&config.dir, &config.stem, extension, number).map_err(|(path, error)| Failure::Disk(path, error))?;
        let container = Container::new(&picture);
        let programme = SoundTrack::expecting(expected.programme.then_some(Sound::Aac));
        Ok(Self {
            file,
            container,
            picture,
            config_id: unit.config_id,
            kind: config.kind,
            takes_aac: extension != "webm",
            start: unit.capture,
            lead: reorder(unit),
            open: None,
            video: Vec::new(),
            own: SoundTrack::expecting(expected.own),
            programme,
            head_written: false,
            written: MediaTime::ZERO,
            waiting_bytes: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Capture time at which its pictures end, as far as they are known.
    pub(crate) fn end(&self) -> MediaTime {
        self.start + self.written
    }

    /// Whether it has a track for the programme's sound.
    pub(crate) fn has_programme(&self) -> bool {
        self.head_written && self.programme.sound.is_some()
    }

    /// Whether the disk took at least one fragment.
    pub(crate) fn has_written(&self) -> bool {
        self.head_written
    }

    /// Whether this picture can only go into another file: a new configuration, a clock that jumped, or sound that has no
    /// track here. The last waits for a key picture.
    pub(crate) fn must_end_before(&self, unit: &AccessUnit, picture: Option<&Picture>) -> bool {
        let step = self.open.as_ref().map_or(MediaTime::ZERO, |open| unit.capture - self.start - open.start);
        let changed = unit.config_id != self.config_id || picture.is_some_and(|picture| *picture != self.picture);
        changed || step > MAX_STEP || step < -MAX_STEP || (unit.key && (self.own.misses || self.programme.misses))
    }

    /// Adds a picture; may write a fragment.
    pub(crate) fn push_video(&mut self, config: &Config, unit: &AccessUnit) -> Result<(), Failure> {
        let (shown, reorder) = (unit.capture - self.start, reorder(unit));
        let at = shown - reorder + self.lead;
        let start = self.open.as_ref().map_or(at, |open| at.max(open.start + MIN_STEP));
        // Without reordering a picture is shown when it is decoded, wherever its jitter put it.
        let offset = if reorder == MediaTime::ZERO && self.lead == MediaTime::ZERO { MediaTime::ZERO } else { shown - start };
        self.close_picture(start);
        let complete = self.own.sound.is_some() && (self.kind == Kind::Programme || self.programme.sound.is_some());
        let fragment = if self.head_written || complete { config.fragment } else { config.fragment + SOUND_WAIT };
        if self.waiting_bytes > MAX_FRAGMENT_BYTES || self.video.first().is_some_and(|first| start - first.start >= fragment) {
            self.flush()?;
        }
        self.waiting_bytes += unit.data.len();
        self.open = Some(Open { start, offset, key: unit.key, data: unit.data.clone() });
        self.sync(config)
    }

    /// Adds sound. What lies before the file's zero or fits no track of it is left out.
    pub(crate) fn push_audio(&mut self, voice: Voice, unit: &AccessUnit) {
        let Some(packet) = Packet::read(unit) else { return };
        let at = unit.capture - self.start;
        // Sound far from the pictures is from another clock and would only tear the file apart.
        let newest = self.open.as_ref().map_or(self.written, |open| open.start);
        if (at - newest).abs() > MAX_STEP {
            return;
        }
        let track = match voice {
            Voice::Own => &mut self.own,
            Voice::Programme => &mut self.programme,
        };
        if packet.sound.is_aac() && !self.takes_aac {
            track.misses = true;
        } else if track.takes(packet.sound, self.head_written) {
            track.push(packet, at);
        }
    }

    /// Writes all pictures; sound of their time may still come.
    pub(crate) fn end_pictures(&mut self) -> Result<(), Failure> {
        let length = self.video.last().map_or(USUAL_PICTURE, |last| (last.end - last.start).min(MediaTime::from_millis(200)));
        if let Some(end) = self.open.as_ref().map(|open| open.start + length) {
            self.close_picture(end);
        }
        self.flush()
    }

    /// Writes what is left and fills in what only the end knows. None when the file held nothing and is gone.
    pub(crate) fn finish(mut self) -> (Option<PartInfo>, Option<Failure>) {
        let failure = self.end_pictures().and_then(|()| self.flush_sound()).err();
        let (info, late) = self.abandon();
        (info, failure.or(late))
    }

    /// Ends the file with what was written: nothing more fits.
    pub(crate) fn abandon(mut self) -> (Option<PartInfo>, Option<Failure>) {
        let path = self.file.path().to_path_buf();
        if self.file.bytes() == 0 || self.written == MediaTime::ZERO {
            let removed = self.file.remove();
            return (None, removed.err().map(|error| Failure::Disk(path, error)));
        }
        let patches = self.container.patches(self.written, self.file.bytes());
        let patched = patches.into_iter().try_for_each(|(at, bytes)| self.file.patch(at, &bytes)).and_then(|()| self.file.sync());
        let info = PartInfo { path: path.clone(), start: self.start, end: self.start + self.written, bytes: self.file.bytes(), codec: self.picture.codec() };
        (Some(info), patched.err().map(|error| Failure::Disk(path, error)))
    }

    fn close_picture(&mut self, end: MediaTime) {
        if let Some(open) = self.open.take() {
            self.video.push(Timed { start: open.start, end, offset: open.offset, key: open.key, data: open.data });
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let Some(end) = self.video.last().map(|last| last.end) else { return Ok(()) };
        let mut block = Vec::new();
        if !self.head_written {
            let heads = self.heads();
            block.extend_from_slice(&self.container.head(&self.picture, &heads).map_err(|error| self.content(error))?);
        }
        let before = std::mem::replace(&mut self.written, end);
        if let Err(failure) = self.write_fragment(block) {
            self.written = before;
            return Err(failure);
        }
        self.head_written = true;
        self.waiting_bytes = 0;
        Ok(())
    }

    /// Writes sound of the pictures' time that came after the last of them.
    fn flush_sound(&mut self) -> Result<(), Failure> {
        let waits = self.own.is_due(self.written) || self.programme.is_due(self.written);
        if waits && self.head_written { self.write_fragment(Vec::new()) } else { Ok(()) }
    }

    /// Writes the pictures that wait and the sound that begins before they end; what is ahead of them waits for the next.
    fn write_fragment(&mut self, mut block: Vec<u8>) -> Result<(), Failure> {
        let tracks = [(OWN_SOUND_TRACK, &self.own), (PROGRAMME_TRACK, &self.programme)];
        let runs: Vec<TrackRun<'_>> = tracks
            .into_iter()
            .filter_map(|(number, track)| Some(TrackRun { number, timescale: track.sound?.timescale(), samples: track.due(self.written) }))
            .filter(|run| !run.samples.is_empty())
            .collect();
        let fragment = self.container.fragment(self.picture.codec(), &self.video, &runs);
        block.extend_from_slice(&fragment.map_err(|error| self.content(error))?);
        self.file.append(&block).map_err(|error| Failure::Disk(self.file.path().to_path_buf(), error))?;
        self.video.clear();
        self.own.drop_due(self.written);
        self.programme.drop_due(self.written);
        Ok(())
    }

    fn heads(&self) -> Vec<SoundHead> {
        let own = if self.kind == Kind::Programme { "programme" } else { "camera" };
        let tracks = [(OWN_SOUND_TRACK, own, self.own.sound), (PROGRAMME_TRACK, "programme", self.programme.sound)];
        tracks.into_iter().filter_map(|(number, name, sound)| Some(SoundHead { number, name, sound: sound? })).collect()
    }

    fn content(&self, error: Error) -> Failure {
        Failure::Content(self.file.path().to_path_buf(), error)
    }

    fn sync(&mut self, config: &Config) -> Result<(), Failure> {
        self.file.sync_if_due(config.sync.to_duration()).map_err(|error| Failure::Disk(self.file.path().to_path_buf(), error))
    }
}

/// How much later than decoded a picture is shown.
fn reorder(unit: &AccessUnit) -> MediaTime {
    let reorder = unit.pts - unit.dts;
    if reorder > MediaTime::ZERO && reorder <= MAX_REORDER { reorder } else { MediaTime::ZERO }
}
