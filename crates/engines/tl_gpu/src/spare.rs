//! When the GPU thread may do something else than the programme's picture: only in the time that is left until the next job.
//!
//! A late programme leaves no time, and then nothing else is begun. A piece of work that would never fit, because the machine is slow, is
//! begun right behind a finished picture once it has waited long enough: there it has the most time before the next one.

use std::time::{Duration, Instant};

/// Kinds of work beside the programme; the time of each is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One camera's tile.
    Tile,
    /// The window's own picture.
    Paint,
}

/// Longer than this between two jobs, and the programme does not run: the time until the next is unknown and free.
const NO_PROGRAMME: Duration = Duration::from_millis(120);
/// Work that has waited this long is begun right behind a picture although it does not fit.
const STARVED: Duration = Duration::from_millis(150);
/// How much of a period behind a job's begin counts as right behind it.
const BEHIND: f64 = 0.4;
/// Kept free before the next job: timers are that exact.
const MARGIN: Duration = Duration::from_millis(1);
/// Before anything was measured.
const FIRST_GUESS: Duration = Duration::from_millis(5);
/// Weight of the newest measurement.
const NEWEST: f64 = 0.2;

/// What was seen of the programme's rhythm and of what work costs.
#[derive(Debug)]
pub(crate) struct Spare {
    last_job: Option<Instant>,
    period: Option<Duration>,
    tile: Duration,
    paint: Duration,
}

impl Default for Spare {
    fn default() -> Self {
        Self { last_job: None, period: None, tile: FIRST_GUESS, paint: FIRST_GUESS }
    }
}

impl Spare {
    /// A job of the programme is begun.
    pub fn job_began(&mut self, now: Instant) {
        let gap = self.last_job.map(|last| now.saturating_duration_since(last)).filter(|gap| *gap < NO_PROGRAMME);
        self.period = match (gap, self.period) {
            (Some(gap), Some(period)) => Some(mix(period, gap)),
            (Some(gap), None) => Some(gap),
            (None, _) => None,
        };
        self.last_job = Some(now);
    }

    /// One piece of work took this long from its begin until the device was done with it.
    pub fn took(&mut self, kind: Kind, time: Duration) {
        let cost = self.cost_mut(kind);
        *cost = mix(*cost, time);
    }

    /// What one piece of work takes, by what was measured.
    pub fn cost(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Tile => self.tile,
            Kind::Paint => self.paint,
        }
    }

    fn cost_mut(&mut self, kind: Kind) -> &mut Duration {
        match kind {
            Kind::Tile => &mut self.tile,
            Kind::Paint => &mut self.paint,
        }
    }

    /// Time until the next job is due; none while the programme does not run.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let (last, period) = (self.last_job?, self.period?);
        let since = now.saturating_duration_since(last);
        (since < NO_PROGRAMME).then(|| period.saturating_sub(since).saturating_sub(MARGIN))
    }

    /// Whether work of this kind that was asked for at `asked` may begin, while no job waits and none is on the device.
    pub fn may_begin(&self, kind: Kind, asked: Instant, now: Instant) -> bool {
        let Some(left) = self.left(now) else { return true };
        let waited = now.saturating_duration_since(asked);
        self.cost(kind) <= left || (waited >= STARVED && self.is_right_behind(now))
    }

    fn is_right_behind(&self, now: Instant) -> bool {
        let (Some(last), Some(period)) = (self.last_job, self.period) else { return true };
        now.saturating_duration_since(last) <= period.mul_f64(BEHIND)
    }
}

fn mix(before: Duration, newest: Duration) -> Duration {
    before.mul_f64(1.0 - NEWEST) + newest.mul_f64(NEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(33_333);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A programme at 30 pictures a second whose last job began at the returned time, with work that takes `cost`.
    fn running(cost: Duration) -> (Spare, Instant) {
        let mut spare = Spare::default();
        let mut now = Instant::now();
        for _ in 0..60 {
            now += TICK;
            spare.job_began(now);
            spare.took(Kind::Paint, cost);
        }
        (spare, now)
    }

    /// Whether work that takes `cost` and has waited `waited` begins `after` the begin of the programme's last job.
    #[track_caller]
    fn check(cost: Duration, waited: Duration, after: Duration, expect: bool) {
        let (spare, last) = running(cost);
        let now = last + after;
        assert_eq!(spare.may_begin(Kind::Paint, now - waited, now), expect, "{spare:?}");
    }

    #[test]
    fn work_begins_when_it_fits_before_the_next_job() {
        check(ms(12), ms(0), ms(5), true);
        check(ms(12), ms(0), ms(20), true);
        check(ms(12), ms(0), ms(22), false);
        check(ms(12), ms(0), ms(34), false);
    }

    #[test]
    fn none_begins_while_the_next_job_is_overdue() {
        check(ms(1), ms(0), ms(40), false);
        check(ms(1), ms(1_000), ms(100), false);
    }

    #[test]
    fn what_never_fits_begins_right_behind_a_job_after_a_while() {
        check(ms(50), ms(0), ms(5), false);
        check(ms(50), ms(149), ms(5), false);
        check(ms(50), ms(150), ms(5), true);
        check(ms(50), ms(1_000), ms(20), false);
    }

    #[test]
    fn without_a_programme_all_time_is_free() {
        check(ms(500), ms(0), ms(121), true);
        assert!(Spare::default().may_begin(Kind::Tile, Instant::now(), Instant::now()));
    }

    #[test]
    fn a_pause_of_the_programme_is_no_period() {
        let (mut spare, last) = running(ms(10));
        spare.job_began(last + ms(5_000));
        assert_eq!(spare.left(last + ms(5_001)), None);
        spare.job_began(last + ms(5_033));
        assert_eq!(spare.left(last + ms(5_033)), Some(ms(32)));
    }

    #[test]
    fn costs_follow_what_is_measured() {
        let mut spare = Spare::default();
        for _ in 0..40 {
            spare.took(Kind::Tile, ms(2));
            spare.took(Kind::Paint, ms(20));
        }
        assert!(spare.cost(Kind::Tile) < ms(3) && spare.cost(Kind::Paint) > ms(18));
    }
}
