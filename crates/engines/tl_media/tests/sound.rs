//! Sound through encoders and decoders.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tl_base::{MediaTime, SAMPLE_RATE_HZ};
use tl_frame::{AccessUnit, AudioBlock, Codec, ConfigId};
use tl_media::{AacEncoder, Error, OpusDecoder, encode_opus};

use common::{CAMERA, PATIENCE, Seen};

/// Where the click lies, samples from the start.
const CLICK: usize = 24_000;

/// A second of near silence with one short burst of a tone.
fn click(channels: usize) -> Vec<f32> {
    let tone = |at: usize| (at as f32 * 0.2).sin() * 0.8;
    (0..SAMPLE_RATE_HZ as usize).flat_map(|at| vec![if (CLICK..CLICK + 2_000).contains(&at) { tone(at) } else { 0.0 }; channels]).collect()
}

fn block(capture: MediaTime, channels: u16, samples: &[f32]) -> AudioBlock {
    AudioBlock { source: CAMERA, capture, rate_hz: SAMPLE_RATE_HZ, channels, samples: Arc::from(samples) }
}

/// The first loud sample of interleaved stereo.
fn onset(samples: &[f32]) -> usize {
    samples.chunks(2).position(|frame| frame[0].abs() > 0.25).expect("a click")
}

fn aac(start: MediaTime, channels: u16, block_frames: usize, samples: &[f32]) -> Vec<AccessUnit> {
    let seen = Seen::default();
    let into = seen.clone();
    let encoder = AacEncoder::new(CAMERA, channels, 128_000, move |unit| into.add(unit)).expect("an encoder");
    let mut at = start.to_samples();
    for piece in samples.chunks(block_frames * usize::from(channels)) {
        let one = block(MediaTime::from_samples(at), channels, piece);
        while let Err(error) = encoder.push(&one) {
            assert!(matches!(error, Error::Full));
            seen.wait("room", PATIENCE, |_| true);
        }
        at += one.frames() as i64;
    }
    encoder.finish().expect("ends");
    seen.all()
}

/// Raw AAC with an ADTS header before each frame, decoded by another decoder to interleaved stereo.
fn decode_aac(units: &[AccessUnit], channels: u8) -> Vec<f32> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sound.aac");
    let mut bytes = Vec::new();
    for unit in units {
        let length = unit.data.len() + 7;
        let header = [0xff, 0xf1, 0x4c | channels >> 2, channels << 6 | (length >> 11) as u8, (length >> 3) as u8, (length << 5) as u8 | 0x1f, 0xfc];
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&unit.data);
    }
    std::fs::write(&path, bytes).expect("written");
    let out = std::process::Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(["-f", "f32le", "-ac", "2", "-"]).output().expect("ffmpeg runs");
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

#[test]
fn aac_frames_follow_each_other_and_lie_where_their_sound_was() {
    let start = MediaTime::from_samples(1_600 * 77);
    for (channels, block_frames) in [(2, 1_600), (2, 480), (1, 1_024)] {
        let units = aac(start, channels, block_frames, &click(usize::from(channels)));
        assert!(units.len() >= 46, "{}", units.len());
        for (at, unit) in units.iter().enumerate() {
            let expected = MediaTime::from_samples(start.to_samples() + 1_024 * at as i64);
            assert_eq!((unit.pts, unit.dts, unit.capture, unit.key, unit.codec), (expected, expected, expected, true, Codec::Aac));
        }
        let heard = onset(&decode_aac(&units, channels as u8));
        assert!(heard.abs_diff(CLICK) < 48, "the click of sample {CLICK} is heard at {heard}");
    }
}

