//! What an H.265 byte stream says without decoding it (ITU-T H.265, annex B and clause 7). [`crate::h264::nals`] splits it.

use bytes::Bytes;
use tl_base::Size;

use crate::bits::Bits;
use crate::h264::nals;

/// NAL unit type of a video parameter set.
pub const VPS: u8 = 32;
/// NAL unit type of a sequence parameter set.
pub const SPS: u8 = 33;
/// NAL unit type of a picture parameter set.
pub const PPS: u8 = 34;
/// NAL unit type of an access unit delimiter.
pub const AUD: u8 = 35;
/// NAL unit types of pictures at which decoding may start: BLA, IDR and CRA.
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=21;

/// The longest parameter set taken; real ones are a few dozen bytes.
const MAX_PARAMETER_SET_BYTES: usize = 4_096;
/// Picture parameter sets kept; the standard allows 64, cameras send one.
const MAX_PPS: usize = 8;
/// Bytes of a profile and level (7.3.3), in front of which stands one byte of the SPS.
const PROFILE_BYTES: usize = 12;

/// The unit's type, clause 7.4.2.2.
pub fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header >> 1 & 0x3f)
}

/// Whether the access unit holds a picture at which decoding may start.
pub fn is_key(stream: &[u8]) -> bool {
    nals(stream).any(|nal| RANDOM_ACCESS.contains(&kind(nal)))
}

/// The parameter sets in force, and what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Video parameter set with its header.
    pub vps: Bytes,
    /// Sequence parameter set with its header.
    pub sps: Bytes,
    /// Picture parameter sets with their headers, at least one.
    pub pps: Vec<Bytes>,
    /// Cropped picture size.
    pub size: Size,
    /// `general_profile_space` to `general_level_idc`, as `hvcC` repeats them (ISO/IEC 14496-15, 8.3.3).
    pub profile: [u8; PROFILE_BYTES],
    /// `chroma_format_idc`: 1 is 4:2:0.
    pub chroma_format: u8,
    /// Bits of a luma and of a chroma sample.
    pub bit_depth: (u8, u8),
    /// Temporal layers, and whether they nest.
    pub layers: (u8, bool),
}

impl Parameters {
    /// The parameter sets of an access unit; none when one is missing or does not parse.
    pub fn find(stream: &[u8]) -> Option<Self> {
        let first = |wanted: u8| nals(stream).find(|nal| kind(nal) == wanted);
        let pps: Vec<&[u8]> = nals(stream).filter(|nal| kind(nal) == PPS).take(MAX_PPS).collect();
        Self::parse(first(VPS)?, first(SPS)?, &pps)
    }

    /// Reads an SPS and keeps the other sets beside it.
    pub fn parse(vps: &[u8], sps: &[u8], pps: &[&[u8]]) -> Option<Self> {
        let fits = |nal: &[u8], wanted: u8| nal.len() <= MAX_PARAMETER_SET_BYTES && kind(nal) == wanted;
        if !fits(vps, VPS) || !fits(sps, SPS) || pps.is_empty() || pps.len() > MAX_PPS || !pps.iter().all(|nal| fits(nal, PPS)) {
            return None;
        }
        let read = Sequence::read(sps)?;
        Some(Self {
            vps: Bytes::copy_from_slice(vps),
            sps: Bytes::copy_from_slice(sps),
            pps: pps.iter().map(|nal| Bytes::copy_from_slice(nal)).collect(),
            size: read.size,
            profile: read.profile,
            chroma_format: read.chroma_format,
            bit_depth: read.bit_depth,
            layers: read.layers,
        })
    }

    /// The codec string of RFC 6381 and ISO/IEC 14496-15, annex E, for example `hvc1.1.6.L93.B0`.
    pub fn codec_string(&self) -> String {
        let [head, a, b, c, d, constraints @ .., level] = self.profile;
        let space = ["", "A", "B", "C"].get(usize::from(head >> 6)).copied().unwrap_or_default();
        let tier = if head >> 5 & 1 == 1 { 'H' } else { 'L' };
        let compatible = u32::from_be_bytes([a, b, c, d]).reverse_bits();
        let kept = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let constraints: String = constraints.iter().take(kept).map(|byte| format!(".{byte:X}")).collect();
        format!("hvc1.{space}{}.{compatible:X}.{tier}{level}{constraints}", head & 0x1f)
    }
}

/// The cropped picture size that an SPS (with its header) states.
pub fn sps_size(sps: &[u8]) -> Option<Size> {
    Sequence::read(sps).map(|read| read.size)
}

/// What is read of an SPS (7.3.2.2).
struct Sequence {
    size: Size,
    profile: [u8; PROFILE_BYTES],
    chroma_format: u8,
    bit_depth: (u8, u8),
    layers: (u8, bool),
}

