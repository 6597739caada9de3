//! What the first bytes of VP9 frames say (VP9 bitstream specification, sections 6.2 and 7.2, annex B).

use tl_base::Size;

use crate::bits::Bits;

/// `frame_sync_code`.
const SYNC: u32 = 0x49_83_42;
/// `color_space` of RGB.
const RGB: u32 = 7;

/// What the uncompressed header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// 0 to 3; 0 is 4:2:0 with 8 bits.
    pub profile: u8,
    /// Whether decoding may start here.
    pub key: bool,
    /// Size, where the frame states one of its own.
    pub size: Option<Size>,
    /// Bits of a sample and colours, where the frame states them.
    pub colour: Option<Colour>,
}

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Bits of a sample.
    pub bit_depth: u8,
    /// `color_space`: 1 is BT.601, 2 is BT.709.
    pub space: u8,
    /// Whether numbers reach from 0 to the largest.
    pub full_range: bool,
    /// Whether chroma has half the width, and half the height.
    pub subsampling: (bool, bool),
}

impl Header {
    /// Reads the header of one frame; none when it is cut off or none of VP9.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.take(2)? != 2 {
            return None;
        }
        let profile = bits.take(1)? | bits.take(1)? << 1;
        if profile == 3 && bits.flag()? {
            return None;
        }
        let mut header = Self { profile: u8::try_from(profile).ok()?, key: false, size: None, colour: None };
        if bits.flag()? {
            // An existing frame is shown again.
            return Some(header);
        }
        header.key = !bits.flag()?;
        let shown = bits.flag()?;
        let error_resilient = bits.flag()?;
        if header.key {
            header.colour = Some(key_colour(&mut bits, profile)?);
            header.size = Some(size_of(&mut bits)?);
            return Some(header);
        }
        let intra_only = if shown { false } else { bits.flag()? };
        if !error_resilient {
            bits.skip(2)?;
        }
        if intra_only {
            if profile > 0 {
                header.colour = Some(key_colour(&mut bits, profile)?);
            } else if bits.take(24)? != SYNC {
                return None;
            }
            bits.skip(8)?;
            header.size = Some(size_of(&mut bits)?);
            return Some(header);
        }
        // Refreshed frames, then three references of three bits and a sign.
        bits.skip(8 + 3 * 4)?;
        let from_reference = bits.flag()? || bits.flag()? || bits.flag()?;
        if !from_reference {
            header.size = Some(size_of(&mut bits)?);
        }
        Some(header)
    }
}

/// Whether decoding may start at this superframe.
pub fn is_key(superframe: &[u8]) -> bool {
    frames(superframe).next().and_then(Header::parse).is_some_and(|header| header.key)
}

/// The sizes that the frames of a superframe state.
pub fn sizes(superframe: &[u8]) -> impl Iterator<Item = Size> {
    frames(superframe).filter_map(|frame| Header::parse(frame)?.size)
}

/// The frames of a superframe (annex B); a frame alone is one of its own.
pub fn frames(superframe: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lengths = index(superframe).unwrap_or_else(|| vec![superframe.len()]);
    let mut rest = superframe;
    lengths.into_iter().map_while(move |length| {
        let (frame, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some(frame)
    })
}

fn index(superframe: &[u8]) -> Option<Vec<usize>> {
    let marker = *superframe.last()?;
    if marker >> 5 != 0b110 {
        return None;
    }
    let (count, width) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let start = superframe.len().checked_sub(2 + count * width)?;
    if *superframe.get(start)? != marker {
        return None;
    }
    let lengths = superframe.get(start + 1..superframe.len() - 1)?;
    Some(lengths.chunks_exact(width).map(|bytes| bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))).collect())
}

fn key_colour(bits: &mut Bits<'_>, profile: u32) -> Option<Colour> {
    if bits.take(24)? != SYNC {
        return None;
    }
    let bit_depth = if profile >= 2 { if bits.flag()? { 12 } else { 10 } } else { 8 };
    let space = bits.take(3)?;
    let odd = profile & 1 == 1;
    let (mut full_range, mut subsampling) = (true, (false, false));
    if space != RGB {
        full_range = bits.flag()?;
        subsampling = if odd { (bits.flag()?, bits.flag()?) } else { (true, true) };
    } else if !odd {
        return None;
    }
    if odd {
        bits.flag()?;
    }
    Some(Colour { bit_depth, space: u8::try_from(space).ok()?, full_range, subsampling })
}

fn size_of(bits: &mut Bits<'_>) -> Option<Size> {
    Some(Size::new(bits.take(16)? + 1, bits.take(16)? + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key frame of 1280x720, profile 0, BT.709, limited range.
    const KEY: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x40, 0x4f, 0xf0, 0x2c, 0xf0];

    #[test]
    fn a_key_frame_tells_its_size() {
        let header = Header::parse(&KEY).expect("a header");
        assert_eq!((header.key, header.profile, header.size), (true, 0, Some(Size::new(1_280, 720))));
        let colour = header.colour.expect("colours");
        assert_eq!((colour.bit_depth, colour.space, colour.full_range, colour.subsampling), (8, 2, false, (true, true)));
        for cut in 0..8 {
            assert_eq!(Header::parse(&KEY[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn every_frame_of_a_superframe_is_looked_at() {
        let mut both = KEY.to_vec();
        both.extend_from_slice(&KEY);
        both.extend_from_slice(&[0xc1, 9, 9, 0xc1]);
        assert_eq!(sizes(&both).count(), 2);
        assert!(is_key(&both));
        assert_eq!(sizes(&KEY).collect::<Vec<_>>(), [Size::new(1_280, 720)]);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            assert!(frames(bytes).map(<[u8]>::len).sum::<usize>() <= bytes.len());
            sizes(bytes).for_each(drop);
            is_key(bytes);
        });
    }
}
