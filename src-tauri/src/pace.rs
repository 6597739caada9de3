//! How often the window is drawn: as often as it is cheap, and as seldom as the programme needs.

use std::time::Duration;

/// 20 pictures a second where they are cheap.
pub const FASTEST: Duration = Duration::from_millis(50);
/// 11 where they are not: a director still sees who has the puck.
pub const SLOWEST: Duration = Duration::from_millis(90);
/// Where nothing moves: a clock still ticks. What a person does is shown at once.
pub const STILL: Duration = Duration::from_millis(800);
/// What a director can still follow while the studio is short of time, or where one picture takes so long that the programme would miss some
/// of its own for it.
const SPARING: Duration = Duration::from_millis(400);
/// Longer than one of the programme's pictures lasts, with something to spare.
const DEAR: Duration = Duration::from_millis(50);
/// The device may be busy with the window for this share of the time.
const SHARE: f64 = 0.15;
/// Weight of the newest measurement.
const NEWEST: f64 = 0.1;

/// Follows what a picture costs.
#[derive(Debug)]
pub struct Pace {
    cost: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { cost: SLOWEST.mul_f64(SHARE) }
    }
}

impl Pace {
    /// One picture took so long from when it was asked for until it was there.
    pub fn took(&mut self, time: Duration) {
        self.cost = self.cost.mul_f64(1.0 - NEWEST) + time.mul_f64(NEWEST);
    }

    /// Time from picture to picture; `short_of_time`: the studio sheds work, so the window does too.
    pub fn interval(&self, short_of_time: bool) -> Duration {
        if short_of_time || self.cost > DEAR { SPARING } else { self.cost.div_f64(SHARE).clamp(FASTEST, SLOWEST) }
    }

    /// Whether pictures are dear here: then they are smaller too.
    pub fn is_slow(&self) -> bool {
        self.cost.div_f64(SHARE) > FASTEST.mul_f64(1.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cost_ms: u64, short_of_time: bool, expect_ms: u128) {
        let mut pace = Pace::default();
        for _ in 0..200 {
            pace.took(Duration::from_millis(cost_ms));
        }
        assert_eq!(pace.interval(short_of_time).as_millis(), expect_ms);
    }

    #[test]
    fn cheap_pictures_come_often_and_dear_ones_often_enough() {
        check(1, false, 50);
        check(12, false, 80);
        check(40, false, 90);
        check(1, true, 400);
        check(60, false, 400);
    }
}
