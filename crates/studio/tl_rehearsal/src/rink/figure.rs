//! People on skates: a skeleton in the rink's frame, drawn limb by limb from the far side to the near one.

use super::camera::Projected;
use super::canvas::{Canvas, End};
use super::game::{Person, Side, Stance, blade_of};
use super::text::Mask;
use super::{Camera, Rgb, Vec3, rgb, vec3};

/// What a side wears.
#[derive(Clone, Copy)]
struct Kit {
    jersey: Rgb,
    trim: Rgb,
    pants: Rgb,
    helmet: Rgb,
    socks: Rgb,
    gloves: Rgb,
    number: Rgb,
}

fn kit(side: Side) -> Kit {
    match side {
        Side::Home => Kit {
            jersey: rgb(0xee_a8_1a),
            trim: rgb(0x14_18_20),
            pants: rgb(0x1b_20_29),
            helmet: rgb(0x16_1a_22),
            socks: rgb(0xee_a8_1a),
            gloves: rgb(0x20_25_2e),
            number: rgb(0x11_15_1c),
        },
        Side::Away => Kit {
            jersey: rgb(0x1f_55_b5),
            trim: rgb(0xf2_f5_f8),
            pants: rgb(0x15_2c_5c),
            helmet: rgb(0x18_3f_8c),
            socks: rgb(0x1f_55_b5),
            gloves: rgb(0x17_33_6c),
            number: rgb(0xf8_fa_fc),
        },
        Side::Official => Kit {
            jersey: rgb(0xf2_f4_f6),
            trim: rgb(0x14_17_1c),
            pants: rgb(0x17_1a_20),
            helmet: rgb(0x14_17_1c),
            socks: rgb(0x17_1a_20),
            gloves: rgb(0xd8_a8_88),
            number: rgb(0x14_17_1c),
        },
    }
}

struct Limb {
    a: Vec3,
    b: Vec3,
    /// Metres.
    radii: (f32, f32),
    colour: Rgb,
}

/// A body in the rink's frame.
struct Body<'a> {
    person: &'a Person,
    stance: &'a Stance,
    kit: Kit,
    limbs: Vec<Limb>,
    chest: Vec3,
    spine: Vec3,
    ahead: Vec3,
}

impl Body<'_> {
    fn add(&mut self, a: Vec3, b: Vec3, ra: f32, rb: f32, colour: Rgb) {
        self.limbs.push(Limb { a, b, radii: (ra, rb), colour });
    }
}

/// The rectangle, in pixels, that a person may fill.
pub(crate) fn bounds(camera: &Camera, person: &Person, stance: &Stance, shift: (f32, f32)) -> Option<(f32, f32, f32, f32)> {
    let feet = camera.project(stance.feet)?;
    let blade = camera.project(blade_of(person, stance))?;
    let head = camera.project(stance.feet + vec3(0.0, 0.0, person.height + 0.1))?;
    let wide = feet.scale * 0.95;
    let (x0, x1) = ((feet.x - wide).min(blade.x - 0.3 * feet.scale), (feet.x + wide).max(blade.x + 0.3 * feet.scale));
    let (y0, y1) = (head.y - 0.1 * feet.scale, (feet.y + 0.6 * feet.scale).max(blade.y + 0.1 * feet.scale));
    Some((x0 + shift.0, y0 + shift.1, x1 + shift.0, y1 + shift.1))
}

/// Draws a person; the canvas already covers [`bounds`].
pub(crate) fn draw(canvas: &mut Canvas, camera: &Camera, person: &Person, stance: &Stance, number: Option<&Mask>, shift: (f32, f32)) {
    let body = pose(person, stance);
    let seen = |point: Vec3| camera.project(point).map(|seen| Projected { x: seen.x + shift.0, y: seen.y + shift.1, ..seen });
    let mut limbs: Vec<(f32, Projected, Projected, &Limb)> = body
        .limbs
        .iter()
        .filter_map(|limb| {
            let (a, b) = (seen(limb.a)?, seen(limb.b)?);
            let deep = (a.depth + b.depth) / 2.0 - limb.radii.0.max(limb.radii.1);
            Some((deep, a, b, limb))
        })
        .collect();
    limbs.sort_by(|one, other| other.0.total_cmp(&one.0));
    // The number goes on when everything behind the chest's surface is drawn.
    let to_eye = (camera.eye - body.chest).unit();
    let from_behind = body.ahead.dot(to_eye) < 0.0;
    let face = if from_behind { body.ahead * -1.0 } else { body.ahead };
    let surface = body.chest + face * 0.27;
    let number_depth = seen(surface).map_or(0.0, |at| at.depth - 0.04);
    let mut number = number.filter(|_| face.dot(to_eye) > 0.25);
    for (deep, a, b, limb) in limbs {
        if deep < number_depth
            && let Some(mask) = number.take()
        {
            put_number(canvas, camera, &body, mask, surface, face, shift);
        }
        let (ra, rb) = (limb.radii.0 * a.scale, limb.radii.1 * b.scale);
        canvas.limb(End { x: a.x, y: a.y, radius: ra }, End { x: b.x, y: b.y, radius: rb }, limb.colour);
    }
    if let Some(mask) = number {
        put_number(canvas, camera, &body, mask, surface, face, shift);
    }
}

