//! Ticks that no picture came for: nothing drifts, no part grows too long, a large hole becomes a discontinuity.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use common::{OTHER_PPS, Random, Viewer, config, durations, is_grid, picture, picture_with, sound, text};
use tl_base::{MediaTime, Rate};
use tl_playlist::{Answer, Config};

const RATE: Rate = Rate::FPS_30;

/// Pictures of `ticks` and the sound beside them; `keep` says which pictures come.
fn play(viewer: &mut Viewer, ticks: std::ops::Range<u64>, keep: impl Fn(u64) -> bool, key: impl Fn(u64) -> bool) {
    let mut frame = ticks.start * 1_600 / 1_024;
    for tick in ticks {
        while frame * 1_024 < tick * 1_600 {
            viewer.push(&sound(MediaTime::ZERO, frame));
            frame += 1;
        }
        if keep(tick) {
            viewer.push(&picture(RATE, tick, key(tick)));
        }
    }
}

fn grid(tick: u64) -> bool {
    is_grid(RATE, tick)
}

fn playlist(viewer: &Viewer) -> String {
    text(&viewer.presentation, "v0/media.m3u8", "").expect("live")
}

fn discontinuities(text: &str) -> usize {
    text.lines().filter(|line| *line == "#EXT-X-DISCONTINUITY").count()
}

#[test]
fn holes_of_up_to_five_pictures_anywhere_leave_no_trace_in_the_playlist() {
    for first in 60..126 {
        for missing in 1..=5 {
            let hole = first..first + missing;
            // Where the key picture of the grid is lost, the encoder makes the next one.
            let key = |tick| grid(tick) || (tick == hole.end && (hole.contains(&60) || hole.contains(&120)));
            let mut viewer = Viewer::new(config());
            play(&mut viewer, 0..310, |tick| !hole.contains(&tick), key);
            let text = playlist(&viewer);
            assert_eq!(discontinuities(&text), 0, "hole {hole:?}\n{text}");
            let all = durations(&text);
            let total: f64 = all.iter().sum();
            assert!((total - 10.0).abs() < 0.2 && all.iter().all(|secs| (secs - 2.0).abs() < 0.2), "hole {hole:?}: {all:?}");
            // From the next grid line on, everything is where it was.
            assert_eq!(&all[all.len() - 2..], [2.0, 2.0], "hole {hole:?}");
        }
    }
}

#[test]
fn a_larger_hole_is_a_discontinuity_at_the_next_key_picture() {
    for missing in [12, 30, 60, 200] {
        let mut viewer = Viewer::new(config());
        let hole = 130..130 + missing;
        play(&mut viewer, 0..600, |tick| !hole.contains(&tick), grid);
        let text = playlist(&viewer);
        assert_eq!(discontinuities(&text), 1, "{missing}\n{text}");
        let sound = common::text(&viewer.presentation, "a0/media.m3u8", "").expect("live");
        assert_eq!(discontinuities(&sound), 1, "{missing}\n{sound}");
    }
}

#[test]
fn random_holes_break_no_rule() {
    let mut random = Random(99);
    for _ in 0..6 {
        let mut lost = std::collections::HashSet::new();
        for _ in 0..40 {
            let start = random.below(1_800);
            lost.extend(start..start + random.below(20));
        }
        let mut viewer = Viewer::new(config());
        // Where a hole swallows a key picture, the segment goes on behind what was hinted at.
        viewer.tolerates = &["hint-kept"];
        play(&mut viewer, 0..1_900, |tick| !lost.contains(&tick), grid);
        assert!(durations(&playlist(&viewer)).len() >= 6);
    }
}

#[test]
fn a_key_picture_that_does_not_come_is_asked_for_and_waited_for_half_a_second() {
    let mut viewer = Viewer::new(config());
    // The key picture was hinted at; and off the grid, the part was cut short for it.
    viewer.tolerates = &["hint-kept", "part-too-short"];
    play(&mut viewer, 0..180, |_| true, grid);
    assert!(!viewer.presentation.wants_key());
    // A late key picture: the segment is longer by that much.
    play(&mut viewer, 180..250, |_| true, |tick| tick == 190);
    assert_eq!(durations(&playlist(&viewer)), [2.0, 2.0, 2.333333]);
    assert!(viewer.presentation.wants_key(), "the next one is due since tick 240");
    // None at all: the segment ends at its limit, and the programme goes on behind a discontinuity.
    play(&mut viewer, 250..400, |_| true, |tick| tick == 300);
    let text = playlist(&viewer);
    assert_eq!(discontinuities(&text), 1, "{text}");
    assert!(durations(&text).iter().all(|secs| *secs < 2.5));
    assert!(text.contains("#EXT-X-PART:DURATION=0.200000,URI=\"s104.p0.m4s\",INDEPENDENT=YES"), "{text}");
}

