//! A bad way between phone and studio, repeatable from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Datagrams on the way at one time; more are lost, as in a real router.
const MAX_ON_THE_WAY: usize = 8_192;

/// What happens to datagrams from the phone to the studio. The default is a perfect way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Share of datagrams lost, 0 to 1.
    pub loss: f64,
    /// Datagrams lost in a row on average, at least 1: 1 spreads losses evenly.
    pub burst: f64,
    /// Every datagram takes this long, milliseconds.
    pub delay_ms: f64,
    /// And up to this much longer, milliseconds, each its own amount.
    pub jitter_ms: f64,
    /// Bits a second that the narrowest place lets through; 0 for no limit.
    pub rate_bps: f64,
    /// How long datagrams may queue before the narrowest place, milliseconds; those that come when it is full are lost.
    pub queue_ms: f64,
    /// Whether jitter may let datagrams overtake each other, as Wi-Fi seldom does.
    pub reorder: bool,
    /// What the dice begin with.
    pub seed: u64,
}

impl Default for Impairment {
    fn default() -> Self {
        Self { loss: 0.0, burst: 1.0, delay_ms: 0.0, jitter_ms: 0.0, rate_bps: 0.0, queue_ms: 150.0, reorder: false, seed: 1 }
    }
}

struct OnTheWay {
    due: Instant,
    order: u64,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl PartialEq for OnTheWay {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for OnTheWay {}

impl PartialOrd for OnTheWay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OnTheWay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

/// The way itself.
pub(crate) struct Impaired {
    what: Impairment,
    state: u64,
    bad: bool,
    order: u64,
    last_due: Option<Instant>,
    /// When the narrowest place has let through all that was put into it.
    free: Option<Instant>,
    lost: u64,
    on_the_way: BinaryHeap<Reverse<OnTheWay>>,
}

impl Impaired {
    pub fn new(what: Impairment) -> Self {
        Self { what, state: what.seed ^ 0x9e37_79b9_7f4a_7c15, bad: false, order: 0, last_due: None, free: None, lost: 0, on_the_way: BinaryHeap::new() }
    }

    pub fn set(&mut self, what: Impairment) {
        if what.seed != self.what.seed {
            self.state = what.seed ^ 0x9e37_79b9_7f4a_7c15;
        }
        self.bad = false;
        self.what = what;
    }

    /// Datagrams lost so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Sends a datagram on its way; gives it back when it arrives at once.
    pub fn take(&mut self, now: Instant, to: SocketAddr, bytes: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        if self.loses() || self.on_the_way.len() >= MAX_ON_THE_WAY {
            self.lost += 1;
            return None;
        }
        let Some(through) = self.squeeze(now, bytes.len()) else {
            self.lost += 1;
            return None;
        };
        let millis = self.what.delay_ms.max(0.0) + self.what.jitter_ms.max(0.0) * self.random();
        if millis <= 0.0 && through <= now && self.on_the_way.is_empty() {
            return Some((to, bytes));
        }
        let mut due = through + Duration::from_secs_f64((millis / 1e3).min(60.0));
        if !self.what.reorder {
            due = due.max(self.last_due.unwrap_or(due));
        }
        self.last_due = Some(due);
        self.order += 1;
        self.on_the_way.push(Reverse(OnTheWay { due, order: self.order, to, bytes }));
        None
    }

    /// The next datagram that has arrived by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if self.due()? > now {
            return None;
        }
        self.on_the_way.pop().map(|Reverse(arrived)| (arrived.to, arrived.bytes))
    }

    /// When the next one arrives.
    pub fn due(&self) -> Option<Instant> {
        self.on_the_way.peek().map(|Reverse(next)| next.due)
    }

    /// When a datagram that comes now has passed the narrowest place; none when the queue before it is full.
    fn squeeze(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        if self.what.rate_bps <= 0.0 {
            return Some(now);
        }
        let begins = self.free.unwrap_or(now).max(now);
        if (begins - now).as_secs_f64() * 1e3 > self.what.queue_ms.max(0.0) {
            return None;
        }
        let through = begins + Duration::from_secs_f64((bytes as f64 * 8.0 / self.what.rate_bps).min(60.0));
        self.free = Some(through);
        Some(through)
    }

