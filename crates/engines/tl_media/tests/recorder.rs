//! Recordings: files that play whatever happens.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::{MediaTime, Rate, Size};
use tl_frame::{AccessUnit, Codec, ConfigId};
use tl_media::record::{Config, Event, Kind, Recorder};
use tl_media::{encode_opus, file};

use common::{CAMERA, PATIENCE, SMALL, Seen, decoded_frames, ffprobe, number, packet_times, units};

fn config(dir: &Path) -> Config {
    Config { dir: dir.to_path_buf(), stem: "cam1".to_owned(), kind: Kind::Iso, fragment: MediaTime::from_millis(500), sync: MediaTime::from_secs(1) }
}

fn sound(codec: Codec, seconds: i64) -> Vec<AccessUnit> {
    let samples: Vec<f32> = (0..48_000 * seconds).flat_map(|at| [(at as f32 * 0.05).sin() * 0.3; 2]).collect();
    let unit = |at: i64, data: Bytes| {
        let capture = MediaTime::from_samples(at);
        AccessUnit { source: CAMERA, codec, config_id: ConfigId(0), capture, pts: capture, dts: capture, arrival: capture, key: true, data }
    };
    if codec == Codec::Opus {
        return encode_opus(&samples).expect("packets").into_iter().enumerate().map(|(at, data)| unit(960 * at as i64, data)).collect();
    }
    let seen = Seen::default();
    let into = seen.clone();
    let encoder = tl_media::AacEncoder::new(CAMERA, 2, 128_000, move |unit| into.add(unit)).expect("an encoder");
    for (at, piece) in samples.chunks(2 * 1_600).enumerate() {
        let capture = MediaTime::from_samples(1_600 * at as i64);
        let block = tl_frame::AudioBlock { source: CAMERA, capture, rate_hz: 48_000, channels: 2, samples: piece.into() };
        while encoder.push(&block).is_err() {
            std::thread::yield_now();
        }
    }
    encoder.finish().expect("ends");
    seen.all()
}

/// Pictures and sound in the order of their times.
fn merged(mut pictures: Vec<AccessUnit>, sound: Vec<AccessUnit>) -> Vec<AccessUnit> {
    pictures.extend(sound);
    pictures.sort_by_key(|unit| unit.capture);
    pictures
}

#[test]
fn h264_with_either_sound_becomes_a_file_that_plays() {
    for (codec, name, samples) in [(Codec::Aac, "aac", 1_024.0), (Codec::Opus, "opus", 960.0)] {
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = Recorder::start(config(folder.path()), |_| {}).expect("a recorder");
        for unit in merged(units(SMALL, 0..95), sound(codec, 3)) {
            recorder.push(&unit);
        }
        let summary = recorder.finish().expect("a summary");
        assert_eq!((summary.parts.len(), summary.dropped, summary.kind), (1, 0, Kind::Iso));
        let part = &summary.parts[0];
        assert_eq!((part.path.file_name().and_then(|name| name.to_str()), part.codec), (Some("cam1-001.mp4"), Codec::H264));
        assert_eq!(part.bytes, std::fs::metadata(&part.path).expect("a file").len());
        assert_eq!((part.start, (part.end - Rate::FPS_30.tick_start(95)).abs() < MediaTime::from_millis(1)), (MediaTime::ZERO, true));
        assert_eq!(decoded_frames(&part.path), 95);
        assert!(ffprobe(&part.path, &["-show_entries", "stream=codec_name"]).contains(name));
        let times = packet_times(&part.path, "v:0");
        assert!(times.iter().enumerate().all(|(at, time)| (time - at as f64 / 30.0).abs() < 0.000_1), "{times:?}");
        let heard = packet_times(&part.path, "a:0");
        assert!(heard.windows(2).all(|pair| (pair[1] - pair[0] - samples / 48_000.0).abs() < 0.000_1), "{heard:?}");
        let mut seen = Vec::new();
        let read = file::decode_file(&part.path, |frame| seen.push(number(&frame)), |_| {}).expect("plays");
        assert_eq!(seen, (0..95).collect::<Vec<_>>());
        assert!((read.audio_seconds - 3.0).abs() < 0.06, "{read:?}");
        assert!(tl_mp4::scan::scan(&part.path).expect("whole").fragments >= 5);
    }
}

