//! What viewers and checks cost: `cargo run --release -p tl_playlist --example playlist_load`.
//!
//! A programme of 1280x720 at 30 pictures a second and 3 Mb/s with sound, a window of ten segments. Printed are microseconds for
//! each request of a kind, what pushing costs with everything that is looked at in it, and what 50 LL-HLS viewers and 200
//! classic ones would take of one core.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example prints, and stops where it cannot go on")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::{MediaTime, Rate, Size, SourceId, Wall};
use tl_frame::{AccessUnit, Codec, ConfigId};
use tl_playlist::{Answer, Config, GzipMemo, Presentation};

const SPS: [u8; 24] = [0x67, 0x64, 0, 0x1f, 0xac, 0xb4, 2, 0x80, 0x2d, 0xd8, 8, 0x80, 0, 0, 3, 0, 0x80, 0, 0, 0x1e, 0x47, 0x8c, 0x19, 0x50];
const PPS: [u8; 4] = [0x68, 0xef, 0x0f, 0xcb];
const RATE: Rate = Rate::FPS_30;
/// Seconds of programme.
const SECONDS: u64 = 120;

fn unit(codec: Codec, pts: MediaTime, key: bool, data: Bytes) -> AccessUnit {
    let source = SourceId::parse("1").expect("a slot");
    AccessUnit { source, codec, config_id: ConfigId(0), capture: pts, pts, dts: pts, arrival: pts, key, data }
}

fn picture(key: bool, bytes: usize) -> Bytes {
    let mut data = Vec::new();
    for set in [&SPS[..], &PPS].into_iter().filter(|_| key) {
        data.extend_from_slice(&[0, 0, 0, 1]);
        data.extend_from_slice(set);
    }
    data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
    data.extend((0..bytes).map(|at| (at * 2_654_435_761 % 251) as u8 | 1));
    Bytes::from(data)
}

/// A programme, and what pushing it took.
fn programme() -> (Presentation, Duration) {
    let mut presentation = Presentation::new(Config::new(RATE, Size::new(1280, 720), 3_000_000));
    // A key picture of 60 kB and 59 others in two seconds: 3 Mb/s.
    let (key, other, sound) = (picture(true, 60_000), picture(false, 11_700), Bytes::from(vec![0x21; 340]));
    let mut took = Duration::ZERO;
    for tick in 0..SECONDS * 30 {
        let pts = RATE.tick_start(tick);
        let is_key = tick % 60 == 0;
        let picture = unit(Codec::H264, pts, is_key, if is_key { key.clone() } else { other.clone() });
        let frames = (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024);
        let sounds: Vec<_> = frames.map(|frame| unit(Codec::Aac, MediaTime::from_samples(frame as i64 * 1_024), true, sound.clone())).collect();
        let started = Instant::now();
        presentation.set_now(Wall(pts.0 / 1_000));
        for unit in &sounds {
            presentation.push_audio(unit, Wall(0));
        }
        presentation.push_video(&picture, Wall(pts.0 / 1_000));
        presentation.take_notices();
        took += started.elapsed();
    }
    (presentation, took)
}

/// Microseconds for each call.
fn micros(mut call: impl FnMut()) -> f64 {
    let (started, mut calls) = (Instant::now(), 0_u32);
    while started.elapsed() < Duration::from_millis(300) {
        for _ in 0..100 {
            call();
        }
        calls += 100;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn main() {
    let (presentation, took) = programme();
    println!("pushing {SECONDS} s of programme, all checks included: {:.2} % of a core", took.as_secs_f64() / SECONDS as f64 * 100.0);
    let list = |path: &str, query: &str| match presentation.get(path, query) {
        Answer::Ready(reply) => reply.body.into_iter().next().expect("a body"),
        other => unreachable!("{other:?}"),
    };
    let text = list("v0/media.m3u8", "");
    println!("picture playlist: {} bytes, {} as a delta update", text.len(), list("v0/media.m3u8", "_HLS_skip=YES").len());
    let newest =
        String::from_utf8_lossy(&text).lines().rev().find_map(|line| Some(line.strip_prefix("#EXT-X-PART:")?.split('"').nth(1)?.to_owned())).expect("a part");
    let (msn, part) = newest.trim_start_matches('s').trim_end_matches(".m4s").split_once(".p").expect("its numbers");
    let blocking = format!("_HLS_msn={msn}&_HLS_part={part}");
    let ahead = format!("_HLS_msn={msn}&_HLS_part={}", part.parse::<u64>().expect("a number") + 1);
    let kinds = [
        ("live.m3u8", ""),
        ("v0/media.m3u8", ""),
        ("a0/media.m3u8", ""),
        ("v0/media.m3u8", "_HLS_skip=YES"),
        ("v0/media.m3u8", &blocking),
        ("v0/media.m3u8", &ahead),
        (&format!("v0/{newest}"), ""),
        (&format!("v0/s{}.m4s", msn.parse::<u64>().expect("a number") - 1), ""),
        ("manifest.mpd", ""),
    ];
    let mut reload = 0.0;
    for (path, query) in kinds {
        let cost = micros(|| drop(black_box(presentation.get(black_box(path), black_box(query)))));
        reload = if query == blocking { cost } else { reload };
        let waits = if presentation.get(path, query) == Answer::Wait { " (waits)" } else { "" };
        println!("{cost:9.3} us  {path}?{query}{waits}");
    }
    let packing = micros(|| drop(black_box(GzipMemo::new().gzip(black_box(&text)))));
    let mut memo = GzipMemo::new();
    let known = micros(|| drop(black_box(memo.gzip(black_box(&text)))));
    println!("{packing:9.3} us  gzip of a playlist, {known:.3} us when it was packed before: {} bytes", memo.gzip(&text).len());
    // Ten new parts a second wake every LL-HLS viewer's request twice; a classic viewer asks for two lists every two seconds.
    let requests = 50.0 * 10.0 * 2.0 + 200.0;
    println!("50 LL-HLS viewers and 200 classic ones: {:.0} requests a second, {:.3} % of a core", requests, requests * reload / 1e4);
    println!(
        "their gzip if each were packed anew: {:.2} % of a core; with the memo {:.2} %",
        (50.0 * 10.0 + 200.0) * packing / 1e4,
        (20.0 * packing + 700.0 * known) / 1e4
    );
}
