//! A camera's recording with two sounds: its own microphone and what went on air meanwhile.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use tl_base::MediaTime;
use tl_frame::{AccessUnit, AudioBlock, Codec, ConfigId, adts};
use tl_media::record::{Config, Kind, Recorder, Summary};
use tl_media::{AacEncoder, file};

use common::{CAMERA, SMALL, Seen, decoded_frames, ffprobe, packet_times, units};

/// Where the click lies, and how much later than the pictures the programme's sound of the same moment is there.
const CLICK: MediaTime = MediaTime::from_millis(3_000);
const LATER: MediaTime = MediaTime::from_millis(450);
const SECONDS: i64 = 6;

fn config(dir: &Path) -> Config {
    Config { dir: dir.to_path_buf(), stem: "cam1".to_owned(), kind: Kind::Iso, fragment: MediaTime::from_millis(500), sync: MediaTime::from_secs(1) }
}

/// Silence with a short burst of a tone; begins a second before the pictures, as a programme that was on air already.
fn programme() -> Vec<AccessUnit> {
    let seen = Seen::default();
    let into = seen.clone();
    let encoder = AacEncoder::new(CAMERA, 2, 128_000, move |unit| into.add(unit)).expect("an encoder");
    for piece in -30..SECONDS * 30 + 30 {
        let capture = MediaTime::from_samples(1_600 * piece);
        let sample = |at: i64| {
            let since = 1_600 * piece + at - CLICK.to_samples();
            if (0..4_800).contains(&since) { (since as f32 * 0.2).sin() * 0.8 } else { 0.0 }
        };
        let samples: Vec<f32> = (0..1_600).flat_map(|at| [sample(at); 2]).collect();
        let block = AudioBlock { source: CAMERA, capture, rate_hz: 48_000, channels: 2, samples: samples.into() };
        while encoder.push(&block).is_err() {
            std::thread::yield_now();
        }
    }
    encoder.finish().expect("ends");
    seen.all()
}

/// The same sound as a source would send it.
fn own(codec: Codec) -> Vec<AccessUnit> {
    let unit = |at: i64, data: Bytes| {
        let capture = MediaTime::from_samples(at);
        AccessUnit { source: CAMERA, codec, config_id: ConfigId(0), capture, pts: capture, dts: capture, arrival: capture, key: true, data }
    };
    if codec == Codec::AacAdts {
        let header = |bytes: usize| adts::Header::write(2, adts::rate_index(48_000).expect("known"), 2, bytes).expect("fits");
        let framed = |unit: AccessUnit| AccessUnit { codec, data: Bytes::from([&header(unit.data.len())[..], &unit.data].concat()), ..unit };
        return programme().into_iter().map(framed).collect();
    }
    let tone = |at: i64| if (0..4_800).contains(&(at - CLICK.to_samples())) { ((at - CLICK.to_samples()) as f32 * 0.2).sin() * 0.8 } else { 0.0 };
    let samples: Vec<f32> = (0..48_000 * SECONDS).flat_map(|at| [tone(at); 2]).collect();
    let packets = tl_media::encode_opus(&samples).expect("packets");
    packets.into_iter().enumerate().map(|(at, data)| unit(960 * at as i64, data)).collect()
}

/// Records as in life: what was captured together arrives apart. A new part is asked for after `cut`.
fn record(dir: &Path, pictures: &[AccessUnit], own: &[AccessUnit], cut: Option<MediaTime>) -> Summary {
    let recorder = Recorder::start(config(dir), |_| {}).expect("a recorder");
    recorder.expect_programme_sound();
    let mut arriving: Vec<(MediaTime, AccessUnit, bool)> = pictures.iter().chain(own).map(|unit| (unit.dts, unit.clone(), false)).collect();
    arriving.extend(programme().into_iter().map(|unit| (unit.capture + LATER, unit, true)));
    arriving.sort_by_key(|(at, _, _)| *at);
    let mut cut = cut;
    for (at, unit, is_programme) in arriving {
        if cut.is_some_and(|cut| at >= cut) {
            cut = None;
            recorder.new_part();
        }
        if is_programme { recorder.push_programme_sound(&unit) } else { recorder.push(&unit) }
    }
    recorder.finish().expect("a summary")
}

