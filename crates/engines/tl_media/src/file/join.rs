//! Joins parts whose codec configurations differ, by decoding and encoding them again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use tl_base::{MediaTime, Rate, Size, SlotId, SourceId};
use tl_frame::{AccessUnit, PixelFormat, h264};

use crate::encode::{AacEncoder, Video, VideoEncoder};
use crate::file::read::{decode_scaled, probe};
use crate::line::lock;
use crate::record::{Config, Expected, Failure, Kind, Part, Picture, Sound, Voice};
use crate::{Error, init};

/// Sound of the joined file, bits a second.
const SOUND_BPS: u32 = 160_000;
/// Bits for one pixel of one picture: generous, since the pictures were encoded before.
const BITS_PER_PIXEL: f64 = 0.15;
/// Sound that may come before the first picture is encoded.
const MAX_EARLY: usize = 1_024;
/// The joined file belongs to no camera.
const NOBODY: SourceId = SlotId(0);

/// What joining gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Joined {
    /// Pictures written.
    pub video_frames: u64,
    /// From the first picture to the end of the last.
    pub seconds: f64,
    /// Parts that could not be read to their end, and why.
    pub problems: Vec<String>,
}

/// Joins `parts` into one MP4 with H.264 and AAC; `offsets` are the places of their first pictures on a common timeline, in
/// rising order. Pictures are fitted into the largest size among the parts. For parts that [`tl_mp4::join`] cannot join.
///
/// A part that breaks off costs its rest, not the file. The file appears under its name when it is whole. `progress` hears
/// from 0 to 1; once `cancel` is set it ends with [`Error::Cancelled`] and leaves nothing behind.
pub fn join_reencoded(parts: &[PathBuf], offsets: &[MediaTime], out: &Path, cancel: &AtomicBool, mut progress: impl FnMut(f64)) -> Result<Joined, Error> {
    init()?;
    if parts.is_empty() || parts.len() != offsets.len() {
        return Err(Error::Unsupported(format!("{} parts with {} offsets", parts.len(), offsets.len())));
    }
    let mut joined = Joined::default();
    let infos: Vec<_> = parts.iter().map(|part| probe(part)).collect();
    let size = infos.iter().flatten().filter_map(|info| info.size).max_by_key(|size| u64::from(size.width) * u64::from(size.height));
    let Some(size) = size else { return Err(Error::Content { what: "no part with pictures".to_owned(), path: out.to_path_buf() }) };
    let size = Size::new(size.width.next_multiple_of(2), size.height.next_multiple_of(2));
    let has_sound = infos.iter().flatten().any(|info| info.audio.is_some());

    let output = Arc::new(Mutex::new(Output::new(out, has_sound)?));
    let bitrate_bps = (f64::from(size.width) * f64::from(size.height) * Rate::FPS_30.as_f64() * BITS_PER_PIXEL) as u32;
    let config = Video { source: NOBODY, size, rate: Rate::FPS_30, bitrate_bps, gop: MediaTime::from_secs(2), encoder: None };
    let pictures = VideoEncoder::for_file(config, PixelFormat::I420, taker(&output))?;
    let sound = AacEncoder::for_file(NOBODY, 2, SOUND_BPS, taker(&output))?;
    let mut last = None;
    let lengths: Vec<f64> = infos.iter().map(|info| info.as_ref().map_or(0.0, |info| info.seconds)).collect();
    let total = lengths.iter().sum::<f64>().max(0.001);
    let mut before = 0.0;
    let mut told = -1.0;
    for ((part, offset), length) in parts.iter().zip(offsets).zip(&lengths) {
        let mut step = |at: MediaTime| {
            let share = ((before + at.as_secs_f64().min(*length)) / total).clamp(0.0, 1.0);
            if share - told >= 0.01 {
                told = share;
                progress(share);
            }
            if cancel.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
        };
        let (mut failure, mut refused) = (None, None);
        let read = decode_scaled(
            part,
            Some(size),
            |mut frame| {
                frame.capture += *offset;
                // What overlaps the part before would run time backwards.
                if last.is_none_or(|last| frame.capture > last) {
                    last = Some(frame.capture);
                    failure = failure.take().or(pictures.push(frame, false).err());
                    joined.video_frames += 1;
                }
            },
            |mut block| {
                block.capture += *offset;
                refused = refused.take().or(sound.push(&block).err());
            },
            &mut step,
        );
        before += length;
        if let Some(error) = failure.or(refused).or_else(|| lock(&output).failure()) {
            return Err(error);
        }
        if matches!(read, Err(Error::Cancelled)) {
            return Err(Error::Cancelled);
        }
        if let Err(error) = read {
            joined.problems.push(error.to_string());
        }
    }
    pictures.finish()?;
    sound.finish()?;
    joined.seconds = lock(&output).finish()?.as_secs_f64();
    Ok(joined)
}

