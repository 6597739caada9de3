//! What an H.264 byte stream says without decoding it (ITU-T H.264, annex B and clause 7).

use bytes::Bytes;
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, decode_nal};
use tl_base::Size;

/// NAL unit type of a coded slice of an IDR picture.
pub const IDR: u8 = 5;
/// NAL unit type of a sequence parameter set.
pub const SPS: u8 = 7;
/// NAL unit type of a picture parameter set.
pub const PPS: u8 = 8;
/// NAL unit type of an access unit delimiter.
pub const AUD: u8 = 9;

/// The longest parameter set taken; real ones are a few dozen bytes.
const MAX_PARAMETER_SET_BYTES: usize = 4_096;

/// The NAL units of an Annex B byte stream, without start codes and trailing zeros.
pub fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = after_start_code(stream, 0);
    std::iter::from_fn(move || {
        loop {
            let start = at?;
            let next = after_start_code(stream, start);
            let end = next.map_or(stream.len(), |next| next - 3);
            at = next;
            let mut nal = stream.get(start..end)?;
            while let Some((0, shorter)) = nal.split_last() {
                nal = shorter;
            }
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    })
}

/// The offset behind the next `00 00 01` at or after `from`.
fn after_start_code(stream: &[u8], from: usize) -> Option<usize> {
    let tail = stream.get(from..)?;
    let mut at = 0;
    // Steps by what the third byte rules out: most bytes are neither 0 nor 1.
    while let Some(&[first, second, third]) = tail.get(at..at + 3) {
        match (first, second, third) {
            (0, 0, 1) => return Some(from + at + 3),
            (_, _, 2..) => at += 3,
            _ => at += 1,
        }
    }
    None
}

/// The unit's type, clause 7.4.1.
pub fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// Whether the access unit holds an IDR picture.
pub fn is_key(stream: &[u8]) -> bool {
    nals(stream).any(|nal| kind(nal) == IDR)
}

/// The parameter sets in force, and what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Sequence parameter set with its header byte.
    pub sps: Bytes,
    /// Picture parameter set with its header byte.
    pub pps: Bytes,
    /// Cropped picture size.
    pub size: Size,
    /// profile_idc, constraint flags, level_idc: the `avc1.PPCCLL` of RFC 6381.
    pub profile: [u8; 3],
}

impl Parameters {
    /// The first SPS and PPS of an access unit; none when either is missing or does not parse.
    pub fn find(stream: &[u8]) -> Option<Self> {
        let sps = nals(stream).find(|nal| kind(nal) == SPS)?;
        let pps = nals(stream).find(|nal| kind(nal) == PPS)?;
        Self::parse(sps, pps)
    }

    /// Reads an SPS and keeps the PPS beside it.
    pub fn parse(sps: &[u8], pps: &[u8]) -> Option<Self> {
        if sps.len() > MAX_PARAMETER_SET_BYTES || pps.len() > MAX_PARAMETER_SET_BYTES || kind(pps) != PPS {
            return None;
        }
        Some(Self {
            size: sps_size(sps)?,
            profile: [*sps.get(1)?, *sps.get(2)?, *sps.get(3)?],
            sps: Bytes::copy_from_slice(sps),
            pps: Bytes::copy_from_slice(pps),
        })
    }

    /// The codec string of RFC 6381, for example `avc1.64001f`.
    pub fn codec_string(&self) -> String {
        let [profile, constraints, level] = self.profile;
        format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
    }
}

/// The cropped picture size that an SPS (with its header byte) states.
pub fn sps_size(sps: &[u8]) -> Option<Size> {
    if kind(sps) != SPS {
        return None;
    }
    let rbsp = decode_nal(sps).ok()?;
    let parsed = SeqParameterSet::from_bits(BitReader::new(&*rbsp)).ok()?;
    let (width, height) = parsed.pixel_dimensions().ok()?;
    (width > 0 && height > 0 && width <= 16_384 && height <= 16_384).then_some(Size::new(width, height))
}

/// Annex B to the length-prefixed form of ISO/IEC 14496-15 (4-byte lengths). Parameter sets and delimiters stay out when
/// `keep_parameter_sets` is false.
pub fn to_length_prefixed(stream: &[u8], keep_parameter_sets: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len() + 16);
    for nal in nals(stream) {
        let skip = kind(nal) == AUD || (!keep_parameter_sets && matches!(kind(nal), SPS | PPS));
        let Ok(length) = u32::try_from(nal.len()) else { continue };
        if !skip {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(nal);
        }
    }
    out
}

/// Puts the parameter sets in front of an access unit that holds none.
pub fn with_parameter_sets(stream: &Bytes, parameters: &Parameters) -> Bytes {
    if nals(stream).any(|nal| kind(nal) == SPS) {
        return stream.clone();
    }
    let mut out = Vec::with_capacity(stream.len() + parameters.sps.len() + parameters.pps.len() + 8);
    for nal in [&parameters.sps, &parameters.pps] {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(nal);
    }
    out.extend_from_slice(stream);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x264, 1280x720, High profile, level 3.1.
    const SPS_720: [u8; 24] =
        [0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02, 0x80, 0x2d, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x47, 0x8c, 0x19, 0x50];
    const PPS: [u8; 4] = [0x68, 0xef, 0x0f, 0xcb];

    fn unit() -> Bytes {
        let mut out = vec![0, 0, 0, 1];
        out.extend_from_slice(&SPS_720);
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(&PPS);
        out.extend_from_slice(&[0, 0, 1, 0x65, 0x88, 0x84, 0x00, 0x21]);
        Bytes::from(out)
    }

    #[test]
    fn parameters_tell_size_and_codec_string() {
        let found = Parameters::find(&unit()).expect("both sets");
        assert_eq!(found.size, Size::new(1280, 720));
        assert_eq!(found.codec_string(), "avc1.64001f");
        assert!(is_key(&unit()));
    }

    #[test]
    fn length_prefixes_replace_start_codes() {
        assert_eq!(to_length_prefixed(&unit(), false), [0, 0, 0, 5, 0x65, 0x88, 0x84, 0x00, 0x21]);
        assert_eq!(nals(&unit()).map(kind).collect::<Vec<_>>(), [SPS, super::PPS, IDR]);
    }

    #[test]
    fn parameter_sets_are_added_once() {
        let found = Parameters::find(&unit()).expect("both sets");
        let bare = Bytes::from_static(&[0, 0, 0, 1, 0x65, 0x88]);
        let full = with_parameter_sets(&bare, &found);
        assert_eq!(nals(&full).map(kind).collect::<Vec<_>>(), [SPS, super::PPS, IDR]);
        assert_eq!(with_parameter_sets(&full, &found), full);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let total: usize = nals(bytes).map(<[u8]>::len).sum();
            assert!(total <= bytes.len());
            Parameters::find(bytes);
            sps_size(bytes);
            to_length_prefixed(bytes, true);
            crate::vp8::size(bytes);
        });
    }
}
