//! What the pictures of a part are, and into which container they go.

use tl_base::Size;
use tl_frame::{AccessUnit, Codec, av1, h264, h265, jpeg, vp8};
use tl_mp4::TrackConfig;

/// The configuration of a part's pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    H264(h264::Parameters),
    H265(h265::Parameters),
    Vp8(Size),
    Vp9(tl_mp4::Vp9),
    Av1(av1::Sequence),
    Mjpeg(Size),
}

impl Picture {
    /// What a key picture says about itself; none for other pictures and for what cannot be read.
    pub(crate) fn find(unit: &AccessUnit) -> Option<Self> {
        if !unit.key {
            return None;
        }
        match unit.codec {
            Codec::H264 => h264::Parameters::find(&unit.data).map(Self::H264),
            Codec::H265 => h265::Parameters::find(&unit.data).map(Self::H265),
            Codec::Vp8 => vp8::size(&unit.data).map(Self::Vp8),
            Codec::Vp9 => tl_mp4::Vp9::find(&unit.data).map(Self::Vp9),
            Codec::Av1 if av1::is_key(&unit.data) => av1::Sequence::find(&unit.data).map(Self::Av1),
            Codec::Mjpeg => jpeg::size(&unit.data).map(Self::Mjpeg),
            Codec::Av1 | Codec::Opus | Codec::Aac | Codec::AacAdts => None,
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::H264(_) => Codec::H264,
            Self::H265(_) => Codec::H265,
            Self::Vp8(_) => Codec::Vp8,
            Self::Vp9(_) => Codec::Vp9,
            Self::Av1(_) => Codec::Av1,
            Self::Mjpeg(_) => Codec::Mjpeg,
        }
    }

    /// The track's configuration in MP4; none for what MP4 does not hold.
    pub(super) fn track(&self) -> Option<TrackConfig> {
        match self {
            Self::H264(parameters) => Some(TrackConfig::H264(parameters.clone())),
            Self::H265(parameters) => Some(TrackConfig::H265(parameters.clone())),
            Self::Vp9(config) => Some(TrackConfig::Vp9(*config)),
            Self::Av1(sequence) => Some(TrackConfig::Av1(sequence.clone())),
            Self::Vp8(_) | Self::Mjpeg(_) => None,
        }
    }

    /// The file name's extension. WebM allows no AAC; the same file with it is Matroska.
    pub(super) fn extension(&self, with_aac: bool) -> &'static str {
        match self {
            Self::Vp8(_) if !with_aac => "webm",
            Self::Vp8(_) | Self::Mjpeg(_) => "mkv",
            Self::H264(_) | Self::H265(_) | Self::Vp9(_) | Self::Av1(_) => "mp4",
        }
    }
}
