//! Phones and strangers that do not keep to the protocol must not disturb those that do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::{live, phone, pictures, serial, studio};
use tl_base::SlotId;
use tl_rtc::publish::{self, Publisher};
use tl_rtc::{Error, Event};

/// S. Vigna, splitmix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A datagram that begins like STUN, DTLS, RTP, RTCP or nothing known.
    fn junk(&mut self) -> Vec<u8> {
        let length = 1 + (self.roll() % 1_300) as usize;
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.roll().to_le_bytes()).take(length).collect();
        let head: &[u8] = match self.roll() % 6 {
            0 => &[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42],
            1 => &[22, 0xfe, 0xfd, 0, 1],
            2 => &[0x80, 96],
            3 => &[0x80, 200],
            4 => &[0x90, 111, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0xbe, 0xde, 0xff, 0xff],
            _ => &[],
        };
        for (byte, wanted) in bytes.iter_mut().zip(head) {
            *byte = *wanted;
        }
        bytes
    }
}

/// Processor time of this process's thread `rtc`, seconds; none where the system does not tell.
fn rtc_seconds() -> Option<f64> {
    let mut ticks = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        if let Some((_, rest)) = stat.split_once("(rtc) ") {
            let fields: Vec<&str> = rest.split(' ').collect();
            ticks += fields[11].parse::<f64>().ok()? + fields[12].parse::<f64>().ok()?;
        }
    }
    Some(ticks / 100.0)
}

#[test]
fn a_flood_of_junk_costs_little_and_disturbs_no_one() {
    let _turn = serial();
    let studio = studio();
    let mut good = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut good], Duration::from_secs(2), |_| false);
    let (to, stop, sent) = (studio.server.addresses()[0], AtomicBool::new(false), AtomicU64::new(0));
    let before = rtc_seconds();
    let began = Instant::now();
    let events = std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let mut dice = Dice(3);
            let junk: Vec<Vec<u8>> = (0..512).map(|_| dice.junk()).collect();
            while !stop.load(Ordering::Relaxed) {
                for datagram in junk.iter().take(100) {
                    if socket.send_to(datagram, to).is_ok() {
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let events = live(&studio, &mut [&mut good], Duration::from_secs(4), |_| false);
        stop.store(true, Ordering::Relaxed);
        events
    });
    let spent = rtc_seconds().zip(before).map(|(after, before)| after - before);
    let (sent, strays) = (sent.load(Ordering::Relaxed), studio.server.strays());
    let shown = pictures(&events, good.session).len();
    eprintln!("{sent} datagrams of junk in {:.1} s, {strays} turned away, {spent:?} s of processor, {shown} pictures", began.elapsed().as_secs_f64());
    assert!(shown >= 112, "{shown} pictures in 4 s");
    assert!(strays as f64 > sent as f64 * 0.9);
    if let Some(spent) = spent {
        assert!(spent / (sent as f64) < 20e-6, "{:.1} microseconds a datagram", spent / sent as f64 * 1e6);
    }
}

#[test]
fn junk_from_a_phone_s_own_port_harms_at_most_that_phone() {
    let _turn = serial();
    let studio = studio();
    let mut good = phone(&studio, 1, publish::Config::default());
    let mut bad = phone(&studio, 2, publish::Config::default());
    live(&studio, &mut [&mut good, &mut bad], Duration::from_secs(2), |_| false);
    let mut dice = Dice(5);
    let mut events = Vec::new();
    for _ in 0..150 {
        for _ in 0..20 {
            bad.publisher.send_raw(&dice.junk());
        }
        events.extend(live(&studio, &mut [&mut good, &mut bad], Duration::from_millis(20), |_| false));
    }
    let (shown_good, shown_bad) = (pictures(&events, good.session).len(), pictures(&events, bad.session).len());
    eprintln!("pictures: {shown_good} of the good phone, {shown_bad} of the bad one");
    assert!(shown_good >= 85, "{shown_good} pictures in 3 s");
    assert!(!events.iter().any(|event| matches!(event, Event::Closed { session, .. } if *session == good.session)));
    // Forged datagrams do not end the session they pretend to belong to either.
    assert!(shown_bad >= 60, "{shown_bad} pictures in 3 s");
}

