//! What the software driver draws, held against arithmetic and golden pictures. Says aloud when there is no driver.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use tl_base::{MediaTime, Size};
use tl_frame::{Colour, Frame, Matrix, Memory, PixelFormat, Planes, Range, Rotation, VecPlanes};
use tl_gpu::graphics::{ScoreBug, TeamLook};
use tl_gpu::scene::{self, Transition};
use tl_gpu::{AdapterChoice, Config, Error, Gpu, Graphics, Job, Layer, LayerPicture, Picture, Placed, Rect, Scene};
use tl_testkit::picture::{self, Threshold, planes};

const SMALL: Size = Size::new(192, 108);

struct Stage {
    gpu: Gpu,
    pictures: mpsc::Receiver<Picture>,
    tick: u64,
}

impl Stage {
    fn new(canvas: Size) -> Option<Self> {
        let (done, pictures) = mpsc::sync_channel(512);
        let config = Config { adapter: AdapterChoice::Software, ..Config::new(canvas) };
        match Gpu::start(config, move |picture| done.send(picture).expect("the test listens")) {
            Ok(gpu) => Some(Self { gpu, pictures, tick: 0 }),
            Err(Error::NoAdapter { .. }) => {
                eprintln!("SKIPPED: there is no software Vulkan driver (mesa-vulkan-drivers)");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn draw(&mut self, layers: Vec<Layer>, overlays: Vec<Placed>) -> Frame {
        self.tick += 1;
        let job = Job { tick: self.tick, pts: MediaTime::from_millis(self.tick as i64), scene: Scene { layers, overlays } };
        assert!(self.gpu.submit(job).is_ok());
        let picture = self.pictures.recv_timeout(std::time::Duration::from_secs(20)).expect("a picture");
        assert_eq!((picture.tick, picture.frame.capture, picture.frame.format), (self.tick, picture.pts, PixelFormat::I420));
        picture.frame
    }
}

/// The largest distance of two samples.
fn apart(found: &Frame, wanted: &Frame) -> u8 {
    picture::compare(found, wanted).expect("of one size and format").max_abs
}

/// Smooth, coloured, and different everywhere.
fn waves(size: Size, format: PixelFormat, colour: Colour) -> Frame {
    let (low, high) = if colour.range == Range::Full { (0.0, 255.0) } else { (24.0, 228.0) };
    // Counted like a camera's pictures: the device keeps what it has seen under its number.
    static SEQ: AtomicU64 = AtomicU64::new(0);
    let frame = picture::frame(size, format, colour, |plane, x, y| {
        let (x, y) = (x as f32 * if plane == 0 { 1.0 } else { 2.0 }, y as f32 * if plane == 0 { 1.0 } else { 2.0 });
        let wave = match plane {
            0 => (x * 0.045).sin() * (y * 0.06).cos(),
            1 => 0.8 * (x * 0.02 + y * 0.03).sin(),
            _ => 0.8 * (x * 0.027 - y * 0.02).cos(),
        };
        (low + (high - low) * (0.5 + 0.5 * wave)).round() as u8
    });
    Frame { seq: SEQ.fetch_add(1, Ordering::Relaxed), ..frame }
}

/// Sharp edges and text-like detail.
fn detail(size: Size) -> Frame {
    picture::frame(size, PixelFormat::I420, Colour::PROGRAMME, |plane, x, y| match plane {
        0 if (x / 7 + y / 5) % 2 == 0 => 200,
        0 => 40 + (x % 50) as u8,
        1 => 90 + (x % 80) as u8,
        _ => 160 - (y % 60) as u8,
    })
}

#[test]
fn a_picture_that_fits_is_handed_on_uncopied() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    let frame = waves(SMALL, PixelFormat::I420, Colour::PROGRAMME);
    let out = stage.draw(scene::full(frame.clone(), SMALL), Vec::new());
    let (Memory::Cpu(given), Memory::Cpu(got)) = (&frame.memory, &out.memory) else { panic!("in memory") };
    assert!(Arc::ptr_eq(given, got));
    assert_eq!(stage.gpu.stats().passed_through, 1);
}

#[test]
fn every_way_through_keeps_a_picture_that_fits_bit_for_bit() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    let frame = waves(SMALL, PixelFormat::I420, Colour::PROGRAMME);
    let interleaved = waves(SMALL, PixelFormat::Nv12, Colour::PROGRAMME);
    let black = || vec![Layer::new(LayerPicture::Colour(16, 128, 128), Rect::whole(SMALL))];
    // Interleaved chroma is taken apart; a part of a larger picture is cut out.
    assert_eq!(apart(&stage.draw(scene::full(interleaved, SMALL), Vec::new()), &frame), 0);
    // Half of the canvas through the device, drawn and copied.
    let halves = |opacity: f32| {
        let half = Rect::new(0.0, 0.0, 96.0, 108.0);
        let mut layers = black();
        for x in [0.0, 96.0] {
            let crop = Rect { x, ..half };
            layers.push(Layer { crop: Some(crop), opacity, ..Layer::new(LayerPicture::Frame(frame.clone()), Rect { x, ..half }) });
        }
        layers
    };
    assert_eq!(apart(&stage.draw(halves(1.0), Vec::new()), &frame), 0);
    // What shines through is what lies below the group, black, and not the group's own lower layer or an old picture.
    let half = picture::frame(SMALL, PixelFormat::I420, Colour::PROGRAMME, |plane, _, _| [16, 128, 128][plane]);
    let out = stage.draw(halves(0.5), Vec::new());
    let wanted = planes(&frame).concat().iter().zip(planes(&half).concat()).map(|(a, b)| (u16::from(*a) + u16::from(b)).div_ceil(2) as u8).collect::<Vec<u8>>();
    assert!(planes(&out).concat().iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 1));
    // One colour and one picture of itself.
    let grey = stage.draw(vec![Layer::new(LayerPicture::Colour(81, 90, 240), Rect::whole(SMALL))], Vec::new());
    assert_eq!(apart(&grey, &picture::frame(SMALL, PixelFormat::I420, Colour::PROGRAMME, |plane, _, _| [81, 90, 240][plane])), 0);
}