#[test]
fn a_new_part_begins_where_the_stream_changes_or_the_source_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = Seen::default();
    let into = events.clone();
    let recorder = Recorder::start(config(folder.path()), move |event| into.add(event)).expect("a recorder");
    let first = units(SMALL, 0..40);
    let other: Vec<_> = units(Size::new(640, 352), 40..80).into_iter().map(|unit| AccessUnit { config_id: ConfigId(1), ..unit }).collect();
    let back: Vec<_> = units(Size::new(640, 352), 300..340).into_iter().map(|unit| AccessUnit { config_id: ConfigId(1), ..unit }).collect();
    // Pictures before the first key have nothing to refer to.
    for unit in first[1..20].iter().chain(&first).chain(&other) {
        recorder.push(unit);
    }
    recorder.new_part();
    for unit in &back {
        recorder.push(unit);
    }
    let parts = recorder.finish().expect("a summary").parts;
    assert_eq!(parts.iter().map(|part| decoded_frames(&part.path)).collect::<Vec<_>>(), [40, 40, 40]);
    assert_eq!(parts.iter().map(|part| part.start).collect::<Vec<_>>(), [0, 40, 300].map(|at| Rate::FPS_30.tick_start(at)));
    let kinds: Vec<_> = events.all().iter().map(|event| matches!(event, Event::PartStarted { .. })).collect();
    assert_eq!(kinds, [true, false, true, false, true, false]);
}

#[test]
fn times_that_run_back_or_stand_still_stay_in_order_and_a_jump_begins_a_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::start(config(folder.path()), |_| {}).expect("a recorder");
    let mut units = units(SMALL, 0..180);
    units[10].capture = units[8].capture;
    units[11].capture = units[8].capture;
    for unit in &mut units[120..] {
        unit.capture += MediaTime::from_secs(3_600);
    }
    for unit in &units {
        recorder.push(unit);
    }
    let parts = recorder.finish().expect("a summary").parts;
    assert_eq!(parts.iter().map(|part| decoded_frames(&part.path)).collect::<Vec<_>>(), [120, 60]);
    assert!(packet_times(&parts[0].path, "v:0").windows(2).all(|pair| pair[1] > pair[0]));
    assert_eq!(parts[1].start, Rate::FPS_30.tick_start(120) + MediaTime::from_secs(3_600));
}

#[test]
fn sound_that_begins_late_gets_a_part_with_a_track_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::start(config(folder.path()), |_| {}).expect("a recorder");
    let late = sound(Codec::Opus, 6).into_iter().filter(|unit| unit.capture > MediaTime::from_millis(2_500)).collect();
    for unit in merged(units(SMALL, 0..180), late) {
        recorder.push(&unit);
    }
    let parts = recorder.finish().expect("a summary").parts;
    assert_eq!(parts.iter().map(|part| decoded_frames(&part.path)).collect::<Vec<_>>(), [120, 60]);
    assert_eq!(packet_times(&parts[1].path, "a:0").len(), 100);
}

/// VP8 made by another encoder.
fn vp8_units(folder: &Path, pictures: u32) -> Vec<AccessUnit> {
    let path = folder.join("source.webm");
    let seconds = f64::from(pictures) / 30.0;
    let source = format!("testsrc2=size=320x240:rate=30:duration={seconds}");
    let args = ["-v", "error", "-f", "lavfi", "-i", &source, "-c:v", "libvpx", "-deadline", "realtime", "-g", "30", "-auto-alt-ref", "0"];
    assert!(Command::new("ffmpeg").args(args).arg(&path).status().expect("ffmpeg runs").success());
    file::read_access_units(&path).expect("units")
}

