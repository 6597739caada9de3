//! Viewers without a screen watch the programme over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::{Studio, number, picture, serial, share, studio, studio_with};
use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec};
use tl_rtc::publish::{Impairment, Shim};
use tl_rtc::watch::{self, Watcher};
use tl_rtc::{Error, Event, SessionId};

const PERIOD: Duration = Duration::from_nanos(33_333_333);

/// A viewer, and what it has seen.
struct Seat {
    watcher: Watcher,
    session: SessionId,
    opened: Instant,
    first: Option<Instant>,
    /// Number, RTP time and instant of each picture.
    pictures: Vec<(u32, u32, Instant)>,
    sounds: Vec<(u32, Instant)>,
    closed: bool,
}

fn seat(studio: &Studio, shim: Option<&Shim>) -> Seat {
    let mut watcher = Watcher::new([127, 0, 0, 1].into()).expect("a viewer");
    let opened = Instant::now();
    let answer = studio.server.view(&watcher.offer().expect("an offer")).expect("an answer");
    let sdp = shim.map_or(answer.sdp.clone(), |shim| shim.rewrite(&answer.sdp));
    watcher.accept(&sdp).expect("accepted");
    Seat { watcher, session: answer.session, opened, first: None, pictures: Vec::new(), sounds: Vec::new(), closed: false }
}

/// The programme: a picture 30 times a second, sound 50 times, a key every two seconds and when it is asked for.
struct Show {
    /// Sound alone when this is set.
    dark: bool,
    began: Instant,
    number: u32,
    sounds: u32,
    key_next: bool,
    keys: Vec<Instant>,
    asked: Vec<Instant>,
    bytes: usize,
    events: Vec<Event>,
    sent: Vec<(AccessUnit, Instant)>,
}

impl Show {
    fn new(bytes: usize) -> Self {
        let (keys, asked, events, sent) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { dark: false, began: Instant::now(), number: 0, sounds: 0, key_next: true, keys, asked, bytes, events, sent }
    }

    fn turn(&mut self, studio: &Studio) {
        while let Ok(event) = studio.events.try_recv() {
            if matches!(event, Event::KeyWanted) {
                self.key_next = true;
                self.asked.push(Instant::now());
            }
            self.events.push(event);
        }
        if !self.dark && self.began.elapsed() >= PERIOD * self.number {
            let key = std::mem::take(&mut self.key_next) || self.number.is_multiple_of(60);
            if key {
                self.keys.push(Instant::now());
            }
            let mut unit = picture(Codec::H264, self.number, key, if key { self.bytes * 4 } else { self.bytes });
            unit.pts = studio.clock.at(self.began + PERIOD * self.number);
            studio.server.send_programme(&unit);
            self.sent.push((unit, Instant::now()));
            self.number += 1;
        }
        if self.began.elapsed() >= Duration::from_millis(20) * self.sounds {
            let mut unit = support::unit(Codec::Opus, vec![0xfc, 1, 2, 3], true);
            unit.pts = studio.clock.at(self.began + Duration::from_millis(20) * self.sounds);
            studio.server.send_programme(&unit);
            self.sounds += 1;
        }
    }

