//! WebM as far as a recorder needs it (RFC 9559): a head, clusters of simple blocks, and a length at a clean end.

use bytes::Bytes;

use tl_base::{MediaTime, SAMPLE_RATE_HZ, Size};

use crate::record::container::{OPUS_PRE_SKIP, Timed};

const VIDEO_TRACK: u8 = 1;
const AUDIO_TRACK: u8 = 2;
/// A size that means "until the end of the file", 8 bytes wide.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// Where the fields lie that a clean end fills in.
#[derive(Default)]
pub(super) struct Mkv {
    segment_size_at: u64,
    segment_starts_at: u64,
    duration_at: u64,
}

impl Mkv {
    /// EBML header, segment of unknown size, information and tracks.
    pub(super) fn head(&mut self, size: Size, has_audio: bool) -> Bytes {
        let header = [
            unsigned(0x4286, 1),
            unsigned(0x42f7, 1),
            unsigned(0x42f2, 4),
            unsigned(0x42f3, 8),
            element(0x4282, b"webm"),
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

        let mut tracks = video_entry(size);
        if has_audio {
            tracks.extend(audio_entry());
        }
        out.extend(element(0x1654_ae6b, &tracks));
        Bytes::from(out)
    }

    /// One cluster; blocks are in the order of their times.
    pub(super) fn cluster(&self, video: &[Timed], audio: &[Timed]) -> Bytes {
        let mut blocks: Vec<(u8, &Timed)> = video.iter().map(|sample| (VIDEO_TRACK, sample)).chain(audio.iter().map(|sample| (AUDIO_TRACK, sample))).collect();
        blocks.sort_by_key(|(_, sample)| sample.start);
        let base = blocks.first().map_or(0, |(_, sample)| millis(sample.start));
        let mut body = unsigned(0xe7, base.unsigned_abs());
        for (track, sample) in blocks {
            let relative = i16::try_from(millis(sample.start) - base).unwrap_or(i16::MAX).to_be_bytes();
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

fn video_entry(size: Size) -> Vec<u8> {
    let video = [unsigned(0xb0, size.width.into()), unsigned(0xba, size.height.into())].concat();
    let entry = [unsigned(0xd7, VIDEO_TRACK.into()), unsigned(0x73c5, VIDEO_TRACK.into()), unsigned(0x83, 1), unsigned(0x9c, 0), element(0x86, b"V_VP8")];
    element(0xae, &[entry.concat(), element(0xe0, &video)].concat())
}

fn audio_entry() -> Vec<u8> {
    let audio = [element(0xb5, &f64::from(SAMPLE_RATE_HZ).to_be_bytes()), unsigned(0x9f, 2)].concat();
    let mut head = b"OpusHead".to_vec();
    head.extend_from_slice(&[1, 2]);
    head.extend_from_slice(&OPUS_PRE_SKIP.to_le_bytes());
    head.extend_from_slice(&SAMPLE_RATE_HZ.to_le_bytes());
    head.extend_from_slice(&[0, 0, 0]);
    let delay = MediaTime::from_samples(OPUS_PRE_SKIP.into()).nanos().unsigned_abs();
    let entry = [
        unsigned(0xd7, AUDIO_TRACK.into()),
        unsigned(0x73c5, AUDIO_TRACK.into()),
        unsigned(0x83, 2),
        unsigned(0x9c, 0),
        element(0x86, b"A_OPUS"),
        element(0x63a2, &head),
        unsigned(0x56aa, delay),
        unsigned(0x56bb, 80_000_000),
    ];
    element(0xae, &[entry.concat(), element(0xe1, &audio)].concat())
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
