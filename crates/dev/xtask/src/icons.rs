//! The product's icon: every size and container, from the drawings in `assets/icons`.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Where drawings and pictures lie.
const FOLDER: &str = "assets/icons";
/// Sides of the PNG files in pixels: what hicolor themes, Tauri and shops ask for.
const PNG_SIDES: [u32; 9] = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
/// Sides inside the Windows icon.
const ICO_SIDES: [u32; 6] = [16, 24, 32, 48, 64, 256];
/// Sides inside the macOS icon, each in the form that stands for its density.
const ICNS_SIDES: [(u32, icns::IconType); 7] = [
    (16, icns::IconType::RGBA32_16x16),
    (32, icns::IconType::RGBA32_16x16_2x),
    (32, icns::IconType::RGBA32_32x32),
    (128, icns::IconType::RGBA32_128x128),
    (256, icns::IconType::RGBA32_256x256),
    (512, icns::IconType::RGBA32_512x512),
    (1024, icns::IconType::RGBA32_512x512_2x),
];
/// Apple's grid gives the tile 824 of 1024 units; the drawing gives it 896, and its pictures are scaled by what lies between.
const MAC_SCALE: f32 = 824.0 / 896.0;

/// Writes every picture anew.
pub fn run(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    let files = all(&folder)?;
    for (name, bytes) in &files {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    println!("icons: {} files written in {FOLDER}; look at them at 16, 32 and 512 pixels, on dark and on light", files.len());
    Ok(())
}

/// Name and bytes of each file that is made from the drawings.
fn all(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for side in PNG_SIDES {
        files.push((format!("{side}x{side}.png"), draw(folder, side, 1.0)?.png()?));
    }
    files.push(("touchline.ico".into(), windows(folder)?));
    files.push(("touchline.icns".into(), mac(folder)?));
    Ok(files)
}

/// A square picture, 8 bits a channel, red, green, blue and alpha, not multiplied.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    side: u32,
    rgba: Vec<u8>,
}

impl Picture {
    fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.side, self.side);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder.write_header()?.write_image_data(&self.rgba)?;
        Ok(bytes)
    }
}

/// The drawing made for this size, or else the large one; `scale` shrinks it about its middle.
fn draw(folder: &Path, side: u32, scale: f32) -> Result<Picture> {
    let own = folder.join(format!("touchline-{side}.svg"));
    let path = if own.exists() { own } else { folder.join("touchline.svg") };
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let tree = Tree::from_str(&text, &Options::default()).with_context(|| path.display().to_string())?;
    ensure!(tree.size().width() == tree.size().height(), "{} is not square", path.display());
    let mut pixmap = Pixmap::new(side, side).context("a picture without pixels")?;
    let pixels = side as f32;
    let margin = pixels * (1.0 - scale) / 2.0;
    let factor = pixels * scale / tree.size().width();
    resvg::render(&tree, Transform::from_scale(factor, factor).post_translate(margin, margin), &mut pixmap.as_mut());
    let rgba = pixmap.pixels().iter().map(|pixel| pixel.demultiply()).flat_map(|c| [c.red(), c.green(), c.blue(), c.alpha()]).collect();
    Ok(Picture { side, rgba })
}

/// Only the side of 256 is a PNG inside: older programs read the smaller ones as bitmaps only.
fn windows(folder: &Path) -> Result<Vec<u8>> {
    let mut icon = ico::IconDir::new(ico::ResourceType::Icon);
    for side in ICO_SIDES {
        let image = ico::IconImage::from_rgba_data(side, side, draw(folder, side, 1.0)?.rgba);
        icon.add_entry(if side == 256 { ico::IconDirEntry::encode_as_png(&image)? } else { ico::IconDirEntry::encode_as_bmp(&image)? });
    }
    let mut bytes = Vec::new();
    icon.write(Cursor::new(&mut bytes))?;
    Ok(bytes)
}

