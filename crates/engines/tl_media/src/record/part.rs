//! One file of a recording: samples are placed on its timeline and leave as whole fragments.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec, ConfigId};

use crate::Error;
use crate::decode::samples_of;
use crate::record::container::{Container, Picture, Timed};
use crate::record::part_file::PartFile;
use crate::record::{Config, PartInfo};

/// The least distance between two pictures: more than one tick of the video grid.
const MIN_STEP: MediaTime = MediaTime::from_micros(12);
/// Sound this close to its expected place is put there; the rest is a gap.
const AUDIO_SLACK: MediaTime = MediaTime::from_millis(10);
/// How much longer the first fragment may wait for sound to begin.
const SOUND_WAIT: MediaTime = MediaTime::from_millis(500);
/// How long the last picture lasts when nothing says so.
const USUAL_PICTURE: MediaTime = MediaTime::from_millis(33);
/// The longest fragment, however late the next picture comes: a file format counts it in 16-bit milliseconds.
pub(crate) const MAX_STEP: MediaTime = MediaTime::from_secs(30);

/// A fragment of more bytes is written before its time.
const MAX_FRAGMENT_BYTES: usize = 16 << 20;

/// A picture whose length is not known before the next one comes.
struct Open {
    start: MediaTime,
    key: bool,
    data: Bytes,
}

/// A part being written.
pub(crate) struct Part {
    file: PartFile,
    container: Container,
    picture: Picture,
    config_id: ConfigId,
    start: MediaTime,
    open: Option<Open>,
    video: Vec<Timed>,
    audio: Vec<Timed>,
    audio_codec: Option<Codec>,
    audio_end: Option<MediaTime>,
    head_written: bool,
    /// End of what is in the file, on the file's timeline.
    written: MediaTime,
    /// Sound came that this file has no track for.
    misses_sound: bool,
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
    pub(crate) fn start(config: &Config, number: &mut u32, picture: Picture, unit: &AccessUnit) -> Result<Self, Failure> {
        let file = PartFile::create(&config.dir, &config.stem, picture.extension(), number).map_err(|(path, error)| Failure::Disk(path, error))?;
        let container = Container::new(&picture);
        Ok(Self {
            file,
            container,
            picture,
            config_id: unit.config_id,
            start: unit.capture,
            open: None,
            video: Vec::new(),
            audio: Vec::new(),
            audio_codec: None,
            audio_end: None,
            head_written: false,
            written: MediaTime::ZERO,
            misses_sound: false,
            waiting_bytes: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Makes a track for sound before any has come.
    pub(crate) fn expect_sound(&mut self, codec: Codec) {
        self.audio_codec = Some(codec);
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
        changed || step > MAX_STEP || step < -MAX_STEP || (unit.key && self.misses_sound)
    }

    /// Adds a picture; may write a fragment.
    pub(crate) fn push_video(&mut self, config: &Config, unit: &AccessUnit) -> Result<(), Failure> {
        let at = unit.capture - self.start;
        let start = self.open.as_ref().map_or(at, |open| at.max(open.start + MIN_STEP));
        self.close_picture(start);
        let fragment = if self.head_written || self.audio_codec.is_some() { config.fragment } else { config.fragment + SOUND_WAIT };
        if self.waiting_bytes > MAX_FRAGMENT_BYTES || self.video.first().is_some_and(|first| start - first.start >= fragment) {
            self.flush()?;
        }
        self.waiting_bytes += unit.data.len();
        self.open = Some(Open { start, key: unit.key, data: unit.data.clone() });
        self.sync(config)
    }

    /// Adds sound. What lies before the file's zero or fits no track of it is left out.
    pub(crate) fn push_audio(&mut self, unit: &AccessUnit) {
        let samples = match unit.codec {
            Codec::Aac => Some(1_024),
            _ => samples_of(&unit.data),
        };
        let Some(samples) = samples.filter(|_| self.picture.goes_with(unit.codec)) else { return };
        if self.audio_codec.is_some_and(|codec| codec != unit.codec) || (self.head_written && self.audio_codec.is_none()) {
            self.misses_sound = true;
            return;
        }
        let at = unit.capture - self.start;
        // Sound far from the pictures is from another clock and would only tear the file apart.
        let far = self.open.as_ref().is_some_and(|open| (at - open.start).abs() > MAX_STEP);
        if at < MediaTime::ZERO || far {
            return;
        }
        let start = match self.audio_end {
            Some(end) if at - end < AUDIO_SLACK => end,
            _ => at,
        };
        let end = start + MediaTime::from_samples(i64::try_from(samples).unwrap_or_default());
        if let Some(last) = self.audio.last_mut() {
            last.end = start;
        }
        self.audio_codec = Some(unit.codec);
        self.audio_end = Some(end);
        self.audio.push(Timed { start, end, key: true, data: unit.data.clone() });
    }

    /// Writes what is left and fills in what only the end knows. None when the file held nothing and is gone.
    pub(crate) fn finish(mut self) -> (Option<PartInfo>, Option<Failure>) {
        let length = self.video.last().map_or(USUAL_PICTURE, |last| (last.end - last.start).min(MediaTime::from_millis(200)));
        if let Some(end) = self.open.as_ref().map(|open| open.start + length) {
            self.close_picture(end);
        }
        let failure = self.flush().err();
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
            self.video.push(Timed { start: open.start, end, key: open.key, data: open.data });
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let Some(end) = self.video.last().map(|last| last.end) else { return Ok(()) };
        let content = |error| Failure::Content(self.file.path().to_path_buf(), error);
        let mut block = Vec::new();
        if !self.head_written {
            block.extend_from_slice(&self.container.head(&self.picture, self.audio_codec).map_err(content)?);
        }
        let content = |error| Failure::Content(self.file.path().to_path_buf(), error);
        block.extend_from_slice(&self.container.fragment(&self.video, &self.audio).map_err(content)?);
        self.file.append(&block).map_err(|error| Failure::Disk(self.file.path().to_path_buf(), error))?;
        self.head_written = true;
        self.written = end;
        self.video.clear();
        self.audio.clear();
        self.waiting_bytes = 0;
        Ok(())
    }

    fn sync(&mut self, config: &Config) -> Result<(), Failure> {
        self.file.sync_if_due(config.sync.to_duration()).map_err(|error| Failure::Disk(self.file.path().to_path_buf(), error))
    }
}
