//! Recordings in pieces, as phones send them: real ones of a real browser, reordered, torn, lost and broken ones.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::MediaTime;
use tl_frame::{AccessUnit, AudioBlock, Codec, Frame};
use tl_media::chunks::{Chunk, ChunkStream, Config, Event, Refusal, Stamp};
use tl_media::{Error, SoundDecoder, VideoDecoder, decode};

use common::{CAMERA, PATIENCE, Seen};

const EPOCH_MS: f64 = 1_700_000_000_000.0;

fn stream() -> (ChunkStream, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&events);
    // The phone's clock, told from the time the tests begin it.
    let clock = |stamp: Stamp| stamp.phone - MediaTime((EPOCH_MS * 1e6) as i64);
    let config = Config { source: CAMERA, clock: Box::new(clock) };
    (ChunkStream::start(config, move |event| into.lock().expect("no panic").push(event)), events)
}

fn chunk(sequence: u64, mime: &str, data: Bytes) -> Chunk {
    let at_ms = sequence as f64 * 100.0;
    Chunk { sequence, timestamp_ms: EPOCH_MS + at_ms, arrival: MediaTime::from_millis(at_ms as i64 + 150), mime: mime.to_owned(), data }
}

fn units(events: &Mutex<Vec<Event>>) -> Vec<AccessUnit> {
    let events = events.lock().expect("no panic");
    events.iter().filter_map(|event| if let Event::Unit(unit) = event { Some(unit.clone()) } else { None }).collect()
}

