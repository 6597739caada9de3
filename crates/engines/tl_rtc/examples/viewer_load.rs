//! What viewers cost: `cargo run -p tl_rtc --example viewer_load -- 50 10` lets fifty viewers watch a programme of 720p30 at 3 Mbit/s
//! for ten seconds and prints the processor time of the studio's thread, and how long pictures took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tl_base::{MediaClock, MediaTime, SlotId};
use tl_frame::{AccessUnit, Codec, ConfigId};
use tl_rtc::watch::{self, Watcher};
use tl_rtc::{Config, Error, Event, Server};

/// 3 Mbit/s at 30 pictures a second, key pictures of four times the size each two seconds.
const DELTA_BYTES: usize = 11_900;
const PERIOD: Duration = Duration::from_nanos(33_333_333);
const SETS: [u8; 36] = [
    0, 0, 0, 1, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02, 0x80, 0x2d, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x47, 0x8c, 0x19, 0x50,
    0, 0, 0, 1, 0x68, 0xef, 0x0f, 0xcb,
];

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u16>().ok());
    let (count, seconds) = (arguments.next().unwrap_or(50), arguments.next().unwrap_or(10));
    let clock = MediaClock::starting_at(MediaTime::ZERO);
    let (connected, key_wanted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let (seen, wanted) = (Arc::clone(&connected), Arc::clone(&key_wanted));
    let config = Config { addresses: vec![[127, 0, 0, 1].into()], port: 0, clock, max_viewers: usize::from(count) };
    let server = Server::start(config, move |event| match event {
        Event::ViewerConnected { .. } => {
            seen.fetch_add(1, Ordering::Relaxed);
        }
        Event::KeyWanted => wanted.store(true, Ordering::Relaxed),
        Event::ViewerClosed { session, reason } if reason != "the studio ended" => println!("viewer {session} closed: {reason}"),
        _ => {}
    })?;
    let mut watchers = Vec::new();
    for _ in 0..count {
        let mut watcher = Watcher::new([127, 0, 0, 1].into())?;
        let offer = watcher.offer()?;
        watcher.accept(&server.view(&offer)?.sdp)?;
        watchers.push(watcher);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, audience) = (Arc::clone(&stop), std::thread::Builder::new().name("viewers".into()));
    let began = Instant::now();
    let audience = audience.spawn(move || {
        let mut late = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            for watcher in &mut watchers {
                watcher.poll(Instant::now());
                while let Some(event) = watcher.next_event() {
                    if let watch::Event::Unit { sound: false, data, .. } = event {
                        late.extend(sent_at(&data).map(|sent| (began.elapsed().as_secs_f64() - sent) * 1e3));
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        late
    })?;
    let mut show = Show { server: &server, clock, began, number: 0, sounds: 0 };
    while connected.load(Ordering::Relaxed) < usize::from(count) && began.elapsed() < Duration::from_secs(20) {
        show.turn(&key_wanted);
    }
    println!("{} of {count} viewers connected after {} ms", connected.load(Ordering::Relaxed), began.elapsed().as_millis());
    let (before, from) = (thread_seconds("rtc"), Instant::now());
    let first = show.number;
    while from.elapsed() < Duration::from_secs(seconds.into()) {
        show.turn(&key_wanted);
    }
    let wall = from.elapsed().as_secs_f64();
    let spent = thread_seconds("rtc").zip(before).map_or(f64::NAN, |(after, before)| after - before);
    let pictures = show.number - first;
    std::thread::sleep(Duration::from_millis(200));
    stop.store(true, Ordering::Relaxed);
    let mut late = audience.join().unwrap_or_default();
    late.sort_by(f64::total_cmp);
    let at = |share: f64| late.get((late.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    println!("studio: {:.1} % of a core, {:.2} % a viewer", spent / wall * 100.0, spent / wall * 100.0 / f64::from(count));
    println!("{} pictures came, {pictures} were sent to each; on the way p50 {:.1} p95 {:.1} max {:.1} ms", late.len(), at(0.5), at(0.95), at(1.0));
    Ok(())
}

struct Show<'a> {
    server: &'a Server,
    clock: MediaClock,
    began: Instant,
    number: u32,
    sounds: u32,
}

impl Show<'_> {
    /// Sends what is due, and rests for a moment.
    fn turn(&mut self, key_wanted: &AtomicBool) {
        while self.began.elapsed() >= PERIOD * self.number {
            let key = self.number.is_multiple_of(60) || key_wanted.swap(false, Ordering::Relaxed);
            let mut data = if key { SETS.to_vec() } else { Vec::new() };
            data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
            // No byte of it is zero, or it would look like a start code.
            let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or_default();
            data.extend((0..16).map(|digit| 0x40 | (nanos >> (4 * digit) & 0xf) as u8));
            data.resize(if key { DELTA_BYTES * 4 } else { DELTA_BYTES }, 0xa5);
            self.send(Codec::H264, key, data, PERIOD * self.number);
            self.number += 1;
        }
        while self.began.elapsed() >= Duration::from_millis(20) * self.sounds {
            self.send(Codec::Opus, true, vec![0xfc; 240], Duration::from_millis(20) * self.sounds);
            self.sounds += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    fn send(&self, codec: Codec, key: bool, data: Vec<u8>, after: Duration) {
        let pts = self.clock.at(self.began + after);
        let unit = AccessUnit { source: SlotId(1), codec, config_id: ConfigId(1), capture: pts, pts, dts: pts, arrival: pts, key, data: data.into() };
        if !self.server.send_programme(&unit) {
            println!("left out");
        }
    }
}

/// When a picture was sent, seconds since the beginning, as it says itself.
fn sent_at(data: &[u8]) -> Option<f64> {
    let head = data.windows(6).position(|bytes| matches!(bytes, [0, 0, 0, 1, 0x65 | 0x41, 0x88]))? + 6;
    let nanos = data.get(head..head + 16)?.iter().rev().fold(0_u64, |value, digit| value << 4 | u64::from(digit & 0xf));
    Some(nanos as f64 / 1e9)
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
