//! Virtual phones of every protocol against the receiving sides that a studio has: decoded pictures with time codes, and sound.
#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

#[expect(dead_code, reason = "each file of tests needs its own part of it")]
mod studio;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use studio::Studio;
use tl_base::{Secret, SlotId};
use tl_rehearsal::truth::Truth;
use tl_rehearsal::{Fault, FaultKind, Faults, Options, PhoneTicket, Summary, Way, rehearse};

/// Pictures that are looked at.
const ENOUGH: usize = 90;

/// Clips are kept between runs of the tests.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rehearsal")
}

fn rehearsed(studio: &Studio, ways: Vec<Way>, faults: Vec<Fault>, truth: PathBuf, mut done: impl FnMut() -> bool) -> (Summary, bool) {
    let tickets = ways.into_iter().zip(1_u16..).map(|(way, slot)| PhoneTicket { slot: SlotId(slot), token: Secret::new(format!("token-{slot}")), way });
    let options = Options {
        studio: studio.address(),
        certificate_pem: studio.certificate_pem.clone(),
        phones: tickets.collect(),
        director: None,
        seed: 1,
        seconds: None,
        faults: Faults(faults),
        truth,
        cache: Some(cache()),
        bind: [127, 0, 0, 1].into(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let worker = std::thread::spawn(move || rehearse(options, stopped, &|_| ()));
    let start = Instant::now();
    let mut reached = false;
    while !reached && start.elapsed() < Duration::from_secs(90) && !worker.is_finished() {
        reached = done();
        std::thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Ordering::Relaxed);
    (worker.join().expect("no panic").expect("a rehearsal"), reached)
}

/// Each picture's time code is the phone's own and stands in the truth with the moment of its capture.
fn check(way: impl FnOnce(&Studio) -> Way, has_sound: bool) {
    let studio = Studio::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("truth.jsonl");
    let slot = SlotId(1);
    let way = way(&studio);
    let enough = || studio.seen(slot).len() > ENOUGH && (!has_sound || studio.sounds(slot) > 60);
    let (summary, reached) = rehearsed(&studio, vec![way], Vec::new(), path.clone(), enough);
    assert!(reached, "{summary:?}, {} pictures, {} sounds", studio.seen(slot).len(), studio.sounds(slot));
    assert_eq!((summary.phones[0].connects, studio.sounds(slot) > 0), (1, has_sound));
    let truth = Truth::read(&path).expect("truth");
    // What an app hides is no error of the studio's; nothing is captured after it is seen.
    let hidden_ms = summary.phones[0].hidden_ms;
    for picture in studio.seen(slot).iter().skip(30) {
        let (camera, frame) = picture.code.expect("every picture carries its code");
        let captured = truth.captured(slot, frame, picture.wall).expect("it was captured");
        let late_ms = (picture.wall.0 - captured.0) as f64 / 1e3 - hidden_ms;
        assert!(camera == 1 && (-50.0..1_000.0).contains(&late_ms), "{late_ms} ms");
    }
}

#[test]
fn an_app_calls_over_srt() {
    check(|studio| Way::Srt { url: studio.listen_srt(SlotId(1)) }, true);
}

#[test]
fn an_app_publishes_over_rtmp() {
    check(|studio| Way::Rtmp { url: studio.listen_rtmp(SlotId(1)) }, true);
}

#[test]
fn a_camera_is_pulled_over_rtsp() {
    check(|_| Way::Rtsp { director: Secret::new("director") }, true);
}

#[test]
fn a_camera_of_images_is_pulled_over_http() {
    check(|_| Way::Mjpeg { director: Secret::new("director") }, false);
}

#[test]
fn a_page_uploads_pieces() {
    check(|_| Way::Chunks, true);
}

#[test]
fn a_dead_camera_is_pulled_again_at_its_old_address() {
    let studio = Studio::start();
    let folder = tempfile::tempdir().expect("a folder");
    let fault = Fault { slot: SlotId(1), at_secs: 4.0, for_secs: 1.0, kind: FaultKind::Die };
    let slot = SlotId(1);
    let back = || studio.connects(slot) >= 2 && studio.seen_since_connect(slot) > 10;
    let way = Way::Rtsp { director: Secret::new("director") };
    let (summary, reached) = rehearsed(&studio, vec![way], vec![fault], folder.path().join("truth.jsonl"), back);
    assert!(reached && summary.phones[0].connects >= 2, "{summary:?}");
    assert_eq!(studio.sources_set(), 1, "the address stays");
    assert!(studio.goodbyes() >= 1, "the director takes it out again");
}