#[test]
fn a_graphic_changes_nothing_outside_its_rectangle() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    let frame = waves(SMALL, PixelFormat::I420, Colour::PROGRAMME);
    let mut graphics = Graphics::new(SMALL).expect("templates");
    let image = graphics.lower_third("Anna", "Goal");
    let ((left, top), size) = (image.origin(), image.size());
    for opacity in [1.0, 0.5] {
        let out = stage.draw(scene::full(frame.clone(), SMALL), vec![Placed { image: Arc::clone(&image), opacity }]);
        let (before, after) = (planes(&frame), planes(&out));
        for plane in 0..3 {
            let divisor = if plane == 0 { 1 } else { 2 };
            let width = (SMALL.width / divisor) as usize;
            for (at, (before, after)) in before[plane].iter().zip(&after[plane]).enumerate() {
                let (x, y) = ((at % width) as u32 * divisor, (at / width) as u32 * divisor);
                let inside = (left..left + size.width).contains(&x) && (top..top + size.height).contains(&y);
                assert!(inside || before == after, "plane {plane} {x} {y}");
            }
        }
        assert!(apart(&out, &frame) > 30);
    }
}

#[test]
fn colours_come_through_within_two_code_values() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    for matrix in [Matrix::Bt601, Matrix::Bt709] {
        for range in [Range::Limited, Range::Full] {
            for format in [PixelFormat::I420, PixelFormat::Nv12] {
                let colour = Colour { matrix, range };
                let frame = waves(SMALL, format, colour);
                let out = stage.draw(scene::full(frame.clone(), SMALL), Vec::new());
                let wanted = reference::to_programme(&frame);
                let worst = planes(&out)
                    .iter()
                    .zip(&wanted)
                    .flat_map(|(found, wanted)| found.iter().zip(wanted))
                    .map(|(found, wanted)| (f64::from(*found) - wanted).abs())
                    .fold(0.0, f64::max);
                assert!(worst <= 1.0, "{colour:?} {format:?}: off by {worst}");
            }
        }
    }
}

#[test]
fn scaling_follows_a_reference() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    for size in [Size::new(96, 54), Size::new(144, 82), Size::new(288, 162), Size::new(640, 360), Size::new(192, 60), Size::new(80, 200), Size::new(191, 107)] {
        let frame = waves(size, PixelFormat::I420, Colour::PROGRAMME);
        // The whole picture stretched onto the canvas, as far as even edges allow.
        let out = stage.draw(vec![Layer::new(LayerPicture::Frame(frame.clone()), Rect::whole(SMALL))], Vec::new());
        let worst = reference::worst_scaled(&frame, &out, SMALL);
        assert!(worst <= 2.0, "{size:?}: off by {worst}");
    }
}

