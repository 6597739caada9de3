//! The script of ten seconds of hockey: who is where at any moment. Everything is a function of time with a period of ten seconds, so
//! that the clip loops without a seam.

use super::{Vec3, place, vec3};
use crate::Seed;

/// Length of the script, seconds.
pub const PERIOD_SECS: f32 = 10.0;

/// Whose side someone is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Home,
    Away,
    Official,
}

/// Someone on the ice.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) side: Side,
    pub(crate) goalkeeper: bool,
    pub(crate) number: u8,
    pub(crate) left_handed: bool,
    /// Metres tall, on skates.
    pub(crate) height: f32,
    /// Strides in ten seconds.
    strides: f32,
    post: (f32, f32),
    follow: f32,
    lag_secs: f32,
    wander: [(f32, f32, f32, f32); 3],
}

/// Someone at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stance {
    /// Between the skates, on the ice.
    pub(crate) feet: Vec3,
    /// Unit, level.
    pub(crate) facing: Vec3,
    /// Metres a second.
    pub(crate) speed: f32,
    /// Turn of the stride, radians.
    pub(crate) stride: f32,
}

impl Stance {
    pub(crate) fn right(&self) -> Vec3 {
        vec3(self.facing.y, -self.facing.x, 0.0)
    }
}

/// From this moment until the next one's, this person has the puck, then passes it.
#[derive(Clone, Copy, Debug)]
struct Possession {
    from_secs: f32,
    pass_secs: f32,
    who: usize,
}

/// Ten seconds of a game.
#[derive(Clone, Debug)]
pub struct Game {
    pub(crate) people: Vec<Person>,
    puck: Vec<Possession>,
    focus: [(f32, f32, f32); 4],
}

fn turn(turns: f32, time_secs: f32, phase: f32) -> f32 {
    (std::f32::consts::TAU * turns * time_secs / PERIOD_SECS + phase).sin()
}

impl Game {
    /// The game of this seed.
    pub fn new(seed: &Seed) -> Self {
        let mut chance = seed.child("game");
        let mut phase = || chance.range(-std::f64::consts::PI, std::f64::consts::PI) as f32;
        let focus = [(1.0, 11.0, phase()), (2.0, 2.6, phase()), (1.0, 4.4, phase()), (3.0, 1.5, phase())];
        let mut game = Self { people: people(&mut seed.child("people")), puck: Vec::new(), focus };
        game.puck = game.possessions(&mut seed.child("puck"));
        game
    }

    /// Where the play is, roughly.
    fn focus_at(&self, time_secs: f32) -> (f32, f32) {
        let [a, b, c, d] = self.focus.map(|(turns, size, phase)| size * turn(turns, time_secs, phase));
        (a + b, c + d)
    }

    fn spot(&self, person: &Person, time_secs: f32) -> Vec3 {
        let (fx, fy) = self.focus_at(time_secs - person.lag_secs);
        let wander = |which: usize| -> f32 {
            person
                .wander
                .iter()
                .map(|&(turns, x, y, phase)| if which == 0 { x * turn(turns, time_secs, phase) } else { y * turn(turns, time_secs, phase + 1.9) })
                .sum()
        };
        let (px, py) = person.post;
        if person.goalkeeper {
            let side = px.signum();
            return vec3(px - side * 0.25 * (1.0 + turn(2.0, time_secs, px)), (fy * 0.16 + wander(1) * 0.12).clamp(-1.0, 1.0), 0.0);
        }
        let across = if person.side == Side::Official { 0.35 } else { 0.62 };
        vec3(fx * person.follow + px + wander(0), fy * across + py + wander(1), 0.0)
    }

    /// Everyone's place at a moment; people keep out of each other and off the boards.
    pub(crate) fn spots(&self, time_secs: f32) -> Vec<Vec3> {
        let mut spots: Vec<Vec3> = self.people.iter().map(|person| self.spot(person, time_secs)).collect();
        for _ in 0..3 {
            let before = spots.clone();
            for (index, spot) in spots.iter_mut().enumerate() {
                if self.people.get(index).is_some_and(|person| person.goalkeeper) {
                    continue;
                }
                for (other, place) in before.iter().enumerate() {
                    let away = *spot - *place;
                    let gap = away.length();
                    if other != index && gap < 1.7 {
                        *spot = *spot + away.unit() * ((1.7 - gap) * 0.45);
                    }
                }
                let out = place::beyond(spot.x, spot.y) + 1.0;
                if out > 0.0 {
                    let (nx, ny) = place::outward(spot.x, spot.y);
                    *spot = *spot - vec3(nx, ny, 0.0) * out;
                }
                // Nobody skates through a goal.
                let (gx, gy) = (spot.x.abs() - 26.4, spot.y);
                if gx.abs() < 1.7 && gy.abs() < 1.7 {
                    *spot = vec3(spot.x, gy.signum() * 1.7, 0.0);
                }
            }
        }
        spots
    }

