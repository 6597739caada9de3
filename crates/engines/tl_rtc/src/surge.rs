//! Notices within a fifth of a second that a phone sends more than its way bears, and how much that is.
//!
//! A phone judges its own way (Google congestion control), but takes a second to halve its rate: by then a queue has filled and
//! whole pictures are lost. From here the queue is seen to grow with each packet, so the phone is told at once what arrives, as a
//! receiver's estimate (draft-alvestrand-rmcat-remb-03). Once the queue is gone the word is taken back, and its own judgement
//! leads it up again.
//!
//! Pure: packets and time come in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A queue this long on the way is too long: two to three pictures.
const QUEUE: Duration = Duration::from_millis(80);
/// And this long is none.
const NO_QUEUE: Duration = Duration::from_millis(40);
/// What arrives is measured over this time.
const SPAN: Duration = Duration::from_millis(80);
/// Packets without a longer pause than this between them fill the way; a phone that stalls leaves pauses.
const PAUSE: Duration = Duration::from_millis(30);
/// Fewer packets in the span say nothing.
const FEW: usize = 5;
/// Packets in the span at most: 100 Mbit/s.
const MOST: usize = 1_024;
/// A narrow way lets through less than this share of what came before; a phone that catches up after a stall sends more.
const LESS: f64 = 0.8;
/// What may be sent, as a share of what the way bears: first, and with each word more while the queue does not go. Once it has
/// gone the phone may fill most of the way, until it is left to itself.
const SHARES: [f64; 3] = [0.7, 0.5, 0.35];
const FILLS: f64 = 0.9;
/// Never less than this: sound and a few small pictures, bits a second.
const LEAST_BPS: f64 = 200_000.0;
/// A queue grows by this much while the rate is measured, or it is no queue that grows: a longer way is late by the same all the time.
const GROWS: f64 = 0.02;
/// RTP time and the clock on the wall agree within this; a stamp that does not is a mistake, a restart or a forgery.
const SANE: f64 = 1.0;
/// The word is given again, and harder, this often while the queue does not go.
const AGAIN: Duration = Duration::from_millis(400);
/// It holds at least this long, and at most.
const HOLDS: Duration = Duration::from_millis(1_500);
const HOLDS_MOST: Duration = Duration::from_secs(6);
/// The shortest way is looked for in two spans of this length, so that a phone whose clock drifts or whose way grew longer is judged by its present.
const SHORTEST_OF: Duration = Duration::from_secs(3);
/// The rate before is averaged over about this time, seconds.
const BEFORE_SECS: f64 = 2.0;

/// What the phone is to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Word {
    /// No more than this, bits a second. What is missing by now comes through the queue, too.
    AtMost(f64),
    /// As it sees fit.
    Free,
}

/// A datagram of the phone's.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Instant,
    bytes: usize,
}

/// One phone's packets, as they arrive.
#[derive(Debug)]
pub(crate) struct Surge {
    rate_hz: f64,
    ssrc: Option<u32>,
    /// The packet before: when it came, its RTP time, and its lateness in seconds, counted from the first one.
    before: Option<(Instant, u32, f64)>,
    /// A stamp that did not fit came last.
    odd: bool,
    /// Least lateness of the span before and of the present one, seconds, and when the present one began.
    shortest: (f64, f64),
    began: Option<Instant>,
    /// Lateness of the pictures' packets of the last [`SPAN`], seconds.
    late: VecDeque<(Instant, f64)>,
    queue: f64,
    /// Everything that came without a pause, and its bytes.
    recent: VecDeque<Arrival>,
    bytes: usize,
    /// What came before, bits a second, and when its last packet did.
    before_bps: f64,
    last: Option<Instant>,
    held: Option<Held>,
}

/// A phone that was told to send less.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Since when, and when it was told last.
    since: Instant,
    told: Instant,
    words: usize,
    /// What it was told last, bits a second, and the queue at that time, seconds.
    told_bps: f64,
    told_queue: f64,
    /// What arrived until the queue had gone, at most: that is what the way bears. Later it may be the phone that sends less.
    way_bps: f64,
    /// The queue has gone.
    drained: bool,
}

