//! Reads a recording back to its end before anybody says "saved".

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec};

use crate::decode::FileDecoder;
use crate::file::matroska;
use crate::file::read::{decode_stoppable, for_each_unit};
use crate::{Error, init};

/// The rest of the last group of pictures is decoded too, as long as it is no longer than this.
const MAX_TAIL_BYTES: usize = 32 << 20;
/// How long a decoder may take to give its last pictures.
const DRAIN: Duration = Duration::from_secs(30);

/// How much is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every key picture with the one behind it, and everything behind the last; sound is read but not decoded. Where one of them
    /// is missing, everything.
    Keys,
    /// Everything.
    Full,
}

/// One track of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackLength {
    /// Its codec, as the container calls it.
    pub codec: String,
    /// Whether it is sound.
    pub audio: bool,
    /// Encoded pictures or packets.
    pub units: u64,
    /// From its first to the end of its last, seconds; in Matroska to the start of its last.
    pub seconds: f64,
}

/// What reading back gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verified {
    /// Length of the pictures, seconds.
    pub seconds: f64,
    /// Encoded pictures.
    pub video_frames: u64,
    /// Pictures that came out of the decoder.
    pub decoded_frames: u64,
    /// Length of the first sound, seconds.
    pub audio_seconds: f64,
    /// Every track, in the file's order.
    pub tracks: Vec<TrackLength>,
    /// What is wrong, one short phrase each.
    pub problems: Vec<String>,
}