#[test]
fn key_pictures_off_the_grid_end_no_segment() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..400, |_| true, |tick| grid(tick) || tick % 37 == 5);
    assert!(durations(&playlist(&viewer)).iter().all(|secs| *secs == 2.0));
}

#[test]
fn a_new_configuration_gets_a_new_init_behind_a_discontinuity() {
    let mut viewer = Viewer::new(config());
    play(&mut viewer, 0..150, |_| true, grid);
    for tick in 150..400 {
        viewer.push(&picture_with(RATE, tick, tick == 150 || grid(tick), 2_000, &OTHER_PPS));
    }
    let text = playlist(&viewer);
    assert!(text.contains("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init103.mp4\""), "{text}");
    let inits: Vec<_> = viewer.finished.iter().map(|finished| finished.name.as_str()).filter(|name| name.contains("init")).collect();
    assert_eq!(inits, ["v0/init100.mp4", "a0/init100.mp4", "v0/init103.mp4"]);
}

#[test]
fn a_source_that_returns_with_another_clock_goes_on_behind_a_discontinuity() {
    for back in [0, 3, 10_000_000] {
        let mut viewer = Viewer::new(config());
        play(&mut viewer, 3_000..3_200, |_| true, |tick| tick == 3_000 || grid(tick));
        let finished = viewer.presentation.discontinuity();
        viewer.after(finished);
        assert!(viewer.presentation.wants_key());
        play(&mut viewer, back * 60..back * 60 + 500, |_| true, grid);
        let text = playlist(&viewer);
        assert_eq!(discontinuities(&text), 1, "{text}");
        let rest: Vec<f64> = durations(&text).into_iter().rev().take(5).collect();
        assert_eq!(rest, [2.0; 5], "{text}");
    }
}

#[test]
fn a_first_discontinuity_can_be_asked_for() {
    let mut viewer = Viewer::new(Config { discontinuity_sequence: 4, ..config() });
    viewer.presentation.discontinuity();
    play(&mut viewer, 0..2_000, |_| true, grid);
    let text = playlist(&viewer);
    assert!(text.contains("#EXT-X-DISCONTINUITY-SEQUENCE:5\n") && discontinuities(&text) == 0, "{text}");
}

#[test]
fn sound_that_is_missing_becomes_silence_and_never_stops_the_picture() {
    let mut viewer = Viewer::new(config());
    // No sound at all for five seconds, then some with holes, then none again.
    for tick in 0..900 {
        viewer.push(&picture(RATE, tick, grid(tick)));
        for frame in (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024) {
            if (150..600).contains(&tick) && frame % 7 != 0 && !(300..330).contains(&tick) {
                viewer.push(&sound(MediaTime::ZERO, frame));
            }
        }
    }
    let (pictures, sounds) = (playlist(&viewer), text(&viewer.presentation, "a0/media.m3u8", "").expect("live"));
    assert_eq!(discontinuities(&pictures) + discontinuities(&sounds), 0);
    assert!(durations(&sounds).len() + 1 >= durations(&pictures).len(), "{sounds}");
}

#[test]
fn a_flood_of_sound_without_pictures_is_bounded() {
    let mut viewer = Viewer::new(config());
    for frame in 0..100_000 {
        viewer.push(&sound(MediaTime::ZERO, frame));
    }
    assert_eq!(viewer.presentation.held_bytes(), 0);
    play(&mut viewer, 0..400, |_| true, grid);
    assert!(durations(&playlist(&viewer)).len() >= 5);
}

#[test]
fn times_at_the_ends_of_the_range_do_no_harm() {
    let mut random = Random(5);
    for _ in 0..200 {
        let mut viewer = tl_playlist::Presentation::new(config());
        for step in 0..60 {
            let mut unit = if random.below(3) == 0 { sound(MediaTime::ZERO, step) } else { picture(RATE, step, random.below(4) == 0) };
            unit.pts = match random.below(8) {
                0 => MediaTime(i64::MAX - random.below(9) as i64),
                1 => MediaTime(i64::MIN + random.below(9) as i64),
                2 => MediaTime(-(random.below(1 << 40) as i64)),
                _ => unit.pts,
            };
            let wall = tl_base::Wall(if random.below(2) == 0 { i64::MAX } else { i64::MIN });
            if unit.codec.is_audio() {
                viewer.push_audio(&unit, wall)
            } else {
                viewer.push_video(&unit, wall)
            };
            assert!(!matches!(viewer.get("v0/media.m3u8", ""), Answer::Bad(_)));
            viewer.get("a0/media.m3u8", "_HLS_skip=YES");
        }
        viewer.end();
    }
}
