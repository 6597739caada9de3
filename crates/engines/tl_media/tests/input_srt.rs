//! A slot's SRT port with ffmpeg and srt-live-transmit as callers: media, refusals, returns, noise.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod input_peers;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Secret};
use tl_frame::Codec;
use tl_media::input::{Event, Input, Kind};

use input_peers::{PATIENCE, Peer, Told, check_units, clip, count, encoded_clip, has, mean_step_ms, pictures, resident_bytes, start, units};

const STREAM: &str = "cam1-x7k2";
const PASSPHRASE: &str = "sesame-open-4711";

fn listener(stream_id: Option<&str>, passphrase: Option<&str>) -> (Input, Told, SocketAddr) {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let kind = Kind::Srt { bind, stream_id: stream_id.map(str::to_owned), passphrase: passphrase.map(Secret::new), latency: MediaTime::from_millis(120) };
    let (input, told) = start(kind);
    let address = input.local_addr().expect("a port");
    told.wait("an open port", |events| events.iter().any(|event| matches!(event, Event::Listening { addr } if *addr == address)));
    (input, told, address)
}

/// ffmpeg as a phone app: plays a clip in real time, again and again.
fn caller(clip: &Path, address: SocketAddr, query: &str) -> Peer {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"]).arg(clip);
    command.args(["-c", "copy", "-f", "mpegts", &format!("srt://{address}?{query}&pkt_size=1316")]);
    Peer::start(&mut command)
}

#[test]
fn ffmpeg_is_a_camera_and_a_second_one_is_turned_away() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clip = clip(folder.path(), "clip.ts");
    let (input, told, address) = listener(Some(STREAM), None);
    let mut stranger = caller(&clip, address, "streamid=cam1");
    assert!(!stranger.succeeds(PATIENCE), "a wrong stream id is refused");
    told.wait("a refusal", |events| events.iter().any(|event| matches!(event, Event::TurnedAway { reason, .. } if reason == "wrong stream id")));

    let first = caller(&clip, address, &format!("streamid={STREAM}"));
    let seen = told.wait("five seconds", |events| pictures(events) >= 150 && count(events, |event| matches!(event, Event::Stats(_))) >= 3);
    let peer = seen.iter().find_map(|event| if let Event::Connected { peer } = event { peer.clone() } else { None });
    assert!(peer.is_some_and(|peer| peer.starts_with("127.0.0.1:")));
    let all = units(&seen);
    check_units(&all, false);
    assert!((mean_step_ms(&all, Codec::H264) - 33.3).abs() < 2.0 && (mean_step_ms(&all, Codec::AacAdts) - 21.3).abs() < 2.0);
    let clock = seen.iter().rev().find_map(|event| if let Event::Clock(state) = event { Some(*state) } else { None }).expect("a clock");
    assert!(!clock.two_way && clock.uncertainty_ms >= 100.0, "{clock:?}");
    let stats = seen.iter().rev().find_map(|event| if let Event::Stats(stats) = event { Some(*stats) } else { None }).expect("statistics");
    assert!(stats.fps.is_some_and(|fps| (25.0..=35.0).contains(&fps)) && stats.rtt_ms.is_some() && stats.loss.is_some(), "{stats:?}");
    assert!(stats.bitrate_bps.is_some_and(|bits| bits > 50_000.0), "{stats:?}");

    let mut second = caller(&clip, address, &format!("streamid={STREAM}"));
    assert!(!second.succeeds(PATIENCE), "a second caller is refused");
    let before = pictures(&told.all());
    let seen = told.wait("the first going on", |events| pictures(events) >= before + 30);
    assert!(seen.iter().any(|event| matches!(event, Event::TurnedAway { reason, .. } if reason == "another caller is sending")));
    assert_eq!(count(&seen, |event| matches!(event, Event::Lost { .. })), 0);
    assert_eq!(input.counters().turned_away, 2);
    // A phone that froze with its call open does not hold the studio up.
    Command::new("kill").args(["-STOP", &first.0.id().to_string()]).status().expect("kill runs");
    let begun = Instant::now();
    drop(input);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?} to stop", begun.elapsed());
    first.kill();
}

