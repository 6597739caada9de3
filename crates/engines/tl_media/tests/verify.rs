//! What may be called saved, and what is made of a torn file.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tl_base::MediaTime;
use tl_frame::AccessUnit;
use tl_media::file::{self, Depth, Verified};
use tl_media::record::{Config, Kind, Recorder};
use tl_media::{Error, encode_opus};

use common::{CAMERA, SMALL, ffprobe, units};

fn verify(path: &Path, depth: Depth) -> Verified {
    file::verify(path, depth, &AtomicBool::new(false), |_| {}).expect("looked at")
}

/// A recording of three seconds with sound.
fn recording(dir: &Path, webm: bool) -> PathBuf {
    let config = Config { dir: dir.to_path_buf(), stem: "a".to_owned(), kind: Kind::Iso, fragment: MediaTime::from_millis(500), sync: MediaTime::from_secs(1) };
    let recorder = Recorder::start(config, |_| {}).expect("a recorder");
    let pictures = if webm {
        let source = dir.join("source.webm");
        let input = ["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=30:duration=3", "-c:v", "libvpx", "-deadline", "realtime"];
        assert!(Command::new("ffmpeg").args(input).args(["-auto-alt-ref", "0", "-g", "30"]).arg(&source).status().expect("ffmpeg runs").success());
        let pictures = file::read_access_units(&source).expect("units");
        std::fs::remove_file(&source).expect("removed");
        pictures
    } else {
        units(SMALL, 0..90)
    };
    let packets = encode_opus(&vec![0.1; 2 * 48_000 * 3]).expect("packets");
    let sound = packets.into_iter().enumerate().map(|(at, data)| {
        let at = MediaTime::from_samples(960 * at as i64);
        AccessUnit { codec: tl_frame::Codec::Opus, capture: at, pts: at, dts: at, arrival: at, key: true, data, ..pictures[0].clone() }
    });
    let mut all: Vec<AccessUnit> = pictures.iter().cloned().chain(sound).map(|unit| AccessUnit { source: CAMERA, ..unit }).collect();
    all.sort_by_key(|unit| unit.capture);
    all.iter().for_each(|unit| recorder.push(unit));
    recorder.finish().expect("a summary").parts.remove(0).path
}

#[test]
fn a_whole_file_is_saved_and_its_lengths_are_told() {
    for webm in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = recording(folder.path(), webm);
        for depth in [Depth::Keys, Depth::Full] {
            let mut told = Vec::new();
            let found = file::verify(&path, depth, &AtomicBool::new(false), |share| told.push(share)).expect("looked at");
            assert!(found.is_saved(), "{found:?}");
            assert_eq!(found.video_frames, 90);
            assert!((found.seconds - 3.0).abs() < 0.1 && (found.audio_seconds - 3.0).abs() < 0.1, "{found:?}");
            assert_eq!(found.tracks.iter().map(|track| (track.audio, track.units)).collect::<Vec<_>>(), [(false, 90), (true, 150)]);
            if depth == Depth::Full {
                assert_eq!(found.decoded_frames, 90);
            } else {
                assert!((2..=90).contains(&found.decoded_frames), "{found:?}");
            }
            assert!(told.windows(2).all(|pair| pair[0] <= pair[1]) && told.last() == Some(&1.0) && told.len() > 10, "{told:?}");
        }
    }
}

#[test]
fn a_torn_file_is_told_mended_and_only_then_saved() {
    for webm in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = recording(folder.path(), webm);
        let whole = std::fs::read(&path).expect("bytes");
        for share in [2, 3] {
            std::fs::write(&path, &whole[..whole.len() * share / 4]).expect("written");
            let torn = verify(&path, Depth::Keys);
            assert!(torn.problems.iter().any(|problem| problem.contains("torn")), "{torn:?}");
            let repaired = file::repair(&path).expect("repaired");
            assert!(repaired.lost_bytes > 0 && repaired.seconds > 0.9, "{repaired:?}");
            assert_eq!(std::fs::metadata(&path).expect("there").len(), repaired.kept_bytes);
            let after = verify(&path, Depth::Full);
            assert!(after.is_saved() && after.video_frames >= 30, "{after:?}");
            let length: f64 = ffprobe(&path, &["-show_entries", "format=duration"]).parse().expect("a length");
            assert!((length - repaired.seconds).abs() < 0.1, "{length} {repaired:?}");
            assert_eq!(file::repair(&path).expect("nothing to do").lost_bytes, 0);
        }
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 1, "nothing else is left");
    }
}