fn taker(output: &Arc<Mutex<Output>>) -> impl FnMut(AccessUnit) + Send + 'static {
    let output = Arc::clone(output);
    move |unit| lock(&output).take(&unit)
}

/// The file under construction; both encoders' threads write into it.
struct Output {
    config: Config,
    out: PathBuf,
    has_sound: bool,
    part: Option<Part>,
    early: Vec<AccessUnit>,
    failure: Option<Failure>,
    done: bool,
}

impl Output {
    fn new(out: &Path, has_sound: bool) -> Result<Self, Error> {
        let name = out.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Error::Content { what: "the file's name is no text".to_owned(), path: out.to_path_buf() })?;
        let dir = match out.parent() {
            Some(dir) if dir != Path::new("") => dir.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let stem = format!(".{name}.joining-{}", std::process::id());
        // Nobody plays it before it is whole, so it need not be on the disk every second.
        let config = Config { dir, stem, kind: Kind::Programme, fragment: MediaTime::from_secs(1), sync: MediaTime::from_secs(3_600) };
        Ok(Self { config, out: out.to_path_buf(), has_sound, part: None, early: Vec::new(), failure: None, done: false })
    }

    fn take(&mut self, unit: &AccessUnit) {
        if self.failure.is_some() {
            return;
        }
        let written = if unit.codec.is_audio() { self.take_sound(unit) } else { self.take_picture(unit) };
        self.failure = written.err();
    }

    fn take_sound(&mut self, unit: &AccessUnit) -> Result<(), Failure> {
        match &mut self.part {
            Some(part) => part.push_audio(Voice::Own, unit),
            None if self.early.len() < MAX_EARLY => self.early.push(unit.clone()),
            None => {}
        }
        Ok(())
    }

    fn take_picture(&mut self, unit: &AccessUnit) -> Result<(), Failure> {
        if self.part.is_none() {
            let Some(parameters) = h264::Parameters::find(&unit.data) else { return Ok(()) };
            let expected = Expected { own: self.has_sound.then_some(Sound::Aac), ..Expected::default() };
            let mut part = Part::start(&self.config, &mut 0, Picture::H264(parameters), unit, expected)?;
            part.push_video(&self.config, unit)?;
            for unit in self.early.drain(..) {
                part.push_audio(Voice::Own, &unit);
            }
            self.part = Some(part);
            return Ok(());
        }
        self.part.as_mut().map_or(Ok(()), |part| part.push_video(&self.config, unit))
    }

    fn failure(&mut self) -> Option<Error> {
        self.failure.take().map(Error::from)
    }

    fn finish(&mut self) -> Result<MediaTime, Error> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let nothing = || Error::Content { what: "the parts gave no pictures".to_owned(), path: self.out.clone() };
        let (info, failure) = self.part.take().ok_or_else(nothing)?.finish();
        if let Some(failure) = failure {
            self.part = None;
            return Err(failure.into());
        }
        let info = info.ok_or_else(nothing)?;
        std::fs::rename(&info.path, &self.out).map_err(Error::file("rename", &self.out))?;
        self.done = true;
        Ok(info.end - info.start)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let Some(part) = self.part.take().filter(|_| !self.done) else { return };
        let path = part.path().to_path_buf();
        drop(part);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "an unfinished file stays behind");
        }
    }
}
