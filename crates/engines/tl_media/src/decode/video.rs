//! One source's pictures: an encoded unit in, its picture out at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use tl_base::{MediaTime, Size, SourceId, Window};
use tl_frame::{AccessUnit, Codec, Frame, Memory, PixelFormat, Rotation};

use crate::decode::choice::{self, Candidate};
use crate::decode::codec::{self, check_size, is_key};
use crate::decode::retired;
use crate::line::{Line, Plan, element, lock};
use crate::mapped::{self, Mapped};
use crate::{Error, init};

/// The largest encoded picture taken.
const MAX_UNIT_BYTES: usize = 8 << 20;
/// How far pictures may leave the decoder out of the order in which they went in.
const MAX_REORDER: u64 = 16;
/// How long a decoder that failed rests before it is built again.
const REST: Duration = Duration::from_millis(500);
/// A device that took this many units without giving a picture, for so long, has hung.
const SILENT_UNITS: u64 = 20;
const SILENCE: Duration = Duration::from_secs(1);
/// How often a picture is decoded where every picture is a key and only keys are wanted.
const KEYS_EVERY: MediaTime = MediaTime::from_secs(1);

/// What to decode.
#[derive(Clone, Copy, Debug)]
pub struct Video {
    /// Whose pictures these are.
    pub source: SourceId,
    /// Any codec of pictures.
    pub codec: Codec,
    /// Units that may wait, at least 1; one more drops everything up to the next key picture.
    pub max_queue: usize,
}

/// What a decoder has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Wall time in the decoder for one picture, milliseconds, mean over the last 60; none before the first.
    pub decode_ms: Option<f64>,
    /// Pictures handed out.
    pub decoded: u64,
    /// Units that were not decoded: no key picture yet, queue full, or only keys wanted.
    pub dropped: u64,
    /// Units that gave no picture, and restarts of the decoder.
    pub errors: u64,
    /// The decoder in use, by its element's name; empty when none opens.
    pub decoder: &'static str,
    /// How often a device failed and software took over.
    pub fallbacks: u64,
}

/// Decodes one source on a thread of its own.
///
/// Late input is decoded like any other; missing input leaves a gap; broken input gives no picture, and the first key
/// picture after it is shown again. Streams without reordered pictures leave as they come, one for one.
///
/// A device that was found to work is used first. When it fails or hangs in mid-stream, software takes over for the rest of
/// this stream at the next key picture. Software that does not open is tried again at a later key picture, the next kind of it first.
///
/// Dropping it waits for one picture in software at most, and never for a device.
pub struct VideoDecoder {
    config: Video,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    line: Option<Line>,
    /// The decoders left to try; the first is in use.
    candidates: VecDeque<Candidate>,
    fallbacks: u64,
    last_key: Option<MediaTime>,
    failed_at: Option<Instant>,
    next_stamp: u64,
    needs_key: bool,
    only_keys: bool,
    reference: gst::Caps,
}

/// A unit inside the decoder.
struct Pending {
    stamp: u64,
    capture: MediaTime,
    arrival: MediaTime,
}

struct Shared {
    source: SourceId,
    on_frame: Mutex<Box<dyn FnMut(Frame) + Send>>,
    pending: Mutex<VecDeque<Pending>>,
    entered: Mutex<Option<Instant>>,
    decode_ms: Mutex<Window>,
    decoded: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
    /// Nobody wants pictures any more.
    closed: AtomicBool,
    /// The newest unit that gave a picture, and when it did.
    last_out: Mutex<(u64, Instant)>,
}

impl VideoDecoder {
    /// A decoder that calls `on_frame` for each picture, on its own thread.
    pub fn new(config: Video, on_frame: impl FnMut(Frame) + Send + 'static) -> Result<Self, Error> {
        init()?;
        let shared = Shared {
            source: config.source,
            on_frame: Mutex::new(Box::new(on_frame)),
            pending: Mutex::default(),
            entered: Mutex::default(),
            decode_ms: Mutex::new(Window::new(60)),
            decoded: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            last_out: Mutex::new((0, Instant::now())),
        };
        let shared = Arc::new(shared);
        let mut state = State {
            line: None,
            candidates: choice::candidates(config.codec).into(),
            fallbacks: 0,
            last_key: None,
            failed_at: None,
            next_stamp: 0,
            needs_key: true,
            only_keys: false,
            reference: gst::Caps::new_empty_simple("timestamp/x-unit"),
        };
        state.line = Some(open_line(&config, &shared, &mut state.candidates)?);
        Ok(Self { config, shared, state: Mutex::new(state) })
    }