#[test]
fn every_return_finds_the_port_open() {
    if !has("ffmpeg") {
        return;
    }
    // The bench takes a hundred.
    let drops: usize = std::env::var("TOUCHLINE_DROPS").ok().and_then(|drops| drops.parse().ok()).unwrap_or(20);
    let folder = tempfile::tempdir().expect("a folder");
    let clip = clip(folder.path(), "clip.ts");
    let (input, told, address) = listener(Some(STREAM), None);
    let (mut returns, mut last_config) = (Vec::new(), 0);
    for drop in 0..=drops {
        told.forget();
        let (begun, mut calls) = (Instant::now(), 1);
        // A killed caller says no goodbye; like any app, this one calls again when the port still thinks it is there.
        let mut phone = caller(&clip, address, &format!("streamid={STREAM}"));
        // What the phone before had under way may still come; a connection of its own begins with a word.
        let since_return = || {
            let all = told.all();
            let at = all.iter().rposition(|event| matches!(event, Event::Connected { .. }));
            at.map_or_else(Vec::new, |at| all[at..].to_vec())
        };
        while pictures(&since_return()) < 5 {
            assert!(begun.elapsed() < PATIENCE, "drop {drop}: {:?}", input_peers::words(&told.all()));
            if phone.0.try_wait().expect("a child").is_some() {
                phone = caller(&clip, address, &format!("streamid={STREAM}"));
                calls += 1;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        returns.push((begun.elapsed().as_millis(), calls));
        let seen = units(&since_return());
        check_units(&seen, false);
        let config = seen.iter().map(|unit| unit.config_id.0).min().expect("units");
        assert!(config > last_config, "a return starts a configuration of its own");
        last_config = seen.iter().map(|unit| unit.config_id.0).max().expect("units");
        if drop % 2 == 0 {
            phone.kill();
        } else {
            // An app that is closed says goodbye.
            Command::new("kill").args(["-INT", &phone.0.id().to_string()]).status().expect("kill runs");
            phone.succeeds(PATIENCE);
        }
    }
    assert_eq!(input.counters().connects as usize, drops + 1);
    println!("milliseconds and calls of each return: {returns:?}");
    returns.sort_unstable();
    println!("{drops} drops, {drops} returns; call to fifth picture p50 {} ms, worst {} ms", returns[returns.len() / 2].0, returns[returns.len() - 1].0);
}

#[test]
fn the_passphrase_decides() {
    if !has("ffmpeg") || !has("srt-live-transmit") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clip = clip(folder.path(), "clip.ts");
    let udp = free_udp();
    let _sender = feeder(&clip, udp);
    let (_input, told, address) = listener(Some(STREAM), Some(PASSPHRASE));
    let transmit = |passphrase: &str| transmitter(udp, address, passphrase);
    let wrong = transmit("not-the-right-one");
    let seen = told.wait("a refusal", |events| events.iter().any(|event| matches!(event, Event::TurnedAway { reason, .. } if reason == "wrong passphrase")));
    assert!(units(&seen).is_empty() && !format!("{seen:?}").contains("not-the-right-one"));
    wrong.kill();
    told.forget();
    let _right = transmit(PASSPHRASE);
    let seen = told.wait("pictures", |events| pictures(events) >= 30);
    check_units(&units(&seen), false);
    assert!(!format!("{:?}", seen.iter().filter(|event| !matches!(event, Event::Unit(_))).collect::<Vec<_>>()).contains(PASSPHRASE));
}

/// ffmpeg as what stands behind an SRT sender: plays a clip to a UDP port in real time.
fn feeder(clip: &Path, udp: SocketAddr) -> Peer {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"]).arg(clip);
    Peer::start(command.args(["-c", "copy", "-f", "mpegts", &format!("udp://{udp}?pkt_size=1316")]))
}

fn free_udp() -> SocketAddr {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port")
}

/// Calls without auto-reconnection: what is refused stays refused.
fn transmitter(udp: SocketAddr, address: SocketAddr, passphrase: &str) -> Peer {
    let to = format!("srt://{address}?streamid={STREAM}&passphrase={passphrase}");
    Peer::start(Command::new("srt-live-transmit").args(["-q", "-a:no", &format!("udp://{udp}"), &to]))
}

/// A stranger who knows the stream id and tries one wrong passphrase after the other.
struct Knocker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Knocker {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let mut knock = transmitter(free_udp(), address, "not-the-right-one");
                let end = Instant::now() + Duration::from_millis(200);
                while Instant::now() < end && knock.0.try_wait().expect("a child").is_none() {
                    std::thread::park_timeout(Duration::from_millis(10));
                }
                knock.kill();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Knocker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the stranger did not panic");
        }
    }
}

