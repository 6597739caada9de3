//! Matroska and WebM as far as a recorder needs them (RFC 9559): a head, clusters of simple blocks, and a length at a clean end.

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, Size};
use tl_frame::adts;

use crate::record::container::{SoundHead, Timed, TrackRun, VIDEO_TRACK};
use crate::record::sound::{OPUS_PRE_SKIP, Sound};

/// A size that means "until the end of the file", 8 bytes wide.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// What the head says of the pictures.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) codec: &'static str,
    pub(super) size: Size,
}

/// Where the fields lie that a clean end fills in.
#[derive(Default)]
pub(super) struct Mkv {
    segment_size_at: u64,
    segment_starts_at: u64,
    duration_at: u64,
}

impl Mkv {
    /// EBML header, segment of unknown size, information and tracks.
    pub(super) fn head(&mut self, picture: Entry, sounds: &[SoundHead]) -> Bytes {
        // WebM allows VP8 and Opus alone.
        let is_webm = picture.codec == "V_VP8" && !sounds.iter().any(|head| head.sound.is_aac());
        let header = [
            unsigned(0x4286, 1),
            unsigned(0x42f7, 1),
            unsigned(0x42f2, 4),
            unsigned(0x42f3, 8),
            element(0x4282, if is_webm { b"webm" } else { b"matroska" }),
            unsigned(0x4287, 4),
            unsigned(0x4285, 2),
        ];
        let mut out = element(0x1a45_dfa3, &header.concat());
        out.extend_from_slice(&[0x18, 0x53, 0x80, 0x67]);
        self.segment_size_at = out.len() as u64;
        out.extend_from_slice(&UNKNOWN_SIZE);
        self.segment_starts_at = out.len() as u64;

        // The duration stands last, so that its bytes are the last eight.
        let info = [unsigned(0x002a_d7b1, 1_000_000), element(0x4d80, b"Touchline"), element(0x5741, b"Touchline"), element(0x4489, &0_f64.to_be_bytes())];
        out.extend(element(0x1549_a966, &info.concat()));
        self.duration_at = out.len() as u64 - 8;

        let mut tracks = video_entry(picture);
        for (at, head) in sounds.iter().enumerate() {
            tracks.extend(audio_entry(head, at == 0));
        }
        out.extend(element(0x1654_ae6b, &tracks));
        Bytes::from(out)
    }

    /// One cluster; blocks are in the order of their times.
    pub(super) fn cluster<'a>(&self, tracks: impl Iterator<Item = &'a TrackRun<'a>>) -> Bytes {
        let mut blocks: Vec<(u8, &Timed)> = tracks.flat_map(|track| track.samples.iter().map(|sample| (track.number, sample))).collect();
        blocks.sort_by_key(|(_, sample)| sample.start);
        let base = blocks.first().map_or(0, |(_, sample)| millis(sample.start));
        let mut body = unsigned(0xe7, base.unsigned_abs());
        for (track, sample) in blocks {
            let relative = i16::try_from(millis(sample.start + sample.offset) - base).unwrap_or(i16::MAX).to_be_bytes();
            let flags = if sample.key { 0x80 } else { 0 };
            let [high, low] = relative;
            let mut block = vec![0x80 | track, high, low, flags];
            block.extend_from_slice(&sample.data);
            body.extend(element(0xa3, &block));
        }
        Bytes::from(element(0x1f43_b675, &body))
    }

    /// The segment's size and duration.
    pub(super) fn patches(&self, length: MediaTime, bytes: u64) -> Vec<(u64, Vec<u8>)> {
        let mut size = (bytes - self.segment_starts_at.min(bytes)).to_be_bytes();
        if let Some(first) = size.first_mut() {
            *first = 0x01;
        }
        vec![(self.segment_size_at, size.to_vec()), (self.duration_at, length.as_millis_f64().to_be_bytes().to_vec())]
    }
}

