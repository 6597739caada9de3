//! When a viewer's way does not bear the programme.
//!
//! The programme is encoded once, so there is nothing smaller to send: key pictures alone for a while, longer each time, and the
//! end when that does not help. Pure: measurements and time come in, a verdict comes out.

use std::time::{Duration, Instant};

/// Loss that no repair makes good in time.
const LOSS: f64 = 0.15;
/// Round trip above the shortest one seen that speaks of a full queue, milliseconds.
const QUEUE_MS: f64 = 400.0;
/// Measurements in a row that must speak of trouble.
const TURNS: u32 = 2;
/// Key pictures alone for this long at first, and twice as long each time after.
const REST: Duration = Duration::from_secs(2);
/// At most.
const REST_MOST: Duration = Duration::from_secs(8);
/// A way that bears the programme this long has mended.
const MENDED: Duration = Duration::from_secs(20);
/// A way that has not mended for this long does not bear it.
const GIVE_UP: Duration = Duration::from_secs(30);

/// What follows from a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing changes.
    Bears,
    /// The rest is over: pictures may be sent again, from a key on.
    GoesOn,
    /// There is no use in it.
    GiveUp,
}

/// One viewer's way.
#[derive(Debug, Default)]
pub(crate) struct SlowWay {
    turns: u32,
    shortest_ms: Option<f64>,
    /// Since when it has been in trouble, without having mended.
    since: Option<Instant>,
    good_since: Option<Instant>,
    resting_until: Option<Instant>,
    rest: Option<Duration>,
}

impl SlowWay {
    /// Whether only key pictures should be sent now.
    pub fn keys_only(&self) -> bool {
        self.resting_until.is_some()
    }

    /// Takes a measurement, about once a second.
    pub fn observe(&mut self, now: Instant, loss: Option<f64>, rtt_ms: Option<f64>) -> Verdict {
        if let Some(rtt) = rtt_ms.filter(|rtt| rtt.is_finite() && *rtt >= 0.0) {
            self.shortest_ms = Some(self.shortest_ms.map_or(rtt, |shortest| rtt.min(shortest * 1.01 + 0.1)));
        }
        let queue = rtt_ms.zip(self.shortest_ms).is_some_and(|(rtt, shortest)| rtt - shortest > QUEUE_MS);
        let trouble = queue || loss.is_some_and(|loss| loss > LOSS);
        self.turns = if trouble { self.turns.saturating_add(1) } else { 0 };
        if trouble {
            self.good_since = None;
        } else if now.saturating_duration_since(*self.good_since.get_or_insert(now)) >= MENDED {
            (self.since, self.rest) = (None, None);
        }
        if let Some(until) = self.resting_until {
            if now < until {
                return Verdict::Bears;
            }
            self.resting_until = None;
            self.turns = 0;
            return Verdict::GoesOn;
        }
        if self.turns < TURNS {
            return Verdict::Bears;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= GIVE_UP {
            return Verdict::GiveUp;
        }
        let rest = self.rest.map_or(REST, |rest| (rest * 2).min(REST_MOST));
        self.rest = Some(rest);
        self.resting_until = Some(now + rest);
        Verdict::Bears
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds of loss and round trip; which of them were spent with key pictures alone, and when it was given up.
    fn ride(seconds: &[(f64, f64)]) -> (Vec<bool>, Option<usize>) {
        let began = Instant::now();
        let mut way = SlowWay::default();
        let mut resting = Vec::new();
        for (second, (loss, rtt)) in seconds.iter().enumerate() {
            if way.observe(began + Duration::from_secs(second as u64), Some(*loss), Some(*rtt)) == Verdict::GiveUp {
                return (resting, Some(second));
            }
            resting.push(way.keys_only());
        }
        (resting, None)
    }

    #[test]
    fn a_way_with_some_loss_is_left_alone() {
        assert_eq!(ride(&[(0.1, 90.0); 100]), (vec![false; 100], None));
        let hiccups: Vec<(f64, f64)> = (0..100).map(|second| if second % 5 == 0 { (0.9, 900.0) } else { (0.0, 20.0) }).collect();
        assert!(ride(&hiccups).0.iter().all(|resting| !resting));
    }

    #[test]
    fn a_way_that_fills_rests_and_goes_on() {
        let mut seconds = vec![(0.0, 20.0); 5];
        seconds.extend([(0.0, 800.0); 3]);
        seconds.extend([(0.0, 25.0); 60]);
        let (resting, end) = ride(&seconds);
        assert_eq!(end, None);
        assert!(resting[6] && !resting[5] && resting[7] && !resting[10..].iter().any(|resting| *resting), "{resting:?}");
    }

    #[test]
    fn a_way_that_never_mends_is_given_up() {
        let (resting, end) = ride(&[(0.4, 20.0); 100]);
        assert!((30..60).contains(&end.expect("given up")), "{end:?}");
        assert!(resting.iter().filter(|resting| **resting).count() > 15, "{resting:?}");
    }

    #[test]
    fn odd_numbers_do_no_harm() {
        let mut way = SlowWay::default();
        let began = Instant::now();
        bolero::check!().with_type::<(u32, Option<f64>, Option<f64>)>().cloned().for_each(|(at, loss, rtt)| {
            way.observe(began + Duration::from_millis(at.into()), loss, rtt);
        });
    }
}
