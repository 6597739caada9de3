//! One phone's eye: where it stands, what its lens does, how bright it sees and how it trembles.

use super::{Vec3, vec3};
use crate::Seed;

/// A place from which a game is filmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// For programs.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    stands_at: Vec3,
    looks_at: Vec3,
    /// Horizontal field of view, degrees.
    view_deg: f32,
}

/// Where cameras stand, the most useful first.
pub const POSITIONS: [Position; 8] = [
    Position { id: "center_ice", name: "Centre ice", stands_at: vec3(0.0, -23.0, 8.6), looks_at: vec3(0.0, -0.6, 0.0), view_deg: 70.0 },
    Position { id: "corner_cam_1", name: "Corner left", stands_at: vec3(-31.5, -17.5, 6.0), looks_at: vec3(-11.0, 0.0, 0.0), view_deg: 66.0 },
    Position { id: "goal_line_2", name: "Goal right", stands_at: vec3(35.5, 1.5, 6.4), looks_at: vec3(16.0, 0.2, 0.0), view_deg: 68.0 },
    Position { id: "bench_side", name: "Bench", stands_at: vec3(6.0, 18.2, 3.9), looks_at: vec3(-1.5, -2.0, 0.5), view_deg: 70.0 },
    Position { id: "corner_cam_2", name: "Corner right", stands_at: vec3(31.0, -18.0, 6.4), looks_at: vec3(10.0, 0.5, 0.0), view_deg: 66.0 },
    Position { id: "goal_line_1", name: "Goal left", stands_at: vec3(-35.5, -1.0, 6.4), looks_at: vec3(-16.0, 0.0, 0.0), view_deg: 68.0 },
    Position { id: "blue_line_1", name: "Blue line left", stands_at: vec3(-9.0, -19.5, 6.0), looks_at: vec3(-11.5, -1.0, 0.0), view_deg: 66.0 },
    Position { id: "press_box", name: "Press box", stands_at: vec3(3.0, -26.0, 12.0), looks_at: vec3(0.5, 0.0, 0.0), view_deg: 84.0 },
];

/// One camera with everything that is known of it.
#[derive(Clone, Debug)]
pub struct Camera {
    /// Counted from 1.
    pub id: u8,
    /// Where it stands.
    pub position: Position,
    /// Its eye.
    pub eye: Vec3,
    /// Brightness, 1 is right.
    pub exposure: f32,
    /// Red, green and blue gain of its white balance.
    pub balance: [f32; 3],
    /// Radial distortion: a point at distance r (in focal lengths) is seen at r (1 + k r²).
    pub distortion: f32,
    right: Vec3,
    down: Vec3,
    forward: Vec3,
    focal_px: f32,
    centre_px: (f32, f32),
    sway: [(f32, f32, f32); 4],
}

/// A point as a camera sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projected {
    /// Pixels from the left.
    pub x: f32,
    /// Pixels from the top.
    pub y: f32,
    /// Metres in front of the eye.
    pub depth: f32,
    /// Pixels that one metre takes there.
    pub scale: f32,
}