#[test]
fn vp8_becomes_a_webm_that_plays_even_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = vp8_units(folder.path(), 90);
    assert_eq!((pictures.len(), pictures[0].codec, pictures[0].key), (90, Codec::Vp8, true));
    let recorder = Recorder::start(config(folder.path()), |_| {}).expect("a recorder");
    for unit in merged(pictures, sound(Codec::Opus, 3)) {
        recorder.push(&unit);
    }
    let parts = recorder.finish().expect("a summary").parts;
    let path = &parts[0].path;
    assert_eq!((parts.len(), path.extension().and_then(|name| name.to_str()), parts[0].codec), (1, Some("webm"), Codec::Vp8));
    assert_eq!(decoded_frames(path), 90);
    assert_eq!(packet_times(path, "a:0").len(), 150);
    let length: f64 = ffprobe(path, &["-show_entries", "format=duration"]).parse().expect("a length");
    assert!((length - 3.0).abs() < 0.05, "{length}");
    let info = file::probe(path).expect("info");
    assert_eq!((info.video, info.audio, info.size, info.video_units, info.keys), (Some(Codec::Vp8), Some(Codec::Opus), Some(Size::new(320, 240)), 90, 3));

    // Torn in the middle, as by a crash.
    let bytes = std::fs::read(path).expect("bytes");
    let torn = folder.path().join("torn.webm");
    std::fs::write(&torn, &bytes[..bytes.len() * 2 / 3]).expect("written");
    let out = Command::new("ffprobe")
        .args(["-v", "quiet", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(&torn)
        .output();
    let frames: u32 = String::from_utf8(out.expect("ffprobe runs").stdout).expect("text").trim().trim_matches(',').parse().expect("a number");
    assert!((30..90).contains(&frames), "{frames}");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, b"").expect("written");
    assert!(Recorder::start(config(&file.join("sub")), |_| {}).is_err());
}

#[test]
fn a_full_disk_ends_the_part_cleanly_and_recording_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = folder.path().join("small");
    std::fs::create_dir(&small).expect("a folder");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&small).status().is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("SKIPPED: a small disk cannot be mounted here");
        return;
    }
    let unmount = scope_end(|| {
        Command::new("umount").arg(&small).status().expect("umount runs");
    });
    let ballast = small.join("ballast");
    std::fs::write(&ballast, vec![1; 1_600_000]).expect("fits");
    let events = Seen::default();
    let into = events.clone();
    let recorder = Recorder::start(config(&small), move |event| into.add(event)).expect("a recorder");
    let mut units = units(SMALL, 0..60).into_iter().cycle().enumerate().map(|(at, mut unit)| {
        unit.capture = Rate::FPS_30.tick_start(at as u64);
        unit
    });
    let deadline = Instant::now() + PATIENCE;
    while !events.all().iter().any(|event| matches!(event, Event::DiskFull { .. })) {
        assert!(Instant::now() < deadline, "the disk does not fill");
        recorder.push(&units.next().expect("endless"));
        std::thread::sleep(Duration::from_millis(1));
    }
    let ended = events.all().iter().find_map(|event| if let Event::PartEnded(part) = event { Some(part.clone()) } else { None }).expect("the part was ended");
    let scan = tl_mp4::scan::scan(&ended.path).expect("readable");
    assert_eq!((scan.whole_bytes, scan.whole_bytes), (ended.bytes, std::fs::metadata(&ended.path).expect("a file").len()));
    assert!(decoded_frames(&ended.path) > 15);

    std::fs::remove_file(&ballast).expect("room again");
    let deadline = Instant::now() + PATIENCE;
    while !events.all().iter().any(|event| matches!(event, Event::Resumed)) {
        assert!(Instant::now() < deadline, "recording does not go on");
        recorder.push(&units.next().expect("endless"));
        std::thread::sleep(Duration::from_millis(10));
    }
    let summary = recorder.finish().expect("a summary");
    assert!(summary.parts.len() == 2 && summary.dropped > 0, "{summary:?}");
    assert_eq!(events.all().iter().filter(|event| matches!(event, Event::DiskFull { .. })).count(), 1, "told once");
    for part in &summary.parts {
        assert!(decoded_frames(&part.path) > 10);
    }
    drop(unmount);
}