#[test]
fn a_gap_becomes_silence_and_an_overlap_is_cut() {
    let seen = Seen::default();
    let into = seen.clone();
    let encoder = AacEncoder::new(CAMERA, 2, 128_000, move |unit: AccessUnit| into.add(unit.pts.to_samples())).expect("an encoder");
    let tone = vec![0.1; 2 * 4_800];
    encoder.push(&block(MediaTime::ZERO, 2, &tone)).expect("room");
    encoder.push(&block(MediaTime::from_millis(600), 2, &tone)).expect("room");
    encoder.push(&block(MediaTime::from_millis(650), 2, &tone)).expect("room");
    // Rounding is neither a gap nor an overlap.
    encoder.push(&block(MediaTime::from_samples(36_003), 2, &tone)).expect("room");
    encoder.push(&block(MediaTime::from_secs(100), 2, &tone)).expect("room");
    encoder.finish().expect("ends");
    let starts = seen.all();
    let jump = starts.iter().position(|start| *start > 100_000).expect("a new count");
    assert!(starts[..jump].iter().enumerate().all(|(at, start)| *start == 1_024 * at as i64), "{starts:?}");
    // 100 ms, 500 ms of silence, 100 ms, half of 100 ms and 100 ms are 40,800 samples.
    assert_eq!(jump, 40_800_usize.div_ceil(1_024), "{starts:?}");
    assert!(starts[jump].abs_diff(4_800_000) < 1_024);
}

#[test]
fn sound_of_another_kind_is_refused() {
    let encoder = AacEncoder::new(CAMERA, 2, 128_000, |_| {}).expect("an encoder");
    assert!(matches!(encoder.push(&block(MediaTime::ZERO, 1, &[0.0; 10])), Err(Error::Unsupported(_))));
    assert!(matches!(AacEncoder::new(CAMERA, 6, 128_000, |_| {}), Err(Error::Unsupported(_))));
}

fn packet(capture: MediaTime, data: Bytes) -> AccessUnit {
    AccessUnit { source: CAMERA, codec: Codec::Opus, config_id: ConfigId(0), capture, pts: capture, dts: capture, arrival: capture, key: true, data }
}

#[test]
fn opus_comes_back_with_its_times() {
    let packets = encode_opus(&click(2)).expect("packets");
    assert_eq!(packets.len(), 50);
    let seen = Seen::default();
    let into = seen.clone();
    let decoder = OpusDecoder::new(CAMERA, move |block: AudioBlock| into.add(block)).expect("a decoder");
    let capture = |at: usize| MediaTime::from_secs(7) + MediaTime::from_millis(20 * at as i64);
    for (at, data) in packets.into_iter().enumerate() {
        decoder.push(packet(capture(at), data)).expect("room");
        let blocks = seen.wait("a block", PATIENCE, |blocks| blocks.len() > at);
        assert_eq!((blocks[at].capture, blocks[at].channels, blocks[at].rate_hz, blocks[at].frames()), (capture(at), 2, SAMPLE_RATE_HZ, 960));
    }
    let samples: Vec<f32> = seen.all().iter().flat_map(|block| block.samples.to_vec()).collect();
    // The codec's own run-in is 312 samples.
    assert!(onset(&samples).abs_diff(CLICK + 312) < 100, "{}", onset(&samples));
}

#[test]
fn lost_and_broken_packets_leave_gaps_and_nothing_else() {
    let packets = encode_opus(&click(2)).expect("packets");
    let seen = Seen::default();
    let into = seen.clone();
    let decoder = OpusDecoder::new(CAMERA, move |block: AudioBlock| into.add(block.capture)).expect("a decoder");
    let mut expected = Vec::new();
    for (at, data) in packets.into_iter().enumerate() {
        let capture = MediaTime::from_millis(20 * at as i64);
        match at % 10 {
            3 => continue,
            5 => assert!(decoder.push(packet(capture, Bytes::new())).is_err()),
            7 => {
                // A packet of frames that do not fit into it; whatever comes of it, the next one is in its place.
                let _taken_or_not = decoder.push(packet(capture, Bytes::from_static(&[0xff, 0x02, 0xff, 0xff])));
            }
            _ => {
                expected.push(capture);
                decoder.push(packet(capture, data)).expect("room");
                seen.wait("a block", PATIENCE, |captures| captures.contains(&capture));
            }
        }
    }
    let found = seen.wait("the last block", Duration::from_secs(5), |captures| captures.len() >= expected.len());
    assert!(expected.iter().all(|capture| found.contains(capture)));
}
