//! Writes a picture of each camera as PNG, for a person to look at: `peek FOLDER SEED PICTURE CAMERA...`

use std::error::Error;
use std::path::Path;

use tiny_skia::{Pixmap, PremultipliedColorU8};
use tl_frame::{Frame, Memory};
use tl_rehearsal::rink::Painter;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, seed, picture, cameras @ ..] = arguments.as_slice() else { return Err("usage: peek FOLDER SEED PICTURE CAMERA...".into()) };
    for camera in cameras {
        let mut painter = Painter::new(seed.parse()?, camera.parse()?).ok_or("not enough memory")?;
        let frame = painter.frame(picture.parse()?);
        let pixmap = to_rgb(&frame).ok_or("not enough memory")?;
        pixmap.save_png(Path::new(folder).join(format!("camera{camera}.png")))?;
    }
    Ok(())
}

/// BT.709 limited to full-range RGB.
fn to_rgb(frame: &Frame) -> Option<Pixmap> {
    let Memory::Cpu(planes) = &frame.memory else { return None };
    let mut pixmap = Pixmap::new(frame.size.width, frame.size.height)?;
    let width = frame.size.width as usize;
    for (at, pixel) in pixmap.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        let sample = |plane: usize, x: usize, y: usize| planes.plane(plane).and_then(|plane| plane.row(y).get(x).copied()).map(f32::from);
        let (y, u, v) = ((sample(0, x, y)? - 16.0) / 219.0, (sample(1, x / 2, y / 2)? - 128.0) / 224.0, (sample(2, x / 2, y / 2)? - 128.0) / 224.0);
        let [r, g, b] = [y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u].map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8);
        *pixel = PremultipliedColorU8::from_rgba(r, g, b, 255)?;
    }
    Some(pixmap)
}
