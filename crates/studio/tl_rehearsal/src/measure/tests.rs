use std::path::PathBuf;

use tl_base::{MediaTime, SlotId, Wall};

use super::files::{PartReading, Reading, Shown};
use super::ledger::{Cut, Era, Kind, Ledger, Tick};
use super::*;
use crate::truth::Record;

const PERIOD_US: i64 = 33_333;
const ANCHOR_US: i64 = 1_000_000_000;

/// A run of 300 ticks: two cameras whose estimated capture is 4 ms late, the programme shows camera 1, then 2; it is done 80 ms after
/// the light.
fn run() -> (Input, Ledger, Truth, Vec<Reading>) {
    let truth = Truth::from_records((1..=2_u16).flat_map(|slot| {
        (0..300_i64).map(move |n| Record {
            camera: slot as u8,
            slot: SlotId(slot),
            frame: Some(n as u16),
            wall_us: Wall(ANCHOR_US + n * PERIOD_US + i64::from(slot) * 2_000),
            seq: n as u64,
            // The click came 3 ms after the shutter.
            click_us: (n % 150 == 60).then(|| Wall(ANCHOR_US + n * PERIOD_US + i64::from(slot) * 2_000 + 3_000)),
        })
    }));
    let estimated = |slot: u16, n: i64| MediaTime::from_micros(n * PERIOD_US + i64::from(slot) * 2_000 + 4_000);
    let ticks = (0..300_u64).map(|n| {
        let source = if n < 150 { 1 } else { 2 };
        let other = 3 - source;
        Tick {
            tick: n,
            pts: MediaTime::from_micros(n as i64 * PERIOD_US + 60_000),
            kind: Kind::Frame,
            source: Some(SlotId(source)),
            capture: Some(estimated(source, n as i64)),
            done_wall_us: Some(Wall(ANCHOR_US + n as i64 * PERIOD_US + i64::from(source) * 2_000 + 80_000)),
            pair: vec![(SlotId(other), estimated(other, n as i64))],
        }
    });
    let cut = |at, from, to: u16, by: &str| Cut { at: MediaTime::from_micros(at), from, to: Some(SlotId(to)), by: by.into(), reason: String::new() };
    let ledger = Ledger {
        eras: vec![Era { wall_anchor: Wall(ANCHOR_US), offset: MediaTime::ZERO }],
        ticks: ticks.collect(),
        cuts: vec![cut(60_000, None, 1, "script"), cut(150 * PERIOD_US + 60_000, Some(SlotId(1)), 2, "script")],
        trims: Vec::new(),
        recordings: Vec::new(),
    };
    let shown = |at: MediaTime, camera: u8, frame: u16| Shown { at, code: Some((camera, frame)), luma: 120.0, flash: frame % 150 == 60 };
    let part = |shown: Vec<Shown>, clicks: Vec<MediaTime>| PartReading {
        path: PathBuf::from("/x.mp4"),
        shown,
        clicks,
        seconds: 10.0,
        size: Some(tl_base::Size::new(1280, 720)),
        problem: None,
    };
    let mut readings: Vec<Reading> = (1..=2_u16)
        .map(|slot| Reading {
            source: Some(SlotId(slot)),
            kind: "iso".into(),
            path: PathBuf::from("/x.mp4"),
            parts: vec![part((0..300).map(|n| shown(estimated(slot, i64::from(n)), slot as u8, n)).collect(), Vec::new())],
            seconds: 10.0,
            playable: true,
        })
        .collect();
    let programme: Vec<Shown> = ledger.ticks.iter().map(|tick| shown(tick.pts, tick.source.map_or(0, |slot| slot.0 as u8), tick.tick as u16)).collect();
    let clicks = programme.iter().filter(|shown| shown.flash).map(|shown| shown.at + MediaTime::from_millis(12 + 3)).collect();
    readings.push(Reading {
        source: None,
        kind: "programme".into(),
        path: PathBuf::from("/p.mp4"),
        parts: vec![part(programme, clicks)],
        seconds: 10.0,
        playable: true,
    });
    (Input { summary: Some(Summary { seed: 1, ..Summary::default() }), ..Input::default() }, ledger, truth, readings)
}

#[test]
fn a_healthy_run_gives_the_figures_that_were_put_in() {
    let (input, ledger, truth, readings) = run();
    let report = join(&input, &ledger, &truth, &readings);
    let skew = report.skew_ms.expect("skew");
    assert!((skew.p50 - 4.0).abs() < 0.01 && (skew.max - 4.0).abs() < 0.01, "{skew:?}");
    let pair = report.pair_skew_ms.expect("pair skew");
    assert!((pair.p95 - 2.0).abs() < 0.01, "{pair:?}");
    let delay = report.latency_ms.phone_to_program.expect("delay");
    assert!((delay.p50 - 80.0).abs() < 0.01, "{delay:?}");
    let lips = report.lip_sync_ms.expect("claps");
    assert!((lips.mean - 12.0).abs() < 0.01 && lips.claps == 2, "{lips:?}");
    let program = report.program;
    assert_eq!((program.frames, program.dropped, program.repeated, program.black, program.distinct), (Some(300), Some(0), Some(0), Some(0), Some(300)));
    assert!((program.fps.expect("fps") - 30.0).abs() < 0.01);
    assert_eq!(report.cuts.len(), 2);
    assert!((report.director.shortest_shot_s.expect("a shot") - 5.0).abs() < 0.01);
    assert!(report.director.action_in_frame.is_some_and(|share| share > 0.2));
    assert_eq!(report.recordings.len(), 3);
    assert_eq!((report.latency_ms.program_to_viewer, report.director.failover_ms, report.resources.cpu_seconds), (None, None, None));
}

