//! Pictures that carry their number, and clips made of them.
#![allow(dead_code, reason = "each test binary uses another part")]

pub mod log;
pub mod nginx;
pub mod peers;
pub mod programme;
pub mod publisher;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Rate, Size, SlotId, SourceId};
use tl_frame::{AccessUnit, Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};
use tl_media::{VideoEncoder, encode};

pub const CAMERA: SourceId = SlotId(1);
pub const SMALL: Size = Size::new(320, 192);
pub const HD: Size = Size::new(1280, 720);

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A textured, moving picture whose first 16 blocks of 16x16 tell its number in binary.
pub fn picture(number: u64, size: Size) -> Frame {
    let mut planes = VecPlanes::new(PixelFormat::I420, size);
    let (width, height) = (size.width as usize, size.height as usize);
    let luma = planes.plane_mut(0);
    for y in 0..height {
        for x in 0..width {
            let wave = (x * 3 + y * 2 + number as usize * 5) % 160;
            luma[y * width + x] = 40 + wave as u8 + ((x * 7919 + y * 104_729) % 7) as u8;
        }
    }
    for bit in 0..16 {
        let value = if number >> bit & 1 == 1 { 220 } else { 30 };
        for y in 0..16 {
            luma[y * width + bit * 16..y * width + bit * 16 + 16].fill(value);
        }
    }
    planes.plane_mut(1).fill(100);
    planes.plane_mut(2).fill(150);
    let capture = Rate::FPS_30.tick_start(number);
    Frame {
        source: CAMERA,
        seq: number,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size,
        rotation: Rotation::None,
        capture,
        arrival: capture,
        memory: Memory::Cpu(Arc::new(planes)),
    }
}

/// The number in a picture.
pub fn number(frame: &Frame) -> u64 {
    let Memory::Cpu(planes) = &frame.memory else { panic!("a picture elsewhere") };
    let luma = planes.plane(0).expect("luma");
    (0..16).filter(|bit| luma.row(8)[bit * 16 + 8] > 128).map(|bit| 1 << bit).sum()
}

pub fn config(size: Size) -> encode::Video {
    encode::Video { source: CAMERA, size, rate: Rate::FPS_30, bitrate_bps: 1_000_000, gop: MediaTime::from_secs(2), encoder: None }
}

/// Encodes one picture after the other and waits for each unit.
pub fn units(size: Size, numbers: impl IntoIterator<Item = u64>) -> Vec<AccessUnit> {
    units_with(config(size), numbers)
}

pub fn units_with(config: encode::Video, numbers: impl IntoIterator<Item = u64>) -> Vec<AccessUnit> {
    let size = config.size;
    let (sender, receiver) = mpsc::sync_channel(1_024);
    let encoder = VideoEncoder::new(config, move |unit| sender.send(unit).expect("the test listens")).expect("an encoder");
    let each = numbers.into_iter().map(|number| {
        encoder.push(picture(number, size), false).expect("room");
        receiver.recv_timeout(PATIENCE).expect("one in, one out")
    });
    each.collect()
}

/// A list that a callback fills and a test waits on.
pub struct Seen<T>(Arc<(Mutex<Vec<T>>, std::sync::Condvar)>);

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self(Arc::new((Mutex::new(Vec::new()), std::sync::Condvar::new())))
    }
}

impl<T: Clone> Seen<T> {
    pub fn add(&self, item: T) {
        self.0.0.lock().expect("no panic").push(item);
        self.0.1.notify_all();
    }

    /// Waits until `done` holds of the list; panics with `what` when it does not in time.
    pub fn wait(&self, what: &str, limit: Duration, done: impl Fn(&[T]) -> bool) -> Vec<T> {
        let guard = self.0.0.lock().expect("no panic");
        let (guard, timeout) = self.0.1.wait_timeout_while(guard, limit, |list| !done(list)).expect("no panic");
        assert!(!timeout.timed_out(), "waited {limit:?} for {what}");
        guard.clone()
    }

    pub fn all(&self) -> Vec<T> {
        self.0.0.lock().expect("no panic").clone()
    }
}

/// Runs ffprobe and gives what it prints; a complaint on stderr fails the test.
pub fn ffprobe(path: &Path, args: &[&str]) -> String {
    let out = Command::new("ffprobe").args(["-v", "error"]).args(args).args(["-of", "csv=p=0"]).arg(path).output().expect("ffprobe runs");
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && complaint.is_empty(), "ffprobe on {}: {complaint}", path.display());
    String::from_utf8(out.stdout).expect("text").trim().to_owned()
}

/// Pictures that ffprobe decodes.
pub fn decoded_frames(path: &Path) -> u64 {
    let text = ffprobe(path, &["-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames"]);
    // Of a transport stream it tells every stream twice.
    text.lines().next().unwrap_or_default().trim_matches(',').parse().expect("a number")
}

/// Presentation times of a stream's packets, seconds.
pub fn packet_times(path: &Path, stream: &str) -> Vec<f64> {
    let text = ffprobe(path, &["-select_streams", stream, "-show_entries", "packet=pts_time"]);
    text.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect()
}

/// A clip in a folder of its own.
pub fn clip(folder: &Path, name: &str, size: Size, pictures: u64, key_every: u32) -> PathBuf {
    let mut writer = tl_media::file::ClipWriter::new(&folder.join(name), size, Rate::FPS_30, 1_000_000, key_every).expect("a writer");
    for at in 0..pictures {
        writer.push(&picture(at, size)).expect("room");
    }
    writer.finish().expect("a clip")
}

/// Waits for a number that only a counter shows.
pub fn wait_for(what: &str, limit: Duration, done: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
