//! What phones cost: `cargo run -p tl_rtc --example rtc_load -- 6 10` runs six phones at 720p30 and 3 Mbit/s for ten seconds
//! and prints the processor time of both ends. A third number loses that many datagrams in a thousand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tl_base::{MediaClock, MediaTime, SlotId};
use tl_frame::{AccessUnit, Codec, ConfigId};
use tl_rtc::publish::{self, Impairment, Publisher};
use tl_rtc::{Config, Error, Event, Server};

/// 3 Mbit/s at 30 pictures a second, key pictures of four times the size each two seconds.
const DELTA_BYTES: usize = 11_900;
const SETS: [u8; 36] = [
    0, 0, 0, 1, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02, 0x80, 0x2d, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x47, 0x8c, 0x19, 0x50,
    0, 0, 0, 1, 0x68, 0xef, 0x0f, 0xcb,
];

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u16>().ok());
    let (count, seconds) = (arguments.next().unwrap_or(6), arguments.next().unwrap_or(10));
    let impair = match arguments.next() {
        Some(loss) => Impairment { loss: f64::from(loss) / 1e3, burst: 2.0, delay_ms: 3.0, jitter_ms: 4.0, ..Impairment::default() },
        None => Impairment::default(),
    };
    let clock = MediaClock::starting_at(MediaTime::ZERO);
    let frames = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&frames);
    let config = Config { addresses: vec![[127, 0, 0, 1].into()], port: 0, clock, max_viewers: 64 };
    let server = Server::start(config, move |event| match event {
        Event::Media { unit, .. } if !unit.codec.is_audio() => {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Event::Stats { session, stats, video_frames, lost } => {
            let value = |value: Option<f64>| value.unwrap_or(f64::NAN);
            let (fps, loss, rtt) = (value(stats.fps), value(stats.loss) * 100.0, value(stats.rtt_ms));
            println!("phone {session}: {fps:.1} fps, loss {loss:.2} %, round trip {rtt:.1} ms, {video_frames} pictures, {lost} lost");
        }
        Event::Closed { session, reason, .. } => println!("session {session} closed: {reason}"),
        _ => {}
    })?;
    let worker = std::thread::Builder::new().name("phones".into()).spawn(move || -> Result<_, Error> {
        let mut phones = Vec::new();
        for slot in 1..=count {
            let mut phone = Publisher::new(publish::Config { impair: Impairment { seed: slot.into(), ..impair }, ..publish::Config::default() })?;
            let offer = phone.offer()?;
            phone.accept(&server.offer(SlotId(slot), &offer)?.sdp)?;
            phones.push(phone);
        }
        let began = Instant::now();
        while phones.iter().any(|phone| !phone.connected()) && began.elapsed() < Duration::from_secs(10) {
            for phone in &mut phones {
                phone.poll(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("{count} phones connected after {} ms", began.elapsed().as_millis());
        let before = (thread_seconds("rtc"), thread_seconds("phones"), Instant::now());
        let sent = run(&mut phones, u64::from(seconds))?;
        Ok((server, before, sent))
    })?;
    let Ok(outcome) = worker.join() else { return Ok(()) };
    let (server, before, sent) = outcome?;
    let wall = before.2.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(200));
    let share = |after: Option<f64>, before: Option<f64>| after.zip(before).map_or(f64::NAN, |(after, before)| (after - before) / wall * 100.0);
    let rtc = share(thread_seconds("rtc"), before.0);
    println!("{} of {} pictures came", frames.load(Ordering::Relaxed), sent.0);
    println!("studio: {rtc:.1} % of a core, {:.2} % a phone", rtc / f64::from(count));
    println!("phones: {:.1} % of a core, {:.2} % a phone", sent.1 / wall * 100.0, sent.1 / wall * 100.0 / f64::from(count));
    drop(server);
    Ok(())
}

/// Lets the phones send; pictures sent, and the processor time that this thread took.
fn run(phones: &mut [Publisher], seconds: u64) -> Result<(u64, f64), Error> {
    let unit = |key: bool| {
        let mut data = if key { SETS.to_vec() } else { Vec::new() };
        data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
        data.resize(if key { DELTA_BYTES * 4 } else { DELTA_BYTES }, 0xa5);
        let zero = MediaTime::ZERO;
        AccessUnit { source: SlotId(1), codec: Codec::H264, config_id: ConfigId(1), capture: zero, pts: zero, dts: zero, arrival: zero, key, data: data.into() }
    };
    let (key, delta) = (unit(true), unit(false));
    let before = thread_seconds("phones").unwrap_or_default();
    let began = Instant::now();
    let period = Duration::from_nanos(33_333_333);
    let mut next: Vec<Instant> = (0..phones.len()).map(|index| began + period.mul_f64(index as f64 / phones.len() as f64)).collect();
    let mut keys = vec![true; phones.len()];
    let mut sent = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        let mut wake = Instant::now() + Duration::from_millis(5);
        for ((phone, next), key_next) in phones.iter_mut().zip(&mut next).zip(&mut keys) {
            let now = Instant::now();
            if now >= *next {
                let unit = if std::mem::take(key_next) { &key } else { &delta };
                phone.send_video(unit, phone.phone_time(now))?;
                sent += 1;
                *next += period;
            }
            wake = wake.min(phone.poll(now)).min(*next);
            while let Some(event) = phone.next_event() {
                *key_next |= event == publish::Event::KeyFrameRequested;
            }
        }
        std::thread::sleep(wake.saturating_duration_since(Instant::now()));
    }
    Ok((sent, thread_seconds("phones").unwrap_or_default() - before))
}

/// Processor time of this process's threads of this name, seconds.
fn thread_seconds(name: &str) -> Option<f64> {
    let mut ticks = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        if let Some((_, rest)) = stat.split_once(&format!("({name}) ")) {
            let mut fields = rest.split(' ').skip(11).filter_map(|field| field.parse::<f64>().ok());
            ticks += fields.next()? + fields.next()?;
        }
    }
    Some(ticks / 100.0)
}