impl Verified {
    /// Whether the file may be called saved.
    pub fn is_saved(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads a file to its end and decodes as much as `depth` says, in memory bounded by constants. `progress` hears from 0 to 1;
/// once `cancel` is set it ends with [`Error::Cancelled`]. What is wrong with the file is told in
/// [`problems`](Verified::problems); an error says that it could not be looked at.
pub fn verify(path: &Path, depth: Depth, cancel: &AtomicBool, mut progress: impl FnMut(f64)) -> Result<Verified, Error> {
    init()?;
    let mut verified = Verified::default();
    if let Err(error) = look_at_container(path, &mut verified) {
        match error {
            Error::File { .. } => return Err(error),
            other => verified.problems.push(other.to_string()),
        }
        return Ok(verified);
    }
    let expected = verified.tracks.iter().map(|track| track.seconds).fold(0.0, f64::max).max(0.001);
    let mut told = -1.0;
    let mut step = |at: MediaTime| {
        let share = (at.as_secs_f64() / expected).clamp(0.0, 1.0);
        if share - told >= 0.01 {
            told = share;
            progress(share);
        }
        if cancel.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    };
    let read = match depth {
        Depth::Keys => decode_keys(path, &mut verified, &mut step).and_then(|all| if all { Ok(()) } else { decode_all(path, &mut verified, &mut step) }),
        Depth::Full => decode_all(path, &mut verified, &mut step),
    };
    match read {
        Ok(()) => {}
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        Err(error) => verified.problems.push(error.to_string()),
    }
    judge(&mut verified);
    progress(1.0);
    Ok(verified)
}

/// What the container says, and whether its end is there.
fn look_at_container(path: &Path, verified: &mut Verified) -> Result<(), Error> {
    let (whole, all) = if matroska::is_matroska(path)? {
        let found = matroska::scan(path)?;
        verified.tracks = found.tracks.iter().map(matroska_track).collect();
        if !found.sized {
            verified.problems.push("not ended cleanly".to_owned());
        }
        (found.whole_bytes, found.file_bytes)
    } else {
        let found = tl_mp4::scan::scan(path)?;
        verified.tracks = found.tracks.iter().map(mp4_track).collect();
        (found.whole_bytes, found.file_bytes)
    };
    if whole < all {
        verified.problems.push(format!("the last {} of {all} bytes are torn", all - whole));
    }
    Ok(())
}

fn matroska_track(track: &matroska::TrackScan) -> TrackLength {
    let seconds = track.last.zip(track.first).map_or(0.0, |(last, first)| (last - first).as_secs_f64());
    TrackLength { codec: track.codec.clone(), audio: track.kind == 2, units: track.blocks, seconds }
}

fn mp4_track(track: &tl_mp4::scan::TrackScan) -> TrackLength {
    use tl_mp4::scan::ConfigKind;
    let codec = match track.config_kind {
        ConfigKind::H264 => "h264".to_owned(),
        ConfigKind::H265 => "h265".to_owned(),
        ConfigKind::Vp9 => "vp9".to_owned(),
        ConfigKind::Av1 => "av1".to_owned(),
        ConfigKind::Aac => "aac".to_owned(),
        ConfigKind::Opus => "opus".to_owned(),
        ConfigKind::Other(name) => String::from_utf8_lossy(&name).into_owned(),
    };
    let audio = matches!(track.config_kind, ConfigKind::Aac | ConfigKind::Opus);
    let ticks = track.end_decode_time.saturating_sub(track.first_decode_time);
    TrackLength { codec, audio, units: track.samples, seconds: ticks as f64 / f64::from(track.timescale.max(1)) }
}

/// Decodes each key picture and the one behind it, and all that follows the last: a decoder takes two keys that it sees side by side
/// for one picture when they carry the same number, as those of two visits may. Whether each came out.
fn decode_keys(path: &Path, verified: &mut Verified, step: &mut impl FnMut(MediaTime) -> Result<(), Error>) -> Result<bool, Error> {
    let decoded = Arc::new(AtomicU64::new(0));
    let mut decoder: Option<(Codec, FileDecoder)> = None;
    let (mut wanted, mut span) = (0_u64, None);
    let mut tail: Vec<AccessUnit> = Vec::new();
    let mut tail_bytes = 0;
    let mut after_key = false;
    for_each_unit(path, |unit| {
        step(unit.pts)?;
        verified.video_frames += 1;
        let (first, last) = span.unwrap_or((unit.pts, unit.pts));
        span = Some((first.min(unit.pts), last.max(unit.pts)));
        let follows = std::mem::replace(&mut after_key, unit.key);
        if !unit.key && !follows {
            tail_bytes += unit.data.len();
            if tail_bytes <= MAX_TAIL_BYTES {
                tail.push(unit);
            }
            return Ok(());
        }
        tail.clear();
        tail_bytes = 0;
        wanted += 1;
        if decoder.as_ref().is_none_or(|(codec, _)| *codec != unit.codec) {
            let count = Arc::clone(&decoded);
            let new = FileDecoder::new(unit.codec, move || {
                count.fetch_add(1, Ordering::Relaxed);
            })?;
            decoder = Some((unit.codec, new));
        }
        decoder.as_ref().map_or(Ok(()), |(_, decoder)| decoder.push(&unit))
    })?;
    if let Some((_, decoder)) = decoder {
        if tail_bytes <= MAX_TAIL_BYTES {
            wanted += tail.len() as u64;
            tail.iter().try_for_each(|unit| decoder.push(unit))?;
        }
        decoder.finish(DRAIN)?;
    }
    verified.decoded_frames = decoded.load(Ordering::Relaxed);
    verified.seconds = verified.tracks.iter().find(|track| !track.audio).map_or(0.0, |track| track.seconds);
    if verified.seconds == 0.0 {
        verified.seconds = span.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    }
    verified.audio_seconds = verified.tracks.iter().find(|track| track.audio).map_or(0.0, |track| track.seconds);
    Ok(verified.decoded_frames >= wanted)
}

fn decode_all(path: &Path, verified: &mut Verified, step: &mut impl FnMut(MediaTime) -> Result<(), Error>) -> Result<(), Error> {
    let summary = decode_stoppable(path, step)?;
    verified.video_frames = verified.tracks.iter().find(|track| !track.audio).map_or(0, |track| track.units);
    verified.decoded_frames = summary.video_frames;
    verified.seconds = summary.seconds;
    verified.audio_seconds = summary.audio_seconds;
    if verified.decoded_frames < verified.video_frames {
        verified.problems.push(format!("{} of {} pictures do not decode", verified.video_frames - verified.decoded_frames, verified.video_frames));
    }
    Ok(())
}

/// What the numbers say together.
fn judge(verified: &mut Verified) {
    if verified.video_frames == 0 {
        verified.problems.push("no pictures".to_owned());
        return;
    }
    let announced = verified.tracks.iter().find(|track| !track.audio).map_or(0, |track| track.units);
    if announced != verified.video_frames {
        verified.problems.push(format!("{} pictures read where the container holds {announced}", verified.video_frames));
    }
}