impl Camera {
    /// Camera `id` (1 to 8) of the game with this seed, with a picture of `width` x `height` pixels.
    pub fn new(seed: &Seed, id: u8, width: u32, height: u32) -> Self {
        let place = usize::from(id.saturating_sub(1)) % POSITIONS.len();
        let [first, ..] = POSITIONS;
        let position = POSITIONS.get(place).copied().unwrap_or(first);
        let mut chance = seed.child(&format!("camera {id}"));
        let mut near = |spread: f64| chance.range(-spread, spread) as f32;
        let eye = position.stands_at + vec3(near(0.4), near(0.3), near(0.2));
        let target = position.looks_at + vec3(near(0.5), near(0.4), 0.0);
        let forward = (target - eye).unit();
        // A hand or a cheap tripod is never quite level.
        let level = forward.cross(vec3(0.0, 0.0, 1.0)).unit();
        let up = level.cross(forward);
        let roll = near(0.012);
        let right = level * roll.cos() + up * roll.sin();
        let down = forward.cross(right).unit();
        let half_view = (position.view_deg + near(1.5)).to_radians() / 2.0;
        Self {
            id,
            position,
            eye,
            exposure: 1.0 + near(0.07),
            balance: [1.0 + near(0.025), 1.0, 1.0 + near(0.03)],
            distortion: -0.015 + near(0.008),
            right,
            down,
            forward,
            focal_px: width as f32 / 2.0 / half_view.tan(),
            centre_px: (width as f32 / 2.0, height as f32 / 2.0),
            // Whole turns in ten seconds, so that the loop closes.
            sway: [1.0, 2.0, 5.0, 11.0].map(|turns| (turns, near(1.0) * 1.6 / (1.0 + turns * 0.45), near(std::f64::consts::PI))),
        }
    }

    /// Where a point of the rink is seen; none behind the eye.
    pub fn project(&self, point: Vec3) -> Option<Projected> {
        let from_eye = point - self.eye;
        let depth = from_eye.dot(self.forward);
        if depth < 0.2 {
            return None;
        }
        let (x, y) = (from_eye.dot(self.right) / depth, from_eye.dot(self.down) / depth);
        let bend = 1.0 + self.distortion * (x * x + y * y);
        let (cx, cy) = self.centre_px;
        Some(Projected { x: cx + self.focal_px * x * bend, y: cy + self.focal_px * y * bend, depth, scale: self.focal_px / depth })
    }

    /// The direction, of unit length, in which a pixel looks.
    pub(crate) fn ray(&self, x_px: f32, y_px: f32) -> Vec3 {
        let (cx, cy) = self.centre_px;
        let (bent_x, bent_y) = ((x_px - cx) / self.focal_px, (y_px - cy) / self.focal_px);
        let (mut x, mut y) = (bent_x, bent_y);
        for _ in 0..3 {
            let bend = 1.0 + self.distortion * (x * x + y * y);
            (x, y) = (bent_x / bend, bent_y / bend);
        }
        (self.forward + self.right * x + self.down * y).unit()
    }

    /// How far the picture has moved at `time` (seconds into the loop), pixels; at most about 3.
    pub fn shake(&self, time_secs: f32) -> (f32, f32) {
        let turn = |turns: f32, phase: f32| (std::f32::consts::TAU * turns * time_secs / super::PERIOD_SECS + phase).sin();
        let x = self.sway.iter().map(|&(turns, size, phase)| size * turn(turns, phase)).sum();
        let y = self.sway.iter().map(|&(turns, size, phase)| 0.8 * size * turn(turns, phase * 1.7 + 1.0)).sum();
        (x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_meets_the_point_that_it_was_projected_from() {
        for id in 1..=8 {
            let camera = Camera::new(&Seed::new(3), id, 1280, 720);
            for point in [vec3(0.0, 0.0, 0.0), vec3(-10.0, 4.0, 1.0), vec3(12.0, -3.0, 2.0)] {
                let Some(seen) = camera.project(point) else { continue };
                let ray = camera.ray(seen.x, seen.y);
                let back = camera.eye + ray * (point - camera.eye).length();
                assert!((back - point).length() < 0.02, "camera {id}: {back:?} is not {point:?}");
            }
        }
    }

    #[test]
    fn every_camera_sees_ice_and_stands_level() {
        for id in 1..=8 {
            let camera = Camera::new(&Seed::new(9), id, 1280, 720);
            let middle = camera.ray(640.0, 360.0);
            assert!(middle.z < 0.0, "camera {id} looks down on the ice");
            assert!(camera.right.z.abs() < 0.03);
            let (x, y) = camera.shake(4.0);
            assert!(x.abs() < 6.0 && y.abs() < 6.0);
        }
    }
}
