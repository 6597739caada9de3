//! What a crash leaves is cut to its last whole fragment, and parts become one file.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use std::path::PathBuf;

use common::{pictures, probe, recording, sound};
use tl_base::MediaTime;
use tl_mp4::scan::scan;
use tl_mp4::{Error, Join, join, repair};

#[test]
fn a_file_torn_anywhere_keeps_its_whole_fragments() {
    let folder = tempfile::tempdir().expect("folder");
    let (parameters, pictures) = pictures(folder.path(), "160x90", 3);
    let whole = recording(&parameters, &pictures, &sound(folder.path(), 3), 0);
    let ends: Vec<u64> = {
        let path = folder.path().join("whole.mp4");
        std::fs::write(&path, &whole).expect("written");
        let found = scan(&path).expect("scan");
        assert_eq!(found.fragments, 6);
        let mut ends = vec![found.init_bytes];
        for cut in found.init_bytes..=whole.len() as u64 {
            let shorter = tl_mp4::scan::scan_bytes(&whole[..cut as usize]).expect("header is whole");
            assert!(shorter.whole_bytes <= cut);
            if shorter.whole_bytes == cut && Some(&cut) != ends.last() {
                ends.push(cut);
            }
        }
        ends
    };
    // Init, a moof alone is not whole: six fragment ends and the header's.
    assert_eq!(ends.len(), 7);

    let path = folder.path().join("torn.mp4");
    for (tear, fragments) in [(ends[3] + 5, 3), (ends[4] - 1, 3), (ends[6], 6), (ends[0] + 300, 0)] {
        std::fs::write(&path, &whole[..tear as usize]).expect("written");
        let found = repair(&path).expect("repaired");
        assert_eq!(found.fragments, fragments, "torn at {tear}");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), found.whole_bytes);
        if fragments > 0 {
            let (seen, _, said) = probe(&path);
            assert_eq!((seen, said.as_str()), (fragments as usize * 15, ""));
        }
    }
}

#[test]
fn zeros_behind_a_power_cut_are_cut_off() {
    let folder = tempfile::tempdir().expect("folder");
    let (parameters, pictures) = pictures(folder.path(), "160x90", 1);
    let mut bytes = recording(&parameters, &pictures, &[], 0);
    let whole = bytes.len() as u64;
    bytes.resize(bytes.len() + 70_000, 0);
    let path = folder.path().join("zeros.mp4");
    std::fs::write(&path, bytes).expect("written");
    assert_eq!(repair(&path).expect("repaired").whole_bytes, whole);
}

#[test]
fn a_file_without_a_header_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("not.mp4");
    for bytes in [&b""[..], b"hello, this is no film", &[0; 64]] {
        std::fs::write(&path, bytes).expect("written");
        assert!(matches!(repair(&path), Err(Error::NoHeader(_))));
        assert_eq!(std::fs::read(&path).expect("there"), bytes);
    }
}

#[test]
fn a_file_with_its_samples_in_tables_is_never_truncated() {
    let folder = tempfile::tempdir().expect("folder");
    common::ffmpeg(folder.path(), &["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=30:duration=1", "-c:v", "libx264", "-movflags", "+faststart", "plain.mp4"]);
    let path = folder.path().join("plain.mp4");
    let found = scan(&path).expect("scan");
    assert_eq!((found.tracks[0].samples, found.fragments, found.fragmented), (30, 0, false));
    assert_eq!(found.tracks[0].end_decode_time, u64::from(found.tracks[0].timescale));
    assert!(matches!(repair(&path), Err(Error::NoHeader(_))));
}

#[test]
fn parts_become_one_file_and_gaps_stay_gaps() {
    let folder = tempfile::tempdir().expect("folder");
    let (parameters, pictures) = pictures(folder.path(), "160x90", 2);
    let sound = sound(folder.path(), 2);
    let parts: Vec<PathBuf> = (0..3).map(|part| folder.path().join(format!("part{part}.mp4"))).collect();
    for part in &parts {
        std::fs::write(part, recording(&parameters, &pictures, &sound, 0)).expect("written");
    }
    // The second part is torn, the third would start before the second ends and is moved behind it.
    let torn = std::fs::read(&parts[1]).expect("there");
    std::fs::write(&parts[1], &torn[..torn.len() - 10]).expect("written");
    let out = folder.path().join("joined.mp4");
    let offsets = [MediaTime::ZERO, MediaTime::from_secs(7), MediaTime::from_secs(8)];
    assert_eq!(join(&parts, &offsets, &out).expect("joined"), Join::Joined);

    let found = scan(&out).expect("scan");
    assert_eq!((found.fragments, found.whole_bytes), (4 + 3 + 4, found.file_bytes));
    assert_eq!(found.tracks[0].end_decode_time, 48_000 * 7 + 45 * 1_600 + 60 * 1_600);
    let (seen, heard, said) = probe(&out);
    assert_eq!((seen as u64, heard as u64, said.as_str()), (60 + 45 + 60, found.tracks[1].samples, ""));
    let times = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
        .arg(&out)
        .output()
        .expect("ffprobe");
    let times: Vec<f64> = String::from_utf8_lossy(&times.stdout).lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
    assert!((times[60] - 7.0).abs() < 1e-6, "{}", times[60]);
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".joining")), "{left:?}");
}

#[test]
fn parts_of_different_size_are_not_joined() {
    let folder = tempfile::tempdir().expect("folder");
    let mut parts = Vec::new();
    for size in ["160x90", "320x180"] {
        let (parameters, pictures) = pictures(folder.path(), size, 1);
        parts.push(folder.path().join(format!("{size}.mp4")));
        std::fs::write(parts.last().expect("just pushed"), recording(&parameters, &pictures, &[], 0)).expect("written");
    }
    let out = folder.path().join("joined.mp4");
    assert_eq!(join(&parts, &[MediaTime::ZERO, MediaTime::from_secs(1)], &out).expect("compared"), Join::ConfigsDiffer);
    assert!(!out.exists());
    assert!(matches!(join(&parts, &[], &out), Err(Error::Arguments { parts: 2, offsets: 0 })));
    assert!(matches!(join(&parts[..1], &[MediaTime::from_secs(-9)], &out), Err(Error::TimeRange)));
    assert!(!out.exists());
}
