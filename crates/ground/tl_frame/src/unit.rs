//! One encoded picture or sound packet.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tl_base::{MediaTime, SourceId};

/// How the bytes of an access unit are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// H.264, Annex B byte stream; a key picture carries its SPS and PPS in front (ITU-T H.264, annex B).
    H264,
    /// VP8, one frame (RFC 6386).
    Vp8,
    /// H.265, Annex B byte stream; a key picture carries its VPS, SPS and PPS in front (ITU-T H.265, annex B).
    H265,
    /// VP9, one superframe (VP9 bitstream specification, annex B).
    Vp9,
    /// AV1, one temporal unit in the low-overhead format (AV1 bitstream specification, section 5).
    Av1,
    /// One JPEG image (ITU-T T.81); every picture is a key.
    Mjpeg,
    /// Opus, one packet (RFC 6716), 48 kHz.
    Opus,
    /// AAC-LC, one raw frame of 1,024 samples without ADTS header, 48 kHz stereo: the programme's own.
    Aac,
    /// One AAC frame behind its ADTS header (ISO/IEC 13818-7, section 6.2): a source's, of any rate and channels.
    AacAdts,
}

impl Codec {
    /// Whether this is sound.
    pub fn is_audio(self) -> bool {
        matches!(self, Self::Opus | Self::Aac | Self::AacAdts)
    }

    /// Its name in snapshots, logs and file lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Vp8 => "vp8",
            Self::H265 => "h265",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
            Self::Mjpeg => "mjpeg",
            Self::Opus => "opus",
            Self::Aac | Self::AacAdts => "aac",
        }
    }
}

/// Counts up whenever a source's codec configuration (parameter sets, size) changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigId(pub u32);

/// One encoded picture or sound packet.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// Who made it.
    pub source: SourceId,
    /// How it is encoded.
    pub codec: Codec,
    /// Which configuration of the source it belongs to.
    pub config_id: ConfigId,
    /// When the light or sound it carries was captured, by the source's estimated clock.
    pub capture: MediaTime,
    /// Presentation time on the source's own evenly spaced timeline; equal to `capture` where that is all there is.
    pub pts: MediaTime,
    /// Decoding time; equal to `pts` without reordered pictures.
    pub dts: MediaTime,
    /// When its last byte arrived here.
    pub arrival: MediaTime,
    /// Whether decoding may start here.
    pub key: bool,
    /// The bytes.
    pub data: Bytes,
}
