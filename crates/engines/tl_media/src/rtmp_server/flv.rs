//! Bodies of FLV tags, plain (Adobe FLV 10.1, annex E) and enhanced (Veovera Enhanced RTMP v2), into encoded pieces.

use bytes::Bytes;

use tl_frame::{Codec, adts, h264, h265};

/// Parameter sets of one configuration; real ones are a few hundred bytes.
const MAX_CONFIG: usize = 16 << 10;
/// Units in one picture; a real one has a few slices.
const MAX_NALS: usize = 1_024;

/// One picture or piece of sound.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) codec: Codec,
    /// Shown so many milliseconds after it is decoded.
    pub(super) offset_ms: i32,
    pub(super) key: bool,
    pub(super) data: Bytes,
}

/// Why a publisher cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Pictures that the studio cannot take, by their name.
    Pictures(String),
    /// Sound that the studio cannot take, by its name; pictures go on without it.
    Sound(String),
    /// Bytes that are no tag. One such costs one unit.
    Broken,
}

/// What one publisher has said about its streams.
#[derive(Default)]
pub(super) struct Tags {
    pictures: Option<Config>,
    sound: Option<Sound>,
}

/// How pictures lie in their tags.
struct Config {
    codec: Codec,
    /// Bytes in front of each unit that tell its length.
    length_bytes: usize,
    /// Parameter sets as they stand in front of a key picture.
    sets: Vec<u8>,
}

/// Object type, rate index and channels of AAC.
type Sound = (u8, u8, u8);

impl Tags {
    /// Reads the body of a video tag; none for one that carries no picture.
    pub(super) fn video(&mut self, body: &[u8]) -> Result<Option<Piece>, Problem> {
        let (&head, rest) = body.split_first().ok_or(Problem::Broken)?;
        // Frame type 5 is a command to the player.
        if head >> 4 & 7 == 5 {
            return Ok(None);
        }
        let key = head >> 4 & 7 == 1;
        if head & 0x80 != 0 {
            return self.enhanced_video(head & 0xf, key, rest);
        }
        match head & 0xf {
            7 => {}
            number => return Err(Problem::Pictures(old_video(number).to_owned())),
        }
        let (&kind, rest) = rest.split_first().ok_or(Problem::Broken)?;
        let (offset, rest) = rest.split_at_checked(3).ok_or(Problem::Broken)?;
        match kind {
            0 => self.configure(Codec::H264, rest),
            1 => self.picture(Codec::H264, key, signed(offset), rest),
            _ => Ok(None),
        }
    }

    fn enhanced_video(&mut self, kind: u8, key: bool, rest: &[u8]) -> Result<Option<Piece>, Problem> {
        if kind == 6 || kind == 7 {
            return Err(Problem::Pictures("several tracks in one stream".to_owned()));
        }
        let (name, rest) = rest.split_at_checked(4).ok_or(Problem::Broken)?;
        let codec = match name {
            b"avc1" => Codec::H264,
            b"hvc1" => Codec::H265,
            b"vp09" => Codec::Vp9,
            b"av01" => Codec::Av1,
            other => return Err(Problem::Pictures(printable(other))),
        };
        match kind {
            0 => self.configure(codec, rest),
            // Only these two codecs tell when a picture is shown.
            1 if matches!(codec, Codec::H264 | Codec::H265) => {
                let (offset, rest) = rest.split_at_checked(3).ok_or(Problem::Broken)?;
                self.picture(codec, key, signed(offset), rest)
            }
            1 | 3 => self.picture(codec, key, 0, rest),
            _ => Ok(None),
        }
    }

    fn configure(&mut self, codec: Codec, config: &[u8]) -> Result<Option<Piece>, Problem> {
        if config.len() > MAX_CONFIG {
            return Err(Problem::Broken);
        }
        let (length_bytes, sets) = match codec {
            Codec::H264 => avc_config(config).ok_or(Problem::Broken)?,
            Codec::H265 => hevc_config(config).ok_or(Problem::Broken)?,
            // `av1C`: four bytes, then the sequence header (AV1 in ISOBMFF, 2.3).
            Codec::Av1 => (0, config.get(4..).unwrap_or_default().to_vec()),
            _ => (0, Vec::new()),
        };
        self.pictures = Some(Config { codec, length_bytes, sets });
        Ok(None)
    }

