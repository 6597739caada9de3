//! AAC frames behind their ADTS headers (ISO/IEC 13818-7, section 6.2; ISO/IEC 14496-3, section 1.6).

/// Samples a second by `sampling_frequency_index`.
const RATES_HZ: [u32; 13] = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Samples of each channel in one raw data block.
pub const SAMPLES: u32 = 1_024;
/// Bytes of a header without a checksum.
pub const HEADER_BYTES: usize = 7;
/// What the 13 bits of a frame's length can say.
pub const MAX_FRAME_BYTES: usize = 8_191;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// AAC's object type: 2 is LC.
    pub object_type: u8,
    /// `sampling_frequency_index`.
    pub rate_index: u8,
    /// `channel_configuration`, 1 to 7.
    pub channels: u8,
    /// Bytes of the header, 7 or 9.
    pub header_bytes: usize,
    /// Bytes of the frame with its header.
    pub frame_bytes: usize,
    /// Raw data blocks in the frame, nearly always 1.
    pub blocks: u8,
}

impl Header {
    /// Reads the header at the front of `bytes`; none for anything else, and where the channels are told in the sound itself.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[sync, a, b, c, d, e, f] = bytes.first_chunk::<HEADER_BYTES>()?;
        // The layer is always zero.
        if sync != 0xff || a & 0xf6 != 0xf0 {
            return None;
        }
        let header = Self {
            object_type: (b >> 6) + 1,
            rate_index: b >> 2 & 0xf,
            channels: (b & 1) << 2 | c >> 6,
            header_bytes: if a & 1 == 1 { HEADER_BYTES } else { HEADER_BYTES + 2 },
            frame_bytes: usize::from(c & 3) << 11 | usize::from(d) << 3 | usize::from(e >> 5),
            blocks: (f & 3) + 1,
        };
        let known = usize::from(header.rate_index) < RATES_HZ.len() && header.channels > 0;
        (known && header.frame_bytes > header.header_bytes).then_some(header)
    }

    /// The header that a frame of `payload_bytes` gets; none when it does not fit into its 13 bits.
    pub fn write(object_type: u8, rate_index: u8, channels: u8, payload_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
        let fits = (1..=4).contains(&object_type) && usize::from(rate_index) < RATES_HZ.len() && (1..=7).contains(&channels);
        let length = u16::try_from(payload_bytes + HEADER_BYTES).ok().filter(|length| fits && usize::from(*length) <= MAX_FRAME_BYTES)?;
        // 13 bits of length lie across three bytes.
        let [high, middle, low] = [length >> 11, length >> 3 & 0xff, (length & 7) << 5].map(|bits| u8::try_from(bits).unwrap_or_default());
        Some([0xff, 0xf1, (object_type - 1) << 6 | rate_index << 2 | channels >> 2, channels << 6 | high, middle, low | 0x1f, 0xfc])
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> u32 {
        rate_of(self.rate_index)
    }

    /// Samples of each channel in the frame.
    pub fn samples(&self) -> u32 {
        SAMPLES * u32::from(self.blocks)
    }

    /// The AudioSpecificConfig that says the same.
    pub fn audio_specific_config(&self) -> [u8; 2] {
        [self.object_type << 3 | self.rate_index >> 1, self.rate_index << 7 | self.channels << 3]
    }

    /// Whether both describe the same kind of sound.
    pub fn same_sound(&self, other: &Self) -> bool {
        (self.object_type, self.rate_index, self.channels) == (other.object_type, other.rate_index, other.channels)
    }
}

/// Samples a second of a `sampling_frequency_index`; 48,000 for one that the standard does not have.
pub fn rate_of(rate_index: u8) -> u32 {
    RATES_HZ.get(usize::from(rate_index)).copied().unwrap_or(48_000)
}

/// The `sampling_frequency_index` of a rate; none where the standard has none.
pub fn rate_index(rate_hz: u32) -> Option<u8> {
    RATES_HZ.iter().position(|rate| *rate == rate_hz).and_then(|index| u8::try_from(index).ok())
}

/// The frames in a row of bytes that begins with one, headers included; ends at the first one that is cut off.
pub fn frames(bytes: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let header = Header::parse(rest)?;
        let (frame, behind) = rest.split_at_checked(header.frame_bytes)?;
        rest = behind;
        Some((header, frame))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for (rate_hz, channels, payload) in [(48_000, 2, 300), (44_100, 1, 1), (22_050, 6, 8_184), (8_000, 7, 2_047)] {
            let index = rate_index(rate_hz).expect("known");
            let bytes = Header::write(2, index, channels, payload).expect("fits");
            let header = Header::parse(&bytes).expect("a header");
            assert_eq!((header.object_type, header.rate_hz(), header.channels, header.blocks), (2, rate_hz, channels, 1));
            assert_eq!((header.header_bytes, header.frame_bytes), (7, payload + 7));
        }
        assert!(Header::write(2, 3, 2, 8_185).is_none() && Header::write(2, 13, 2, 10).is_none() && Header::write(2, 3, 0, 10).is_none());
    }

    #[test]
    fn frames_are_split_and_a_cut_one_is_left() {
        let mut bytes = Vec::new();
        for payload in [3_usize, 5] {
            bytes.extend_from_slice(&Header::write(2, 3, 2, payload).expect("fits"));
            bytes.extend(std::iter::repeat_n(7, payload));
        }
        bytes.truncate(bytes.len() - 1);
        assert_eq!(frames(&bytes).map(|(_, frame)| frame.len()).collect::<Vec<_>>(), [10]);
        assert_eq!(Header::parse(&bytes).expect("a header").audio_specific_config(), [0x11, 0x90]);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            assert!(frames(bytes).map(|(_, frame)| frame.len()).sum::<usize>() <= bytes.len());
            Header::parse(&[&[0xff, 0xf1], bytes].concat());
        });
    }
}
