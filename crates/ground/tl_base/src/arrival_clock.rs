//! When something was captured, told from nothing but its own time stamp and the moment it arrived.
//!
//! SRT, RTMP and MJPEG carry no clock of the sender. What can be seen is `arrival - pts`: a constant, plus the sender's drift,
//! plus whatever held each unit up on its way, which is never negative. So the lower edge of it is followed: the line under
//! the fastest arrivals of the last minute (V. Paxson, "On calibrating measurements of packet transit times", 1998; the line
//! is that edge of their lower convex hull that spans their middle: Moon, Skelly and Towsley, 1999).
//!
//! Late units move nothing, early ones move the line down at once, missing ones cost certainty. The encoder's and sender's
//! own delay stays inside the result and cannot be seen; whoever makes the clock says how much that may be.

use std::collections::VecDeque;

use crate::MediaTime;
use crate::clock_sync::ClockState;

/// The fastest arrival within this long stands for all of them.
const BIN: MediaTime = MediaTime::from_secs(1);
/// Bins kept: long against jitter, short against a quartz's wandering.
const BINS: usize = 60;
/// Drift is taken for zero before the bins span this long: jitter would pass for drift.
const SPAN_FOR_DRIFT: f64 = 15e9;
/// No phone's quartz is further off than this.
const DRIFT_LIMIT: f64 = 500e-6;
/// A unit this much ahead of the fastest means that the source's clock was set, or that a queue before us has emptied.
const EARLY: i64 = 250_000_000;
/// Units in a row that must say so; one alone is a broken stamp.
const EARLY_UNITS: u32 = 3;
/// Stamps this far back are no reordered pictures or interleaved sound.
const BACK: i64 = 1_500_000_000;
/// All units this late for [`LATE_PATIENCE`] are no queue that empties but a clock that was set.
const LATE: i64 = 250_000_000;
const LATE_PATIENCE: MediaTime = MediaTime::from_secs(10);

/// The fastest arrival of a bin, from the clock's origin.
#[derive(Clone, Copy, Debug)]
struct Fastest {
    pts: i64,
    /// Arrival minus pts.
    lag: i64,
    /// What the slowest took longer.
    spread: i64,
}

/// The estimated lag is `lag + slope * (pts - self.pts)`.
#[derive(Clone, Copy, Debug)]
struct Line {
    pts: i64,
    lag: f64,
    slope: f64,
}

impl Line {
    fn lag_at(self, pts: i64) -> i64 {
        (self.lag + self.slope * pts.saturating_sub(self.pts) as f64) as i64
    }
}

/// Estimates capture times of one source that stamps its units with a clock of its own, in nanoseconds from anywhere.
/// Stamps that wrap must be unwrapped before.
#[derive(Clone, Debug)]
pub struct ArrivalClock {
    unseen: MediaTime,
    /// Where both counts begin, so that the numbers stay small enough for f64.
    origin: Option<(i64, MediaTime)>,
    bins: VecDeque<Fastest>,
    /// The bin being filled and when it began.
    open: Option<(MediaTime, Fastest)>,
    line: Option<Line>,
    newest: i64,
    strays: u32,
    late_since: Option<MediaTime>,
    steps: u64,
}

impl ArrivalClock {
    /// What phones' encoders and senders usually hide, half-width.
    pub const UNSEEN: MediaTime = MediaTime::from_millis(100);

    /// A clock of which nothing is known. `unseen` is what encoder and sender may take before anything can be measured here;
    /// it widens the uncertainty and moves nothing.
    pub fn new(unseen: MediaTime) -> Self {
        let bins = VecDeque::with_capacity(BINS);
        Self { unseen, origin: None, bins, open: None, line: None, newest: i64::MIN, strays: 0, late_since: None, steps: 0 }
    }

