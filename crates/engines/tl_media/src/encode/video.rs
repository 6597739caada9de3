//! The programme's pictures: one in, one encoded unit out at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gst::prelude::*;

use tl_base::{MediaTime, Rate, Size, SourceId};
use tl_frame::{AccessUnit, Codec, Colour, ConfigId, Frame, PixelFormat, h264};

use crate::encode::choice;
use crate::line::{Line, Plan, element, lock};
use crate::mapped;
use crate::{Error, init};

/// Pictures that may wait before the next is refused.
const MAX_QUEUE: u64 = 3;
/// An encoder's own clock starts here: x264 would otherwise shift every time by it to keep decoding times positive.
const CLOCK_START: gst::ClockTime = gst::ClockTime::from_seconds(3_600_000);
/// How long an ending encoder may take to give out what it holds.
const DRAIN: Duration = Duration::from_secs(10);

/// An encoder that holds a picture for so long without giving one out is stuck.
const HANG_LIMIT: Duration = Duration::from_millis(1_500);

/// How an encoder fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// What goes in comes out.
    Well,
    /// Pictures go in and nothing comes out.
    Hung {
        /// For how long.
        silent: Duration,
    },
    /// It has stopped by an error.
    Failed {
        /// The library's own words.
        detail: String,
    },
}

/// What to encode, and how.
#[derive(Clone, Debug)]
pub struct Video {
    /// Whose units these will be.
    pub source: SourceId,
    /// The one size of all pictures, both sides even.
    pub size: Size,
    /// Pictures a second, for rate control.
    pub rate: Rate,
    /// Target, bits a second; kept over one second.
    pub bitrate_bps: u32,
    /// The longest distance between key pictures, counted in capture time; a key that is asked for starts it anew.
    pub gop: MediaTime,
    /// An encoder by its element's name; none takes the best that works.
    pub encoder: Option<String>,
}

/// Encodes one stream of pictures to H.264 without B-frames on a thread of its own, parameter sets before every key picture.
///
/// A unit carries its picture's capture time unchanged, as `capture`, `pts` and `dts`. A late picture is encoded like any
/// other; a missing one leaves a gap in the times.
pub struct VideoEncoder {
    config: Video,
    name: String,
    encoder: gst::Element,
    line: Line,
    format: PixelFormat,
    shared: Arc<Mutex<Shared>>,
    state: Mutex<State>,
}

struct State {
    next_stamp: u64,
    key_due: Option<MediaTime>,
    key_asked: bool,
}

/// A picture inside the encoder.
struct Pending {
    stamp: u64,
    capture: MediaTime,
    arrival: MediaTime,
    since: Instant,
}

#[derive(Default)]
struct Shared {
    pending: VecDeque<Pending>,
    /// When the last unit came out.
    gave: Option<Instant>,
    parameters: Option<h264::Parameters>,
    config_id: ConfigId,
}

impl VideoEncoder {
    /// An encoder for I420 pictures that calls `on_unit` for each unit, on its own thread.
    pub fn new(config: Video, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Self::with_format(config, PixelFormat::I420, on_unit)
    }

    /// The same for pictures of the given layout.
    pub fn with_format(config: Video, format: PixelFormat, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Self::start(config, format, false, Arc::new(Mutex::new(on_unit)))
    }

    /// An encoder whose `push` waits for room, for work on files.
    pub(crate) fn for_file(config: Video, format: PixelFormat, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Self::start(config, format, true, Arc::new(Mutex::new(on_unit)))
    }

