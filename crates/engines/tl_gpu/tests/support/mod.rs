//! A GPU thread on the software driver, and work for it.

use std::sync::mpsc;

use tl_base::{MediaTime, Size};
use tl_frame::{Colour, PixelFormat};
use tl_gpu::{AdapterChoice, Config, Error, Gpu, Job, Picture, Scene, scene};
use tl_testkit::picture::frame;

pub const CANVAS: Size = Size::new(192, 108);

/// The thread and its pictures; none where there is no such driver.
pub fn start() -> Option<(Gpu, mpsc::Receiver<Picture>)> {
    let (done, pictures) = mpsc::sync_channel(512);
    let config = Config { adapter: AdapterChoice::Software, ..Config::new(CANVAS) };
    match Gpu::start(config, move |picture| done.send(picture).unwrap_or_default()) {
        Ok(gpu) => Some((gpu, pictures)),
        Err(Error::NoAdapter { .. }) => {
            eprintln!("SKIPPED: there is no software Vulkan driver (mesa-vulkan-drivers)");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A picture of the programme that has to be drawn.
pub fn job(tick: u64) -> Job {
    let small = frame(Size::new(160, 90), PixelFormat::I420, Colour::PROGRAMME, |_, x, y| (x + y) as u8);
    Job { tick, pts: MediaTime::from_millis(tick as i64), scene: Scene { layers: scene::full(small, CANVAS), overlays: Vec::new() } }
}
