//! Tiles and windows' pictures beside the programme, on the software driver.

#![expect(clippy::panic, reason = "a test fails loudly")]

mod support;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use tl_base::Size;
use tl_frame::{Colour, Frame, Matrix, PixelFormat, Range, Rotation};
use tl_gpu::{Brush, Gpu, Multiview, Paint, Painted, Wanted, tile_size, wgpu};
use tl_testkit::picture::frame;

use support::{job, start};

const WINDOW: Size = Size::new(64, 36);
const SOON: Duration = Duration::from_secs(10);

/// Paints a window in one colour, and hands its picture over.
fn paint_blue(multiview: &Multiview) -> mpsc::Receiver<Option<Painted>> {
    let (told, outcome) = mpsc::sync_channel(4);
    let draw = Box::new(|brush: Brush<'_>| {
        let ops = wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color { r: 0.2, g: 0.4, b: 0.8, a: 1.0 }), store: wgpu::StoreOp::Store };
        let target = wgpu::RenderPassColorAttachment { view: brush.target, depth_slice: None, resolve_target: None, ops };
        drop(brush.encoder.begin_render_pass(&wgpu::RenderPassDescriptor { color_attachments: &[Some(target)], ..Default::default() }));
        Vec::new()
    });
    multiview.paint(Paint::new(WINDOW, draw, Box::new(move |painted| told.send(painted).unwrap_or_default())));
    outcome
}

/// Red, green and blue of each pixel of a tile, once it is made.
fn tile(gpu: &Gpu, frame: &Frame, within: Size) -> (Size, Vec<[u8; 3]>) {
    let multiview = gpu.multiview();
    let made_before = gpu.stats().tiles;
    // Another picture each time, as a camera gives.
    let frame = Frame { seq: made_before + 1, ..frame.clone() };
    multiview.show([Wanted { place: 3, frame, within }]);
    let start = Instant::now();
    while gpu.stats().tiles == made_before {
        assert!(start.elapsed() < SOON, "no tile was made");
        std::thread::yield_now();
    }
    let (told, copied) = mpsc::sync_channel(4);
    let (done, painted) = mpsc::sync_channel(4);
    let draw = Box::new(move |brush: Brush<'_>| {
        let tile = brush.tiles.iter().find(|tile| tile.place == 3).expect("the tile");
        let stride = (tile.size.width * 4).next_multiple_of(256);
        let size = u64::from(stride * tile.size.height);
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let buffer = brush.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
        let target = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        brush.encoder.copy_texture_to_buffer(tile.view.texture().as_image_copy(), target, tile.view.texture().size());
        told.send((brush.device.clone(), buffer, tile.size, stride as usize)).expect("the test waits");
        Vec::new()
    });
    multiview.paint(Paint::new(WINDOW, draw, Box::new(move |painted| done.send(painted.is_some()).unwrap_or_default())));
    assert_eq!(painted.recv_timeout(SOON), Ok(true));
    let (device, buffer, size, stride) = copied.recv_timeout(SOON).expect("a copy");
    buffer.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("mapped"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("the device waits");
    let bytes = buffer.get_mapped_range(..).expect("bytes");
    let rows = bytes.chunks(stride).take(size.height as usize);
    let pixels = rows.flat_map(|row| row[..size.width as usize * 4].as_chunks::<4>().0.iter().map(|[r, g, b, _]| [*r, *g, *b])).collect();
    (size, pixels)
}

fn close(found: [u8; 3], wanted: [u8; 3], by: u8) -> bool {
    found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= by)
}

#[test]
fn a_tile_has_the_colours_of_its_picture() {
    let Some((gpu, _pictures)) = start() else { return };
    let bt601 = Colour { matrix: Matrix::Bt601, range: Range::Full };
    // Red as each coding has it, and grey.
    for (colour, planes, wanted) in [
        (Colour::PROGRAMME, [63, 102, 240], [255, 0, 0]),
        (bt601, [76, 85, 255], [255, 0, 0]),
        (Colour::PROGRAMME, [126, 128, 128], [128, 128, 128]),
        (Colour::PROGRAMME, [16, 128, 128], [0, 0, 0]),
    ] {
        for (format, stored) in [(PixelFormat::I420, Size::new(1_280, 720)), (PixelFormat::Nv12, Size::new(320, 180)), (PixelFormat::I420, Size::new(333, 187))]
        {
            let (size, pixels) = tile(&gpu, &frame(stored, format, colour, |plane, _, _| planes[plane]), Size::new(320, 180));
            assert!(size.width <= 320 && size.height <= 180 && pixels.len() as u32 == size.width * size.height);
            assert!(pixels.iter().all(|pixel| close(*pixel, wanted, 3)), "{colour:?} {format:?} {stored:?}: {:?}", pixels.first());
        }
    }
}

