//! What a phone should send when its network is poor: bitrate gives way first, then size, then rate; and comes back slowly.
//!
//! Pure: measurements and time come in, advice comes out when it changes. Late measurements make it slower, missing ones
//! (a value that is none) count neither for nor against. A picture rate that sinks by itself, as in the dark, is no reason to
//! step down: only loss and delay are.

use tl_base::{MediaTime, PictureAdvice, SourceStats};

/// Trouble must last this long.
const DOWN_AFTER: MediaTime = MediaTime::from_millis(1_500);
/// A step must have had time to work before the next one down.
const DOWN_SPACING: MediaTime = MediaTime::from_secs(3);
/// Peace must last this long before a step up, at first.
const UP_AFTER: MediaTime = MediaTime::from_secs(10);
/// And at most this long after steps up that failed.
const UP_AFTER_MOST: MediaTime = MediaTime::from_secs(80);
/// A step up that brings trouble within this time has failed.
const UP_FAILED: MediaTime = MediaTime::from_secs(12);
/// Loss that is trouble, and loss that is bad trouble.
const LOSS: (f64, f64) = (0.05, 0.15);
/// Loss that peace may have.
const LOSS_IN_PEACE: f64 = 0.01;
/// Round trip above the shortest one seen that is trouble, and bad trouble, milliseconds.
const QUEUE_MS: (f64, f64) = (250.0, 700.0);
/// The same that peace may have.
const QUEUE_IN_PEACE_MS: f64 = 80.0;

/// A phone that sends less than this share of what it may, in peace, has lost heart: its own judgement of its way rises by a few
/// hundredths a second. libwebrtc tries a way at once when what it may send rises, so it is told less for a turn, and then as before.
/// The lesser figure is above what it sends, so the picture does not suffer.
const TIMID: f64 = 0.6;
const NUDGE: f64 = 0.75;
/// So long it must have been timid in peace: longer than it is held back by the studio's own word (6 s at most).
const NUDGE_AFTER: MediaTime = MediaTime::from_secs(7);
/// Time between two nudges at first, and when they were in vain: a still picture needs no more, however wide the way.
const NUDGE_EVERY: (MediaTime, MediaTime) = (MediaTime::from_secs(5), MediaTime::from_secs(10));
/// A nudge that brought less than this share more was in vain.
const NUDGED: f64 = 1.2;

/// Bitrate share, division of both sides, rate share. Each step costs less to look at than the one after.
const RUNGS: [(f64, f64, f64); 8] =
    [(1.0, 1.0, 1.0), (0.7, 1.0, 1.0), (0.5, 1.0, 1.0), (0.35, 1.0, 1.0), (0.25, 1.5, 1.0), (0.17, 2.0, 1.0), (0.12, 2.0, 2.0 / 3.0), (0.08, 2.0, 0.5)];

/// One phone's place on the ladder.
#[derive(Clone, Debug)]
pub struct Ladder {
    best: PictureAdvice,
    rung: usize,
    /// Since when there has been trouble, or peace, without a break.
    trouble_since: Option<MediaTime>,
    peace_since: Option<MediaTime>,
    stepped: Option<MediaTime>,
    stepped_up: Option<MediaTime>,
    up_after: MediaTime,
    shortest_rtt_ms: Option<f64>,
    /// Since when it has been timid in peace.
    timid_since: Option<MediaTime>,
    /// When it was nudged last and what it sent then, whether that was in vain, and whether it still has to be told what it may send.
    nudged: Option<(MediaTime, f64)>,
    in_vain: bool,
    nudging: bool,
}

/// What one measurement says.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    Peace,
    Between,
    Trouble,
    BadTrouble,
}

impl Ladder {
    /// Begins at the top: `best` is what a phone with a good network sends.
    pub fn new(best: PictureAdvice) -> Self {
        Self {
            best,
            rung: 0,
            trouble_since: None,
            peace_since: None,
            stepped: None,
            stepped_up: None,
            up_after: UP_AFTER,
            shortest_rtt_ms: None,
            timid_since: None,
            nudged: None,
            in_vain: false,
            nudging: false,
        }
    }

    /// What the phone should send now.
    pub fn advice(&self) -> PictureAdvice {
        let (bitrate, scale, rate) = RUNGS.get(self.rung).copied().unwrap_or((1.0, 1.0, 1.0));
        PictureAdvice {
            bitrate_bps: (f64::from(self.best.bitrate_bps) * bitrate) as u32,
            scale_down_by: self.best.scale_down_by * scale,
            max_fps: (self.best.max_fps * rate).round().max(1.0),
        }
    }

    /// Steps below the top.
    pub fn rung(&self) -> usize {
        self.rung
    }