#[test]
fn rotation_turns_the_picture() {
    let Some(mut stage) = Stage::new(Size::new(96, 96)) else { return };
    let canvas = Size::new(96, 96);
    // Bright left top quarter of the stored picture.
    let frame = picture::frame(canvas, PixelFormat::I420, Colour::PROGRAMME, |plane, x, y| {
        let half = if plane == 0 { 48 } else { 24 };
        match (plane, x < half && y < half) {
            (0, true) => 200,
            (0, false) => 50,
            (1, true) => 90,
            _ => 128,
        }
    });
    for (rotation, bright) in [(Rotation::None, (24, 24)), (Rotation::Clockwise90, (72, 24)), (Rotation::Half, (72, 72)), (Rotation::Clockwise270, (24, 72))] {
        let out = stage.draw(scene::full(Frame { rotation, ..frame.clone() }, canvas), Vec::new());
        let [y, u, _] = planes(&out);
        for (column, row) in [(24, 24), (72, 24), (24, 72), (72, 72)] {
            let is_bright = (column, row) == bright;
            assert_eq!((y[row * 96 + column], u[row / 2 * 48 + column / 2]), if is_bright { (200, 90) } else { (50, 128) }, "{rotation:?} {column} {row}");
        }
    }
}

#[test]
fn a_dissolve_is_the_weighted_mean_of_both_arrangements() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    let (a, b) = (waves(SMALL, PixelFormat::I420, Colour::PROGRAMME), detail(SMALL));
    let full = scene::full(a.clone(), SMALL);
    let inset = scene::picture_in_picture(b.clone(), a.clone(), SMALL);
    let upper = stage.draw(inset.clone(), Vec::new());
    for progress in [0.2_f32, 0.5, 0.9] {
        let out = stage.draw(scene::transition(Transition::Dissolve, progress, full.clone(), inset.clone(), SMALL), Vec::new());
        let worst = planes(&out)
            .iter()
            .zip(planes(&a).iter().zip(&planes(&upper)))
            .flat_map(|(out, (a, b))| {
                out.iter()
                    .zip(a.iter().zip(b))
                    .map(|(out, (a, b))| (f32::from(*out) - (f32::from(*a) * (1.0 - progress) + f32::from(*b) * progress)).abs())
                    .collect::<Vec<_>>()
            })
            .fold(0.0, f32::max);
        assert!(worst <= 2.0, "{progress}: off by {worst}");
    }
    let dip = stage.draw(scene::transition(Transition::Dip, 0.5, full, inset, SMALL), Vec::new());
    assert_eq!(apart(&dip, &picture::frame(SMALL, PixelFormat::I420, Colour::PROGRAMME, |plane, _, _| if plane == 0 { 16 } else { 128 })), 0);
}

#[test]
fn hostile_frames_are_left_out() {
    struct Liar(VecPlanes);
    impl Planes for Liar {
        fn plane(&self, index: usize) -> Option<tl_frame::Plane<'_>> {
            let plane = self.0.plane(index)?;
            Some(tl_frame::Plane { bytes: plane.bytes.get(..plane.bytes.len() / 2)?, ..plane })
        }
    }
    let Some(mut stage) = Stage::new(SMALL) else { return };
    let whole = waves(SMALL, PixelFormat::I420, Colour::PROGRAMME);
    let short = Frame { memory: Memory::Cpu(Arc::new(Liar(VecPlanes::new(PixelFormat::I420, SMALL)))), ..whole.clone() };
    let larger = Frame { size: Size::new(4_000, 3_000), ..whole.clone() };
    let mislabelled = Frame { format: PixelFormat::Nv12, ..whole.clone() };
    let empty = Frame { size: Size::new(0, 0), ..whole.clone() };
    let elsewhere = Frame { memory: Memory::External(tl_frame::External::DmaBuf, Arc::new(())), ..whole };
    let black = picture::frame(SMALL, PixelFormat::I420, Colour::PROGRAMME, |plane, _, _| if plane == 0 { 16 } else { 128 });
    for frame in [short, larger, mislabelled, empty, elsewhere] {
        assert_eq!(apart(&stage.draw(scene::full(frame, SMALL), Vec::new()), &black), 0);
    }
}

