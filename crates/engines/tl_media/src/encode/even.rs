//! Sound that leaves an encoder without a hole, whatever blocks came in: counted in samples, gaps filled, overlaps cut.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Codec, ConfigId};

use crate::line::{Line, Plan, lock};
use crate::{Error, init};

/// Blocks that may wait before the next is refused.
const MAX_QUEUE: u64 = 64;
/// A step in the capture times up to this long is rounding, not a gap.
const SLACK: i64 = 48;
/// A gap up to this long is filled with silence; a longer one starts the count anew.
const MAX_FILL: i64 = 10 * SAMPLE_RATE_HZ as i64;

/// What an encoder of sound is.
pub(super) struct Encoder {
    /// For errors.
    pub(super) what: &'static str,
    pub(super) codec: Codec,
    pub(super) elements: Vec<gst::Element>,
    pub(super) out_caps: Option<gst::Caps>,
    /// Samples of each channel in one unit.
    pub(super) frame: i64,
    /// Samples by which what a decoder gives of a unit lies behind what was put in.
    pub(super) delay: i64,
}

/// A running encoder of sound.
pub(super) struct Even {
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

struct Shared {
    frame: i64,
    delay: i64,
    units_out: i64,
    anchors: VecDeque<Anchor>,
}

impl Even {
    /// Starts an encoder for 1 or 2 channels at 48 kHz; `block` makes `push` wait for room, for work on files.
    pub(super) fn start(
        source: SourceId,
        channels: u16,
        block: bool,
        encoder: impl FnOnce() -> Result<Encoder, Error>,
        mut on_unit: impl FnMut(AccessUnit) + Send + 'static,
    ) -> Result<Self, Error> {
        init()?;
        if !(1..=2).contains(&channels) {
            return Err(Error::Unsupported(format!("sound of {channels} channels")));
        }
        let Encoder { what, codec, elements, out_caps, frame, delay } = encoder()?;
        let info = gst_audio::AudioInfo::builder(gst_audio::AudioFormat::F32le, SAMPLE_RATE_HZ, u32::from(channels)).build();
        let caps = info.and_then(|info| info.to_caps()).map_err(Error::pipeline(what))?;
        let plan = Plan { what, caps, elements, out_caps, max_buffers: MAX_QUEUE, block };
        let shared = Arc::new(Mutex::new(Shared { frame, delay, units_out: 0, anchors: VecDeque::new() }));
        let seen = Arc::clone(&shared);
        let line = Line::start(plan, move |sample| {
            let bytes = sample.buffer().and_then(|buffer| buffer.map_readable().ok());
            let Some(data) = bytes.map(|bytes| Bytes::copy_from_slice(&bytes)) else { return };
            let Some(samples) = lock(&seen).place_unit() else { return };
            let at = MediaTime::from_samples(samples);
            on_unit(AccessUnit { source, codec, config_id: ConfigId(0), capture: at, pts: at, dts: at, arrival: at, key: true, data });
        })?;
        Ok(Self { channels, line, shared, state: Mutex::new(State { next: None, given: 0 }) })
    }

    /// Takes a block; never waits in live work. When the encoder is a second behind the block is refused and its time becomes
    /// silence.
    pub(super) fn push(&self, block: &AudioBlock) -> Result<(), Error> {
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
    pub(super) fn finish(self) -> Result<(), Error> {
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
    /// Where the unit that just came out belongs; none for one that holds nothing but the encoder's run-in.
    fn place_unit(&mut self) -> Option<i64> {
        let given = self.units_out * self.frame - self.delay;
        self.units_out += 1;
        if given + self.frame <= 0 {
            return None;
        }
        while self.anchors.get(1).is_some_and(|next| next.from_given <= given) {
            self.anchors.pop_front();
        }
        Some(self.anchors.front()?.origin + given)
    }
}