/// A live recording by another program: fragments of 100 ms, a key picture a second.
fn recording(folder: &Path, kind: &str) -> (Vec<u8>, &'static str) {
    let (name, mime, coders): (&str, &str, &[&str]) = match kind {
        "vp8" => ("a.webm", "video/webm;codecs=vp8,opus", &["-c:v", "libvpx", "-deadline", "realtime", "-auto-alt-ref", "0", "-c:a", "libopus"]),
        "vp9" => (
            "a.webm",
            "video/webm;codecs=vp9,opus",
            &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-c:a", "libopus"],
        ),
        "h264" => ("a.mkv", "video/x-matroska;codecs=avc1,opus", &["-c:v", "libx264", "-tune", "zerolatency", "-c:a", "libopus"]),
        "h265" => ("a.mp4", "video/mp4", &["-c:v", "libx265", "-x265-params", "log-level=error:bframes=0:keyint=30", "-c:a", "aac"]),
        "av1" => ("a.mp4", "video/mp4", &["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-c:a", "aac"]),
        _ => ("a.mp4", "video/mp4;codecs=avc1.42E01F,mp4a.40.2", &["-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-ar", "44100"]),
    };
    let path = folder.join(name);
    let source = "testsrc2=size=320x192:rate=30:duration=4";
    let input = ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=440:duration=4", "-pix_fmt", "yuv420p", "-g", "30", "-ac", "2"];
    let live: &[&str] = match name {
        "a.mp4" => &["-movflags", "empty_moov+default_base_moof+frag_every_frame"],
        _ => &["-live", "1", "-cluster_time_limit", "500"],
    };
    let run = Command::new("ffmpeg").args(input).args(coders).args(live).arg(&path).output().expect("ffmpeg runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    (std::fs::read(&path).expect("a recording"), mime)
}

fn packets(path: &Path, kind: &str) -> usize {
    let out = Command::new("ffprobe").args(["-v", "error", "-select_streams", kind, "-show_entries", "packet=pts", "-of", "csv=p=0"]).arg(path).output();
    String::from_utf8(out.expect("ffprobe runs").stdout)
        .expect("text")
        .lines()
        .filter(|line| line.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
        .count()
}

/// Sizes that cut a recording at places that look random and are always the same.
fn cut(bytes: &[u8], seed: u64, mean: usize) -> Vec<Bytes> {
    let mut state = seed | 1;
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = (1 + state as usize % (2 * mean)).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        pieces.push(Bytes::copy_from_slice(piece));
        rest = behind;
    }
    pieces
}

/// Decodes everything; gives the pictures' capture times and the samples of sound a second holds.
fn decode_all(units: &[AccessUnit]) -> (Vec<MediaTime>, f64) {
    let codec = units.iter().find(|unit| !unit.codec.is_audio()).expect("pictures").codec;
    let (sender, frames) = mpsc::sync_channel::<Frame>(4_096);
    let pictures = VideoDecoder::new(decode::Video { source: CAMERA, codec, max_queue: 30 }, move |frame| sender.send(frame).expect("the test listens"));
    let pictures = pictures.expect("a decoder");
    let heard: Seen<AudioBlock> = Seen::default();
    let into = heard.clone();
    let sound = SoundDecoder::new(CAMERA, move |block| into.add(block)).expect("a decoder");
    let mut seen = Vec::new();
    let mut sounds = 0;
    for unit in units {
        if unit.codec.is_audio() {
            sounds += 1;
            while let Err(Error::Full) = sound.push(unit.clone()) {
                heard.wait("room", PATIENCE, |_| true);
            }
        } else {
            pictures.push(unit.clone()).expect("decodes");
            // One in, one out, but for reordered pictures.
            if let Ok(frame) = frames.recv_timeout(Duration::from_millis(if codec == Codec::H264 { 30 } else { 500 })) {
                seen.push(frame.capture);
            }
        }
    }
    while let Ok(frame) = frames.recv_timeout(Duration::from_millis(200)) {
        seen.push(frame.capture);
    }
    assert_eq!(pictures.stats().errors, 0, "{codec:?}");
    let blocks = heard.wait("sound", PATIENCE, |blocks| blocks.len() + 3 >= sounds);
    let seconds = blocks.iter().map(|block| block.frames() as f64 / f64::from(block.rate_hz)).sum();
    (seen, seconds)
}

const KINDS: [&str; 6] = ["vp8", "vp9", "h264", "aac", "h265", "av1"];

#[test]
fn every_unit_of_a_recording_comes_out_however_it_is_cut() {
    for kind in KINDS {
        let folder = tempfile::tempdir().expect("a folder");
        let (bytes, mime) = recording(folder.path(), kind);
        let path = folder.path().read_dir().expect("a folder").next().expect("a file").expect("a file").path();
        let (pictures, sounds) = (packets(&path, "v"), packets(&path, "a"));
        for (seed, mean) in [(1, 3_000), (2, 40), (3, 1_000_000)] {
            let (mut stream, events) = stream();
            for (sequence, piece) in cut(&bytes, seed, mean).into_iter().enumerate() {
                stream.push(chunk(sequence as u64, mime, piece)).expect("taken");
            }
            let all = units(&events);
            let found = all.iter().filter(|unit| !unit.codec.is_audio()).count();
            assert_eq!((found, all.len() - found), (pictures, sounds), "{kind} cut by {mean}");
            assert!(all.iter().all(|unit| unit.config_id == all[0].config_id));
            if seed == 1 {
                let (seen, seconds) = decode_all(&all);
                // Reordered pictures: the last ones stay inside a decoder that nobody ends.
                assert!(seen.len() + 4 >= pictures, "{kind}: {} of {pictures}", seen.len());
                assert!((seconds - 4.0).abs() < 0.15, "{kind}: {seconds} s of sound");
                let keys = all.iter().filter(|unit| !unit.codec.is_audio() && unit.key).count();
                assert_eq!(keys, 4, "{kind}");
            }
        }
    }
}

#[test]
fn a_lost_piece_costs_pictures_up_to_the_next_key_and_no_more() {
    for kind in KINDS {
        let folder = tempfile::tempdir().expect("a folder");
        let (bytes, mime) = recording(folder.path(), kind);
        let pieces: Vec<Bytes> = bytes.chunks(bytes.len() / 40).map(Bytes::copy_from_slice).collect();
        let (mut stream, events) = stream();
        for (sequence, piece) in pieces.iter().enumerate().filter(|(at, _)| *at != 12) {
            stream.push(chunk(sequence as u64, mime, piece.clone())).expect("taken");
        }
        let missing = events.lock().expect("no panic").iter().filter(|event| matches!(event, Event::Missing { chunks: 1 })).count();
        assert_eq!(missing, 1, "{kind}");
        let pictures: Vec<AccessUnit> = units(&events).into_iter().filter(|unit| !unit.codec.is_audio()).collect();
        let gap = pictures.windows(2).max_by_key(|pair| pair[1].dts - pair[0].dts).expect("pictures");
        assert!(gap[1].key && gap[1].dts - gap[0].dts < MediaTime::from_millis(1_600), "{kind}: {} after {}", gap[1].dts, gap[0].dts);
        assert!(pictures.len() > 70, "{kind}: {}", pictures.len());
        assert!(pictures.last().expect("pictures").pts > MediaTime::from_millis(3_900), "{kind}");
        decode_all(&units(&events));
    }
}

#[test]
fn pieces_out_of_order_are_put_right_and_doubled_ones_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, mime) = recording(folder.path(), "vp8");
    let pieces: Vec<Bytes> = bytes.chunks(2_000).map(Bytes::copy_from_slice).collect();
    let (mut straight, expected) = stream();
    let (mut mixed, events) = stream();
    for (at, piece) in pieces.iter().enumerate() {
        straight.push(chunk(at as u64, mime, piece.clone())).expect("taken");
        // Pairs change places.
        let other = if at == 0 { 0 } else { ((at - 1) ^ 1) + 1 };
        let other = if other < pieces.len() { other } else { at };
        mixed.push(chunk(other as u64, mime, pieces[other].clone())).expect("taken");
    }
    assert!(matches!(mixed.push(chunk(3, mime, pieces[3].clone())), Err(Refusal::Late)));
    let told = |events: &Mutex<Vec<Event>>| units(events).iter().map(|unit| (unit.pts, unit.data.clone())).collect::<Vec<_>>();
    assert_eq!(told(&events).len(), told(&expected).len());
    assert_eq!(told(&events), told(&expected));
}

