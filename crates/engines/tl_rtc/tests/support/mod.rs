//! A studio with phones on loopback, for the tests beside this folder.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

pub mod browser;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use tl_base::{MediaClock, MediaTime, SlotId};
use tl_frame::{AccessUnit, Codec, ConfigId};
use tl_rtc::publish::{self, Publisher};
use tl_rtc::{Config, Event, Server, SessionId};

/// x264, 1280x720, High profile, level 3.1.
pub const SPS_720: [u8; 24] =
    [0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02, 0x80, 0x2d, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x47, 0x8c, 0x19, 0x50];
pub const PPS: [u8; 4] = [0x68, 0xef, 0x0f, 0xcb];

static SERIAL: Mutex<()> = Mutex::new(());

/// Tests with real sockets take turns, so that they do not measure each other.
pub fn serial() -> MutexGuard<'static, ()> {
    SERIAL.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Studio {
    pub server: Server,
    pub events: Receiver<Event>,
    pub clock: MediaClock,
}

pub fn studio() -> Studio {
    studio_at(vec![[127, 0, 0, 1].into()])
}

/// A studio that this many may watch.
pub fn studio_with(max_viewers: usize) -> Studio {
    studio_of(vec![[127, 0, 0, 1].into()], max_viewers)
}

pub fn studio_at(addresses: Vec<IpAddr>) -> Studio {
    studio_of(addresses, 64)
}

fn studio_of(addresses: Vec<IpAddr>, max_viewers: usize) -> Studio {
    let clock = MediaClock::starting_at(MediaTime::ZERO);
    let (sender, events) = bounded(100_000);
    let config = Config { addresses, port: 0, clock, max_viewers };
    let server = Server::start(config, move |event| drop(sender.send(event))).expect("a server");
    Studio { server, events, clock }
}

/// A phone that sends pictures 30 times a second and knows when each was captured.
pub struct Phone {
    pub publisher: Publisher,
    pub session: SessionId,
    pub codec: Codec,
    pub sent: u32,
    pub truth: HashMap<u32, (MediaTime, AccessUnit)>,
    pub events: Vec<publish::Event>,
    pub key_next: bool,
    pub bytes: usize,
    /// The sources that it announced.
    pub ssrcs: Vec<u32>,
    next: Option<Instant>,
    next_sound: Option<Instant>,
}

pub fn phone(studio: &Studio, slot: u16, config: publish::Config) -> Phone {
    let codec = config.codec;
    let mut publisher = Publisher::new(config).expect("a phone");
    let offer = publisher.offer().expect("an offer");
    let answer = studio.server.offer(SlotId(slot), &offer).expect("an answer");
    publisher.accept(&answer.sdp).expect("accepted");
    Phone {
        publisher,
        session: answer.session,
        codec,
        sent: 0,
        truth: HashMap::new(),
        events: Vec::new(),
        key_next: true,
        bytes: 8_000,
        ssrcs: offer.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok()).collect(),
        next: None,
        next_sound: None,
    }
}

impl Phone {
    /// Does what is due; tells when to come again.
    pub fn turn(&mut self, clock: &MediaClock) -> Instant {
        let wake = self.publisher.poll(Instant::now());
        while let Some(event) = self.publisher.next_event() {
            self.key_next |= event == publish::Event::KeyFrameRequested;
            self.events.push(event);
        }
        if !self.publisher.connected() {
            return wake;
        }
        let now = Instant::now();
        let due = *self.next.get_or_insert(now);
        if now >= due {
            let key = std::mem::take(&mut self.key_next);
            let unit = picture(self.codec, self.sent, key, if key { self.bytes * 4 } else { self.bytes });
            // The light fell 20 ms before the encoder was done.
            let light = now.checked_sub(Duration::from_millis(20)).expect("after boot");
            let capture = self.publisher.phone_time(light);
            self.publisher.send_video(&unit, capture).expect("sent");
            self.truth.insert(self.sent, (clock.at(light), unit));
            self.sent += 1;
            self.next = Some(due + Duration::from_nanos(33_333_333));
        }
        let due_sound = *self.next_sound.get_or_insert(now);
        if now >= due_sound {
            let capture = self.publisher.phone_time(due_sound);
            self.publisher.send_audio(&unit(Codec::Opus, vec![0xfc, 1, 2, 3], true), capture).expect("sent");
            self.next_sound = Some(due_sound + Duration::from_millis(20));
        }
        wake.min(self.next.unwrap_or(wake)).min(self.next_sound.unwrap_or(wake))
    }
}

/// Lets the phones live until `done` says so of the events, or the time is over.
pub fn live(studio: &Studio, phones: &mut [&mut Phone], most: Duration, mut done: impl FnMut(&Event) -> bool) -> Vec<Event> {
    let end = Instant::now() + most;
    let mut out = Vec::new();
    loop {
        let wake = phones.iter_mut().map(|phone| phone.turn(&studio.clock)).min().unwrap_or(end);
        while let Ok(event) = studio.events.try_recv() {
            let stop = done(&event);
            out.push(event);
            if stop {
                return out;
            }
        }
        let now = Instant::now();
        if now >= end {
            return out;
        }
        if phones.is_empty() {
            if let Ok(event) = studio.events.recv_timeout(end - now) {
                let stop = done(&event);
                out.push(event);
                if stop {
                    return out;
                }
            }
        } else {
            std::thread::sleep(wake.saturating_duration_since(now).min(Duration::from_millis(5)));
        }
    }
}

pub fn unit(codec: Codec, data: Vec<u8>, key: bool) -> AccessUnit {
    let zero = MediaTime::ZERO;
    AccessUnit { source: SlotId(1), codec, config_id: ConfigId(1), capture: zero, pts: zero, dts: zero, arrival: zero, key, data: data.into() }
}

/// A picture that looks right from outside and holds its number.
pub fn picture(codec: Codec, number: u32, key: bool, bytes: usize) -> AccessUnit {
    let mut data = Vec::new();
    if codec == Codec::H264 {
        if key {
            for set in [&SPS_720[..], &PPS] {
                data.extend_from_slice(&[0, 0, 0, 1]);
                data.extend_from_slice(set);
            }
        }
        data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
    } else if key {
        data.extend_from_slice(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]);
    } else {
        data.extend_from_slice(&[0x11, 0x02, 0x00]);
    }
    data.extend((0..8).rev().map(|digit| 0x40 | (number >> (4 * digit) & 0xf) as u8));
    data.resize(bytes.max(data.len() + 1), 0x80 | number as u8);
    unit(codec, data, key)
}

/// The number that a picture holds.
pub fn number(unit: &AccessUnit) -> u32 {
    let head = match (unit.codec, unit.key) {
        (Codec::H264, true) => 4 + SPS_720.len() + 4 + PPS.len() + 6,
        (Codec::H264, false) => 6,
        (_, true) => 10,
        (_, false) => 3,
    };
    unit.data[head..head + 8].iter().fold(0, |number, digit| number << 4 | u32::from(digit & 0xf))
}

/// Pictures of one session among events.
pub fn pictures(events: &[Event], of: SessionId) -> Vec<&AccessUnit> {
    let units = events.iter().filter_map(|event| match event {
        Event::Media { session, unit } if *session == of && !unit.codec.is_audio() => Some(unit),
        _ => None,
    });
    units.collect()
}

/// Absolute capture errors in milliseconds, smallest first.
pub fn capture_errors(phone: &Phone, units: &[&AccessUnit]) -> Vec<f64> {
    let mut errors: Vec<f64> = units.iter().map(|unit| (unit.capture - phone.truth[&number(unit)].0).abs().as_millis_f64()).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

pub fn share(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
