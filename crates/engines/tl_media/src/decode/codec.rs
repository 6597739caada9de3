//! What is read of an encoded picture before a decoder sees it: whether decoding may start there, and how large it says it is.

use tl_base::Size;
use tl_frame::{AccessUnit, Codec, av1, h264, h265, jpeg, vp8, vp9};

use crate::Error;

/// The longest side decoded. A stream that claims more is refused before a decoder takes memory for it.
const MAX_SIDE_PX: u32 = 4_096;

/// Whether decoding may start at this unit, by its sender and by its own bytes.
pub(super) fn is_key(unit: &AccessUnit) -> bool {
    unit.key
        && match unit.codec {
            Codec::H264 => h264::is_key(&unit.data),
            Codec::H265 => h265::is_key(&unit.data),
            Codec::Vp8 => vp8::is_key(&unit.data),
            Codec::Vp9 => vp9::is_key(&unit.data),
            Codec::Av1 => av1::is_key(&unit.data),
            Codec::Mjpeg => true,
            Codec::Opus | Codec::Aac | Codec::AacAdts => false,
        }
}

/// Whether every picture stands alone.
pub(super) fn is_all_keys(codec: Codec) -> bool {
    codec == Codec::Mjpeg
}

/// Refuses parameter sets and headers that cannot be read or ask for more memory than a camera's picture needs. Every unit is
/// looked at, since a size may hide behind a key picture too.
pub(super) fn check_size(unit: &AccessUnit, key: bool) -> Result<(), Error> {
    let fits = |size: Option<Size>| size.is_some_and(|size| size.long_side() <= MAX_SIDE_PX);
    let data = &unit.data;
    let fine = match unit.codec {
        Codec::H264 => h264::nals(data).filter(|nal| h264::kind(nal) == h264::SPS).all(|sps| fits(h264::sps_size(sps))),
        Codec::H265 => h264::nals(data).filter(|nal| h265::kind(nal) == h265::SPS).all(|sps| fits(h265::sps_size(sps))),
        Codec::Vp8 => !vp8::is_key(data) || fits(vp8::size(data)),
        Codec::Vp9 => (!key || vp9::sizes(data).next().is_some()) && vp9::sizes(data).all(|size| fits(Some(size))),
        Codec::Av1 => av1::Sequence::all(data).all(|sequence| fits(sequence.map(|sequence| sequence.size))),
        Codec::Mjpeg => fits(jpeg::size(data)),
        Codec::Opus | Codec::Aac | Codec::AacAdts => false,
    };
    if fine { Ok(()) } else { Err(Error::Unsupported(format!("a picture without a size up to {MAX_SIDE_PX}"))) }
}

/// What the library calls a stream of such pictures.
pub(super) fn caps(codec: Codec) -> Option<gst::Caps> {
    let annex_b = |name: &str| gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au").build();
    Some(match codec {
        Codec::H264 => annex_b("video/x-h264"),
        Codec::H265 => annex_b("video/x-h265"),
        Codec::Vp8 => gst::Caps::new_empty_simple("video/x-vp8"),
        Codec::Vp9 => gst::Caps::builder("video/x-vp9").field("alignment", "super-frame").build(),
        Codec::Av1 => gst::Caps::builder("video/x-av1").field("stream-format", "obu-stream").field("alignment", "tu").build(),
        Codec::Mjpeg => gst::Caps::builder("image/jpeg").field("parsed", true).build(),
        Codec::Opus | Codec::Aac | Codec::AacAdts => return None,
    })
}
