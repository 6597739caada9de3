//! One camera's pictures, one after another.

use std::sync::Arc;

use tl_base::{MediaTime, Rate, Size, SlotId};
use tl_frame::{Colour, Frame, Memory, PixelFormat, Rotation};

use super::background::World;
use super::camera::Projected;
use super::canvas::{Canvas, Cover, End, Picture, yuv};
use super::game::{Side, Stance};
use super::overlay::Overlay;
use super::text::{Mask, Type};
use super::{Camera, Game, Vec3, figure, rgb, vec3};
use crate::Seed;
use crate::seed::cell;
use crate::sound;

/// Size of a clip's pictures.
pub const SIZE: Size = Size::new(1280, 720);
/// Pictures a second.
pub const RATE: Rate = Rate::FPS_30;
/// Pictures of a clip, which then starts again.
pub const FRAMES: u32 = 300;

/// Traced around the picture, so that there is something to see when the camera trembles.
const MARGIN: usize = 8;

/// The true place of what matters in one picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The puck, pixels; none when it is behind the camera.
    pub puck: Option<(f32, f32)>,
    /// Feet of each person in the picture, pixels, and their number; 0 is an official.
    pub people: Vec<(f32, f32, u8)>,
}

/// Knows where everything is in one camera's pictures without drawing them.
pub struct Scout {
    camera: Camera,
    game: Game,
}

impl Scout {
    /// A scout beside camera `id` (1 to 8) of the game with this seed.
    pub fn new(seed: u64, id: u8) -> Self {
        let seed = Seed::new(seed);
        Self { camera: Camera::new(&seed, id, SIZE.width, SIZE.height), game: Game::new(&seed) }
    }

    /// The camera.
    pub fn camera(&self) -> &Camera {
        &self.camera
    }

    /// What picture `index` of the loop truly shows.
    pub fn seen(&self, index: u32) -> Seen {
        let time = (index % FRAMES) as f32 / 30.0;
        let (dx, dy) = self.camera.shake(time);
        let place = |point: Vec3| self.camera.project(point).map(|seen| (seen.x + dx, seen.y + dy));
        let inside = |(x, y): &(f32, f32)| (0.0..SIZE.width as f32).contains(x) && (0.0..SIZE.height as f32).contains(y);
        let spots = self.game.spots(time).into_iter().zip(&self.game.people);
        let people = spots.filter_map(|(spot, person)| place(spot).filter(inside).map(|(x, y)| (x, y, person.number))).collect();
        Seen { puck: place(self.game.puck_at(time)), people }
    }
}

/// The still part, with a margin.
struct Still {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    cb: Vec<u8>,
    cr: Vec<u8>,
    /// 255 in front of everyone on the ice.
    near: Vec<u8>,
}

/// Draws one camera's pictures.
pub struct Painter {
    camera: Camera,
    game: Game,
    still: Still,
    overlay: Overlay,
    numbers: Vec<(u8, Mask)>,
    tint: [f32; 3],
    canvas: Canvas,
}

impl Painter {
    /// Traces the still part for camera `id` (1 to 8) of the game with this seed; none when there is no memory for it.
    pub fn new(seed: u64, id: u8) -> Option<Self> {
        let seed = Seed::new(seed);
        let letters = Type::new();
        let camera = Camera::new(&seed, id, SIZE.width, SIZE.height);
        let game = Game::new(&seed);
        let world = World::new(&seed, &letters)?;
        let tint = camera.balance.map(|gain| gain * camera.exposure);
        let still = trace(&world, &camera, tint);
        let numbers = game.people.iter().filter(|person| person.number > 0).map(|person| (person.number, trimmed(&letters, person.number))).collect();
        let overlay = Overlay::new(&letters, id, camera.position.name);
        Some(Self { camera, game, still, overlay, numbers, tint, canvas: Canvas::default() })
    }

    /// The camera.
    pub fn camera(&self) -> &Camera {
        &self.camera
    }

    /// Picture `index` of the loop; its capture time is that in the loop.
    pub fn frame(&mut self, index: u32) -> Frame {
        let time = (index % FRAMES) as f32 / 30.0;
        let shift = self.camera.shake(time);
        let mut picture = Picture::new(SIZE);
        self.still.shifted_onto(&mut picture, shift);
        self.draw_people(&mut picture, time, shift);
        self.overlay.draw(&mut picture, index % FRAMES, sound::is_clap(index % FRAMES));
        framed(self.camera.id, index, picture)
    }

