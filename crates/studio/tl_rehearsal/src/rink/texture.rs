//! What is painted on ice and boards, as seen straight on.

use tiny_skia::{Color, FillRule, LineCap, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::text::Type;
use super::{Rgb, place};
use crate::Seed;

/// Texels of the ice in a metre.
pub(crate) const ICE_SCALE: f32 = 32.0;
/// Texels of the boards in a metre.
pub(crate) const BOARDS_SCALE: f32 = 56.0;

const RED: u32 = 0xc8_22_2f;
const BLUE: u32 = 0x1e_4f_a8;

/// A picture that is looked up at any scale.
pub(crate) struct Texture {
    levels: Vec<Level>,
}

struct Level {
    width: usize,
    height: usize,
    texels: Vec<Rgb>,
}

impl Texture {
    pub(crate) fn new(pixmap: &Pixmap) -> Self {
        let texels = pixmap.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()].map(|value| f32::from(value) / 255.0)).collect();
        let mut levels = vec![Level { width: pixmap.width() as usize, height: pixmap.height() as usize, texels }];
        while let Some(smaller) = levels.last().filter(|level| level.width > 8 && level.height > 8).map(Level::halved) {
            levels.push(smaller);
        }
        Self { levels }
    }

    /// The colour at a texel of the full size, averaged over about `footprint` texels.
    pub(crate) fn sample(&self, x: f32, y: f32, footprint: f32) -> Rgb {
        let wanted = footprint.max(1.0).log2().round() as usize;
        let index = wanted.min(self.levels.len() - 1);
        let shrink = 0.5_f32.powi(index as i32);
        self.levels.get(index).map_or([0.0; 3], |level| level.bilinear(x * shrink - 0.5, y * shrink - 0.5))
    }
}

impl Level {
    fn at(&self, x: i32, y: i32) -> Rgb {
        let (x, y) = ((x.max(0) as usize).min(self.width - 1), (y.max(0) as usize).min(self.height - 1));
        self.texels.get(y * self.width + x).copied().unwrap_or_default()
    }

    fn bilinear(&self, x: f32, y: f32) -> Rgb {
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = (x - x0, y - y0);
        let (x0, y0) = (x0 as i32, y0 as i32);
        let top = super::mix(self.at(x0, y0), self.at(x0 + 1, y0), fx);
        let bottom = super::mix(self.at(x0, y0 + 1), self.at(x0 + 1, y0 + 1), fx);
        super::mix(top, bottom, fy)
    }

    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let average = |x: usize, y: usize| {
            let near = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| self.at((x * 2 + dx) as i32, (y * 2 + dy) as i32));
            near.into_iter()
                .fold([0.0; 3], |sum: Rgb, texel| super::mix(sum, [sum[0] + texel[0], sum[1] + texel[1], sum[2] + texel[2]], 1.0))
                .map(|value| value / 4.0)
        };
        let texels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| average(x, y)).collect();
        Self { width, height, texels }
    }
}

fn paint(hex: u32, alpha: f32) -> Paint<'static> {
    let [r, g, b] = super::rgb(hex);
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba(r, g, b, alpha).unwrap_or(Color::BLACK));
    paint
}

/// Paints in metres, the origin at the centre spot.
struct Floor {
    pixmap: Pixmap,
    to_texels: Transform,
}

impl Floor {
    fn rect(&mut self, x: f32, y: f32, w: f32, h: f32, hex: u32, alpha: f32) {
        if let Some(rect) = Rect::from_xywh(x, y, w, h) {
            self.pixmap.fill_rect(rect, &paint(hex, alpha), self.to_texels, None);
        }
    }