    /// Two states after Gilbert: in the bad one everything is lost.
    fn loses(&mut self) -> bool {
        let loss = self.what.loss.clamp(0.0, 1.0);
        if loss <= 0.0 || loss >= 1.0 {
            return loss >= 1.0;
        }
        let burst = self.what.burst.max(1.0);
        let turn = if self.bad { 1.0 / burst } else { loss / (burst * (1.0 - loss)) };
        // A burst of one must not keep the way good for longer than chance would.
        if burst <= 1.0 {
            self.bad = self.random() < loss;
        } else if self.random() < turn {
            self.bad = !self.bad;
        }
        self.bad
    }

    /// 0 to 1 (S. Vigna, splitmix64).
    fn random(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(what: Impairment, count: u64) -> Vec<bool> {
        let mut way = Impaired::new(what);
        let now = Instant::now();
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        (0..count)
            .map(|_| {
                let before = way.lost();
                way.take(now, to, vec![1]);
                way.lost() > before
            })
            .collect()
    }

    #[test]
    fn losses_are_as_many_and_as_clustered_as_asked() {
        let check = |loss: f64, burst: f64| {
            let lost = outcome(Impairment { loss, burst, seed: 7, ..Impairment::default() }, 100_000);
            let count = lost.iter().filter(|lost| **lost).count() as f64;
            let runs = lost.windows(2).filter(|pair| pair[1] && !pair[0]).count() as f64;
            assert!((count / 1e5 - loss).abs() < 0.01, "{loss}: {count}");
            let expect = if burst <= 1.0 { 1.0 / (1.0 - loss) } else { burst };
            assert!((count / runs - expect).abs() < 0.3, "{burst}: {}", count / runs);
        };
        check(0.05, 1.0);
        check(0.1, 4.0);
        let bad = Impairment { loss: 0.3, burst: 3.0, seed: 5, ..Impairment::default() };
        assert_eq!(outcome(bad, 1_000), outcome(bad, 1_000), "the same seed loses the same");
    }

    #[test]
    fn a_narrow_place_lets_through_its_rate_and_no_more() {
        // 1 Mbit/s and datagrams of 1,000 bytes: one leaves every 8 ms, and 100 ms of them may wait.
        let mut way = Impaired::new(Impairment { rate_bps: 1e6, queue_ms: 100.0, ..Impairment::default() });
        let (began, to) = (Instant::now(), SocketAddr::from(([127, 0, 0, 1], 9)));
        let mut arrived = 0;
        for millis in 0..1_000 {
            let now = began + Duration::from_millis(millis);
            way.take(now, to, vec![0; 1_000]);
            while way.pop(now).is_some() {
                arrived += 1;
            }
        }
        assert!((123..=126).contains(&arrived), "{arrived} datagrams in a second");
        assert!((855..=865).contains(&way.lost()), "{} lost", way.lost());
        assert!(way.due().is_some_and(|due| due >= began + Duration::from_millis(999)));
    }

    #[test]
    fn order_is_kept_unless_asked_otherwise() {
        let check = |reorder: bool| {
            let mut way = Impaired::new(Impairment { jitter_ms: 50.0, delay_ms: 5.0, reorder, ..Impairment::default() });
            let now = Instant::now();
            for number in 0..100_u8 {
                assert!(way.take(now, SocketAddr::from(([127, 0, 0, 1], 9)), vec![number]).is_none());
            }
            assert!(way.pop(now).is_none());
            let out: Vec<Vec<u8>> = std::iter::from_fn(|| way.pop(now + Duration::from_millis(60))).map(|(_, bytes)| bytes).collect();
            assert_eq!(out.len(), 100);
            out.is_sorted()
        };
        assert!(check(false) && !check(true));
    }
}