    fn draw_people(&mut self, picture: &mut Picture, time: f32, shift: (f32, f32)) {
        let stances = self.game.stances(time);
        let puck = self.game.puck_at(time);
        let mut order: Vec<(f32, Thing)> = Vec::with_capacity(stances.len() + 3);
        let deep = |camera: &Camera, point: Vec3| camera.project(point).map(|seen| seen.depth);
        order.extend(stances.iter().enumerate().filter_map(|(index, stance)| Some((deep(&self.camera, stance.feet)?, Thing::Person(index)))));
        order.extend([-1.0_f32, 1.0].into_iter().filter_map(|side| Some((deep(&self.camera, vec3(side * 26.5, 0.0, 0.0))?, Thing::Goal(side)))));
        order.extend(deep(&self.camera, puck).map(|depth| (depth, Thing::Puck)));
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, thing) in order {
            match thing {
                Thing::Person(index) => {
                    if let Some(stance) = stances.get(index) {
                        self.draw_person(picture, index, stance, shift);
                    }
                }
                Thing::Goal(side) => self.draw_goal(picture, side, shift),
                Thing::Puck => self.draw_puck(picture, puck, shift),
            }
        }
    }

    fn draw_person(&mut self, picture: &mut Picture, index: usize, stance: &Stance, shift: (f32, f32)) {
        let Self { camera, game, still, numbers, tint, canvas, .. } = self;
        let Some(person) = game.people.get(index) else { return };
        let Some(bounds) = figure::bounds(camera, person, stance, shift) else { return };
        let Some(feet) = camera.project(stance.feet) else { return };
        let cover = still.cover(shift);
        let (x, y) = (feet.x + shift.0, feet.y + shift.1);
        let flat = ((camera.eye.z / (camera.eye - stance.feet).length()).clamp(0.12, 1.0)) * feet.scale;
        if canvas.begin((x - feet.scale, y - flat, x + feet.scale, y + flat), SIZE) {
            canvas.shade((x, y + 0.02 * feet.scale), (0.72 * feet.scale, 0.62 * flat), 0.42);
            canvas.onto(picture, &cover, [1.0; 3]);
        }
        if !canvas.begin(bounds, SIZE) {
            return;
        }
        let number = numbers.iter().find(|(number, _)| *number == person.number && person.side != Side::Official).map(|(_, mask)| mask);
        figure::draw(canvas, camera, person, stance, number, shift);
        canvas.mirrored(picture, &cover, *tint, y + 0.02 * feet.scale, 0.20);
        canvas.onto(picture, &cover, *tint);
    }

    fn draw_puck(&mut self, picture: &mut Picture, puck: Vec3, shift: (f32, f32)) {
        let Some(seen) = self.camera.project(puck) else { return };
        let (x, y, radius) = (seen.x + shift.0, seen.y + shift.1, 0.075 * seen.scale);
        if self.canvas.begin((x - 3.0 * radius, y - 3.0 * radius, x + 3.0 * radius, y + 3.0 * radius), SIZE) {
            let end = |dx: f32| End { x: x + dx, y, radius: (radius * 0.6).max(1.0) };
            self.canvas.limb(end(-radius * 0.5), end(radius * 0.5), rgb(0x0a_0b_0d));
            self.canvas.onto(picture, &self.still.cover(shift), self.tint);
        }
    }

    fn draw_goal(&mut self, picture: &mut Picture, side: f32, shift: (f32, f32)) {
        let camera = &self.camera;
        let seen = |x: f32, y: f32, z: f32| camera.project(vec3(side * x, y, z)).map(|seen| Projected { x: seen.x + shift.0, y: seen.y + shift.1, ..seen });
        let corners: Vec<Projected> = [(26.0, -1.0, 0.0), (26.0, 1.0, 0.0), (26.0, -1.0, 1.25), (26.0, 1.0, 1.25), (27.15, -1.0, 0.0), (27.15, 1.0, 0.0)]
            .into_iter()
            .filter_map(|(x, y, z)| seen(x, y, z))
            .collect();
        let low = |of: fn(&Projected) -> f32| corners.iter().map(of).fold(f32::INFINITY, f32::min);
        let high = |of: fn(&Projected) -> f32| corners.iter().map(of).fold(f32::NEG_INFINITY, f32::max);
        if corners.is_empty() || !self.canvas.begin((low(|c| c.x) - 4.0, low(|c| c.y) - 4.0, high(|c| c.x) + 4.0, high(|c| c.y) + 4.0), SIZE) {
            return;
        }
        let canvas = &mut self.canvas;
        let mut line = |a: Option<Projected>, b: Option<Projected>, radius: f32, colour| {
            if let (Some(a), Some(b)) = (a, b) {
                canvas.limb(End { x: a.x, y: a.y, radius: radius * a.scale }, End { x: b.x, y: b.y, radius: radius * b.scale }, colour);
            }
        };
        let (red, net) = (rgb(0xd4_20_2e), rgb(0xf4_f6_f8));
        // Net: back, sides and roof, as cords 12 cm apart.
        for cord in 0..=15 {
            let y = -0.915 + cord as f32 * 0.122;
            line(seen(26.45, y, 1.20), seen(27.1, y, 0.03), 0.008, net);
            line(seen(26.02, y, 1.21), seen(26.45, y, 1.20), 0.008, net);
        }
        for cord in 0..=10 {
            let share = cord as f32 / 10.0;
            let (x, z) = (26.45 + 0.65 * share, 1.20 - 1.17 * share);
            line(seen(x, -0.915, z), seen(x, 0.915, z), 0.008, net);
            for y in [-0.915, 0.915] {
                line(seen(26.03, y, z), seen(x, y, z), 0.008, net);
                let along = 26.03 + share * 1.05;
                let top = if along < 26.45 { 1.2 } else { 1.2 - (along - 26.45) / 0.65 * 1.17 };
                line(seen(along, y, top), seen(along, y, 0.03), 0.008, net);
            }
        }
        for y in [-0.915, 0.915] {
            line(seen(27.1, y, 0.03), seen(26.0, y, 0.03), 0.025, red);
        }
        line(seen(27.1, -0.915, 0.03), seen(27.1, 0.915, 0.03), 0.025, red);
        for y in [-0.915, 0.915] {
            line(seen(26.0, y, 0.0), seen(26.0, y, 1.22), 0.032, red);
        }
        line(seen(26.0, -0.915, 1.22), seen(26.0, 0.915, 1.22), 0.032, red);
        self.canvas.onto(picture, &self.still.cover(shift), self.tint);
    }
}

