//! Sound to Opus packets: live for viewers, phones and inputs that send something else, and whole for rehearsal phones.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use tl_base::{SAMPLE_RATE_HZ, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Codec};

use crate::encode::even::{Encoder, Even};
use crate::line::{Line, Plan, element, lock, set};
use crate::{Error, init};

/// Samples of each channel in a packet: 20 ms.
const PACKET: usize = 960;
/// Samples that libopus looks ahead at 48 kHz (`OPUS_GET_LOOKAHEAD`); decoded sound lies so far behind.
const LOOKAHEAD: i64 = 312;

/// Encodes sound to Opus on a thread of its own, 20 ms to a packet.
///
/// Packets follow each other without a hole: the n-th one's capture time is n x 960 samples after the first block's, less
/// what the encoder looks ahead, so that decoded sound lies where it was heard. A gap is filled with silence, an overlap is
/// cut; after a gap of more than ten seconds the count starts anew.
pub struct OpusEncoder(Even);

impl OpusEncoder {
    /// An encoder for 1 or 2 channels at 48 kHz that calls `on_unit` for each packet, on its own thread.
    pub fn new(source: SourceId, channels: u16, bitrate_bps: u32, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Even::start(source, channels, false, || live(bitrate_bps), on_unit).map(Self)
    }

    /// Takes a block; never waits. When the encoder is a second behind the block is refused and its time becomes silence.
    pub fn push(&self, block: &AudioBlock) -> Result<(), Error> {
        self.0.push(block)
    }

    /// Encodes what waits, hands it to the callback and ends.
    pub fn finish(self) -> Result<(), Error> {
        self.0.finish()
    }
}

fn live(bitrate_bps: u32) -> Result<Encoder, Error> {
    let convert = element("audioconvert")?;
    set(&convert, "dithering", "none");
    let encoder = element("opusenc")?;
    let bitrate = bitrate_bps.clamp(4_000, 650_000).to_string();
    for (name, value) in [("frame-size", "20"), ("bitrate", &bitrate), ("bitrate-type", "cbr"), ("audio-type", "generic"), ("complexity", "5")] {
        set(&encoder, name, value);
    }
    let elements = vec![convert, encoder];
    Ok(Encoder { what: "Opus encoder", codec: Codec::Opus, elements, out_caps: None, frame: PACKET as i64, delay: LOOKAHEAD })
}

/// Encodes interleaved 48 kHz stereo to packets of 20 ms at 64 kbit/s; a last incomplete packet is filled with silence.
pub fn encode_opus(samples: &[f32]) -> Result<Vec<Bytes>, Error> {
    init()?;
    let encoder = element("opusenc")?;
    for (name, value) in [("frame-size", "20"), ("bitrate", "64000"), ("bitrate-type", "cbr"), ("audio-type", "generic"), ("complexity", "5")] {
        set(&encoder, name, value);
    }
    let info = gst_audio::AudioInfo::builder(gst_audio::AudioFormat::S16le, SAMPLE_RATE_HZ, 2).build().map_err(Error::pipeline("Opus encoder"))?;
    let plan = Plan {
        what: "Opus encoder",
        caps: info.to_caps().map_err(Error::pipeline("Opus encoder"))?,
        elements: vec![encoder],
        out_caps: None,
        max_buffers: 8,
        block: true,
    };
    let packets = Arc::new(Mutex::new(Vec::new()));
    let made = Arc::clone(&packets);
    let line = Line::start(plan, move |sample| {
        if let Some(bytes) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            lock(&made).push(Bytes::copy_from_slice(&bytes));
        }
    })?;
    let wanted = samples.len().div_ceil(2 * PACKET);
    for (index, chunk) in samples.chunks(2 * PACKET).enumerate() {
        let mut bytes: Vec<u8> = chunk.iter().flat_map(|sample| ((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes()).collect();
        bytes.resize(4 * PACKET, 0);
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_mseconds(20 * index as u64));
            buffer.set_duration(gst::ClockTime::from_mseconds(20));
        }
        line.push(buffer)?;
    }
    line.drain(Duration::from_secs(60))?;
    drop(line);
    let mut packets = std::mem::take(&mut *lock(&packets));
    // The encoder may flush its delay as one packet more.
    packets.truncate(wanted);
    Ok(packets)
}