impl Surge {
    /// A stream of pictures whose RTP clock ticks `rate_hz` times a second.
    pub fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: f64::from(rate_hz.max(1)),
            ssrc: None,
            before: None,
            odd: false,
            shortest: (f64::INFINITY, f64::INFINITY),
            began: None,
            late: VecDeque::new(),
            queue: 0.0,
            recent: VecDeque::new(),
            bytes: 0,
            before_bps: 0.0,
            last: None,
            held: None,
        }
    }

    /// Counts a datagram of the phone's, whatever it carries: all of it shares the way.
    pub fn count(&mut self, now: Instant, bytes: usize) {
        if self.recent.back().is_some_and(|last| now.saturating_duration_since(last.at) > PAUSE) {
            self.recent.clear();
            self.bytes = 0;
        }
        self.recent.push_back(Arrival { at: now, bytes });
        self.bytes += bytes;
        while self.recent.len() > MOST || self.recent.front().is_some_and(|first| now.saturating_duration_since(first.at) > SPAN) {
            self.bytes -= self.recent.pop_front().map_or(0, |first| first.bytes);
        }
        // A queue bends what comes, so the mean is that of the time before.
        if self.held.is_none() {
            let gap = self.last.replace(now).map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
            self.before_bps = self.before_bps * (-gap / BEFORE_SECS).exp() + bytes as f64 * 8.0 / BEFORE_SECS;
        }
    }

    /// Takes a genuine packet of pictures, sent for the first time and counted already; a word for the phone when there is one.
    pub fn note(&mut self, now: Instant, ssrc: u32, rtp: u32) -> Option<Word> {
        let late = self.lateness(now, ssrc, rtp)?;
        // While the phone is held back the shortest way is the one before the queue.
        if self.held.is_none() && now.saturating_duration_since(*self.began.get_or_insert(now)) > SHORTEST_OF {
            self.shortest = (self.shortest.1, f64::INFINITY);
            self.began = Some(now);
        }
        self.shortest.1 = self.shortest.1.min(late);
        self.queue = late - self.shortest.0.min(self.shortest.1);
        self.late.push_back((now, late));
        while self.late.len() > MOST || self.late.front().is_some_and(|(first, _)| now.saturating_duration_since(*first) > SPAN) {
            self.late.pop_front();
        }
        let arriving = self.arriving_bps(now);
        match self.held {
            Some(held) => self.judge(now, held, arriving),
            None => self.begin(now, late, arriving?),
        }
    }

    /// Whether the phone is told to send less.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// How long the queue on the way is.
    pub fn queue(&self) -> Duration {
        Duration::from_secs_f64(self.queue.clamp(0.0, 2.0))
    }

    /// How much later than its stamp says a packet came, against the first one, seconds. None for a stamp that does not fit; when the
    /// next one does not fit either, all begins anew.
    fn lateness(&mut self, now: Instant, ssrc: u32, rtp: u32) -> Option<f64> {
        if self.ssrc.replace(ssrc).is_some_and(|before| before != ssrc) {
            self.forget();
        }
        let Some((then, stamped, late)) = self.before else {
            self.before = Some((now, rtp, 0.0));
            return Some(0.0);
        };
        // Packets that were overtaken count backwards.
        let step = f64::from(rtp.wrapping_sub(stamped) as i32) / self.rate_hz;
        let more = now.saturating_duration_since(then).as_secs_f64() - step;
        if more.abs() > SANE {
            if self.odd {
                self.forget();
                self.before = Some((now, rtp, 0.0));
            }
            self.odd = !self.odd;
            return None;
        }
        self.odd = false;
        self.before = Some((now, rtp, late + more));
        Some(late + more)
    }

    /// What has come without a pause over the last [`SPAN`], bits a second; none when that is too little to say.
    fn arriving_bps(&self, now: Instant) -> Option<f64> {
        let first = self.recent.front()?;
        let span = now.saturating_duration_since(first.at);
        // The first one's bytes came before the span.
        let bytes = self.bytes.saturating_sub(first.bytes);
        (self.recent.len() >= FEW && span * 2 > SPAN).then(|| bytes as f64 * 8.0 / span.as_secs_f64())
    }

    /// The first word, when a queue grows and less arrives than before.
    fn begin(&mut self, now: Instant, late: f64, arriving: f64) -> Option<Word> {
        let grows = self.late.front().is_some_and(|(_, first)| late - first > GROWS);
        if self.queue <= QUEUE.as_secs_f64() || !grows || arriving > LESS * self.before_bps {
            return None;
        }
        let told_bps = at_most(SHARES[0], arriving);
        self.held = Some(Held { since: now, told: now, words: 1, told_bps, told_queue: self.queue, way_bps: arriving, drained: false });
        Some(Word::AtMost(told_bps))
    }

    fn judge(&mut self, now: Instant, mut held: Held, arriving: Option<f64>) -> Option<Word> {
        let (long, gone) = (self.queue > QUEUE.as_secs_f64(), self.queue < NO_QUEUE.as_secs_f64());
        let since = |then: Instant| now.saturating_duration_since(then);
        if !held.drained {
            held.way_bps = held.way_bps.max(arriving.unwrap_or(0.0));
        }
        let due = long && since(held.told) >= AGAIN;
        let fallen = held.told_queue - self.queue;
        // It sends what it was told and less, and is as late as before: the way is longer, and bears it.
        let longer = due && fallen.abs() < GROWS && arriving.is_none_or(|arriving| arriving <= held.told_bps);
        if (gone && since(held.since) >= HOLDS) || since(held.since) >= HOLDS_MOST || longer {
            self.let_go(now);
            return Some(Word::Free);
        }
        let word = if gone && !held.drained {
            held.drained = true;
            Some(at_most(FILLS, held.way_bps))
        } else if due {
            (held.told, held.told_queue, held.drained) = (now, self.queue, false);
            // A queue that falls needs time, not a harder word.
            (fallen <= GROWS).then(|| {
                held.words += 1;
                at_most(SHARES.get(held.words - 1).or(SHARES.last()).copied().unwrap_or(1.0), held.way_bps)
            })
        } else {
            None
        };
        held.told_bps = word.unwrap_or(held.told_bps);
        self.held = Some(held);
        word.map(Word::AtMost)
    }

    /// Leaves the phone to itself. A way that stays longer than before is the way from now on.
    fn let_go(&mut self, now: Instant) {
        (self.held, self.shortest, self.began) = (None, (f64::INFINITY, f64::INFINITY), Some(now));
        (self.before_bps, self.last) = (0.0, None);
    }

    /// Begins to measure anew. A word that was given stands until it is taken back in its time.
    fn forget(&mut self) {
        (self.before, self.odd, self.shortest, self.began) = (None, false, (f64::INFINITY, f64::INFINITY), None);
        self.late.clear();
    }
}