#[test]
fn words_that_make_no_sense_are_passed_over_and_too_many_end_the_session() {
    let _turn = serial();
    let studio = studio();
    let mut good = phone(&studio, 1, publish::Config::default());
    let mut bad = phone(&studio, 2, publish::Config::default());
    live(&studio, &mut [&mut good, &mut bad], Duration::from_secs(2), |_| false);
    for text in ["{", "[]", "{\"type\":\"pong\",\"id\":4000000000,\"clock_us\":-9223372036854775808}", "{\"type\":\"hello\",\"name\":7}", "null"] {
        bad.publisher.say_raw(text);
    }
    bad.publisher.say_raw(&format!("{{\"type\":\"hello\",\"name\":\"{}\"}}", "x".repeat(5_000)));
    let events = live(&studio, &mut [&mut good, &mut bad], Duration::from_secs(1), |_| false);
    assert!(!events.iter().any(|event| matches!(event, Event::Data { .. } | Event::Closed { .. })), "nothing of it counts");
    assert!(pictures(&events, bad.session).len() > 25);
    let (mut closed, mut heard) = (false, 0);
    for _ in 0..100 {
        for _ in 0..20 {
            bad.publisher.say_raw("{\"type\":\"phone\",\"dropped\":1}");
        }
        let seen = live(&studio, &mut [&mut good, &mut bad], Duration::from_millis(20), |_| false);
        closed |= seen.iter().any(|event| matches!(event, Event::Closed { session, reason, .. } if *session == bad.session && reason.contains("talks")));
        heard += seen.iter().filter(|event| matches!(event, Event::Data { .. })).count();
        if closed {
            break;
        }
    }
    assert!(closed, "a phone that never stops talking is hung up on, not only after {heard} messages");
    let after = live(&studio, &mut [&mut good], Duration::from_secs(1), |_| false);
    assert!(pictures(&after, good.session).len() > 25);
}

#[test]
fn offers_of_any_kind_are_answered_or_refused() {
    let _turn = serial();
    let studio = studio();
    let offer = Publisher::new(publish::Config::default()).expect("a phone").offer().expect("an offer");
    let mut dice = Dice(9);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..1_500 {
        let mut bytes = offer.clone().into_bytes();
        for _ in 0..1 + dice.roll() % 6 {
            let at = (dice.roll() % bytes.len() as u64) as usize;
            match dice.roll() % 4 {
                0 => bytes[at] = (dice.roll() % 128) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"0123456789:;=\r\n "[(dice.roll() % 16) as usize]),
                _ => {
                    // A line out of its place.
                    let mut lines: Vec<String> = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
                    let count = lines.len() as u64;
                    lines.swap((dice.roll() % count) as usize, (dice.roll() % count) as usize);
                    bytes = lines.join("\r\n").into_bytes();
                }
            }
        }
        match studio.server.offer(SlotId(1), &String::from_utf8_lossy(&bytes)) {
            Ok(answer) => {
                taken += 1;
                studio.server.close(answer.session);
                live(&studio, &mut [], Duration::from_secs(1), |event| matches!(event, Event::Closed { .. }));
            }
            Err(Error::Full(_) | Error::Io(_)) => panic!("refused for the wrong reason"),
            Err(_) => refused += 1,
        }
    }
    eprintln!("{taken} answered, {refused} refused");
    assert!(taken > 50 && refused > 50);

    // As many as there is room for, and no more; then all leave and a phone can join.
    let mut open = Vec::new();
    let full = loop {
        match studio.server.offer(SlotId(1), &offer) {
            Ok(answer) => open.push(answer.session),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Full(64)) && open.len() == 64, "{full}: {}", open.len());
    for session in open {
        studio.server.close(session);
        live(&studio, &mut [], Duration::from_secs(1), |event| matches!(event, Event::Closed { .. }));
    }
    let mut good = phone(&studio, 1, publish::Config::default());
    let events = live(&studio, &mut [&mut good], Duration::from_secs(2), |event| matches!(event, Event::Media { .. }));
    assert!(matches!(events.last(), Some(Event::Media { .. })));
}
