//! A phone without a screen publishes to the studio over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::{capture_errors, live, number, phone, picture, pictures, serial, share, studio};
use tl_base::{MediaTime, SlotId};
use tl_frame::{Codec, h264};
use tl_rtc::data::{FromPhone, Tally, ToPhone};
use tl_rtc::publish::{self, Impairment, offset_clock};
use tl_rtc::{Error, Event};

#[test]
fn pictures_and_sound_come_whole_in_order_and_with_the_time_of_their_light() {
    let _turn = serial();
    let check = |codec: Codec, offset_secs: f64, drift_ppm: f64| {
        let studio = studio();
        let config = publish::Config { clock: offset_clock(offset_secs, drift_ppm), codec, ..publish::Config::default() };
        let began = Instant::now();
        let mut phone = phone(&studio, 3, config);
        let up = live(&studio, &mut [&mut phone], Duration::from_secs(5), |event| matches!(event, Event::Connected { .. }));
        assert!(matches!(up.last(), Some(Event::Connected { slot: SlotId(3), .. })), "not connected");
        eprintln!("{codec:?}: connected after {} ms", began.elapsed().as_millis());
        let mut events = live(&studio, &mut [&mut phone], Duration::from_secs(6), |_| false);
        studio.server.send(phone.session, &ToPhone::Tally { state: Tally::Live });
        events.extend(live(&studio, &mut [&mut phone], Duration::from_secs(1), |_| false));

        let units = pictures(&events, phone.session);
        assert!(units.len() > 190, "{} pictures of {}", units.len(), phone.sent);
        assert!(units[0].key);
        let keys = units.iter().filter(|unit| unit.key).count();
        assert!((3..=6).contains(&keys), "{keys} keys in seven seconds");
        for (index, unit) in units.iter().enumerate() {
            assert_eq!(number(unit), index as u32, "in order and without a hole");
            assert_eq!(unit.data, phone.truth[&(index as u32)].1.data, "every byte");
            assert_eq!((unit.codec, unit.source, unit.config_id.0, unit.pts), (codec, SlotId(3), 1, unit.capture));
        }
        assert!(units.windows(2).all(|pair| pair[0].capture < pair[1].capture), "captures rise");
        let errors = capture_errors(&phone, &units[60..]);
        eprintln!(
            "{codec:?}, {offset_secs} s, {drift_ppm} ppm: capture off by p50 {:.2} p95 {:.2} max {:.2} ms",
            share(&errors, 0.5),
            share(&errors, 0.95),
            share(&errors, 1.0)
        );
        assert!(share(&errors, 0.95) <= 5.0);

        let sound = events.iter().filter(|event| matches!(event, Event::Media { unit, .. } if unit.codec == Codec::Opus)).count();
        assert!(sound > 300, "{sound} packets of sound");
        assert!(events.iter().chain(&up).any(|event| matches!(event, Event::Data { message: FromPhone::Hello { name, .. }, .. } if name == "phone")));
        assert!(phone.events.contains(&publish::Event::Data(ToPhone::Tally { state: Tally::Live })));
        let Some(Event::Clock { state, .. }) = events.iter().rev().find(|event| matches!(event, Event::Clock { .. })) else { panic!("no clock") };
        assert!(state.two_way && state.uncertainty_ms < 5.0, "{state:?}");
        let stats = studio.server.stats(phone.session).expect("measured");
        eprintln!("{stats:?}");
        assert!((28.0..32.0).contains(&stats.fps.unwrap()) && stats.loss == Some(0.0) && stats.rtt_ms.unwrap() < 20.0);
        assert!((1.5e6..4e6).contains(&stats.bitrate_bps.unwrap()) && stats.jitter_ms.unwrap() < 10.0);
    };
    check(Codec::H264, -4.9, 50.0);
    check(Codec::H264, 4.9, -50.0);
    check(Codec::Vp8, 0.3, 0.0);
}

