//! What the tests of inputs share: clips made by ffmpeg, children that end with the test, and what an input told.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses another part, and helpers of tests say at once that something cannot be"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tl_base::{MediaClock, MediaTime, SlotId};
use tl_frame::{AccessUnit, Codec};
use tl_media::input::{Config, Event, Input, Kind};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program that ends with the test.
pub struct Peer(pub Child);

impl Peer {
    /// Runs it without words; panics with its name when it is missing.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{name} does not run: {error}")))
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }

    /// Waits for its own end; true when it says that all went well.
    pub fn succeeds(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status.success();
            }
            assert!(Instant::now() < deadline, "a peer does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a program is there; says aloud when it is not.
pub fn has(program: &str) -> bool {
    let found = Command::new("which").arg(program).stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

/// Runs ffmpeg to its end.
pub fn ffmpeg(args: &[&str], out: &Path) {
    let status = Command::new("ffmpeg").args(["-v", "error", "-y", "-nostdin"]).args(args).arg(out).status().expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg {args:?}");
}

/// Twenty seconds of a moving picture with a tone, H.264 with a key picture a second and AAC.
pub fn clip(folder: &Path, name: &str) -> PathBuf {
    encoded_clip(folder, name, "20", &["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-c:a", "aac"])
}

pub fn encoded_clip(folder: &Path, name: &str, secs: &str, codecs: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut args = vec![
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:rate=30",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=48000",
        "-t",
        secs,
        "-pix_fmt",
        "yuv420p",
        "-ac",
        "2",
    ];
    args.extend_from_slice(codecs);
    ffmpeg(&args, &path);
    path
}

/// What an input told so far, and the clock it reads.
#[derive(Clone)]
pub struct Told {
    events: Arc<(Mutex<Vec<Event>>, Condvar)>,
    pub clock: MediaClock,
}

impl Told {
    pub fn all(&self) -> Vec<Event> {
        self.events.0.lock().expect("no panic").clone()
    }

    pub fn forget(&self) {
        self.events.0.lock().expect("no panic").clear();
    }

    /// Waits until `done` holds of all events; panics with what came instead.
    pub fn wait(&self, what: &str, done: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let guard = self.events.0.lock().expect("no panic");
        let (guard, timeout) = self.events.1.wait_timeout_while(guard, PATIENCE, |events| !done(events)).expect("no panic");
        assert!(!timeout.timed_out(), "waited for {what}, got {}", words(&guard).join(", "));
        guard.clone()
    }

    /// Waits for so many pictures and returns all units.
    pub fn wait_pictures(&self, count: usize) -> Vec<AccessUnit> {
        units(&self.wait(&format!("{count} pictures"), |events| pictures(events) >= count))
    }
}

pub fn pictures(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Unit(unit) if !unit.codec.is_audio())).count()
}

pub fn units(events: &[Event]) -> Vec<AccessUnit> {
    events.iter().filter_map(|event| if let Event::Unit(unit) = event { Some(unit.clone()) } else { None }).collect()
}

pub fn count(events: &[Event], is_it: impl Fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| is_it(event)).count()
}

/// Events in short, runs of units as one.
pub fn words(events: &[Event]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for event in events {
        let word = match event {
            Event::Unit(unit) => unit.codec.name().to_owned(),
            Event::Clock(_) | Event::Stats(_) => continue,
            other => format!("{other:?}"),
        };
        if out.last() != Some(&word) {
            out.push(word);
        }
    }
    out.truncate(60);
    out
}

/// An input of this kind on slot 1.
pub fn start(kind: Kind) -> (Input, Told) {
    let clock = MediaClock::starting_at(MediaTime::ZERO);
    let told = Told { events: Arc::default(), clock };
    let events = Arc::clone(&told.events);
    let config = Config { source: SlotId(1), kind, clock, name: "camera 1".to_owned() };
    let input = Input::start(config, move |event| {
        events.0.lock().expect("no panic").push(event);
        events.1.notify_all();
    });
    (input.expect("an input"), told)
}

/// What must hold of every stream of units: no capture ahead of its arrival, nothing goes back, the first picture is a key.
pub fn check_units(units: &[AccessUnit], reordered: bool) {
    assert!(units.iter().all(|unit| unit.source == SlotId(1) && unit.capture <= unit.arrival && !unit.data.is_empty()));
    for sound in [true, false] {
        let of: Vec<&AccessUnit> = units.iter().filter(|unit| unit.codec.is_audio() == sound).collect();
        for pair in of.windows(2) {
            assert!(pair[1].dts > pair[0].dts, "decoding times {} {}", pair[0].dts, pair[1].dts);
            assert!(reordered || pair[1].capture >= pair[0].capture, "captures {} {}", pair[0].capture, pair[1].capture);
        }
    }
    let first = units.iter().find(|unit| !unit.codec.is_audio());
    assert!(first.is_none_or(|unit| unit.key), "the first picture is a key");
}

/// Mean distance between a codec's captures, milliseconds.
pub fn mean_step_ms(units: &[AccessUnit], codec: Codec) -> f64 {
    let mut captures: Vec<i64> = units.iter().filter(|unit| unit.codec == codec).map(|unit| unit.capture.0).collect();
    captures.sort_unstable();
    let span = captures.last().zip(captures.first()).map_or(0, |(last, first)| last - first);
    span as f64 / 1e6 / (captures.len().max(2) - 1) as f64
}

/// Memory that this process holds, bytes.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096
}
