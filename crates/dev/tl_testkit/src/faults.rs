//! Faults that come when the seed says so.

use std::collections::VecDeque;

use tl_base::MediaTime;

use crate::Random;

/// Faults in the order in which they come.
#[derive(Clone, Debug)]
pub struct Schedule<F> {
    faults: VecDeque<(MediaTime, F)>,
}

impl<F> Schedule<F> {
    /// Faults at these times, in any order.
    pub fn new(faults: impl IntoIterator<Item = (MediaTime, F)>) -> Self {
        let mut faults: Vec<(MediaTime, F)> = faults.into_iter().collect();
        faults.sort_by_key(|(at, _)| *at);
        Self { faults: faults.into() }
    }

    /// Faults of these kinds until `end`, on average `mean_gap` (at least 1 ms) apart.
    pub fn random(random: &mut Random, end: MediaTime, mean_gap: MediaTime, kinds: &[F]) -> Self
    where
        F: Clone,
    {
        let mean = mean_gap.max(MediaTime::from_millis(1)).as_secs_f64();
        let mut at = MediaTime::ZERO;
        let faults = std::iter::from_fn(|| {
            at += MediaTime::from_secs_f64(random.exponential(mean));
            Some((at, random.pick(kinds)?.clone())).filter(|(at, _)| *at < end)
        });
        Self { faults: faults.collect() }
    }

    /// Takes the faults whose time has come.
    pub fn due(&mut self, now: MediaTime) -> impl Iterator<Item = F> + '_ {
        let count = self.faults.iter().take_while(|(at, _)| *at <= now).count();
        self.faults.drain(..count).map(|(_, fault)| fault)
    }

    /// When the next one comes.
    pub fn next_at(&self) -> Option<MediaTime> {
        self.faults.front().map(|(at, _)| *at)
    }

    /// Faults still to come, with their times.
    pub fn rest(&self) -> impl Iterator<Item = &(MediaTime, F)> {
        self.faults.iter()
    }
}

/// How bad a network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Mean number of packets that are lost in a row, at least 1.
    pub burst: f64,
    /// Least time on the way.
    pub delay: MediaTime,
    /// Mean of what comes on top of it.
    pub jitter: MediaTime,
    /// Whether a packet may overtake another.
    pub reorder: bool,
}

impl Default for Impairment {
    fn default() -> Self {
        Self { loss: 0.0, burst: 1.0, delay: MediaTime::ZERO, jitter: MediaTime::ZERO, reorder: false }
    }
}

/// One direction of a bad network: it says of each packet when it arrives, if it does.
#[derive(Clone, Debug)]
pub struct Link {
    impairment: Impairment,
    random: Random,
    losing: bool,
    newest_arrival: MediaTime,
}

impl Link {
    /// A link that is as bad as `impairment` says.
    pub fn new(impairment: Impairment, random: Random) -> Self {
        Self { impairment, random, losing: false, newest_arrival: MediaTime(i64::MIN) }
    }

    /// Sends a packet at `now`; none when it is lost.
    pub fn carry(&mut self, now: MediaTime) -> Option<MediaTime> {
        self.step();
        let jitter = MediaTime::from_secs_f64(self.random.exponential(self.impairment.jitter.as_secs_f64()));
        if self.losing {
            return None;
        }
        let mut arrival = now + self.impairment.delay + jitter;
        if !self.impairment.reorder {
            arrival = arrival.max(self.newest_arrival);
        }
        self.newest_arrival = self.newest_arrival.max(arrival);
        Some(arrival)
    }

    /// Two states, one of which loses everything (Gilbert's model): its mean length is the burst, its share the loss.
    fn step(&mut self) {
        let loss = self.impairment.loss.clamp(0.0, 1.0);
        let leave = 1.0 / self.impairment.burst.max(1.0);
        let enter = if loss < 1.0 { (leave * loss / (1.0 - loss)).min(1.0) } else { 1.0 };
        self.losing = if self.losing && loss < 1.0 { !self.random.chance(leave) } else { self.random.chance(enter) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_once_and_in_order() {
        let mut schedule = Schedule::new([(MediaTime::from_secs(2), 'b'), (MediaTime::from_secs(1), 'a'), (MediaTime::from_secs(9), 'c')]);
        assert_eq!(schedule.due(MediaTime::from_secs(2)).collect::<String>(), "ab");
        assert_eq!(schedule.due(MediaTime::from_secs(2)).count(), 0);
        assert_eq!(schedule.next_at(), Some(MediaTime::from_secs(9)));
    }

    #[test]
    fn a_seeded_schedule_is_the_same_every_time() {
        let draw = || Schedule::random(&mut Random::new(4), MediaTime::from_secs(600), MediaTime::from_secs(6), &['x', 'y']);
        assert!(draw().rest().eq(draw().rest()));
        assert!((70..130).contains(&draw().rest().count()), "{}", draw().rest().count());
        assert_eq!(Schedule::<char>::random(&mut Random::new(4), MediaTime::from_secs(600), MediaTime::ZERO, &[]).rest().count(), 0);
    }

    #[test]
    fn loss_has_its_share_and_its_bursts() {
        let mut link = Link::new(Impairment { loss: 0.05, burst: 4.0, ..Impairment::default() }, Random::new(9));
        let carried: Vec<bool> = (0..100_000).map(|n| link.carry(MediaTime::from_millis(n)).is_some()).collect();
        let lost = carried.iter().filter(|carried| !**carried).count() as f64;
        let bursts = carried.windows(2).filter(|pair| **pair == [true, false]).count() as f64;
        assert!((lost / 100_000.0 - 0.05).abs() < 0.01, "{lost}");
        assert!((lost / bursts - 4.0).abs() < 0.5, "{}", lost / bursts);
    }

    #[test]
    fn packets_keep_their_order_unless_they_may_not() {
        let impairment = Impairment { delay: MediaTime::from_millis(10), jitter: MediaTime::from_millis(5), ..Impairment::default() };
        let arrivals = |impairment| {
            let mut link = Link::new(impairment, Random::new(2));
            (0..1_000).filter_map(|n| link.carry(MediaTime::from_millis(n))).collect::<Vec<_>>()
        };
        assert!(arrivals(impairment).is_sorted());
        assert!(!arrivals(Impairment { reorder: true, ..impairment }).is_sorted());
        assert_eq!(arrivals(Impairment { loss: 1.0, ..impairment }), []);
    }
}