    fn fill(&mut self, path: Option<Path>, hex: u32, alpha: f32) {
        if let Some(path) = path {
            self.pixmap.fill_path(&path, &paint(hex, alpha), FillRule::Winding, self.to_texels, None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, width: f32, hex: u32, alpha: f32) {
        if let Some(path) = path {
            let stroke = Stroke { width, line_cap: LineCap::Round, ..Stroke::default() };
            self.pixmap.stroke_path(&path, &paint(hex, alpha), &stroke, self.to_texels, None);
        }
    }

    fn spot(&mut self, x: f32, y: f32, radius: f32, hex: u32) {
        self.fill(PathBuilder::from_circle(x, y, radius), hex, 1.0);
    }

    fn ring(&mut self, x: f32, y: f32, radius: f32, width: f32, hex: u32) {
        self.stroke(PathBuilder::from_circle(x, y, radius), width, hex, 1.0);
    }
}

fn polyline(points: &[(f32, f32)]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    builder.move_to(first.0, first.1);
    for (x, y) in rest {
        builder.line_to(*x, *y);
    }
    builder.finish()
}

/// The ice with its lines, circles and scratches.
pub(crate) fn ice(seed: &Seed, letters: &Type) -> Option<Texture> {
    let (width, height) = ((place::HALF_LENGTH * 2.0 * ICE_SCALE) as u32, (place::HALF_WIDTH * 2.0 * ICE_SCALE) as u32);
    let mut pixmap = Pixmap::new(width, height)?;
    pixmap.fill(Color::from_rgba8(236, 243, 249, 255));
    let to_texels = Transform::from_scale(ICE_SCALE, ICE_SCALE).post_translate(width as f32 / 2.0, height as f32 / 2.0);
    let mut floor = Floor { pixmap, to_texels };
    let half = place::HALF_WIDTH;
    emblems(&mut floor, letters);
    // The centre line is dashed so that a picture without colour still tells it from the blue lines.
    floor.rect(-0.15, -half, 0.3, half * 2.0, RED, 0.92);
    let dashes = (half * 2.0 / 0.8) as i32;
    for dash in 0..dashes {
        floor.rect(-0.09, -half + 0.25 + dash as f32 * 0.8, 0.18, 0.22, 0xf2_f6_f9, 1.0);
    }
    for side in [-1.0_f32, 1.0] {
        floor.rect(side * 7.14 - 0.15, -half, 0.3, half * 2.0, BLUE, 0.92);
        goal_area(&mut floor, side);
        for across in [-1.0_f32, 1.0] {
            face_off(&mut floor, side * 20.0, across * 7.0);
            floor.spot(side * 5.64, across * 7.0, 0.3, RED);
        }
    }
    floor.ring(0.0, 0.0, 4.5, 0.07, BLUE);
    floor.spot(0.0, 0.0, 0.16, BLUE);
    floor.stroke(arc(0.0, -half, 3.0, 0.0, std::f32::consts::PI), 0.06, RED, 0.9);
    scratches(&mut floor, &mut seed.child("scratches"));
    Some(Texture::new(&floor.pixmap))
}

fn arc(cx: f32, cy: f32, radius: f32, from: f32, to: f32) -> Option<Path> {
    let points: Vec<(f32, f32)> =
        (0..=40).map(|step| from + (to - from) * step as f32 / 40.0).map(|angle| (cx + radius * angle.cos(), cy + radius * angle.sin())).collect();
    polyline(&points)
}

fn goal_area(floor: &mut Floor, side: f32) {
    let line = side * 26.0;
    let crease = {
        let mut points: Vec<(f32, f32)> =
            (0..=32).map(|step| (step as f32 / 32.0 - 0.5) * std::f32::consts::PI).map(|angle| (line - side * 1.8 * angle.cos(), 1.8 * angle.sin())).collect();
        points.push((line, -1.8));
        polyline(&points)
    };
    floor.fill(crease.clone(), 0x8c_c4_ee, 0.85);
    floor.stroke(crease, 0.06, RED, 0.95);
    floor.rect(line - 0.04, -place::HALF_WIDTH, 0.08, place::HALF_WIDTH * 2.0, RED, 0.95);
}

fn face_off(floor: &mut Floor, x: f32, y: f32) {
    floor.ring(x, y, 4.5, 0.07, RED);
    floor.spot(x, y, 0.33, RED);
    for (sx, sy) in [(-1.0_f32, -1.0_f32), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
        let (near_x, near_y) = (x + sx * 0.6, y + sy * 0.23);
        floor.stroke(polyline(&[(near_x, near_y), (near_x + sx * 1.2, near_y)]), 0.06, RED, 0.9);
        floor.stroke(polyline(&[(near_x, near_y), (near_x, near_y + sy * 0.9)]), 0.06, RED, 0.9);
        floor.stroke(polyline(&[(x + sx * 0.86, y + sy * 4.45), (x + sx * 0.86, y + sy * 5.05)]), 0.06, RED, 0.9);
    }
}

/// The home club's emblem and the sponsors under the ice.
fn emblems(floor: &mut Floor, letters: &Type) {
    floor.spot(0.0, 0.0, 3.5, 0xf4_c2_4a);
    floor.spot(0.0, 0.0, 3.28, 0x17_1c_26);
    floor.spot(0.0, 0.0, 2.5, 0xf4_f6_f8);
    let crest = r##"<g transform="translate(0 -2)"><path d="M-46 -40 L-60 -8 L-44 -14 L-52 20 L-36 10 L-34 44 L-16 30 L0 58 L16 30 L34 44 L36 10 L52 20 L44 -14 L60 -8 L46 -40 L28 -30 L20 -52 L0 -40 L-20 -52 L-28 -30 Z" fill="#e5a71f"/><path d="M-26 -22 L-30 6 L-14 28 L0 36 L14 28 L30 6 L26 -22 L0 -32 Z" fill="#f7cf6b"/><path d="M-20 -8 L-6 -3 L-9 4 L-18 1 Z M20 -8 L6 -3 L9 4 L18 1 Z M-7 12 L7 12 L0 20 Z" fill="#171c26"/><path d="M-10 25 Q0 31 10 25" stroke="#171c26" stroke-width="3" fill="none"/></g>"##;
    let svg = format!(r##"<svg xmlns="http://www.w3.org/2000/svg" width="160" height="160" viewBox="-80 -80 160 160">{crest}</svg>"##);
    stamp(floor, letters.draw(&svg, 160, 160), 0.0, 0.0, 4.7, 0.95);
    // Stand-side words read from the main stand, as painted in a real rink.
    let words = |words: &str, colour: &str, width: u32| {
        let svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="128"><text x="{}" y="100" text-anchor="middle" font-family="Barlow Condensed" font-weight="600" font-size="104" fill="{colour}">{words}</text></svg>"##,
            width / 2
        );
        letters.draw(&svg, width, 128)
    };
    stamp(floor, words("NORTHSIDE BAKERY", "#2e7d5b", 760), -13.6, 0.0, 8.4, 0.5);
    stamp(floor, words("HARBOUR CYCLES", "#28548f", 700), 13.6, 0.0, 8.4, 0.5);
    stamp(floor, words("LIONS", "#c98f10", 300), 3.6, 10.4, 4.6, 0.45);
    stamp(floor, words("LIONS", "#c98f10", 300), -3.6, -10.4, 4.6, 0.45);
}

/// Paints a drawing `width` metres wide around a point, upright for the main stand at negative y.
fn stamp(floor: &mut Floor, drawing: Option<Pixmap>, x: f32, y: f32, width: f32, opacity: f32) {
    let Some(drawing) = drawing else { return };
    let scale = width / drawing.width() as f32;
    let placed = Transform::from_translate(-(drawing.width() as f32) / 2.0, -(drawing.height() as f32) / 2.0).post_scale(scale, -scale).post_translate(x, y);
    let paint = tiny_skia::PixmapPaint { opacity, quality: tiny_skia::FilterQuality::Bilinear, ..Default::default() };
    let transform = placed.post_concat(floor.to_texels);
    floor.pixmap.draw_pixmap(0, 0, drawing.as_ref(), &paint, transform, None);
}

/// Two periods of skating leave white arcs, most of them in front of the goals and around the circles.
fn scratches(floor: &mut Floor, chance: &mut Seed) {
    for _ in 0..2_600 {
        let crowded = chance.chance(0.55);
        let side = if chance.chance(0.5) { 1.0 } else { -1.0 };
        let (x, y) = if crowded {
            ((side * (17.0 + chance.range(-8.0, 8.0))) as f32, chance.range(-10.0, 10.0) as f32)
        } else {
            (chance.range(-29.0, 29.0) as f32, chance.range(-13.0, 13.0) as f32)
        };
        let (angle, bend, length) = (chance.range(0.0, std::f64::consts::TAU) as f32, chance.range(-0.5, 0.5) as f32, chance.range(0.6, 4.5) as f32);
        let (dx, dy) = (angle.cos() * length, angle.sin() * length);
        let mut builder = PathBuilder::new();
        builder.move_to(x, y);
        builder.quad_to(x + dx * 0.5 - dy * bend, y + dy * 0.5 + dx * bend, x + dx, y + dy);
        let (hex, alpha) = if chance.chance(0.7) { (0xff_ff_ff, chance.range(0.10, 0.34)) } else { (0x9f_b4_c4, chance.range(0.05, 0.18)) };
        floor.stroke(builder.finish(), chance.range(0.015, 0.04) as f32, hex, alpha as f32);
    }
    for _ in 0..160 {
        let (x, y) = (chance.range(-29.0, 29.0) as f32, chance.range(-13.0, 13.0) as f32);
        floor.fill(PathBuilder::from_circle(x, y, chance.range(0.3, 1.6) as f32), 0xff_ff_ff, chance.range(0.02, 0.07) as f32);
    }
}

const SPONSORS: [(&str, u32, u32); 12] = [
    ("NORTHSIDE BAKERY", 0xf7_f8_f9, 0x1f_6b_4a),
    ("HARBOUR CYCLES", 0x14_3a_6b, 0xff_ff_ff),
    ("TOUCHLINE", 0x0d_13_1c, 0xff_ff_ff),
    ("MILL LANE DENTAL", 0xf7_f8_f9, 0x0b_7a_8c),
    ("OAK & IRON BARBERS", 0x3b_2a_20, 0xf3_d9_a8),
    ("RIVERSIDE ICE CLUB", 0xf4_c2_4a, 0x17_1c_26),
    ("BLUEBIRD COACHES", 0xf7_f8_f9, 0x1d_4f_d8),
    ("FERN & FIELD GROCERS", 0x2f_6d_3a, 0xff_ff_ff),
    ("STONEGATE PHYSIO", 0xf7_f8_f9, 0x7a_2d_62),
    ("GREY HERON COFFEE", 0x44_4e_59, 0xff_ff_ff),
    ("LAKEVIEW OPTICS", 0xf7_f8_f9, 0x14_3a_6b),
    ("TALLY HARDWARE", 0xe9_ed_f1, 0x2b_34_40),
];

/// Where each sponsor's panel begins and ends along the boards: between the lines on the long sides, evenly around the ends.
fn panels() -> Vec<(f32, f32)> {
    let half = place::HALF_LENGTH - place::CORNER;
    let side = [-half, -14.6, -7.14, 0.0, 7.14, 14.6, half];
    let around_end = place::AROUND / 2.0 - 2.0 * half;
    let mut panels = Vec::new();
    for start in [0.0, place::AROUND / 2.0] {
        panels.extend(side.iter().zip(side.iter().skip(1)).map(|(from, to)| (start + from + half, start + to + half)));
        panels.extend((0..5).map(|end| start + 2.0 * half + around_end * end as f32 / 5.0).map(|from| (from, from + around_end / 5.0)));
    }
    panels
}

/// The boards once around, from the ice up; texel row 0 is the top rail.
pub(crate) fn boards(letters: &Type) -> Option<Texture> {
    let (width, height) = ((place::AROUND * BOARDS_SCALE) as u32, (place::BOARDS * BOARDS_SCALE).ceil() as u32);
    let mut pixmap = Pixmap::new(width, height)?;
    pixmap.fill(Color::from_rgba8(243, 245, 247, 255));
    let mut floor = Floor { pixmap, to_texels: Transform::from_scale(BOARDS_SCALE, BOARDS_SCALE) };
    for (index, (left, right)) in panels().into_iter().enumerate() {
        let Some(&(words, ground, ink)) = SPONSORS.get(index % SPONSORS.len()) else { continue };
        let panel = right - left;
        floor.rect(left + 0.22, 0.11, panel - 0.44, 0.70, ground, 1.0);
        let svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="128"><text x="640" y="100" text-anchor="middle" font-family="Barlow Condensed" font-weight="600" font-size="100" letter-spacing="4" fill="#{ink:06x}">{}</text></svg>"##,
            words.replace('&', "&amp;")
        );
        let Some(drawing) = letters.draw(&svg, 1280, 128) else { continue };
        // Seen from the ice, the way around runs from right to left.
        let fit = 6.2 / 1280.0;
        let placed = Transform::from_translate(-640.0, -64.0).post_scale(-fit, fit * 1.2).post_translate((left + right) / 2.0, 0.46);
        let transform = placed.post_concat(floor.to_texels);
        let paint = tiny_skia::PixmapPaint { quality: tiny_skia::FilterQuality::Bicubic, ..Default::default() };
        floor.pixmap.draw_pixmap(0, 0, drawing.as_ref(), &paint, transform, None);
        floor.rect(left - 0.012, 0.06, 0.024, 1.0, 0x9a_a4_ae, 0.8);
    }
    floor.rect(0.0, 0.0, place::AROUND, 0.07, BLUE, 1.0);
    floor.rect(0.0, 0.86, place::AROUND, 0.25, 0xf0_c0_2c, 1.0);
    // Blue, red and goal lines go on up the boards.
    for (x, hex, wide) in [(-7.14, BLUE, 0.3), (7.14, BLUE, 0.3), (0.0, RED, 0.3)] {
        for y in [-place::HALF_WIDTH, place::HALF_WIDTH] {
            floor.rect(place::along(x, y) - wide / 2.0, 0.07, wide, 0.79, hex, 1.0);
        }
    }
    Some(Texture::new(&floor.pixmap))
}
