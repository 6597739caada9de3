//! Requests for what is there, for what comes next, for what is gone, and for nonsense.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use common::{Viewer, config, is_grid, none, picture, sound, text};
use tl_base::{MediaTime, Rate};
use tl_playlist::{Answer, Presentation, conformance};

const RATE: Rate = Rate::FPS_30;

fn play(viewer: &mut Viewer, ticks: std::ops::Range<u64>) {
    let mut frame = (ticks.start * 1_600).div_ceil(1_024);
    for tick in ticks {
        while frame * 1_024 < (tick + 1) * 1_600 {
            viewer.push(&sound(MediaTime::ZERO, frame));
            frame += 1;
        }
        viewer.push(&picture(RATE, tick, is_grid(RATE, tick)));
    }
}

/// Segments 100 and 101 whole, 102 with two parts and four pictures more.
fn viewer() -> Viewer {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..136);
    viewer
}

fn is_ready(presentation: &Presentation, path: &str, query: &str) -> bool {
    matches!(presentation.get(path, query), Answer::Ready(_))
}

fn waits(presentation: &Presentation, path: &str, query: &str) -> bool {
    presentation.get(path, query) == Answer::Wait
}

#[test]
fn nothing_is_there_before_the_first_segment() {
    let mut viewer = Viewer::new(config());
    for path in ["live.m3u8", "v0/media.m3u8", "a0/media.m3u8", "v0/s100.p0.m4s"] {
        assert!(waits(&viewer.presentation, path, ""), "{path}");
    }
    play(&mut viewer, 0..61);
    for path in ["live.m3u8", "v0/media.m3u8", "a0/media.m3u8", "v0/s100.p0.m4s", "v0/init100.mp4", "a0/s100.m4s"] {
        assert!(is_ready(&viewer.presentation, path, ""), "{path}");
    }
}

#[test]
fn a_part_is_there_the_moment_its_last_picture_is_pushed() {
    let mut viewer = viewer();
    play(&mut viewer, 136..137);
    let (version, path) = (viewer.presentation.version(), "v0/s102.p2.m4s");
    assert!(waits(&viewer.presentation, path, "") && waits(&viewer.presentation, "v0/media.m3u8", "_HLS_msn=102&_HLS_part=2"));
    viewer.push(&picture(RATE, 137, false));
    assert!(viewer.presentation.version() > version);
    assert!(is_ready(&viewer.presentation, path, ""));
    let answer = text(&viewer.presentation, "v0/media.m3u8", "_HLS_msn=102&_HLS_part=2").expect("there now");
    none(&conformance::answers(&answer, 102, Some(2)), &answer);
}

#[test]
fn a_sound_part_is_there_the_moment_its_last_frame_is_pushed() {
    let mut viewer = Viewer::new(config());
    for tick in 0..100 {
        viewer.push(&picture(RATE, tick, is_grid(RATE, tick)));
    }
    let parts = |viewer: &Viewer| (0..20).take_while(|part| is_ready(&viewer.presentation, &format!("a0/s101.p{part}.m4s"), "")).count();
    // The second segment starts with frame 94.
    for frame in 0..143 {
        viewer.push(&sound(MediaTime::ZERO, frame));
    }
    assert_eq!(parts(&viewer), 4);
    viewer.push(&sound(MediaTime::ZERO, 143));
    assert_eq!(parts(&viewer), 5);
}

#[test]
fn sound_waits_for_its_picture() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..90);
    for frame in 141..200 {
        viewer.push(&sound(MediaTime::ZERO, frame));
    }
    assert!(waits(&viewer.presentation, "a0/s101.p4.m4s", ""));
    play(&mut viewer, 90..93);
    assert!(is_ready(&viewer.presentation, "a0/s101.p4.m4s", ""));
}

#[test]
fn blocking_reloads_wait_for_exactly_what_they_ask_for() {
    let mut viewer = viewer();
    let cases = [(100, None), (101, Some(0)), (102, Some(0)), (102, Some(1))];
    for (msn, part) in cases {
        let query = part.map_or(format!("_HLS_msn={msn}"), |part| format!("_HLS_msn={msn}&_HLS_part={part}"));
        let answer = text(&viewer.presentation, "v0/media.m3u8", &query).expect("contained");
        none(&conformance::answers(&answer, msn, part), &answer);
    }
    for query in ["_HLS_msn=102", "_HLS_msn=102&_HLS_part=2", "_HLS_msn=102&_HLS_part=3", "_HLS_msn=103", "_HLS_msn=103&_HLS_part=0"] {
        assert!(waits(&viewer.presentation, "v0/media.m3u8", query), "{query}");
    }
    for query in ["_HLS_msn=104&_HLS_part=0", "_HLS_msn=99999999", "_HLS_part=1", "_HLS_msn=x", "_HLS_msn=102&_HLS_part=999", "_HLS_skip=maybe"] {
        assert!(matches!(viewer.presentation.get("v0/media.m3u8", query), Answer::Bad(_)), "{query}");
    }
    // A part behind the last of a whole segment is the first of the next one.
    play(&mut viewer, 136..181);
    assert!(waits(&viewer.presentation, "v0/media.m3u8", "_HLS_msn=102&_HLS_part=10"));
    play(&mut viewer, 181..186);
    assert!(is_ready(&viewer.presentation, "v0/media.m3u8", "_HLS_msn=102&_HLS_part=10"));
}