#[test]
fn a_tile_is_upright_and_keeps_its_shape() {
    let Some((gpu, _pictures)) = start() else { return };
    // The stored left top quarter is white.
    let stored = frame(Size::new(640, 360), PixelFormat::I420, Colour::PROGRAMME, |plane, x, y| match plane {
        0 if x < 320 && y < 180 => 235,
        0 => 16,
        _ => 128,
    });
    let within = Size::new(160, 160);
    for (rotation, shape, white) in [
        (Rotation::None, (160, 90), (0, 0)),
        (Rotation::Clockwise90, (90, 160), (1, 0)),
        (Rotation::Half, (160, 90), (1, 1)),
        (Rotation::Clockwise270, (90, 160), (0, 1)),
    ] {
        let turned = Frame { rotation, ..stored.clone() };
        let (size, pixels) = tile(&gpu, &turned, within);
        assert_eq!((size.width, size.height), shape);
        let at = |x: u32, y: u32| pixels[((size.height * (2 * y + 1) / 4) * size.width + size.width * (2 * x + 1) / 4) as usize];
        for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let wanted = if (x, y) == white { [255; 3] } else { [0; 3] };
            assert!(close(at(x, y), wanted, 3), "{rotation:?}: {:?} at {x}, {y}", at(x, y));
        }
    }
}

#[test]
fn fine_lines_become_grey_and_no_moire() {
    let Some((gpu, _pictures)) = start() else { return };
    let lines = frame(Size::new(1_280, 720), PixelFormat::I420, Colour::PROGRAMME, |plane, x, _| {
        if plane == 0 && x % 2 == 0 {
            235
        } else if plane == 0 {
            16
        } else {
            128
        }
    });
    // A whole number of lines in each pixel is their mean; one and a half leave at most half of their difference.
    for (within, least, most) in [(Size::new(640, 360), 124, 130), (Size::new(480, 270), 83, 173), (Size::new(320, 180), 124, 130)] {
        let (_, pixels) = tile(&gpu, &lines, within);
        let (low, high) = pixels.iter().fold((255, 0), |(low, high), [r, _, _]| (low.min(*r), high.max(*r)));
        assert!(low >= least && high <= most, "{low} to {high} within {within:?}");
    }
}

#[test]
fn no_tile_is_larger_than_its_picture() {
    let small = frame(Size::new(100, 60), PixelFormat::I420, Colour::PROGRAMME, |_, _, _| 128);
    assert_eq!(tile_size(&small, Size::new(480, 270)), Size::new(100, 60));
    assert_eq!(tile_size(&small, Size::new(50, 270)), Size::new(50, 30));
    assert_eq!(tile_size(&small, Size::new(45, 270)), Size::new(33, 20));
}

#[test]
fn a_window_s_picture_comes_back_in_memory() {
    let Some((gpu, _pictures)) = start() else { return };
    let painted = paint_blue(&gpu.multiview()).recv_timeout(SOON).expect("a reply").expect("a picture");
    assert_eq!(painted.size(), WINDOW);
    let mut rows = 0;
    painted.for_rows(|_, row| {
        rows += 1;
        assert!(row.len() == 256 && row.as_chunks::<4>().0.iter().all(|pixel| *pixel == [204, 102, 51, 255]), "{:?}", &row[..4]);
    });
    assert_eq!(rows, 36);
}

#[test]
fn the_programme_goes_on_while_a_window_hangs() {
    let Some((gpu, pictures)) = start() else { return };
    let multiview = gpu.multiview();
    // The window takes a picture, keeps it and asks for nothing more, with another one and tiles under way.
    let kept = paint_blue(&multiview).recv_timeout(SOON).expect("a reply");
    let never_taken = paint_blue(&multiview);
    let camera = frame(Size::new(640, 360), PixelFormat::I420, Colour::PROGRAMME, |_, x, _| x as u8);
    multiview.show((0..8).map(|place| Wanted { place, frame: camera.clone(), within: Size::new(320, 180) }));
    let began = Instant::now();
    let mut tick = 0;
    while began.elapsed() < Duration::from_secs(2) {
        assert!(gpu.submit(job(tick)).is_ok(), "the thread is behind at tick {tick}");
        assert_eq!(pictures.recv_timeout(SOON).map(|picture| picture.tick), Ok(tick));
        tick += 1;
    }
    drop((kept, never_taken));
    assert_eq!((gpu.stats().lost, gpu.stats().devices), (0, 1));
}

