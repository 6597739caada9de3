//! The shape of the rink: a rectangle of 60 x 28 m with round corners, and where a ray meets its wall.

use super::Vec3;

/// Half the length of the ice, metres.
pub(crate) const HALF_LENGTH: f32 = 30.0;
/// Half the width of the ice, metres.
pub(crate) const HALF_WIDTH: f32 = 14.0;
/// Radius of the corners, metres.
pub(crate) const CORNER: f32 = 8.0;
/// Height of the boards, metres.
pub(crate) const BOARDS: f32 = 1.07;
/// Height of the glass above the ice, metres.
pub(crate) const GLASS: f32 = 2.85;

const STRAIGHT_X: f32 = HALF_LENGTH - CORNER;
const STRAIGHT_Y: f32 = HALF_WIDTH - CORNER;
const QUARTER: f32 = CORNER * std::f32::consts::FRAC_PI_2;

/// Length of the boards once around, metres.
pub(crate) const AROUND: f32 = 4.0 * (STRAIGHT_X + STRAIGHT_Y) + 4.0 * QUARTER;

/// Distance to the boards, metres; negative on the ice.
pub(crate) fn beyond(x: f32, y: f32) -> f32 {
    let (qx, qy) = (x.abs() - STRAIGHT_X, y.abs() - STRAIGHT_Y);
    qx.max(0.0).hypot(qy.max(0.0)) + qx.max(qy).min(0.0) - CORNER
}

/// Outward direction across the boards nearest to a point.
pub(crate) fn outward(x: f32, y: f32) -> (f32, f32) {
    let (qx, qy) = (x.abs() - STRAIGHT_X, y.abs() - STRAIGHT_Y);
    let (nx, ny) = match (qx > 0.0, qy > 0.0) {
        (true, true) => (qx, qy),
        _ if qx > qy => (1.0, 0.0),
        _ => (0.0, 1.0),
    };
    let length = nx.hypot(ny).max(1e-6);
    (nx / length * x.signum(), ny / length * y.signum())
}

/// How far along the boards a point near them lies, metres from the left end of the near straight, counter-clockwise seen from above.
pub(crate) fn along(x: f32, y: f32) -> f32 {
    let (width, height) = (2.0 * STRAIGHT_X, 2.0 * STRAIGHT_Y);
    let corner = |cx: f32, cy: f32, from: f32| {
        let turn = (y - cy).atan2(x - cx) - from;
        turn.rem_euclid(std::f32::consts::TAU) * CORNER
    };
    let pi = std::f32::consts::PI;
    match (x.abs() <= STRAIGHT_X, y.abs() <= STRAIGHT_Y, x > 0.0, y > 0.0) {
        (true, _, _, false) if y.abs() > STRAIGHT_Y => x + STRAIGHT_X,
        (true, _, _, true) if y.abs() > STRAIGHT_Y => width + QUARTER + height + QUARTER + (STRAIGHT_X - x),
        (false, false, true, false) => width + corner(STRAIGHT_X, -STRAIGHT_Y, -pi / 2.0),
        (false, false, true, true) => width + QUARTER + height + corner(STRAIGHT_X, STRAIGHT_Y, 0.0),
        (false, false, false, true) => 2.0 * width + 2.0 * QUARTER + height + corner(-STRAIGHT_X, STRAIGHT_Y, pi / 2.0),
        (false, false, false, false) => 2.0 * width + 3.0 * QUARTER + 2.0 * height + corner(-STRAIGHT_X, -STRAIGHT_Y, pi),
        (_, _, true, _) => width + QUARTER + (y + STRAIGHT_Y),
        _ => 2.0 * width + 3.0 * QUARTER + height + (STRAIGHT_Y - y),
    }
}

/// Where a ray, seen from above, enters and leaves the rink: both distances along `direction`; none when it passes by.
pub(crate) fn crossings(origin: Vec3, direction: Vec3) -> Option<(f32, f32)> {
    let (mut enter, mut leave) = (f32::INFINITY, f32::NEG_INFINITY);
    let mut note = |t: f32| {
        enter = enter.min(t);
        leave = leave.max(t);
    };
    let at = |t: f32| (origin.x + direction.x * t, origin.y + direction.y * t);
    for side in [-1.0, 1.0] {
        if direction.x.abs() > 1e-9 {
            let t = (side * HALF_LENGTH - origin.x) / direction.x;
            if at(t).1.abs() <= STRAIGHT_Y {
                note(t);
            }
        }
        if direction.y.abs() > 1e-9 {
            let t = (side * HALF_WIDTH - origin.y) / direction.y;
            if at(t).0.abs() <= STRAIGHT_X {
                note(t);
            }
        }
        for other in [-1.0, 1.0] {
            let (cx, cy) = (side * STRAIGHT_X, other * STRAIGHT_Y);
            let (ox, oy) = (origin.x - cx, origin.y - cy);
            let a = direction.x * direction.x + direction.y * direction.y;
            let b = ox * direction.x + oy * direction.y;
            let disc = b * b - a * (ox * ox + oy * oy - CORNER * CORNER);
            if disc <= 0.0 || a < 1e-12 {
                continue;
            }
            for t in [(-b - disc.sqrt()) / a, (-b + disc.sqrt()) / a] {
                let (x, y) = at(t);
                if (x - cx) * side >= 0.0 && (y - cy) * other >= 0.0 {
                    note(t);
                }
            }
        }
    }
    (leave > enter).then_some((enter, leave))
}

#[cfg(test)]
mod tests {
    use super::super::vec3;
    use super::*;

    #[test]
    fn the_boards_are_where_they_should_be() {
        assert!((beyond(0.0, 14.0)).abs() < 1e-4 && (beyond(30.0, 0.0)).abs() < 1e-4);
        assert!(beyond(29.9, 13.9) > 1.0, "the corner is round");
        assert!(beyond(0.0, 0.0) < -10.0);
        assert_eq!(outward(0.0, 10.0), (0.0, 1.0));
    }

    #[test]
    fn along_counts_once_around() {
        let mut last = -1.0;
        for step in 0..720 {
            let angle = -std::f32::consts::PI * 0.85 + step as f32 / 720.0 * std::f32::consts::TAU;
            let (enter, leave) = crossings(vec3(0.0, 0.0, 0.0), vec3(angle.cos(), angle.sin(), 0.0)).expect("from within");
            assert!(enter < 0.0 && leave > 0.0);
            let here = along(angle.cos() * leave, angle.sin() * leave);
            assert!((0.0..=AROUND + 0.01).contains(&here));
            if last > 0.0 && here < last {
                assert!(last > AROUND * 0.95 && here < AROUND * 0.05, "it wraps once: {last} to {here}");
            }
            last = here;
        }
    }

    #[test]
    fn a_ray_that_passes_by_meets_nothing() {
        assert!(crossings(vec3(0.0, -20.0, 5.0), vec3(1.0, 0.0, 0.0)).is_none());
        let (enter, leave) = crossings(vec3(0.0, -20.0, 5.0), vec3(0.0, 1.0, -0.2)).expect("through");
        assert!((enter - 6.0).abs() < 1e-3 && (leave - 34.0).abs() < 1e-3);
    }
}
