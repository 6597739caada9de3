//! A time code that machines read: black and white cells in the picture, who filmed it and which picture of the loop it is.
//!
//! Two rows of sixteen cells. The two outer columns on each side are fixed and tell what black and white look like; the 24 cells
//! between carry the camera (4 bits), the picture's index (12 bits) and a CRC-8 over both, most significant bit first, row after row.
//! A cell that is neither black nor white, as in the middle of a dissolve, makes the code unreadable rather than wrong.

use tl_base::Size;
use tl_frame::{Frame, Memory, Plane};

/// Side of a cell in a picture 720 lines high, pixels.
pub const CELL_PX: u32 = 16;
/// Cells in a row.
pub const COLUMNS: u32 = 16;
/// Rows of cells.
pub const ROWS: u32 = 2;
/// Left and upper edge of the cells in a picture of 1280 x 720.
pub const ORIGIN_PX: (u32, u32) = (976, 48);
/// Left and upper edge and side of the clap's flash in a picture of 1280 x 720.
pub const FLASH_PX: (u32, u32, u32) = (912, 48, 32);

/// Luma of a white cell, of a black one.
pub const WHITE: u8 = 228;
/// Luma of a black cell.
pub const BLACK: u8 = 20;

/// White must be this much brighter than black.
const LEAST_CONTRAST: f32 = 70.0;
/// A cell this far (share of the contrast) from both is unreadable.
const DOUBT: f32 = 0.32;

/// Part of a picture, pixels, which may be fractions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// From the left.
    pub x: f32,
    /// From the top.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// Where the cells lie when a camera fills a picture of this size.
pub fn place(size: Size) -> Rect {
    let (sx, sy) = (size.width as f32 / 1280.0, size.height as f32 / 720.0);
    let (x, y) = ORIGIN_PX;
    Rect { x: x as f32 * sx, y: y as f32 * sy, width: (CELL_PX * COLUMNS) as f32 * sx, height: (CELL_PX * ROWS) as f32 * sy }
}

/// Where the flash of a clap lies when a camera fills a picture of this size.
pub fn flash_place(size: Size) -> Rect {
    let (sx, sy) = (size.width as f32 / 1280.0, size.height as f32 / 720.0);
    let (x, y, side) = FLASH_PX;
    Rect { x: x as f32 * sx, y: y as f32 * sy, width: side as f32 * sx, height: side as f32 * sy }
}

/// The cells of a code, row after row; true is white. The camera counts to 15, the frame to 4,095.
pub fn cells(camera: u8, frame: u16) -> [bool; 32] {
    let word = u32::from(camera & 0xf) << 20 | u32::from(frame & 0xfff) << 8;
    let word = word | u32::from(crc8(word >> 8));
    std::array::from_fn(|index| {
        let (row, column) = (index / 16, index % 16);
        match column {
            0 | 14 => row == 0,
            1 | 15 => row == 1,
            _ => word >> (23 - (row * 12 + column - 2)) & 1 == 1,
        }
    })
}

/// Reads the code in `rect`; none when there is none, or when it cannot be trusted.
pub fn read(frame: &Frame, rect: Rect) -> Option<(u8, u16)> {
    let Memory::Cpu(planes) = &frame.memory else { return None };
    let luma = planes.plane(0)?;
    let (width, height) = (rect.width / COLUMNS as f32, rect.height / ROWS as f32);
    if !(width >= 3.0 && height >= 3.0) {
        return None;
    }
    let mut values = [0.0_f32; 32];
    for (index, value) in values.iter_mut().enumerate() {
        let (row, column) = ((index / 16) as f32, (index % 16) as f32);
        *value = mean(&luma, rect.x + column * width + width * 0.25, rect.y + row * height + height * 0.25, width * 0.5, height * 0.5)?;
    }
    let fixed = |index: &usize| matches!(index % 16, 0 | 1 | 14 | 15);
    let expected = cells(0, 0);
    let average = |white: bool| {
        let found = values.iter().zip(expected).enumerate().filter(|(index, (_, cell))| fixed(index) && *cell == white).map(|(_, (value, _))| *value);
        found.sum::<f32>() / 4.0
    };
    let (black, white) = (average(false), average(true));
    if white - black < LEAST_CONTRAST {
        return None;
    }
    let mut word = 0_u32;
    for (index, (value, cell)) in values.into_iter().zip(expected).enumerate() {
        let share = (value - black) / (white - black);
        if (share - 0.5).abs() < 0.5 - DOUBT {
            return None;
        }
        let is_white = share > 0.5;
        if fixed(&index) {
            if is_white != cell {
                return None;
            }
        } else {
            word = word << 1 | u32::from(is_white);
        }
    }
    (crc8(word >> 8) == (word & 0xff) as u8).then_some(((word >> 20) as u8, (word >> 8 & 0xfff) as u16))
}

/// Mean luma of a part of the picture, 0 to 255; none when it lies outside or the picture is not in ordinary memory.
pub fn brightness(frame: &Frame, rect: Rect) -> Option<f32> {
    let Memory::Cpu(planes) = &frame.memory else { return None };
    mean(&planes.plane(0)?, rect.x, rect.y, rect.width, rect.height)
}

