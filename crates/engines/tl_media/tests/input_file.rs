//! Files played as live: rounds without a seam, every codec, and files that are none.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod input_peers;

use std::path::{Path, PathBuf};

use tl_frame::Codec;
use tl_media::input::{Event, Input, Kind};

use input_peers::{Told, check_units, count, encoded_clip, has, pictures, start, units, words};

fn play(path: &Path, looped: bool) -> (Input, Told) {
    start(Kind::File { path: path.to_path_buf(), looped })
}

const H264: [&str; 8] = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-c:a", "aac"];

#[test]
fn a_loop_has_no_seam() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clip = encoded_clip(folder.path(), "clip.mp4", "2", &H264);
    let (_input, told) = play(&clip, true);
    let all = units(&told.wait("three rounds", |events| pictures(events) >= 190));
    check_units(&all, false);
    let video: Vec<_> = all.iter().filter(|unit| !unit.codec.is_audio()).collect();
    for pair in video.windows(2) {
        let step = (pair[1].capture - pair[0].capture).as_millis_f64();
        assert!((20.0..50.0).contains(&step), "{step} ms between pictures");
    }
    assert!(all.iter().all(|unit| unit.config_id == all[0].config_id), "the same configuration goes on");
    let late = video.iter().map(|unit| (unit.arrival - unit.capture).as_millis_f64());
    println!("latest picture {:.1} ms behind its time", late.fold(0.0, f64::max));
}

#[test]
fn a_file_that_plays_once_ends() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clip = encoded_clip(folder.path(), "clip.mp4", "1", &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "30", "-c:a", "aac"]);
    let (_input, told) = play(&clip, false);
    let seen = told.wait("the end", |events| matches!(events.last(), Some(Event::Ended)));
    let all = units(&seen);
    check_units(&all, true);
    assert_eq!(pictures(&seen), 30);
    let span = |audio: bool| {
        let mut captures: Vec<_> = all.iter().filter(|unit| unit.codec.is_audio() == audio).map(|unit| unit.capture).collect();
        captures.sort_unstable();
        (captures[captures.len() - 1] - captures[0]).as_millis_f64()
    };
    let mut shown: Vec<_> = all.iter().filter(|unit| !unit.codec.is_audio()).map(|unit| unit.capture).collect();
    assert!(!shown.is_sorted(), "the clip has pictures that are decoded in another order than shown");
    shown.sort_unstable();
    assert!(shown.windows(2).all(|pair| (20.0..50.0).contains(&(pair[1] - pair[0]).as_millis_f64())), "{shown:?}");
    assert!((span(false) - 967.0).abs() < 40.0 && (span(true) - 980.0).abs() < 60.0, "{} {}", span(false), span(true));
}

#[test]
fn every_codec_is_played() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(&str, &[&str], Codec, Codec); 6] = [
        ("a.mkv", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-c:a", "flac"], Codec::H265, Codec::Opus),
        ("b.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"], Codec::Vp8, Codec::Opus),
        ("c.webm", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libvorbis"], Codec::Vp9, Codec::Opus),
        ("d.avi", &["-c:v", "mpeg4", "-c:a", "libmp3lame"], Codec::H264, Codec::Opus),
        ("e.mov", &["-c:v", "mjpeg", "-c:a", "pcm_s16le"], Codec::Mjpeg, Codec::Opus),
        ("f.ts", &H264, Codec::H264, Codec::AacAdts),
    ];
    for (name, codecs, video, audio) in cases {
        let clip = encoded_clip(folder.path(), name, "1.5", codecs);
        let (_input, told) = play(&clip, true);
        let seen = told.wait(name, |events| pictures(events) >= 60 && units(events).iter().filter(|unit| unit.codec.is_audio()).count() >= 80);
        let all = units(&seen);
        check_units(&all, true);
        assert!(all.iter().all(|unit| unit.codec == video || unit.codec == audio), "{name}: {:?}", words(&seen));
    }
}

#[test]
fn a_recording_of_a_real_camera_is_played() {
    let Some(folder) = std::env::var_os("TOUCHLINE_TEST_DATA").map(PathBuf::from) else {
        eprintln!("SKIPPED: TOUCHLINE_TEST_DATA names no folder with video/vtest_480x360.avi");
        return;
    };
    let file = [folder.join("video/vtest_480x360.avi"), folder.join("vtest_480x360.avi")].into_iter().find(|path| path.exists()).expect("the recording");
    let (_input, told) = play(&file, true);
    check_units(&told.wait_pictures(30), true);
}

#[test]
fn what_is_no_film_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let noise = folder.path().join("noise.mp4");
    std::fs::write(&noise, (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 9) as u8).collect::<Vec<u8>>()).expect("a file");
    for path in [noise, folder.path().join("missing.mp4")] {
        let (_input, told) = play(&path, true);
        let seen = told.wait("a word", |events| count(events, |event| matches!(event, Event::Waiting { .. } | Event::Refused { .. })) > 0);
        assert_eq!(pictures(&seen), 0);
    }
}
