//! IP cameras: a small one of our own with Digest, reports and bad manners, and VLC as a server that is not ours.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

#[path = "input_peers/camera.rs"]
mod camera;
mod common;
mod input_peers;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Secret};
use tl_frame::Codec;
use tl_media::input::{Event, Input, Kind, Transport};

use camera::hostile::{self, Hostile};
use camera::{Camera, Manners, PASSWORD, USER};
use common::{SMALL, units as encode_units};
use input_peers::{PATIENCE, Peer, Told, check_units, count, encoded_clip, has, mean_step_ms, pictures, resident_bytes, start, units, words};

fn pull(url: &str, transport: Transport) -> (Input, Told) {
    start(Kind::Rtsp { url: Secret::new(url), transport, latency: MediaTime::from_millis(100) })
}

fn camera(manners: Manners) -> Camera {
    Camera::start(manners, encode_units(SMALL, 0..30), |_| {})
}

fn is_refused(event: &Event, with: &str) -> bool {
    matches!(event, Event::Refused { reason } if reason.contains(with))
}

#[test]
fn digest_opens_a_camera_and_a_wrong_password_is_told() {
    let camera = camera(Manners { digest: true, ..Manners::default() });
    let encoded = PASSWORD.replace('@', "%40");
    let (input, told) = pull(&format!("rtsp://{USER}:{encoded}@{}/stream", camera.address), Transport::Tcp);
    let all = told.wait_pictures(60);
    check_units(&all, false);
    assert!((mean_step_ms(&all, Codec::H264) - 33.3).abs() < 2.0);
    drop(input);
    assert!(matches!(told.all().last(), Some(Event::Stopped)));
    let (_input, told) = pull(&format!("rtsp://{USER}:wrong-word@{}/stream", camera.address), Transport::Tcp);
    let seen = told.wait("a refusal", |events| events.iter().any(|event| is_refused(event, "password")));
    assert!(!format!("{seen:?}").contains("wrong-word"));
    assert_eq!(count(&seen, |event| matches!(event, Event::Waiting { .. })), 0);
}

/// As long as a camera is left alone that may come to think of an attack.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[test]
fn a_camera_that_knew_the_password_and_forgot_it_is_asked_again_seldom() {
    let forgetful = Manners { digest: true, leave_after: Some(40), closes_after: Some(1), ..Manners::default() };
    let camera = camera(forgetful);
    let (input, told) = pull(&format!("rtsp://{USER}:{}@{}/stream", PASSWORD.replace('@', "%40"), camera.address), Transport::Tcp);
    let doubted = |event: &Event| matches!(event, Event::Waiting { retry_in, reason } if *retry_in == LONGEST_WAIT && reason.contains("password"));
    let seen = told.wait("a long wait", |events| events.iter().any(|event| doubted(event) || is_refused(event, "")));
    assert!(seen.last().is_some_and(doubted) && pictures(&seen) > 0, "{:?}", words(&seen));
    // The wait ends at once when the camera is taken away.
    let begun = Instant::now();
    drop(input);
    assert!(begun.elapsed() < Duration::from_secs(5) && matches!(told.all().last(), Some(Event::Stopped)));
}

#[test]
fn a_camera_that_forbids_is_asked_again_seldom() {
    let camera = camera(Manners { forbids: true, ..Manners::default() });
    let (_input, told) = pull(&format!("rtsp://{}/stream", camera.address), Transport::Tcp);
    let seen = told.wait("a wait", |events| events.iter().any(|event| matches!(event, Event::Waiting { .. } | Event::Refused { .. })));
    let seldom = |event: &Event| matches!(event, Event::Waiting { retry_in, reason } if *retry_in == LONGEST_WAIT && reason.contains("forbidden"));
    assert!(seen.last().is_some_and(seldom), "{:?}", words(&seen));
}

#[test]
fn newer_challenges_and_stale_nonces_are_answered() {
    for manners in [Manners { digest: true, many_digests: true, ..Manners::default() }, Manners { digest: true, stale_nonces: true, ..Manners::default() }] {
        let camera = camera(manners);
        let (_input, told) = pull(&format!("rtsp://{USER}:{}@{}/stream", PASSWORD.replace('@', "%40"), camera.address), Transport::Tcp);
        check_units(&told.wait_pictures(10), false);
    }
}

#[test]
fn reports_tie_sound_to_pictures() {
    let camera = camera(Manners { reports: true, sound: true, ..Manners::default() });
    let (_input, told) = pull(&format!("rtsp://{}/stream", camera.address), Transport::Tcp);
    let seen = told.wait("eight seconds", |events| pictures(events) >= 240);
    let all = units(&seen);
    check_units(&all, false);
    assert!(all.iter().all(|unit| matches!(unit.codec, Codec::H264 | Codec::Opus)));
    // Both counts began at the same moment, so a second of each ends together on one clock.
    let tail: Vec<_> = all.iter().skip(all.len() / 2).collect();
    let lag = |codec: Codec| {
        let lags = tail.iter().filter(|unit| unit.codec == codec).map(|unit| (unit.arrival - unit.capture).0);
        lags.min().map_or(0.0, |lag| lag as f64 / 1e6)
    };
    println!("least lag of pictures {:.1} ms, of sound {:.1} ms", lag(Codec::H264), lag(Codec::Opus));
    assert!(lag(Codec::H264) < 30.0 && lag(Codec::Opus) < 60.0);
    let clock = seen.iter().rev().find_map(|event| if let Event::Clock(state) = event { Some(*state) } else { None }).expect("a clock");
    // The shared clock is the camera's wall clock: nanoseconds since 1900.
    assert!(clock.offset_ms > 3.8e12, "{clock:?}");
}

