//! What users of other low-latency servers complain about, shown not to happen here as far as playlists can.
//!
//! Not here: more than one picture rendition (gohlslib#73, #361), which is another encoder's matter.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use std::collections::VecDeque;

use common::{Random, Viewer, config, durations, is_grid, picture, sound, text, wall_of};
use tl_base::{MediaTime, Rate, Wall};
use tl_playlist::{Answer, Presentation, conformance};

const RATE: Rate = Rate::FPS_30;

fn frames_of(tick: u64) -> std::ops::Range<u64> {
    (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024)
}

fn play(viewer: &mut Viewer, ticks: std::ops::Range<u64>) {
    for tick in ticks {
        for frame in frames_of(tick) {
            viewer.push(&sound(MediaTime::ZERO, frame));
        }
        viewer.push(&picture(RATE, tick, is_grid(RATE, tick)));
    }
}

/// Addresses in a playlist, relative to the presentation; the hinted one is the last.
fn addresses(folder: &str, list: &str) -> Vec<String> {
    let quoted = |line: &str| line.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let mut found: Vec<String> = list
        .lines()
        .filter(|line| !line.contains("RENDITION-REPORT"))
        .filter_map(|line| if line.starts_with('#') { quoted(line) } else { Some(line.to_owned()) })
        .collect();
    for address in &mut found {
        *address = format!("{folder}/{address}");
    }
    found
}

fn number(list: &str, tag: &str) -> u64 {
    list.lines().find_map(|line| line.strip_prefix(tag)).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {tag} in\n{list}"))
}

/// mediamtx#972: LL-HLS falls a minute behind over time. OvenMediaEngine#848: it stops after ten minutes.
#[test]
fn the_edge_stays_at_the_edge_for_two_hours() {
    let mut presentation = Presentation::new(config());
    let mut random = Random(3);
    for tick in 0..2 * 3_600 * 30 {
        for frame in frames_of(tick) {
            // One in a thousand frames of sound never comes.
            if random.below(1_000) > 0 {
                presentation.push_audio(&sound(MediaTime::ZERO, frame), Wall(0));
            }
        }
        // So do some pictures.
        if is_grid(RATE, tick) || random.below(500) > 0 {
            presentation.push_video(&common::picture_with(RATE, tick, is_grid(RATE, tick), 30, &common::PPS), wall_of(RATE.tick_start(0)));
        }
        if tick % 907 != 906 {
            continue;
        }
        for (folder, slack) in [("v0", 0.21), ("a0", 0.45)] {
            let list = text(&presentation, &format!("{folder}/media.m3u8"), "").expect("live");
            let first = number(&list, "#EXT-X-MEDIA-SEQUENCE:") - 100;
            let listed: f64 = durations(&list).iter().sum();
            let growing = list.rsplit("#EXTINF").next().unwrap_or_default();
            let parts: f64 = growing.lines().filter_map(|line| line.strip_prefix("#EXT-X-PART:DURATION=")?.split(',').next()?.parse::<f64>().ok()).sum();
            let edge = first as f64 * 2.0 + listed + parts;
            let pushed = (tick + 1) as f64 / 30.0;
            assert!(pushed - edge <= slack && edge - pushed <= 0.05, "{folder} at {pushed:.1} s ends at {edge:.1} s");
        }
    }
}

/// mediamtx#1002: the muxer dies on decode times that do not rise.
#[test]
fn times_that_do_not_rise_end_nothing() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..200);
    // Twice the same, and some that are late by up to half a second.
    for back in [0, 0, 1, 7, 15] {
        viewer.push(&picture(RATE, 199 - back, false));
        viewer.push(&sound(MediaTime::ZERO, 312 - back));
    }
    play(&mut viewer, 200..600);
    let list = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    assert!(!list.contains("#EXT-X-DISCONTINUITY\n") && durations(&list).iter().all(|secs| *secs == 2.0), "{list}");
}

/// mediamtx#1720: players cannot follow, "segment not found or not ready".
#[test]
fn whatever_a_playlist_names_can_be_fetched_as_long_as_somebody_may_hold_it() {
    let mut viewer = Viewer::new(config());
    let mut held: VecDeque<(u64, Vec<String>)> = VecDeque::new();
    for tick in 0..60 * 30 {
        play(&mut viewer, tick..tick + 1);
        for folder in ["v0", "a0"] {
            let Some(list) = text(&viewer.presentation, &format!("{folder}/media.m3u8"), "") else { continue };
            let mut named = addresses(folder, &list);
            let hinted = named.pop().expect("a hint");
            assert!(matches!(viewer.presentation.get(&hinted, ""), Answer::Wait | Answer::Ready(_)), "{hinted}");
            held.push_back((tick, named));
        }
        // A list may be used for as long as it lasts: ten segments of two seconds.
        while held.front().is_some_and(|(at, _)| at + 20 * 30 < tick) {
            held.pop_front();
        }
        for named in [held.front(), held.back()].into_iter().flatten().flat_map(|(_, named)| named) {
            assert!(matches!(viewer.presentation.get(named, ""), Answer::Ready(_)), "{named} at tick {tick}");
        }
    }
}