fn scope_end(run: impl FnMut()) -> impl Drop {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(run)
}

/// The folder that the killed child records into.
const CHILD: &str = "TL_MEDIA_RECORDS_INTO";

/// Records at the pace of life and says each picture's number once it was pushed. Does nothing unless it is the child.
#[test]
fn child_that_records() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let recorder = Recorder::start(config(Path::new(&folder)), |_| {}).expect("a recorder");
    let start = Instant::now();
    let units = merged(units(SMALL, 0..600), sound(Codec::Opus, 20));
    println!("ready");
    for unit in units {
        let due = unit.capture.to_duration();
        // A camera's pace, not a condition: pictures come when they are due.
        std::thread::sleep((start + due).saturating_duration_since(Instant::now()));
        let before = Instant::now();
        recorder.push(&unit);
        if before.elapsed() > Duration::from_millis(400) {
            println!("waited for the disk");
        }
        if !unit.codec.is_audio() {
            println!("pushed {}", unit.capture.nanos());
        }
    }
    let summary = recorder.finish().expect("a summary");
    println!("dropped {}", summary.dropped);
}

#[test]
fn a_killed_recorder_costs_less_than_a_second() {
    for round in 0..3_u64 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["child_that_records", "--exact", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        let stop_at = 2_300_000_000 + round as i64 * 733_000_000;
        let mut last = 0;
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
            let line = line.expect("text");
            if let Some(at) = line.split("pushed ").nth(1) {
                last = at.trim().parse().expect("a number");
            }
            if last >= stop_at {
                break;
            }
        }
        child.kill().expect("killed by SIGKILL");
        child.wait().expect("gone");
        let path = folder.path().join("cam1-001.mp4");
        let scan = tl_mp4::repair(&path).expect("repaired");
        assert_eq!(scan.whole_bytes, std::fs::metadata(&path).expect("a file").len());
        let kept = decoded_frames(&path);
        let pushed = last as f64 / 1e9 + 1.0 / 30.0;
        let lost = pushed - kept as f64 / 30.0;
        println!("killed at {pushed:.2} s: {kept} pictures kept, {lost:.2} s lost");
        assert!((-0.1..=1.0).contains(&lost), "{lost}");
    }
}

/// Every write and every sync of the recording takes half a second longer, by the kernel's own tracer.
#[test]
fn a_disk_that_takes_half_a_second_for_everything_costs_nothing() {
    if Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("SKIPPED: strace is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cam1-001.mp4");
    let out = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-o"])
        .arg(folder.path().join("strace.txt"))
        .arg("-P")
        .arg(&path)
        .args(["-e", "trace=write,fdatasync", "-e", "inject=write,fdatasync:delay_enter=500000"])
        .arg(std::env::current_exe().expect("this binary"))
        .args(["child_that_records", "--exact", "--nocapture"])
        .env(CHILD, folder.path())
        .stderr(Stdio::null())
        .output()
        .expect("a child");
    let told = String::from_utf8_lossy(&out.stdout);
    let traced = std::fs::read_to_string(folder.path().join("strace.txt")).unwrap_or_default();
    let slowed = traced.lines().filter(|line| line.contains("DELAYED")).count();
    assert!(slowed > 20, "{slowed} calls were slowed: {traced}");
    assert!(told.contains("dropped 0") && !told.contains("waited for the disk"), "{told}");
    assert_eq!(decoded_frames(&path), 600);
}