    fn picture(&self, codec: Codec, key: bool, offset_ms: i32, body: &[u8]) -> Result<Option<Piece>, Problem> {
        let config = self.pictures.as_ref().filter(|config| config.codec == codec).ok_or(Problem::Broken)?;
        if body.is_empty() {
            return Ok(None);
        }
        let data = match codec {
            Codec::H264 => annex_b(config, body, |nal| h264::kind(nal) == h264::IDR, |nal| h264::kind(nal) == h264::SPS),
            Codec::H265 => annex_b(config, body, |nal| (16..=23).contains(&h265::kind(nal)), |nal| h265::kind(nal) == 33),
            Codec::Av1 if key && !config.sets.is_empty() && !has_sequence_header(body) => Some([&config.sets, body].concat()),
            _ => Some(body.to_vec()),
        };
        let data = data.ok_or(Problem::Broken)?;
        Ok(Some(Piece { codec, offset_ms, key, data: data.into() }))
    }

    /// Reads the body of an audio tag; none for one that carries no sound.
    pub(super) fn audio(&mut self, body: &[u8]) -> Result<Option<Piece>, Problem> {
        let (&head, rest) = body.split_first().ok_or(Problem::Broken)?;
        match head >> 4 {
            10 => {
                let (&kind, rest) = rest.split_first().ok_or(Problem::Broken)?;
                self.aac(kind, rest)
            }
            9 => {
                let (name, rest) = rest.split_at_checked(4).ok_or(Problem::Broken)?;
                match (name, head & 0xf) {
                    (b"mp4a", kind) => self.aac(kind, rest),
                    (b"Opus", 1) if !rest.is_empty() => Ok(Some(sound(Codec::Opus, Bytes::copy_from_slice(rest)))),
                    (b"Opus", _) => Ok(None),
                    (other, _) => Err(Problem::Sound(printable(other))),
                }
            }
            number => Err(Problem::Sound(old_audio(number).to_owned())),
        }
    }

    fn aac(&mut self, kind: u8, rest: &[u8]) -> Result<Option<Piece>, Problem> {
        match kind {
            0 => {
                self.sound = Some(aac_config(rest).ok_or_else(|| Problem::Sound("a form of AAC that cannot be told apart".to_owned()))?);
                Ok(None)
            }
            1 if !rest.is_empty() => {
                let (object, rate_index, channels) = self.sound.ok_or(Problem::Broken)?;
                let header = adts::Header::write(object, rate_index, channels, rest.len()).ok_or(Problem::Broken)?;
                Ok(Some(sound(Codec::AacAdts, [&header, rest].concat().into())))
            }
            _ => Ok(None),
        }
    }
}

fn sound(codec: Codec, data: Bytes) -> Piece {
    Piece { codec, offset_ms: 0, key: true, data }
}

/// A signed number of three bytes.
fn signed(bytes: &[u8]) -> i32 {
    let value = bytes.iter().fold(0_i32, |value, byte| value << 8 | i32::from(*byte));
    value << 8 >> 8
}

fn printable(name: &[u8]) -> String {
    name.iter().map(|byte| if byte.is_ascii_alphanumeric() || b"-._".contains(byte) { char::from(*byte) } else { '?' }).collect()
}

/// Annex E.4.3.1.
fn old_video(number: u8) -> &'static str {
    match number {
        2 => "Sorenson H.263",
        3 | 6 => "screen video",
        4 | 5 => "On2 VP6",
        12 => "H.265 in the old, private form",
        _ => "an unknown kind of pictures",
    }
}

/// Annex E.4.2.1.
fn old_audio(number: u8) -> &'static str {
    match number {
        0 | 3 => "PCM",
        1 => "ADPCM",
        2 | 14 => "MP3",
        4..=6 => "Nellymoser",
        7 | 8 => "G.711",
        11 => "Speex",
        _ => "an unknown kind of sound",
    }
}

/// Splits bytes off the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A unit behind a length of two bytes.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(*self.take(2)?.first_chunk()?);
        self.take(usize::from(length))
    }
}

fn push_nal(out: &mut Vec<u8>, nal: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(nal);
}

/// AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1): bytes of a length, and the sets.
fn avc_config(config: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut cursor = Cursor(config);
    let head = cursor.take(5)?;
    let (version, lengths) = (head.first()?, head.last()?);
    if *version != 1 {
        return None;
    }
    let mut sets = Vec::new();
    let mut count = |mask: u8| {
        let count = cursor.byte()? & mask;
        (0..count).try_for_each(|_| cursor.sized().map(|nal| push_nal(&mut sets, nal)))
    };
    count(0x1f)?;
    count(0xff)?;
    Some((usize::from(lengths & 3) + 1, sets))
}

/// HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1).
fn hevc_config(config: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut cursor = Cursor(config);
    let head = cursor.take(22)?;
    if *head.first()? != 1 {
        return None;
    }
    let mut sets = Vec::new();
    for _ in 0..cursor.byte()? {
        cursor.byte()?;
        let count = u16::from_be_bytes(*cursor.take(2)?.first_chunk()?);
        for _ in 0..count {
            push_nal(&mut sets, cursor.sized()?);
        }
    }
    Some((usize::from(head.last()? & 3) + 1, sets))
}

/// Length-prefixed units as a byte stream, the sets in front of a key picture that has none.
fn annex_b(config: &Config, body: &[u8], is_key: impl Fn(&[u8]) -> bool, is_set: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut nals = Vec::new();
    let mut cursor = Cursor(body);
    while !cursor.0.is_empty() {
        let length = cursor.take(config.length_bytes)?.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        let nal = cursor.take(length)?;
        if !nal.is_empty() {
            nals.push(nal);
        }
        if nals.len() > MAX_NALS {
            return None;
        }
    }
    let needs_sets = nals.iter().any(|nal| is_key(nal)) && !nals.iter().any(|nal| is_set(nal));
    let mut out = Vec::with_capacity(body.len() + config.sets.len() + nals.len() * 4);
    if needs_sets {
        out.extend_from_slice(&config.sets);
    }
    nals.iter().for_each(|nal| push_nal(&mut out, nal));
    Some(out)
}

/// Whether a sequence header stands at the front, behind a delimiter at most (AV1 bitstream specification, 5.3.2: types 1, 2).
fn has_sequence_header(unit: &[u8]) -> bool {
    let kind = |byte: &u8| byte >> 3 & 0xf;
    match unit {
        [first, 0, second, ..] if kind(first) == 2 => kind(second) == 1,
        [first, ..] => kind(first) == 1,
        [] => false,
    }
}