/// gohlslib#79, mediamtx#1028: the first playlist comes after two groups of pictures. OvenMediaEngine#1046: after ten seconds.
#[test]
fn the_first_playlist_is_there_after_one_segment_at_most() {
    for phase in [0, 1, 7, 30, 59] {
        let mut presentation = Presentation::new(config());
        let mut ready = None;
        for tick in phase..phase + 70 {
            for frame in frames_of(tick) {
                presentation.push_audio(&sound(MediaTime::ZERO, frame), Wall(0));
            }
            let unit = picture(RATE, tick, tick == phase || is_grid(RATE, tick));
            presentation.push_video(&unit, wall_of(unit.pts));
            let all = ["live.m3u8", "v0/media.m3u8", "a0/media.m3u8"].iter().all(|path| text(&presentation, path, "").is_some());
            ready = ready.or(all.then_some(tick - phase + 1));
        }
        assert!(ready.is_some_and(|ticks| ticks <= 61), "phase {phase}: {ready:?}");
    }
}

/// OvenMediaEngine#1563: the buffer stalls when what comes in jitters.
#[test]
fn jitter_of_half_a_second_moves_no_boundary() {
    let mut random = Random(8);
    let mut viewer = Viewer::new(config());
    let mut pushes: Vec<(u64, bool, u64)> = Vec::new();
    let (mut late_picture, mut late_sound) = (0, 0);
    for tick in 0..1_800 {
        late_picture = late_picture.max(tick * 1_600 + random.below(24_000));
        pushes.push((late_picture, true, tick));
        for frame in frames_of(tick) {
            late_sound = late_sound.max(tick * 1_600 + random.below(24_000));
            pushes.push((late_sound, false, frame));
        }
    }
    pushes.sort_by_key(|(at, ..)| *at);
    for (_, is_picture, number) in pushes {
        viewer.push(&if is_picture { picture(RATE, number, is_grid(RATE, number)) } else { sound(MediaTime::ZERO, number) });
    }
    let list = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    assert!(durations(&list).iter().all(|secs| *secs == 2.0) && !list.contains("DISCONTINUITY\n"), "{list}");
}

/// hls.js#6350: after a stall the latency stays. hls.js#7431: loading of parts comes and goes.
#[test]
fn a_viewer_that_stalled_finds_the_edge_with_one_request_and_parts_behind_it() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..1_000);
    let stalled = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    play(&mut viewer, 1_000..1_211);
    // It asks for what it last waited for, seven seconds ago, and gets the edge at once.
    let asked = number(&stalled, "#EXT-X-MEDIA-SEQUENCE:") + durations(&stalled).len() as u64;
    let list = text(&viewer.presentation, "v0/media.m3u8", &format!("_HLS_msn={asked}&_HLS_part=3")).expect("at once");
    assert_eq!(conformance::media(&list), []);
    let independent: Vec<&str> = list.lines().filter(|line| line.contains("INDEPENDENT=YES")).collect();
    // Three times PART-TARGET behind the edge there is a part that decoding may start at, within the parts that are listed.
    assert!(independent.len() >= 3, "{list}");
    assert!(list.contains("#EXT-X-RENDITION-REPORT:URI=\"../a0/media.m3u8\""), "{list}");
}

/// srs#1052: HLS hangs after the publisher returned. srs#4695: DISCONTINUITY before every segment.
#[test]
fn a_publisher_that_returns_makes_one_discontinuity_and_no_more() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..500);
    for round in 1..6 {
        let finished = viewer.presentation.discontinuity();
        viewer.after(finished);
        play(&mut viewer, round * 600..round * 600 + 500);
        let list = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
        let seen = number(&list, "#EXT-X-DISCONTINUITY-SEQUENCE:") + list.matches("#EXT-X-DISCONTINUITY\n").count() as u64;
        assert_eq!(seen, round, "{list}");
    }
}

/// zap-stream-core#96: sound playlists announce parts and have none; parts exceed PART-TARGET; stale parts after a return.
#[test]
fn sound_has_parts_of_its_own_and_none_is_too_long_or_stale() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..700);
    let finished = viewer.presentation.discontinuity();
    viewer.after(finished);
    play(&mut viewer, 900..1_010);
    for folder in ["v0", "a0"] {
        let list = text(&viewer.presentation, &format!("{folder}/media.m3u8"), "").expect("live");
        let target: f64 = list.split("PART-TARGET=").nth(1).and_then(|rest| rest.lines().next()).and_then(|value| value.parse().ok()).expect("a target");
        let parts: Vec<(f64, String)> = list
            .lines()
            .filter_map(|line| line.strip_prefix("#EXT-X-PART:DURATION="))
            .map(|part| (part.split(',').next().and_then(|secs| secs.parse().ok()).expect("secs"), part.split('"').nth(1).expect("address").to_owned()))
            .collect();
        assert!(parts.len() >= 20 && parts.iter().all(|(secs, _)| *secs <= target + 1e-6), "{list}");
        for (secs, address) in &parts {
            let bytes = common::body(&viewer.presentation, &format!("{folder}/{address}"), "").unwrap_or_else(|| panic!("{address}"));
            assert!(!bytes.is_empty() && *secs > 0.0);
        }
        // The hinted part is the next one after the return, not one of the time before.
        let hint = list.split("PRELOAD-HINT:TYPE=PART,URI=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a hint");
        let last = &parts.last().expect("parts").1;
        let split = |name: &str| -> (u64, u64) {
            let (msn, part) = name.trim_start_matches('s').trim_end_matches(".m4s").split_once(".p").expect("a part");
            (msn.parse().expect("number"), part.parse().expect("number"))
        };
        let (newest, next) = (split(last), split(hint));
        assert!(next == (newest.0, newest.1 + 1) || next == (newest.0 + 1, 0), "{last}, then {hint}");
    }
}
