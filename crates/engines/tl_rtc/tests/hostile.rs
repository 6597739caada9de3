//! Phones and strangers that do not keep to the protocol must not disturb those that do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::{live, number, phone, pictures, serial, studio};
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
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        // A thread that has just ended has no more to tell.
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        if let Some((_, rest)) = stat.split_once("(rtc) ") {
            let fields: Vec<&str> = rest.split(' ').collect();
            ticks += fields[11].parse::<f64>().ok()? + fields[12].parse::<f64>().ok()?;
        }
    }
    Some(ticks / 100.0)
}

/// Datagrams for this port that the system threw away because its queue was full.
fn dropped(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/self/net/udp").unwrap_or_default();
    let ours = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mine = rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&ours)));
    mine.filter_map(|row| row.last()?.parse::<u64>().ok()).sum()
}

#[test]
fn a_flood_of_junk_costs_little_and_disturbs_no_one() {
    const A_SECOND: u64 = 50_000;
    const SECONDS: u64 = 30;
    let _turn = serial();
    let studio = studio();
    let mut good = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut good], Duration::from_secs(2), |_| false);
    let (to, stop, sent) = (studio.server.addresses()[0], AtomicBool::new(false), AtomicU64::new(0));
    let (before, first) = (rtc_seconds(), good.sent);
    let began = Instant::now();
    let mut events = std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let mut dice = Dice(3);
            let junk: Vec<Vec<u8>> = (0..512).map(|_| dice.junk()).collect();
            for datagram in junk.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let count = if socket.send_to(datagram, to).is_ok() { sent.fetch_add(1, Ordering::Relaxed) } else { sent.load(Ordering::Relaxed) };
                let ahead = Duration::from_secs(count) / A_SECOND as u32;
                if let Some(wait) = ahead.checked_sub(began.elapsed()).filter(|wait| *wait > Duration::from_millis(1)) {
                    // No more a second than was promised.
                    std::thread::sleep(wait);
                }
            }
        });
        let events = live(&studio, &mut [&mut good], Duration::from_secs(SECONDS), |_| false);
        stop.store(true, Ordering::Relaxed);
        events
    });
    let seconds = began.elapsed().as_secs_f64();
    let spent = rtc_seconds().zip(before).map(|(after, before)| after - before);
    let last = good.sent;
    events.extend(live(&studio, &mut [&mut good], Duration::from_millis(500), |_| false));
    let (sent, strays, dropped) = (sent.load(Ordering::Relaxed), studio.server.strays(), dropped(to.port()));
    let shown = pictures(&events, good.session).iter().filter(|unit| (first..last).contains(&number(unit))).count();
    eprintln!(
        "{:.0} datagrams of junk a second, {strays} of {sent} turned away, {dropped} never read, {:.1} % of a core, {shown} of {} pictures",
        sent as f64 / seconds,
        spent.unwrap_or(f64::NAN) / seconds * 100.0,
        last - first
    );
    assert!(shown as f64 >= f64::from(last - first) * 0.99, "{shown} of {}", last - first);
    assert!((strays + dropped) as f64 > sent as f64 * 0.9, "read, or dropped by the system");
    assert!(sent as f64 > (A_SECOND * SECONDS) as f64 * 0.8, "{sent} datagrams are no flood");
    if let Some(spent) = spent {
        // Half of it is the system's own work of handing a datagram over.
        assert!(spent / (sent as f64) < 10e-6, "{:.1} microseconds a datagram", spent / sent as f64 * 1e6);
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
            let mut junk = dice.junk();
            bad.publisher.send_raw(&junk);
            // The same as media of one of its own sources, which only the check of its key tells from the real thing.
            junk.resize(junk.len().max(40), 0x5a);
            junk[..2].copy_from_slice(&[0x80, [96, 97, 98, 111][(dice.roll() % 4) as usize]]);
            junk[8..12].copy_from_slice(&bad.ssrcs[(dice.roll() % bad.ssrcs.len() as u64) as usize].to_be_bytes());
            bad.publisher.send_raw(&junk);
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

#[test]
fn a_certificate_that_was_not_announced_ends_the_session_at_once_and_frees_its_place() {
    let _turn = serial();
    let studio = studio();
    let mut phone = Publisher::new(publish::Config::default()).expect("a phone");
    let offer = phone.offer().expect("an offer");
    let (before, print) = offer.split_once("a=fingerprint:sha-256 ").expect("a fingerprint");
    let (print, after) = print.split_once("\r\n").expect("a line");
    let turned: String = print
        .chars()
        .map(|c| {
            if c == 'A' {
                'B'
            } else if c == '1' {
                '2'
            } else {
                c
            }
        })
        .collect();
    assert_ne!(print, turned);
    let forged = format!("{before}a=fingerprint:sha-256 {turned}\r\n{}", after.replace(print, &turned));
    let answer = studio.server.offer(SlotId(1), &forged).expect("an answer");
    phone.accept(&answer.sdp).expect("accepted");
    let began = Instant::now();
    let mut closed = None;
    while closed.is_none() && began.elapsed() < Duration::from_secs(10) {
        phone.poll(Instant::now());
        for event in studio.events.try_iter() {
            assert!(!matches!(event, Event::Connected { .. } | Event::Media { .. }), "a stranger got in");
            if let Event::Closed { reason, .. } = event {
                closed = Some((began.elapsed(), reason));
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let (after, reason) = closed.expect("closed");
    eprintln!("closed after {} ms: {reason}", after.as_millis());
    assert!(after < Duration::from_secs(1));
    let mut good = support::phone(&studio, 1, publish::Config::default());
    let events = live(&studio, &mut [&mut good], Duration::from_secs(3), |event| matches!(event, Event::Media { .. }));
    assert!(matches!(events.last(), Some(Event::Media { .. })), "the place is free again");
}

/// A well-formed first message of a DTLS 1.2 handshake.
fn client_hello(dice: &mut Dice) -> Vec<u8> {
    let random: Vec<u8> = (0..4).flat_map(|_| dice.roll().to_be_bytes()).collect();
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 23, // supported_groups: secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats
        0, 13, 0, 4, 0, 2, 4, 3, // signature_algorithms: ecdsa_secp256r1_sha256
        0, 23, 0, 0, // extended_master_secret
        0, 14, 0, 7, 0, 4, 0, 7, 0, 1, 0, // use_srtp: AEAD_AES_128_GCM, AES128_CM_SHA1_80
    ];
    let mut body = [&[0xfe, 0xfd][..], &random, &[0, 0, 0, 2, 0xc0, 0x2b, 1, 0]].concat();
    body.extend_from_slice(&u16::try_from(extensions.len()).expect("short").to_be_bytes());
    body.extend_from_slice(extensions);
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    let message = [&[1][..], &length[1..], &[0, 0, 0, 0, 0], &length[1..], &body].concat();
    let record = u16::try_from(message.len()).expect("short").to_be_bytes();
    [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1][..], &record, &message].concat()
}

#[test]
fn a_second_handshake_ends_a_session_that_is_not_up_and_leaves_alone_one_that_is() {
    let _turn = serial();
    let studio = studio();
    let mut dice = Dice(21);
    // Somebody races the phone from its own address, which takes forging it: from the first answer to its STUN on. The phone's own
    // words take a while, so that the race is lost each time.
    let slow = publish::Impairment { delay_ms: 20.0, ..publish::Impairment::default() };
    let mut phone = Publisher::new(publish::Config { impair: slow, ..publish::Config::default() }).expect("a phone");
    let offer = phone.offer().expect("an offer");
    phone.accept(&studio.server.offer(SlotId(1), &offer).expect("an answer").sdp).expect("accepted");
    let began = Instant::now();
    let mut outcome = None;
    while outcome.is_none() && began.elapsed() < Duration::from_secs(10) {
        phone.send_raw(&client_hello(&mut dice));
        phone.poll(Instant::now());
        outcome = studio.events.try_iter().find(|event| matches!(event, Event::Connected { .. } | Event::Closed { .. }));
    }
    let outcome = outcome.expect("an end");
    eprintln!("after {} ms: {outcome:?}", began.elapsed().as_millis());
    assert!(matches!(&outcome, Event::Closed { reason, .. } if reason.contains("handshake")) && began.elapsed() < Duration::from_secs(1), "{outcome:?}");
    // The place is free, and once the phone is up nobody's hello or goodbye disturbs it.
    let mut good = support::phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut good], Duration::from_secs(2), |event| matches!(event, Event::Media { .. }));
    let mut events = Vec::new();
    for _ in 0..50 {
        good.publisher.send_raw(&client_hello(&mut dice));
        // A fatal alert, in the clear.
        good.publisher.send_raw(&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]);
        events.extend(live(&studio, &mut [&mut good], Duration::from_millis(40), |_| false));
    }
    let shown = pictures(&events, good.session).len();
    assert!(shown >= 55 && !events.iter().any(|event| matches!(event, Event::Closed { .. })), "{shown} pictures in 2 s");
}