#[test]
fn a_stranger_without_the_passphrase_neither_blocks_nor_cuts_a_camera() {
    if !has("ffmpeg") || !has("srt-live-transmit") {
        return;
    }
    let refused = |events: &[Event]| count(events, |event| matches!(event, Event::TurnedAway { .. }));
    let folder = tempfile::tempdir().expect("a folder");
    let clip = clip(folder.path(), "clip.ts");
    let udp = free_udp();
    let feed = feeder(&clip, udp);
    let (input, told, address) = listener(Some(STREAM), Some(PASSPHRASE));
    let stranger = Knocker::start(address);
    told.wait("strangers", |events| refused(events) >= 4);
    // One call, in the midst of the others.
    let _camera = transmitter(udp, address, PASSPHRASE);
    told.wait("a camera beside strangers", |events| pictures(events) >= 60);
    told.forget();
    told.wait("pictures and strangers", |events| pictures(events) >= 60 && refused(events) >= 6);
    feed.kill();
    told.forget();
    // Strangers who knock after the last unit, for longer than a camera may be silent where no passphrase protects it.
    let since_unit = |events: &[Event]| refused(&events[events.iter().rposition(|event| matches!(event, Event::Unit(_))).map_or(0, |at| at + 1)..]);
    told.wait("strangers beside a silent camera", |events| since_unit(events) >= 8);
    let feed = feeder(&clip, udp);
    let seen = told.wait("pictures again", |events| {
        let silent_from = events.iter().rposition(|event| matches!(event, Event::TurnedAway { .. })).unwrap_or(0);
        pictures(&events[silent_from..]) >= 1 && pictures(events) >= 60
    });
    assert_eq!(count(&seen, |event| matches!(event, Event::Lost { .. })), 0, "{:?}", input_peers::words(&seen));
    assert_eq!((input.counters().connects, input.counters().losses), (1, 0));

    // Who knows the passphrase takes the silent one's place, strangers or not.
    feed.kill();
    told.forget();
    let other = free_udp();
    let _other_feed = feeder(&clip, other);
    let mut second = transmitter(other, address, PASSPHRASE);
    let displaced = |events: &[Event]| events.iter().position(|event| matches!(event, Event::Lost { reason } if reason.contains("another caller wants in")));
    let deadline = Instant::now() + PATIENCE;
    while displaced(&told.all()).is_none_or(|at| pictures(&told.all()[at..]) < 10) {
        assert!(Instant::now() < deadline, "{:?}", input_peers::words(&told.all()));
        if second.0.try_wait().expect("a child").is_some() {
            second = transmitter(other, address, PASSPHRASE);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(stranger);
}

#[test]
fn noise_ends_with_a_word_and_the_next_caller_is_heard() {
    if !has("ffmpeg") || !has("srt-live-transmit") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clip = clip(folder.path(), "clip.ts");
    let (_input, told, address) = listener(None, None);
    let before = resident_bytes();
    let mut transmit = Command::new("srt-live-transmit");
    transmit.args(["-q", "-a:no", "-chunk:1316", "file://con", &format!("srt://{address}")]);
    let child = transmit.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("srt-live-transmit runs");
    let mut noisy = Peer(child);
    let mut input = noisy.0.stdin.take().expect("a pipe");
    let noise: Vec<u8> = (0..1_316_u32 * 64).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let deadline = Instant::now() + PATIENCE;
    let is_word = |event: &Event| matches!(event, Event::TurnedAway { reason, .. } if reason.contains("no MPEG transport stream"));
    while !told.all().iter().any(is_word) {
        assert!(Instant::now() < deadline, "{:?}", input_peers::words(&told.all()));
        if input.write_all(&noise).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let seen = told.wait("a word", |events| events.iter().any(is_word));
    assert!(units(&seen).is_empty());
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MB more", grown >> 20);
    drop(input);
    noisy.kill();
    let _camera = caller(&clip, address, "mode=caller");
    check_units(&told.wait_pictures(30), false);
}

#[test]
fn every_codec_of_phone_apps_is_taken() {
    if !has("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "2"];
    for (name, video, sound, expected) in [
        ("hevc.ts", vec!["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=30:log-level=error"], "aac", [Codec::H265, Codec::AacAdts]),
        ("opus.ts", x264.to_vec(), "libopus", [Codec::H264, Codec::Opus]),
        ("mp2.ts", x264.to_vec(), "mp2", [Codec::H264, Codec::Opus]),
        ("mp3.ts", x264.to_vec(), "libmp3lame", [Codec::H264, Codec::Opus]),
        ("ac3.ts", x264.to_vec(), "ac3", [Codec::H264, Codec::Opus]),
    ] {
        let codecs: Vec<&str> = video.iter().copied().chain(["-c:a", sound]).collect();
        let clip = encoded_clip(folder.path(), name, "6", &codecs);
        let (_input, told, address) = listener(None, None);
        let _camera = caller(&clip, address, "mode=caller");
        let seen = told.wait(name, |events| pictures(events) >= 60 && units(events).iter().filter(|unit| unit.codec == expected[1]).count() >= 60);
        let all = units(&seen);
        check_units(&all, true);
        assert!(all.iter().all(|unit| expected.contains(&unit.codec)), "{name}");
        let newest = |codec: Codec| all.iter().rev().find(|unit| unit.codec == codec).map(|unit| unit.capture.as_millis_f64()).expect("both");
        assert!(
            (newest(expected[0]) - newest(expected[1])).abs() < 700.0,
            "{name}: sound and pictures are {} ms apart",
            newest(expected[0]) - newest(expected[1])
        );
    }
}
