//! A small session on disk, measured from its files alone.
#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;

use serde_json::json;
use tl_base::{MediaTime, SlotId, Wall};
use tl_media::file::ClipWriter;
use tl_rehearsal::rink::{Painter, RATE, SIZE};
use tl_rehearsal::truth::{Record, Writer};
use tl_rehearsal::{Error, Input, Summary, measure};

const ANCHOR_US: i64 = 1_700_000_000_000_000;
const FRAMES: u32 = 45;

/// Pictures from `first` on, as a file.
fn clip(path: &Path, first: u32) {
    let mut painter = Painter::new(3, 1).expect("memory");
    let mut writer = ClipWriter::new(path, SIZE, RATE, 3_000_000, 30).expect("an encoder");
    for index in first..first + FRAMES {
        writer.push(&painter.frame(index)).expect("encoded");
    }
    writer.finish().expect("finished");
}

#[test]
fn figures_come_out_of_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    clip(&file("cam1.mp4"), 50);
    clip(&file("programme.mp4"), 50);
    std::fs::write(file("torn.mp4"), b"not a film").expect("written");
    // The camera's first picture was captured 2 s into the show; the studio believes it was 6 ms later.
    let start = MediaTime::from_secs(2);
    let period_us = |n: u32| i64::from(n) * 1_000_000 / 30;
    let mut truth = Writer::create(&file("truth.jsonl")).expect("truth");
    for n in 0..FRAMES {
        let wall_us = Wall(ANCHOR_US + 2_000_000 + period_us(n) - 6_000);
        truth.write(&Record { camera: 1, slot: SlotId(1), frame: Some(50 + n as u16), wall_us, seq: u64::from(n), click_us: None }).expect("written");
    }
    truth.flush().expect("flushed");
    let ticks: String = (0..FRAMES)
        .map(|n| {
            let capture = start.0 + period_us(n) * 1_000;
            let tick = json!({"tick": n, "pts": capture + 100_000_000, "kind": "frame", "source": 1, "capture": capture, "seq": n, "done_wall_us": ANCHOR_US + capture / 1_000 + 120_000, "pair": []});
            format!("{tick}\n")
        })
        .collect();
    std::fs::write(file("trace.jsonl"), ticks).expect("written");
    std::fs::write(file("session.json"), json!({"id": "s", "eras": [{"era": 1, "wall_anchor": ANCHOR_US, "offset": 0}]}).to_string()).expect("written");
    let part = |name: &str, start_ns: i64| json!({"path": file(name), "start_ns": start_ns, "end_ns": 0, "codec": "h264"});
    let recordings = json!([
        {"source": 1, "kind": "iso", "path": file("cam1.mp4"), "parts": [part("cam1.mp4", start.0)]},
        {"source": null, "kind": "programme", "path": file("programme.mp4"), "parts": [part("programme.mp4", start.0 + 100_000_000)]},
        {"source": 2, "kind": "iso", "path": file("torn.mp4"), "parts": [part("torn.mp4", 0)]},
    ]);
    std::fs::write(file("recordings.json"), recordings.to_string()).expect("written");

    let input =
        Input { session: folder.path().into(), truth: Some(file("truth.jsonl")), summary: Some(Summary { seed: 3, ..Summary::default() }), ..Input::default() };
    let report = measure(&input, &|_| ()).expect("a report");
    let skew = report.skew_ms.expect("skew");
    assert!((skew.p50 - 6.0).abs() < 0.1 && (skew.max - 6.0).abs() < 0.1, "{skew:?}");
    let delay = report.latency_ms.phone_to_program.expect("delay");
    assert!((delay.p50 - 126.0).abs() < 0.1, "{delay:?}");
    let program = report.program;
    assert_eq!((program.width, program.distinct, program.black, program.dropped), (Some(1280), Some(u64::from(FRAMES)), Some(0), Some(0)));
    let playable: Vec<bool> = report.recordings.iter().map(|recording| recording.playable).collect();
    assert_eq!(playable, [true, true, false]);
    assert!((report.recordings[0].seconds - 1.5).abs() < 0.05);
}

#[test]
fn a_folder_that_is_no_session_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = Input { session: folder.path().into(), ..Input::default() };
    assert!(matches!(measure(&input, &|_| ()), Err(Error::File { .. })));
}
