//! Pushing to real SRT listeners: ffmpeg that decodes, srt-live-transmit with right and wrong passphrases, silence, slow air.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Secret};
use tl_frame::AccessUnit;
use tl_media::Push;
use tl_media::push::{Config, Event};

use common::peers::{Peer, Radio, free_udp_port, wait_for_bytes};
use common::programme::{Programme, Takes};
use common::{PATIENCE, SMALL, Seen, packet_times, units, wait_for};

const PASSPHRASE: &str = "open-sesame-4711";

fn start_at(url: String, begin: MediaTime) -> (Arc<Push>, Seen<Event>) {
    let events = Seen::default();
    let into = events.clone();
    let config = Config { name: "test".to_owned(), url: Secret::new(url), has_audio: true, extra_roots: Vec::new() };
    let push = Push::start_at(config, begin, move |event| into.add(event)).expect("a push");
    (Arc::new(push), events)
}

fn start(url: String) -> (Arc<Push>, Seen<Event>) {
    start_at(url, MediaTime::ZERO)
}

fn is_live(event: &Event) -> bool {
    matches!(event, Event::Live)
}

fn is_waiting(event: &Event) -> bool {
    matches!(event, Event::Waiting { .. })
}

fn count(events: &[Event], what: fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| what(event)).count()
}

/// A listener that keeps what it hears.
fn ffmpeg(port: u16, file: &Path) -> Option<Peer> {
    let from = format!("srt://127.0.0.1:{port}?mode=listener&passphrase={PASSPHRASE}&latency=200000");
    Peer::start("ffmpeg", &["-v", "error", "-y", "-i", &from, "-c", "copy", "-f", "mpegts", "-flush_packets", "1", file.to_str().expect("text")])
}

fn transmit(port: u16, passphrase: &str) -> Option<Peer> {
    Peer::start("srt-live-transmit", &["-q", &format!("srt://127.0.0.1:{port}?mode=listener&passphrase={passphrase}"), "file://con"])
}

#[test]
fn a_listener_decodes_what_was_pushed_and_a_restarted_one_does_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_udp_port();
    let files = [folder.path().join("first.ts"), folder.path().join("second.ts")];
    let Some(mut listener) = ffmpeg(port, &files[0]) else { return };
    let (push, events) = start(format!("srt://127.0.0.1:{port}?passphrase={PASSPHRASE}&streamid=show&latency=200"));
    let programme = Programme::play(&push, 1.0);
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    wait_for_bytes(&files[0], 400_000);
    assert!(push.stats().bytes > 300_000, "{:?}", push.stats());
    listener.kill();
    let killed = Instant::now();
    events.wait("the loss to be seen", PATIENCE, |events| events.iter().any(is_waiting));
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    let Some(mut again) = ffmpeg(port, &files[1]) else { return };
    events.wait("life again", Duration::from_secs(40), |events| count(events, is_live) == 2);
    wait_for_bytes(&files[1], 400_000);
    assert_eq!(push.stats().reconnects, 1);
    drop(programme);
    drop(push);
    assert_eq!(events.all().last(), Some(&Event::Stopped));
    // The listener hears that we hang up, and closes its file.
    assert!(again.ends_well(PATIENCE));
    for file in &files {
        // Half of the last picture was on its way at the end; all before it must be whole.
        let last = packet_times(file, "v:0").len() - 1;
        let args = ["-v", "error", "-threads", "1", "-i", file.to_str().expect("text"), "-frames:v", &last.to_string(), "-f", "null", "-"];
        let decoded = std::process::Command::new("ffmpeg").args(args).output().expect("ffmpeg runs");
        assert!(last > 60 && decoded.status.success() && decoded.stderr.is_empty(), "{}", String::from_utf8_lossy(&decoded.stderr));
        let (pictures, heard) = (packet_times(file, "v:0"), packet_times(file, "a:0"));
        assert!(pictures.windows(2).all(|pair| (pair[1] - pair[0] - 1.0 / 30.0).abs() < 0.002), "{pictures:?}");
        // Where the programme begins anew the sound has half a frame more or less.
        assert!(heard.windows(2).all(|pair| (0.01..0.034).contains(&(pair[1] - pair[0]))), "{heard:?}");
        assert!((pictures[0] - heard[0]).abs() < 0.1, "{} {}", pictures[0], heard[0]);
    }
}

#[test]
fn a_wrong_passphrase_is_refused_and_not_tried_again() {
    let port = free_udp_port();
    let Some(_listener) = transmit(port, PASSPHRASE) else { return };
    let (right, events) = start(format!("srt://127.0.0.1:{port}?passphrase={PASSPHRASE}"));
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    drop(right);
    let port = free_udp_port();
    let Some(_listener) = transmit(port, PASSPHRASE) else { return };
    // The listener's port is not seen from outside, so a call may come before it listens: that is no answer, and no refusal.
    let (push, events) = start(format!("srt://127.0.0.1:{port}?passphrase=wrong-{PASSPHRASE}"));
    let seen = events.wait("a refusal", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. })));
    let Some(Event::Refused { reason }) = seen.last() else { panic!("{seen:?}") };
    assert!(reason.contains("passphrase") && !reason.contains("4711") && !seen.iter().any(is_live), "{seen:?}");
    push.push(&units(SMALL, 0..1)[0]);
    drop(push);
    assert_eq!(events.all().len(), seen.len(), "nothing after a refusal");
}

