//! Parts that differ become one film all the same.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::sync::atomic::AtomicBool;

use tl_base::{MediaTime, Rate, Size};
use tl_media::{Error, file};

use common::{SMALL, clip, decoded_frames, ffprobe, number, packet_times};

#[test]
fn parts_of_different_sizes_become_one_film_with_its_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = clip(folder.path(), "first.mp4", SMALL, 45, 30);
    let second = folder.path().join("second.mp4");
    let args = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x384:rate=30", "-f", "lavfi", "-i", "sine=440", "-t", "2", "-pix_fmt", "yuv420p"];
    assert!(std::process::Command::new("ffmpeg").args(args).arg(&second).status().expect("ffmpeg runs").success());
    let out = folder.path().join("film.mp4");
    let offset = MediaTime::from_secs(3);
    let joined = file::join_reencoded(&[first, second], &[MediaTime::ZERO, offset], &out, &AtomicBool::new(false), |_| {}).expect("joined");
    assert_eq!((joined.video_frames, joined.problems.len()), (105, 0));
    assert!((joined.seconds - 5.0).abs() < 0.1, "{joined:?}");
    assert_eq!(decoded_frames(&out), 105);
    assert_eq!(ffprobe(&out, &["-select_streams", "v:0", "-show_entries", "stream=width,height"]), "640,384");
    let times = packet_times(&out, "v:0");
    assert!((times[44] - 44.0 / 30.0).abs() < 0.01 && (times[45] - 3.0).abs() < 0.05, "{times:?}");
    let heard = packet_times(&out, "a:0");
    assert!((heard[0] - 3.0).abs() < 0.05, "{}", heard[0]);
    let mut size = None;
    file::decode_file(&out, |frame| size = Some(frame.size), |_| {}).expect("plays");
    assert_eq!(size, Some(Size::new(640, 384)));
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 3, "nothing else is left");
}

#[test]
fn a_part_that_cannot_be_read_costs_itself_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = clip(folder.path(), "good.mp4", SMALL, 30, 30);
    let bad = folder.path().join("bad.mp4");
    std::fs::write(&bad, vec![7; 5_000]).expect("written");
    let out = folder.path().join("film.mp4");
    let second = Rate::FPS_30.tick_start(60);
    let joined = file::join_reencoded(&[bad.clone(), good], &[MediaTime::ZERO, second], &out, &AtomicBool::new(false), |_| {}).expect("joined");
    assert_eq!((joined.video_frames, joined.problems.len()), (30, 1));
    let mut seen = Vec::new();
    file::decode_file(&out, |frame| seen.push(number(&frame)), |_| {}).expect("plays");
    assert_eq!(seen, (0..30).collect::<Vec<_>>());

    let none = folder.path().join("none.mp4");
    assert!(matches!(file::join_reencoded(&[bad], &[MediaTime::ZERO], &none, &AtomicBool::new(false), |_| {}), Err(Error::Content { .. })));
    assert!(file::join_reencoded(&[], &[], &none, &AtomicBool::new(false), |_| {}).is_err());
    assert!(!none.exists());
}