    /// Notes a unit. False when its stamp does not fit what is known; several such in a row mean that the source's clock was
    /// set, and the estimate starts anew with the last of them.
    pub fn note(&mut self, pts: i64, arrival: MediaTime) -> bool {
        let (Some((pts_origin, arrival_origin)), Some(line)) = (self.origin, self.line) else {
            self.begin(pts, arrival);
            return true;
        };
        let pts = pts.saturating_sub(pts_origin);
        let lag = (arrival - arrival_origin).0.saturating_sub(pts);
        let off = lag.saturating_sub(line.lag_at(pts));
        if off < -EARLY || pts < self.newest.saturating_sub(BACK) {
            self.strays += 1;
            return self.strays >= EARLY_UNITS && self.step(pts, pts_origin, arrival);
        }
        self.strays = 0;
        if off > LATE {
            let since = *self.late_since.get_or_insert(arrival);
            if arrival - since > LATE_PATIENCE {
                return self.step(pts, pts_origin, arrival);
            }
        } else {
            self.late_since = None;
        }
        self.newest = self.newest.max(pts);
        self.take(Fastest { pts, lag, spread: 0 }, off, arrival);
        true
    }

    /// The studio's time at which the source's clock showed `pts`; none before the first unit. It may lie ahead of now.
    pub fn to_media(&self, pts: i64) -> Option<MediaTime> {
        let ((pts_origin, arrival_origin), line) = (self.origin?, self.line?);
        let pts = pts.saturating_sub(pts_origin);
        Some(arrival_origin + MediaTime(pts) + MediaTime(line.lag_at(pts)))
    }

    /// Notes a unit and tells when it was captured, never later than it arrived.
    pub fn capture(&mut self, pts: i64, arrival: MediaTime) -> MediaTime {
        self.note(pts, arrival);
        self.to_media(pts).map_or(arrival, |capture| capture.min(arrival))
    }

    /// How often the source's clock was set.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What is known now; the offset is the source's clock minus the studio's.
    pub fn state(&self) -> Option<ClockState> {
        let ((pts_origin, arrival_origin), line) = (self.origin?, self.line?);
        let bins = || self.bins.iter().chain(self.open.as_ref().map(|(_, bin)| bin));
        // How far the line may lie beside the true edge, and how far a usual second's slowest unit lies behind it.
        let above = bins().map(|bin| bin.lag.saturating_sub(line.lag_at(bin.pts))).max().unwrap_or_default();
        let jitter = bins().map(|bin| bin.spread as f64).sum::<f64>() / bins().count().max(1) as f64;
        let at_newest = self.newest.max(0);
        let offset = pts_origin.saturating_sub(arrival_origin.0).saturating_sub(line.lag_at(at_newest));
        Some(ClockState {
            offset_ms: offset as f64 / 1e6,
            drift_ppm: (1.0 / (1.0 + line.slope) - 1.0) * 1e6,
            uncertainty_ms: self.unseen.as_millis_f64() + jitter.max(above as f64) / 1e6,
            two_way: false,
        })
    }

    /// Forgets everything, for a source that came back; the count of steps stays.
    pub fn reset(&mut self) {
        *self = Self { steps: self.steps, ..Self::new(self.unseen) };
    }

    fn begin(&mut self, pts: i64, arrival: MediaTime) {
        self.reset();
        self.origin = Some((pts, arrival));
        self.line = Some(Line { pts: 0, lag: 0.0, slope: 0.0 });
        self.open = Some((arrival, Fastest { pts: 0, lag: 0, spread: 0 }));
        self.newest = 0;
    }

    fn step(&mut self, pts: i64, pts_origin: i64, arrival: MediaTime) -> bool {
        self.steps += 1;
        self.begin(pts.saturating_add(pts_origin), arrival);
        true
    }

