//! When a faulty encoder is begun anew, when it is given up for less, and when the better one is tried again. Time comes in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How much is borne of an encoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// So many restarts within `span`; the next fault opens the circuit.
    pub(super) restarts: usize,
    pub(super) span: Duration,
    /// From the opening to the first trial of the better encoder; twice as long after each that fails, up to `longest_rest`.
    pub(super) rest: Duration,
    pub(super) longest_rest: Duration,
    /// How long a trial may take; a driver that hangs may never come back.
    pub(super) trial: Duration,
    /// How long an encoder that is tried again has to hold before the circuit is closed.
    pub(super) probation: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            restarts: 3,
            span: Duration::from_secs(60),
            rest: Duration::from_secs(30),
            longest_rest: Duration::from_secs(600),
            trial: Duration::from_secs(10),
            probation: Duration::from_secs(10),
        }
    }
}

/// What to do about a fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Begin the same anew.
    Again,
    /// Give it up and go on with this rung.
    Lower(usize),
}

/// Which rung of the ladder is in use, rung 0 being the best, and what is thought of it.
#[derive(Debug)]
pub(super) struct Circuit {
    patience: Patience,
    rungs: usize,
    rung: usize,
    /// When the encoder in use was begun anew.
    faults: VecDeque<Instant>,
    rest: Duration,
    /// When the better rung is due to be tried; none on the best one and during a probation.
    retry_at: Option<Instant>,
    /// Until when the better rung has to hold: the circuit is half open.
    probation: Option<Instant>,
}

impl Circuit {
    /// Of so many rungs, `rung` being in use: more than 0 when the better ones did not start.
    pub(super) fn new(patience: Patience, rungs: usize, rung: usize, now: Instant) -> Self {
        let retry_at = (rung > 0).then(|| now + patience.rest);
        Self { patience, rungs, rung, faults: VecDeque::new(), rest: patience.rest, retry_at, probation: None }
    }

    /// The encoder in use hung, failed or did not start.
    pub(super) fn fault(&mut self, now: Instant) -> Verdict {
        if self.probation.take().is_some() && self.rung + 1 < self.rungs {
            self.rest_longer();
            return self.lower(now);
        }
        while self.faults.front().is_some_and(|fault| now.duration_since(*fault) > self.patience.span) {
            self.faults.pop_front();
        }
        if self.faults.len() >= self.patience.restarts && self.rung + 1 < self.rungs {
            return self.lower(now);
        }
        self.faults.push_back(now);
        self.faults.truncate(self.patience.restarts);
        Verdict::Again
    }

    fn lower(&mut self, now: Instant) -> Verdict {
        self.give_up_for(self.rung + 1, now)
    }

    /// Goes on with this lower rung at once, however many restarts are left.
    pub(super) fn give_up_for(&mut self, rung: usize, now: Instant) -> Verdict {
        self.faults.clear();
        self.rung = rung;
        self.retry_at = Some(now + self.rest);
        Verdict::Lower(rung)
    }

    /// The better rung that is due to be tried beside the one in use. Answered by [`Circuit::tried`]; asked again only then.
    pub(super) fn due(&mut self, now: Instant) -> Option<usize> {
        self.retry_at.take_if(|at| now >= *at)?;
        self.rung.checked_sub(1)
    }

    /// How the trial went; the rung to use from now on, on probation, if it went well.
    pub(super) fn tried(&mut self, well: bool, now: Instant) -> Option<usize> {
        if !well {
            self.rest_longer();
            self.retry_at = Some(now + self.rest);
            return None;
        }
        self.rung = self.rung.checked_sub(1)?;
        self.faults.clear();
        self.probation = Some(now + self.patience.probation);
        Some(self.rung)
    }

    /// How long a trial may take.
    pub(super) fn trial_limit(&self) -> Duration {
        self.patience.trial
    }

    /// True once when a probation is over: the circuit is closed again on this rung.
    pub(super) fn held(&mut self, now: Instant) -> bool {
        if self.probation.take_if(|until| now >= *until).is_none() {
            return false;
        }
        self.rest = self.patience.rest;
        self.retry_at = (self.rung > 0).then(|| now + self.rest);
        true
    }

