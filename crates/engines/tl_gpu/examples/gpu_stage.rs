//! Measures the GPU stage: pictures a second, processor time per picture, and where this thread's time goes.
//!
//! `gpu_stage [--frames N] [--canvas 720|1080] [--scene NAME] [--paced] [--software]` prints one JSON document.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Size, SlotId};
use tl_frame::{Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};
use tl_gpu::graphics::{ScoreBug, TeamLook};
use tl_gpu::scene::{self, Transition};
use tl_gpu::{AdapterChoice, Config, Fit, Gpu, Graphics, Job, Layer, LayerPicture, Placed, Rect, Scene};

const SCENES: [&str; 9] = ["one", "scaled_up", "scaled_down", "two", "four", "six", "dissolve", "wipe", "picture_in_picture"];
/// Different pictures of each camera, so that nothing is found uploaded.
const PICTURES: u64 = 6;

struct Options {
    frames: u64,
    canvas: Option<u32>,
    scene: Option<String>,
    paced: bool,
    adapter: AdapterChoice,
}

fn main() -> Result<(), String> {
    tl_base::log::init("warn");
    let options = options()?;
    let mut lines = Vec::new();
    let mut head = String::new();
    for height in [720, 1_080] {
        if options.canvas.is_some_and(|wanted| wanted != height) {
            continue;
        }
        for scene in SCENES {
            if options.scene.as_ref().is_some_and(|wanted| wanted != scene) {
                continue;
            }
            for overlays in [false, true] {
                let (adapter, line) = measure(&options, Size::new(height * 16 / 9, height), scene, overlays)?;
                head = adapter;
                eprintln!("{line}");
                lines.push(line);
            }
        }
    }
    println!("{{\"adapter\":{head},\"runs\":[{}]}}", lines.join(","));
    Ok(())
}

fn options() -> Result<Options, String> {
    let mut options = Options { frames: 150, canvas: None, scene: None, paced: false, adapter: AdapterChoice::Any };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--frames" => options.frames = value()?.parse().map_err(|_| "--frames takes a number")?,
            "--canvas" => options.canvas = Some(value()?.parse().map_err(|_| "--canvas takes 720 or 1080")?),
            "--scene" => options.scene = Some(value()?),
            "--paced" => options.paced = true,
            "--software" => options.adapter = AdapterChoice::Software,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(options)
}

fn measure(options: &Options, canvas: Size, name: &str, overlays: bool) -> Result<(String, String), String> {
    let (done, pictures) = mpsc::sync_channel(64);
    let config = Config { adapter: options.adapter, ..Config::new(canvas) };
    let gpu = Gpu::start(config, move |picture| {
        // The receiver outlives the thread but for an early return.
        done.send(picture.render).unwrap_or_default();
    })
    .map_err(|error| error.to_string())?;
    let graphics = if overlays { graphics(canvas)? } else { Vec::new() };
    let other = match name {
        "scaled_up" => Size::new(canvas.width * 3 / 4, canvas.height * 3 / 4),
        "scaled_down" => Size::new(canvas.width * 3 / 2, canvas.height * 3 / 2),
        _ => canvas,
    };
    let cameras: Vec<Vec<Frame>> = (0..6).map(|camera| (0..PICTURES).map(|seq| picture(camera, seq, other)).collect()).collect();
    let frame = |camera: usize, tick: u64| Frame { seq: tick, ..cameras[camera][(tick % PICTURES) as usize].clone() };
    let mut submitted = 0;
    let mut run = |frames: u64| {
        let mut in_work = 0;
        let mut latency = Vec::new();
        let start = Instant::now();
        for at in 0..frames {
            let tick = submitted;
            submitted += 1;
            let scene = Scene { layers: layers(name, tick, canvas, &frame), overlays: graphics.clone() };
            let mut job = Job { tick, pts: MediaTime::from_millis(tick as i64 * 33), scene };
            while let Err(back) = gpu.submit(job) {
                job = back;
                latency.extend(pictures.recv());
                in_work -= 1;
            }
            in_work += 1;
            if options.paced {
                std::thread::sleep((Duration::from_nanos(33_333_333) * (at as u32 + 1)).saturating_sub(start.elapsed()));
            }
        }
        latency.extend(pictures.iter().take(in_work));
        (start.elapsed(), latency)
    };
    run(12);
    let before = cpu_seconds();
    let (wall, latency) = run(options.frames);
    let cpu_ms = (cpu_seconds() - before) * 1e3 / options.frames as f64;
    let stats = gpu.stats();
    let fps = options.frames as f64 / wall.as_secs_f64();
    let render = latency.iter().map(|time| time.as_millis_f64()).sum::<f64>() / latency.len() as f64;
    let ms = |value: Option<f64>| value.map_or("null".into(), |value| format!("{value:.3}"));
    let line = format!(
        "{{\"canvas\":\"{}x{}\",\"scene\":\"{name}\",\"overlays\":{overlays},\"frames\":{},\"fps\":{fps:.1},\"cpu_ms_per_frame\":{cpu_ms:.2},\"render_ms\":{render:.2},\"upload_ms\":{},\"passes_ms\":{},\"readback_ms\":{},\"passed_through\":{}}}",
        canvas.width,
        canvas.height,
        options.frames,
        ms(stats.upload_ms),
        ms(stats.passes_ms),
        ms(stats.readback_ms),
        stats.passed_through
    );
    let info = gpu.adapter();
    Ok((format!("{{\"name\":\"{}\",\"driver\":\"{}\",\"software\":{}}}", info.name, info.driver, info.software), line))
}

