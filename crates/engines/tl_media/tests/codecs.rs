//! Every codec that a source may send: read, decoded, refused when it claims to be huge, and recorded.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use tl_base::{MediaTime, Rate, Size};
use tl_frame::{AccessUnit, Codec, Frame, Matrix, Memory, Range};
use tl_media::{Error, Recorder, VideoDecoder, decode, file, record};

use common::{CAMERA, PATIENCE, ffprobe, packet_times};

const SIZE: Size = Size::new(320, 192);

/// A clip whose left half is dark and whose right half is bright, by another program.
fn clip(folder: &Path, codec: Codec, frames: u32) -> PathBuf {
    let (name, arguments): (&str, &[&str]) = match codec {
        Codec::H264 => ("clip.mp4", &["-c:v", "libx264", "-bf", "2", "-g", "30"]),
        Codec::H265 => ("clip.mp4", &["-c:v", "libx265", "-x265-params", "bframes=0:keyint=30:log-level=error", "-tag:v", "hvc1"]),
        Codec::Vp8 => ("clip.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0", "-g", "30"]),
        Codec::Vp9 => ("clip.webm", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-lag-in-frames", "0"]),
        Codec::Av1 => ("clip.mp4", &["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "30", "-lag-in-frames", "0"]),
        _ => ("clip.mkv", &["-c:v", "mjpeg", "-q:v", "4"]),
    };
    let path = folder.join(name);
    let format = if codec == Codec::Mjpeg { "format=yuvj422p" } else { "format=yuv420p" };
    let filter = format!("drawbox=x=160:y=0:w=160:h=192:color=0xD0D0D0:t=fill,drawbox=x='mod(t*240,140)':y=20:w=16:h=16:color=red:t=fill,{format}");
    let source = "color=c=0x303030:size=320x192:rate=30";
    let input = ["-v", "error", "-f", "lavfi", "-i", source, "-vf", &filter, "-frames:v", &frames.to_string()].map(str::to_owned);
    let status = Command::new("ffmpeg").args(input).args(arguments).arg(&path).status().expect("ffmpeg runs");
    assert!(status.success());
    path
}

fn decoder(codec: Codec) -> (VideoDecoder, mpsc::Receiver<Frame>) {
    let (sender, receiver) = mpsc::sync_channel(512);
    let config = decode::Video { source: CAMERA, codec, max_queue: 16 };
    let decoder = VideoDecoder::new(config, move |frame| sender.send(frame).expect("the test listens")).expect("a decoder");
    (decoder, receiver)
}

fn luma(frame: &Frame, x: usize) -> u8 {
    let Memory::Cpu(planes) = &frame.memory else { panic!("a picture elsewhere") };
    planes.plane(0).expect("luma").row(150)[x]
}

const PICTURES: [Codec; 6] = [Codec::H264, Codec::H265, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Mjpeg];

#[test]
fn every_codec_is_decoded_with_its_sizes_times_and_range() {
    for codec in PICTURES {
        let folder = tempfile::tempdir().expect("a folder");
        let units = file::read_access_units(&clip(folder.path(), codec, 40)).expect("units");
        assert_eq!(units.len(), 40, "{codec:?}");
        assert!(units[0].key && units.iter().all(|unit| unit.codec == codec), "{codec:?}");
        let (decoder, frames) = decoder(codec);
        let mut seen = Vec::new();
        for unit in &units {
            while let Err(Error::Full) = decoder.push(unit.clone()) {}
            while let Ok(frame) = frames.recv_timeout(Duration::from_millis(if codec == Codec::H264 { 20 } else { 200 })) {
                seen.push(frame);
                if codec != Codec::H264 {
                    break;
                }
            }
        }
        let stats = decoder.stats();
        println!("{codec:?}: {} of {} by {}, {:?} ms", seen.len(), units.len(), stats.decoder, stats.decode_ms);
        // B-frames leave the last few inside a decoder that nobody ends; without them every picture leaves at once.
        let missing = if codec == Codec::H264 { 4 } else { 0 };
        assert!(seen.len() + missing >= units.len(), "{codec:?}: {} of {}", seen.len(), units.len());
        assert_eq!(stats.errors, 0, "{codec:?}");
        let mut expected: Vec<_> = units.iter().map(|unit| unit.pts).collect();
        expected.sort();
        assert_eq!(seen.iter().map(|frame| frame.capture).collect::<Vec<_>>(), expected[..seen.len()], "{codec:?}");
        for frame in &seen {
            assert_eq!(frame.size, SIZE);
            let range = if codec == Codec::Mjpeg { Range::Full } else { Range::Limited };
            assert_eq!((frame.colour.range, frame.colour.matrix), (range, Matrix::Bt601), "{codec:?}");
            // 0x30 and 0xd0 of RGB; in limited range 57 and 195.
            let expected = if range == Range::Full { (0x30, 0xd0) } else { (57, 195) };
            assert!(luma(frame, 80).abs_diff(expected.0) < 6 && luma(frame, 240).abs_diff(expected.1) < 6, "{codec:?}");
        }
    }
}

#[test]
fn every_decoder_that_is_said_to_work_is_named_once() {
    let found = decode::decoders();
    for codec in PICTURES {
        let of_codec: Vec<_> = found.iter().filter(|info| info.codec == codec).collect();
        assert!(of_codec.iter().any(|info| info.works && !info.hardware), "{codec:?}: {of_codec:?}");
        for info in &of_codec {
            assert_eq!(of_codec.iter().filter(|other| other.name == info.name).count(), 1);
        }
    }
    println!("{found:#?}");
}

#[test]
fn only_keys_are_decoded_when_asked_and_one_jpeg_a_second() {
    for (codec, expected) in [(Codec::H265, vec![0, 30, 60]), (Codec::Mjpeg, vec![0, 30, 60])] {
        let folder = tempfile::tempdir().expect("a folder");
        let units = file::read_access_units(&clip(folder.path(), codec, 75)).expect("units");
        let (decoder, frames) = decoder(codec);
        decoder.set_keys_only(true);
        let mut seen = Vec::new();
        for (at, unit) in units.into_iter().enumerate() {
            let capture = Rate::FPS_30.tick_start(at as u64);
            decoder.push(AccessUnit { capture, ..unit }).expect("room");
            if expected.contains(&at) {
                seen.push(frames.recv_timeout(PATIENCE).expect("a key picture").capture);
            }
        }
        let expected: Vec<_> = expected.iter().map(|at| Rate::FPS_30.tick_start(*at as u64)).collect();
        assert_eq!(seen, expected, "{codec:?}");
        assert!(frames.recv_timeout(Duration::from_millis(100)).is_err());
    }
}

#[test]
fn what_claims_to_be_huge_is_refused_in_every_codec() {
    for (codec, size, coder) in [
        (Codec::H264, "4112x64", &["-c:v", "libx264"][..]),
        (Codec::H265, "64x4112", &["-c:v", "libx265", "-x265-params", "log-level=error"]),
        (Codec::Vp9, "4112x64", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        (Codec::Av1, "64x4112", &["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8"]),
        (Codec::Mjpeg, "4112x64", &["-c:v", "mjpeg"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("huge.mkv");
        let source = format!("color=size={size}:rate=30");
        let status = Command::new("ffmpeg").args(["-v", "error", "-f", "lavfi", "-i", &source, "-frames:v", "1"]).args(coder).arg(&path).status();
        assert!(status.expect("ffmpeg runs").success());
        let units = file::read_access_units(&path).expect("units");
        let (decoder, _frames) = decoder(codec);
        assert!(matches!(decoder.push(units[0].clone()), Err(Error::Unsupported(_))), "{codec:?}");
        // The same parameters smuggled in behind a key picture are no better.
        let late = AccessUnit { key: false, ..units[0].clone() };
        assert!(decoder.push(late).is_err() || decoder.stats().dropped >= 2, "{codec:?}");
        assert_eq!(decoder.stats().decoded, 0);
    }
}

#[test]
fn garbage_costs_its_own_pictures_alone() {
    for codec in PICTURES {
        let folder = tempfile::tempdir().expect("a folder");
        let good = file::read_access_units(&clip(folder.path(), codec, 31)).expect("units");
        let (decoder, frames) = decoder(codec);
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize
        };
        for round in 0..60_i64 {
            let mut bad = good[next() % good.len()].clone();
            bad.capture = MediaTime::from_millis(-1);
            let mut data = bad.data.to_vec();
            match round % 3 {
                0 => data.truncate(next() % data.len()),
                1 => (0..1 + next() % 20).for_each(|_| {
                    let at = next() % data.len();
                    data[at] ^= 1 << (next() % 8);
                }),
                _ => data = (0..next() % 2_000).map(|_| next() as u8).collect(),
            }
            bad.data = Bytes::from(data);
            bad.key = bad.key || round % 2 == 0;
            // Refused or taken: what counts is that the next whole picture comes out.
            drop(decoder.push(bad));
            let capture = MediaTime::from_secs(round);
            let deadline = std::time::Instant::now() + PATIENCE;
            loop {
                drop(decoder.push(AccessUnit { capture, ..good[0].clone() }));
                if let Ok(frame) = frames.recv_timeout(Duration::from_millis(40))
                    && frame.capture == capture
                {
                    break;
                }
                assert!(std::time::Instant::now() < deadline, "{codec:?} does not come back in round {round}: {:?}", decoder.stats());
            }
            while frames.try_recv().is_ok() {}
        }
    }
}

#[test]
fn every_codec_is_recorded_and_read_back() {
    for codec in PICTURES {
        let folder = tempfile::tempdir().expect("a folder");
        let units = file::read_access_units(&clip(folder.path(), codec, 75)).expect("units");
        let dir = folder.path().join("out");
        let config =
            record::Config { dir, stem: "cam1".to_owned(), kind: record::Kind::Iso, fragment: MediaTime::from_millis(500), sync: MediaTime::from_secs(1) };
        let recorder = Recorder::start(config, |_| {}).expect("a recorder");
        for unit in &units {
            recorder.push(&AccessUnit { source: CAMERA, ..unit.clone() });
        }
        let parts = recorder.finish().expect("a summary").parts;
        assert_eq!(parts.len(), 1, "{codec:?}");
        let path = &parts[0].path;
        let extension = path.extension().and_then(|name| name.to_str()).expect("an extension");
        let expected = match codec {
            Codec::Vp8 => "webm",
            Codec::Mjpeg => "mkv",
            _ => "mp4",
        };
        assert_eq!((extension, parts[0].codec), (expected, codec));
        assert_eq!(common::decoded_frames(path), 75, "{codec:?}");
        assert_eq!(ffprobe(path, &["-select_streams", "v:0", "-show_entries", "stream=codec_name,width,height"]), format!("{},320,192", ffmpeg_name(codec)));
        let mut times = packet_times(path, "v:0");
        times.sort_by(f64::total_cmp);
        for (at, time) in times.iter().enumerate() {
            assert!((time - at as f64 / 30.0).abs() < 0.002, "{codec:?}: {at} lies at {time}");
        }
        let again = file::read_access_units(path).expect("units");
        assert_eq!(again.len(), 75);
        assert_eq!(again.iter().filter(|unit| unit.key).count(), units.iter().filter(|unit| unit.key).count(), "{codec:?}");
        assert_eq!(file::probe(path).expect("info").video, Some(codec));
        let mut seen = 0;
        file::decode_file(path, |_| seen += 1, |_| {}).expect("plays");
        assert_eq!(seen, 75, "{codec:?}");
    }
}

fn ffmpeg_name(codec: Codec) -> &'static str {
    if codec == Codec::H265 { "hevc" } else { codec.name() }
}
