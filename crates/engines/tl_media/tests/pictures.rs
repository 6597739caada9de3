//! Pictures through encoder, file and decoder.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::{MediaTime, Rate, Size};
use tl_frame::{AccessUnit, Codec, Colour, Frame, Matrix, Memory, h264};
use tl_media::{Error, VideoDecoder, VideoEncoder, decode, file};

use common::{CAMERA, HD, PATIENCE, SMALL, config, number, picture, units};

fn decoder(codec: Codec) -> (VideoDecoder, mpsc::Receiver<Frame>) {
    let (sender, receiver) = mpsc::sync_channel(1_024);
    let config = decode::Video { source: CAMERA, codec, max_queue: 8 };
    let decoder = VideoDecoder::new(config, move |frame| sender.send(frame).unwrap_or_default()).expect("a decoder");
    (decoder, receiver)
}

#[test]
fn each_picture_leaves_the_encoder_and_the_decoder_at_once_with_its_time() {
    let units = units(HD, 0..70);
    let (decoder, frames) = decoder(Codec::H264);
    for (at, unit) in units.iter().enumerate() {
        let expected = Rate::FPS_30.tick_start(at as u64);
        assert_eq!((unit.capture, unit.pts, unit.dts), (expected, expected, expected));
        assert_eq!(unit.key, at % 60 == 0, "picture {at}");
        assert_eq!(h264::is_key(&unit.data), unit.key);
        assert_eq!(h264::Parameters::find(&unit.data).map(|found| found.size), unit.key.then_some(HD));
        decoder.push(unit.clone()).expect("room");
        let frame = frames.recv_timeout(PATIENCE).expect("one in, one out");
        assert_eq!((frame.capture, frame.size, frame.colour, number(&frame)), (expected, HD, Colour::PROGRAMME, at as u64));
    }
    let stats = decoder.stats();
    assert_eq!((stats.decoded, stats.dropped, stats.errors), (70, 0, 0));
    assert!(stats.decode_ms.is_some_and(|ms| ms > 0.0 && ms < 100.0));
}