fn mac(folder: &Path) -> Result<Vec<u8>> {
    let mut family = icns::IconFamily::new();
    for (side, kind) in ICNS_SIDES {
        // The small drawings fill their square, as small icons do everywhere.
        let scale = if side < 32 { 1.0 } else { MAC_SCALE };
        let image = icns::Image::from_data(icns::PixelFormat::RGBA, side, side, draw(folder, side, scale)?.rgba)?;
        family.add_icon_with_type(&image, kind)?;
    }
    let mut bytes = Vec::new();
    family.write(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        crate::root().join(FOLDER)
    }

    /// Every picture inside a file, in order.
    fn pictures(name: &str, bytes: &[u8]) -> Vec<Picture> {
        match name.rsplit('.').next().expect("an ending") {
            "png" => {
                let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().expect("a PNG");
                let mut rgba = vec![0; reader.output_buffer_size().expect("a size")];
                let info = reader.next_frame(&mut rgba).expect("pixels");
                vec![Picture { side: info.width, rgba }]
            }
            "ico" => {
                let icon = ico::IconDir::read(Cursor::new(bytes)).expect("a Windows icon");
                let decode = |entry: &ico::IconDirEntry| entry.decode().expect("pixels");
                icon.entries().iter().map(decode).map(|image| Picture { side: image.width(), rgba: image.into_rgba_data() }).collect()
            }
            _ => {
                let family = icns::IconFamily::read(Cursor::new(bytes)).expect("a macOS icon");
                let decode = |kind: icns::IconType| family.get_icon_with_type(kind).expect("pixels").convert_to(icns::PixelFormat::RGBA);
                ICNS_SIDES.iter().map(|(_, kind)| decode(*kind)).map(|image| Picture { side: image.width(), rgba: image.into_data().into_vec() }).collect()
            }
        }
    }

    /// Compression may differ between versions of an encoder, and the last bit between processors.
    fn same(a: &Picture, b: &Picture) -> bool {
        a.side == b.side && a.rgba.len() == b.rgba.len() && a.rgba.iter().zip(&b.rgba).all(|(a, b)| a.abs_diff(*b) <= 2)
    }

    #[test]
    fn files_are_what_the_drawings_give() {
        for (name, bytes) in all(&folder()).expect("drawings") {
            let kept = fs::read(folder().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}; write it with cargo xtask icons"));
            let (kept, drawn) = (pictures(&name, &kept), pictures(&name, &bytes));
            assert_eq!(kept.len(), drawn.len(), "{name}: run cargo xtask icons");
            let differing = kept.iter().zip(&drawn).find(|(a, b)| !same(a, b)).map(|(a, _)| a.side);
            assert_eq!(differing, None, "{name} is not what the drawing gives at this side: run cargo xtask icons and look at it");
        }
    }

    #[test]
    fn another_drawing_is_told_apart() {
        let (small, large) = (draw(&folder(), 16, 1.0).expect("16"), draw(&folder(), 32, 1.0).expect("32"));
        assert!(!same(&small, &large));
        let mut moved = small.clone();
        moved.rgba.rotate_left(4);
        assert!(!same(&small, &moved));
        assert!(same(&small, &small.clone()));
    }

    #[test]
    fn every_size_shows_the_tally_and_the_line() {
        for side in PNG_SIDES {
            let picture = draw(&folder(), side, 1.0).expect("a picture");
            let has = |colour: [u8; 3]| picture.rgba.chunks_exact(4).any(|pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 12));
            assert!(has([0xd9, 0x1f, 0x2a]) && has([0xf3, 0xf6, 0xfa]) && has([0x0b, 0x0f, 0x15]), "{side}");
        }
    }

    #[test]
    fn colours_are_tokens() {
        let tokens = fs::read_to_string(crate::root().join("assets/tokens.json")).expect("tokens");
        for name in ["touchline.svg", "touchline-16.svg", "touchline-24.svg"] {
            let text = fs::read_to_string(folder().join(name)).expect("a drawing");
            for (at, _) in text.match_indices("=\"#") {
                let colour = &text[at + 2..at + 9];
                assert!(tokens.contains(colour), "{name}: {colour} is no token");
            }
        }
    }
}