fn video_entry(picture: Entry) -> Vec<u8> {
    let video = [unsigned(0xb0, picture.size.width.into()), unsigned(0xba, picture.size.height.into())].concat();
    let number = u64::from(VIDEO_TRACK);
    let entry = [unsigned(0xd7, number), unsigned(0x73c5, number), unsigned(0x83, 1), unsigned(0x9c, 0), element(0x86, picture.codec.as_bytes())];
    element(0xae, &[entry.concat(), element(0xe0, &video)].concat())
}

fn audio_entry(head: &SoundHead, is_default: bool) -> Vec<u8> {
    let channels = match head.sound {
        Sound::SourceAac { channels: 7, .. } => 8,
        Sound::SourceAac { channels, .. } => channels.into(),
        Sound::Aac | Sound::Opus => 2,
    };
    let audio = [element(0xb5, &f64::from(head.sound.timescale()).to_be_bytes()), unsigned(0x9f, channels)].concat();
    let (number, default) = (u64::from(head.number), u64::from(is_default));
    let mut entry = vec![unsigned(0xd7, number), unsigned(0x73c5, number), unsigned(0x83, 2), unsigned(0x9c, 0), unsigned(0x88, default)];
    entry.push(element(0x536e, head.name.as_bytes()));
    entry.extend(match head.sound {
        Sound::Opus => opus_fields(),
        Sound::Aac => aac_fields(2, adts::rate_index(SAMPLE_RATE_HZ).unwrap_or_default(), 2),
        Sound::SourceAac { object_type, rate_index, channels } => aac_fields(object_type, rate_index, channels),
    });
    element(0xae, &[entry.concat(), element(0xe1, &audio)].concat())
}

fn opus_fields() -> Vec<Vec<u8>> {
    let mut head = b"OpusHead".to_vec();
    head.extend_from_slice(&[1, 2]);
    head.extend_from_slice(&OPUS_PRE_SKIP.to_le_bytes());
    head.extend_from_slice(&SAMPLE_RATE_HZ.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    let delay = MediaTime::from_samples(OPUS_PRE_SKIP.into()).nanos().unsigned_abs();
    vec![element(0x86, b"A_OPUS"), element(0x63a2, &head), unsigned(0x56aa, delay), unsigned(0x56bb, 80_000_000)]
}

fn aac_fields(object_type: u8, rate_index: u8, channels: u8) -> Vec<Vec<u8>> {
    let header = adts::Header { object_type, rate_index, channels, header_bytes: 0, frame_bytes: 0, blocks: 1 };
    vec![element(0x86, b"A_AAC"), element(0x63a2, &header.audio_specific_config())]
}

fn millis(time: MediaTime) -> i64 {
    (time.nanos() + 500_000).div_euclid(1_000_000)
}

/// An element: its id as written in the standard, its size, its bytes.
fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let size = body.len() as u64;
    // The shortest width whose all-ones pattern stays free, which means "unknown".
    let width = (1..8).find(|width| size < (1 << (7 * width)) - 1).unwrap_or(8);
    let marked = size | 1 << (7 * width);
    out.extend(marked.to_be_bytes().into_iter().skip(8 - width));
    out.extend_from_slice(body);
    out
}

fn unsigned(id: u32, value: u64) -> Vec<u8> {
    let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    element(id, if bytes.is_empty() { &[0] } else { &bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_the_shortest_width() {
        assert_eq!(element(0xa3, &[7; 3]), [0xa3, 0x83, 7, 7, 7]);
        assert_eq!(element(0x4286, &[1; 126])[..3], [0x42, 0x86, 0xfe]);
        assert_eq!(element(0xa3, &[1; 127])[..3], [0xa3, 0x40, 0x7f]);
        assert_eq!(unsigned(0xd7, 0), [0xd7, 0x81, 0]);
        assert_eq!(unsigned(0xd7, 258), [0xd7, 0x82, 1, 2]);
    }
}
