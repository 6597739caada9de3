//! FFmpeg reads what is written here, frame by frame, without a word of complaint.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use common::{pictures, probe, recording, sound, tracks};
use tl_mp4::scan::{ConfigKind, scan};

#[test]
fn every_frame_is_decoded_without_a_warning() {
    let folder = tempfile::tempdir().expect("folder");
    let (parameters, pictures) = pictures(folder.path(), "320x180", 4);
    let sound = sound(folder.path(), 4);
    let path = folder.path().join("out.mp4");
    std::fs::write(&path, recording(&parameters, &pictures, &sound, 0)).expect("written");

    let (seen, heard, said) = probe(&path);
    assert_eq!(said, "");
    let found = scan(&path).expect("scan");
    assert_eq!((seen as u64, heard as u64), (found.tracks[0].samples, found.tracks[1].samples));
    assert_eq!((seen, found.fragments, found.whole_bytes), (120, 8, found.file_bytes));
    assert_eq!((found.tracks[0].config_kind, found.tracks[1].config_kind), (ConfigKind::H264, ConfigKind::Aac));
    assert_eq!((found.tracks[0].first_decode_time, found.tracks[0].end_decode_time), (0, 120 * 1_600));
}

#[test]
fn the_tracks_are_described_as_they_are() {
    let folder = tempfile::tempdir().expect("folder");
    let (parameters, pictures) = pictures(folder.path(), "640x360", 1);
    let path = folder.path().join("out.mp4");
    std::fs::write(&path, recording(&parameters, &pictures, &sound(folder.path(), 1), 0)).expect("written");
    let entries = "stream=codec_name,profile,width,height,pix_fmt,color_range,color_space,sample_rate,channels,r_frame_rate";
    let run = std::process::Command::new("ffprobe").args(["-v", "error", "-show_entries", entries, "-of", "flat"]).arg(&path).output().expect("ffprobe");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    for line in [
        "stream.0.codec_name=\"h264\"",
        "stream.0.width=640",
        "stream.0.height=360",
        "stream.0.color_range=\"tv\"",
        "stream.0.color_space=\"bt709\"",
        "stream.0.r_frame_rate=\"30/1\"",
        "stream.1.codec_name=\"aac\"",
        "stream.1.sample_rate=\"48000\"",
        "stream.1.channels=2",
    ] {
        assert!(said.contains(line), "{line} is not in\n{said}");
    }
    let init = tl_mp4::init_segment(&tracks(&parameters)).expect("init");
    assert_eq!(tl_mp4::inspect::read_init(&init).expect("own init"), tracks(&parameters));
}

#[test]
fn opus_is_described_and_read_back() {
    let folder = tempfile::tempdir().expect("folder");
    let config = tl_mp4::TrackConfig::Opus { channels: 2, pre_skip: 312 };
    let track = tl_mp4::Track { id: 1, timescale: 48_000, config };
    let init = tl_mp4::init_segment(std::slice::from_ref(&track)).expect("init");
    assert_eq!(tl_mp4::inspect::read_init(&init).expect("own init"), [track]);
    // Two packets of 20 ms of silence (RFC 6716, a CELT frame of one byte after the table of contents).
    let packet = tl_mp4::Sample { data: bytes::Bytes::from_static(&[0xfc, 0xff, 0xfe]), duration: 960, key: true };
    let run = tl_mp4::Run { track_id: 1, base_decode_time: 0, samples: vec![packet.clone(), packet] };
    let path = folder.path().join("out.mp4");
    std::fs::write(&path, [init, tl_mp4::fragment(1, &[run]).expect("fragment")].concat()).expect("written");
    let (_, heard, said) = probe(&path);
    assert_eq!((heard, said.as_str()), (2, ""));
}