#[test]
fn golden_pictures() {
    let Some(mut stage) = Stage::new(SMALL) else { return };
    let mut graphics = Graphics::new(SMALL).expect("templates");
    let team = |short: &str, colour: &str, score| TeamLook { short: short.into(), colour: colour.into(), score };
    let bug = ScoreBug { home: team("LIO", "#1d4fd8", 2), away: team("BEA", "#ffd400", 1), clock: Some("12:34".into()), period: Some("P2".into()) };
    let placed = |image| vec![Placed { image, opacity: 1.0 }];
    let (a, b) = (waves(Size::new(256, 144), PixelFormat::I420, Colour::PROGRAMME), detail(SMALL));
    let full = |frame: &Frame| scene::full(frame.clone(), SMALL);
    let scenes = [
        ("scaled_with_bug", full(&a), placed(graphics.score_bug(&bug))),
        ("lower_third", full(&b), placed(graphics.lower_third("Anna Lindqvist", "Goalkeeper"))),
        ("slate", scene::slate(graphics.slate("Back soon", "Lions against Bears", Some(&bug)), SMALL), Vec::new()),
        ("inset", scene::picture_in_picture(b.clone(), a.clone(), SMALL), Vec::new()),
        ("side_by_side", scene::side_by_side(a.clone(), b.clone(), SMALL), Vec::new()),
        ("wipe", scene::transition(Transition::Wipe, 0.4, full(&a), full(&b), SMALL), Vec::new()),
        ("portrait", full(&Frame { rotation: Rotation::Clockwise90, ..a.clone() }), Vec::new()),
    ];
    for (name, layers, overlays) in scenes {
        let out = stage.draw(layers, overlays);
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.png"));
        tl_testkit::assert_golden(path, &out, Threshold::ROUNDING);
    }
}

/// The same arithmetic in f64, written anew from the standards.
mod reference {
    use super::*;

