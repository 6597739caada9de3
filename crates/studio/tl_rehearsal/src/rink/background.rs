//! What never moves, traced once per camera: ice with reflections, boards, glass, crowd and hall.

use super::texture::{BOARDS_SCALE, ICE_SCALE, Texture};
use super::{Camera, Rgb, Vec3, mix, place, rgb, scale, smoothstep, texture, vec3};
use crate::Seed;
use crate::seed::cell;

/// Height of the ceiling, metres.
const CEILING: f32 = 11.5;
/// Distance from the boards to the hall's wall, metres.
const WALL: f32 = 10.5;
const FIRST_ROW: f32 = 1.8;
const ROW_DEPTH: f32 = 0.92;
const ROW_RISE: f32 = 0.56;

/// What all cameras share.
pub(crate) struct World {
    ice: Texture,
    boards: Texture,
    salt: u32,
}

/// What one ray saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Light {
    pub(crate) colour: Rgb,
    /// 1 when it is in front of everyone on the ice.
    pub(crate) near: f32,
}

impl World {
    /// Paints the textures; none when there is no memory for them.
    pub(crate) fn new(seed: &Seed, letters: &super::text::Type) -> Option<Self> {
        Some(Self { ice: texture::ice(seed, letters)?, boards: texture::boards(letters)?, salt: seed.child("crowd").bits() as u32 })
    }

    /// What a camera sees in a direction.
    pub(crate) fn trace(&self, camera: &Camera, direction: Vec3, pixel: f32, grain: f32) -> Light {
        let eye = camera.eye;
        let Some((enter, leave)) = place::crossings(eye, direction).filter(|(_, leave)| *leave > 0.0) else {
            return Light { colour: self.hall(eye, direction, 0.0), near: 0.0 };
        };
        let mut veil = 0.0;
        if enter > 0.0 {
            let at = eye + direction * enter;
            if at.z < place::BOARDS {
                return Light { colour: boards_from_behind(at), near: 1.0 };
            }
            if at.z < place::GLASS {
                if let Some(colour) = frame_of_glass(at) {
                    return Light { colour, near: 1.0 };
                }
                veil += glare(at);
            }
        }
        let colour = self.beyond_near_glass(eye, direction, leave, pixel, grain);
        Light { colour: mix(colour, rgb(0xdf_e9_f2), veil), near: 0.0 }
    }

    fn beyond_near_glass(&self, eye: Vec3, direction: Vec3, leave: f32, pixel: f32, grain: f32) -> Rgb {
        let to_ice = if direction.z < 0.0 { -eye.z / direction.z } else { f32::INFINITY };
        if to_ice < leave {
            return self.ice(eye + direction * to_ice, direction, to_ice * pixel, grain);
        }
        let at = eye + direction * leave;
        if at.z < place::BOARDS {
            return self.boards(at, leave * pixel);
        }
        let behind = self.hall(eye, direction, leave);
        if at.z > place::GLASS {
            return behind;
        }
        frame_of_glass(at).unwrap_or_else(|| mix(behind, rgb(0xc9_d8_e6), 0.05 + glare(at)))
    }

    fn boards(&self, at: Vec3, footprint: f32) -> Rgb {
        let colour = self.boards.sample(place::along(at.x, at.y) * BOARDS_SCALE, (place::BOARDS - at.z) * BOARDS_SCALE, footprint * BOARDS_SCALE);
        // Lamps hang overhead, so the boards are a little darker than the ice and darkest at their foot.
        let (nx, ny) = place::outward(at.x, at.y);
        let turned = 0.86 + 0.06 * nx.abs() - 0.03 * ny;
        let marks = 1.0 - 0.10 * cell((place::along(at.x, at.y) * 9.0) as i32, (at.z * 5.0) as i32, 77) * smoothstep(0.7, 0.1, at.z);
        scale(colour, turned * (0.86 + 0.14 * smoothstep(0.0, 0.5, at.z)) * marks)
    }

    fn ice(&self, at: Vec3, direction: Vec3, footprint: f32, grain: f32) -> Rgb {
        let (x, y) = ((at.x + place::HALF_LENGTH) * ICE_SCALE, (at.y + place::HALF_WIDTH) * ICE_SCALE);
        // Seen at a slant a pixel is long; halfway between its sides keeps lines sharp without shimmer.
        let slant = (-direction.z).max(0.08).sqrt();
        let painted = self.ice.sample(x, y, footprint * ICE_SCALE / slant * 0.8);
        let edge = smoothstep(-0.9, 0.0, place::beyond(at.x, at.y));
        let lit = 1.0 - 0.05 * (at.x / place::HALF_LENGTH).powi(2) - 0.10 * edge + 0.012 * (cell((at.x * 1.5) as i32, (at.y * 1.5) as i32, 5) - 0.5);
        let steep = (-direction.z).clamp(0.0, 1.0);
        let mirror = 0.05 + 0.42 * (1.0 - steep).powi(4);
        let rough = vec3(0.0, 0.0, (grain - 0.5) * 0.09 * (0.3 + steep));
        let seen = self.reflected(at, (vec3(direction.x, direction.y, -direction.z) + rough).unit());
        mix(scale(painted, lit), seen, mirror)
    }

