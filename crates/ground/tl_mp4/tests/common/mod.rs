//! Real media for the tests, made by FFmpeg on the spot.
#![allow(dead_code, reason = "each test uses its part of this")]

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use tl_frame::h264::{self, Parameters};
use tl_mp4::{Run, Sample, Track, TrackConfig};

/// Both tracks count in samples of 48 kHz.
pub const TIMESCALE: u32 = 48_000;

pub fn ffmpeg(folder: &Path, arguments: &[&str]) {
    let run = Command::new("ffmpeg").current_dir(folder).args(["-v", "error", "-y"]).args(arguments).output().expect("ffmpeg runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Length-prefixed pictures and their parameters, one a tick of 30 a second.
pub fn pictures(folder: &Path, size: &str, seconds: u32) -> (Parameters, Vec<Sample>) {
    let source = format!("testsrc2=size={size}:rate=30:duration={seconds}");
    let coder = ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "30"];
    let filter = ["-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264", "out.h264"];
    ffmpeg(folder, &[&["-f", "lavfi", "-i", &source][..], &coder, &filter].concat());
    let stream = std::fs::read(folder.join("out.h264")).expect("stream");
    let parameters = Parameters::find(&stream).expect("parameter sets");
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in h264::nals(&stream) {
        if h264::kind(nal) == h264::AUD {
            units.push(Vec::new());
        } else {
            let unit = units.last_mut().expect("a delimiter in front");
            unit.extend_from_slice(&[0, 0, 0, 1]);
            unit.extend_from_slice(nal);
        }
    }
    let sample = |unit: &Vec<u8>| Sample { data: Bytes::from(h264::to_length_prefixed(unit, false)), duration: 1_600, key: h264::is_key(unit) };
    (parameters, units.iter().map(sample).collect())
}

/// AAC frames without their ADTS headers.
pub fn sound(folder: &Path, seconds: u32) -> Vec<Sample> {
    let source = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    ffmpeg(folder, &["-f", "lavfi", "-i", &source, "-ac", "2", "-c:a", "aac", "-f", "adts", "out.aac"]);
    let stream = std::fs::read(folder.join("out.aac")).expect("stream");
    let mut rest = stream.as_slice();
    let mut frames = Vec::new();
    while rest.len() > 7 {
        let length = (usize::from(rest[3] & 3) << 11) | (usize::from(rest[4]) << 3) | usize::from(rest[5] >> 5);
        frames.push(Sample { data: Bytes::copy_from_slice(&rest[7..length]), duration: 1_024, key: true });
        rest = &rest[length..];
    }
    frames
}

pub fn tracks(parameters: &Parameters) -> Vec<Track> {
    vec![
        Track { id: 1, timescale: TIMESCALE, config: TrackConfig::H264(parameters.clone()) },
        Track { id: 2, timescale: TIMESCALE, config: TrackConfig::Aac { channels: 2 } },
    ]
}

/// A recording as a recorder writes it: fragments of 15 pictures with the sound beside them.
pub fn recording(parameters: &Parameters, pictures: &[Sample], sound: &[Sample], start: u64) -> Vec<u8> {
    let mut out = tl_mp4::init_segment(&tracks(parameters)).expect("init").to_vec();
    let mut sound_at = 0;
    for (at, group) in pictures.chunks(15).enumerate() {
        let picture_start = at as u64 * 15 * 1_600;
        let until = (picture_start + group.len() as u64 * 1_600) / 1_024;
        let beside: Vec<Sample> = sound.iter().take(until as usize).skip(sound_at).cloned().collect();
        let mut runs = vec![Run { track_id: 1, base_decode_time: start + picture_start, samples: group.to_vec() }];
        if !beside.is_empty() {
            runs.push(Run { track_id: 2, base_decode_time: start + sound_at as u64 * 1_024, samples: beside.clone() });
        }
        sound_at += beside.len();
        out.extend_from_slice(&tl_mp4::fragment(at as u32 + 1, &runs).expect("fragment"));
    }
    out
}

/// Decodes every frame; what FFmpeg has to say about it is returned with the counts of pictures and sound frames.
pub fn probe(path: &Path) -> (usize, usize, String) {
    let arguments = ["-v", "warning", "-show_entries", "frame=media_type", "-of", "csv=p=0"];
    let run = Command::new("ffprobe").args(arguments).arg(path).output().expect("ffprobe runs");
    let lines = String::from_utf8_lossy(&run.stdout).into_owned();
    let count = |kind: &str| lines.lines().filter(|line| line.starts_with(kind)).count();
    (count("video"), count("audio"), String::from_utf8_lossy(&run.stderr).into_owned())
}