#[test]
fn a_decoded_picture_is_lent_and_may_be_kept() {
    let (decoder, frames) = decoder(Codec::H264);
    let mut kept = Vec::new();
    for unit in units(SMALL, 0..40) {
        decoder.push(unit).expect("room");
        kept.push(frames.recv_timeout(PATIENCE).expect("a picture"));
    }
    drop(decoder);
    let Memory::Cpu(planes) = &kept[0].memory else { panic!("a picture elsewhere") };
    // A row longer than its samples is the decoder's own layout: a copy would have packed it.
    assert!(planes.plane(0).expect("luma").layout.stride > SMALL.width as usize);
    assert_eq!(kept.iter().map(number).collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
}

#[test]
fn a_key_comes_when_asked_and_the_grid_starts_anew() {
    let (sender, receiver) = mpsc::sync_channel(1_024);
    let encoder = VideoEncoder::new(config(SMALL), move |unit| sender.send(unit).unwrap_or_default()).expect("an encoder");
    assert!(["x264enc", "nvh264enc", "vah264enc", "openh264enc"].contains(&encoder.name()));
    let keys: Vec<u64> = (0..100)
        .filter(|at| {
            encoder.push(picture(*at, SMALL), *at == 25).expect("room");
            receiver.recv_timeout(PATIENCE).expect("a unit").key
        })
        .collect();
    assert_eq!(keys, [0, 25, 85]);
}

#[test]
fn a_busy_encoder_refuses_and_remembers_the_key() {
    let (gate, gated) = mpsc::sync_channel::<()>(1);
    let (sender, receiver) = mpsc::sync_channel(1_024);
    let on_unit = move |unit: AccessUnit| {
        gated.recv_timeout(PATIENCE).unwrap_or_default();
        sender.send((unit.capture, unit.key)).unwrap_or_default();
    };
    let encoder = VideoEncoder::new(config(SMALL), on_unit).expect("an encoder");
    let start = Instant::now();
    let taken = (0..50).filter(|at| encoder.push(picture(*at, SMALL), *at == 49).is_ok()).count();
    assert!(start.elapsed() < PATIENCE && (2..=8).contains(&taken), "{taken}");
    drop(gate);
    for _ in 0..taken {
        receiver.recv_timeout(PATIENCE).expect("what was taken comes out");
    }
    encoder.push(picture(50, SMALL), false).expect("room again");
    assert_eq!(receiver.recv_timeout(PATIENCE).expect("a unit"), (Rate::FPS_30.tick_start(50), true));
}

#[test]
fn a_picture_of_another_size_is_refused() {
    let encoder = VideoEncoder::new(config(SMALL), |_| {}).expect("an encoder");
    assert!(matches!(encoder.push(picture(0, HD), false), Err(Error::OtherSize { .. })));
    let mut wrong = config(SMALL);
    wrong.encoder = Some("no_such_encoder".to_owned());
    assert!(matches!(VideoEncoder::new(wrong, |_| {}), Err(Error::Missing(_))));
}

#[test]
fn the_size_may_change_in_mid_stream() {
    let other = Size::new(640, 360);
    let (decoder, frames) = decoder(Codec::H264);
    for (size, unit) in [SMALL, other, SMALL].into_iter().flat_map(|size| units(size, 0..5).into_iter().map(move |unit| (size, unit))) {
        decoder.push(unit).expect("room");
        assert_eq!(frames.recv_timeout(PATIENCE).expect("a picture").size, size);
    }
}

#[test]
fn only_keys_are_decoded_when_only_keys_are_wanted() {
    let mut config = config(SMALL);
    config.gop = MediaTime::from_millis(333);
    let units = common::units_with(config, 0..40);
    let (decoder, frames) = decoder(Codec::H264);
    decoder.set_keys_only(true);
    for unit in &units {
        decoder.push(unit.clone()).expect("room");
        if unit.key {
            frames.recv_timeout(PATIENCE).expect("a picture");
        }
    }
    decoder.set_keys_only(false);
    decoder.push(units[5].clone()).expect("taken and dropped");
    decoder.push(units[10].clone()).expect("room");
    decoder.push(units[11].clone()).expect("room");
    assert_eq!(number(&frames.recv_timeout(PATIENCE).expect("the key")), 10);
    assert_eq!(number(&frames.recv_timeout(PATIENCE).expect("the next")), 11);
    assert_eq!(decoder.stats().dropped, 36 + 1);
}

#[test]
fn a_full_queue_drops_up_to_the_next_key() {
    let (gate, gated) = mpsc::sync_channel::<()>(1);
    let (sender, frames) = mpsc::sync_channel(1_024);
    let on_frame = move |frame: Frame| {
        gated.recv_timeout(PATIENCE).unwrap_or_default();
        sender.send(number(&frame)).unwrap_or_default();
    };
    let decoder = VideoDecoder::new(decode::Video { source: CAMERA, codec: Codec::H264, max_queue: 4 }, on_frame).expect("a decoder");
    let units = units(SMALL, 0..70);
    for unit in &units[..60] {
        decoder.push(unit.clone()).expect("never waits");
    }
    let dropped = decoder.stats().dropped;
    assert!(dropped >= 50, "{dropped}");
    drop(gate);
    for expected in 0..60 - dropped {
        assert_eq!(frames.recv_timeout(PATIENCE), Ok(expected));
    }
    decoder.push(units[61].clone()).expect("taken and dropped");
    decoder.push(units[60].clone()).expect("room");
    assert_eq!(frames.recv_timeout(PATIENCE), Ok(60));
}

/// Breaks units in every way; after each the next whole key must come out as if nothing had been.
#[test]
fn broken_units_cost_pictures_but_never_the_decoder() {
    let good = units(SMALL, 0..20);
    let (decoder, frames) = decoder(Codec::H264);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let mut refused = 0;
    for round in 0..600 {
        let mut whole = good[0].clone();
        whole.capture = MediaTime::from_secs(round);
        decoder.push(whole).expect("room");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let frame = frames.recv_timeout(PATIENCE).expect("the decoder came back");
            if frame.capture == MediaTime::from_secs(round) {
                assert_eq!(number(&frame), 0);
                break;
            }
            assert!(Instant::now() < deadline);
        }
        let mut unit = good[if round % 3 == 0 { 0 } else { next() % good.len() }].clone();
        unit.capture = MediaTime::from_millis(-1);
        let mut data = unit.data.to_vec();
        match round % 5 {
            0 => data.truncate(next() % data.len()),
            1 => (0..1 + next() % 20).for_each(|_| {
                let at = next() % data.len();
                data[at] ^= 1 << (next() % 8);
            }),
            2 => data.clear(),
            3 => data = (0..next() % 2_000).map(|_| next() as u8).collect(),
            _ => data = [0, 0, 0, 1, 0x41].into_iter().chain((0..next() % 2_000).map(|_| next() as u8)).collect(),
        }
        unit.data = Bytes::from(data);
        refused += u32::from(decoder.push(unit).is_err());
    }
    let stats = decoder.stats();
    assert!(stats.errors > 0 && stats.decoded >= 600, "{stats:?}");
    assert!((1..200).contains(&refused), "broken parameter sets are refused aloud: {refused}");
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused() {
    let (decoder, _frames) = decoder(Codec::Vp8);
    let unit = units(SMALL, 0..1).remove(0);
    let header = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0x00];
    let huge = AccessUnit { codec: Codec::Vp8, data: Bytes::copy_from_slice(&header), ..unit.clone() };
    assert!(matches!(decoder.push(huge), Err(Error::Unsupported(_))));
    assert!(matches!(decoder.push(unit), Err(Error::Unsupported(_))));
}