#[test]
fn what_a_window_draws_wrong_costs_it_a_picture_and_nobody_else_any() {
    let Some((gpu, pictures)) = start() else { return };
    let multiview = gpu.multiview();
    let outcome = |draw: tl_gpu::Draw| {
        let (told, outcome) = mpsc::sync_channel(4);
        multiview.paint(Paint::new(WINDOW, draw, Box::new(move |painted| told.send(painted.is_some()).unwrap_or_default())));
        outcome.recv_timeout(SOON).expect("a reply")
    };
    assert!(!outcome(Box::new(|_| panic!("a window's own mistake"))));
    // A copy beyond the end of a buffer is refused by the device's checks.
    outcome(Box::new(|brush| {
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = brush.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
        brush.encoder.copy_buffer_to_buffer(&buffer, 0, &buffer, 8, Some(64));
        Vec::new()
    }));
    assert!(gpu.submit(job(1)).is_ok());
    assert_eq!(pictures.recv_timeout(SOON).map(|picture| picture.tick), Ok(1));
    assert!(paint_blue(&multiview).recv_timeout(SOON).expect("a reply").is_some());
    assert_eq!((gpu.stats().devices, gpu.stats().lost), (1, 0));
}

#[test]
fn a_lost_device_is_replaced_for_programme_and_window_alike() {
    let Some((gpu, pictures)) = start() else { return };
    let multiview = gpu.multiview();
    let camera = |seq: u64| Frame { seq, ..frame(Size::new(640, 360), PixelFormat::I420, Colour::PROGRAMME, |_, x, _| x as u8) };
    assert!(paint_blue(&multiview).recv_timeout(SOON).expect("a reply").is_some());
    for loss in 1..3_u64 {
        multiview.show((0..12).map(|place| Wanted { place, frame: camera(loss * 100), within: Size::new(320, 180) }));
        let under_way = paint_blue(&multiview);
        gpu.destroy_device();
        let lost_at = Instant::now();
        assert!(under_way.recv_timeout(SOON).is_ok(), "a reply always comes");
        let mut tick = loss * 1_000;
        let (mut programme, mut window, mut tiles) = (None, None, None);
        let (mut made_before, mut next_job) = (None, lost_at);
        let mut asked = paint_blue(&multiview);
        while programme.is_none() || window.is_none() || tiles.is_none() {
            let again = gpu.stats().devices as u64 == loss + 1;
            // The programme runs at 30 pictures a second.
            if Instant::now() >= next_job && gpu.submit(job(tick)).is_ok() {
                (tick, next_job) = (tick + 1, Instant::now() + Duration::from_micros(33_333));
            }
            if pictures.recv_timeout(Duration::from_millis(5)).is_ok() && again {
                programme.get_or_insert(lost_at.elapsed());
            }
            if let Ok(painted) = asked.try_recv() {
                if painted.is_some() && again {
                    window.get_or_insert(lost_at.elapsed());
                }
                asked = paint_blue(&multiview);
            }
            multiview.show([Wanted { place: 1, frame: camera(tick), within: Size::new(320, 180) }]);
            let made = gpu.stats().tiles;
            if again && made > *made_before.get_or_insert(made) {
                tiles.get_or_insert(lost_at.elapsed());
            }
            assert!(lost_at.elapsed() < SOON, "{programme:?} {window:?} {tiles:?}");
        }
        for (what, after) in [("programme", programme), ("window", window)] {
            assert!(after.is_some_and(|after| after < Duration::from_secs(2)), "the {what} came back after {after:?}");
        }
    }
}

#[test]
fn a_window_outlives_the_thread_without_holding_it() {
    let Some((gpu, _pictures)) = start() else { return };
    let multiview = gpu.multiview();
    drop(gpu);
    assert!(paint_blue(&multiview).recv_timeout(SOON).expect("a reply").is_none());
}
