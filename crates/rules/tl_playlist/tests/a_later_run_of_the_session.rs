//! A run that goes on behind another, and wall clocks that jump: numbers and PROGRAM-DATE-TIME never go back.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says so and stops")]

mod common;

use std::collections::BTreeSet;

use common::{Viewer, config, is_grid, none, picture, sound, text, wall_of};
use tl_base::{MediaTime, Rate, Wall};
use tl_playlist::{Facts, Finished, Kind, Notice, Presentation, ResumePoint, conformance};

const RATE: Rate = Rate::FPS_30;
const HOUR_MICROS: i64 = 3_600_000_000;

/// Plays ticks, with wall times that are `jump` microseconds off from tick `from` on. Keeps the point saved last.
fn play(viewer: &mut Viewer, ticks: std::ops::Range<u64>, from: u64, jump: i64) -> Option<ResumePoint> {
    let mut saved = None;
    for tick in ticks {
        for frame in (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024) {
            viewer.push(&sound(MediaTime::ZERO, frame));
        }
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        let jumped = if tick >= from { jump } else { 0 };
        let finished = viewer.presentation.push_video(&unit, Wall(wall_of(unit.pts).0 + jumped));
        viewer.after(finished);
        let is_ready = |notice: &Notice| matches!(notice, Notice::SegmentReady { kind: Kind::Video, .. });
        if viewer.presentation.take_notices().iter().any(is_ready) {
            saved = Some(viewer.presentation.resume_point());
        }
    }
    saved
}

fn list(viewer: &Viewer) -> String {
    text(&viewer.presentation, "v0/media.m3u8", "").expect("live")
}

fn dates(list: &str) -> Vec<&str> {
    list.lines().filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:")).collect()
}

fn number(list: &str, tag: &str) -> u64 {
    list.lines().find_map(|line| line.strip_prefix(tag)).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {tag} in\n{list}"))
}

fn times(finished: &[Finished]) -> impl Iterator<Item = u64> {
    finished.iter().filter_map(|piece| if let Facts::Segment { time, .. } = piece.facts { Some(time) } else { None })
}

#[test]
fn ten_minutes_and_a_later_run_after_the_wall_clock_jumped() {
    let mut first = Viewer::new(config());
    let saved = play(&mut first, 411..411 + 600 * 30 + 17, 0, 0).expect("segments were ready");
    // It goes through a file, and the run is cut off without an end.
    let saved: ResumePoint = serde_json::from_str(&serde_json::to_string(&saved).expect("written")).expect("read");
    let before = list(&first);
    for jump in [0, HOUR_MICROS, -HOUR_MICROS] {
        let mut second = Viewer::new(config());
        second.presentation = Presentation::resumed(config(), &saved);
        // Twenty seconds of show time later, on the grid.
        play(&mut second, 19_200..19_200 + 1_800, 0, jump);
        let after = list(&second);
        none(&conformance::change(&before, &after), &format!("{before}\n--- then ---\n{after}"));

        let msn = |list: &str| number(list, "#EXT-X-MEDIA-SEQUENCE:");
        let edge = msn(&before) + before.lines().filter(|line| line.starts_with("#EXTINF")).count() as u64;
        let start = second.finished.iter().filter(|piece| piece.name.starts_with("v0/s")).map(|piece| piece.number).min().expect("segments");
        assert!(start > edge + 1 && start <= edge + 12, "{edge} and {start}: no jump, and no name twice");
        let name = |finished: &Finished| finished.name.clone();
        let used: BTreeSet<String> = first.finished.iter().map(name).collect();
        assert!(second.finished.iter().map(name).all(|name| !used.contains(&name)), "a name stands for one thing");

        let (last, then) = (*dates(&before).last().expect("dates"), dates(&after)[0]);
        assert!(then > last, "{last}, then {then}");
        let expected = match jump {
            // As the clock says, once it is past what was told.
            HOUR_MICROS => "2026-11-20T00:14:40.000Z",
            0 => "2026-11-19T23:14:40.000Z",
            // The clock is an hour behind what was told: it goes on from there.
            _ => "2026-11-19T23:14:30.000Z",
        };
        let behind = 2 * (msn(&after) - start);
        assert_eq!(plus_secs(expected, behind), then, "jump {jump}\n{after}");
        assert_eq!(number(&after, "#EXT-X-DISCONTINUITY-SEQUENCE:"), 1, "the break has left the list: {after}");
        assert!(times(&first.finished).max() < times(&second.finished).min(), "decode times rise");
    }
}

/// Adds seconds to a date that stays within its hour.
fn plus_secs(date: &str, secs: u64) -> String {
    let (head, tail) = date.split_at(14);
    let (minutes, seconds): (u64, u64) = (tail[..2].parse().expect("minutes"), tail[3..5].parse().expect("seconds"));
    let all = minutes * 60 + seconds + secs;
    format!("{head}{:02}:{:02}{}", all / 60, all % 60, &tail[5..])
}

#[test]
fn a_wall_clock_that_jumps_in_the_middle_moves_nothing() {
    for jump in [HOUR_MICROS, -HOUR_MICROS] {
        // The viewer checks each playlist against the one before, dates and numbers included.
        let mut viewer = Viewer::new(config());
        play(&mut viewer, 0..1_500, 733, jump);
        let mut straight = Viewer::new(config());
        play(&mut straight, 0..1_500, 0, 0);
        assert_eq!(list(&viewer), list(&straight));
        // Behind a discontinuity the new time counts, unless it would go back.
        let finished = viewer.presentation.discontinuity();
        viewer.after(finished);
        play(&mut viewer, 1_560..2_000, 0, jump);
        let all = list(&viewer);
        let shown = dates(&all);
        assert!(shown.windows(2).all(|two| two[0] < two[1]), "{all}");
        let jumped = shown.iter().any(|date| date.starts_with("2026-11-20T00:"));
        assert_eq!(jumped, jump > 0, "{all}");
    }
}

#[test]
fn latency_is_told_right_when_dates_are_ahead_of_the_clock() {
    let mut first = Viewer::new(config());
    let saved = play(&mut first, 0..400, 0, 0).expect("ready");
    let mut second = Presentation::resumed(config(), &saved);
    for tick in 0..400 {
        let unit = picture(RATE, tick, is_grid(RATE, tick));
        let wall = wall_of(unit.pts).0 - HOUR_MICROS;
        second.set_now(Wall(wall + 120_000));
        for frame in (tick * 1_600).div_ceil(1_024)..((tick + 1) * 1_600).div_ceil(1_024) {
            second.push_audio(&sound(MediaTime::ZERO, frame), Wall(0));
        }
        second.push_video(&unit, Wall(wall));
    }
    let figures = second.figures();
    let latency = figures.latency.expect("measured").as_millis_f64();
    assert!((latency - 120.0).abs() < 30.0, "{latency}");
    let mpd = text(&second, "manifest.mpd", "").expect("live");
    // DASH players live in the time that the periods are in.
    let date = |key: &str| mpd.split(key).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned).expect("a date");
    assert!(date("value=\"2026") > date("publishTime=\"2026"), "{mpd}");
}
