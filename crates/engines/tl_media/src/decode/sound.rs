//! One source's sound, however it is encoded: packets in, blocks of one or two channels out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tl_base::{MediaTime, SourceId};
use tl_frame::{AccessUnit, AudioBlock, Codec, adts};

use crate::decode::OpusDecoder;
use crate::line::{Line, Plan, element, lock, set};
use crate::{Error, init};

/// Frames that may wait; a second of the usual 21 ms.
const MAX_QUEUE: usize = 50;
/// The AAC decoders known, best first.
const AAC_DECODERS: [&str; 3] = ["avdec_aac", "fdkaacdec", "faad"];

type OnBlock = Arc<Mutex<dyn FnMut(AudioBlock) + Send>>;

/// Decodes one source's Opus or AAC on a thread of its own. The codec, the rate and the channels may change from unit to unit.
///
/// Blocks keep the rate that was decoded and have 1 or 2 channels; more are mixed down. A missing packet leaves a gap in the
/// capture times; a broken one gives nothing. The mixer fills gaps, because it alone knows whether this source is heard.
pub struct SoundDecoder {
    source: SourceId,
    on_block: OnBlock,
    current: Mutex<Option<Current>>,
}

enum Current {
    Opus(OpusDecoder),
    Aac(AacDecoder),
}

impl SoundDecoder {
    /// A decoder that calls `on_block` for each packet, on its own thread. It opens when the first packet says what it is.
    pub fn new(source: SourceId, on_block: impl FnMut(AudioBlock) + Send + 'static) -> Result<Self, Error> {
        init()?;
        Ok(Self { source, on_block: Arc::new(Mutex::new(on_block)), current: Mutex::new(None) })
    }

    /// Takes a packet; never waits. A packet that finds the queue full is refused.
    pub fn push(&self, unit: AccessUnit) -> Result<(), Error> {
        if unit.source != self.source {
            return Err(Error::Unsupported("sound of another source".to_owned()));
        }
        let mut current = lock(&self.current);
        match unit.codec {
            Codec::Opus => self.push_opus(&mut current, unit),
            Codec::AacAdts => self.push_aac(&mut current, unit),
            other => Err(Error::Unsupported(format!("{other:?} from a source"))),
        }
    }

    fn push_opus(&self, current: &mut Option<Current>, unit: AccessUnit) -> Result<(), Error> {
        if !matches!(current, Some(Current::Opus(_))) {
            // The one before ends first, so that its last block does not come behind this one's first.
            *current = None;
            let on_block = Arc::clone(&self.on_block);
            *current = Some(Current::Opus(OpusDecoder::new(self.source, move |block| lock(&on_block)(block))?));
        }
        match current {
            Some(Current::Opus(decoder)) => decoder.push(unit),
            _ => Ok(()),
        }
    }

    fn push_aac(&self, current: &mut Option<Current>, unit: AccessUnit) -> Result<(), Error> {
        let whole = adts::Header::parse(&unit.data).filter(|header| header.frame_bytes == unit.data.len());
        let header = whole.ok_or_else(|| Error::Unsupported("what is no AAC frame with its header".to_owned()))?;
        let fits = matches!(current, Some(Current::Aac(decoder)) if decoder.header.same_sound(&header) && !decoder.line.has_failed());
        if !fits {
            *current = None;
            *current = Some(Current::Aac(AacDecoder::new(self.source, header, Arc::clone(&self.on_block))?));
        }
        match current {
            Some(Current::Aac(decoder)) => decoder.push(&unit, &header),
            _ => Ok(()),
        }
    }
}

/// Decodes AAC of one configuration.
struct AacDecoder {
    header: adts::Header,
    line: Line,
    pending: Arc<Mutex<Pending>>,
}

#[derive(Default)]
struct Pending {
    /// The decoder's own unbroken timeline, in samples of the core's rate.
    next: u64,
    entries: VecDeque<(gst::ClockTime, MediaTime)>,
}

impl AacDecoder {
    fn new(source: SourceId, header: adts::Header, on_block: OnBlock) -> Result<Self, Error> {
        let decoder = AAC_DECODERS.iter().find_map(|name| element(name).ok()).ok_or_else(|| Error::Missing("AAC decoder".to_owned()))?;
        set(&decoder, "plc", "false");
        set(&decoder, "max-errors", "-1");
        let caps = gst::Caps::builder("audio/mpeg")
            .field("mpegversion", 4)
            .field("stream-format", "raw")
            .field("framed", true)
            .field("rate", i32::try_from(header.rate_hz()).unwrap_or_default())
            // Configuration 7 means eight channels.
            .field("channels", if header.channels == 7 { 8 } else { i32::from(header.channels) })
            .field("codec_data", gst::Buffer::from_slice(header.audio_specific_config()))
            .build();
        let out_caps = gst_audio::AudioCapsBuilder::new_interleaved().format(gst_audio::AudioFormat::F32le).channels_range(1..=2).build();
        let elements = vec![decoder, element("audioconvert")?];
        let plan = Plan { what: "AAC decoder", caps, elements, out_caps: Some(out_caps), max_buffers: MAX_QUEUE as u64, block: false };
        let pending = Arc::new(Mutex::new(Pending::default()));
        let known = Arc::clone(&pending);
        let line = Line::start(plan, move |sample| {
            if let Some(block) = block_of(source, &sample, &known) {
                lock(&on_block)(block);
            }
        })?;
        Ok(Self { header, line, pending })
    }

    fn push(&self, unit: &AccessUnit, header: &adts::Header) -> Result<(), Error> {
        let samples = u64::from(header.samples());
        let mut pending = lock(&self.pending);
        let at = self.time_of(pending.next);
        let mut buffer = gst::Buffer::from_slice(unit.data.slice(header.header_bytes..));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(at);
            buffer.set_duration(self.time_of(samples));
        }
        self.line.push(buffer)?;
        pending.next += samples;
        if pending.entries.len() > 2 * MAX_QUEUE {
            pending.entries.pop_front();
        }
        pending.entries.push_back((at, unit.capture));
        Ok(())
    }

    fn time_of(&self, samples: u64) -> gst::ClockTime {
        let nanos = u128::from(samples) * 1_000_000_000 / u128::from(self.header.rate_hz());
        gst::ClockTime::from_nseconds(u64::try_from(nanos).unwrap_or(u64::MAX - 1))
    }
}

fn block_of(source: SourceId, sample: &gst::Sample, pending: &Mutex<Pending>) -> Option<AudioBlock> {
    let buffer = sample.buffer()?;
    let pts = buffer.pts()?;
    let info = gst_audio::AudioInfo::from_caps(sample.caps()?).ok()?;
    let capture = {
        let mut pending = lock(pending);
        // Half a frame of the highest rate covers the decoder's rounding.
        let slack = gst::ClockTime::from_mseconds(5);
        while pending.entries.front().is_some_and(|(at, _)| *at + slack < pts) {
            pending.entries.pop_front();
        }
        let (at, _) = *pending.entries.front()?;
        if at > pts + slack {
            return None;
        }
        pending.entries.pop_front()?.1
    };
    let bytes = buffer.map_readable().ok()?;
    let samples: Arc<[f32]> = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    Some(AudioBlock { source, capture, rate_hz: info.rate(), channels: u16::try_from(info.channels()).ok()?, samples })
}
