//! What a 720p picture costs: CPU time of decoding, encoding, recording and a thumbnail, and how long one stays inside.
//!
//! `cargo run -p tl_media --example media_cost [CLIP.mp4]`. Without a clip pictures with moving texture are made. Linux alone,
//! since it reads the process's CPU time from `/proc`.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a measuring tool ends at the first surprise")]

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Rate, Size, SlotId};
use tl_frame::{AccessUnit, Codec, Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};
use tl_media::{Recorder, VideoDecoder, VideoEncoder, decode, encode, file, record, thumbnail_jpeg};

const SIZE: Size = Size::new(1280, 720);
const PICTURES: usize = 300;

fn main() {
    let pictures = match std::env::args().nth(1) {
        Some(path) => pictures_of(Path::new(&path)),
        None => (0..60).map(picture).collect(),
    };
    let size = pictures.first().expect("pictures").size;
    println!("{} pictures of {}x{}, {PICTURES} rounds", pictures.len(), size.width, size.height);

    let (sender, units) = mpsc::sync_channel(1_024);
    let config = encode::Video { source: SlotId(1), size, rate: Rate::FPS_30, bitrate_bps: 3_000_000, gop: MediaTime::from_secs(2), encoder: None };
    let format = pictures[0].format;
    let encoder = VideoEncoder::with_format(config, format, move |unit| sender.send(unit).expect("listens")).expect("an encoder");
    let mut made = Vec::new();
    let encoding = measure(&format!("encode ({})", encoder.name()), || {
        for at in 0..PICTURES {
            let capture = Rate::FPS_30.tick_start(at as u64);
            // There and back again, so that the picture never jumps.
            let (turn, step) = (at / pictures.len(), at % pictures.len());
            let one = if turn % 2 == 0 { step } else { pictures.len() - 1 - step };
            encoder.push(Frame { capture, ..pictures[one].clone() }, false).expect("room");
            made.push(units.recv_timeout(Duration::from_secs(5)).expect("a unit"));
        }
    });
    drop(pictures);
    let bits: usize = made.iter().map(|unit: &AccessUnit| unit.data.len() * 8).sum();
    println!("  {:.2} Mbit/s", bits as f64 / (PICTURES as f64 / 30.0) / 1e6);

    let (sender, frames) = mpsc::sync_channel(4);
    let config = decode::Video { source: SlotId(1), codec: Codec::H264, max_queue: 8 };
    let decoder = VideoDecoder::new(config, move |frame| sender.send(frame).expect("listens")).expect("a decoder");
    let mut last = None;
    let decoding = measure("decode", || {
        for unit in &made {
            decoder.push(unit.clone()).expect("room");
            last = Some(frames.recv_timeout(Duration::from_secs(5)).expect("a picture"));
        }
    });
    println!("  the decoder's own figure: {:.2} ms", decoder.stats().decode_ms.unwrap_or_default());

    let folder = tempfile::tempdir().expect("a folder");
    let config = record::Config {
        dir: folder.path().to_path_buf(),
        stem: "cost".to_owned(),
        kind: record::Kind::Iso,
        fragment: MediaTime::from_millis(500),
        sync: MediaTime::from_secs(1),
    };
    let mut recorder = Some(Recorder::start(config, |_| {}).expect("a recorder"));
    measure("record", || {
        for unit in &made {
            recorder.as_ref().expect("a recorder").push(unit);
        }
        recorder.take().and_then(Recorder::finish).expect("a summary");
    });
    let frame = last.expect("a picture");
    measure("thumbnail 416x234", || {
        for _ in 0..PICTURES {
            thumbnail_jpeg(&frame, Size::new(416, 234), 75).expect("a JPEG");
        }
    });
    println!("six cameras and one encoder take {:.0} % of one core at 30 a second", (6.0 * decoding + encoding) * 3.0);
}

/// Runs `work` over [`PICTURES`] pictures and tells CPU and wall time of one, milliseconds.
fn measure(what: &str, work: impl FnOnce()) -> f64 {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    work();
    let per_picture = 1_000.0 / PICTURES as f64;
    let cost = (cpu_seconds() - cpu) * per_picture;
    println!("{what}: {cost:.2} ms CPU, {:.2} ms wall a picture", wall.elapsed().as_secs_f64() * per_picture);
    cost
}

/// User and system time of the whole process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<f64> = stat.rsplit(')').next().expect("fields").split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
    (fields[11] + fields[12]) / 100.0
}

fn pictures_of(path: &Path) -> Vec<Frame> {
    let mut pictures = Vec::new();
    let read = file::decode_file(
        path,
        |frame| {
            if pictures.len() < 60 {
                pictures.push(frame)
            }
        },
        |_| {},
    );
    read.expect("a film");
    pictures
}

fn picture(number: usize) -> Frame {
    let mut planes = VecPlanes::new(PixelFormat::I420, SIZE);
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let luma = planes.plane_mut(0);
    for y in 0..height {
        for x in 0..width {
            // Still ground with texture, and a few things that move over it.
            let ground = 90 + (x * 7919 + y * 104_729) % 9 + (x / 40 + y / 40) % 2 * 20;
            let moving = (x + width - number * 6 % width) % 320 < 60 && (y + number) % 240 < 90;
            luma[y * width + x] = if moving { 60 + (x * y % 50) as u8 } else { ground as u8 };
        }
    }
    planes.plane_mut(1).fill(120);
    planes.plane_mut(2).fill(135);
    let capture = MediaTime::ZERO;
    Frame {
        source: SlotId(1),
        seq: number as u64,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size: SIZE,
        rotation: Rotation::None,
        capture,
        arrival: capture,
        memory: Memory::Cpu(std::sync::Arc::new(planes)),
    }
}