/// Camera 2 came over `protocol`, and `trims` say when its clock was set.
fn over(protocol: tl_base::Protocol, trims: &[i64]) -> Report {
    let (mut input, mut ledger, truth, readings) = run();
    let phone = |slot: u16, protocol| crate::PhoneSummary {
        slot: SlotId(slot),
        camera: slot as u8,
        protocol,
        position: String::new(),
        offset_ms: 0.0,
        drift_ppm: 0.0,
        hidden_ms: 0.0,
        frames: 300,
        connects: 1,
        failures: 0,
    };
    input.summary = Some(Summary { phones: vec![phone(1, tl_base::Protocol::Webrtc), phone(2, protocol)], ..Summary::default() });
    ledger.trims = trims.iter().map(|at| super::ledger::Trim { slot: SlotId(2), at: MediaTime::from_micros(*at) }).collect();
    join(&input, &ledger, &truth, &readings)
}

#[test]
fn a_clock_known_by_arrivals_counts_once_it_was_set() {
    use tl_base::Protocol::{File, Mjpeg, Rtsp, Srt};
    let figures = |report: &Report| {
        let of_two = report.protocols.iter().find(|protocol| protocol.cameras == [2]).expect("camera 2's way");
        (of_two.skew_ms.is_some(), of_two.synced, of_two.lip_sync_ms.map(|lips| lips.claps), report.pair_skew_ms.is_some())
    };
    assert_eq!(figures(&over(Srt, &[])), (false, Some(false), Some(1), false));
    assert_eq!(figures(&over(Srt, &[200 * PERIOD_US])), (true, Some(true), Some(1), true));
    assert_eq!(figures(&over(Rtsp, &[])), (true, None, Some(1), true));
    assert_eq!(figures(&over(Mjpeg, &[])), (false, None, Some(1), false));
    assert_eq!(figures(&over(File, &[200 * PERIOD_US])), (false, None, Some(1), false));
    let report = over(Srt, &[]);
    assert_eq!(report.cameras[1].protocol.as_deref(), Some("srt"));
    let delays: Vec<f64> = report.protocols.iter().filter_map(|protocol| Some(protocol.latency_ms?.p50)).collect();
    assert!(delays.len() == 2 && delays.iter().all(|delay| (delay - 80.0).abs() < 0.01), "{delays:?}");
}

#[test]
fn missing_repeated_and_black_ticks_are_counted() {
    let (input, mut ledger, truth, mut readings) = run();
    ledger.ticks.retain(|tick| !(40..43).contains(&tick.tick));
    ledger.ticks[100].done_wall_us = None;
    ledger.ticks[60].kind = Kind::Repeat;
    ledger.ticks[81].capture = ledger.ticks[80].capture;
    readings[2].parts[0].shown[7].luma = 16.0;
    let program = join(&input, &ledger, &truth, &readings).program;
    assert_eq!((program.dropped, program.repeated, program.black), (Some(4), Some(2), Some(1)));
}

#[test]
fn a_camera_that_stopped_by_itself_is_not_counted_as_repeated() {
    let (input, mut ledger, truth, readings) = run();
    let truth = Truth::from_records(truth.slots().into_iter().flat_map(|slot| {
        (0..100_i64).map(move |n| Record {
            camera: slot.0 as u8,
            slot,
            frame: Some(n as u16),
            wall_us: Wall(ANCHOR_US + n * PERIOD_US + i64::from(slot.0) * 2_000),
            seq: n as u64,
            click_us: None,
        })
    }));
    let last = ledger.ticks[99].capture;
    for tick in &mut ledger.ticks[100..120] {
        tick.capture = last;
    }
    assert_eq!(join(&input, &ledger, &truth, &readings).program.repeated, Some(0));
}

#[test]
fn a_dead_camera_left_by_itself_tells_how_fast() {
    let (input, mut ledger, truth, readings) = run();
    // Camera 1 gives its last new picture at tick 140 and is left at tick 150.
    let last = ledger.ticks[140].capture;
    for tick in &mut ledger.ticks[141..150] {
        tick.capture = last;
    }
    ledger.cuts[1].by = "failover".into();
    let failover = join(&input, &ledger, &truth, &readings).director.failover_ms.expect("a failover");
    assert!((failover - 333.33).abs() < 1.0, "{failover}");
}

#[test]
fn without_truth_nothing_is_invented() {
    let (_, ledger, _, readings) = run();
    let report = join(&Input::default(), &ledger, &Truth::default(), &readings);
    assert_eq!(
        (report.skew_ms, report.pair_skew_ms, report.latency_ms.phone_to_program, report.director.action_in_frame, report.seed),
        (None, None, None, None, None)
    );
    assert_eq!(report.program.frames, Some(300));
    let empty = join(&Input::default(), &Ledger::default(), &Truth::default(), &[]);
    assert_eq!((empty.program.frames, empty.seconds), (None, 0.0));
    let text = serde_json::to_value(&empty).expect("JSON");
    assert!(text["program"]["dropped"].is_null() && text["skew_ms"].is_null());
}
