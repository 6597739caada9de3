//! Sound goes back to phones, and microphones come without a picture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::{live, phone, serial, studio, unit};
use tl_base::{MediaTime, SlotId};
use tl_frame::Codec;
use tl_rtc::data::{FromPhone, Tally, ToPhone};
use tl_rtc::publish::{self, Publisher};
use tl_rtc::{Error, Event, SessionId};

/// Sends forty packets of sound to the phone; how many came.
fn heard(studio: &support::Studio, phone: &mut support::Phone, to: SessionId) -> usize {
    phone.events.clear();
    for number in 0..40_u8 {
        let mut sound = unit(Codec::Opus, vec![0xfc, number, 7], true);
        sound.pts = MediaTime::from_millis(i64::from(number) * 20);
        assert!(studio.server.send_return(to, &sound));
        live(studio, &mut [phone], Duration::from_millis(20), |_| false);
    }
    live(studio, &mut [phone], Duration::from_millis(300), |_| false);
    let sounds: Vec<u8> = phone.events.iter().filter_map(|event| if let publish::Event::Sound(data) = event { data.get(1).copied() } else { None }).collect();
    assert!(sounds.is_sorted());
    sounds.len()
}

#[test]
fn a_phone_that_listens_hears_and_one_that_does_not_is_sent_nothing() {
    let _turn = serial();
    let studio = studio();
    let mut listens = phone(&studio, 1, publish::Config { listen: true, ..publish::Config::default() });
    let mut deaf = phone(&studio, 2, publish::Config::default());
    live(&studio, &mut [&mut listens, &mut deaf], Duration::from_secs(1), |_| false);
    let session = listens.session;
    assert!(heard(&studio, &mut listens, session) >= 38);
    let session = deaf.session;
    assert_eq!(heard(&studio, &mut deaf, session), 0);
    // Its own pictures and sound kept coming meanwhile.
    let events = live(&studio, &mut [&mut listens], Duration::from_secs(1), |_| false);
    let count = |sound: bool| {
        events.iter().filter(|event| matches!(event, Event::Media { session, unit } if *session == listens.session && unit.codec.is_audio() == sound)).count()
    };
    assert!(count(false) > 25 && count(true) > 40, "{} pictures, {} sounds", count(false), count(true));
    assert!(!studio.server.send_return(listens.session, &unit(Codec::H264, vec![1], true)), "only Opus");
}

#[test]
fn words_about_talking_go_both_ways() {
    let _turn = serial();
    let studio = studio();
    let mut phone = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut phone], Duration::from_secs(3), |event| matches!(event, Event::Data { .. }));
    let said = [FromPhone::Listen { on: true }, FromPhone::Talk { on: true }, FromPhone::Talk { on: false }];
    said.iter().for_each(|word| phone.publisher.say(word).expect("said"));
    let told = [ToPhone::Talk { from: "director".into(), on: true }, ToPhone::Text { text: "Wider, please".into() }, ToPhone::Tally { state: Tally::Replay }];
    told.iter().for_each(|word| studio.server.send(phone.session, word));
    let events = live(&studio, &mut [&mut phone], Duration::from_secs(1), |_| false);
    let words: Vec<&FromPhone> = events.iter().filter_map(|event| if let Event::Data { message, .. } = event { Some(message) } else { None }).collect();
    assert_eq!(words, said.iter().collect::<Vec<_>>());
    for word in told {
        assert!(phone.events.contains(&publish::Event::Data(word.clone())), "{word:?}");
    }
}

#[test]
fn a_commentator_joins_with_a_microphone_alone() {
    let _turn = serial();
    let studio = studio();
    let mut microphone =
        Publisher::new(publish::Config { sound_only: true, listen: true, name: "commentator".into(), ..publish::Config::default() }).expect("a phone");
    let offer = microphone.offer().expect("an offer");
    assert!(matches!(studio.server.offer(SlotId(1), &offer), Err(Error::OfferRefused(_))), "a camera needs a picture");
    let answer = studio.server.offer(SlotId::COMMENTARY, &offer).expect("an answer");
    microphone.accept(&answer.sdp).expect("accepted");
    let camera = Publisher::new(publish::Config::default()).expect("a phone").offer().expect("an offer");
    assert!(matches!(studio.server.offer(SlotId::TALKBACK, &camera), Err(Error::OfferRefused(_))), "a microphone has none");

    let (began, mut sounds, mut back, mut next) = (Instant::now(), Vec::new(), 0, 0_u32);
    let mut stats = None;
    while began.elapsed() < Duration::from_secs(7) {
        microphone.poll(Instant::now());
        if microphone.connected() && began.elapsed() >= Duration::from_millis(20) * next {
            let at = microphone.phone_time(Instant::now());
            microphone.send_audio(&unit(Codec::Opus, vec![0xfc, 1, 2], true), at).expect("sent");
            studio.server.send_return(answer.session, &unit(Codec::Opus, vec![0xfc, 9], true));
            next += 1;
        }
        for event in studio.events.try_iter() {
            match event {
                Event::Media { unit, .. } => sounds.push(unit),
                Event::Stats { stats: now, .. } => stats = Some(now),
                Event::Closed { reason, .. } => panic!("closed: {reason}"),
                _ => {}
            }
        }
        while let Some(event) = microphone.next_event() {
            back += u32::from(matches!(event, publish::Event::Sound(_)));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    eprintln!("{} packets came, {back} went back, {stats:?}", sounds.len());
    assert!(sounds.len() > 300 && sounds.iter().all(|unit| unit.source == SlotId::COMMENTARY && unit.codec == Codec::Opus));
    assert!(sounds.windows(2).all(|pair| pair[0].capture < pair[1].capture));
    assert!(back > 250);
    let stats = stats.expect("measured");
    assert!(stats.fps.is_none(), "a microphone has no pictures, not none a second");
    assert!(stats.loss.is_some() && stats.jitter_ms.is_some() && stats.rtt_ms.is_some() && stats.bitrate_bps.expect("measured") > 1_000.0);
}