fn at_most(share: f64, way_bps: f64) -> f64 {
    (share * way_bps).max(LEAST_BPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of `bits_per_second`, 30 a second, in packets of 1,200 bytes through a way that bears `way_bps`; what is told, with its second.
    struct Ride {
        surge: Surge,
        start: Instant,
        /// When the way is free again, seconds.
        free_at: f64,
        at: f64,
        /// How long the way is without a queue, seconds.
        length: f64,
        told: Vec<(f64, Word)>,
    }

    impl Ride {
        fn new() -> Self {
            Self { surge: Surge::new(90_000), start: Instant::now(), free_at: 0.0, at: 0.0, length: 0.02, told: Vec::new() }
        }

        fn go(&mut self, seconds: f64, way_bps: f64, rate_bps: impl Fn(Option<f64>) -> f64, stall: impl Fn(usize) -> f64) {
            for picture in 0..(seconds * 30.0) as usize {
                let cap = self.told.iter().rev().find_map(|(at, word)| (*at + 0.03 < self.at).then_some(*word));
                let cap = match cap {
                    Some(Word::AtMost(bps)) => Some(bps),
                    _ => None,
                };
                let bytes = rate_bps(cap) / 30.0 / 8.0;
                let sent = self.at + stall(picture);
                for _ in 0..((bytes / 1_200.0).ceil() as usize).max(1) {
                    self.free_at = self.free_at.max(sent) + 1_200.0 * 8.0 / way_bps;
                    let arrival = self.start + Duration::from_secs_f64(self.free_at + self.length);
                    let rtp = (self.at * 90_000.0) as u32;
                    self.surge.count(arrival, 1_200);
                    let word = self.surge.note(arrival, 1, rtp.wrapping_add(u32::MAX - 50_000));
                    self.told.extend(word.map(|word| (self.free_at + 0.02, word)));
                }
                self.at += 1.0 / 30.0;
            }
        }
    }

    #[test]
    fn a_way_that_grows_narrow_is_noticed_in_a_fifth_of_a_second_and_let_go() {
        let mut ride = Ride::new();
        let obeys = |cap: Option<f64>| cap.unwrap_or(3e6).min(3e6);
        ride.go(6.0, 8e6, obeys, |_| 0.0);
        assert!(ride.told.is_empty(), "{:?}", ride.told);
        ride.go(6.0, 1e6, obeys, |_| 0.0);
        let (at, Word::AtMost(bps)) = ride.told[0] else { panic!("{:?}", ride.told) };
        assert!(at - 6.0 < 0.25 && (0.5e6..0.9e6).contains(&bps), "{at} s, {bps} bit/s");
        assert!(ride.told.iter().any(|(_, word)| *word == Word::Free), "{:?}", ride.told);
        let before = ride.told.len();
        ride.go(10.0, 8e6, obeys, |_| 0.0);
        assert!(ride.told[before..].iter().all(|(_, word)| *word == Word::Free), "{:?}", ride.told);
    }

    #[test]
    fn a_phone_that_stalls_or_sends_a_large_picture_is_left_alone() {
        let mut ride = Ride::new();
        // One picture in 40 comes a fifth of a second late, and those behind it in a row.
        ride.go(20.0, 8e6, |_| 2.5e6, |picture| if picture % 40 < 6 { 0.2 - (picture % 40) as f64 / 30.0 } else { 0.0 });
        assert!(ride.told.is_empty(), "{:?}", ride.told);
        let mut ride = Ride::new();
        for _ in 0..10 {
            ride.go(2.0, 4e6, |_| 2.5e6, |_| 0.0);
            ride.go(1.0 / 30.0, 4e6, |_| 14e6, |_| 0.0);
        }
        assert!(ride.told.is_empty(), "{:?}", ride.told);
    }

    #[test]
    fn a_way_that_grows_longer_is_not_taken_for_a_narrow_one() {
        let mut ride = Ride::new();
        // Pictures of 0.6 to 1.4 times the mean, as encoders make them.
        let uneven = std::cell::Cell::new(1_u32);
        let rate = |cap: Option<f64>| {
            uneven.set(uneven.get().wrapping_mul(1_103_515_245).wrapping_add(12_345));
            cap.unwrap_or(3e6).min(3e6) * (0.6 + 0.8 * f64::from(uneven.get() >> 16 & 0xff) / 255.0)
        };
        ride.go(6.0, 8e6, rate, |_| 0.0);
        for length in [0.14, 0.26, 0.05, 0.30] {
            ride.length = length;
            ride.go(8.0, 8e6, rate, |_| 0.0);
        }
        let held: Vec<_> = ride.told.iter().filter(|(_, word)| *word != Word::Free).collect();
        assert!(held.len() <= 1, "{:?}", ride.told);
        assert!(!ride.surge.holds());
    }

    #[test]
    fn odd_stamps_and_another_source_do_not_hold_a_phone_back() {
        let mut ride = Ride::new();
        ride.go(4.0, 8e6, |_| 3e6, |_| 0.0);
        for (ssrc, jump) in [(1, 90_000_u32 * 7_200), (1, u32::MAX - 90_000 * 30), (2, 5), (1, 90_000 * 3)] {
            let at = ride.start + Duration::from_secs_f64(ride.at + 0.02);
            assert_eq!(ride.surge.note(at, ssrc, jump), None);
            ride.go(5.0, 8e6, |_| 3e6, |_| 0.0);
        }
        assert!(ride.told.is_empty() && !ride.surge.holds(), "{:?}", ride.told);
        assert!(ride.surge.queue() < NO_QUEUE, "{:?}", ride.surge.queue());
    }

    #[test]
    fn hostile_times_do_no_harm() {
        let start = Instant::now();
        bolero::check!().with_type::<Vec<(u16, u32, u16)>>().cloned().for_each(|packets| {
            let (mut surge, mut at) = (Surge::new(90_000), start);
            for (millis, rtp, bytes) in packets {
                at += Duration::from_millis(u64::from(millis));
                surge.count(at, bytes.into());
                if let Some(Word::AtMost(bps)) = surge.note(at, rtp >> 31, rtp) {
                    assert!(bps.is_finite() && bps >= LEAST_BPS);
                }
                assert!(surge.recent.len() <= MOST && surge.late.len() <= MOST);
            }
            // Whatever it was told, it is free again when it behaves.
            for step in 0..400_u32 {
                at += Duration::from_millis(25);
                surge.count(at, 1_200);
                surge.note(at, 1, step * 2_250);
            }
            assert!(!surge.holds());
        });
    }
}
