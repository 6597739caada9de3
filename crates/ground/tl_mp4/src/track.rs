//! What a track holds.

use tl_frame::h264;

/// The codec and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackConfig {
    /// H.264 with parameter sets in the sample entry (`avc1`); samples are length-prefixed without them.
    H264(h264::Parameters),
    /// AAC-LC at 48 kHz; one raw frame of 1,024 samples each.
    Aac {
        /// 1 or 2.
        channels: u16,
    },
    /// Opus at 48 kHz; one packet each.
    Opus {
        /// 1 or 2.
        channels: u16,
        /// Samples at the start that are not played.
        pre_skip: u16,
    },
}

impl TrackConfig {
    /// Whether this is sound.
    pub fn is_audio(&self) -> bool {
        !matches!(self, Self::H264(_))
    }
}

/// One track of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Not zero, distinct within the file.
    pub id: u32,
    /// Ticks a second of this track's times.
    pub timescale: u32,
    /// Codec and parameters.
    pub config: TrackConfig,
}

/// The codec string of RFC 6381: `avc1.64001f`, `mp4a.40.2` or `opus`.
pub fn codec_string(config: &TrackConfig) -> String {
    match config {
        TrackConfig::H264(parameters) => parameters.codec_string(),
        TrackConfig::Aac { .. } => "mp4a.40.2".to_owned(),
        TrackConfig::Opus { .. } => "opus".to_owned(),
    }
}