/// Reads an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1). Of HE-AAC the plain layer is taken, in which decoders find the
/// rest. None for what the header of a frame cannot say.
fn aac_config(config: &[u8]) -> Option<Sound> {
    let mut bits = Bits { bytes: config, at: 0 };
    let mut object = bits.object_type()?;
    let rate_index = bits.rate_index()?;
    let channels = u8::try_from(bits.take(4)?).ok()?;
    if object == 5 || object == 29 {
        bits.rate_index()?;
        object = bits.object_type()?;
    }
    let object = u8::try_from(object).ok()?;
    adts::Header::write(object, rate_index, channels, 1).map(|_| (object, rate_index, channels))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            object => Some(object),
        }
    }

    fn rate_index(&mut self) -> Option<u8> {
        match self.take(4)? {
            15 => adts::rate_index(self.take(24)?),
            index => u8::try_from(index).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: [u8; 4] = [0x67, 0x42, 0xc0, 0x1f];
    const PPS: [u8; 3] = [0x68, 0xce, 0x3c];

    fn avcc() -> Vec<u8> {
        [&[0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 4][..], &SPS, &[1, 0, 3], &PPS].concat()
    }

    fn hvcc() -> Vec<u8> {
        let mut config = b"\x90hvc1\x01".to_vec();
        config.extend_from_slice(&[0; 20]);
        config.extend_from_slice(&[0xff, 2, 0xa0, 0, 1, 0, 2, 0x40, 1, 0xa1, 0, 1, 0, 2, 0x42, 1]);
        config
    }

    fn av1c() -> Vec<u8> {
        b"\x90av01\x81\x05\x0c\x00\x0a\x01\x00".to_vec()
    }

    #[test]
    fn pictures_become_a_byte_stream_with_sets_in_front_of_keys() {
        let mut tags = Tags::default();
        assert_eq!(tags.video(&avcc()), Ok(None));
        let key = tags.video(&[0x17, 1, 0, 0, 80, 0, 0, 0, 2, 0x65, 0xaa]).expect("read").expect("a picture");
        let expect = [&[0, 0, 0, 1][..], &SPS, &[0, 0, 0, 1], &PPS, &[0, 0, 0, 1, 0x65, 0xaa]].concat();
        assert_eq!((key.codec, key.offset_ms, key.key, key.data.as_ref()), (Codec::H264, 80, true, expect.as_slice()));
        // A picture shown before others that are decoded before it, as some encoders write it.
        let other = tags.video(&[0x27, 1, 0xff, 0xff, 0xd8, 0, 0, 0, 1, 0x41]).expect("read").expect("a picture");
        assert_eq!((other.offset_ms, other.key, other.data.as_ref()), (-40, false, &[0, 0, 0, 1, 0x41][..]));
    }

    #[test]
    fn enhanced_pictures_are_read() {
        let mut tags = Tags::default();
        assert_eq!(tags.video(&hvcc()), Ok(None));
        let key = tags.video(b"\x91hvc1\x00\x00\x21\x00\x00\x00\x02\x26\x01").expect("read").expect("a picture");
        assert_eq!((key.codec, key.offset_ms), (Codec::H265, 33));
        assert_eq!(key.data.as_ref(), [0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 1, 0, 0, 0, 1, 0x26, 1]);
        let without_offset = tags.video(b"\xa3hvc1\x00\x00\x00\x02\x02\x01").expect("read").expect("a picture");
        assert!(!without_offset.key && without_offset.offset_ms == 0);

        assert_eq!(tags.video(&av1c()), Ok(None));
        let key = tags.video(b"\x91av01\x32\x01\xaa").expect("read").expect("a picture");
        assert_eq!((key.codec, key.data.as_ref()), (Codec::Av1, &b"\x0a\x01\x00\x32\x01\xaa"[..]));
    }

    #[test]
    fn sound_gets_its_header() {
        let mut tags = Tags::default();
        assert_eq!(tags.audio(&[0xaf, 1, 9]), Err(Problem::Broken));
        assert_eq!(tags.audio(&[0xaf, 0, 0x12, 0x08]), Ok(None));
        let frame = tags.audio(&[0xaf, 1, 7, 7]).expect("read").expect("sound");
        let header = adts::Header::parse(&frame.data).expect("a header");
        assert_eq!((frame.codec, header.rate_hz(), header.channels, header.frame_bytes), (Codec::AacAdts, 44_100, 1, 9));
        // HE-AAC: 24 kHz below 48 kHz.
        assert_eq!(aac_config(&[0x2b, 0x11, 0x88, 0x00]), Some((2, 6, 2)));
        let opus = tags.audio(b"\x91Opus\x78\x01").expect("read").expect("sound");
        assert_eq!((opus.codec, opus.data.as_ref()), (Codec::Opus, &b"\x78\x01"[..]));
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        let mut tags = Tags::default();
        assert_eq!(tags.video(&[0x12, 0, 0]), Err(Problem::Pictures("Sorenson H.263".to_owned())));
        assert_eq!(tags.video(b"\x90vp08\x00"), Err(Problem::Pictures("vp08".to_owned())));
        assert_eq!(tags.video(b"\x90\x00\x01<>"), Err(Problem::Pictures("??\u{3f}?".to_owned())));
        assert_eq!(tags.audio(&[0x2f, 1]), Err(Problem::Sound("MP3".to_owned())));
        assert_eq!(tags.audio(b"\x90fLaC"), Err(Problem::Sound("fLaC".to_owned())));
        assert_eq!(tags.video(&[0x17, 1, 0, 0, 0, 0, 0, 0, 9, 1]), Err(Problem::Broken));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let mut tags = Tags::default();
            let mut rest = bytes;
            // The first byte of each piece says how long it is and which tag it is taken for.
            while let Some((&first, tail)) = rest.split_first() {
                let (piece, behind) = tail.split_at(usize::from(first >> 1).min(tail.len()));
                let read = if first & 1 == 0 { tags.video(piece) } else { tags.audio(piece) };
                if let Ok(Some(read)) = read {
                    assert!(read.data.len() <= 4 * (bytes.len() + MAX_CONFIG));
                }
                rest = behind;
            }
            let enhanced = [(b"\x91hvc1\0\0\0".to_vec(), hvcc()), (b"\xa3hvc1".to_vec(), hvcc()), (b"\x91av01".to_vec(), av1c())];
            for (head, config) in enhanced {
                let mut configured = Tags::default();
                assert_eq!(configured.video(&config), Ok(None));
                if let Ok(Some(read)) = configured.video(&[&head, bytes].concat()) {
                    assert!(read.data.len() <= 4 * bytes.len() + 64);
                }
            }
            for name in [&b"\x90hvc1"[..], b"\x90av01", b"\x90vp09", b"\x90avc1"] {
                let mut tags = Tags::default();
                if tags.video(&[name, bytes].concat()).is_ok()
                    && let Ok(Some(read)) = tags.video(&[&[name[0] | 3], &name[1..], bytes].concat())
                {
                    assert!(read.data.len() <= 4 * bytes.len() + MAX_CONFIG);
                }
            }
            let mut configured = Tags::default();
            assert_eq!(configured.video(&avcc()), Ok(None));
            for head in [0x17, 0x27] {
                if let Ok(Some(read)) = configured.video(&[&[head, 1, 0, 0, 0], bytes].concat()) {
                    assert!(read.data.len() <= 4 * bytes.len() + 64);
                }
            }
        });
    }
}