    fn coefficients(matrix: Matrix) -> (f64, f64) {
        match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
        }
    }

    /// Programme code values of one pixel's code values, through red, green and blue.
    fn pixel(colour: Colour, y: f64, u: f64, v: f64) -> [f64; 3] {
        let (y, cb, cr) = match colour.range {
            Range::Limited => ((y - 16.0) / 219.0, (u - 128.0) / 224.0, (v - 128.0) / 224.0),
            Range::Full => (y / 255.0, (u - 128.0) / 255.0, (v - 128.0) / 255.0),
        };
        let (kr, kb) = coefficients(colour.matrix);
        let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        let (kr, kb) = coefficients(Matrix::Bt709);
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        [16.0 + 219.0 * y, 128.0 + 224.0 * (b - y) / (2.0 * (1.0 - kb)), 128.0 + 224.0 * (r - y) / (2.0 * (1.0 - kr))]
    }

    fn at(plane: &[u8], width: i64, height: i64, x: i64, y: i64) -> f64 {
        f64::from(plane[(y.clamp(0, height - 1) * width + x.clamp(0, width - 1)) as usize])
    }

    fn linear(plane: &[u8], width: i64, height: i64, x: f64, y: f64) -> f64 {
        let (left, top) = ((x - 0.5).floor(), (y - 0.5).floor());
        let (fx, fy) = (x - 0.5 - left, y - 0.5 - top);
        let tap = |dx: i64, dy: i64| at(plane, width, height, left as i64 + dx, top as i64 + dy);
        (tap(0, 0) * (1.0 - fx) + tap(1, 0) * fx) * (1.0 - fy) + (tap(0, 1) * (1.0 - fx) + tap(1, 1) * fx) * fy
    }

    /// Chroma between its samples by linear interpolation, left-sited.
    pub fn to_programme(frame: &Frame) -> [Vec<f64>; 3] {
        let [y, u, v] = planes(frame);
        let (width, height) = (i64::from(frame.size.width), i64::from(frame.size.height));
        let (half_w, half_h) = (width / 2, height / 2);
        let clamp = |value: f64| value.clamp(0.0, 255.0);
        let mut out = [Vec::new(), Vec::new(), Vec::new()];
        for row in 0..height {
            for column in 0..width {
                let (cx, cy) = ((column as f64 + 0.5) / 2.0 + 0.25, (row as f64 + 0.5) / 2.0);
                let [luma, ..] =
                    pixel(frame.colour, at(&y, width, height, column, row), linear(&u, half_w, half_h, cx, cy), linear(&v, half_w, half_h, cx, cy));
                out[0].push(clamp(luma));
            }
        }
        for row in 0..half_h {
            for column in 0..half_w {
                let [_, cb, cr] = pixel(frame.colour, 128.0, at(&u, half_w, half_h, column, row), at(&v, half_w, half_h, column, row));
                out[1].push(clamp(cb));
                out[2].push(clamp(cr));
            }
        }
        out
    }

    fn catmull_rom(t: f64) -> f64 {
        let t = t.abs();
        if t < 1.0 {
            1.5 * t * t * t - 2.5 * t * t + 1.0
        } else if t < 2.0 {
            -0.5 * t * t * t + 2.5 * t * t - 4.0 * t + 2.0
        } else {
            0.0
        }
    }

    /// One axis: weights of samples around `at` for a step of `step` samples.
    fn taps(at: f64, step: f64, cubic: bool) -> Vec<(i64, f64)> {
        if cubic {
            let first = (at - 0.5).floor() as i64 - 1;
            return (first..first + 4).map(|index| (index, catmull_rom(index as f64 + 0.5 - at))).collect();
        }
        let (low, high) = (at - step.max(1.0) / 2.0, at + step.max(1.0) / 2.0);
        (low.floor() as i64..=high.ceil() as i64)
            .map(|index| (index, (high.min(index as f64 + 1.0) - low.max(index as f64)).max(0.0) / step.max(1.0)))
            .collect()
    }

    /// The largest distance of a contained, stretched picture from the reference, over all planes.
    pub fn worst_scaled(frame: &Frame, out: &Frame, canvas: Size) -> f64 {
        let (width, height) = (f64::from(frame.size.width), f64::from(frame.size.height));
        let scale = (f64::from(canvas.width) / width).min(f64::from(canvas.height) / height);
        let even = |value: f64| (value / 2.0).round() * 2.0;
        let (left, right) = (even((f64::from(canvas.width) - width * scale) / 2.0), even((f64::from(canvas.width) + width * scale) / 2.0));
        let (top, bottom) = (even((f64::from(canvas.height) - height * scale) / 2.0), even((f64::from(canvas.height) + height * scale) / 2.0));
        let (kx, ky) = (width / (right - left), height / (bottom - top));
        let enlarged = kx <= 1.0 && ky <= 1.0;
        let (from, to) = (planes(frame), planes(out));
        let mut worst = 0.0_f64;
        for plane in 0..3 {
            let (divisor, site) = if plane == 0 { (1.0, 0.0) } else { (2.0, 0.5) };
            let (from_w, from_h) = ((width / divisor).ceil() as i64, (height / divisor).ceil() as i64);
            let to_w = f64::from(canvas.width) / divisor;
            for (index, found) in to[plane].iter().enumerate() {
                let (column, row) = (index as f64 % to_w, (index as f64 / to_w).floor());
                let (x, y) = ((column.floor() + 0.5) * divisor - site, (row + 0.5) * divisor);
                let (x, y) = ((x - left) * kx, (y - top) * ky);
                let inside = x > -0.5 && y > 0.0 && x < width && y < height;
                if !inside || column * divisor < left || column * divisor >= right {
                    continue;
                }
                let (x, y) = if plane == 0 { (x, y) } else { (x / 2.0 + 0.25, y / 2.0) };
                let cubic = enlarged && plane == 0;
                // Colour of a picture that is made little smaller is interpolated.
                let (kx, ky) = if plane > 0 && kx <= 2.0 && ky <= 2.0 { (1.0, 1.0) } else { (kx, ky) };
                let mut sum = 0.0;
                for (ty, wy) in taps(y, ky, cubic) {
                    for (tx, wx) in taps(x, kx, cubic) {
                        sum += wx * wy * at(&from[plane], from_w, from_h, tx, ty);
                    }
                }
                worst = worst.max((f64::from(*found) - sum.clamp(0.0, 255.0)).abs());
            }
        }
        worst
    }
}