    /// Takes a measurement, about once a second; new advice when it changes.
    pub fn observe(&mut self, now: MediaTime, stats: &SourceStats) -> Option<PictureAdvice> {
        let weather = self.weather(stats)?;
        let trouble = matches!(weather, Weather::Trouble | Weather::BadTrouble);
        self.trouble_since = trouble.then(|| self.trouble_since.unwrap_or(now));
        self.peace_since = (weather == Weather::Peace).then(|| self.peace_since.unwrap_or(now));
        let before = self.rung;
        let lasted = |since: Option<MediaTime>, long: MediaTime| since.is_some_and(|since| now - since >= long);
        if lasted(self.trouble_since, DOWN_AFTER) && self.stepped.is_none_or(|at| now - at >= DOWN_SPACING) {
            let steps = if weather == Weather::BadTrouble { 2 } else { 1 };
            self.rung = (self.rung + steps).min(RUNGS.len() - 1);
            if self.stepped_up.take().is_some_and(|at| now - at < UP_FAILED) {
                self.up_after = MediaTime(self.up_after.0 * 2).min(UP_AFTER_MOST);
            }
        } else if self.rung > 0 && lasted(self.peace_since, self.up_after) && self.stepped.is_none_or(|at| now - at >= self.up_after) {
            // The step before this one held, so the wait may shrink again.
            if self.stepped_up.is_some() {
                self.up_after = MediaTime(self.up_after.0 / 2).max(UP_AFTER);
            }
            self.rung -= 1;
            self.stepped_up = Some(now);
        }
        if self.rung == before {
            return self.nudge(now, weather, stats);
        }
        self.nudging = false;
        self.stepped = Some(now);
        self.trouble_since = None;
        self.peace_since = None;
        Some(self.advice())
    }

    /// Encourages a phone that sends much less than it may.
    fn nudge(&mut self, now: MediaTime, weather: Weather, stats: &SourceStats) -> Option<PictureAdvice> {
        let advice = self.advice();
        // In trouble the lesser figure stays: to raise it would make the phone try a way that is narrow.
        if weather == Weather::Peace && std::mem::take(&mut self.nudging) {
            return Some(advice);
        }
        let bps = stats.bitrate_bps.filter(|bps| weather == Weather::Peace && *bps < TIMID * f64::from(advice.bitrate_bps));
        self.timid_since = bps.map(|_| self.timid_since.unwrap_or(now));
        let (bps, since) = (bps?, self.timid_since?);
        let every = if self.in_vain { NUDGE_EVERY.1 } else { NUDGE_EVERY.0 };
        if self.nudging || now - since < NUDGE_AFTER || self.nudged.is_some_and(|(at, _)| now - at < every) {
            return None;
        }
        self.in_vain = self.nudged.is_some_and(|(_, then)| bps < NUDGED * then);
        (self.nudged, self.nudging) = (Some((now, bps)), true);
        Some(PictureAdvice { bitrate_bps: (f64::from(advice.bitrate_bps) * NUDGE) as u32, ..advice })
    }

