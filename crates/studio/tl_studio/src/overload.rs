//! When time is short, work is shed in a fixed order: the preview's rate, the decoding of cameras that are off air, the programme's
//! quality. Sound, score and recordings are never shed.
//!
//! It hears what the programme loop missed and how busy the machine is, and answers with a level. It goes up quickly and one step at
//! a time, and down slowly, so that a machine at its limit does not flap.

use tl_base::MediaTime;

/// A level must not help for this long before the next is taken.
const UP_AFTER: MediaTime = MediaTime::from_millis(1_500);
/// Time without trouble before a step is taken back; each return within a minute doubles it. On a busy machine it passes half as fast:
/// what keeps it busy may stay all evening, and a programme that keeps its rate beside it is not held back for ever.
const DOWN_AFTER: MediaTime = MediaTime::from_secs(10);
/// The longest such time.
const DOWN_AT_LATEST: MediaTime = MediaTime::from_secs(80);
/// A step that was taken back and is needed again within this time was taken back too early.
const TOO_EARLY: MediaTime = MediaTime::from_secs(60);
/// Missed or repeated ticks of a look that count as trouble.
const TROUBLE_TICKS: u64 = 2;

/// What may be shed, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Pages draw cameras less often.
    Preview,
    /// Cameras that are neither on air nor next nor the first to step in decode key pictures only.
    OffAir,
    /// Every other picture of the programme stands twice as long and is not encoded.
    Quality,
}

impl Step {
    /// All, in the order in which they are shed.
    pub const ALL: [Self; 3] = [Self::Preview, Self::OffAir, Self::Quality];

    /// For people.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Preview => "small pictures of cameras come less often",
            Self::OffAir => "cameras that are off air show only a picture now and then",
            Self::Quality => "the programme has half as many pictures a second",
        }
    }
}

/// When to shed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Whether anything is shed at all.
    pub on: bool,
    /// Share of the machine's processors in use above which time is short, 0 to 1.
    pub cpu_high: f64,
    /// Share below which there is time again.
    pub cpu_low: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { on: true, cpu_high: 0.95, cpu_low: 0.75 }
    }
}

/// What was seen since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Ticks missed, sent again or not encoded since the studio's start.
    pub missed: u64,
    /// Share of all processors in use by the machine; none where it cannot be read.
    pub machine_cpu: Option<f64>,
}

/// Decides how much is shed.
#[derive(Debug)]
pub struct Governor {
    config: Config,
    level: usize,
    missed: u64,
    /// When the trouble began that goes on, or was not over for long enough.
    troubled_since: Option<MediaTime>,
    troubled_at: MediaTime,
    /// How much time without trouble counts by now.
    calm: MediaTime,
    looked_at: MediaTime,
    down_after: MediaTime,
    lowered_at: Option<MediaTime>,
}

impl Governor {
    /// Nothing is shed yet.
    pub fn new(config: Config, now: MediaTime) -> Self {
        Self {
            config,
            level: 0,
            missed: 0,
            troubled_since: None,
            troubled_at: now,
            calm: MediaTime::ZERO,
            looked_at: now,
            down_after: DOWN_AFTER,
            lowered_at: None,
        }
    }

    /// How much is shed: the first so many of [`Step::ALL`].
    pub fn level(&self) -> usize {
        self.level
    }