#[test]
fn what_is_lost_is_sent_again_and_what_stays_lost_is_never_half_shown() {
    let _turn = serial();
    let check = |impair: Impairment, seconds: u64, least: f64, least_usable: f64| {
        let studio = studio();
        let mut phone = phone(&studio, 1, publish::Config { impair, ..publish::Config::default() });
        live(&studio, &mut [&mut phone], Duration::from_secs(5), |event| matches!(event, Event::Connected { .. }));
        // A second to measure the way, as any camera has before it is admitted.
        live(&studio, &mut [&mut phone], Duration::from_secs(2), |_| false);
        let first = phone.sent;
        let mut events = live(&studio, &mut [&mut phone], Duration::from_secs(seconds), |_| false);
        let last = phone.sent;
        events.extend(live(&studio, &mut [&mut phone], Duration::from_millis(500), |_| false));
        let units = pictures(&events, phone.session);
        let all: Vec<(u64, f64)> =
            events.iter().filter_map(|event| if let Event::Stats { lost, stats, .. } = event { Some((*lost, stats.loss?)) } else { None }).collect();
        let lost = all.last().expect("measured").0;
        let measured = all.iter().map(|(_, loss)| loss).sum::<f64>() / all.len() as f64;
        let came: Vec<u32> = units.iter().map(|unit| number(unit)).filter(|number| (first..last).contains(number)).collect();
        let share = came.len() as f64 / f64::from(last - first);
        // A second is usable when at least four fifths of its pictures come.
        let per_second = |second: u32| came.iter().filter(|number| (**number - first) / 30 == second).count();
        let whole_seconds = (last - first) / 30;
        let usable = (0..whole_seconds).filter(|second| per_second(*second) >= 24).count() as f64 / f64::from(whole_seconds);
        let mut late: Vec<f64> = units.iter().map(|unit| (unit.arrival - unit.capture).as_millis_f64()).collect();
        late.sort_by(f64::total_cmp);
        eprintln!(
            "loss {}: {} of {} pictures, {:.1} % of seconds usable, {lost} lost, measured {measured:.3}, arrival p50 {:.0} p99 {:.0} ms, {:?}",
            impair.loss,
            came.len(),
            last - first,
            usable * 100.0,
            crate::share(&late, 0.5),
            crate::share(&late, 0.99),
            phone.publisher.counts()
        );
        assert!(share >= least, "{} of {}", came.len(), last - first);
        assert!(usable >= least_usable, "{usable}");
        assert!((measured - impair.loss).abs() < impair.loss * 0.8, "loss before repair: {measured}");
        for unit in &units {
            assert_eq!(unit.data, phone.truth[&number(unit)].1.data, "never half a picture");
        }
        assert!(units.windows(2).all(|pair| number(pair[0]) < number(pair[1])));
    };
    let near = Impairment { loss: 0.01, burst: 2.0, delay_ms: 3.0, jitter_ms: 4.0, reorder: true, seed: 11, ..Impairment::default() };
    check(near, 8, 0.99, 1.0);
    check(Impairment { loss: 0.05, ..near }, 8, 0.98, 0.95);
    // 50 +- 20 ms.
    check(Impairment { loss: 0.05, burst: 1.0, delay_ms: 30.0, jitter_ms: 40.0, reorder: true, seed: 5, ..near }, 20, 0.95, 0.95);
}

#[test]
fn after_a_blackout_the_next_thing_shown_is_a_key_picture() {
    let _turn = serial();
    let studio = studio();
    let mut phone = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut phone], Duration::from_secs(2), |_| false);
    phone.publisher.set_impairment(Impairment { loss: 1.0, ..Impairment::default() });
    let dark = live(&studio, &mut [&mut phone], Duration::from_millis(1_500), |_| false);
    assert!(!dark.iter().any(|event| matches!(event, Event::Closed { .. })), "a second and a half is sat out");
    phone.events.clear();
    phone.publisher.set_impairment(Impairment::default());
    let began = Instant::now();
    let light = live(&studio, &mut [&mut phone], Duration::from_secs(3), |event| matches!(event, Event::Media { unit, .. } if !unit.codec.is_audio()));
    let units = pictures(&light, phone.session);
    eprintln!("picture {} ms after the blackout", began.elapsed().as_millis());
    assert!(units.last().expect("a picture").key);
    assert!(phone.events.contains(&publish::Event::KeyFrameRequested));
    let after = live(&studio, &mut [&mut phone], Duration::from_millis(1_500), |_| false);
    let lost = after.iter().rev().find_map(|event| if let Event::Stats { lost, .. } = event { Some(*lost) } else { None });
    assert!((30..=60).contains(&lost.expect("measured")), "{lost:?} counted");
    assert!(pictures(&after, phone.session).len() > 35);
}

#[test]
fn either_side_can_hang_up_and_the_other_knows_at_once() {
    let _turn = serial();
    let studio = studio();
    let closed = |event: &Event| matches!(event, Event::Closed { .. });
    let mut phone_a = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut phone_a], Duration::from_secs(1), |_| false);
    let began = Instant::now();
    phone_a.publisher.close();
    let events = live(&studio, &mut [], Duration::from_secs(2), closed);
    assert!(matches!(events.last(), Some(Event::Closed { slot: SlotId(1), .. })) && began.elapsed() < Duration::from_millis(500), "{events:?}");
    assert!(studio.server.stats(phone_a.session).is_none());

    let mut phone_b = phone(&studio, 2, publish::Config::default());
    live(&studio, &mut [&mut phone_b], Duration::from_secs(1), |_| false);
    studio.server.close(phone_b.session);
    live(&studio, &mut [&mut phone_b], Duration::from_secs(2), closed);
    live(&studio, &mut [&mut phone_b], Duration::from_millis(100), |_| false);
    assert_eq!(phone_b.events.last(), Some(&publish::Event::Closed));
}