    fn start(config: Video, format: PixelFormat, block: bool, on_unit: Arc<Mutex<dyn FnMut(AccessUnit) + Send>>) -> Result<Self, Error> {
        init()?;
        let size = config.size;
        if size.short_side() < 16 || size.long_side() > 4_096 || !size.width.is_multiple_of(2) || !size.height.is_multiple_of(2) {
            return Err(Error::Unsupported(format!("encoding pictures of {}x{}", size.width, size.height)));
        }
        let names = choice::candidates(config.encoder.as_deref());
        let mut last = None;
        for name in &names {
            let shared = Arc::new(Mutex::new(Shared::default()));
            match start_line(&config, name, format, block, &shared, Arc::clone(&on_unit)) {
                Ok((encoder, line)) => {
                    let state = Mutex::new(State { next_stamp: 0, key_due: None, key_asked: false });
                    return Ok(Self { config, name: name.clone(), encoder, line, format, shared, state });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.filter(|_| config.encoder.is_some()).unwrap_or_else(|| Error::NoEncoder(names.join(", "))))
    }

    /// Takes a picture; never waits. When the encoder is behind the picture is refused, and a key that was asked for comes
    /// with the next picture taken.
    pub fn push(&self, picture: Frame, force_key: bool) -> Result<(), Error> {
        if picture.size != self.config.size {
            return Err(Error::OtherSize { expected: self.config.size, got: picture.size });
        }
        if picture.format != self.format {
            return Err(Error::Unsupported(format!("{:?} in an encoder for {:?}", picture.format, self.format)));
        }
        let mut state = lock(&self.state);
        state.key_asked |= force_key;
        let mut buffer = mapped::lend(&picture)?;
        let stamp = state.next_stamp;
        let pts = self.time_of(stamp);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(pts);
            buffer.set_duration(gst::ClockTime::from_nseconds(self.config.rate.period().nanos().unsigned_abs()));
        }
        let key = state.key_asked || state.key_due.is_none_or(|due| picture.capture >= due);
        if !self.line.is_blocking() && !self.line.has_room() {
            return Err(Error::Full);
        }
        if key {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().running_time(pts).all_headers(true).build();
            self.line.send_upstream(&self.encoder, event);
        }
        lock(&self.shared).pending.push_back(Pending { stamp, capture: picture.capture, arrival: picture.arrival, since: Instant::now() });
        if let Err(error) = self.line.push(buffer) {
            lock(&self.shared).pending.retain(|entry| entry.stamp != stamp);
            return Err(error);
        }
        state.next_stamp += 1;
        if key {
            state.key_asked = false;
            state.key_due = Some(picture.capture + self.config.gop);
        }
        Ok(())
    }

    /// How it fares. Cheap: nothing is asked of the encoder itself, which may be stuck.
    pub fn health(&self) -> Health {
        if let Some(detail) = self.line.error() {
            return Health::Failed { detail };
        }
        let shared = lock(&self.shared);
        let Some(oldest) = shared.pending.front() else { return Health::Well };
        let silent = shared.gave.map_or(oldest.since, |gave| gave.max(oldest.since)).elapsed();
        if silent > HANG_LIMIT { Health::Hung { silent } } else { Health::Well }
    }

    /// Makes it stand still as a driver does that never returns, for tests.
    #[doc(hidden)]
    pub fn inject_hang(&self) {
        if let Some(pad) = self.encoder.static_pad("src") {
            pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
        }
    }

    /// Makes it fail as a lost device does, for tests.
    #[doc(hidden)]
    pub fn inject_failure(&self) {
        gst::element_error!(self.encoder, gst::StreamError::Encode, ["a fault on purpose"]);
    }

    /// The encoder in use, by its element's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Encodes what waits, hands it to the callback and ends.
    pub fn finish(self) -> Result<(), Error> {
        self.drain(DRAIN)
    }

    /// The same within another limit; nothing is taken any more.
    pub(crate) fn drain(&self, limit: Duration) -> Result<(), Error> {
        self.line.drain(limit)
    }

    /// A picture's time inside the encoder: evenly spaced, so that rate control sees the stated rate.
    fn time_of(&self, stamp: u64) -> gst::ClockTime {
        CLOCK_START + gst::ClockTime::from_nseconds(self.config.rate.tick_start(stamp).nanos().unsigned_abs())
    }
}

type OnUnit = Arc<Mutex<dyn FnMut(AccessUnit) + Send>>;

fn start_line(
    config: &Video,
    name: &str,
    format: PixelFormat,
    block: bool,
    shared: &Arc<Mutex<Shared>>,
    on_unit: OnUnit,
) -> Result<(gst::Element, Line), Error> {
    let encoder = element(name)?;
    choice::configure(&encoder, name, config);
    let fraction = gst::Fraction::new(i32::try_from(config.rate.num).unwrap_or(30), i32::try_from(config.rate.den).unwrap_or(1));
    let info = gst_video::VideoInfo::builder(mapped::video_format(format), config.size.width, config.size.height).fps(fraction);
    let info = info.colorimetry(&mapped::colorimetry(Colour::PROGRAMME)).build().map_err(Error::pipeline("encoder"))?;
    let caps = info.to_caps().map_err(Error::pipeline("encoder"))?;
    let mut elements = Vec::new();
    if choice::is_hardware(name) || (name == "openh264enc" && format == PixelFormat::Nv12) {
        elements.push(element("videoconvert")?);
    }
    elements.push(encoder.clone());
    let out_caps = gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au");
    let plan = Plan { what: "encoder", caps, elements, out_caps: Some(out_caps.build()), max_buffers: MAX_QUEUE, block };
    let (source, rate) = (config.source, config.rate);
    let shared = Arc::clone(shared);
    let line = Line::start(plan, move |sample| {
        if let Some(unit) = unit_of(source, rate, sample, &shared) {
            lock(&on_unit)(unit);
        }
    })?;
    Ok((encoder, line))
}

fn unit_of(source: SourceId, rate: Rate, sample: gst::Sample, shared: &Mutex<Shared>) -> Option<AccessUnit> {
    let buffer = sample.buffer_owned()?;
    drop(sample);
    let since = buffer.pts()?.checked_sub(CLOCK_START)?;
    let key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
    let mut data = Bytes::from_owner(buffer.into_mapped_buffer_readable().ok()?);
    let mut shared = lock(shared);
    let is_it = |entry: &Pending| rate.tick_start(entry.stamp).nanos().unsigned_abs().abs_diff(since.nseconds()) < 1_000_000;
    let at = shared.pending.iter().position(is_it)?;
    // What stands in front was skipped by the encoder.
    let pending = shared.pending.drain(..=at).next_back()?;
    shared.gave = Some(Instant::now());
    if key {
        if let Some(found) = h264::Parameters::find(&data) {
            if shared.parameters.as_ref().is_some_and(|old| *old != found) {
                shared.config_id.0 += 1;
            }
            shared.parameters = Some(found);
        } else if let Some(known) = &shared.parameters {
            data = h264::with_parameter_sets(&data, known);
        }
    }
    let Pending { capture, arrival, .. } = pending;
    Some(AccessUnit { source, codec: Codec::H264, config_id: shared.config_id, capture, pts: capture, dts: capture, arrival, key, data })
}
