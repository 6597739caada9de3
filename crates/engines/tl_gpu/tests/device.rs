//! The device under load, and lost on air.

#![expect(clippy::panic, reason = "a test fails loudly")]

mod support;

use std::time::{Duration, Instant};

use tl_base::Size;
use tl_frame::{Colour, PixelFormat};
use tl_gpu::{Config, Error, Gpu, Job, Layer, LayerPicture, Rect, Scene, scene};
use tl_testkit::picture::frame;

use support::{CANVAS, job, start};

#[test]
fn pictures_come_in_the_order_of_jobs() {
    let Some((gpu, pictures)) = start() else { return };
    let fitting = frame(CANVAS, PixelFormat::I420, Colour::PROGRAMME, |_, x, _| x as u8);
    let mut accepted = Vec::new();
    for tick in 0..200 {
        // Every third picture is handed through and must not overtake.
        let mut next =
            if tick % 3 == 0 { Job { scene: Scene { layers: scene::full(fitting.clone(), CANVAS), overlays: Vec::new() }, ..job(tick) } } else { job(tick) };
        if tick % 10 == 0 {
            while let Err(back) = gpu.submit(next) {
                next = back;
                std::thread::yield_now();
            }
            accepted.push(tick);
        } else if gpu.submit(next).is_ok() {
            accepted.push(tick);
        }
    }
    drop(gpu);
    let answered: Vec<u64> = pictures.iter().map(|picture| picture.tick).collect();
    assert_eq!(answered, accepted);
}

#[test]
fn a_lost_device_is_replaced_within_two_seconds() {
    let Some((gpu, pictures)) = start() else { return };
    assert!(gpu.submit(job(0)).is_ok());
    let kept = pictures.recv_timeout(Duration::from_secs(10)).expect("the first picture");
    for loss in 1..3 {
        gpu.destroy_device();
        let lost_at = Instant::now();
        let mut tick = loss * 1_000;
        let first_new = loop {
            // Accepted, given back or lost with the device: never a panic.
            if gpu.submit(job(tick)).is_ok() {
                tick += 1;
            }
            if let Ok(picture) = pictures.recv_timeout(Duration::from_millis(10))
                && gpu.stats().devices as u64 == loss + 1
            {
                break picture;
            }
            assert!(lost_at.elapsed() < Duration::from_secs(10), "no picture after the loss");
        };
        assert!(lost_at.elapsed() < Duration::from_secs(2), "took {:?}", lost_at.elapsed());
        assert!(first_new.tick >= loss * 1_000);
    }
    // A picture made on a lost device stays what it was.
    assert_eq!(tl_testkit::picture::planes(&kept.frame)[0].len(), 192 * 108);
}

#[test]
fn an_idle_device_that_is_lost_is_replaced_too() {
    let Some((gpu, pictures)) = start() else { return };
    gpu.destroy_device();
    let start = Instant::now();
    while gpu.stats().devices < 2 {
        assert!(start.elapsed() < Duration::from_secs(2), "still not replaced");
        std::thread::yield_now();
    }
    assert!(gpu.submit(job(1)).is_ok());
    assert_eq!(pictures.recv_timeout(Duration::from_secs(10)).map(|picture| picture.tick), Ok(1));
}

#[test]
fn many_layers_and_graphics_are_cut_off_and_drawn() {
    let Some((gpu, pictures)) = start() else { return };
    let layers =
        (0..200).map(|at| Layer { opacity: 0.5, ..Layer::new(LayerPicture::Colour(at as u8, 128, 128), Rect::new(at as f32, 0.0, 50.0, 50.0)) }).collect();
    assert!(gpu.submit(Job { scene: Scene { layers, overlays: Vec::new() }, ..job(5) }).is_ok());
    assert_eq!(pictures.recv_timeout(Duration::from_secs(10)).map(|picture| picture.tick), Ok(5));
}

#[test]
fn an_odd_canvas_is_refused() {
    for canvas in [Size::new(1_281, 720), Size::new(0, 0), Size::new(16_384, 720)] {
        assert!(matches!(Gpu::start(Config::new(canvas), |_| {}), Err(Error::Canvas(_))));
    }
}
