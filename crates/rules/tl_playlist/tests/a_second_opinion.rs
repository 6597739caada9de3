//! The npm package hls-parser, in strict mode, accepts what is written here; FFmpeg decodes what is packaged here.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use common::{body, config, is_grid, picture, sound, text, wall_of};
use tl_base::{MediaTime, Rate};
use tl_frame::h264;
use tl_playlist::vod::{Entry, Manifest};
use tl_playlist::{Fault, Kind, Presentation};

const RATE: Rate = Rate::FPS_30;

/// What hls-parser says of a playlist; none where it is not installed.
fn opinion(playlist: &str) -> Option<String> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/hls_parser");
    if !folder.join("node_modules/hls-parser").is_dir() {
        println!("skipped: run `npm ci` in tests/hls_parser first");
        return None;
    }
    let mut node = Command::new("node").arg(folder.join("check.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node runs");
    node.stdin.take().expect("piped").write_all(playlist.as_bytes()).expect("written");
    Some(String::from_utf8(node.wait_with_output().expect("ends").stdout).expect("text"))
}

#[test]
fn hls_parser_accepts_every_kind_of_playlist() {
    let mut presentation = Presentation::new(config());
    let mut frame = 0;
    for tick in 0..1_000 {
        if tick == 700 {
            presentation.discontinuity();
        }
        while frame * 1_024 < (tick + 1) * 1_600 {
            presentation.push_audio(&sound(MediaTime::ZERO, frame), wall_of(MediaTime::ZERO));
            frame += 1;
        }
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        presentation.push_video(&unit, wall_of(unit.pts));
    }
    let get = |presentation: &Presentation, path: &str, query: &str| text(presentation, path, query).expect("live");
    for (path, query, expected) in [
        ("live.m3u8", "", "\"variants\":1"),
        ("v0/media.m3u8", "", "\"type\":\"media\""),
        ("a0/media.m3u8", "", "\"type\":\"media\""),
        ("v0/media.m3u8", "_HLS_skip=YES", "\"type\":\"media\""),
    ] {
        let playlist = get(&presentation, path, query);
        if let Some(said) = opinion(&playlist) {
            assert!(said.contains("\"ok\":true") && said.contains(expected), "{path}: {said}\n{playlist}");
        }
    }
    presentation.end();
    if let Some(said) = opinion(&get(&presentation, "v0/media.m3u8", "")) {
        assert!(said.contains("\"ok\":true") && said.contains("\"ended\":true"), "{said}");
    }
    if let Some(said) = opinion(&get(&presentation, "v0/media.m3u8", "").replace("PART-TARGET=0.200000", "PART-TARGET=0.100000")) {
        assert!(said.contains("\"ok\":false"), "{said}");
    }
}

#[test]
fn hls_parser_accepts_a_gap_and_a_finished_session() {
    let mut presentation = Presentation::new(config());
    let mut finished = Vec::new();
    for tick in 0..600 {
        presentation.inject(Kind::Video, if (140..150).contains(&tick) { Fault::EveryPart } else { Fault::None });
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        finished.extend(presentation.push_video(&unit, wall_of(unit.pts)));
    }
    let live = text(&presentation, "v0/media.m3u8", "").expect("live");
    assert!(live.contains("#EXT-X-GAP\n"), "{live}");
    finished.extend(presentation.end());
    let hash = |at: usize| format!("{at:064x}");
    let stored = Manifest::from_entries(finished.iter().enumerate().map(|(at, piece)| Entry::of(piece, &hash(at)))).expect("something to play");
    for (playlist, expected) in [
        (live, "\"type\":\"media\""),
        (stored.index(), "\"variants\":1"),
        (stored.media(Kind::Video).expect("pictures"), "\"ended\":true"),
        (stored.media(Kind::Audio).expect("sound"), "\"ended\":true"),
    ] {
        if let Some(said) = opinion(&playlist) {
            assert!(said.contains("\"ok\":true") && said.contains(expected), "{said}\n{playlist}");
        }
    }
}

fn probe(path: &Path) -> (usize, String) {
    let run = Command::new("ffprobe")
        .args("-v warning -count_frames -show_entries stream=nb_read_frames -of csv=p=0".split(' '))
        .arg(path)
        .output()
        .expect("ffprobe runs");
    let frames = String::from_utf8_lossy(&run.stdout).trim().trim_end_matches(',').parse().unwrap_or(0);
    (frames, String::from_utf8_lossy(&run.stderr).into_owned())
}

#[test]
fn ffmpeg_decodes_every_picture_and_the_silence() {
    let folder = tempfile::tempdir().expect("folder");
    let mut presentation = Presentation::new(config());
    let mut finished = Vec::new();
    for (tick, data) in common::real_pictures(folder.path()).into_iter().enumerate() {
        let mut unit = picture(RATE, tick as u64, h264::is_key(&data));
        unit.data = Bytes::from(data);
        finished.extend(presentation.push_video(&unit, wall_of(unit.pts)));
    }
    finished.extend(presentation.end());
    for (rendition, frames) in [("v0", 150), ("a0", 5 * 48_000 / 1_024)] {
        let pieces = finished.iter().filter(|finished| finished.name.starts_with(rendition));
        let file: Vec<u8> = pieces.flat_map(|finished| finished.body.concat()).collect();
        let path = folder.path().join(format!("{rendition}.mp4"));
        std::fs::write(&path, file).expect("written");
        let (found, said) = probe(&path);
        assert!(found.abs_diff(frames) <= 1, "{rendition}: {found} frames");
        assert_eq!(said, "", "{rendition}");
    }
    assert!(body(&presentation, "live.m3u8", "").is_some());
}
