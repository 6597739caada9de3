//! Testing a destination before the game, against real servers and bad networks.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tl_base::{Rate, Secret};
use tl_media::destination_test::{Config, Reached, Report, Verdict, run};

use common::SMALL;
use common::nginx::{KEY, Nginx, free_port};
use common::peers::{Line, Peer, free_udp_port};

fn config(url: String) -> Config {
    Config { url: Secret::new(url), extra_roots: Vec::new(), has_audio: true, bitrate_bps: 2_000_000, size: SMALL, rate: Rate::FPS_30, seconds: 4 }
}

fn test(url: String) -> Report {
    let mut told = 0;
    let report = run(&config(url), &AtomicBool::new(false), |_| told += 1).expect("a report");
    println!("{report:?}");
    assert!(told > 0 && !report.message.contains(KEY));
    report
}

#[test]
fn a_good_destination_has_room_to_spare() {
    let Some(server) = Nginx::start() else { return };
    let report = test(server.url(KEY).expose().to_owned());
    assert_eq!((report.verdict, report.reached, report.accepted), (Verdict::Ok, Reached::Sending, true));
    // Half as much again as the programme and its sound is offered for four seconds.
    let offered = 2_128_000.0 * 1.5;
    assert!((report.throughput_bps as f64 / offered - 1.0).abs() < 0.15, "{report:?}");
    assert!(report.rtt_ms.is_some_and(|rtt| rtt < 1_000.0) && report.acked_bytes > 1_000_000 && report.acked_bytes <= report.sent_bytes);
}

#[test]
fn a_wrong_key_and_a_wrong_application_are_refusals() {
    let Some(server) = Nginx::start() else { return };
    let report = test(server.url("wrong-key-0815").expose().to_owned());
    assert_eq!((report.verdict, report.reached, report.accepted), (Verdict::Refused, Reached::Publish, false));
    assert!(report.message.contains("key") && !report.message.contains("0815"), "{}", report.message);
    let report = test(format!("rtmp://127.0.0.1:{}/nowhere/{KEY}", server.port));
    assert_eq!((report.verdict, report.reached), (Verdict::Refused, Reached::Handshake));
    assert!(report.message.contains("application"), "{}", report.message);
}

#[test]
fn nobody_there_is_unreachable() {
    let begun = Instant::now();
    let report = test(format!("rtmp://127.0.0.1:{}/live/{KEY}", free_port()));
    assert_eq!((report.verdict, report.reached), (Verdict::Unreachable, Reached::Resolved));
    let report = test(format!("rtmp://no-such-host.invalid/live/{KEY}"));
    assert_eq!((report.verdict, report.reached), (Verdict::Unreachable, Reached::Nothing));
    let report = test(format!("srt://127.0.0.1:{}?streamid={KEY}", free_udp_port()));
    assert_eq!(report.verdict, Verdict::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_line_that_is_too_thin_is_found_out() {
    let Some(server) = Nginx::start() else { return };
    let line = Line::to(server.port, 125_000);
    let report = test(format!("rtmp://127.0.0.1:{}/live/{KEY}", line.port));
    assert_eq!((report.verdict, report.accepted), (Verdict::TooSlow, true));
    assert!(report.headroom < 0.9, "{report:?}");
}

#[test]
fn a_listener_of_srt_is_tested_too() {
    let port = free_udp_port();
    let Some(_listener) = Peer::start("srt-live-transmit", &["-q", &format!("srt://127.0.0.1:{port}?mode=listener&passphrase=open-{KEY}"), "file://con"])
    else {
        return;
    };
    let report = test(format!("srt://127.0.0.1:{port}?passphrase=open-{KEY}"));
    assert_eq!((report.verdict, report.reached, report.accepted), (Verdict::Ok, Reached::Sending, true), "{report:?}");
    assert!(report.acked_bytes > 300_000 && report.acked_bytes <= report.sent_bytes && report.rtt_ms.is_some(), "{report:?}");
}

#[test]
fn a_test_can_be_stopped() {
    let Some(server) = Nginx::start() else { return };
    let cancel = AtomicBool::new(false);
    let begun = Instant::now();
    let report = run(&Config { seconds: 10, ..config(server.url(KEY).expose().to_owned()) }, &cancel, |progress| {
        if progress.reached == Reached::Sending {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    assert_eq!(report.expect("a report").verdict, Verdict::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}