#[test]
fn nobody_there_is_no_refusal_and_stops_quickly() {
    let (push, events) = start(format!("srt://127.0.0.1:{}?passphrase={PASSPHRASE}", free_udp_port()));
    let seen = events.wait("two attempts", PATIENCE, |events| count(events, |event| matches!(event, Event::Connecting)) >= 2);
    assert!(seen.iter().any(is_waiting) && !seen.iter().any(is_live), "{seen:?}");
    let asked = Instant::now();
    drop(push);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(events.all().last(), Some(&Event::Stopped));
}

#[test]
fn a_listener_that_stands_still_is_noticed_within_ten_seconds() {
    let port = free_udp_port();
    let Some(listener) = transmit(port, PASSPHRASE) else { return };
    let (push, events) = start(format!("srt://127.0.0.1:{port}?passphrase={PASSPHRASE}"));
    let programme = Programme::play(&push, 1.0);
    wait_for("acknowledged bytes", PATIENCE, || push.stats().bytes > 200_000);
    listener.signal("-STOP");
    let stopped = Instant::now();
    events.wait("the stall to be seen", Duration::from_secs(12), |events| events.iter().any(is_waiting));
    println!("stall seen after {:.1} s", stopped.elapsed().as_secs_f64());
    assert!(stopped.elapsed() < Duration::from_secs(10));
    listener.signal("-CONT");
    drop(programme);
}

/// Air that carries a third of the programme costs pictures up to the next key, and gives them back when it clears.
#[test]
fn slow_air_costs_pictures_and_neither_memory_nor_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, file) = (free_udp_port(), folder.path().join("heard.ts"));
    let Some(_listener) = ffmpeg(port, &file) else { return };
    let radio = Radio::to(port, 10_000_000);
    let (push, events) = start(format!("srt://127.0.0.1:{}?passphrase={PASSPHRASE}&latency=200", radio.port));
    let programme = Programme::play(&push, 1.0);
    wait_for_bytes(&file, 200_000);
    radio.set_rate(40_000);
    wait_for("dropped units", PATIENCE, || push.stats().dropped > 30);
    radio.set_rate(10_000_000);
    let before = std::fs::metadata(&file).expect("a file").len();
    wait_for_bytes(&file, before + 400_000);
    let seen = events.all();
    println!("dropped {}, {} times live", push.stats().dropped, count(&seen, is_live));
    drop(programme);
}

/// The 33 bits of a transport stream's time come round after 26.5 hours; nothing may be felt of it.
#[test]
fn a_stream_goes_on_past_the_end_of_its_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, file) = (free_udp_port(), folder.path().join("day.ts"));
    let Some(listener) = ffmpeg(port, &file) else { return };
    // The muxer begins an hour late, so that nothing is shown before zero.
    let wrap = MediaTime((1_i64 << 33) * 100_000 / 9) - MediaTime::from_secs(3_600);
    let (push, events) = start_at(format!("srt://127.0.0.1:{port}?passphrase={PASSPHRASE}"), wrap - MediaTime::from_secs(3));
    let programme = Programme::play(&push, 1.0);
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    wait_for_bytes(&file, 1_000_000);
    assert_eq!(count(&events.all(), is_waiting), 0);
    drop(programme);
    drop(push);
    drop(listener);
    let (pictures, heard) = (packet_times(&file, "v:0"), packet_times(&file, "a:0"));
    assert!(pictures.len() > 150, "{}", pictures.len());
    // ffprobe counts on over the wrap; what it may not find is a hole or a step back.
    for times in [pictures, heard] {
        assert!(times.windows(2).all(|pair| (0.0..0.06).contains(&(pair[1] - pair[0]))), "{times:?}");
    }
}

/// A programme whose sound can be taken away.
struct Muted(Arc<Push>, AtomicBool);

impl Takes for Muted {
    fn take(&self, unit: &AccessUnit) {
        if !unit.codec.is_audio() || !self.1.load(Ordering::Relaxed) {
            self.0.push(unit);
        }
    }
}

/// Live means that pictures arrive, whatever becomes of the sound.
#[test]
fn pictures_arrive_though_the_sound_stops_and_both_when_it_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, file) = (free_udp_port(), folder.path().join("heard.ts"));
    let Some(_listener) = ffmpeg(port, &file) else { return };
    let (push, events) = start(format!("srt://127.0.0.1:{port}?passphrase={PASSPHRASE}"));
    let muted = Arc::new(Muted(push, AtomicBool::new(false)));
    let programme = Programme::play(&muted, 1.0);
    wait_for_bytes(&file, 200_000);
    let heard = || packet_times(&file, "a:0").len();
    muted.1.store(true, Ordering::Relaxed);
    let size = || std::fs::metadata(&file).expect("a file").len();
    // More than can have been on its way.
    wait_for_bytes(&file, size() + 500_000);
    let before = heard();
    muted.1.store(false, Ordering::Relaxed);
    wait_for("sound again", PATIENCE, || heard() > before + 50);
    assert_eq!(count(&events.all(), is_waiting), 0, "{:?}", events.all());
    drop(programme);
}