    fn reflected(&self, at: Vec3, direction: Vec3) -> Rgb {
        let Some((_, leave)) = place::crossings(at, direction) else { return rgb(0x8a_99_a8) };
        let wall = at + direction * leave;
        if wall.z < place::BOARDS {
            return self.boards(wall, 0.3);
        }
        if wall.z < 5.5 {
            return mix(rgb(0xa4_b4_c4), rgb(0x6b_7a_8b), smoothstep(1.0, 5.5, wall.z));
        }
        let up = (CEILING - at.z) / direction.z.max(1e-3);
        lamps(at + direction * up, 1.4)
    }

    /// Stands, wall and ceiling, from `from` metres along the ray.
    fn hall(&self, eye: Vec3, direction: Vec3, from: f32) -> Rgb {
        let mut t = from.max(0.05);
        let mut before = t;
        for _ in 0..48 {
            let at = eye + direction * t;
            if at.z > CEILING {
                return lamps(eye + direction * ((CEILING - eye.z) / direction.z), 0.15);
            }
            let out = place::beyond(at.x, at.y);
            if out > WALL {
                let (mut low, mut high) = (before, t);
                for _ in 0..12 {
                    let middle = (low + high) / 2.0;
                    let at = eye + direction * middle;
                    if place::beyond(at.x, at.y) < WALL { low = middle } else { high = middle }
                }
                return wall(eye + direction * high);
            }
            let above = at.z - floor_height(out);
            if above <= 0.0 {
                let (mut low, mut high) = (before, t);
                for _ in 0..9 {
                    let middle = (low + high) / 2.0;
                    let at = eye + direction * middle;
                    if at.z > floor_height(place::beyond(at.x, at.y)) { low = middle } else { high = middle }
                }
                return self.stand(eye + direction * high);
            }
            before = t;
            t += (above * 0.75).clamp(0.12, 2.5);
        }
        rgb(0x0c_11_18)
    }

    fn stand(&self, at: Vec3) -> Rgb {
        let out = place::beyond(at.x, at.y);
        let way = place::along(at.x, at.y);
        if out < FIRST_ROW {
            return mix(rgb(0x39_42_4d), rgb(0x23_2a_33), out / FIRST_ROW);
        }
        let row = ((out - FIRST_ROW) / ROW_DEPTH).floor();
        let up = (out - FIRST_ROW) / ROW_DEPTH - row;
        let dim = 0.88 - 0.055 * row;
        // An aisle every ten metres, with lit steps.
        let aisle = (way / 10.15).fract() * 10.15;
        if aisle < 1.15 {
            return scale(if up < 0.45 { rgb(0x6c_75_80) } else { rgb(0x4d_56_61) }, dim);
        }
        let seat_at = way / 0.56 + if row as i32 & 1 == 0 { 0.0 } else { 0.5 };
        let (seat, aside) = (seat_at.floor() as i32, seat_at.fract() - 0.5);
        scale(self.seat(seat, row as i32, aside, up), dim)
    }

    /// A place in the stand: `aside` -0.5 to 0.5 across it, `up` 0 to 1 from knees to crown.
    fn seat(&self, seat: i32, row: i32, aside: f32, up: f32) -> Rgb {
        let chance = |which: u32| cell(seat, row, self.salt.wrapping_add(which));
        let shell = mix(rgb(0x18_2c_4f), rgb(0x10_1e_38), up);
        let taken = chance(0) < 0.74 - 0.02 * row as f32;
        if !taken {
            let back = (aside.abs() < 0.40 && up > 0.12 && up < 0.62).then_some(rgb(0x24_43_78));
            return back.unwrap_or(shell);
        }
        let lean = (chance(1) - 0.5) * 0.12;
        let (x, tall) = (aside - lean, 0.92 + 0.16 * chance(2));
        let head = (x / 0.165).hypot((up / tall - 0.76) / 0.175);
        let skin = mix(rgb(0xd9_a8_86), rgb(0x6a_45_30), chance(3) * chance(3));
        if head < 1.0 {
            let hat = chance(4) < 0.42 && up / tall > 0.79;
            let hair = up / tall > 0.84 || (x.abs() > 0.11 && up / tall > 0.74);
            let colour = match (hat, hair) {
                (true, _) => coat(chance(5)),
                (_, true) => mix(rgb(0x2a_1e_17), rgb(0x8c_6a_3f), chance(6) * chance(6)),
                _ => skin,
            };
            return scale(colour, 1.0 - 0.25 * head * head);
        }
        let shoulders = (x / 0.42).powi(4) + ((up / tall - 0.24) / 0.40).powi(4);
        if shoulders < 1.0 {
            let scarf = chance(7) < 0.22 && x.abs() < 0.16 && up / tall > 0.46;
            let colour = if scarf { rgb(0xf2_b0_1e) } else { coat(chance(8)) };
            let hands = chance(9) < 0.3 && (x.abs() - 0.12).hypot(up / tall - 0.30) < 0.075;
            return scale(if hands { skin } else { colour }, (0.78 + 0.3 * up) * (1.0 - 0.22 * (x / 0.42).powi(2)));
        }
        scale(shell, 0.8)
    }
}

