//! Small bounded measures.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::MediaTime;

/// The middle and the tail of a set of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Percentiles {
    /// Nearest-rank percentiles of `values`; none of an empty set. Values that are not finite are left out.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { p50: at(0.50)?, p95: at(0.95)?, p99: at(0.99)?, max: at(1.0)? })
    }
}

/// How many of the largest values [`Window::p99`] keeps: enough for windows of 799; a larger one is sorted.
const TOP: usize = 8;

/// The newest `capacity` values.
#[derive(Clone, Debug)]
pub struct Window {
    values: VecDeque<f64>,
    capacity: usize,
}

impl Window {
    /// A window over at most `capacity` values (at least one).
    pub fn new(capacity: usize) -> Self {
        Self { values: VecDeque::with_capacity(capacity.max(1)), capacity: capacity.max(1) }
    }

    /// Adds a value; the oldest leaves when the window is full.
    pub fn push(&mut self, value: f64) {
        if self.values.len() == self.capacity {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Percentiles of what is in the window.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Percentiles::of(self.values.iter().copied())
    }

    /// The 99th percentile alone, as [`Window::percentiles`] tells it, in one pass: to be asked for with every value.
    pub fn p99(&self) -> Option<f64> {
        let values = || self.values.iter().copied().filter(|value| value.is_finite());
        let count = values().count();
        let rank = (0.99 * count as f64).ceil() as usize;
        let from_top = count - rank;
        if from_top >= TOP {
            return self.percentiles().map(|found| found.p99);
        }
        let mut top = [f64::NEG_INFINITY; TOP];
        for mut value in values() {
            // Most values are none of the largest.
            if top.last().is_some_and(|least| value <= *least) {
                continue;
            }
            for place in &mut top {
                if value > *place {
                    std::mem::swap(place, &mut value);
                }
            }
        }
        top.get(from_top).copied().filter(|_| count > 0)
    }

    /// Arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| self.values.iter().sum::<f64>() / self.values.len() as f64)
    }

    /// How many values are held.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

/// Amount and count per second over a sliding span.
#[derive(Clone, Debug)]
pub struct RateMeter {
    entries: VecDeque<(MediaTime, f64)>,
    span: MediaTime,
}

impl RateMeter {
    /// Entries kept at most; older ones leave early when a source floods.
    const CAPACITY: usize = 8_192;

    /// A meter over the last `span`.
    pub fn new(span: MediaTime) -> Self {
        Self { entries: VecDeque::new(), span }
    }

    /// Notes `amount` (bytes, pictures) at `now`.
    pub fn note(&mut self, now: MediaTime, amount: f64) {
        if self.entries.len() == Self::CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back((now, amount));
        self.forget_before(now - self.span);
    }

    /// The sum per second up to `now`; none before the first entry.
    pub fn per_second(&mut self, now: MediaTime) -> Option<f64> {
        self.forget_before(now - self.span);
        if self.entries.is_empty() {
            return None;
        }
        Some(self.entries.iter().map(|(_, amount)| amount).sum::<f64>() / self.span.as_secs_f64())
    }

    fn forget_before(&mut self, limit: MediaTime) {
        while self.entries.front().is_some_and(|(at, _)| *at <= limit) {
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_take_the_nearest_rank() {
        let found = Percentiles::of((1..=100).map(f64::from)).expect("values");
        assert_eq!((found.p50, found.p95, found.p99, found.max), (50.0, 95.0, 99.0, 100.0));
        assert!(Percentiles::of([f64::NAN]).is_none());
    }

    #[test]
    fn the_tail_alone_is_the_same_tail() {
        for length in [0_usize, 1, 2, 99, 100, 101, 300, 1_000] {
            let mut window = Window::new(length.max(1));
            for index in 0..length {
                // A permutation with repeats, so that order and ties matter.
                window.push(((index * 7_919) % 257) as f64);
            }
            assert_eq!(window.p99(), window.percentiles().map(|found| found.p99), "{length} values");
        }
    }

    #[test]
    fn a_rate_forgets_what_is_old() {
        let mut meter = RateMeter::new(MediaTime::from_secs(2));
        for second in 0..10 {
            meter.note(MediaTime::from_secs(second), 100.0);
        }
        assert_eq!(meter.per_second(MediaTime::from_secs(9)), Some(100.0));
        assert_eq!(meter.per_second(MediaTime::from_secs(20)), None);
    }
}
