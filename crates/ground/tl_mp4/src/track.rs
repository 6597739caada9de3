//! What a track holds.

use tl_base::Size;
use tl_frame::{av1, h264, h265, vp9};

/// The codec and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackConfig {
    /// H.264 with parameter sets in the sample entry (`avc1`); samples are length-prefixed without them.
    H264(h264::Parameters),
    /// H.265 with parameter sets in the sample entry (`hvc1`); samples are length-prefixed without them.
    H265(h265::Parameters),
    /// VP9; one superframe each.
    Vp9(Vp9),
    /// AV1; one temporal unit without its delimiter each.
    Av1(av1::Sequence),
    /// AAC-LC at 48 kHz; one raw frame of 1,024 samples each.
    Aac {
        /// 1 or 2.
        channels: u16,
    },
    /// AAC as a source sent it; one raw frame each.
    SourceAac {
        /// AAC's object type: 2 is LC.
        object_type: u8,
        /// `sampling_frequency_index` (ISO/IEC 14496-3, table 1.18).
        rate_index: u8,
        /// `channelConfiguration`, 1 to 7.
        channels: u8,
    },
    /// Opus at 48 kHz; one packet each.
    Opus {
        /// 1 or 2.
        channels: u16,
        /// Samples at the start that are not played.
        pre_skip: u16,
    },
}

/// What a VP9 track is, as its key frames say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9 {
    /// Picture size.
    pub size: Size,
    /// 0 to 3.
    pub profile: u8,
    /// How samples are stored.
    pub colour: vp9::Colour,
}

impl Vp9 {
    /// Reads a key frame; none for any other.
    pub fn find(superframe: &[u8]) -> Option<Self> {
        let header = vp9::Header::parse(vp9::frames(superframe).next()?).filter(|header| header.key)?;
        Some(Self { size: header.size?, profile: header.profile, colour: header.colour? })
    }

    /// The least level that allows the size at 30 pictures a second (VP9 bitstream specification, annex A), times ten.
    pub(crate) fn level(&self) -> u8 {
        const LEVELS: [(u64, u8); 7] = [(36_864, 10), (73_728, 11), (122_880, 20), (245_760, 21), (552_960, 30), (983_040, 31), (2_228_224, 40)];
        let samples = u64::from(self.size.width) * u64::from(self.size.height);
        LEVELS.iter().find(|(most, _)| samples <= *most).map_or(50, |(_, level)| *level)
    }

    /// `chromaSubsampling` of `vpcC`.
    pub(crate) fn chroma(&self) -> u8 {
        match self.colour.subsampling {
            (true, true) => 1,
            (true, false) => 2,
            _ => 3,
        }
    }
}

impl TrackConfig {
    /// Whether this is sound.
    pub fn is_audio(&self) -> bool {
        matches!(self, Self::Aac { .. } | Self::SourceAac { .. } | Self::Opus { .. })
    }

    /// The picture's size; none for sound.
    pub fn size(&self) -> Option<Size> {
        match self {
            Self::H264(parameters) => Some(parameters.size),
            Self::H265(parameters) => Some(parameters.size),
            Self::Vp9(config) => Some(config.size),
            Self::Av1(sequence) => Some(sequence.size),
            Self::Aac { .. } | Self::SourceAac { .. } | Self::Opus { .. } => None,
        }
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

/// The codec string of RFC 6381: `avc1.64001f`, `hvc1.1.6.L93.B0`, `mp4a.40.2` or `opus`.
pub fn codec_string(config: &TrackConfig) -> String {
    match config {
        TrackConfig::H264(parameters) => parameters.codec_string(),
        TrackConfig::H265(parameters) => parameters.codec_string(),
        TrackConfig::Vp9(config) => format!("vp09.{:02}.{:02}.{:02}", config.profile, config.level(), config.colour.bit_depth),
        TrackConfig::Av1(sequence) => sequence.codec_string(),
        TrackConfig::Aac { .. } => "mp4a.40.2".to_owned(),
        TrackConfig::SourceAac { object_type, .. } => format!("mp4a.40.{object_type}"),
        TrackConfig::Opus { .. } => "opus".to_owned(),
    }
}