fn graphics(canvas: Size) -> Result<Vec<Placed>, String> {
    let mut graphics = Graphics::new(canvas).map_err(|error| error.to_string())?;
    let team = |short: &str, colour: &str, score| TeamLook { short: short.into(), colour: colour.into(), score };
    let bug = ScoreBug { home: team("LIO", "#1d4fd8", 2), away: team("BEA", "#b3131d", 1), clock: Some("12:34".into()), period: Some("P2".into()) };
    Ok(vec![Placed { image: graphics.score_bug(&bug), opacity: 1.0 }])
}

fn layers(name: &str, tick: u64, canvas: Size, frame: &dyn Fn(usize, u64) -> Frame) -> Vec<Layer> {
    let full = |camera| scene::full(frame(camera, tick), canvas);
    let grid = |columns: u32, rows: u32| {
        let (width, height) = (canvas.width / columns, canvas.height / rows);
        let cell = |at: u32| Rect::new((at % columns * width) as f32, (at / columns * height) as f32, width as f32, height as f32);
        (0..columns * rows).map(|at| Layer { fit: Fit::Cover, ..Layer::new(LayerPicture::Frame(frame(at as usize, tick)), cell(at)) }).collect()
    };
    let progress = (tick % 15 + 1) as f32 / 16.0;
    match name {
        "two" => scene::side_by_side(frame(0, tick), frame(1, tick), canvas),
        "four" => grid(2, 2),
        "six" => grid(3, 2),
        "dissolve" => scene::transition(Transition::Dissolve, progress, full(0), full(1), canvas),
        "wipe" => scene::transition(Transition::Wipe, progress, full(0), full(1), canvas),
        "picture_in_picture" => scene::picture_in_picture(frame(0, tick), frame(1, tick), canvas),
        _ => full(0),
    }
}

fn picture(camera: u64, seq: u64, size: Size) -> Frame {
    let mut planes = VecPlanes::new(PixelFormat::I420, size);
    for (at, byte) in planes.bytes_mut().iter_mut().enumerate() {
        *byte = 16 + ((at as u64).wrapping_mul(2_654_435_761 + camera * 97 + seq * 13) >> 24) as u8 % 200;
    }
    Frame {
        source: SlotId(camera as u16 + 1),
        seq,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size,
        rotation: Rotation::None,
        capture: MediaTime::ZERO,
        arrival: MediaTime::ZERO,
        memory: Memory::Cpu(Arc::new(planes)),
    }
}

/// Processor time of this process, all threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}
