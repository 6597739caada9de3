//! A microphone of this machine: a PulseAudio daemon of its own, whose null sink somebody plays a tone into.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod input_peers;

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tl_base::{Rate, Size, SlotId};
use tl_frame::Codec;
use tl_media::OpusDecoder;
use tl_media::input::{DeviceKind, Event, Kind, devices};

use input_peers::{PATIENCE, Peer, check_units, count, ffmpeg, has, start, units};

fn daemon(folder: &Path) -> Peer {
    let socket = folder.join("native");
    let mut command = Command::new("pulseaudio");
    command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit=yes", "--use-pid-file=no", "--system=false"]);
    command.args(["-L", &format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display())]);
    command.args(["-L", "module-null-sink sink_name=rink sink_properties=device.description=Rink"]);
    command.env("HOME", folder).env("XDG_RUNTIME_DIR", folder).env("PULSE_RUNTIME_PATH", folder).env("PULSE_STATE_PATH", folder);
    let daemon = Peer::start(&mut command);
    let deadline = Instant::now() + PATIENCE;
    while !socket.exists() {
        assert!(Instant::now() < deadline, "PulseAudio does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon
}

#[test]
fn a_microphone_is_found_and_heard() {
    if !has("pulseaudio") || !has("paplay") || !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = daemon(folder.path());
    let server = format!("unix:{}", folder.path().join("native").display());
    // SAFETY: this test is alone in its process and no other thread reads the environment yet.
    unsafe { std::env::set_var("PULSE_SERVER", &server) };
    let tone = folder.path().join("tone.wav");
    ffmpeg(&["-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000", "-t", "60", "-ac", "2"], &tone);
    let _player = Peer::start(Command::new("paplay").args(["-s", &server, "-d", "rink"]).arg(&tone));

    let found = devices().expect("a list");
    let microphone = found.iter().find(|device| device.id == "rink.monitor").unwrap_or_else(|| panic!("{found:?}"));
    assert!(microphone.kind == DeviceKind::Audio && microphone.label.contains("Rink"), "{microphone:?}");

    let kind = Kind::Device { video: None, audio: Some(microphone.id.clone()), size: Size::new(1280, 720), rate: Rate::FPS_30 };
    let (input, told) = start(kind);
    let seen = told.wait("three seconds of sound", |events| units(events).len() >= 150);
    let all = units(&seen);
    check_units(&all, false);
    assert!(all.iter().all(|unit| unit.codec == Codec::Opus));
    let late: Vec<f64> = all.iter().skip(20).map(|unit| (unit.arrival - unit.capture).as_millis_f64()).collect();
    println!("sound arrives {:.0} to {:.0} ms behind its capture", late.iter().copied().fold(f64::MAX, f64::min), late.iter().copied().fold(0.0, f64::max));
    let steps: Vec<f64> = all.windows(2).skip(20).map(|pair| (pair[1].capture - pair[0].capture).as_millis_f64()).collect();
    // A sound server that a busy machine holds up leaves a gap, and goes on in time behind it.
    let even = steps.iter().filter(|step| (10.0..40.0).contains(*step)).count();
    assert!(even * 10 >= steps.len() * 9, "{steps:?} ms between packets");
    let (sender, receiver) = mpsc::sync_channel(512);
    let decoder = OpusDecoder::new(SlotId(1), move |block| sender.send(block).expect("the test listens")).expect("a decoder");
    let mut crossings = 0;
    for unit in all.iter().skip(100).take(50) {
        decoder.push(unit.clone()).expect("room");
        let block = receiver.recv_timeout(PATIENCE).expect("sound");
        let left: Vec<f32> = block.samples.iter().step_by(2).copied().collect();
        crossings += left.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    }
    assert!((950..=1_050).contains(&crossings), "{crossings} Hz heard where 1,000 were played");

    daemon.kill();
    told.wait("a loss and a countdown", |events| {
        events.iter().any(|event| matches!(event, Event::Lost { .. })) && events.iter().any(|event| matches!(event, Event::Waiting { .. }))
    });
    let begun = Instant::now();
    drop(input);
    assert!(begun.elapsed() < Duration::from_secs(5), "an unplugged microphone does not hold the studio up");
}

#[test]
fn a_device_that_is_not_there_is_told_in_a_sentence() {
    for (video, audio) in [(Some("/dev/video99"), None), (None, Some("no-such-microphone"))] {
        let kind = Kind::Device { video: video.map(str::to_owned), audio: audio.map(str::to_owned), size: Size::new(1280, 720), rate: Rate::FPS_30 };
        let (input, told) = start(kind);
        let seen = told.wait("two attempts", |events| count(events, |event| matches!(event, Event::Waiting { .. })) >= 2);
        assert!(units(&seen).is_empty() && input.counters().connects == 0);
        let id = video.or(audio).expect("one of them");
        for event in &seen {
            assert!(
                matches!(event, Event::Connecting) || matches!(event, Event::Waiting { reason, .. } if *reason == format!("device failed: {id} is not there")),
                "{event:?}"
            );
        }
    }
}