#[test]
fn a_camera_that_hangs_or_leaves_is_called_again() {
    for (manners, expected) in
        [(Manners { hang_after: Some(40), ..Manners::default() }, "no media for 5 s"), (Manners { leave_after: Some(40), ..Manners::default() }, "")]
    {
        let camera = camera(manners);
        let (input, told) = pull(&format!("rtsp://{}/stream", camera.address), Transport::Tcp);
        let seen = told.wait("a second connection", |events| count(events, |event| matches!(event, Event::Connected { .. })) == 2);
        assert!(seen.iter().any(|event| matches!(event, Event::Lost { reason } if reason.contains(expected))), "{:?}", words(&seen));
        assert!(seen.iter().any(|event| matches!(event, Event::Waiting { retry_in, .. } if *retry_in <= Duration::from_secs(2))));
        let all = units(&told.wait("more pictures", |events| pictures(events) > 50));
        let configs: Vec<u32> = all.iter().map(|unit| unit.config_id.0).collect();
        assert!(configs.windows(2).all(|pair| pair[1] >= pair[0]) && configs.last() > configs.first());
        assert!(camera.visits.load(Ordering::Relaxed) >= 2 && input.counters().losses >= 1);
    }
}

#[test]
fn bad_manners_cost_a_word_and_no_memory() {
    let unusable = camera(Manners { unusable: true, ..Manners::default() });
    let (_input, told) = pull(&format!("rtsp://{}/stream", unusable.address), Transport::Tcp);
    told.wait("a refusal", |events| events.iter().any(|event| is_refused(event, "no pictures or sound that can be used")));
    let missing = camera(Manners { missing: true, ..Manners::default() });
    let (_input, told) = pull(&format!("rtsp://{}/stream", missing.address), Transport::Tcp);
    told.wait("a word", |events| events.iter().any(|event| matches!(event, Event::Waiting { reason, .. } if reason.contains("no such stream"))));
}

#[test]
fn hostile_answers_cost_a_word_and_little_memory() {
    let noisy = Manners { noisy_media: true, ..Manners::default() };
    let hostile = hostile::ALL.map(|hostile| Manners { hostile: Some(hostile), ..Manners::default() });
    for manners in hostile.into_iter().chain([noisy]) {
        let (camera, before) = (camera(manners), resident_bytes());
        let (input, told) = pull(&format!("rtsp://{}/stream", camera.address), Transport::Tcp);
        let (begun, mut most) = (Instant::now(), 0);
        let has_ended = |event: &Event| matches!(event, Event::Refused { .. } | Event::Waiting { .. });
        while !told.all().iter().any(has_ended) {
            assert!(begun.elapsed() < PATIENCE, "{:?}: {:?}", manners.hostile, words(&told.all()));
            most = most.max(resident_bytes().saturating_sub(before));
            std::thread::sleep(Duration::from_millis(10));
        }
        println!("{:?}: {:?} after {:.1} s, {} MB at most", manners.hostile, words(&told.all()).last(), begun.elapsed().as_secs_f64(), most >> 20);
        assert!(units(&told.all()).is_empty());
        // GStreamer 1.22 reads a description as long as it is announced to be; there the time an attempt may take is the only bound.
        assert!(most < 64 << 20 || manners.hostile == Some(Hostile::Endless), "{:?}: {} MB more", manners.hostile, most >> 20);
        let begun = Instant::now();
        drop(input);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}: {:?} to stop", manners.hostile, begun.elapsed());
    }
}

#[test]
fn nobody_there_is_tried_for_ever_with_a_countdown() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port");
    let (input, told) = pull(&format!("rtsp://{port}/stream"), Transport::Tcp);
    let seen = told.wait("three attempts", |events| count(events, |event| matches!(event, Event::Waiting { .. })) >= 3);
    assert!(seen.iter().all(|event| matches!(event, Event::Connecting | Event::Waiting { .. })), "{:?}", words(&seen));
    let begun = Instant::now();
    drop(input);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(
        Input::start(
            tl_media::input::Config { source: tl_base::SlotId(1), kind: Kind::Mjpeg { url: Secret::new("ftp://x") }, clock: told.clock, name: String::new() },
            |_| {}
        )
        .is_err()
    );
}

#[test]
fn vlc_is_a_camera() {
    if !has("cvlc") || !has("setpriv") || !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("permissions");
    let codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0", "-c:a", "aac"];
    let clip = encoded_clip(folder.path(), "clip.mp4", "20", &codecs);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port").port();
    // VLC does not run for root; this becomes VLC itself, so that ending it ends VLC.
    let mut vlc = Command::new("setpriv");
    vlc.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=/tmp", "cvlc", "-q", "-I", "dummy"]).arg(&clip);
    let _vlc = Peer::start(vlc.args(["--sout", &format!("#rtp{{sdp=rtsp://127.0.0.1:{port}/x}}"), "--loop", "--sout-keep"]));
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "VLC does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    // VLC sends by UDP alone, so the first of them finds its own way.
    for transport in [Transport::Tcp, Transport::Udp] {
        let (_input, told) = pull(&format!("rtsp://127.0.0.1:{port}/x"), transport);
        let seen =
            told.wait("pictures and sound", |events| pictures(events) >= 150 && units(events).iter().filter(|unit| unit.codec.is_audio()).count() >= 100);
        let all = units(&seen);
        check_units(&all, false);
        assert!(all.iter().any(|unit| unit.codec == Codec::H264) && all.iter().any(|unit| unit.codec == Codec::AacAdts), "{transport:?}");
        println!("{transport:?}: {:.1} ms between pictures", mean_step_ms(&all, Codec::H264));
    }
}
