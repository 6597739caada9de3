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

/// One phone's pictures, as they arrive.
#[derive(Debug)]
pub(crate) struct Surge {
    rate_hz: f64,
    /// When the first packet came, from which lateness is counted, and the RTP time of the newest.
    origin: Option<(Instant, u32)>,
    /// RTP time since the first packet, ticks.
    rtp: i64,
    /// Least lateness of the span before and of the present one, seconds, and when the present one began.
    shortest: (f64, f64),
    began: Option<Instant>,
    /// Packets that came without a pause, and their bytes.
    recent: VecDeque<(Instant, usize)>,
    bytes: usize,
    queue: f64,
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
    /// What arrived while there was a queue, at most: that is what the way bears. Later it may be the phone that sends less.
    way_bps: f64,
    /// The queue has gone.
    drained: bool,
}

impl Surge {
    /// A stream whose RTP clock ticks `rate_hz` times a second.
    pub fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: f64::from(rate_hz.max(1)),
            origin: None,
            rtp: 0,
            shortest: (f64::INFINITY, f64::INFINITY),
            began: None,
            recent: VecDeque::new(),
            bytes: 0,
            queue: 0.0,
            before_bps: 0.0,
            last: None,
            held: None,
        }
    }

    /// Takes a packet of `bytes` that was stamped `rtp`; a word for the phone when there is one.
    pub fn note(&mut self, now: Instant, rtp: u32, bytes: usize) -> Option<Word> {
        let paused = self.recent.back().is_some_and(|(last, _)| now.saturating_duration_since(*last) > PAUSE);
        if paused {
            self.recent.clear();
            self.bytes = 0;
        }
        self.recent.push_back((now, bytes));
        self.bytes += bytes;
        while self.recent.len() > MOST || self.recent.front().is_some_and(|(first, _)| now.saturating_duration_since(*first) > SPAN) {
            self.bytes -= self.recent.pop_front().map_or(0, |(_, bytes)| bytes);
        }
        self.queue = self.measure(now, rtp);
        let arriving = self.arriving_bps(now);
        let word = self.judge(now, self.queue, arriving);
        if self.held.is_none() {
            self.learn(bytes, now);
        }
        word
    }

    /// Whether the phone is told to send less.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// How long the queue on the way is.
    pub fn queue(&self) -> Duration {
        Duration::from_secs_f64(self.queue.clamp(0.0, 2.0))
    }

    /// How much longer than the shortest way this packet took, seconds.
    fn measure(&mut self, now: Instant, rtp: u32) -> f64 {
        let (origin, last_rtp) = *self.origin.get_or_insert((now, rtp));
        self.began.get_or_insert(now);
        // Packets that were overtaken count backwards.
        self.rtp += i64::from(rtp.wrapping_sub(last_rtp) as i32);
        self.origin = Some((origin, rtp));
        let late = now.saturating_duration_since(origin).as_secs_f64() - self.rtp as f64 / self.rate_hz;
        // While the phone is held back the shortest way is the one before the queue.
        if self.held.is_none() && self.began.is_some_and(|began| now.saturating_duration_since(began) > SHORTEST_OF) {
            self.shortest = (self.shortest.1, f64::INFINITY);
            self.began = Some(now);
        }
        self.shortest.1 = self.shortest.1.min(late);
        late - self.shortest.0.min(self.shortest.1)
    }

    /// What has come without a pause over the last [`SPAN`], bits a second; none when that is too little to say.
    fn arriving_bps(&self, now: Instant) -> Option<f64> {
        let (first, first_bytes) = self.recent.front().copied()?;
        let span = now.saturating_duration_since(first);
        // The first one's bytes came before the span.
        let bytes = self.bytes.saturating_sub(first_bytes);
        (self.recent.len() >= FEW && span * 2 > SPAN).then(|| bytes as f64 * 8.0 / span.as_secs_f64())
    }

    fn judge(&mut self, now: Instant, queue: f64, arriving: Option<f64>) -> Option<Word> {
        let (long, gone) = (queue > QUEUE.as_secs_f64(), queue < NO_QUEUE.as_secs_f64());
        let at_most = |share: f64, way_bps: f64| Some(Word::AtMost((share * way_bps).max(LEAST_BPS)));
        let Some(mut held) = self.held else {
            let way_bps = arriving.filter(|arriving| long && *arriving < LESS * self.before_bps)?;
            self.held = Some(Held { since: now, told: now, words: 1, way_bps, drained: false });
            return at_most(SHARES[0], way_bps);
        };
        let since = |then: Instant| now.saturating_duration_since(then);
        if (gone && since(held.since) >= HOLDS) || since(held.since) >= HOLDS_MOST {
            self.let_go(now);
            return Some(Word::Free);
        }
        if long && !held.drained {
            held.way_bps = held.way_bps.max(arriving.unwrap_or(0.0));
        }
        let word = if gone && !held.drained {
            held.drained = true;
            at_most(FILLS, held.way_bps)
        } else if long && since(held.told) >= AGAIN {
            (held.told, held.words, held.drained) = (now, held.words + 1, false);
            at_most(*SHARES.get(held.words - 1).or(SHARES.last())?, held.way_bps)
        } else {
            None
        };
        self.held = Some(held);
        word
    }

    /// Leaves the phone to itself. A way that stays longer than before is the way from now on.
    fn let_go(&mut self, now: Instant) {
        (self.held, self.shortest, self.began) = (None, (f64::INFINITY, f64::INFINITY), Some(now));
        (self.before_bps, self.last) = (0.0, None);
    }

    /// The mean rate, which a queue has not yet bent.
    fn learn(&mut self, bytes: usize, now: Instant) {
        let gap = self.last.replace(now).map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        self.before_bps = self.before_bps * (-gap / BEFORE_SECS).exp() + bytes as f64 * 8.0 / BEFORE_SECS;
    }
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
        told: Vec<(f64, Word)>,
    }

    impl Ride {
        fn new() -> Self {
            Self { surge: Surge::new(90_000), start: Instant::now(), free_at: 0.0, at: 0.0, told: Vec::new() }
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
                    let arrival = self.start + Duration::from_secs_f64(self.free_at + 0.02);
                    let rtp = (self.at * 90_000.0) as u32;
                    let word = self.surge.note(arrival, rtp.wrapping_add(u32::MAX - 50_000), 1_200);
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
    fn hostile_times_do_no_harm() {
        let start = Instant::now();
        bolero::check!().with_type::<Vec<(u16, u32, u16)>>().cloned().for_each(|packets| {
            let (mut surge, mut at) = (Surge::new(90_000), start);
            for (millis, rtp, bytes) in packets {
                at += Duration::from_millis(u64::from(millis));
                if let Some(Word::AtMost(bps)) = surge.note(at, rtp, bytes.into()) {
                    assert!(bps.is_finite() && bps >= LEAST_BPS);
                }
                assert!(surge.recent.len() <= MOST);
            }
        });
    }
}
