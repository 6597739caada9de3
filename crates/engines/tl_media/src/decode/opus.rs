//! One source's sound: Opus packets in, 48 kHz stereo blocks out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tl_base::{MediaTime, SAMPLE_RATE_HZ, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Codec};

use crate::line::{Line, Plan, element, lock, set};
use crate::{Error, init};

/// Packets that may wait; one second of the usual 20 ms.
const MAX_QUEUE: usize = 50;
/// The longest packet of RFC 6716 with room for several frames.
const MAX_PACKET_BYTES: usize = 8_000;

/// Decodes one source's Opus on a thread of its own.
///
/// A missing packet leaves a gap in the capture times; a broken one gives nothing. The mixer fills gaps, because it alone
/// knows whether this source is heard.
pub struct OpusDecoder {
    source: SourceId,
    line: Line,
    pending: Arc<Mutex<Pending>>,
}

#[derive(Default)]
struct Pending {
    /// The decoder's own unbroken timeline, in samples.
    next: u64,
    entries: VecDeque<(u64, MediaTime)>,
}

impl OpusDecoder {
    /// A decoder that calls `on_block` for each packet, on its own thread.
    pub fn new(source: SourceId, mut on_block: impl FnMut(AudioBlock) + Send + 'static) -> Result<Self, Error> {
        init()?;
        let decoder = element("opusdec")?;
        set(&decoder, "plc", "false");
        set(&decoder, "max-errors", "-1");
        let caps = gst::Caps::builder("audio/x-opus").field("channel-mapping-family", 0).field("channels", 2).field("rate", SAMPLE_RATE_HZ as i32);
        let out_caps = gst::Caps::builder("audio/x-raw").field("rate", SAMPLE_RATE_HZ as i32).field("channels", 2).build();
        let plan =
            Plan { what: "Opus decoder", caps: caps.build(), elements: vec![decoder], out_caps: Some(out_caps), max_buffers: MAX_QUEUE as u64, block: false };
        let pending = Arc::new(Mutex::new(Pending::default()));
        let known = Arc::clone(&pending);
        let line = Line::start(plan, move |sample| {
            if let Some(block) = block_of(source, &sample, &known) {
                on_block(block);
            }
        })?;
        Ok(Self { source, line, pending })
    }

    /// Takes a packet; never waits. A packet that finds the queue full is refused.
    pub fn push(&self, unit: AccessUnit) -> Result<(), Error> {
        let samples = samples_of(&unit.data).filter(|_| unit.codec == Codec::Opus && unit.source == self.source && unit.data.len() <= MAX_PACKET_BYTES);
        let Some(samples) = samples else { return Err(Error::Unsupported("what is no Opus packet of this source".to_owned())) };
        let mut pending = lock(&self.pending);
        let at = pending.next;
        let mut buffer = gst::Buffer::from_slice(unit.data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time_of(at));
            buffer.set_duration(time_of(samples));
        }
        self.line.push(buffer)?;
        pending.next += samples;
        if pending.entries.len() > 2 * MAX_QUEUE {
            pending.entries.pop_front();
        }
        pending.entries.push_back((at, unit.capture));
        Ok(())
    }
}

fn block_of(source: SourceId, sample: &gst::Sample, pending: &Mutex<Pending>) -> Option<AudioBlock> {
    let buffer = sample.buffer()?;
    let pts = buffer.pts()?;
    let capture = {
        let mut pending = lock(pending);
        // Half a millisecond covers the decoder's rounding; the shortest packet lasts 2.5 ms.
        let slack = gst::ClockTime::from_useconds(500);
        while pending.entries.front().is_some_and(|(at, _)| time_of(*at) + slack < pts) {
            pending.entries.pop_front();
        }
        pending.entries.pop_front()?.1
    };
    let bytes = buffer.map_readable().ok()?;
    let samples: Arc<[f32]> = bytes.as_chunks::<2>().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_768.0).collect();
    Some(AudioBlock { source, capture, rate_hz: SAMPLE_RATE_HZ, channels: 2, samples })
}

fn time_of(samples: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(MediaTime::from_samples(i64::try_from(samples).unwrap_or(i64::MAX)).nanos().unsigned_abs())
}

/// Samples at 48 kHz that a packet's first bytes promise (RFC 6716, section 3.1).
pub(crate) fn samples_of(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    let frame = match config {
        0..12 => [480, 960, 1_920, 2_880].get(usize::from(config & 3)).copied()?,
        12..16 => [480, 960].get(usize::from(config & 1)).copied()?,
        _ => [120, 240, 480, 960].get(usize::from(config & 3)).copied()?,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(*packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (samples > 0 && samples <= 5_760).then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_how_long_a_packet_lasts() {
        assert_eq!(samples_of(&[0xfc]), Some(960));
        assert_eq!(samples_of(&[0x80]), Some(120));
        assert_eq!(samples_of(&[0x03, 0x02]), Some(960));
        assert_eq!(samples_of(&[0x1b, 0x3f]), None);
        assert_eq!(samples_of(&[]), None);
    }
}