#[test]
fn times_are_the_phones_and_a_new_recording_counts_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, mime) = recording(folder.path(), "vp8");
    let (mut stream, events) = stream();
    stream.push(chunk(0, mime, bytes.clone().into())).expect("taken");
    // The second recording begins five seconds later by the phone's clock; its first piece is a single byte.
    for (sequence, at, piece) in [(1, 50, &bytes[..1]), (2, 51, &bytes[1..])] {
        stream.push(Chunk { sequence, ..chunk(at, mime, Bytes::copy_from_slice(piece)) }).expect("taken");
    }
    let all = units(&events);
    let (first, second) = all.split_at(all.len() / 2);
    assert!(first.iter().all(|unit| unit.capture == unit.pts && unit.arrival == MediaTime::from_millis(150)));
    assert!(second.iter().all(|unit| unit.capture == unit.pts + MediaTime::from_secs(5) && unit.arrival == MediaTime::from_millis(5_250)));
    assert_eq!(second[0].config_id.0, first[0].config_id.0 + 1);
    assert!(events.lock().expect("no panic").iter().any(|event| matches!(event, Event::Restarted)));
}

#[test]
fn what_cannot_be_read_is_refused_and_a_new_recording_heals_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, mime) = recording(folder.path(), "vp8");
    let (mut stream, events) = stream();
    assert_eq!(stream.push(chunk(0, "text/html", Bytes::from_static(b"<html>"))), Err(Refusal::Unsupported));
    assert_eq!(stream.push(chunk(0, mime, vec![0; 3 << 20].into())), Err(Refusal::TooLarge));
    assert_eq!(stream.push(Chunk { timestamp_ms: f64::NAN, ..chunk(0, mime, Bytes::new()) }), Err(Refusal::Time));
    // The studio was started anew while the phone went on: the beginning is not there.
    assert!(matches!(stream.push(chunk(700, mime, Bytes::copy_from_slice(&bytes[9_000..12_000]))), Err(Refusal::Broken(_))));
    assert!(matches!(stream.push(chunk(701, mime, Bytes::copy_from_slice(&bytes[12_000..15_000]))), Err(Refusal::Broken(_))));
    let broken = events.lock().expect("no panic").iter().filter(|event| matches!(event, Event::Broken { .. })).count();
    assert_eq!(broken, 1, "told once");
    stream.push(chunk(702, mime, bytes.into())).expect("taken");
    assert!(units(&events).len() > 300);
}