fn put_number(canvas: &mut Canvas, camera: &Camera, body: &Body<'_>, mask: &Mask, at: Vec3, face: Vec3, shift: (f32, f32)) {
    let right = face.cross(body.spine).unit() * -1.0;
    let half_height = 0.15;
    let half_width = half_height * mask.width as f32 / mask.height.max(1) as f32;
    let (Some(centre), Some(aside), Some(below)) = (camera.project(at), camera.project(at + right * half_width), camera.project(at - body.spine * half_height))
    else {
        return;
    };
    let (right, down) = ((aside.x - centre.x, aside.y - centre.y), (below.x - centre.x, below.y - centre.y));
    canvas.words(mask, (centre.x + shift.0, centre.y + shift.1), right, down, body.kit.number);
}

fn pose<'a>(person: &'a Person, stance: &'a Stance) -> Body<'a> {
    let kit = kit(person.side);
    let up = vec3(0.0, 0.0, 1.0);
    let size = person.height / 1.9;
    let effort = (stance.speed / 6.0).clamp(0.15, 1.0);
    let crouch = if person.goalkeeper { 0.30 } else { 0.10 + 0.13 * effort };
    let hips = stance.feet + up * ((0.98 - crouch) * size) - stance.facing * (0.10 + 0.08 * effort);
    let lean = if person.side == Side::Official { 0.16 } else { 0.24 + 0.26 * effort };
    let spine = (up + stance.facing * (lean * 1.6)).unit();
    let neck = hips + spine * (0.56 * size);
    let chest = hips + spine * (0.36 * size);
    let mut body = Body { person, stance, kit, limbs: Vec::with_capacity(48), chest, spine, ahead: (stance.facing - up * (lean * 1.2)).unit() };
    legs(&mut body, hips, effort, size);
    torso(&mut body, hips, neck, size);
    arms_and_stick(&mut body, hips, neck, size);
    head(&mut body, neck, size);
    body
}

fn legs(body: &mut Body<'_>, hips: Vec3, effort: f32, size: f32) {
    let (facing, right, up) = (body.stance.facing, body.stance.right(), vec3(0.0, 0.0, 1.0));
    let kit = body.kit;
    for side in [-1.0_f32, 1.0] {
        let phase = body.stance.stride + if side > 0.0 { 0.0 } else { std::f32::consts::PI };
        let push = phase.sin().max(0.0) * effort;
        let lift = (-phase.sin()).max(0.0) * effort;
        let wide = if body.person.goalkeeper { 0.30 } else { 0.17 };
        let ankle = body.stance.feet + right * (side * (wide + 0.26 * push)) + facing * (0.16 * lift - 0.34 * push) + up * (0.13 + 0.10 * lift);
        let hip = hips + right * (side * 0.13);
        let knee = hip.lerp(ankle, 0.5) + facing * (0.20 - 0.10 * push) + right * (side * 0.05);
        if body.person.goalkeeper {
            // Pads are as wide as the leg is long.
            let pad = rgb(0xee_f0_f3);
            for aside in [-0.09, 0.0, 0.09] {
                let (a, b) = (knee + up * 0.12 + facing * 0.06 + right * aside, ankle - up * 0.06 + facing * 0.10 + right * (aside + side * 0.05));
                body.add(a, b, 0.075, 0.085, pad);
            }
            body.add(ankle.lerp(knee, 0.55) + facing * 0.13 - right * 0.1, ankle.lerp(knee, 0.55) + facing * 0.13 + right * 0.1, 0.03, 0.03, kit.jersey);
        }
        body.add(hip, knee, 0.155 * size, 0.105 * size, kit.pants);
        body.add(knee, ankle, 0.095 * size, 0.072 * size, kit.socks);
        let (above, below) = (knee.lerp(ankle, 0.48), knee.lerp(ankle, 0.64));
        body.add(above, below, 0.091 * size, 0.087 * size, kit.trim);
        let toe = facing + right * (side * 0.5 * push);
        body.add(ankle - toe * 0.07 - up * 0.02, ankle + toe * 0.17 - up * 0.05, 0.062, 0.05, rgb(0x15_17_1b));
        body.add(ankle - toe * 0.11 - up * 0.11, ankle + toe * 0.18 - up * 0.11, 0.013, 0.013, rgb(0xcf_d6_dd));
    }
}