/// Winter coats: many dark, some bright, some in the club's colour.
fn coat(chance: f32) -> Rgb {
    const COATS: [u32; 14] = [
        0x1f_25_30, 0x2c_35_44, 0x39_30_2c, 0x4a_52_5e, 0x1d_3b_63, 0x26_4f_86, 0x7b_25_30, 0x9c_9f_a6, 0x2f_5a_48, 0xc9_cc_d2, 0xd2_94_1c, 0x53_3c_6e,
        0x8a_5a_3c, 0x33_3a_46,
    ];
    let place = chance * COATS.len() as f32;
    let colour = COATS.get(place as usize).copied().unwrap_or(0x2c_35_44);
    scale(rgb(colour), 0.8 + 0.4 * place.fract())
}

fn floor_height(out: f32) -> f32 {
    if out < FIRST_ROW - 0.1 {
        return 0.0;
    }
    let climb = smoothstep(FIRST_ROW - 0.1, FIRST_ROW, out) * 0.9;
    climb + (out - FIRST_ROW).max(0.0) * (ROW_RISE / ROW_DEPTH)
}

fn wall(at: Vec3) -> Rgb {
    let base = mix(rgb(0x27_31_3f), rgb(0x12_18_21), smoothstep(5.5, CEILING, at.z));
    let way = place::along(at.x, at.y);
    // Pennants of better years hang from a rail.
    let banner = (way / 3.4).fract() * 3.4;
    let which = (way / 3.4).floor() as i32;
    let point = 7.35 + (banner - 0.8).abs() * 0.35;
    if banner < 1.6 && at.z > point && at.z < 9.6 {
        let ground = if which % 2 == 0 { rgb(0xb9_86_1c) } else { rgb(0x1e_29_3b) };
        let stripe = (at.z - 9.0).abs() < 0.12 || (banner - 0.8).abs() < 0.09 && at.z < 8.7 && at.z > 7.9;
        return if stripe { rgb(0xcd_d3_da) } else { ground };
    }
    // A handrail behind the last row.
    if (at.z - 7.05).abs() < 0.05 { rgb(0x5d_68_76) } else { base }
}

fn lamps(at: Vec3, blur: f32) -> Rgb {
    let (x, y) = ((at.x / 6.0 + 0.5).rem_euclid(1.0) * 6.0 - 3.0, (at.y / 5.6 + 0.5).rem_euclid(1.0) * 5.6 - 2.8);
    let lamp = smoothstep(1.5 + blur, 1.5 - blur, x.abs()) * smoothstep(0.35 + blur, 0.35 - blur, y.abs());
    let truss = if blur < 1.0 && (x.abs() > 2.85 || y.abs() < 0.06) { 0.12 } else { 0.0 };
    let base = mix(rgb(0x0e_13_1a), rgb(0x59_63_70), truss);
    let base = if blur < 1.0 { base } else { rgb(0x93_a2_b1) };
    if place::beyond(at.x, at.y) > 6.0 { base } else { mix(base, [1.0, 1.0, 1.0], lamp) }
}

/// Posts every 2.4 m and the upper edge; none where it is clear.
fn frame_of_glass(at: Vec3) -> Option<Rgb> {
    let way = (place::along(at.x, at.y) / 2.4).fract() * 2.4;
    if way < 0.045 {
        return Some(mix(rgb(0x9f_ac_b8), rgb(0x6d_79_86), (way / 0.045 - 0.5).abs()));
    }
    (at.z > place::GLASS - 0.035).then_some(rgb(0xb9_cb_d8))
}

/// Light that the glass itself sends back: slanting streaks, stronger at the top.
fn glare(at: Vec3) -> f32 {
    let way = place::along(at.x, at.y);
    let streak = ((way * 0.35 + at.z * 0.5).sin() * 0.5 + 0.5).powi(6);
    0.02 + 0.05 * streak * smoothstep(place::BOARDS, place::GLASS, at.z)
}

fn boards_from_behind(at: Vec3) -> Rgb {
    if at.z < 0.0 {
        // The walkway between the boards and the first row.
        return mix(rgb(0x2a_31_3a), rgb(0x17_1c_23), smoothstep(0.0, -3.0, at.z));
    }
    let way = (place::along(at.x, at.y) / 2.4).fract() * 2.4;
    let rib = way < 0.10 || (way - 1.2).abs() < 0.04;
    let base = if at.z > place::BOARDS - 0.07 { rgb(0x2a_5d_b4) } else { rgb(0x9a_a4_af) };
    scale(if rib && at.z < place::BOARDS - 0.07 { rgb(0x7d_88_94) } else { base }, 0.55 + 0.35 * smoothstep(-0.2, 1.0, at.z))
}