impl Sequence {
    fn read(sps: &[u8]) -> Option<Self> {
        if kind(sps) != SPS || sps.len() > MAX_PARAMETER_SET_BYTES {
            return None;
        }
        let plain = without_emulation_prevention(sps.get(2..)?);
        let mut bits = Bits::new(&plain);
        bits.skip(4)?;
        let more_layers = bits.take(3)?;
        let nested = bits.flag()?;
        let profile: [u8; PROFILE_BYTES] = plain.get(1..=PROFILE_BYTES)?.try_into().ok()?;
        bits.skip(8 * PROFILE_BYTES)?;
        skip_layers(&mut bits, more_layers)?;
        bits.exp_golomb()?;
        let chroma_format = u8::try_from(bits.exp_golomb()?).ok().filter(|format| *format <= 3)?;
        if chroma_format == 3 {
            bits.flag()?;
        }
        let (width, height) = (bits.exp_golomb()?, bits.exp_golomb()?);
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let mut crop = [0_u32; 4];
        if bits.flag()? {
            for side in &mut crop {
                *side = bits.exp_golomb()?;
            }
        }
        let [left, right, top, bottom] = crop;
        let cut = |side: u32, unit: u32, one: u32, other: u32| side.checked_sub(one.checked_add(other)?.checked_mul(unit)?);
        let size = Size::new(cut(width, unit_x, left, right)?, cut(height, unit_y, top, bottom)?);
        let depth = |minus_8: u32| u8::try_from(minus_8).ok().filter(|extra| *extra <= 8).map(|extra| extra + 8);
        let bit_depth = (depth(bits.exp_golomb()?)?, depth(bits.exp_golomb()?)?);
        let plausible = size.short_side() > 0 && width <= 16_384 && height <= 16_384;
        let layers = (u8::try_from(more_layers).ok()? + 1, nested);
        plausible.then_some(Self { size, profile, chroma_format, bit_depth, layers })
    }
}

/// Leaves out what the SPS says of its sub-layers (7.3.3).
fn skip_layers(bits: &mut Bits<'_>, more: u32) -> Option<()> {
    if more == 0 {
        return Some(());
    }
    let mut present = [(false, false); 8];
    for layer in present.iter_mut().take(more as usize) {
        *layer = (bits.flag()?, bits.flag()?);
    }
    bits.skip(2 * (8 - more as usize))?;
    for (profile, level) in present.iter().take(more as usize) {
        bits.skip(if *profile { 88 } else { 0 } + if *level { 8 } else { 0 })?;
    }
    Some(())
}

/// The payload of a NAL unit without its `emulation_prevention_three_byte`s (7.4.2).
fn without_emulation_prevention(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for byte in bytes {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

/// Annex B to the length-prefixed form of ISO/IEC 14496-15 (4-byte lengths). Parameter sets and delimiters stay out when
/// `keep_parameter_sets` is false.
pub fn to_length_prefixed(stream: &[u8], keep_parameter_sets: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len() + 16);
    for nal in nals(stream) {
        let skip = kind(nal) == AUD || (!keep_parameter_sets && matches!(kind(nal), VPS | SPS | PPS));
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
    let mut out = Vec::with_capacity(stream.len() + parameters.vps.len() + parameters.sps.len() + 128);
    for nal in [&parameters.vps, &parameters.sps].into_iter().chain(&parameters.pps) {
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(nal);
    }
    out.extend_from_slice(stream);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of ISO/IEC 14496-15, annex E: Main profile, 720p.
    fn parameters(profile: [u8; PROFILE_BYTES]) -> Parameters {
        let set = |kind: u8| Bytes::copy_from_slice(&[kind << 1, 1]);
        let size = Size::new(1_280, 720);
        Parameters { vps: set(VPS), sps: set(SPS), pps: vec![set(PPS)], size, profile, chroma_format: 1, bit_depth: (8, 8), layers: (1, true) }
    }

    #[test]
    fn the_codec_string_is_that_of_the_standard() {
        let main = [0x01, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
        assert_eq!(parameters(main).codec_string(), "hvc1.1.6.L93.B0");
    }

    #[test]
    fn sets_are_added_once_and_left_out_of_samples() {
        let sets = parameters([0; PROFILE_BYTES]);
        let bare = Bytes::from_static(&[0, 0, 0, 1, 19 << 1, 1, 0xaa]);
        let full = with_parameter_sets(&bare, &sets);
        assert_eq!(nals(&full).map(kind).collect::<Vec<_>>(), [VPS, SPS, PPS, 19]);
        assert_eq!(with_parameter_sets(&full, &sets), full);
        assert_eq!(to_length_prefixed(&full, false), [0, 0, 0, 3, 19 << 1, 1, 0xaa]);
        assert!(is_key(&full) && !is_key(&[0, 0, 1, 1 << 1, 1, 0xaa]));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            Parameters::find(bytes);
            sps_size(&[&[SPS << 1, 1], bytes].concat());
            assert!(without_emulation_prevention(bytes).len() <= bytes.len());
            is_key(bytes);
        });
    }
}
