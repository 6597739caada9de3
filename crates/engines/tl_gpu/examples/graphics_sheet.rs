//! Draws the graphics over a sample picture through the software device and writes PNG files, to be looked at.
//!
//! `graphics_sheet DIR`

use std::path::Path;
use std::sync::{Arc, mpsc};

use resvg::tiny_skia::{ColorU8, Pixmap};
use tl_base::{MediaTime, Size, SlotId};
use tl_frame::{Colour, Frame, PixelFormat, Rotation};
use tl_gpu::graphics::{ScoreBug, TeamLook};
use tl_gpu::scene::{self, Transition};
use tl_gpu::{AdapterChoice, Config, Gpu, Graphics, Job, Layer, OverlayImage, Placed, Scene};
use tl_testkit::picture;

/// Name of the file, layers, graphics.
type Sheet = (&'static str, Vec<Layer>, Vec<Arc<OverlayImage>>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tl_base::log::init("warn");
    let dir = std::env::args().nth(1).ok_or("graphics_sheet DIR")?;
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir)?;
    for canvas in [Size::new(1_280, 720), Size::new(1_920, 1_080), Size::new(720, 1_280)] {
        sheet(dir, canvas)?;
    }
    Ok(())
}

fn sheet(dir: &Path, canvas: Size) -> Result<(), Box<dyn std::error::Error>> {
    let (done, pictures) = mpsc::sync_channel(4);
    let gpu = Gpu::start(Config { adapter: AdapterChoice::Software, ..Config::new(canvas) }, move |picture| {
        // The receiver outlives the thread but for an early return.
        done.send(picture).unwrap_or_default();
    })?;
    let mut graphics = Graphics::new(canvas)?;
    let team = |short: &str, colour: &str, score| TeamLook { short: short.into(), colour: colour.into(), score };
    let bug = ScoreBug { home: team("LIONS", "#1d4fd8", 2), away: team("BEARS", "#ffd400", 11), clock: Some("12:34".into()), period: Some("P2".into()) };
    let long =
        ScoreBug { home: team("WANDERERS", "#000000", 104), away: team("ÅSGÅRD", "#ffffff", 98), clock: Some("1:02:34".into()), period: Some("OT".into()) };
    let bare = ScoreBug { clock: None, period: None, ..bug.clone() };
    let camera = |at: u16| rink(canvas, at);
    let started = std::time::Instant::now();
    let score = graphics.score_bug(&bug);
    eprintln!("{}x{}: first score bug {:.2} ms", canvas.width, canvas.height, started.elapsed().as_secs_f64() * 1e3);
    let started = std::time::Instant::now();
    for second in 0..60 {
        graphics.score_bug(&ScoreBug { clock: Some(format!("11:{second:02}")), ..bug.clone() });
    }
    eprintln!("each next second {:.2} ms", started.elapsed().as_secs_f64() * 1e3 / 60.0);
    let started = std::time::Instant::now();
    let slate = graphics.slate("Back in a moment", "Lions against Bears, North Rink", Some(&bug));
    eprintln!("slate {:.2} ms, mean luma {:.1}", started.elapsed().as_secs_f64() * 1e3, slate.mean_luma());
    let started = std::time::Instant::now();
    let lower = graphics.lower_third("Anna Lindqvist", "Goalkeeper, Lions");
    eprintln!("lower third {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let full = |at| scene::full(camera(at), canvas);
    let plain_slate = graphics.slate("The show starts soon", "", None);
    let scenes: Vec<Sheet> = vec![
        ("bug", full(1), vec![score.clone(), lower]),
        (
            "long",
            full(2),
            vec![
                graphics.score_bug(&long),
                graphics.lower_third(
                    "Maximilian Oberleitner-Bergmann of the Wanderers of Niederschleissheim",
                    "Coach since 1998, and before that the fastest skater that the club has ever had on its ice",
                ),
            ],
        ),
        ("bare", full(1), vec![graphics.score_bug(&bare), graphics.lower_third("End of period 2", "")]),
        ("slate", scene::slate(slate, canvas), Vec::new()),
        ("plain_slate", scene::slate(plain_slate, canvas), Vec::new()),
        ("inset", scene::picture_in_picture(camera(1), camera(2), canvas), vec![score.clone()]),
        ("side_by_side", scene::side_by_side(camera(1), camera(2), canvas), vec![score.clone()]),
        ("dissolve", scene::transition(Transition::Dissolve, 0.5, full(1), scene::side_by_side(camera(1), camera(2), canvas), canvas), vec![score.clone()]),
        ("wipe", scene::transition(Transition::Wipe, 0.5, full(1), full(2), canvas), vec![score.clone()]),
        ("portrait", scene::full(Frame { rotation: Rotation::Clockwise90, ..camera(1) }, canvas), vec![score]),
    ];
    for (tick, (name, layers, overlays)) in scenes.into_iter().enumerate() {
        let overlays = overlays.into_iter().map(|image| Placed { image, opacity: 1.0 }).collect();
        let job = Job { tick: tick as u64, pts: MediaTime::ZERO, scene: Scene { layers, overlays } };
        gpu.submit(job).map_err(|_| "the queue is full")?;
        let picture = pictures.recv()?;
        drawing(&picture.frame).ok_or("the picture lies elsewhere")?.save_png(dir.join(format!("{name}_{}x{}.png", canvas.width, canvas.height)))?;
    }
    Ok(())
}

/// A rink as a camera might see it: bright ice, boards, players as blobs.
fn rink(size: Size, camera: u16) -> Frame {
    let made = picture::frame(size, PixelFormat::I420, Colour::PROGRAMME, |plane, x, y| {
        let divisor = if plane == 0 { 1.0 } else { 2.0 };
        let [r, g, b] = shade(camera, x as f32 * divisor / size.width as f32, y as f32 * divisor / size.height as f32).map(|value| value / 255.0);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let code = match plane {
            0 => 16.0 + 219.0 * luma,
            1 => 128.0 + 224.0 * (b - luma) / 1.8556,
            _ => 128.0 + 224.0 * (r - luma) / 1.5748,
        };
        code.round() as u8
    });
    Frame { source: SlotId(camera), ..made }
}

fn shade(camera: u16, x: f32, y: f32) -> [f32; 3] {
    let shift = f32::from(camera) * 0.13;
    let player = |px: f32, py: f32| ((x - px) / 0.02).powi(2) + ((y - py) / 0.09).powi(2) < 1.0;
    match y {
        ..0.24 if (x * 60.0).sin() * (y * 90.0).cos() > 0.2 => [70.0, 60.0, 66.0],
        ..0.24 => [38.0, 42.0, 54.0],
        ..0.30 => [222.0, 224.0, 226.0],
        _ if player(0.3 + shift, 0.55) || player(0.6 - shift, 0.7) => [30.0, 60.0, 170.0],
        _ if player(0.45 + shift, 0.62) || player(0.75, 0.5) => [200.0, 170.0, 20.0],
        _ if (x - 0.5 - shift * 0.3).abs() < 0.006 => [190.0, 50.0, 50.0],
        _ => [205.0 + 20.0 * y, 214.0 + 18.0 * y, 222.0 + 15.0 * y],
    }
}

fn drawing(frame: &Frame) -> Option<Pixmap> {
    let mut out = Pixmap::new(frame.size.width, frame.size.height)?;
    let rgb = picture::rgb(frame)?;
    let (pixels, _) = rgb.as_chunks::<3>();
    for (out, [r, g, b]) in out.pixels_mut().iter_mut().zip(pixels) {
        *out = ColorU8::from_rgba(*r, *g, *b, 255).premultiply();
    }
    Some(out)
}
