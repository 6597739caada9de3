//! Recordings decoded from end to end: what each picture's code says, how bright it is, where claps are seen and heard.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tl_base::{MediaTime, Size, SlotId};
use tl_frame::{Frame, Memory};

use super::ledger::Listed;
use crate::sound::ClickFinder;
use crate::{Progress, timecode};

/// The clap's flash is at least this bright.
const FLASH_LUMA: f32 = 170.0;

/// One picture of a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown {
    /// Show time by the file: the part's start and the picture's time in it.
    pub(crate) at: MediaTime,
    /// Camera and frame of its time code.
    pub(crate) code: Option<(u8, u16)>,
    /// Mean luma, 0 to 255.
    pub(crate) luma: f32,
    /// Whether the clap's flash is lit.
    pub(crate) flash: bool,
}

/// What was read out of one part.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PartReading {
    pub(crate) path: PathBuf,
    pub(crate) shown: Vec<Shown>,
    /// Show times at which a click was heard.
    pub(crate) clicks: Vec<MediaTime>,
    pub(crate) seconds: f64,
    pub(crate) size: Option<Size>,
    /// None when it decoded to its end.
    pub(crate) problem: Option<String>,
}

/// What was read out of one recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    pub(crate) source: Option<SlotId>,
    pub(crate) kind: String,
    pub(crate) path: PathBuf,
    pub(crate) parts: Vec<PartReading>,
    pub(crate) seconds: f64,
    pub(crate) playable: bool,
}

/// Decodes all recordings, as many at a time as there are cores.
pub(crate) fn read_all(listed: &[Listed], progress: &(dyn Fn(Progress) + Sync)) -> Vec<Reading> {
    let next = AtomicUsize::new(0);
    let readings: Mutex<Vec<(usize, Reading)>> = Mutex::new(Vec::with_capacity(listed.len()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(recording) = listed.get(index) else { return };
            let reading = read_one(recording);
            let mut readings = readings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            readings.push((index, reading));
            progress(Progress { what: "reading recordings".into(), share: 0.9 * readings.len() as f64 / listed.len() as f64 });
        }
    };
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(2, usize::from).min(listed.len());
        for worker in 1..workers {
            if let Err(error) = std::thread::Builder::new().name(format!("measure-{worker}")).spawn_scoped(scope, work) {
                tracing::warn!(%error, "recordings are read by fewer threads");
            }
        }
        work();
    });
    let mut readings = readings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    readings.sort_by_key(|(index, _)| *index);
    readings.into_iter().map(|(_, reading)| reading).collect()
}

fn read_one(listed: &Listed) -> Reading {
    let parts: Vec<PartReading> = listed.parts.iter().map(|part| read_part(part.path.clone(), part.start)).collect();
    let path = listed.path.clone().or_else(|| listed.parts.first().map(|part| part.path.clone())).unwrap_or_default();
    let (seconds, playable) = match parts.iter().find(|part| part.path == path) {
        Some(part) => (part.seconds, part.problem.is_none()),
        // Parts were joined into a file of its own, which must play too.
        None => match tl_media::file::decode_file(&path, |_| (), |_| ()) {
            Ok(summary) => (summary.seconds, summary.seconds > 0.0),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a recording does not play");
                (0.0, false)
            }
        },
    };
    Reading { source: listed.source, kind: listed.kind.clone(), path, parts, seconds, playable }
}

fn read_part(path: PathBuf, start: MediaTime) -> PartReading {
    let mut reading = PartReading { path, ..PartReading::default() };
    let mut clicks = ClickFinder::default();
    let shown = &mut reading.shown;
    let on_video = |frame: Frame| {
        shown.push(Shown {
            at: start + frame.capture,
            code: timecode::read(&frame, timecode::place(frame.size)),
            luma: mean_luma(&frame),
            flash: timecode::brightness(&frame, inner(timecode::flash_place(frame.size))).is_some_and(|luma| luma > FLASH_LUMA),
        });
    };
    let on_audio = |block: tl_frame::AudioBlock| clicks.push(&block.samples, usize::from(block.channels), (start + block.capture).0);
    match tl_media::file::decode_file(&reading.path, on_video, on_audio) {
        Ok(summary) => {
            (reading.seconds, reading.size) = (summary.seconds, summary.size);
            reading.problem = (summary.seconds <= 0.0).then(|| "nothing in it".to_owned());
        }
        Err(error) => reading.problem = Some(error.to_string()),
    }
    reading.clicks = clicks.finish().into_iter().map(MediaTime).collect();
    reading
}

fn inner(rect: timecode::Rect) -> timecode::Rect {
    timecode::Rect { x: rect.x + rect.width * 0.25, y: rect.y + rect.height * 0.25, width: rect.width * 0.5, height: rect.height * 0.5 }
}

/// Mean luma over every fourth row: enough to tell black.
fn mean_luma(frame: &Frame) -> f32 {
    let Memory::Cpu(planes) = &frame.memory else { return f32::NAN };
    let Some(luma) = planes.plane(0) else { return f32::NAN };
    let rows = (0..luma.layout.height).step_by(4);
    let (sum, count) = rows.fold((0_u64, 0_usize), |(sum, count), y| {
        let row = luma.row(y);
        (sum + row.iter().map(|value| u64::from(*value)).sum::<u64>(), count + row.len())
    });
    if count == 0 { f32::NAN } else { sum as f32 / count as f32 }
}