#[test]
fn a_phone_that_falls_silent_is_closed_with_a_reason_and_may_return() {
    let _turn = serial();
    let studio = studio();
    let mut gone = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut gone], Duration::from_secs(1), |_| false);
    let silent = Instant::now();
    drop(gone);
    let events = live(&studio, &mut [], Duration::from_secs(8), |event| matches!(event, Event::Closed { .. }));
    let Some(Event::Closed { reason, .. }) = events.last() else { panic!("still open") };
    eprintln!("closed after {} ms: {reason}", silent.elapsed().as_millis());
    assert!(!reason.is_empty() && silent.elapsed() < Duration::from_secs(6));
    let mut again = phone(&studio, 1, publish::Config::default());
    let back =
        live(&studio, &mut [&mut again], Duration::from_secs(3), |event| matches!(event, Event::Media { unit, .. } if unit.key && !unit.codec.is_audio()));
    assert!(!pictures(&back, again.session).is_empty());
}

#[test]
fn a_new_size_is_a_new_configuration_and_bare_keys_get_their_sets() {
    let _turn = serial();
    let studio = studio();
    let mut phone = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut phone], Duration::from_secs(5), |event| matches!(event, Event::Media { .. }));
    let send = |phone: &mut support::Phone, data: Vec<u8>| {
        let capture = phone.publisher.phone_time(Instant::now());
        phone.publisher.send_video(&support::unit(Codec::H264, data, true), capture).expect("sent");
    };
    let seen = |wanted: usize, phone: &mut support::Phone| {
        let mut got = None;
        live(&studio, &mut [phone], Duration::from_secs(3), |event| match event {
            Event::Media { unit, .. } if unit.key && unit.data.len() == wanted => {
                got = Some(unit.clone());
                true
            }
            _ => false,
        });
        got.expect("the key picture")
    };
    // A key picture without its sets comes out with the known ones in front.
    send(&mut phone, [&[0, 0, 0, 1, 0x65, 0x88][..], &[0xaa; 700]].concat());
    let with_sets = seen(4 + support::SPS_720.len() + 4 + support::PPS.len() + 706, &mut phone);
    assert_eq!(h264::nals(&with_sets.data).map(h264::kind).collect::<Vec<_>>(), [h264::SPS, h264::PPS, h264::IDR]);
    assert_eq!(with_sets.config_id.0, 1);
    // Another PPS is another configuration.
    let whole = picture(Codec::H264, 0, true, 900).data.to_vec();
    let other: Vec<u8> =
        whole.iter().enumerate().map(|(at, byte)| if at == 4 + support::SPS_720.len() + 4 + support::PPS.len() - 1 { 0xcd } else { *byte }).collect();
    send(&mut phone, other);
    assert_eq!(seen(900, &mut phone).config_id.0, 2);
}

#[test]
fn a_studio_with_several_addresses_is_reached_at_one_of_them() {
    let _turn = serial();
    let studio = support::studio_at(vec![[127, 0, 0, 2].into(), [127, 0, 0, 1].into(), [127, 0, 0, 3].into()]);
    let mut phone = phone(&studio, 1, publish::Config::default());
    let events = live(&studio, &mut [&mut phone], Duration::from_secs(3), |_| false);
    assert!(pictures(&events, phone.session).len() > 60, "{} pictures", pictures(&events, phone.session).len());
}

#[test]
fn requests_for_what_is_not_there_do_no_harm() {
    let _turn = serial();
    let studio = studio();
    let nobody = tl_rtc::SessionId(99);
    studio.server.close(nobody);
    studio.server.request_key(nobody);
    studio.server.send(nobody, &ToPhone::Ping { id: 1 });
    assert!(studio.server.stats(nobody).is_none());
    assert!(matches!(studio.server.offer(SlotId(1), "v=0\r\n"), Err(Error::OfferRefused(_))));
    let mut phone = publish::Publisher::new(publish::Config::default()).expect("a phone");
    assert!(matches!(phone.send_video(&picture(Codec::H264, 0, true, 100), 0), Err(Error::NotConnected)));
    assert!(matches!(phone.accept("v=0\r\n"), Err(Error::AnswerRefused(_))));
    assert!(studio.clock.now() > MediaTime::ZERO);
}