#[test]
fn broken_pieces_cost_little_and_never_more_than_their_recording() {
    let started = Instant::now();
    for kind in ["vp8", "aac", "h265"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (good, mime) = recording(folder.path(), kind);
        let good = &good[..good.len().min(60_000)];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as usize
        };
        for round in 0..1_500 {
            let mut bytes = good.to_vec();
            for _ in 0..1 + round % 8 {
                let at = next() % if round % 2 == 0 { 2_000 } else { bytes.len() };
                bytes[at] ^= 1 << (next() % 8);
            }
            if round % 5 == 0 {
                bytes.truncate(next() % bytes.len());
            }
            let (mut stream, events) = stream();
            for (sequence, piece) in bytes.chunks(20_000).enumerate() {
                // Taken or refused; what counts is that it ends, and soon.
                drop(stream.push(chunk(sequence as u64, mime, Bytes::copy_from_slice(piece))));
            }
            let total: usize = units(&events).iter().map(|unit| unit.data.len()).sum();
            assert!(total <= bytes.len() + 40_000, "{kind}: {total}");
        }
    }
    println!("4,500 broken recordings in {:?}", started.elapsed());
}

#[test]
fn any_bytes_are_taken_or_refused_without_a_panic() {
    let webm = [0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let mp4 = b"\0\0\0\x10ftypiso6\0\0\0\0";
    bolero::check!().with_type::<(Vec<Vec<u8>>, bool, u8)>().for_each(|(pieces, is_mp4, lost)| {
        let (mut stream, events) = stream();
        let (head, mime) = if *is_mp4 { (&mp4[..], "video/mp4") } else { (&webm[..], "video/webm") };
        drop(stream.push(chunk(0, mime, Bytes::copy_from_slice(head))));
        for (at, piece) in pieces.iter().enumerate().filter(|(at, _)| *at != usize::from(*lost)) {
            drop(stream.push(chunk(at as u64 + 1, mime, Bytes::copy_from_slice(piece))));
        }
        let total: usize = units(&events).iter().map(|unit| unit.data.len()).sum();
        assert!(total <= 3 * pieces.iter().map(Vec::len).sum::<usize>() + 64);
    });
}

#[test]
fn a_box_that_claims_to_be_huge_is_not_waited_for() {
    let (mut stream, _events) = stream();
    stream.push(chunk(0, "video/mp4", Bytes::from_static(b"\0\0\0\x10ftypiso6\0\0\0\0"))).expect("taken");
    let huge = Bytes::from_static(b"\x7f\xff\xff\xffmoov\0\0\0\0\0\0\0\0");
    assert!(matches!(stream.push(chunk(1, "video/mp4", huge)), Err(Refusal::Broken(_))));
    let (mut stream, _events) = self::stream();
    let head = [&[0x1a, 0x45, 0xdf, 0xa3, 0x80][..], &[0x16, 0x54, 0xae, 0x6b, 0x01, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]].concat();
    assert!(matches!(stream.push(chunk(0, "video/webm", head.into())), Err(Refusal::Broken(_))));
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/browser")
}

/// One real recording: the pieces as the browser handed them out.
fn recorded(folder: &Path, mime: &str) -> Option<(String, Vec<(f64, Bytes)>)> {
    let run = Command::new("node").arg(scripts().join("recorder.mjs")).arg(folder).args([mime, "4"]).output().expect("node runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let answer = String::from_utf8(run.stdout).expect("text");
    let field = |text: &str, name: &str| {
        text.split(&format!("\"{name}\":")).nth(1).map(|rest| rest.split([',', '}']).next().unwrap_or_default().trim_matches('"').to_owned())
    };
    if field(&answer, "supported")? != "true" {
        return None;
    }
    let name = answer.split("\"mime\":\"").nth(1)?.split('"').next()?.to_owned();
    let pieces = answer.split("{\"file\":\"").skip(1).map(|piece| {
        let file = piece.split('"').next().expect("a file");
        let at: f64 = field(piece, "timestamp_ms").expect("a time").parse().expect("a number");
        (at, Bytes::from(std::fs::read(file).expect("a piece")))
    });
    Some((name, pieces.collect()))
}

#[test]
fn a_real_browsers_recordings_are_read_to_the_last_unit() {
    let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].iter().any(|path| Path::new(path).exists());
    if !scripts().join("node_modules/playwright-core").exists() || !(browser || std::env::var_os("TOUCHLINE_CHROMIUM").is_some()) {
        eprintln!("SKIPPED: no Chromium, or tests/browser has no modules (`npm ci` there)");
        return;
    }
    let mut read = Vec::new();
    for mime in [
        "video/webm;codecs=vp8,opus",
        "video/webm;codecs=vp9,opus",
        "video/webm;codecs=h264,opus",
        "video/webm;codecs=av1,opus",
        "video/mp4;codecs=avc1.42E01F,opus",
        "video/mp4;codecs=avc1.42E01F,mp4a.40.2",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let Some((name, pieces)) = recorded(folder.path(), mime) else {
            println!("{mime}: not recorded by this browser");
            continue;
        };
        let whole = folder.path().join("whole.bin");
        std::fs::write(&whole, pieces.iter().flat_map(|(_, piece)| piece.to_vec()).collect::<Vec<u8>>()).expect("written");
        let first = pieces[0].0;
        let (mut stream, events) = stream();
        let mut counts = Vec::new();
        for (sequence, (timestamp_ms, data)) in pieces.iter().enumerate() {
            let arrival = MediaTime::from_millis((timestamp_ms - first) as i64 + 100);
            let chunk = Chunk { sequence: sequence as u64, timestamp_ms: timestamp_ms - first + EPOCH_MS, arrival, mime: name.clone(), data: data.clone() };
            stream.push(chunk).expect("taken");
            counts.push(units(&events).len());
        }
        let all = units(&events);
        let pictures = all.iter().filter(|unit| !unit.codec.is_audio()).count();
        assert_eq!((pictures, all.len() - pictures), (packets(&whole, "v"), packets(&whole, "a")), "{mime}");
        assert!(pictures > 60, "{mime}: {pictures}");
        let busy = counts.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let (seen, seconds) = decode_all(&all);
        println!("{name}: {} pieces, {busy} of them gave units, {pictures} pictures, {} decoded, {seconds:.2} s of sound", pieces.len(), seen.len());
        // B-frames or not, a decoder that is not ended keeps at most a few.
        assert!(seen.len() + 4 >= pictures, "{mime}: {} of {pictures}", seen.len());
        if name.contains("webm") || name.contains("matroska") {
            // No piece waits for a later one: nearly each gives what it holds at once.
            assert!(busy * 10 >= (pieces.len() - 2) * 9, "{mime}: {busy} of {}", pieces.len());
        }
        read.push(name);
    }
    assert!(read.iter().any(|name| name.contains("vp8")) && read.iter().any(|name| name.contains("avc1")), "{read:?}");
}
