//! Sound to Opus packets, for rehearsal phones and tests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use tl_base::SAMPLE_RATE_HZ;

use crate::line::{Line, Plan, element, lock, set};
use crate::{Error, init};

/// Samples of each channel in a packet: 20 ms.
const PACKET: usize = 960;

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