enum Thing {
    Person(usize),
    Goal(f32),
    Puck,
}

fn trimmed(letters: &Type, number: u8) -> Mask {
    letters.line(&number.to_string(), 64.0, 2.0)
}

/// A picture as a frame of the loop.
fn framed(camera: u8, index: u32, picture: Picture) -> Frame {
    let capture = MediaTime(i64::from(index) * 1_000_000_000 / 30);
    Frame {
        source: SlotId(u16::from(camera)),
        seq: u64::from(index),
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size: picture.size,
        rotation: Rotation::None,
        capture,
        arrival: capture,
        memory: Memory::Cpu(Arc::new(picture.planes)),
    }
}

/// A covered lens: limited-range black without a time code.
pub(crate) fn black(camera: u8, index: u32) -> Frame {
    let mut picture = Picture::new(SIZE);
    picture.fill(0, 0, SIZE.width, SIZE.height, [0.0; 3]);
    framed(camera, index, picture)
}

/// The same picture once more, later.
pub(crate) fn framed_again(frame: &Frame, index: u32) -> Frame {
    let capture = MediaTime(i64::from(index) * 1_000_000_000 / 30);
    Frame { seq: u64::from(index), capture, arrival: capture, ..frame.clone() }
}

fn trace(world: &World, camera: &Camera, tint: [f32; 3]) -> Still {
    let (width, height) = (SIZE.width as usize + 2 * MARGIN, SIZE.height as usize + 2 * MARGIN);
    let (half_width, half_height) = (width / 2, height / 2);
    let pixel = {
        let (a, b) = (camera.ray(640.0, 360.0), camera.ray(641.0, 360.0));
        (a - b).length()
    };
    let mut still = Still {
        width,
        height,
        luma: vec![0; width * height],
        cb: vec![0; half_width * half_height],
        cr: vec![0; half_width * half_height],
        near: vec![0; width * height],
    };
    let corner = ((SIZE.width as f32 / 2.0).powi(2) + (SIZE.height as f32 / 2.0).powi(2)).sqrt();
    let shade = |x: usize, y: usize| {
        let (px, py) = (x as f32 - MARGIN as f32, y as f32 - MARGIN as f32);
        let mut colour = [0.0_f32; 3];
        let mut near = 0.0;
        for (look, (jx, jy)) in [(0.125, 0.375), (0.375, 0.875), (0.625, 0.125), (0.875, 0.625)].into_iter().enumerate() {
            let light = world.trace(camera, camera.ray(px + jx, py + jy), pixel, cell(x as i32, y as i32, look as u32));
            for (sum, value) in colour.iter_mut().zip(light.colour) {
                *sum += value * 0.25;
            }
            near += light.near * 0.25;
        }
        let away = (px - SIZE.width as f32 / 2.0).hypot(py - SIZE.height as f32 / 2.0) / corner;
        let vignette = 1.0 - 0.13 * away.powi(3);
        let mut gains = tint.iter();
        (colour.map(|value| (value * vignette * gains.next().copied().unwrap_or(1.0)).clamp(0.0, 1.0)), near)
    };
    for y in 0..half_height {
        for x in 0..half_width {
            let mut chroma = (0.0, 0.0);
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (px, py) = (2 * x + dx, 2 * y + dy);
                let (colour, near) = shade(px, py);
                let [luma, cb, cr] = yuv(colour);
                if let (Some(to), Some(cover)) = (still.luma.get_mut(py * width + px), still.near.get_mut(py * width + px)) {
                    (*to, *cover) = (luma.round() as u8, (near * 255.0_f32).round() as u8);
                }
                chroma = (chroma.0 + cb / 4.0, chroma.1 + cr / 4.0);
            }
            if let (Some(cb), Some(cr)) = (still.cb.get_mut(y * half_width + x), still.cr.get_mut(y * half_width + x)) {
                (*cb, *cr) = (chroma.0.round() as u8, chroma.1.round() as u8);
            }
        }
    }
    still
}

