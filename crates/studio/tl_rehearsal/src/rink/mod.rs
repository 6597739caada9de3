//! A hockey game that never took place, as each of up to eight cameras sees it.
//!
//! The rink's frame: x along the ice from the left end to the right one, y across it away from the main stand, z up; metres, origin at
//! the centre spot. A camera's frame: pixels from the top left of the picture.
//!
//! The static part (ice, boards, glass, stands, hall) is traced once per camera; figures, goals and puck are drawn on top each time.

mod background;
mod camera;
mod canvas;
mod figure;
mod game;
mod overlay;
mod painter;
mod place;
mod text;
mod texture;

pub use camera::{Camera, POSITIONS, Position};
pub use game::{Game, PERIOD_SECS};
pub use painter::{FRAMES, Painter, RATE, SIZE, Scout, Seen};
pub(crate) use painter::{black, framed_again};

/// A point or direction, metres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vec3 {
    /// Along the ice.
    pub x: f32,
    /// Across the ice.
    pub y: f32,
    /// Up.
    pub z: f32,
}

/// A point from its three coordinates.
pub(crate) const fn vec3(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    pub(crate) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(crate) fn cross(self, other: Self) -> Self {
        vec3(self.y * other.z - self.z * other.y, self.z * other.x - self.x * other.z, self.x * other.y - self.y * other.x)
    }

    pub(crate) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub(crate) fn unit(self) -> Self {
        let length = self.length();
        if length > 1e-9 { self * (1.0 / length) } else { self }
    }

    pub(crate) fn lerp(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }
}

impl std::ops::Add for Vec3 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        vec3(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl std::ops::Sub for Vec3 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        vec3(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl std::ops::Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, scale: f32) -> Self {
        vec3(self.x * scale, self.y * scale, self.z * scale)
    }
}

/// Colour, red green blue, 0 to 1, as encoded (not linear light).
pub(crate) type Rgb = [f32; 3];

/// A colour from `0xrrggbb`.
pub(crate) fn rgb(hex: u32) -> Rgb {
    [16, 8, 0].map(|shift| (hex >> shift & 0xff) as f32 / 255.0)
}

pub(crate) fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    let [ar, ag, ab] = a;
    let [br, bg, bb] = b;
    [ar + (br - ar) * share, ag + (bg - ag) * share, ab + (bb - ab) * share]
}

pub(crate) fn scale(a: Rgb, by: f32) -> Rgb {
    a.map(|value| value * by)
}

pub(crate) fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