    /// How everyone stands at a moment.
    pub(crate) fn stances(&self, time_secs: f32) -> Vec<Stance> {
        const STEP: f32 = 0.05;
        let (before, now, after) = (self.spots(time_secs - STEP), self.spots(time_secs), self.spots(time_secs + STEP));
        let (fx, fy) = self.focus_at(time_secs);
        let moves = self.people.iter().zip(before).zip(now).zip(after);
        moves
            .map(|(((person, before), feet), after)| {
                let velocity = (after - before) * (0.5 / STEP);
                let to_play = (vec3(fx, fy, 0.0) - feet).unit();
                let heading = if person.goalkeeper { to_play + vec3(-feet.x.signum() * 0.9, 0.0, 0.0) } else { velocity * 0.5 + to_play * 0.9 };
                let post_phase = person.post.0 + person.post.1 * 2.0;
                let stride = std::f32::consts::TAU * person.strides * time_secs / PERIOD_SECS + post_phase;
                Stance { feet, facing: heading.unit(), speed: velocity.length(), stride }
            })
            .collect()
    }

    /// Where the puck is at a moment.
    pub fn puck_at(&self, time_secs: f32) -> Vec3 {
        let time = time_secs.rem_euclid(PERIOD_SECS);
        let count = self.puck.len().max(1);
        let current = self.puck.iter().rposition(|turn| turn.from_secs <= time).unwrap_or(count - 1);
        let (Some(has), Some(next)) = (self.puck.get(current), self.puck.get((current + 1) % count)) else { return Vec3::default() };
        let pass_ends = if next.from_secs > has.from_secs { next.from_secs } else { next.from_secs + PERIOD_SECS };
        let pass_starts = pass_ends - has.pass_secs;
        // The first possession starts after zero, so an early moment belongs to the last one of the round before.
        let time = if time < has.from_secs { time + PERIOD_SECS } else { time };
        if time < pass_starts {
            return self.blade(has.who, time);
        }
        let share = ((time - pass_starts) / has.pass_secs).clamp(0.0, 1.0);
        self.blade(has.who, pass_starts).lerp(self.blade(next.who, pass_ends), share)
    }

    fn blade(&self, who: usize, time_secs: f32) -> Vec3 {
        let stances = self.stances(time_secs);
        let (Some(stance), Some(person)) = (stances.get(who), self.people.get(who)) else { return Vec3::default() };
        blade_of(person, stance) + vec3(0.0, 0.0, 0.02) + stance.right() * (0.12 * turn(6.0, time_secs, 0.0))
    }

    /// When a stick meets the puck, seconds into the loop.
    pub(crate) fn hits(&self) -> Vec<f32> {
        let ends = self.puck.iter().flat_map(|turn| [turn.from_secs, turn.from_secs - 0.02]);
        ends.map(|time| time.rem_euclid(PERIOD_SECS)).collect()
    }

    fn possessions(&self, chance: &mut Seed) -> Vec<Possession> {
        let mut turns: Vec<Possession> = Vec::new();
        let mut from_secs = 0.25_f32;
        let mut who = 1_usize;
        while from_secs < PERIOD_SECS - 1.0 {
            turns.push(Possession { from_secs, pass_secs: 0.5, who });
            from_secs += chance.range(1.1, 1.9) as f32;
            let spots = self.spots(from_secs);
            let here = spots.get(who).copied().unwrap_or_default();
            let side = self.people.get(who).map(|person| person.side);
            // Mostly to the nearest of the own side, now and then to a goalkeeper (a shot) or the other side (a turnover).
            let fancy = chance.unit();
            let fits = |index: usize, person: &Person| {
                index != who && person.side != Side::Official && (person.goalkeeper == (fancy > 0.82)) && ((Some(person.side) == side) == (fancy < 0.68))
            };
            let candidates = self.people.iter().enumerate().filter(|(index, person)| fits(*index, person)).map(|(index, _)| index);
            let distance = |index: &usize| spots.get(*index).map_or(f32::MAX, |spot| ((*spot - here).length() - 9.0).abs());
            who = candidates.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(who);
        }
        for index in 0..turns.len() {
            let next = turns.get((index + 1) % turns.len()).copied();
            let (Some(turn), Some(next)) = (turns.get_mut(index), next) else { continue };
            let until = if next.from_secs > turn.from_secs { next.from_secs } else { next.from_secs + PERIOD_SECS };
            turn.pass_secs = ((until - turn.from_secs) * 0.42).min(0.7);
        }
        turns
    }
}

