//! What the headers of an AV1 temporal unit say (AV1 bitstream specification, sections 5.3 to 5.9).

use bytes::Bytes;
use tl_base::Size;

use crate::bits::Bits;

/// OBU type of a sequence header.
const SEQUENCE_HEADER: u8 = 1;
/// OBU type of a temporal delimiter.
const TEMPORAL_DELIMITER: u8 = 2;
/// OBU types that begin with a frame header.
const FRAME_HEADERS: [u8; 2] = [3, 6];
/// The longest sequence header taken; real ones are a dozen bytes.
const MAX_SEQUENCE_BYTES: usize = 512;

/// One open bitstream unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obu<'a> {
    /// Its type (6.2.2).
    pub kind: u8,
    /// Header, size and payload.
    pub whole: &'a [u8],
    /// What is in it.
    pub payload: &'a [u8],
}

/// The units of a low-overhead byte stream; ends at the first one that does not fit. A unit without a size reaches to the end.
pub fn obus(stream: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let head = *rest.first()?;
        if head & 0x80 != 0 {
            return None;
        }
        let mut at = if head & 4 == 0 { 1 } else { 2 };
        let length = if head & 2 == 0 { rest.len().checked_sub(at)? } else { leb128(rest, &mut at)? };
        let payload = rest.get(at..at.checked_add(length)?)?;
        let (whole, behind) = rest.split_at_checked(at + length)?;
        rest = behind;
        Some(Obu { kind: head >> 3 & 0xf, whole, payload })
    })
}

fn leb128(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_u64;
    for index in 0..8 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok());
        }
    }
    None
}

/// Whether decoding may start at this temporal unit: a sequence header, then a key frame that is shown.
pub fn is_key(unit: &[u8]) -> bool {
    Sequence::find(unit).is_some_and(|sequence| sequence.still || is_key_frame(unit))
}

/// Whether the temporal unit begins with a key frame, whatever tells its sequence header.
pub fn is_key_frame(unit: &[u8]) -> bool {
    let frame = obus(unit).find(|obu| FRAME_HEADERS.contains(&obu.kind));
    // show_existing_frame, then two bits of frame type: zero is a key frame.
    frame.and_then(|frame| frame.payload.first().copied()).is_some_and(|byte| byte >> 5 == 0)
}

/// The temporal unit without its delimiters, as containers store it.
pub fn without_delimiters(unit: &Bytes) -> Bytes {
    if obus(unit).all(|obu| obu.kind != TEMPORAL_DELIMITER) {
        return unit.clone();
    }
    let mut out = Vec::with_capacity(unit.len());
    obus(unit).filter(|obu| obu.kind != TEMPORAL_DELIMITER).for_each(|obu| out.extend_from_slice(obu.whole));
    Bytes::from(out)
}

/// Puts the sequence header in front of a temporal unit that holds none.
pub fn with_sequence_header(unit: &Bytes, sequence: &Sequence) -> Bytes {
    if obus(unit).any(|obu| obu.kind == SEQUENCE_HEADER) {
        return unit.clone();
    }
    let mut out = Vec::with_capacity(unit.len() + sequence.obu.len());
    out.extend_from_slice(&sequence.obu);
    out.extend_from_slice(unit);
    Bytes::from(out)
}

/// A sequence header and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// The whole unit, with a size.
    pub obu: Bytes,
    /// The largest picture of the sequence; no frame of it may be larger.
    pub size: Size,
    /// `seq_profile`.
    pub profile: u8,
    /// `seq_level_idx` and `seq_tier` of the first operating point.
    pub level: (u8, bool),
    /// `high_bitdepth` and `twelve_bit`.
    pub depth: (bool, bool),
    /// Without chroma.
    pub monochrome: bool,
    /// Whether chroma has half the width, and half the height.
    pub subsampling: (bool, bool),
    /// `chroma_sample_position`.
    pub chroma_position: u8,
    /// Whether numbers reach from 0 to the largest.
    pub full_range: bool,
    /// A single picture with a shortened header.
    still: bool,
}

impl Sequence {
    /// The first sequence header of a temporal unit; none when it is missing or does not parse.
    pub fn find(unit: &[u8]) -> Option<Self> {
        Self::all(unit).next().flatten()
    }

    /// Every sequence header of a temporal unit; none for one that does not parse.
    pub fn all(unit: &[u8]) -> impl Iterator<Item = Option<Self>> {
        obus(unit).filter(|obu| obu.kind == SEQUENCE_HEADER).map(|obu| Self::parse(obu.payload))
    }