    fn take(&mut self, unit: Fastest, off: i64, arrival: MediaTime) {
        match &mut self.open {
            Some((since, bin)) if arrival - *since < BIN => {
                if unit.lag < bin.lag {
                    *bin = Fastest { spread: bin.spread.saturating_add(bin.lag.saturating_sub(unit.lag)), ..unit };
                } else {
                    bin.spread = bin.spread.max(unit.lag.saturating_sub(bin.lag));
                }
            }
            open => {
                let full = open.replace((arrival, unit));
                if let Some((_, bin)) = full {
                    if self.bins.len() == BINS {
                        self.bins.pop_front();
                    }
                    self.bins.push_back(bin);
                    self.line = edge_under(&self.bins).or(self.line);
                }
            }
        }
        if off < 0
            && let Some(line) = &mut self.line
        {
            line.lag += off as f64;
        }
    }
}

/// The line under all points that lies closest to them, within what a quartz may drift.
fn edge_under(bins: &VecDeque<Fastest>) -> Option<Line> {
    let newest = *bins.back()?;
    let points: Vec<(f64, f64)> = bins.iter().map(|bin| ((bin.pts.saturating_sub(newest.pts)) as f64, bin.lag as f64)).collect();
    let slope = slope_of_edge(&points).clamp(-DRIFT_LIMIT, DRIFT_LIMIT);
    let lag = points.iter().map(|(x, y)| y - slope * x).fold(f64::INFINITY, f64::min);
    Some(Line { pts: newest.pts, lag, slope })
}