impl Still {
    fn cover(&self, shift: (f32, f32)) -> Cover<'_> {
        Cover { bytes: &self.near, stride: self.width, origin: (MARGIN as i32 - shift.0.round() as i32, MARGIN as i32 - shift.1.round() as i32) }
    }

    fn shifted_onto(&self, picture: &mut Picture, shift: (f32, f32)) {
        let limit = MARGIN as f32 - 1.0;
        let (dx, dy) = (shift.0.clamp(-limit, limit), shift.1.clamp(-limit, limit));
        let size = picture.size;
        let (width, height) = (size.width as usize, size.height as usize);
        let (y, u, v) = picture.split();
        shifted(&self.luma, self.width, y, (width, height), MARGIN as f32 - dx, MARGIN as f32 - dy);
        for (from, to) in [(&self.cb, u), (&self.cr, v)] {
            shifted(from, self.width / 2, to, (width / 2, height / 2), (MARGIN as f32 - dx) / 2.0, (MARGIN as f32 - dy) / 2.0);
        }
        debug_assert!(self.height >= height);
    }
}

/// Copies a part of a plane that starts between its samples.
fn shifted(from: &[u8], stride: usize, to: &mut [u8], size: (usize, usize), left: f32, top: f32) {
    let (x0, y0) = (left.floor() as usize, top.floor() as usize);
    let (fx, fy) = (((left - x0 as f32) * 64.0) as u32, ((top - y0 as f32) * 64.0) as u32);
    let weights = [(64 - fx) * (64 - fy), fx * (64 - fy), (64 - fx) * fy, fx * fy];
    let [w00, w10, w01, w11] = weights;
    for (row, out) in to.chunks_exact_mut(size.0).enumerate() {
        let start = (y0 + row) * stride + x0;
        let (Some(upper), Some(lower)) = (from.get(start..start + size.0 + 1), from.get(start + stride..start + stride + size.0 + 1)) else { continue };
        let pairs = upper.iter().zip(upper.iter().skip(1)).zip(lower.iter().zip(lower.iter().skip(1)));
        for (out, ((a, b), (c, d))) in out.iter_mut().zip(pairs) {
            *out = ((u32::from(*a) * w00 + u32::from(*b) * w10 + u32::from(*c) * w01 + u32::from(*d) * w11 + 2_048) >> 12) as u8;
        }
    }
}