/// Second at which a sound track of a file is first loud.
fn click(path: &Path, stream: &str) -> f64 {
    let arguments = ["-map", stream, "-af", "aresample=async=1:first_pts=0", "-f", "f32le", "-ac", "1", "-ar", "48000", "-"];
    let out = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(arguments).output().expect("ffmpeg runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let samples = out.stdout.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
    samples.enumerate().find(|(_, sample)| sample.abs() > 0.3).expect("a click").0 as f64 / 48_000.0
}

fn check_span(path: &Path, stream: &str, from: f64, to: f64) {
    let times = packet_times(path, stream);
    let (first, last) = (times[0], *times.last().expect("packets"));
    assert!((first - from).abs() < 0.034 && (last - to).abs() < 0.05, "{stream} of {} lies from {first} to {last}, not {from} to {to}", path.display());
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.022), "{stream} has a hole");
}

#[test]
fn both_sounds_lie_with_their_pictures() {
    let pictures = units(SMALL, 0..SECONDS as u64 * 30);
    for codec in [Codec::Opus, Codec::AacAdts] {
        let folder = tempfile::tempdir().expect("a folder");
        let summary = record(folder.path(), &pictures, &own(codec), None);
        assert_eq!((summary.parts.len(), summary.dropped), (1, 0));
        let path = &summary.parts[0].path;
        let streams = ffprobe(path, &["-show_entries", "stream=index,codec_name,channels,sample_rate:stream_tags=handler_name"]);
        assert_eq!(streams, format!("0,h264,picture\n1,{},48000,2,camera\n2,aac,48000,2,programme", codec.name()), "{codec:?}");
        assert_eq!(decoded_frames(path), SECONDS as u64 * 30);
        check_span(path, "a:0", 0.0, SECONDS as f64 - 0.02);
        // The sound of the last 450 ms was not yet there when the recording ended.
        check_span(path, "a:1", 0.0, SECONDS as f64 - 0.02);
        for stream in ["0:a:0", "0:a:1"] {
            let heard = click(path, stream);
            assert!((heard - CLICK.as_secs_f64()).abs() < 0.033, "{codec:?} {stream}: the click is heard at {heard}");
        }
        let verified = file::verify(path, file::Depth::Full, &AtomicBool::new(false), |_| {}).expect("looked at");
        assert!(verified.is_saved(), "{verified:?}");
        assert_eq!(verified.tracks.len(), 3);
    }
}

#[test]
fn a_camera_without_a_microphone_has_the_programmes_sound_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = record(folder.path(), &units(SMALL, 0..SECONDS as u64 * 30), &[], None);
    let path = &summary.parts[0].path;
    assert_eq!(ffprobe(path, &["-show_entries", "stream=codec_name:stream_tags=handler_name"]), "h264,picture\naac,programme");
    check_span(path, "a:0", 0.0, SECONDS as f64 - 0.02);
    assert!((click(path, "0:a:0") - CLICK.as_secs_f64()).abs() < 0.033);
}

#[test]
fn a_part_that_ends_waits_for_the_last_of_the_programmes_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = record(folder.path(), &units(SMALL, 0..SECONDS as u64 * 30), &own(Codec::Opus), Some(MediaTime::from_millis(2_500)));
    assert_eq!(summary.parts.len(), 2);
    let [first, second] = &summary.parts[..] else { panic!("two parts") };
    let length = (first.end - first.start).as_secs_f64();
    assert!((length - 2.5).abs() < 0.05, "{length}");
    check_span(&first.path, "a:1", 0.0, length - 0.02);
    // The next part begins at the next key picture.
    assert_eq!(second.start, MediaTime::from_secs(4));
    check_span(&second.path, "a:1", 0.0, 1.98);
    for part in &summary.parts {
        let verified = file::verify(&part.path, file::Depth::Keys, &AtomicBool::new(false), |_| {}).expect("looked at");
        assert!(verified.is_saved(), "{verified:?}");
    }
}