#[test]
fn media_of_a_source_that_was_not_announced_is_not_looked_at() {
    let _turn = serial();
    let studio = studio();
    let mut good = phone(&studio, 1, publish::Config::default());
    live(&studio, &mut [&mut good], Duration::from_secs(2), |_| false);
    let before = studio.server.strays();
    let mut events = Vec::new();
    for round in 0..200_u32 {
        for pt in [96_u8, 97, 98, 111] {
            // The phone's media lines, named by the header extension, so that it would be taken for a new source of one of them.
            for mid in *b"01" {
                let mut forged = vec![0x90, pt, 0, round as u8, 0, 0, 0, 0, 0xde, 0xad, (round >> 8) as u8, round as u8, 0xbe, 0xde, 0, 1, 0x40, mid, 0, 0];
                forged.resize(300, 0x5a);
                good.publisher.send_raw(&forged);
            }
        }
        events.extend(live(&studio, &mut [&mut good], Duration::from_millis(15), |_| false));
    }
    let shown = pictures(&events, good.session).len();
    eprintln!("{shown} pictures, {} turned away", studio.server.strays() - before);
    assert_eq!(studio.server.strays() - before, 1_600, "all of them");
    assert!(shown >= 85, "{shown} pictures in 3 s");
}

#[test]
fn only_host_candidates_are_told_and_nobody_else_is_spoken_to() {
    let _turn = serial();
    let studio = studio();
    // Somebody is named in the offer who never asked for anything: a server that would be dialled if candidates were believed.
    let bystander = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    bystander.set_nonblocking(true).expect("non-blocking");
    let port = bystander.local_addr().expect("an address").port();
    let mut phone = Publisher::new(publish::Config::default()).expect("a phone");
    let offer = phone.offer().expect("an offer").replacen(
        "a=mid:",
        &format!("a=candidate:9 1 udp 1694498815 127.0.0.1 {port} typ srflx raddr 127.0.0.1 rport {port}\r\na=mid:"),
        1,
    );
    let answer = studio.server.offer(SlotId(1), &offer).expect("an answer");
    let candidates: Vec<&str> = answer.sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert!(!candidates.is_empty() && candidates.iter().all(|line| line.ends_with("typ host") || line.contains(" typ host ")), "{candidates:?}");
    assert!(!answer.sdp.contains("stun:") && !answer.sdp.contains("turn:"));
    phone.accept(&answer.sdp).expect("accepted");
    let began = Instant::now();
    while !phone.connected() && began.elapsed() < Duration::from_secs(3) {
        phone.poll(Instant::now());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(phone.connected());
    let mut buffer = [0; 64];
    assert!(bystander.recv_from(&mut buffer).is_err(), "a datagram went to somebody who was only named");
    // The process's sockets that look beyond loopback: none was opened for this.
    let beyond = udp_peers();
    assert!(beyond.iter().all(|peer| peer.is_empty()), "{beyond:?}");
}

/// Peers outside loopback that UDP sockets of this machine are connected to, of those that belong to this process.
fn udp_peers() -> Vec<String> {
    let mine: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .map(|fds| fds.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok()).map(|link| link.display().to_string()).collect())
        .unwrap_or_default();
    let table = std::fs::read_to_string("/proc/self/net/udp").unwrap_or_default();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = rows.filter(|row| row.get(9).is_some_and(|inode| mine.contains(&format!("socket:[{inode}]"))));
    own.filter_map(|row| row.get(2).map(|peer| (*peer).to_owned()))
        .filter(|peer| !peer.starts_with("00000000") && !peer.ends_with(":0000") && !peer.starts_with("0100007F"))
        .collect()
}