#[test]
fn a_clip_is_read_back_with_keys_where_they_were_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = common::clip(folder.path(), "clip.mp4", SMALL, 65, 30);
    assert_eq!(common::decoded_frames(&path), 65);
    let units = file::read_access_units(&path).expect("units");
    assert_eq!(units.len(), 65);
    assert_eq!(units.iter().enumerate().filter(|(_, unit)| unit.key).map(|(at, _)| at).collect::<Vec<_>>(), [0, 30, 60]);
    for (at, unit) in units.iter().enumerate() {
        assert!((unit.pts - Rate::FPS_30.tick_start(at as u64)).abs() < MediaTime::from_micros(200), "{at}: {}", unit.pts);
        assert_eq!(h264::Parameters::find(&unit.data).is_some(), unit.key);
    }
    let (decoder, frames) = decoder(Codec::H264);
    for (at, unit) in units.into_iter().enumerate() {
        decoder.push(unit).expect("room");
        assert_eq!(number(&frames.recv_timeout(PATIENCE).expect("at once")), at as u64);
    }
    let mut seen = Vec::new();
    let summary = file::decode_file(&path, |frame| seen.push(number(&frame)), |_| {}).expect("pictures");
    assert_eq!(seen, (0..65).collect::<Vec<_>>());
    assert_eq!((summary.video_frames, summary.size), (65, Some(SMALL)));
    assert!((summary.seconds - 65.0 / 30.0).abs() < 0.01, "{summary:?}");
    let info = file::probe(&path).expect("info");
    assert_eq!((info.video, info.audio, info.size, info.video_units, info.keys), (Some(Codec::H264), None, Some(SMALL), 65, 3));
    assert!(folder.path().read_dir().expect("a folder").count() == 1, "nothing else is left");
}

#[test]
fn what_is_no_film_is_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("text.mp4");
    assert!(matches!(file::probe(&path), Err(Error::File { .. })));
    std::fs::write(&path, b"this is not a film at all, it is a line of text").expect("written");
    assert!(matches!(file::probe(&path), Err(Error::Content { .. })));
    assert!(matches!(file::read_access_units(&path), Err(Error::Content { .. })));
    assert!(matches!(file::decode_file(&path, |_| {}, |_| {}), Err(Error::Content { .. })));
}

#[test]
fn untagged_small_pictures_are_taken_for_bt_601() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("untagged.mp4");
    let args = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-t", "1", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "2"];
    let status = std::process::Command::new("ffmpeg").args(args).arg(&path).status().expect("ffmpeg runs");
    assert!(status.success());
    let (decoder, frames) = decoder(Codec::H264);
    let units = file::read_access_units(&path).expect("units");
    let mut expected: Vec<_> = units.iter().map(|unit| unit.pts).collect();
    expected.sort();
    let total = units.len();
    let mut captures = Vec::new();
    for unit in units {
        while let Err(Error::Full) = decoder.push(unit.clone()) {}
        while let Ok(frame) = frames.recv_timeout(Duration::from_millis(50)) {
            assert_eq!(frame.colour.matrix, Matrix::Bt601);
            captures.push(frame.capture);
        }
    }
    // Reordered pictures keep the time of their own unit; the last few stay inside a decoder that nobody ends.
    assert!(captures.len() + 4 >= total, "{} of {total}", captures.len());
    assert_eq!(captures, expected[..captures.len()]);
}

#[test]
fn every_encoder_that_is_said_to_work_does() {
    let found = tl_media::encoders();
    assert_eq!(found.iter().map(|info| info.name.as_str()).collect::<Vec<_>>(), ["nvh264enc", "vah264enc", "x264enc", "openh264enc"]);
    assert!(found.iter().any(|info| info.works), "{found:?}");
    for info in found.iter().filter(|info| info.works && !info.hardware) {
        let mut config = config(SMALL);
        config.encoder = Some(info.name.clone());
        let units = common::units_with(config, 0..65);
        assert_eq!(units.iter().enumerate().filter(|(_, unit)| unit.key).map(|(at, _)| at).collect::<Vec<_>>(), [0, 60], "{}", info.name);
        assert!(h264::Parameters::find(&units[60].data).is_some());
        let (decoder, frames) = decoder(Codec::H264);
        for (at, unit) in units.into_iter().enumerate() {
            decoder.push(unit).expect("room");
            assert_eq!(number(&frames.recv_timeout(PATIENCE).expect("at once")), at as u64, "{}", info.name);
        }
    }
}

#[test]
fn vp8_is_decoded_one_for_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("source.webm");
    let args =
        ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30:duration=1", "-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0"];
    assert!(std::process::Command::new("ffmpeg").args(args).arg(&path).status().expect("ffmpeg runs").success());
    let (decoder, frames) = decoder(Codec::Vp8);
    for unit in file::read_access_units(&path).expect("units") {
        decoder.push(unit.clone()).expect("room");
        let frame = frames.recv_timeout(PATIENCE).expect("at once");
        assert_eq!((frame.capture, frame.size), (unit.capture, Size::new(320, 240)));
    }
    assert_eq!(decoder.stats().decoded, 30);
}