#[test]
fn vp8_with_the_programmes_sound_is_matroska() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source.webm");
    let input = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=30:duration=6"];
    let coder = ["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0"];
    assert!(Command::new("ffmpeg").args(input).args(coder).arg(&source).status().expect("ffmpeg runs").success());
    let pictures: Vec<AccessUnit> = file::read_access_units(&source).expect("units").into_iter().map(|unit| AccessUnit { source: CAMERA, ..unit }).collect();
    let summary = record(&folder.path().join("out"), &pictures, &own(Codec::Opus), None);
    let path = &summary.parts[0].path;
    assert_eq!(path.extension().and_then(|name| name.to_str()), Some("mkv"));
    assert_eq!(ffprobe(path, &["-show_entries", "stream=codec_name:stream_tags=title"]), "vp8\nopus,camera\naac,programme");
    for stream in ["0:a:0", "0:a:1"] {
        let heard = click(path, stream);
        assert!((heard - CLICK.as_secs_f64()).abs() < 0.033, "{stream}: the click is heard at {heard}");
    }
    let verified = file::verify(path, file::Depth::Full, &AtomicBool::new(false), |_| {}).expect("looked at");
    assert!(verified.is_saved(), "{verified:?}");
}

#[test]
fn every_codec_plays_with_both_its_sounds() {
    let cases: [(Codec, &str, Codec, &[&str]); 5] = [
        // With pictures that are shown in another order than they are decoded.
        (Codec::H265, "hevc", Codec::AacAdts, &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "bframes=3:keyint=30:log-level=error"]),
        (Codec::Vp8, "vp8", Codec::AacAdts, &["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0", "-g", "30"]),
        (Codec::Vp9, "vp9", Codec::Opus, &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-g", "30"]),
        (Codec::Av1, "av1", Codec::AacAdts, &["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-g", "30"]),
        (Codec::Mjpeg, "mjpeg", Codec::Opus, &["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"]),
    ];
    for (codec, name, sound, coder) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        // Matroska tells no decoding times.
        let source = folder.path().join(if codec == Codec::H265 { "source.mp4" } else { "source.mkv" });
        let input = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=30:duration=6", "-pix_fmt", "yuv420p"];
        assert!(Command::new("ffmpeg").args(input).args(coder).arg(&source).status().expect("ffmpeg runs").success());
        let pictures: Vec<AccessUnit> =
            file::read_access_units(&source).expect("units").into_iter().map(|unit| AccessUnit { source: CAMERA, ..unit }).collect();
        assert!(pictures.iter().all(|unit| unit.codec == codec), "{codec:?}");
        let summary = record(&folder.path().join("out"), &pictures, &own(sound), None);
        assert_eq!((summary.parts.len(), summary.dropped), (1, 0), "{codec:?}");
        let path = &summary.parts[0].path;
        assert_eq!(ffprobe(path, &["-show_entries", "stream=codec_name"]), format!("{name}\n{}\naac", if sound == Codec::Opus { "opus" } else { "aac" }));
        assert_eq!(decoded_frames(path), SECONDS as u64 * 30, "{codec:?}");
        for stream in ["0:a:0", "0:a:1"] {
            let heard = click(path, stream);
            assert!((heard - CLICK.as_secs_f64()).abs() < 0.033, "{codec:?} {stream}: the click is heard at {heard}");
        }
        let verified = file::verify(path, file::Depth::Full, &AtomicBool::new(false), |_| {}).expect("looked at");
        assert!(verified.is_saved() && verified.tracks.len() == 3, "{codec:?}: {verified:?}");
    }
}