    /// Reads the payload of a sequence header (5.5.1).
    pub fn parse(payload: &[u8]) -> Option<Self> {
        if payload.len() > MAX_SEQUENCE_BYTES {
            return None;
        }
        let mut bits = Bits::new(payload);
        let profile = bits.take(3)?;
        bits.flag()?;
        let still = bits.flag()?;
        let level = if still { (bits.take(5)?, false) } else { operating_points(&mut bits)? };
        let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
        let size = Size::new(bits.take(width_bits)?.checked_add(1)?, bits.take(height_bits)?.checked_add(1)?);
        skip_tools(&mut bits, still)?;
        let colour = Colour::read(&mut bits, profile)?;
        let mut obu = vec![SEQUENCE_HEADER << 3 | 2];
        let length = payload.len();
        if length >= 0x80 {
            obu.push(u8::try_from(length & 0x7f).ok()? | 0x80);
            obu.push(u8::try_from(length >> 7).ok()?);
        } else {
            obu.push(u8::try_from(length).ok()?);
        }
        obu.extend_from_slice(payload);
        Some(Self {
            obu: Bytes::from(obu),
            size,
            profile: u8::try_from(profile).ok()?,
            level: (u8::try_from(level.0).ok()?, level.1),
            depth: colour.depth,
            monochrome: colour.monochrome,
            subsampling: colour.subsampling,
            chroma_position: colour.position,
            full_range: colour.full_range,
            still,
        })
    }

    /// The codec string of the AV1 ISO-BMFF binding, section 5, for example `av01.0.04M.08`.
    pub fn codec_string(&self) -> String {
        let tier = if self.level.1 { 'H' } else { 'M' };
        let depth = match self.depth {
            (_, true) => 12,
            (true, _) => 10,
            _ => 8,
        };
        format!("av01.{}.{:02}{tier}.{depth:02}", self.profile, self.level.0)
    }
}

/// Timing, decoder model and operating points; gives the first one's level and tier.
fn operating_points(bits: &mut Bits<'_>) -> Option<(u32, bool)> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.exp_golomb()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let says_display_delay = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        bits.skip(12)?;
        let level = bits.take(5)?;
        let tier = level > 7 && bits.flag()?;
        first.get_or_insert((level, tier));
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * delay_bits + 1)?;
        }
        if says_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    first
}

/// Everything between the size and the colours.
fn skip_tools(bits: &mut Bits<'_>, still: bool) -> Option<()> {
    if !still && bits.flag()? {
        bits.skip(7)?;
    }
    bits.skip(3)?;
    if !still {
        bits.skip(4)?;
        let order_hints = bits.flag()?;
        if order_hints {
            bits.skip(2)?;
        }
        let screen_content = if bits.flag()? { true } else { bits.flag()? };
        if screen_content && !bits.flag()? {
            bits.flag()?;
        }
        if order_hints {
            bits.skip(3)?;
        }
    }
    bits.skip(3)
}

/// What `color_config` says (5.5.2).
struct Colour {
    depth: (bool, bool),
    monochrome: bool,
    subsampling: (bool, bool),
    position: u8,
    full_range: bool,
}

impl Colour {
    fn read(bits: &mut Bits<'_>, profile: u32) -> Option<Self> {
        let high = bits.flag()?;
        let twelve = profile == 2 && high && bits.flag()?;
        let monochrome = profile != 1 && bits.flag()?;
        let described = if bits.flag()? { (bits.take(8)?, bits.take(8)?, bits.take(8)?) } else { (2, 2, 2) };
        let mut colour = Self { depth: (high, twelve), monochrome, subsampling: (true, true), position: 0, full_range: true };
        if monochrome {
            colour.full_range = bits.flag()?;
            return Some(colour);
        }
        // sRGB says everything by its name.
        if described == (1, 13, 0) {
            colour.subsampling = (false, false);
            return Some(colour);
        }
        colour.full_range = bits.flag()?;
        colour.subsampling = match (profile, twelve) {
            (0, _) => (true, true),
            (1, _) => (false, false),
            (_, true) => {
                let x = bits.flag()?;
                (x, x && bits.flag()?)
            }
            _ => (true, false),
        };
        if colour.subsampling == (true, true) {
            colour.position = u8::try_from(bits.take(2)?).ok()?;
        }
        Some(colour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_each_other() {
        let stream = Bytes::from_static(&[0x12, 0x00, 0x0a, 0x02, 7, 8, 0x32, 0x01, 9]);
        let kinds: Vec<_> = obus(&stream).map(|obu| (obu.kind, obu.payload.len())).collect();
        assert_eq!(kinds, [(TEMPORAL_DELIMITER, 0), (SEQUENCE_HEADER, 2), (6, 1)]);
        assert_eq!(without_delimiters(&stream), stream.slice(2..));
        assert_eq!(obus(&[0x12, 0x7f]).count(), 0);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            assert!(obus(bytes).map(|obu| obu.whole.len()).sum::<usize>() <= bytes.len());
            Sequence::parse(bytes);
            is_key(bytes);
            without_delimiters(&Bytes::copy_from_slice(bytes));
        });
    }
}