#[test]
fn what_cannot_be_mended_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.mp4");
    let plain = common::clip(folder.path(), "plain.mp4", SMALL, 30, 30);
    let table = std::fs::read(&plain).expect("bytes");
    for bytes in [b"no film at all".to_vec(), vec![0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18], table[..table.len() / 2].to_vec()] {
        std::fs::write(&path, &bytes).expect("written");
        assert!(file::repair(&path).is_err());
        assert_eq!(std::fs::read(&path).expect("there"), bytes);
        assert!(!verify(&path, Depth::Keys).is_saved());
    }
    assert!(matches!(file::repair(&folder.path().join("none.mp4")), Err(Error::File { .. })));
    assert!(matches!(file::verify(&folder.path().join("none.mp4"), Depth::Keys, &AtomicBool::new(false), |_| {}), Err(Error::File { .. })));
}

#[test]
fn pictures_that_do_not_decode_are_no_saved_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = recording(folder.path(), false);
    let mut bytes = std::fs::read(&path).expect("bytes");
    // The slices of the second key picture are overwritten; the container stays whole.
    let positions =
        Command::new("ffprobe").args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pos,size,flags", "-of", "csv=p=0"]).arg(&path).output();
    let text = String::from_utf8(positions.expect("ffprobe runs").stdout).expect("text");
    let line = text.lines().filter(|line| line.contains('K')).nth(1).expect("a second key");
    let fields: Vec<usize> = line.split(',').filter_map(|field| field.parse().ok()).collect();
    let [size, at] = fields[..] else { panic!("{line}") };
    bytes[at + 5..at + size].fill(0xff);
    std::fs::write(&path, bytes).expect("written");
    for depth in [Depth::Keys, Depth::Full] {
        let found = verify(&path, depth);
        assert!(!found.is_saved(), "{found:?}");
    }
}

#[test]
fn both_can_be_called_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = recording(folder.path(), false);
    let cancel = AtomicBool::new(false);
    let seen = file::verify(&path, Depth::Full, &cancel, |share| cancel.store(share > 0.2, Ordering::Relaxed));
    assert!(matches!(seen, Err(Error::Cancelled)));
    let out = folder.path().join("joined.mp4");
    let cancel = AtomicBool::new(false);
    let mut last = 0.0;
    let joined = file::join_reencoded(&[path.clone(), path.clone()], &[MediaTime::ZERO, MediaTime::from_secs(3)], &out, &cancel, |share| {
        last = share;
        cancel.store(share > 0.6, Ordering::Relaxed);
    });
    assert!(matches!(joined, Err(Error::Cancelled)) && (0.6..0.8).contains(&last), "{last}");
    assert_eq!(folder.path().read_dir().expect("a folder").count(), 1, "nothing is left behind");
}

#[test]
fn broken_copies_of_good_files_neither_crash_nor_hang() {
    // No copy may take longer; the container is walked for each. Pictures are decoded for a few, where a demultiplexer that
    // stands still is given up after five seconds.
    const LIMIT: Duration = Duration::from_secs(2);
    const LIMIT_DECODED: Duration = Duration::from_secs(8);
    for webm in [false, true] {
        let folder = tempfile::tempdir().expect("a folder");
        let good = std::fs::read(recording(folder.path(), webm)).expect("bytes");
        let path = folder.path().join("broken.mp4");
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        for round in 0..2_500 {
            let mut bytes = good.clone();
            for _ in 0..1 + round % 6 {
                let at = next() % if round % 2 == 0 { 1_500 } else { bytes.len() };
                bytes[at] ^= 1 << (next() % 8);
            }
            bytes.truncate(if round % 3 == 0 { next() % bytes.len() } else { bytes.len() });
            std::fs::write(&path, &bytes).expect("written");
            let started = Instant::now();
            let repaired = file::repair(&path);
            if let Ok(repaired) = &repaired {
                assert_eq!(std::fs::metadata(&path).expect("there").len(), repaired.kept_bytes);
            } else {
                assert_eq!(std::fs::metadata(&path).expect("there").len(), bytes.len() as u64, "left as it was");
            }
            assert!(started.elapsed() < LIMIT, "round {round} took {:?}", started.elapsed());
            if round % 250 == 0 {
                let started = Instant::now();
                drop(file::verify(&path, Depth::Full, &AtomicBool::new(false), |_| {}));
                assert!(started.elapsed() < LIMIT_DECODED, "round {round} took {:?}", started.elapsed());
            }
        }
    }
}
