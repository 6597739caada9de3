//! A long programme, its pictures and sound in any order, looked at after every push.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use common::{Random, Viewer, config, durations, is_grid, picture_with, sound, text};
use tl_base::{MediaTime, Rate, Size};
use tl_playlist::{Cache, Config};

/// Pushes `seconds` of programme from tick `first`; each stream keeps its order, but may be ahead of the other by up to
/// `spread_ms`.
fn play(viewer: &mut Viewer, rate: Rate, first: u64, seconds: u64, spread_ms: u64, seed: u64) {
    let mut random = Random(seed);
    let ticks = (seconds as f64 * rate.as_f64()) as u64;
    let start = rate.tick_start(first);
    let mut pushes = Vec::new();
    let (mut latest_picture, mut latest_sound) = (0, 0);
    for tick in first..first + ticks {
        let at = rate.tick_start(tick).0 + MediaTime::from_millis(random.below(spread_ms + 1) as i64).0;
        latest_picture = at.max(latest_picture);
        let key = tick == first || is_grid(rate, tick);
        let bytes = if key { 20_000 } else { 1_000 + random.below(8_000) as usize };
        pushes.push((latest_picture, picture_with(rate, tick, key, bytes, &common::PPS)));
    }
    // The sound's own grid starts somewhere before the picture.
    let sound_start = MediaTime::from_samples(start.to_samples() - 3_000);
    for index in 0..seconds * 48_000 / 1_024 {
        let unit = sound(sound_start, index);
        let at = unit.pts.0 + MediaTime::from_millis(random.below(spread_ms + 1) as i64).0;
        latest_sound = at.max(latest_sound);
        pushes.push((latest_sound, unit));
    }
    pushes.sort_by_key(|(at, _)| *at);
    for (_, unit) in &pushes {
        viewer.push(unit);
    }
}

#[test]
fn ten_minutes_break_no_rule_and_hold_bounded_memory() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, Rate::FPS_30, 411, 600, 300, 7);
    let names = |folder: &str| viewer.finished.iter().filter(|finished| finished.name.starts_with(folder) && finished.name.contains("/s")).count();
    assert!(names("v0") >= 299 && names("a0") >= 298, "{} and {}", names("v0"), names("a0"));
    // Ten segments listed, as many again and one kept for those who hold an old playlist, one growing: 22 of 2 s.
    let finished: Vec<u64> = viewer.finished.iter().map(|finished| finished.body.iter().map(|piece| piece.len() as u64).sum()).collect();
    let largest = finished.iter().max().expect("segments");
    assert!(viewer.most_bytes < 24 * largest + 24 * 40_000, "{} bytes, largest segment {largest}", viewer.most_bytes);
    let playlist = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    assert!(durations(&playlist).iter().all(|secs| *secs == 2.0), "{playlist}");
    assert!(playlist.len() < 5_000, "{} bytes", playlist.len());

    let finished = viewer.presentation.end();
    viewer.after(finished);
    let playlist = text(&viewer.presentation, "v0/media.m3u8", "_HLS_msn=99999&_HLS_part=3").expect("nothing is waited for any more");
    assert!(playlist.contains("#EXT-X-ENDLIST") && !playlist.contains("PRELOAD-HINT"));
}

#[test]
fn other_rates_and_orders_break_no_rule_either() {
    for (seed, (num, den, spread)) in
        [(25, 1, 0), (60, 1, 900), (50, 1, 200), (30_000, 1_001, 300), (24, 1, 700), (30, 1, 1_500), (60_000, 1_001, 100)].into_iter().enumerate()
    {
        let rate = Rate::new(num, den).expect("a rate");
        let mut viewer = Viewer::new(Config::new(rate, Size::new(1280, 720), 3_000_000));
        play(&mut viewer, rate, 1_000 + seed as u64 * 17, 60, spread, seed as u64);
        let playlist = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
        assert!(!playlist.contains("DISCONTINUITY\n"), "{num}/{den}: {playlist}");
        let live = text(&viewer.presentation, "live.m3u8", "").expect("live");
        assert!(live.contains(&format!("FRAME-RATE={:.3}", rate.as_f64())), "{live}");
    }
}

#[test]
fn a_programme_without_sound_has_no_sound_rendition() {
    let mut viewer = Viewer::new(Config { has_audio: false, ..config() });
    for tick in 0..400 {
        viewer.push(&common::picture(Rate::FPS_30, tick, is_grid(Rate::FPS_30, tick)));
    }
    let live = text(&viewer.presentation, "live.m3u8", "").expect("live");
    assert!(live.contains("CODECS=\"avc1.64001f\"") && !live.contains("AUDIO"), "{live}");
    let playlist = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    assert!(!playlist.contains("RENDITION-REPORT"));
    assert!(matches!(viewer.presentation.get("a0/media.m3u8", ""), tl_playlist::Answer::NotFound));
}

#[test]
fn the_playlist_reads_as_it_should() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, Rate::FPS_30, 411, 6, 0, 1);
    let live = text(&viewer.presentation, "live.m3u8", "").expect("live");
    let head = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Programme\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a0/media.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=";
    assert!(live.starts_with(head), "{live}");
    assert!(live.ends_with("CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO=\"sound\"\nv0/media.m3u8\n"), "{live}");
    let playlist = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    let lines: Vec<&str> = playlist.lines().collect();
    assert_eq!(
        &lines[..12],
        [
            "#EXTM3U",
            "#EXT-X-VERSION:9",
            "#EXT-X-TARGETDURATION:2",
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.000000,PART-HOLD-BACK=0.600000,HOLD-BACK=6.000000",
            "#EXT-X-PART-INF:PART-TARGET=0.200000",
            "#EXT-X-MEDIA-SEQUENCE:100",
            "#EXT-X-DISCONTINUITY-SEQUENCE:0",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-MAP:URI=\"init100.mp4\"",
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-19T23:04:13.700Z",
            "#EXT-X-PART:DURATION=0.200000,URI=\"s100.p0.m4s\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.100000,URI=\"s100.p1.m4s\"",
        ]
    );
    let sound = text(&viewer.presentation, "a0/media.m3u8", "").expect("live");
    assert!(sound.contains("PART-TARGET=0.213334\n") && sound.contains("PART-HOLD-BACK=0.640002,"), "{sound}");
    match viewer.presentation.get("v0/s101.m4s", "") {
        tl_playlist::Answer::Ready(reply) => assert_eq!((reply.content_type, reply.cache, reply.compressible), ("video/mp4", Cache::Immutable, false)),
        other => panic!("{other:?}"),
    }
    match viewer.presentation.get("a0/media.m3u8", "") {
        tl_playlist::Answer::Ready(reply) => {
            assert_eq!((reply.content_type, reply.cache, reply.compressible), ("application/vnd.apple.mpegurl", Cache::NoCache, true))
        }
        other => panic!("{other:?}"),
    }
}