    /// Takes a unit; never waits for the decoder. A unit that finds the queue full is dropped, and all after it up to the
    /// next key picture.
    pub fn push(&self, unit: AccessUnit) -> Result<(), Error> {
        if unit.codec != self.config.codec {
            return Err(Error::Unsupported(format!("{:?} in a decoder for {:?}", unit.codec, self.config.codec)));
        }
        let mut state = lock(&self.state);
        let key = is_key(&unit);
        if unit.data.is_empty() || unit.data.len() > MAX_UNIT_BYTES || (!key && (state.needs_key || state.only_keys)) {
            // What follows a skipped picture refers to it.
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if state.only_keys && codec::is_all_keys(unit.codec) {
            let early = state.last_key.is_some_and(|last| unit.capture >= last && unit.capture - last < KEYS_EVERY);
            if early {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        }
        if let Err(error) = check_size(&unit, key) {
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        if let Err(error) = self.revive(&mut state, key) {
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        if !state.line.as_ref().is_some_and(Line::has_room) {
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if key {
            state.last_key = Some(unit.capture);
        }
        let stamp = state.next_stamp;
        self.shared.note_pending(Pending { stamp, capture: unit.capture, arrival: unit.arrival }, self.config.max_queue);
        let mut buffer = gst::Buffer::from_slice(unit.data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time_of(stamp));
            buffer.set_dts(time_of(stamp));
            // The decoder bends times that leave out of order; what is attached stays with its picture.
            gst::ReferenceTimestampMeta::add(buffer, &state.reference, time_of(stamp), gst::ClockTime::NONE);
            if !key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        let pushed = state.line.as_ref().map_or(Err(Error::Closed), |line| line.push(buffer));
        state.next_stamp += 1;
        state.needs_key = pushed.is_err();
        pushed
    }

    /// Decodes key pictures alone, to save work on a camera that nobody looks at; back again from the next key picture. Where
    /// every picture is a key, one a second is decoded.
    pub fn set_keys_only(&self, only: bool) {
        lock(&self.state).only_keys = only;
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        let state = lock(&self.state);
        Stats {
            decoder: state.candidates.front().map_or("", |candidate| candidate.name),
            fallbacks: state.fallbacks,
            decode_ms: lock(&self.shared.decode_ms).mean(),
            decoded: self.shared.decoded.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            errors: self.shared.errors.load(Ordering::Relaxed),
        }
    }

    /// Takes a failed line away at once and builds another at a key picture: software in place of a device without delay,
    /// the same again after a rest.
    fn revive(&self, state: &mut State, key: bool) -> Result<(), Error> {
        let on_device = state.candidates.front().is_some_and(|candidate| candidate.hardware);
        let hung = on_device && self.is_silent(state.next_stamp);
        if state.line.as_ref().is_some_and(|line| hung || line.has_failed()) {
            let line = state.line.take();
            self.shared.errors.fetch_add(1, Ordering::Relaxed);
            lock(&self.shared.pending).clear();
            if on_device {
                state.fallbacks += 1;
                let name = state.candidates.pop_front().map_or("", |candidate| candidate.name);
                tracing::warn!(source = %self.config.source, decoder = name, hung, "a device stopped decoding; software takes over");
                retired::retire(name, line);
            } else {
                state.failed_at = Some(Instant::now());
            }
        }
        let rested = state.failed_at.is_none_or(|at| at.elapsed() >= REST);
        if state.line.is_none() && key && rested {
            state.failed_at = Some(Instant::now());
            *lock(&self.shared.last_out) = (state.next_stamp, Instant::now());
            state.line = Some(open_line(&self.config, &self.shared, &mut state.candidates)?);
        }
        Ok(())
    }

    fn is_silent(&self, next_stamp: u64) -> bool {
        let (stamp, at) = *lock(&self.shared.last_out);
        next_stamp.saturating_sub(stamp) >= SILENT_UNITS && at.elapsed() >= SILENCE
    }
}

impl Drop for VideoDecoder {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let mut state = lock(&self.state);
        let line = state.line.take();
        if let Some(device) = state.candidates.front().filter(|candidate| candidate.hardware) {
            // Who drops it may be the thread that all sources' units come through.
            retired::retire(device.name, line);
        }
    }
}

impl Shared {
    fn deliver(&self, sample: &gst::Sample, known: &mut Option<(gst::Caps, Picture)>) -> Option<()> {
        let buffer = sample.buffer_owned()?;
        let caps = sample.caps()?;
        if known.as_ref().is_none_or(|(old, _)| old.as_ref() != caps) {
            *known = Some((caps.to_owned(), Picture::from_caps(caps)?));
        }
        let (_, picture) = known.as_ref()?;
        // Most decoders carry the mark along; the others keep its time.
        let mark = buffer.meta::<gst::ReferenceTimestampMeta>().map(|meta| meta.timestamp()).or(buffer.pts())?;
        let pending = self.take_pending(mark)?;
        let memory = Mapped::new(buffer, &picture.info, picture.format)?;
        if let Some(entered) = lock(&self.entered).take() {
            lock(&self.decode_ms).push(entered.elapsed().as_secs_f64() * 1_000.0);
        }
        let frame = Frame {
            source: self.source,
            seq: self.decoded.fetch_add(1, Ordering::Relaxed),
            format: picture.format,
            colour: mapped::colour(&picture.info, picture.size),
            size: picture.size,
            rotation: Rotation::None,
            capture: pending.capture,
            arrival: pending.arrival,
            memory: Memory::Cpu(Arc::new(memory)),
        };
        if !self.closed.load(Ordering::Acquire) {
            lock(&self.on_frame)(frame);
        }
        Some(())
    }

    /// Remembers a unit that goes in. A decoder that gives no pictures at all must not make this list grow.
    fn note_pending(&self, unit: Pending, max_queue: usize) {
        let mut pending = lock(&self.pending);
        if pending.len() > max_queue + 2 * MAX_REORDER as usize {
            pending.pop_front();
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        pending.push_back(unit);
    }

    /// Finds the unit of a picture by its stamp. What is older than any reordering explains gave no picture.
    fn take_pending(&self, stamp: gst::ClockTime) -> Option<Pending> {
        let mut pending = lock(&self.pending);
        let at = pending.iter().position(|entry| time_of(entry.stamp) == stamp)?;
        let found = pending.remove(at)?;
        *lock(&self.last_out) = (found.stamp, Instant::now());
        while pending.front().is_some_and(|front| front.stamp + MAX_REORDER < found.stamp) {
            pending.pop_front();
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        Some(found)
    }
}

/// What the caps of a picture say, read once for all pictures that share them.
struct Picture {
    info: gst_video::VideoInfo,
    format: PixelFormat,
    size: Size,
}

impl Picture {
    fn from_caps(caps: &gst::CapsRef) -> Option<Self> {
        let info = gst_video::VideoInfo::from_caps(caps).ok()?;
        let format = mapped::pixel_format(&info)?;
        let size = Size::new(info.width(), info.height());
        Some(Self { info, format, size })
    }
}

/// The first decoder that opens, which is then the first of the list. A device that does not open leaves the list; software goes to
/// its end, since what keeps it from opening (no memory, too many threads) may pass.
fn open_line(config: &Video, shared: &Arc<Shared>, candidates: &mut VecDeque<Candidate>) -> Result<Line, Error> {
    let mut refused = None;
    for _ in 0..candidates.len() {
        let Some(candidate) = candidates.front().copied() else { break };
        match start_line(config, shared, candidate) {
            Ok(line) => return Ok(line),
            Err(error) => {
                tracing::warn!(decoder = candidate.name, %error, "a decoder does not open");
                refused = Some(error);
                candidates.pop_front();
                if !candidate.hardware {
                    candidates.push_back(candidate);
                }
            }
        }
    }
    Err(refused.unwrap_or_else(|| Error::Missing(format!("decoder for {}", config.codec.name()))))
}

fn start_line(config: &Video, shared: &Arc<Shared>, candidate: Candidate) -> Result<Line, Error> {
    let decoder = choice::make(candidate.name)?;
    let caps = codec::caps(config.codec).ok_or_else(|| Error::Unsupported(format!("{:?} is not video", config.codec)))?;
    if let Some(pad) = decoder.static_pad("sink") {
        let shared = Arc::clone(shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            *lock(&shared.entered) = Some(Instant::now());
            gst::PadProbeReturn::Ok
        });
    }
    let plan = Plan {
        what: "decoder",
        caps,
        // Passes pictures of ours on untouched; cameras with more chroma or more bits are brought down to them.
        elements: vec![decoder, element("videoconvert")?],
        out_caps: Some(choice::picture_caps()),
        max_buffers: config.max_queue.max(1) as u64,
        block: false,
    };
    let shared = Arc::clone(shared);
    let mut known = None;
    Line::start(plan, move |sample| {
        if shared.deliver(&sample, &mut known).is_none() {
            shared.errors.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// A unit's own time inside the decoder: its number, far enough apart that no element rounds two into one.
fn time_of(stamp: u64) -> gst::ClockTime {
    gst::ClockTime::from_mseconds(stamp.saturating_mul(10))
}

#[cfg(test)]
mod tests;