    fn weather(&mut self, stats: &SourceStats) -> Option<Weather> {
        let rtt = stats.rtt_ms.filter(|rtt| rtt.is_finite() && *rtt >= 0.0);
        if let Some(rtt) = rtt {
            // The shortest is let go slowly, so that a phone that moved to a longer way is judged by that.
            self.shortest_rtt_ms = Some(self.shortest_rtt_ms.map_or(rtt, |shortest| rtt.min(shortest * 1.01 + 0.1)));
        }
        let queue = rtt.zip(self.shortest_rtt_ms).map(|(rtt, shortest)| rtt - shortest);
        if stats.loss.is_none() && queue.is_none() {
            return None;
        }
        let (loss, queue) = (stats.loss.unwrap_or(0.0), queue.unwrap_or(0.0));
        Some(if loss > LOSS.1 || queue > QUEUE_MS.1 {
            Weather::BadTrouble
        } else if loss > LOSS.0 || queue > QUEUE_MS.0 {
            Weather::Trouble
        } else if loss < LOSS_IN_PEACE && queue < QUEUE_IN_PEACE_MS {
            Weather::Peace
        } else {
            Weather::Between
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEST: PictureAdvice = PictureAdvice { bitrate_bps: 3_000_000, scale_down_by: 1.0, max_fps: 30.0 };

    fn stats(loss: f64, rtt_ms: f64) -> SourceStats {
        SourceStats { loss: Some(loss), rtt_ms: Some(rtt_ms), ..SourceStats::default() }
    }

    /// A link that carries `capacity(second)` bits a second: what is too much is lost, after a queue of half a second filled.
    fn ride(ladder: &mut Ladder, from: i64, seconds: i64, capacity: impl Fn(i64) -> f64) -> Vec<PictureAdvice> {
        let mut steps = Vec::new();
        for second in from..from + seconds {
            let sent = f64::from(ladder.advice().bitrate_bps);
            let over = (sent / capacity(second) - 1.0).max(0.0);
            let measured = stats((over / (1.0 + over)).min(0.9), if over > 0.0 { 500.0 } else { 20.0 });
            steps.extend(ladder.observe(MediaTime::from_secs(second), &measured));
        }
        steps
    }

    #[test]
    fn bitrate_goes_first_then_size_then_rate_and_all_come_back() {
        let mut ladder = Ladder::new(BEST);
        let down = ride(&mut ladder, 0, 60, |_| 200_000.0);
        let last = down.last().expect("steps");
        assert!(last.scale_down_by == 2.0 && last.max_fps == 15.0, "{last:?}");
        assert!(down.windows(2).all(|pair| {
            let [a, b] = pair else { return true };
            b.bitrate_bps < a.bitrate_bps && b.scale_down_by >= a.scale_down_by && b.max_fps <= a.max_fps
        }));
        assert!(down.iter().filter(|step| step.bitrate_bps > 800_000).all(|step| step.scale_down_by == 1.0 && step.max_fps == 30.0));
        let up = ride(&mut ladder, 60, 120, |_| 10e6);
        assert_eq!(ladder.rung(), 0);
        assert_eq!(up.last(), Some(&BEST));
        assert!(up.len() as u64 >= 7, "one step at a time");
    }

    #[test]
    fn a_good_line_is_left_alone_and_short_trouble_is_sat_out() {
        let mut ladder = Ladder::new(BEST);
        assert!(ride(&mut ladder, 0, 300, |_| 5e6).is_empty());
        let mut ladder = Ladder::new(BEST);
        for second in 0..100 {
            let loss = if second % 10 == 0 { 0.3 } else { 0.0 };
            assert_eq!(ladder.observe(MediaTime::from_secs(second), &stats(loss, 20.0)), None);
        }
    }

    #[test]
    fn a_link_between_two_rungs_is_not_tried_all_the_time() {
        let mut ladder = Ladder::new(BEST);
        let steps = ride(&mut ladder, 0, 600, |_| 1_800_000.0);
        assert!(steps.len() < 24, "{} steps in ten minutes", steps.len());
        let early = ride(&mut Ladder::new(BEST), 0, 120, |_| 1_800_000.0).len();
        assert!(steps.len() < 5 * early, "steps grow rarer: {early} in two minutes, {} in ten", steps.len());
    }

    #[test]
    fn a_long_way_alone_is_no_trouble_and_nothing_measured_says_nothing() {
        let mut ladder = Ladder::new(BEST);
        for second in 0..60 {
            assert_eq!(ladder.observe(MediaTime::from_secs(second), &stats(0.0, 400.0)), None);
            assert_eq!(ladder.observe(MediaTime::from_secs(second), &SourceStats::default()), None);
        }
        let dark = SourceStats { fps: Some(12.0), ..stats(0.0, 20.0) };
        assert_eq!(ladder.observe(MediaTime::from_secs(61), &dark), None);
    }

    #[test]
    fn odd_numbers_keep_it_on_the_ladder() {
        let mut ladder = Ladder::new(BEST);
        bolero::check!().with_type::<(i64, f64, f64)>().cloned().for_each(|(at, loss, rtt)| {
            ladder.observe(MediaTime(at), &stats(loss, rtt));
            assert!(ladder.rung() < RUNGS.len() && ladder.advice().bitrate_bps > 0);
        });
    }

    #[test]
    fn a_timid_phone_is_nudged_and_told_the_same_again() {
        let mut ladder = Ladder::new(BEST);
        let timid = SourceStats { bitrate_bps: Some(900_000.0), ..stats(0.0, 20.0) };
        let told: Vec<(i64, u32)> = (0..35).filter_map(|second| Some((second, ladder.observe(MediaTime::from_secs(second), &timid)?.bitrate_bps))).collect();
        let (less, all) = (2_250_000, 3_000_000);
        assert_eq!(told, [(7, less), (8, all), (12, less), (13, all), (22, less), (23, all), (32, less), (33, all)], "in vain, so less often");
        let trouble = SourceStats { bitrate_bps: Some(900_000.0), ..stats(0.06, 20.0) };
        assert!(ladder.observe(MediaTime::from_secs(35), &trouble).is_none());
        let bold = SourceStats { bitrate_bps: Some(2_500_000.0), ..stats(0.0, 20.0) };
        let told: Vec<_> = (36..80).filter_map(|second| ladder.observe(MediaTime::from_secs(second), &bold)).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}