    /// What is shed now.
    pub fn steps(&self) -> &'static [Step] {
        Step::ALL.get(..self.level).unwrap_or(&Step::ALL)
    }

    /// Looks; true when the level changed.
    pub fn look(&mut self, now: MediaTime, seen: Seen) -> bool {
        let missed = seen.missed.saturating_sub(self.missed);
        self.missed = seen.missed;
        let passed = now - std::mem::replace(&mut self.looked_at, now);
        if !self.config.on {
            return false;
        }
        let busy = seen.machine_cpu.is_none_or(|cpu| cpu >= self.config.cpu_high);
        let idle = seen.machine_cpu.is_none_or(|cpu| cpu <= self.config.cpu_low);
        // A busy machine alone is no trouble while the programme keeps its rate.
        let troubled = missed >= TROUBLE_TICKS && busy;
        if troubled {
            (self.troubled_at, self.calm) = (now, MediaTime::ZERO);
            let since = *self.troubled_since.get_or_insert(now);
            return now - since >= UP_AFTER && self.raise(now);
        }
        if missed == 0 && now - self.troubled_at >= UP_AFTER {
            self.troubled_since = None;
        }
        self.calm = match (missed, idle) {
            (0, true) => self.calm + passed,
            (0, false) => self.calm + MediaTime(passed.0 / 2),
            _ => self.calm.min(MediaTime(self.down_after.0 / 2)),
        };
        self.level > 0 && self.calm >= self.down_after && self.lower(now)
    }

    fn raise(&mut self, now: MediaTime) -> bool {
        if self.level == Step::ALL.len() {
            return false;
        }
        let too_early = self.lowered_at.is_some_and(|at| now - at < TOO_EARLY);
        self.down_after = if too_early { MediaTime(self.down_after.0 * 2).min(DOWN_AT_LATEST) } else { DOWN_AFTER };
        self.level += 1;
        // The next step is taken only when this one has had its time.
        self.troubled_since = Some(now);
        true
    }

    fn lower(&mut self, now: MediaTime) -> bool {
        self.level -= 1;
        self.calm = MediaTime::ZERO;
        self.lowered_at = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(governor: &mut Governor, from_ms: i64, to_ms: i64, missed_each: u64, cpu: f64) {
        for at in (from_ms..to_ms).step_by(500) {
            let missed = governor.missed + missed_each;
            governor.look(MediaTime::from_millis(at), Seen { missed, machine_cpu: Some(cpu) });
        }
    }

    #[test]
    fn work_is_shed_step_by_step_and_taken_up_again() {
        let mut governor = Governor::new(Config::default(), MediaTime::ZERO);
        run(&mut governor, 0, 10_000, 0, 0.99);
        assert_eq!(governor.level(), 0, "a busy machine that keeps its rate sheds nothing");
        run(&mut governor, 10_000, 12_000, 5, 0.99);
        assert_eq!(governor.steps(), [Step::Preview]);
        run(&mut governor, 12_000, 20_000, 5, 0.99);
        assert_eq!(governor.level(), 3, "never more than there is to shed");
        run(&mut governor, 20_000, 29_000, 0, 0.5);
        assert_eq!(governor.level(), 3);
        run(&mut governor, 29_000, 55_000, 0, 0.5);
        assert_eq!(governor.level(), 0);
    }

    #[test]
    fn beside_other_work_it_takes_twice_as_long_and_not_for_ever() {
        let shed = || {
            let mut governor = Governor::new(Config::default(), MediaTime::ZERO);
            run(&mut governor, 0, 3_000, 5, 0.99);
            assert_eq!(governor.level(), 1);
            governor
        };
        let mut busy = shed();
        run(&mut busy, 3_000, 22_000, 0, 1.0);
        assert_eq!(busy.level(), 1);
        run(&mut busy, 22_000, 24_000, 0, 1.0);
        assert_eq!(busy.level(), 0);
        let mut idle = shed();
        run(&mut idle, 3_000, 14_000, 0, 0.5);
        assert_eq!(idle.level(), 0);
        let mut troubled = shed();
        run(&mut troubled, 3_000, 120_000, 1, 1.0);
        assert_eq!(troubled.level(), 1, "not while ticks are missed");
    }

    #[test]
    fn short_bursts_on_a_busy_machine_are_no_lasting_trouble() {
        let mut governor = Governor::new(Config::default(), MediaTime::ZERO);
        for at in (0..60_000).step_by(2_000) {
            run(&mut governor, at, at + 500, 2, 1.0);
            run(&mut governor, at + 500, at + 2_000, 0, 1.0);
            assert_eq!(governor.level(), 0, "{at}");
        }
    }

    #[test]
    fn a_machine_that_is_always_a_little_too_slow_is_not_tried_often() {
        let (mut governor, mut raised) = (Governor::new(Config::default(), MediaTime::ZERO), 0);
        for at in (0..900_000).step_by(500) {
            let before = governor.level();
            run(&mut governor, at, at + 500, if before == 0 { 3 } else { 0 }, 1.0);
            raised += usize::from(governor.level() > before);
        }
        // After 20, 40, 80 and then 160 seconds.
        assert!(raised <= 9, "{raised}");
    }

    #[test]
    fn a_step_that_was_taken_back_too_early_is_kept_longer() {
        let mut governor = Governor::new(Config::default(), MediaTime::ZERO);
        run(&mut governor, 0, 3_000, 5, 0.99);
        let mut at = 3_000;
        let mut kept = Vec::new();
        for _ in 0..3 {
            let begin = at;
            while governor.level() > 0 {
                run(&mut governor, at, at + 500, 0, 0.5);
                at += 500;
            }
            kept.push(at - begin);
            while governor.level() == 0 {
                run(&mut governor, at, at + 500, 5, 0.99);
                at += 500;
            }
        }
        assert!(kept[1] > kept[0] && kept[2] > kept[1], "{kept:?}");
    }

    #[test]
    fn missed_ticks_on_an_idle_machine_are_not_its_fault() {
        let mut governor = Governor::new(Config::default(), MediaTime::ZERO);
        run(&mut governor, 0, 20_000, 3, 0.2);
        assert_eq!(governor.level(), 0);
        run(&mut governor, 20_000, 40_000, 3, 0.94);
        assert_eq!(governor.level(), 0, "below what the settings call busy");
        let mut earlier = Governor::new(Config { cpu_high: 0.9, ..Config::default() }, MediaTime::ZERO);
        run(&mut earlier, 0, 20_000, 3, 0.94);
        assert_eq!(earlier.level(), 3);
        let mut off = Governor::new(Config { on: false, ..Config::default() }, MediaTime::ZERO);
        run(&mut off, 0, 20_000, 30, 1.0);
        assert_eq!(off.level(), 0);
    }
}