    fn run(&mut self, studio: &Studio, seats: &mut [&mut Seat], most: Duration, mut done: impl FnMut(&[&mut Seat], &Self) -> bool) {
        let end = Instant::now() + most;
        while Instant::now() < end && !done(seats, self) {
            self.turn(studio);
            for seat in seats.iter_mut() {
                seat.watcher.poll(Instant::now());
                while let Some(event) = seat.watcher.next_event() {
                    let now = Instant::now();
                    match event {
                        watch::Event::Unit { sound: true, rtp, .. } => seat.sounds.push((rtp, now)),
                        watch::Event::Unit { key, rtp, data, .. } => {
                            seat.first.get_or_insert(now);
                            let mut unit = support::unit(Codec::H264, data.to_vec(), key);
                            unit.key = key;
                            let number = number(&unit);
                            assert_eq!(unit.data, self.sent[number as usize].0.data, "every byte");
                            seat.pictures.push((number, rtp, now));
                        }
                        watch::Event::Connected => {}
                        watch::Event::Closed => seat.closed = true,
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn never(_: &[&mut Seat], _: &Show) -> bool {
    false
}

#[test]
fn pictures_and_sound_reach_a_viewer_whole_soon_and_in_time_with_each_other() {
    let _turn = serial();
    let studio = studio();
    let mut show = Show::new(11_900);
    show.run(&studio, &mut [], Duration::from_millis(500), never);
    assert_eq!(studio.server.viewers(), 0);
    let mut one = seat(&studio, None);
    assert_eq!(studio.server.viewers(), 1);
    show.run(&studio, &mut [&mut one], Duration::from_secs(6), never);

    let first = one.first.expect("pictures") - one.opened;
    eprintln!("first picture {} ms after the offer, {} keys asked for", first.as_millis(), show.asked.len());
    assert!(show.asked.len() == 1, "one key for one viewer who joins: {}", show.asked.len());
    let start = one.pictures[0].0;
    for (index, (number, _, _)) in one.pictures.iter().enumerate() {
        assert_eq!(*number, start + index as u32, "in order and without a hole");
    }
    assert!(one.pictures.len() > 165 && one.sounds.len() > 270, "{} pictures, {} sounds", one.pictures.len(), one.sounds.len());
    let mut late: Vec<f64> = one.pictures.iter().skip(5).map(|(number, _, at)| (*at - show.sent[*number as usize].1).as_secs_f64() * 1e3).collect();
    late.sort_by(f64::total_cmp);
    eprintln!("on the way p50 {:.1} p95 {:.1} max {:.1} ms", share(&late, 0.5), share(&late, 0.95), share(&late, 1.0));
    // RTP times of both streams tell the same programme time.
    let (number, rtp, _) = one.pictures[30];
    let pts = show.sent[number as usize].0.pts;
    let expect = (pts.0 * 9 / 100_000) as u32;
    let base = rtp.wrapping_sub(expect);
    for (number, rtp, _) in &one.pictures {
        let pts = show.sent[*number as usize].0.pts;
        assert!(rtp.wrapping_sub(base).abs_diff((pts.0 * 9 / 100_000) as u32) <= 1);
    }
    let steps: Vec<u32> = one.sounds.windows(2).map(|pair| pair[1].0.wrapping_sub(pair[0].0)).collect();
    assert!(steps.iter().all(|step| step.abs_diff(960) <= 1), "sound every 20 ms");
    let stats = studio.server.viewer_stats();
    eprintln!("{stats:?}");
    let (session, stats) = stats[0];
    assert!(session == one.session && stats.rtt_ms.expect("measured") < 50.0 && stats.loss.is_none_or(|loss| loss < 0.01));
    assert!((2.3e6..4.2e6).contains(&stats.bitrate_bps.expect("measured")) && stats.skipped == 0 && stats.pictures > 130);

    one.watcher.close();
    show.run(&studio, &mut [&mut one], Duration::from_secs(2), |_, show| show.events.iter().any(|event| matches!(event, Event::ViewerClosed { .. })));
    assert_eq!(studio.server.viewers(), 0);
    assert!(show.events.iter().any(|event| matches!(event, Event::ViewerConnected { session } if *session == one.session)));
    assert!(studio.server.viewer_stats().is_empty());
}

#[test]
fn sound_waits_for_no_picture() {
    let _turn = serial();
    let studio = studio();
    let mut show = Show::new(11_900);
    let mut one = seat(&studio, None);
    show.run(&studio, &mut [&mut one], Duration::from_secs(2), |seats, _| seats[0].sounds.len() > 20);
    show.dark = true;
    let before = one.sounds.len();
    show.run(&studio, &mut [&mut one], Duration::from_secs(20), |seats, _| seats[0].sounds.len() >= before + 150);
    let dark = &one.sounds[before..];
    // What leaves together arrives together, a few microseconds apart.
    let groups = 1 + dark.windows(2).filter(|pair| pair[1].1 - pair[0].1 > Duration::from_micros(500)).count();
    println!("{} packets in {groups} groups", dark.len());
    assert!(dark.len() >= 150 && groups * 10 >= dark.len() * 7, "{} packets in {groups} groups", dark.len());
}

#[test]
fn viewers_who_join_together_share_a_key_and_all_see_a_picture_at_once() {
    let _turn = serial();
    let studio = studio();
    let mut show = Show::new(11_900);
    show.run(&studio, &mut [], Duration::from_millis(700), never);
    let mut seats: Vec<Seat> = Vec::new();
    for _ in 0..12 {
        seats.push(seat(&studio, None));
        let mut all: Vec<&mut Seat> = seats.iter_mut().collect();
        show.run(&studio, &mut all, Duration::from_millis(150), never);
    }
    let mut all: Vec<&mut Seat> = seats.iter_mut().collect();
    show.run(&studio, &mut all, Duration::from_secs(2), never);
    let mut joined: Vec<f64> = seats.iter().map(|seat| (seat.first.expect("a picture") - seat.opened).as_secs_f64() * 1e3).collect();
    joined.sort_by(f64::total_cmp);
    eprintln!("first picture after p50 {:.0} max {:.0} ms, {} keys asked for", share(&joined, 0.5), share(&joined, 1.0), show.asked.len());
    assert!(show.asked.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(950)), "once a second at most");
    assert!(show.asked.len() <= 4, "{} keys in four seconds", show.asked.len());
    // Who came between two keys was sent the pictures since the last one, and is no later than the others by now.
    for seat in &seats {
        let (number, _, at) = seat.pictures.last().expect("pictures");
        assert!(*at - show.sent[*number as usize].1 < Duration::from_millis(100));
    }
}

#[test]
fn no_more_watch_than_may_and_a_place_that_is_left_is_free() {
    let _turn = serial();
    let studio = studio_with(2);
    let offer = || Watcher::new([127, 0, 0, 1].into()).expect("a viewer").offer().expect("an offer");
    let (mut one, _two) = (seat(&studio, None), seat(&studio, None));
    assert!(matches!(studio.server.view(&offer()), Err(Error::Full(2))));
    let mut show = Show::new(1_000);
    show.run(&studio, &mut [&mut one], Duration::from_secs(1), never);
    studio.server.close(one.session);
    show.run(&studio, &mut [&mut one], Duration::from_secs(2), |seats, _| seats[0].closed);
    assert!(one.closed);
    assert!(studio.server.view(&offer()).is_ok());
    assert!(matches!(studio_with(0).server.view(&offer()), Err(Error::Full(0))));
    assert!(matches!(studio.server.view("v=0\r\n"), Err(Error::Full(2) | Error::OfferRefused(_))));
}

#[test]
fn a_viewer_that_goes_without_a_word_is_let_go_and_the_others_see_on() {
    let _turn = serial();
    let studio = studio();
    let mut show = Show::new(11_900);
    let (mut good, mut gone) = (seat(&studio, None), seat(&studio, None));
    show.run(&studio, &mut [&mut good, &mut gone], Duration::from_secs(2), never);
    let (session, began) = (gone.session, Instant::now());
    drop(gone);
    show.run(&studio, &mut [&mut good], Duration::from_secs(20), |_, show| {
        show.events.iter().any(|event| matches!(event, Event::ViewerClosed { session: closed, .. } if *closed == session))
    });
    eprintln!("let go after {} ms", began.elapsed().as_millis());
    assert_eq!(studio.server.viewers(), 1, "after {} s", began.elapsed().as_secs());
    assert_eq!(studio.server.viewer_stats().len(), 1);
    assert!(good.pictures.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
}

#[test]
fn a_lossy_way_is_repaired_and_costs_the_others_nothing() {
    let _turn = serial();
    let studio = studio();
    let bad = Impairment { loss: 0.05, delay_ms: 10.0, jitter_ms: 10.0, seed: 3, ..Impairment::default() };
    let shim = Shim::start(studio.server.addresses()[0], bad, bad).expect("a shim");
    let mut show = Show::new(11_900);
    let (mut good, mut poor) = (seat(&studio, None), seat(&studio, Some(&shim)));
    show.run(&studio, &mut [&mut good, &mut poor], Duration::from_secs(10), never);
    let stats = |of: &Seat| studio.server.viewer_stats().into_iter().find(|(id, _)| *id == of.session).expect("measured").1;
    eprintln!("poor: {} pictures, {:?}; good: {} pictures, {:?}; {:?}", poor.pictures.len(), stats(&poor), good.pictures.len(), stats(&good), shim.passed());
    assert!(stats(&poor).nacks > 20 && stats(&poor).loss.expect("measured") > 0.005);
    assert!(poor.pictures.len() >= 276, "{} of 300", poor.pictures.len());
    assert!(good.pictures.len() >= 285 && good.pictures.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
}

#[test]
fn a_way_that_does_not_bear_the_programme_is_thinned_and_then_given_up() {
    let _turn = serial();
    let studio = studio();
    let narrow = Impairment { rate_bps: 700e3, queue_ms: 800.0, ..Impairment::default() };
    let shim = Shim::start(studio.server.addresses()[0], Impairment::default(), narrow).expect("a shim");
    let mut show = Show::new(11_900);
    let (mut good, mut poor) = (seat(&studio, None), seat(&studio, Some(&shim)));
    show.run(&studio, &mut [&mut good, &mut poor], Duration::from_secs(75), |seats, _| seats[1].closed);
    let reason = show
        .events
        .iter()
        .find_map(|event| if let Event::ViewerClosed { session, reason } = event { (*session == poor.session).then_some(reason) } else { None });
    eprintln!("after {:.1} s: {reason:?}, {} pictures", poor.opened.elapsed().as_secs_f64(), poor.pictures.len());
    assert!(reason.is_some_and(|reason| reason.contains("slow")));
    let sent = show.number as usize;
    assert!(good.pictures.len() + 30 >= sent, "{} of {sent}", good.pictures.len());
    assert!(good.pictures.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "the other misses nothing");
}

#[test]
fn storms_from_one_viewer_cost_the_others_nothing() {
    let _turn = serial();
    let studio = studio();
    let mut show = Show::new(11_900);
    let (mut good, mut wild) = (seat(&studio, None), seat(&studio, None));
    show.run(&studio, &mut [&mut good, &mut wild], Duration::from_secs(2), never);
    let asked = show.asked.len();
    let until = Instant::now() + Duration::from_secs(4);
    let mut junk = vec![0x80_u8, 205];
    junk.resize(900, 0xa5);
    while Instant::now() < until {
        for _ in 0..100 {
            wild.watcher.send_raw(&junk);
        }
        wild.watcher.request_key();
        show.run(&studio, &mut [&mut good, &mut wild], Duration::from_millis(10), never);
    }
    eprintln!(
        "{} keys asked for, good {} pictures, wild {}, {} turned away",
        show.asked.len() - asked,
        good.pictures.len(),
        wild.pictures.len(),
        studio.server.strays()
    );
    assert!(show.asked.len() - asked <= 5, "a key a second at most");
    assert!(good.pictures.len() >= 165 && good.pictures.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
}

#[test]
fn a_programme_before_its_viewers_waits_for_no_one() {
    let _turn = serial();
    let studio = studio();
    let unit = picture(Codec::H264, 0, true, 40_000);
    let began = Instant::now();
    for _ in 0..10_000 {
        assert!(studio.server.send_programme(&unit), "nobody views, so nothing waits");
    }
    eprintln!("{:.2} microseconds a picture while nobody views", began.elapsed().as_secs_f64() * 1e6 / 1e4);
    // With a viewer the queue has an end, and its end is told.
    let _one = seat(&studio, None);
    let taken = (0..100_000).map(|_| studio.server.send_programme(&unit)).filter(|taken| *taken).count();
    assert!(taken < 100_000);
    assert!(studio.clock.now() > MediaTime::ZERO);
}
