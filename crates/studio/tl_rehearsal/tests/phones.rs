//! Virtual phones against a real receiving side: HTTPS signalling, WebRTC over loopback, decoded pictures.
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

/// Clips are kept between runs of the tests.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rehearsal")
}

fn options(studio: &Studio, phones: u16, faults: Vec<Fault>, truth: PathBuf) -> Options {
    Options {
        studio: studio.address(),
        certificate_pem: studio.certificate_pem.clone(),
        phones: (1..=phones).map(|slot| PhoneTicket { slot: SlotId(slot), token: Secret::new(format!("token-{slot}")), way: Way::Webrtc }).collect(),
        director: Some(Secret::new("director")),
        seed: 1,
        seconds: None,
        faults: Faults(faults),
        truth,
        cache: Some(cache()),
        bind: [127, 0, 0, 1].into(),
    }
}

/// Rehearses until `done` says so or `limit` has passed; true when it said so.
fn run(options: Options, limit: Duration, mut done: impl FnMut() -> bool) -> (Summary, bool) {
    let stop = Arc::new(AtomicBool::new(false));
    let worker = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || rehearse(options, stop, &|_| ())
    });
    let start = Instant::now();
    let mut reached = false;
    while !reached && start.elapsed() < limit && !worker.is_finished() {
        reached = done();
        std::thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Ordering::Relaxed);
    (worker.join().expect("no panic").expect("a rehearsal"), reached)
}

#[test]
fn phones_join_and_their_pictures_carry_their_true_time() {
    let studio = Studio::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("truth.jsonl");
    let enough = || (1..=2).all(|slot| studio.seen(SlotId(slot)).len() > 150) && studio.commands() > 5;
    let (summary, reached) = run(options(&studio, 2, Vec::new(), path.clone()), Duration::from_secs(90), enough);
    assert!(reached, "{summary:?}, seen {:?}", studio.seen(SlotId(1)).len());
    let truth = Truth::read(&path).expect("truth");
    assert_eq!((truth.bad_lines, truth.slots()), (0, vec![SlotId(1), SlotId(2)]));
    for slot in truth.slots() {
        let phone = &summary.phones[usize::from(slot.0) - 1];
        assert!(phone.connects == 1 && phone.offset_ms.abs() <= 5_000.0);
        let seen = studio.seen(slot);
        let errors: Vec<f64> = seen
            .iter()
            .skip(60)
            .map(|picture| {
                let (camera, frame) = picture.code.expect("every picture carries its code");
                assert_eq!(u16::from(camera), slot.0);
                let captured = truth.captured(slot, frame, picture.wall).expect("it was captured");
                (picture.wall.0 - captured.0) as f64 / 1e3
            })
            .collect();
        let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        println!(
            "{slot}: |error| p50 {:.2} ms, p95 {:.2} ms, max {:.2} ms of {}",
            sizes[sizes.len() / 2],
            sizes[sizes.len() * 95 / 100],
            sizes[sizes.len() - 1],
            sizes.len()
        );
        let within = errors.iter().filter(|error| error.abs() < 15.0).count();
        assert!(within * 100 >= errors.len() * 95, "{slot}: {errors:?}");
        assert!(studio.sounds(slot) > 100, "sound comes too");
    }
    assert!(studio.goodbyes() >= 2, "phones leave politely");
}

#[test]
fn a_phone_that_dies_and_a_studio_that_restarts_find_each_other_again() {
    let studio = Studio::start();
    let folder = tempfile::tempdir().expect("a folder");
    let fault = Fault { slot: SlotId(1), at_secs: 4.0, for_secs: 1.0, kind: FaultKind::Die };
    let mut restarted = None;
    let done = || {
        let connects = studio.connects(SlotId(1));
        if connects == 2 && restarted.is_none() && studio.seen_since_connect(SlotId(1)) > 10 {
            studio.restart();
            restarted = Some(Instant::now());
        }
        connects >= 3 && studio.seen_since_connect(SlotId(1)) > 10
    };
    let (summary, reached) = run(options(&studio, 1, vec![fault], folder.path().join("truth.jsonl")), Duration::from_secs(90), done);
    assert!(reached, "{summary:?}");
    assert!(summary.phones[0].connects >= 3);
}

#[test]
fn a_studio_that_is_not_there_is_asked_again_and_again() {
    let studio = Studio::start();
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = options(&studio, 1, Vec::new(), folder.path().join("truth.jsonl"));
    options.studio = "https://127.0.0.1:9".into();
    options.seconds = Some(3.5);
    let (summary, _) = run(options, Duration::from_secs(60), || false);
    assert!(summary.phones[0].failures >= 3 && summary.phones[0].connects == 0, "{summary:?}");
}