fn mean(luma: &Plane<'_>, x: f32, y: f32, width: f32, height: f32) -> Option<f32> {
    if !(x >= 0.0 && y >= 0.0 && width > 0.0 && height > 0.0 && x.is_finite() && y.is_finite() && width < 65_536.0 && height < 65_536.0) {
        return None;
    }
    let (left, top) = (x.floor() as usize, y.floor() as usize);
    let (right, bottom) = (((x + width).ceil() as usize).max(left + 1), ((y + height).ceil() as usize).max(top + 1));
    let mut sum = 0_u64;
    for row in top..bottom {
        sum += luma.row(row).get(left..right)?.iter().map(|value| u64::from(*value)).sum::<u64>();
    }
    Some(sum as f32 / ((right - left) * (bottom - top)) as f32)
}

/// CRC-8 of 16 bits, polynomial 0x2F (AUTOSAR), start value 0xFF.
fn crc8(word: u32) -> u8 {
    let mut crc = 0xff_u8;
    for byte in [(word >> 8) as u8, word as u8] {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x2f };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tl_base::{MediaTime, SlotId};
    use tl_frame::{Colour, PixelFormat, Rotation, VecPlanes};

    use super::*;

    fn frame(size: Size, planes: VecPlanes) -> Frame {
        Frame {
            source: SlotId(1),
            seq: 0,
            format: PixelFormat::I420,
            colour: Colour::PROGRAMME,
            size,
            rotation: Rotation::None,
            capture: MediaTime::ZERO,
            arrival: MediaTime::ZERO,
            memory: Memory::Cpu(Arc::new(planes)),
        }
    }

    fn drawn(size: Size, value: impl Fn(bool) -> u8, code: [bool; 32]) -> Frame {
        let mut planes = VecPlanes::new(PixelFormat::I420, size);
        let rect = place(size);
        let width = size.width as usize;
        for (at, luma) in planes.plane_mut(0).iter_mut().enumerate() {
            let (x, y) = ((at % width) as f32 + 0.5 - rect.x, (at / width) as f32 + 0.5 - rect.y);
            let (column, row) = ((x / rect.width * 16.0).floor(), (y / rect.height * 2.0).floor());
            let inside = (0.0..16.0).contains(&column) && (0.0..2.0).contains(&row);
            *luma = if inside { value(code[row as usize * 16 + column as usize]) } else { 16 };
        }
        frame(size, planes)
    }

    #[test]
    fn every_code_reads_back_at_any_size() {
        for size in [Size::new(1280, 720), Size::new(640, 360), Size::new(1920, 1080), Size::new(960, 540)] {
            for (camera, index) in [(0, 0), (1, 1), (15, 4_095), (4, 299), (8, 150), (9, 2_730)] {
                let found = read(&drawn(size, |white| if white { WHITE } else { BLACK }, cells(camera, index)), place(size));
                assert_eq!(found, Some((camera, index)), "{size:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_trusted_is_not_read() {
        let size = Size::new(1280, 720);
        let good = cells(3, 77);
        for flipped in 0..32 {
            let mut bad = good;
            bad[flipped] = !bad[flipped];
            assert_eq!(read(&drawn(size, |white| if white { WHITE } else { BLACK }, bad), place(size)), None, "cell {flipped}");
        }
        assert_eq!(read(&drawn(size, |_| 120, good), place(size)), None, "no contrast");
        let outside = Rect { x: 1_200.0, ..place(size) };
        assert_eq!(read(&drawn(size, |white| if white { WHITE } else { BLACK }, good), outside), None);
        for rect in [Rect { x: f32::NAN, ..place(size) }, Rect { width: f32::INFINITY, ..place(size) }, Rect { y: -5.0, ..place(size) }] {
            assert_eq!(read(&drawn(size, |white| if white { WHITE } else { BLACK }, good), rect), None);
        }
    }

    #[test]
    fn half_way_through_a_dissolve_nothing_is_read() {
        let size = Size::new(1280, 720);
        let (a, b) = (cells(1, 100), cells(2, 201));
        let both: Vec<f32> = a.iter().zip(b).map(|(a, b)| if *a { 0.5 } else { 0.0 } + if b { 0.5 } else { 0.0 }).collect();
        let mut planes = VecPlanes::new(PixelFormat::I420, size);
        let rect = place(size);
        for (at, luma) in planes.plane_mut(0).iter_mut().enumerate() {
            let (x, y) = ((at % 1280) as f32 - rect.x, (at / 1280) as f32 - rect.y);
            let (column, row) = ((x / 16.0).floor(), (y / 16.0).floor());
            if (0.0..16.0).contains(&column) && (0.0..2.0).contains(&row) {
                *luma = (20.0 + 208.0 * both[row as usize * 16 + column as usize]) as u8;
            }
        }
        assert_eq!(read(&frame(size, planes), rect), None);
    }

    #[test]
    fn any_picture_is_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let size = Size::new(320, 180);
            let mut planes = VecPlanes::new(PixelFormat::I420, size);
            for (luma, byte) in planes.bytes_mut().iter_mut().zip(bytes.iter().cycle()) {
                *luma = *byte;
            }
            assert!(read(&frame(size, planes), place(size)).is_none_or(|(camera, frame)| camera < 16 && frame < 4_096));
        });
    }
}