fn torso(body: &mut Body<'_>, hips: Vec3, neck: Vec3, size: f32) {
    let right = body.stance.right();
    let kit = body.kit;
    let waist = hips + body.spine * 0.02;
    let top = neck - body.spine * 0.07;
    if body.person.side == Side::Official {
        // Upright stripes, the same all around.
        for stripe in -3..=3_i32 {
            let aside = stripe as f32 * 0.062;
            let colour = if stripe & 1 == 0 { kit.trim } else { kit.jersey };
            let depth = 0.155 - 0.018 * stripe.abs() as f32;
            body.add(waist + right * aside * 0.8, top + right * aside, depth * 0.92, depth, colour);
        }
        body.add(waist - body.spine * 0.06, waist - body.spine * 0.01, 0.17, 0.17, kit.pants);
        return;
    }
    let wide = if body.person.goalkeeper { 0.17 } else { 0.12 };
    let deep = if body.person.goalkeeper { 0.21 } else { 0.18 };
    for aside in [-1.0, 1.0, 0.0] {
        body.add(waist + right * (aside * 0.09), top + right * (aside * wide), (deep + 0.005) * size, (deep - 0.01) * size, kit.jersey);
    }
    // The hem hangs over the pants, with a band of the second colour.
    let hem = waist - body.spine * 0.03;
    body.add(hem - right * 0.11, hem + right * 0.11, 0.185 * size, 0.185 * size, kit.trim);
    let over = hem + body.spine * 0.075;
    body.add(over - right * 0.11, over + right * 0.11, 0.187 * size, 0.187 * size, kit.jersey);
}

fn arms_and_stick(body: &mut Body<'_>, hips: Vec3, neck: Vec3, size: f32) {
    let (facing, right, up) = (body.stance.facing, body.stance.right(), vec3(0.0, 0.0, 1.0));
    let kit = body.kit;
    let official = body.person.side == Side::Official;
    let swing = body.stance.stride.sin() * 0.12 * (body.stance.speed / 6.0).min(1.0);
    let low = if body.person.left_handed { -1.0 } else { 1.0 };
    let blade = blade_of(body.person, body.stance);
    let butt = if body.person.goalkeeper {
        hips + facing * 0.30 + right * (low * 0.30) + up * 0.28
    } else {
        hips + facing * (0.34 + swing) - right * (low * 0.16) + up * 0.20
    };
    let grip = butt.lerp(blade, 0.42);
    for side in [-1.0_f32, 1.0] {
        let shoulder = neck + right * (side * 0.215 * size) - body.spine * 0.09;
        let hand = match (official, body.person.goalkeeper, (side - low).abs() < 0.1) {
            (true, _, _) => shoulder - up * 0.42 + facing * (0.20 + side * swing * 1.6) + right * (side * 0.10),
            (_, true, true) => butt,
            (_, true, false) => hips + facing * 0.34 + right * (side * 0.46) + up * 0.18,
            (_, _, true) => grip,
            _ => butt,
        };
        let elbow = shoulder.lerp(hand, 0.5) + right * (side * 0.12) - up * 0.06 - facing * 0.05;
        body.add(shoulder, elbow, 0.098 * size, 0.078 * size, if official { kit.trim } else { kit.jersey });
        body.add(elbow, hand, 0.076 * size, 0.064 * size, kit.jersey);
        if !official {
            body.add(elbow.lerp(hand, 0.28), elbow.lerp(hand, 0.50), 0.078 * size, 0.074 * size, kit.trim);
        }
        let glove = if body.person.goalkeeper {
            0.14
        } else if official {
            0.045
        } else {
            0.078
        };
        let colour = if body.person.goalkeeper { rgb(0xe8_eb_ee) } else { kit.gloves };
        body.add(hand, hand + (hand - elbow).unit() * 0.05, glove, glove * 0.9, colour);
    }
    if official {
        return;
    }
    let shaft = if body.person.goalkeeper { rgb(0xd9_c8_9a) } else { rgb(0x23_26_2c) };
    let heel = blade + up * 0.02;
    body.add(butt, heel, if body.person.goalkeeper { 0.022 } else { 0.016 }, 0.017, shaft);
    let toe = heel + (facing * 0.22 - right * (low * 0.20)) * if body.person.goalkeeper { 1.3 } else { 1.0 };
    body.add(heel, toe, 0.036, 0.028, rgb(0x16_18_1c));
}

fn head(body: &mut Body<'_>, neck: Vec3, size: f32) {
    let (facing, up) = (body.stance.facing, vec3(0.0, 0.0, 1.0));
    let kit = body.kit;
    let skin = rgb(0xd6_a2_82);
    let middle = neck + up * (0.155 * size) + facing * 0.07;
    body.add(neck, middle, 0.075, 0.08, skin);
    let face = middle + facing * 0.055 - up * 0.03;
    let mask = if body.person.goalkeeper { rgb(0xdf_e3_e8) } else { skin };
    body.add(face, face - up * 0.02, 0.085, 0.08, mask);
    body.add(middle + up * 0.045 - facing * 0.03, middle + up * 0.035 + facing * 0.035, 0.122 * size, 0.112 * size, kit.helmet);
    if !body.person.goalkeeper {
        // The visor catches the lamps.
        body.add(face + facing * 0.035 + up * 0.03, face + facing * 0.04 + up * 0.015, 0.062, 0.058, rgb(0xa9_bd_cc));
    }
}