#[test]
fn a_hinted_part_waits_and_others_do_not() {
    let mut viewer = viewer();
    for path in ["v0/s102.p2.m4s", "v0/s103.p0.m4s", "v0/s102.m4s"] {
        assert!(waits(&viewer.presentation, path, ""), "{path}");
    }
    for path in ["v0/s102.p3.m4s", "v0/s103.p1.m4s", "v0/s103.m4s", "v0/s104.p0.m4s", "v0/s101.p99.m4s", "v0/s99.m4s", "v0/init1.mp4", "v0/s0.m4s"] {
        assert_eq!(viewer.presentation.get(path, ""), Answer::NotFound, "{path}");
    }
    // At the end of the grid the hint names the first part of the next segment.
    play(&mut viewer, 136..180);
    let playlist = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    assert!(playlist.contains("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"s103.p0.m4s\""), "{playlist}");
    let finished = viewer.presentation.end();
    viewer.after(finished);
    assert_eq!(viewer.presentation.get("v0/s103.p0.m4s", ""), Answer::NotFound);
}

#[test]
fn old_segments_stay_for_a_window_and_one_segment_more() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..60 * 40);
    let listed = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    let first: u64 = listed.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")).expect("tag").parse().expect("number");
    for back in 1..=11 {
        assert!(is_ready(&viewer.presentation, &format!("v0/s{}.m4s", first - back), ""), "{back} before {first}");
        assert!(is_ready(&viewer.presentation, &format!("v0/s{}.p0.m4s", first - back), ""));
    }
    assert_eq!(viewer.presentation.get("v0/s101.m4s", ""), Answer::Gone);
    assert_eq!(viewer.presentation.get("v0/s101.p3.m4s", ""), Answer::Gone);
    assert!(is_ready(&viewer.presentation, "v0/init100.mp4", ""));
}

#[test]
fn a_delta_update_leaves_out_what_is_older_than_twelve_seconds() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..60 * 20);
    let delta = text(&viewer.presentation, "v0/media.m3u8", "_HLS_skip=YES&_HLS_msn=118").expect("contained");
    assert!(delta.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n"), "{delta}");
    let full = text(&viewer.presentation, "v0/media.m3u8", "").expect("live");
    assert!(delta.len() < full.len());
    none(&conformance::delta(&full, &delta), &delta);
}

#[test]
fn bandwidth_and_codecs_are_what_is_measured() {
    let mut viewer = Viewer::new(tl_playlist::Config { bandwidth_bps: 1_000, ..config() });
    play(&mut viewer, 0..600);
    let live = text(&viewer.presentation, "live.m3u8", "").expect("live");
    let measure = |folder: &str| -> Vec<(f64, u64)> {
        let segments = viewer.finished.iter().filter(|finished| finished.name.starts_with(&format!("{folder}/s")));
        segments.map(|finished| (finished.duration.as_secs_f64(), finished.body.iter().map(|piece| piece.len() as u64).sum())).collect()
    };
    none(&conformance::bandwidth(&live, 2.0, &[&measure("v0"), &measure("a0")]), &live);
    let init = |path: &str| common::body(&viewer.presentation, path, "").expect("init");
    none(&conformance::codecs(&live, &[&init("v0/init100.mp4"), &init("a0/init100.mp4")]), &live);
}

#[test]
fn any_request_is_answered_without_a_panic() {
    let viewer = viewer();
    let words = [
        "v0/",
        "a0/",
        "s",
        "102",
        "101",
        ".p",
        "2",
        "3",
        ".m4s",
        "init",
        "100",
        ".mp4",
        "media.m3u8",
        "live.m3u8",
        "/",
        "..",
        "%",
        "\0",
        "-",
        "99999999999999999999",
    ];
    let keys = ["_HLS_msn", "_HLS_part", "_HLS_skip", "=", "&", "102", "2", "YES", "v2", "18446744073709551615", "", "=", "&", "x", "é"];
    bolero::check!().with_type::<(Vec<u8>, Vec<u8>, String)>().for_each(|(path, query, noise)| {
        let pick =
            |from: &[&str], picks: &[u8]| -> String { picks.iter().take(40).filter_map(|at| from.get(usize::from(*at) % from.len())).copied().collect() };
        for path in [pick(&words, path), noise.clone()] {
            for query in [pick(&keys, query), noise.clone()] {
                if let Answer::Ready(reply) = viewer.presentation.get(&path, &query) {
                    assert!(!reply.body.is_empty(), "{path}?{query}");
                }
            }
        }
    });
}