    fn rest_longer(&mut self) {
        self.rest = (self.rest * 2).min(self.patience.longest_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        restarts: 3,
        span: Duration::from_secs(60),
        rest: Duration::from_secs(30),
        longest_rest: Duration::from_secs(100),
        trial: Duration::from_secs(10),
        probation: Duration::from_secs(10),
    };

    /// A circuit and a clock that the test turns.
    struct Rig(Circuit, Instant);

    impl Rig {
        fn new() -> Self {
            let now = Instant::now();
            Self(Circuit::new(PATIENCE, 3, 0, now), now)
        }

        fn pass(&mut self, seconds: u64) -> &mut Self {
            self.1 += Duration::from_secs(seconds);
            self
        }

        fn faults(&mut self, expect: &[Verdict]) -> &mut Self {
            for verdict in expect {
                assert_eq!(self.0.fault(self.1), *verdict);
            }
            self
        }

        fn due(&mut self, expect: Option<usize>) -> &mut Self {
            assert_eq!(self.0.due(self.1), expect);
            self
        }

        fn tried(&mut self, well: bool, expect: Option<usize>) -> &mut Self {
            assert_eq!(self.0.tried(well, self.1), expect);
            self
        }

        fn held(&mut self, expect: bool) -> &mut Self {
            assert_eq!(self.0.held(self.1), expect);
            self
        }
    }

    const AGAIN: Verdict = Verdict::Again;

    #[test]
    fn the_fourth_fault_in_a_minute_opens_the_circuit() {
        Rig::new().faults(&[AGAIN, AGAIN, AGAIN, Verdict::Lower(1)]).faults(&[AGAIN, AGAIN, AGAIN, Verdict::Lower(2)]);
    }

    #[test]
    fn rungs_may_be_left_out_on_the_way_down_and_are_tried_on_the_way_up() {
        let mut rig = Rig::new();
        assert_eq!(rig.0.give_up_for(2, rig.1), Verdict::Lower(2));
        rig.faults(&[AGAIN]).pass(30).due(Some(1)).tried(true, Some(1)).pass(10).held(true).pass(30).due(Some(0));
    }

    #[test]
    fn faults_that_lie_far_apart_open_nothing() {
        let mut rig = Rig::new();
        for _ in 0..100 {
            rig.faults(&[AGAIN]).pass(25).due(None).held(false);
        }
    }

    #[test]
    fn the_last_rung_is_kept_however_often_it_fails() {
        let mut rig = Rig(Circuit::new(PATIENCE, 1, 0, Instant::now()), Instant::now());
        for _ in 0..100 {
            rig.faults(&[AGAIN]);
        }
    }

    #[test]
    fn after_a_rest_the_better_one_is_tried_and_kept_when_it_holds() {
        let mut rig = Rig::new();
        rig.faults(&[AGAIN, AGAIN, AGAIN, Verdict::Lower(1)]);
        rig.pass(29).due(None).pass(1).due(Some(0)).due(None).tried(true, Some(0));
        rig.pass(9).held(false).pass(1).held(true).held(false);
        // Closed: three restarts are borne again, and nothing better is looked for.
        rig.pass(1_000).due(None).faults(&[AGAIN, AGAIN, AGAIN, Verdict::Lower(1)]).pass(30).due(Some(0));
    }

    #[test]
    fn one_fault_on_probation_opens_it_again_for_longer() {
        let mut rig = Rig::new();
        rig.faults(&[AGAIN, AGAIN, AGAIN, Verdict::Lower(1)]).pass(30).due(Some(0)).tried(true, Some(0));
        rig.pass(5).faults(&[Verdict::Lower(1)]).pass(59).due(None).pass(1).due(Some(0)).tried(false, None);
        rig.pass(99).due(None).pass(1).due(Some(0)).tried(false, None);
        // No rest is longer than the longest.
        rig.pass(100).due(Some(0)).tried(true, Some(0)).pass(10).held(true);
    }

    #[test]
    fn the_way_up_is_taken_step_by_step() {
        let mut rig = Rig(Circuit::new(PATIENCE, 3, 2, Instant::now()), Instant::now());
        rig.pass(30).due(Some(1)).tried(true, Some(1)).pass(10).held(true);
        rig.pass(30).due(Some(0)).tried(true, Some(0)).pass(10).held(true).pass(1_000).due(None);
    }
}