/// The slope of the lower hull's edge over the mean abscissa; zero while the points span too little.
fn slope_of_edge(points: &[(f64, f64)]) -> f64 {
    let span = points.last().map_or(0.0, |last| last.0) - points.first().map_or(0.0, |first| first.0);
    if span < SPAN_FOR_DRIFT {
        return 0.0;
    }
    let mean = points.iter().map(|(x, _)| x).sum::<f64>() / points.len() as f64;
    let mut hull: Vec<(f64, f64)> = Vec::with_capacity(points.len());
    for &point in points {
        while let [.., a, b] = hull[..] {
            let turns_left = (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0) > 0.0;
            if turns_left {
                break;
            }
            hull.pop();
        }
        // Reordered stamps cannot both be corners.
        if hull.last().is_none_or(|last| point.0 > last.0) {
            hull.push(point);
        }
    }
    let edge = hull.windows(2).find(|pair| matches!(pair, [_, b] if b.0 >= mean));
    match edge {
        Some([a, b]) if b.0 > a.0 => (b.1 - a.1) / (b.0 - a.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 33_333_333;

    fn random(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed | 1;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        }
    }

    /// Plays `minutes` of 30 pictures a second whose clock drifts and whose way takes `delay` and jitter; returns the largest
    /// error against the true capture plus that delay after the first minute, milliseconds.
    fn worst(minutes: i64, drift_ppm: f64, jitter_ms: f64, seed: u64) -> f64 {
        let (mut clock, mut random) = (ArrivalClock::new(ArrivalClock::UNSEEN), random(seed));
        let delay = MediaTime::from_millis(140);
        let mut worst: f64 = 0.0;
        let mut last = MediaTime(i64::MIN);
        for picture in 0..minutes * 60 * 30 {
            let light = MediaTime(picture * FRAME);
            let pts = 7_000_000_000_000 + (light.0 as f64 * (1.0 + drift_ppm * 1e-6)) as i64;
            // Most units are a little late, some a lot; every 400 s the network stands still for 800 ms.
            let held = if picture % 12_000 < 24 { (24 - picture % 12_000) * FRAME } else { 0 };
            let jitter = MediaTime((random().powi(2) * jitter_ms * 1e6) as i64 + held);
            let arrival = light + delay + jitter;
            let arrival = if arrival > last { arrival } else { last };
            last = arrival;
            let capture = clock.capture(pts, arrival);
            assert!(capture <= arrival);
            if picture > 60 * 30 {
                worst = worst.max((capture - light - delay).as_millis_f64().abs());
            }
        }
        assert_eq!(clock.steps(), 0, "drift {drift_ppm} jitter {jitter_ms}");
        worst
    }

    #[test]
    fn an_hour_of_drift_costs_less_than_five_milliseconds() {
        for (drift, jitter) in [(50.0, 0.0), (-50.0, 0.0), (50.0, 40.0), (-50.0, 40.0), (200.0, 20.0), (-200.0, 20.0), (0.0, 60.0)] {
            let found = worst(60, drift, jitter, 11);
            println!("{drift:>6} ppm, jitter {jitter:>4} ms: {found:.2} ms off at most");
            assert!(found <= 5.0, "{drift} ppm, {jitter} ms: {found} ms off");
        }
    }

    #[test]
    fn uncertainty_covers_the_jitter_and_what_cannot_be_seen() {
        let (mut clock, mut random) = (ArrivalClock::new(ArrivalClock::UNSEEN), random(5));
        for picture in 0..3_000_i64 {
            let jitter = (random() * 50e6) as i64;
            clock.note(picture * FRAME, MediaTime(picture * FRAME + 90_000_000 + jitter));
        }
        let state = clock.state().expect("units came");
        assert!(state.uncertainty_ms >= 140.0 && state.uncertainty_ms < 160.0, "{state:?}");
        assert!(!state.two_way && state.drift_ppm.abs() < 60.0, "{state:?}");
        assert!((state.offset_ms + 90.0).abs() < 5.0, "{state:?}");
    }

    #[test]
    fn a_clock_that_is_set_is_followed_and_one_wild_stamp_is_not() {
        for jump in [-3_600_000_000_000_i64, 3_600_000_000_000, 2_000_000_000, -5_000_000_000] {
            let mut clock = ArrivalClock::new(MediaTime::ZERO);
            let at = |picture: i64| MediaTime(picture * FRAME + 50_000_000);
            for picture in 0..300 {
                clock.note(picture * FRAME, at(picture));
            }
            assert!(!clock.note(300 * FRAME + jump, at(300)), "one stamp alone");
            assert!(clock.note(301 * FRAME, at(301)) && clock.steps() == 0);
            for picture in 302..330 {
                let capture = clock.capture(picture * FRAME + jump, at(picture));
                assert!(capture <= at(picture));
                if picture > 305 {
                    assert!((at(picture) - capture) < MediaTime::from_millis(1), "jump {jump}: {}", at(picture) - capture);
                }
            }
            assert_eq!(clock.steps(), 1, "jump {jump}");
        }
    }

    #[test]
    fn a_queue_that_empties_moves_the_estimate_to_the_faster_way() {
        let mut clock = ArrivalClock::new(MediaTime::ZERO);
        for picture in 0..90_i64 {
            // The first second waited for 900 ms and is sent in a burst.
            let late = if picture < 30 { 900_000_000 - picture * 30_000_000 } else { 0 };
            clock.note(picture * FRAME, MediaTime(picture * FRAME + late));
        }
        let capture = clock.to_media(100 * FRAME).expect("a line");
        assert!((capture.0 - 100 * FRAME).abs() < 1_000_000, "{capture}");
    }

    #[test]
    fn a_source_whose_stamps_stand_still_for_long_is_followed_in_the_end() {
        let mut clock = ArrivalClock::new(MediaTime::ZERO);
        for picture in 0..900_i64 {
            let pts = if picture < 300 { picture * FRAME } else { picture * FRAME - 800_000_000 };
            clock.note(pts, MediaTime(picture * FRAME));
        }
        assert_eq!(clock.steps(), 1);
    }

    #[test]
    fn hostile_stamps_do_not_overflow() {
        let mut clock = ArrivalClock::new(ArrivalClock::UNSEEN);
        for pts in [i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN, 5, i64::MAX, i64::MAX, i64::MAX] {
            for arrival in [MediaTime(i64::MIN), MediaTime(i64::MAX), MediaTime(3)] {
                let capture = clock.capture(pts, arrival);
                assert!(capture <= arrival);
                assert!(clock.state().is_some() && clock.to_media(pts).is_some());
            }
        }
    }
}