/// Where the blade of a person's stick rests on the ice.
pub(crate) fn blade_of(person: &Person, stance: &Stance) -> Vec3 {
    let side = if person.left_handed { -1.0 } else { 1.0 };
    let (ahead, aside) = if person.goalkeeper { (0.62, 0.12) } else { (1.05, 0.42) };
    stance.feet + stance.facing * ahead + stance.right() * (side * aside) + vec3(0.0, 0.0, 0.03)
}

fn people(chance: &mut Seed) -> Vec<Person> {
    let mut people = Vec::new();
    let posts = [(-24.9, 0.0), (-8.5, -4.8), (-8.0, 4.6), (0.5, 0.4), (2.5, -7.2), (3.0, 7.4)];
    for (side, sign) in [(Side::Home, 1.0_f32), (Side::Away, -1.0)] {
        let mut taken = Vec::new();
        for (index, (x, y)) in posts.into_iter().enumerate() {
            let goalkeeper = index == 0;
            let number = std::iter::repeat_with(|| if goalkeeper { [1, 30, 31, 35][chance.below(4)] } else { 2 + chance.below(96) as u8 })
                .find(|number| !taken.contains(number));
            let number = number.unwrap_or(9);
            taken.push(number);
            let wander = [1.0, 2.0, 3.0].map(|turns: f32| {
                (turns, (chance.range(0.5, 1.0) * 2.6) as f32 / turns, (chance.range(0.5, 1.0) * 2.4) as f32 / turns, chance.range(-3.1, 3.1) as f32)
            });
            people.push(Person {
                side,
                goalkeeper,
                number,
                left_handed: chance.chance(0.6),
                height: chance.range(1.78, 1.98) as f32,
                strides: (11 + chance.below(5)) as f32,
                post: (x * sign, y * sign),
                follow: if goalkeeper { 0.0 } else { chance.range(0.72, 0.95) as f32 },
                lag_secs: chance.range(0.1, 0.7) as f32,
                wander,
            });
        }
    }
    for (x, y) in [(5.0, -3.0), (-9.5, 11.0), (9.5, -11.2)] {
        let wander = [1.0, 2.0, 3.0].map(|turns: f32| (turns, 1.2 / turns, 0.8 / turns, chance.range(-3.1, 3.1) as f32));
        people.push(Person {
            side: Side::Official,
            goalkeeper: false,
            number: 0,
            left_handed: false,
            height: chance.range(1.8, 1.92) as f32,
            strides: (9 + chance.below(3)) as f32,
            post: (x, y),
            follow: 0.7,
            lag_secs: 0.6,
            wander,
        });
    }
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_game_closes_its_loop_and_stays_on_the_ice() {
        for seed in 0..6 {
            let game = Game::new(&Seed::new(seed));
            for (first, last) in game.spots(0.0).iter().zip(game.spots(PERIOD_SECS)) {
                assert!((*first - last).length() < 0.01);
            }
            assert!((game.puck_at(0.0) - game.puck_at(PERIOD_SECS - 0.001)).length() < 0.2);
            for step in 0..300 {
                let time = step as f32 / 30.0;
                for spot in game.spots(time) {
                    assert!(place::beyond(spot.x, spot.y) < -0.3, "seed {seed} at {time}: {spot:?}");
                }
                let moved = (game.puck_at(time + 1.0 / 30.0) - game.puck_at(time)).length();
                assert!(moved < 2.6, "seed {seed} at {time}: the puck jumps {moved} m");
            }
        }
    }

    #[test]
    fn nobody_is_faster_than_people_are() {
        let game = Game::new(&Seed::new(1));
        for step in 0..100 {
            for stance in game.stances(step as f32 / 10.0) {
                assert!(stance.speed < 16.0, "{}", stance.speed);
                assert!((stance.facing.length() - 1.0).abs() < 1e-3);
            }
        }
    }
}
