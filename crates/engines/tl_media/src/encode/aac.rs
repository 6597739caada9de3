//! The programme's sound: blocks of any length in, AAC frames of 1,024 samples out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Codec, ConfigId};

use crate::line::{Line, Plan, element, lock, set};
use crate::{Error, init};

/// Samples of each channel in one AAC frame.
pub(crate) const FRAME: i64 = 1_024;
/// Blocks that may wait before the next is refused.
const MAX_QUEUE: u64 = 64;
/// A step in the capture times up to this long is rounding, not a gap.
const SLACK: i64 = 48;
/// A gap up to this long is filled with silence; a longer one starts the count anew.
const MAX_FILL: i64 = 10 * SAMPLE_RATE_HZ as i64;

/// Encodes sound to AAC-LC on a thread of its own.
///
/// Units follow each other without a hole: the n-th one starts exactly n x 1,024 samples after the first block's capture
/// time, with the encoder's own delay taken off. A gap is filled with silence, an overlap is cut; after a gap of more than
/// ten seconds the count starts anew.
pub struct AacEncoder {
    channels: u16,
    line: Line,
    shared: Arc<Mutex<Shared>>,
    state: Mutex<State>,
}

struct State {
    /// Where the next sample belongs, on the studio's sample count.
    next: Option<i64>,
    /// Samples given to the encoder.
    given: i64,
}

/// From this many given samples on, given sample 0 belongs to this place of the sample count.
struct Anchor {
    from_given: i64,
    origin: i64,
}

#[derive(Default)]
struct Shared {
    frames_out: i64,
    anchors: VecDeque<Anchor>,
}

impl AacEncoder {
    /// An encoder for 1 or 2 channels at 48 kHz that calls `on_unit` for each frame, on its own thread.
    pub fn new(source: SourceId, channels: u16, bitrate_bps: u32, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Self::start(source, channels, bitrate_bps, false, on_unit)
    }

    /// An encoder whose `push` waits for room, for work on files.
    pub(crate) fn for_file(source: SourceId, channels: u16, bitrate_bps: u32, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Self::start(source, channels, bitrate_bps, true, on_unit)
    }

    fn start(source: SourceId, channels: u16, bitrate_bps: u32, block: bool, mut on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        init()?;
        if !(1..=2).contains(&channels) {
            return Err(Error::Unsupported(format!("sound of {channels} channels")));
        }
        let encoder = element("avenc_aac")?;
        set(&encoder, "bitrate", &bitrate_bps.to_string());
        set(&encoder, "hard-resync", "false");
        set(&encoder, "perfect-timestamp", "false");
        let info = gst_audio::AudioInfo::builder(gst_audio::AudioFormat::F32le, SAMPLE_RATE_HZ, u32::from(channels)).build();
        let caps = info.and_then(|info| info.to_caps()).map_err(Error::pipeline("AAC encoder"))?;
        let out_caps = gst::Caps::builder("audio/mpeg").field("mpegversion", 4).field("stream-format", "raw").build();
        let plan = Plan { what: "AAC encoder", caps, elements: vec![encoder], out_caps: Some(out_caps), max_buffers: MAX_QUEUE, block };
        let shared = Arc::new(Mutex::new(Shared::default()));
        let seen = Arc::clone(&shared);
        let line = Line::start(plan, move |sample| {
            let bytes = sample.buffer().and_then(|buffer| buffer.map_readable().ok());
            let Some(data) = bytes.map(|bytes| Bytes::copy_from_slice(&bytes)) else { return };
            let Some(samples) = lock(&seen).place_frame() else { return };
            let at = MediaTime::from_samples(samples);
            on_unit(AccessUnit { source, codec: Codec::Aac, config_id: ConfigId(0), capture: at, pts: at, dts: at, arrival: at, key: true, data });
        })?;
        Ok(Self { channels, line, shared, state: Mutex::new(State { next: None, given: 0 }) })
    }

    /// Takes a block; never waits. When the encoder is a second behind the block is refused and its time becomes silence.
    pub fn push(&self, block: &AudioBlock) -> Result<(), Error> {
        if block.rate_hz != SAMPLE_RATE_HZ || block.channels != self.channels {
            return Err(Error::Unsupported(format!("sound of {} Hz and {} channels", block.rate_hz, block.channels)));
        }
        let mut state = lock(&self.state);
        let start = block.capture.to_samples();
        let gap = state.next.map_or(0, |next| start - next);
        let channels = usize::from(self.channels);
        if state.next.is_none() || gap > MAX_FILL {
            let origin = start - state.given;
            lock(&self.shared).anchors.push_back(Anchor { from_given: state.given, origin });
            state.next = Some(start);
        } else if gap > SLACK {
            let silence = vec![0.0; usize::try_from(gap).unwrap_or_default() * channels];
            self.give(&mut state, &silence)?;
        }
        let overlap = usize::try_from(-gap).unwrap_or_default();
        let skip = if overlap as i64 > SLACK { overlap * channels } else { 0 };
        self.give(&mut state, block.samples.get(skip..).unwrap_or_default())
    }

    /// Encodes what waits, hands it to the callback and ends.
    pub fn finish(self) -> Result<(), Error> {
        self.line.drain(Duration::from_secs(10))
    }

    fn give(&self, state: &mut State, samples: &[f32]) -> Result<(), Error> {
        if samples.is_empty() {
            return Ok(());
        }
        let frames = (samples.len() / usize::from(self.channels)) as i64;
        let mut buffer = gst::Buffer::from_slice(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>());
        if let Some(buffer) = buffer.get_mut() {
            let nanos = |samples: i64| gst::ClockTime::from_nseconds(MediaTime::from_samples(samples).nanos().unsigned_abs());
            buffer.set_pts(nanos(state.given));
            buffer.set_duration(nanos(frames));
        }
        self.line.push(buffer)?;
        state.given += frames;
        state.next = state.next.map(|next| next + frames);
        Ok(())
    }
}

impl Shared {
    /// Where the frame that just came out belongs. The first frame holds nothing but the encoder's run-in.
    fn place_frame(&mut self) -> Option<i64> {
        let given = (self.frames_out - 1) * FRAME;
        self.frames_out += 1;
        if given < 0 {
            return None;
        }
        while self.anchors.get(1).is_some_and(|next| next.from_given <= given) {
            self.anchors.pop_front();
        }
        Some(self.anchors.front()?.origin + given)
    }
}
