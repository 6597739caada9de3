//! What is burnt into each picture: time code, flash, and a label for people.

use super::canvas::{Picture, yuv};
use super::rgb;
use super::text::{Mask, Type};
use crate::timecode;

/// Panel around time code, flash and label in a picture of 1280 x 720: left, top, width, height.
const PANEL: (u32, u32, u32, u32) = (896, 32, 352, 96);
const LABEL_BASE: i32 = 84;
const LABEL_SIZE: f32 = 26.0;

/// Everything that a camera burns in.
pub(crate) struct Overlay {
    camera: u8,
    name: Mask,
    digits: Vec<(char, Mask)>,
}

impl Overlay {
    pub(crate) fn new(letters: &Type, camera: u8, name: &str) -> Self {
        let digits = "0123456789:.".chars().map(|digit| (digit, letters.line(&digit.to_string(), LABEL_SIZE, 0.0))).collect();
        Self { camera, name: letters.line(&format!("{camera}  {}", name.to_uppercase()), LABEL_SIZE, 1.2), digits }
    }

    /// Burns picture `index` of the loop in; `clap` lights the flash.
    pub(crate) fn draw(&self, picture: &mut Picture, index: u32, clap: bool) {
        let (x, y, width, height) = PANEL;
        picture.fill(x, y, width, height, rgb(0x0c_11_19));
        let (flash_x, flash_y, side) = timecode::FLASH_PX;
        let (code_x, code_y) = timecode::ORIGIN_PX;
        let cell = timecode::CELL_PX;
        // Luma of the fixed levels, so that the cells read back as they were written.
        picture.fill(flash_x, flash_y, side, side, grey(if clap { 235 } else { 32 }));
        for (place, white) in timecode::cells(self.camera, index as u16).into_iter().enumerate() {
            let (row, column) = (place as u32 / timecode::COLUMNS, place as u32 % timecode::COLUMNS);
            picture.fill(code_x + column * cell, code_y + row * cell, cell, cell, grey(if white { timecode::WHITE } else { timecode::BLACK }));
        }
        let ink = rgb(0xf3_f6_fa);
        put(picture, &self.name, flash_x as i32, LABEL_BASE, ink);
        let time = format!("{}:{:02}.{:02}", index / 1_800, index / 30 % 60, index % 30);
        // Right-aligned with figures of one width, so that nothing jumps.
        let mut right = (code_x + cell * timecode::COLUMNS) as i32;
        for letter in time.chars().rev() {
            let wide = if letter.is_ascii_digit() { 13 } else { 7 };
            right -= wide;
            if let Some((_, mask)) = self.digits.iter().find(|(digit, _)| *digit == letter) {
                put(picture, mask, right + (wide - mask.width as i32) / 2, LABEL_BASE, rgb(0xc3_ce_db));
            }
        }
    }
}

fn grey(luma: u8) -> [f32; 3] {
    [(f32::from(luma) - 16.0) / 219.0; 3]
}

/// Words on the panel, luma only: they are nearly grey.
fn put(picture: &mut Picture, mask: &Mask, left: i32, top: i32, ink: [f32; 3]) {
    let [ink, ..] = yuv(ink);
    let stride = picture.size.width as i32;
    let (luma, ..) = picture.split();
    for y in 0..mask.height as i32 {
        for x in 0..mask.width as i32 {
            let at = (top + y) * stride + left + x;
            if let Some(value) = usize::try_from(at).ok().and_then(|at| luma.get_mut(at)) {
                let share = mask.at(x, y);
                *value = (f32::from(*value) * (1.0 - share) + ink * share).round() as u8;
            }
        }
    }
}
