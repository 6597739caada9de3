//! The clips as others see them: drawn, encoded, read back.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use tl_base::Size;
use tl_frame::{Frame, Memory, PixelFormat, VecPlanes};
use tl_media::file::{ClipWriter, decode_file};
use tl_rehearsal::rink::{Painter, RATE, SIZE, Scout};
use tl_rehearsal::timecode;

fn luma(frame: &Frame) -> Vec<u8> {
    let Memory::Cpu(planes) = &frame.memory else { panic!("in ordinary memory") };
    let plane = planes.plane(0).expect("luma");
    (0..plane.layout.height).flat_map(|y| plane.row(y).to_vec()).collect()
}

/// Every second pixel of every second row, averaged: what a quick preview does.
fn halved(frame: &Frame) -> Frame {
    let Memory::Cpu(planes) = &frame.memory else { panic!("in ordinary memory") };
    let plane = planes.plane(0).expect("luma");
    let size = Size::new(frame.size.width / 2, frame.size.height / 2);
    let mut small = VecPlanes::new(PixelFormat::I420, size);
    for (y, row) in small.plane_mut(0).chunks_exact_mut(size.width as usize).enumerate() {
        let (upper, lower) = (plane.row(2 * y), plane.row(2 * y + 1));
        for (x, value) in row.iter_mut().enumerate() {
            let sum = u32::from(upper[2 * x]) + u32::from(upper[2 * x + 1]) + u32::from(lower[2 * x]) + u32::from(lower[2 * x + 1]);
            *value = (sum / 4) as u8;
        }
    }
    Frame { size, memory: Memory::Cpu(Arc::new(small)), ..frame.clone() }
}

#[test]
fn the_time_code_survives_encoding_and_half_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.mp4");
    let mut painter = Painter::new(11, 2).expect("memory");
    let mut writer = ClipWriter::new(&path, SIZE, RATE, 3_000_000, 30).expect("an encoder");
    for index in 40..100 {
        writer.push(&painter.frame(index)).expect("encoded");
    }
    writer.finish().expect("finished");
    let (mut next, mut flashes) = (40, Vec::new());
    let on_video = |frame: Frame| {
        assert_eq!(timecode::read(&frame, timecode::place(frame.size)), Some((2, next)));
        let small = halved(&frame);
        assert_eq!(timecode::read(&small, timecode::place(small.size)), Some((2, next)), "half size");
        if timecode::brightness(&frame, timecode::flash_place(frame.size)).expect("inside") > 170.0 {
            flashes.push(next);
        }
        next += 1;
    };
    decode_file(&path, on_video, |_| ()).expect("decoded");
    assert_eq!((next, flashes), (100, vec![60]));
}

#[test]
fn the_same_seed_draws_the_same_picture_and_another_a_different_one() {
    let draw = |seed| luma(&Painter::new(seed, 1).expect("memory").frame(123));
    let (one, again, other) = (draw(4), draw(4), draw(5));
    assert_eq!(one, again);
    assert_ne!(one, other);
}

/// A picture shrunk to 32 x 18 mean values in steps of 24: what stays the same when an edge moves by a pixel.
fn coarse(frame: &Frame) -> Vec<u8> {
    let (width, all) = (frame.size.width as usize, luma(frame));
    (0..18)
        .flat_map(|row| (0..32).map(move |column| (row, column)))
        .map(|(row, column)| {
            let sum: usize = (0..40).flat_map(|y| (0..40).map(move |x| (x, y))).map(|(x, y)| usize::from(all[(row * 40 + y) * width + column * 40 + x])).sum();
            (sum / 1_600) as u8
        })
        .collect()
}

#[test]
fn the_drawing_looks_as_it_was_approved() {
    let drawn = coarse(&Painter::new(1, 1).expect("memory").frame(60));
    let approved: Vec<u8> = include_str!("approved_camera_1.txt").split_whitespace().map(|value| value.parse().expect("a number")).collect();
    if std::env::var_os("TOUCHLINE_BLESS").is_some() {
        let rows: Vec<String> = drawn.chunks(32).map(|row| row.iter().map(u8::to_string).collect::<Vec<_>>().join(" ")).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/approved_camera_1.txt");
        std::fs::write(path, rows.join("\n") + "\n").expect("written");
        return;
    }
    assert_eq!(drawn.len(), approved.len());
    let worst = drawn.iter().zip(&approved).map(|(drawn, approved)| drawn.abs_diff(*approved)).max().expect("values");
    let mut hasher = DefaultHasher::new();
    drawn.hash(&mut hasher);
    assert!(worst <= 10, "a part of the picture differs by {worst}; look at it, then run with TOUCHLINE_BLESS=1 (hash {:x})", hasher.finish());
}

#[test]
fn the_picture_is_a_bright_rink_with_people_in_it() {
    let mut painter = Painter::new(2, 1).expect("memory");
    let frame = painter.frame(10);
    let all = luma(&frame);
    let ice = all.iter().filter(|value| **value > 190).count() as f64 / all.len() as f64;
    assert!((0.3..0.8).contains(&ice), "{ice} of the picture is ice");
    let scout = Scout::new(2, 1);
    let mean = (0..300).map(|index| scout.seen(index).people.len()).sum::<usize>() as f64 / 300.0;
    assert!(mean > 6.0, "{mean} people in the picture");
    assert!((0..300).all(|index| scout.seen(index).puck.is_some()));
}
