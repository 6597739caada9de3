//! The programme's sound: blocks of any length in, AAC frames of 1,024 samples out.

use tl_base::SourceId;
use tl_frame::{AccessUnit, AudioBlock, Codec};

use crate::Error;
use crate::encode::even::{Encoder, Even};
use crate::line::{element, set};

/// Samples of each channel in one AAC frame.
const FRAME: i64 = 1_024;

/// Encodes sound to AAC-LC on a thread of its own.
///
/// Units follow each other without a hole: the n-th one starts exactly n x 1,024 samples after the first block's capture
/// time, with the encoder's own delay taken off. A gap is filled with silence, an overlap is cut; after a gap of more than
/// ten seconds the count starts anew.
pub struct AacEncoder(Even);

impl AacEncoder {
    /// An encoder for 1 or 2 channels at 48 kHz that calls `on_unit` for each frame, on its own thread.
    pub fn new(source: SourceId, channels: u16, bitrate_bps: u32, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Even::start(source, channels, false, || encoder(bitrate_bps), on_unit).map(Self)
    }

    /// An encoder whose `push` waits for room, for work on files.
    pub(crate) fn for_file(source: SourceId, channels: u16, bitrate_bps: u32, on_unit: impl FnMut(AccessUnit) + Send + 'static) -> Result<Self, Error> {
        Even::start(source, channels, true, || encoder(bitrate_bps), on_unit).map(Self)
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

fn encoder(bitrate_bps: u32) -> Result<Encoder, Error> {
    let encoder = element("avenc_aac")?;
    set(&encoder, "bitrate", &bitrate_bps.to_string());
    set(&encoder, "hard-resync", "false");
    set(&encoder, "perfect-timestamp", "false");
    let out_caps = gst::Caps::builder("audio/mpeg").field("mpegversion", 4).field("stream-format", "raw").build();
    // The first frame holds nothing but the encoder's run-in.
    Ok(Encoder { what: "AAC encoder", codec: Codec::Aac, elements: vec![encoder], out_caps: Some(out_caps), frame: FRAME, delay: FRAME })
}
