//! One source's pictures: an encoded unit in, its picture out at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use tl_base::{MediaTime, Size, SourceId, Window};
use tl_frame::{AccessUnit, Codec, Frame, Memory, PixelFormat, Rotation, h264, vp8};

use crate::line::{Line, Plan, element, lock, set};
use crate::mapped::{self, Mapped};
use crate::{Error, init};

/// The longest side decoded. A stream that claims more is refused before a decoder takes memory for it.
const MAX_SIDE_PX: u32 = 4_096;
/// The largest encoded picture taken.
const MAX_UNIT_BYTES: usize = 8 << 20;
/// How far pictures may leave the decoder out of the order in which they went in.
const MAX_REORDER: u64 = 16;
/// How long a decoder that failed rests before it is built again.
const REST: Duration = Duration::from_millis(500);

/// What to decode.
#[derive(Clone, Copy, Debug)]
pub struct Video {
    /// Whose pictures these are.
    pub source: SourceId,
    /// H.264 or VP8.
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
}

/// Decodes one source on a thread of its own.
///
/// Late input is decoded like any other; missing input leaves a gap; broken input gives no picture, and the first key
/// picture after it is shown again. Streams without reordered pictures leave as they come, one for one.
pub struct VideoDecoder {
    config: Video,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    line: Option<Line>,
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
        };
        let shared = Arc::new(shared);
        let line = Some(start_line(&config, &shared)?);
        let state =
            State { line, failed_at: None, next_stamp: 0, needs_key: true, only_keys: false, reference: gst::Caps::new_empty_simple("timestamp/x-unit") };
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
        if key && let Err(error) = check_size(&unit) {
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(error);
        }
        self.revive(&mut state, key)?;
        let Some(line) = &state.line else {
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        if !line.has_room() {
            state.needs_key = true;
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(());
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
        let pushed = line.push(buffer);
        state.next_stamp += 1;
        state.needs_key = pushed.is_err();
        pushed
    }

    /// Decodes key pictures alone, to save work on a camera that nobody looks at; back again from the next key picture.
    pub fn key_frames_only(&self, only: bool) {
        lock(&self.state).only_keys = only;
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        Stats {
            decode_ms: lock(&self.shared.decode_ms).mean(),
            decoded: self.shared.decoded.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            errors: self.shared.errors.load(Ordering::Relaxed),
        }
    }

    /// Takes a failed line away at once and builds it again at a key picture after a rest.
    fn revive(&self, state: &mut State, key: bool) -> Result<(), Error> {
        if state.line.as_ref().is_some_and(Line::has_failed) {
            state.line = None;
            state.failed_at = Some(Instant::now());
            self.shared.errors.fetch_add(1, Ordering::Relaxed);
            lock(&self.shared.pending).clear();
        }
        let rested = state.failed_at.is_none_or(|at| at.elapsed() >= REST);
        if state.line.is_none() && key && rested {
            state.failed_at = Some(Instant::now());
            state.line = Some(start_line(&self.config, &self.shared)?);
        }
        Ok(())
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
        let pending = self.take_pending(buffer.meta::<gst::ReferenceTimestampMeta>()?.timestamp())?;
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
        lock(&self.on_frame)(frame);
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

fn start_line(config: &Video, shared: &Arc<Shared>) -> Result<Line, Error> {
    let (decoder, caps) = match config.codec {
        Codec::H264 => {
            let decoder = element("avdec_h264")?;
            set(&decoder, "max-threads", "1");
            // Outside a live pipeline the decoder picks strict compliance, which holds back pictures in case of reordering.
            set(&decoder, "std-compliance", "normal");
            (decoder, gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au").build())
        }
        Codec::Vp8 => {
            let decoder = element("vp8dec")?;
            set(&decoder, "threads", "1");
            (decoder, gst::Caps::new_empty_simple("video/x-vp8"))
        }
        other => return Err(Error::Unsupported(format!("{other:?} is not video"))),
    };
    set(&decoder, "output-corrupt", "false");
    set(&decoder, "discard-corrupted-frames", "true");
    set(&decoder, "qos", "false");
    set(&decoder, "max-errors", "-1");
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
        elements: vec![decoder],
        out_caps: Some(gst_video::VideoCapsBuilder::new().format_list([gst_video::VideoFormat::I420, gst_video::VideoFormat::Nv12]).build()),
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

fn is_key(unit: &AccessUnit) -> bool {
    match unit.codec {
        Codec::H264 => unit.key && h264::is_key(&unit.data),
        _ => unit.key && vp8::is_key(&unit.data),
    }
}

/// Refuses parameter sets that cannot be read or ask for more memory than a camera's picture needs.
fn check_size(unit: &AccessUnit) -> Result<(), Error> {
    let fits = |size: Option<Size>| size.is_some_and(|size| size.long_side() <= MAX_SIDE_PX);
    let fine = match unit.codec {
        Codec::H264 => h264::nals(&unit.data).filter(|nal| h264::kind(nal) == h264::SPS).all(|sps| fits(h264::sps_size(sps))),
        _ => fits(vp8::size(&unit.data)),
    };
    if fine { Ok(()) } else { Err(Error::Unsupported(format!("a key picture without a size up to {MAX_SIDE_PX}"))) }
}
