use std::sync::atomic::AtomicBool;

use tl_base::{Size, SlotId};
use tl_frame::{Colour, Memory, Rotation, VecPlanes};

use super::*;

const SIZE: Size = Size::new(320, 192);
const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Video {
    Video { source: SlotId(0), size: SIZE, rate: Rate::FPS_30, bitrate_bps: 400_000, gop: MediaTime::from_secs(2), encoder: None }
}

fn picture(number: u64) -> Frame {
    Frame {
        source: SlotId(0),
        seq: number,
        format: PixelFormat::I420,
        colour: Colour::PROGRAMME,
        size: SIZE,
        rotation: Rotation::None,
        capture: Rate::FPS_30.tick_start(number),
        arrival: Rate::FPS_30.tick_start(number),
        memory: Memory::Cpu(Arc::new(VecPlanes::new(PixelFormat::I420, SIZE))),
    }
}

struct Rig {
    encoder: Supervised,
    units: mpsc::Receiver<AccessUnit>,
    events: mpsc::Receiver<Event>,
    next: u64,
    seen: Vec<AccessUnit>,
    /// Times of the pictures that were taken.
    taken: Vec<MediaTime>,
}

impl Rig {
    fn new() -> Self {
        Self::with(Patience::default(), |_| true)
    }

    fn with(patience: Patience, trial: fn(&str) -> bool) -> Self {
        Self::among(Vec::new(), patience, trial)
    }

    fn among(stuck: Vec<Aside>, patience: Patience, trial: fn(&str) -> bool) -> Self {
        let (to_units, units) = mpsc::sync_channel(100_000);
        let (to_events, events) = mpsc::sync_channel(100_000);
        let on_unit = move |unit| to_units.send(unit).expect("the test listens");
        let on_event = move |event| to_events.send(event).expect("the test listens");
        let encoder = Supervised::start_with(config(), PixelFormat::I420, patience, trial, stuck, on_unit, on_event).expect("an encoder");
        Self { encoder, units, events, next: 0, seen: Vec::new(), taken: Vec::new() }
    }

    /// Pushes pictures at about the pace of life until `done`.
    fn play_until<T>(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.encoder.push(picture(self.next), false) {
                Ok(()) => self.taken.push(Rate::FPS_30.tick_start(self.next)),
                Err(Error::Full) => {}
                Err(error) => panic!("{error}"),
            }
            self.next += 1;
            if let Ok(unit) = self.units.recv_timeout(Duration::from_millis(20)) {
                self.seen.push(unit);
            }
            if let Some(found) = done(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited for {what}");
        }
    }

    fn event(&mut self) -> Event {
        self.play_until("an event", |rig| rig.events.try_recv().ok())
    }

    /// The first unit that comes from now on.
    fn unit(&mut self) -> AccessUnit {
        let before = self.seen.len();
        self.play_until("a unit", |rig| rig.seen.get(before).cloned())
    }

    fn check_order(&self) {
        assert!(self.seen.windows(2).all(|pair| pair[0].pts < pair[1].pts && pair[0].config_id <= pair[1].config_id));
    }
}

#[test]
fn a_hanging_encoder_is_replaced_and_the_stream_goes_on_with_a_key() {
    let mut rig = Rig::new();
    assert!(rig.unit().key);
    rig.encoder.inject_hang();
    let (hung, before) = (Instant::now(), rig.seen.len());
    let event = rig.event();
    assert!(matches!(&event, Event::Restarted { reason, .. } if reason.contains("no picture")), "{event:?}");
    assert!(hung.elapsed() > Duration::from_millis(1_400));
    rig.unit();
    let first = rig.seen[before..].iter().find(|unit| unit.key).expect("a key");
    assert!(h264::Parameters::find(&first.data).is_some());
    for _ in 0..10 {
        rig.unit();
    }
    rig.check_order();
    assert_eq!(rig.encoder.restarts(), 1);
}

#[test]
fn an_encoder_that_keeps_failing_is_given_up_for_another_and_at_last_for_less() {
    let mut rig = Rig::new();
    let rungs = rig.encoder.shared.ladder.len();
    let first = rig.encoder.name();
    for rung in 1..rungs {
        for _ in 0..Patience::default().restarts {
            rig.unit();
            rig.encoder.inject_failure();
            let event = rig.event();
            assert!(matches!(event, Event::Restarted { .. }), "{event:?}");
        }
        rig.unit();
        let before = rig.seen.len();
        rig.encoder.inject_failure();
        let event = rig.event();
        let Event::CircuitOpened { to, .. } = &event else { panic!("{event:?}") };
        assert_eq!(*to, rig.encoder.shared.ladder[rung]);
        rig.unit();
        // Its first units may be here before it is told of.
        assert!(rig.seen[before..].iter().any(|unit| unit.key));
    }
    let last = rig.encoder.quality();
    assert_eq!((last.bitrate_bps, last.one_in), (200_000, 2));
    // The last one is kept however often it fails.
    for _ in 0..5 {
        rig.unit();
        rig.encoder.inject_failure();
        assert!(matches!(rig.event(), Event::Restarted { .. }));
    }
    rig.unit();
    let taken = rig.seen.len();
    while rig.seen.len() < taken + 5 {
        rig.unit();
    }
    let steps: Vec<MediaTime> = rig.seen[taken..].windows(2).map(|pair| pair[1].pts - pair[0].pts).collect();
    assert!(steps.iter().all(|step| *step > MediaTime::from_millis(60)), "{steps:?}");
    rig.check_order();
    assert!(!first.is_empty());
}

#[test]
fn a_key_that_was_asked_for_meanwhile_is_not_forgotten() {
    let mut rig = Rig::new();
    rig.unit();
    rig.encoder.inject_failure();
    rig.event();
    rig.unit();
    let before = rig.seen.len();
    rig.encoder.push(picture(rig.next), true).ok();
    rig.next += 1;
    rig.play_until("a key", |rig| rig.seen.iter().skip(before).any(|unit| unit.key).then_some(()));
}

/// Short rests, so that a test sees more than one.
const QUICK: Patience = Patience {
    restarts: 3,
    span: Duration::from_secs(60),
    rest: Duration::from_millis(300),
    longest_rest: Duration::from_secs(2),
    trial: Duration::from_secs(10),
    probation: Duration::from_millis(500),
};

/// A driver that hangs, is given up, and comes to its senses: three restarts, the stand-in, a trial beside it, and back.
#[test]
fn a_driver_that_hangs_is_given_up_after_three_restarts_and_used_again_when_it_is_well() {
    static WELL: AtomicBool = AtomicBool::new(false);
    let mut rig = Rig::with(QUICK, |_| WELL.load(Ordering::Relaxed));
    let best = rig.encoder.quality();
    for _ in 0..3 {
        rig.unit();
        rig.encoder.inject_hang();
        let event = rig.event();
        assert!(matches!(&event, Event::Restarted { reason, .. } if reason.contains("no picture")), "{event:?}");
    }
    rig.unit();
    rig.encoder.inject_hang();
    let event = rig.event();
    let Event::CircuitOpened { from, to, .. } = &event else { panic!("{event:?}") };
    assert_eq!((from, to), (&best, &rig.encoder.shared.ladder[1]));
    // While its trial fails the stand-in goes on and nothing is said.
    let since = Instant::now();
    rig.play_until("three rests", |_| (since.elapsed() > Duration::from_millis(1_000)).then_some(()));
    assert!(rig.events.try_recv().is_err());
    assert_eq!(rig.encoder.quality(), *to);

    WELL.store(true, Ordering::Relaxed);
    let before = rig.seen.len();
    assert_eq!(rig.event(), Event::HalfOpen { to: best.clone() });
    assert_eq!(rig.event(), Event::CircuitClosed { quality: best.clone() });
    // Of the pictures that were taken the change costs two at most, and it begins with a key.
    let (from, until) = (rig.seen[before - 1].pts, rig.seen[rig.seen.len() - 1].pts);
    let lost = rig.taken.iter().filter(|at| (from..until).contains(at) && !rig.seen.iter().any(|unit| unit.pts == **at)).count();
    assert!(lost <= 2, "{lost}");
    assert!(rig.seen[before..].iter().any(|unit| unit.key));
    rig.check_order();
    assert_eq!(rig.encoder.quality(), best);
}

#[test]
fn one_fault_on_probation_gives_it_up_at_once() {
    let mut rig = Rig::with(Patience { probation: Duration::from_secs(60), ..QUICK }, |_| true);
    let best = rig.encoder.quality();
    for _ in 0..=3 {
        rig.unit();
        rig.encoder.inject_failure();
        rig.event();
    }
    for _ in 0..2 {
        assert_eq!(rig.event(), Event::HalfOpen { to: best.clone() });
        rig.unit();
        rig.encoder.inject_failure();
        let event = rig.event();
        assert!(matches!(&event, Event::CircuitOpened { from, .. } if *from == best), "{event:?}");
        rig.unit();
    }
    rig.check_order();
}

/// A driver whose trial never comes back holds up neither the stand-in nor the end.
#[test]
fn a_trial_that_hangs_is_left_alone() {
    static LET_GO: AtomicBool = AtomicBool::new(false);
    static BEGUN: AtomicBool = AtomicBool::new(false);
    let hang = |_: &str| {
        BEGUN.store(true, Ordering::Relaxed);
        while !LET_GO.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    };
    let mut rig = Rig::with(QUICK, hang);
    for _ in 0..=3 {
        rig.unit();
        rig.encoder.inject_failure();
        rig.event();
    }
    rig.play_until("the trial", |_| BEGUN.load(Ordering::Relaxed).then_some(()));
    for _ in 0..10 {
        rig.unit();
    }
    let asked = Instant::now();
    drop(rig);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    LET_GO.store(true, Ordering::Relaxed);
}

/// Trials that hang, one rest after the other, hold one thread and leave the encoder its right to be replaced.
#[test]
fn no_trial_is_begun_while_an_earlier_one_hangs() {
    static LET_GO: AtomicBool = AtomicBool::new(false);
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    let hang = |_: &str| {
        BEGUN.fetch_add(1, Ordering::Relaxed);
        while !LET_GO.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    };
    let often = Duration::from_millis(50);
    let mut rig = Rig::with(Patience { rest: often, longest_rest: often, trial: often, ..QUICK }, hang);
    for _ in 0..=3 {
        rig.unit();
        rig.encoder.inject_failure();
        rig.event();
    }
    let since = Instant::now();
    rig.play_until("many rests", |_| (since.elapsed() > 20 * often).then_some(()));
    assert_eq!(BEGUN.load(Ordering::Relaxed), 1);
    rig.encoder.inject_failure();
    let event = rig.event();
    assert!(matches!(event, Event::Restarted { .. }), "{event:?}");
    // Once it has let go, another may begin.
    LET_GO.store(true, Ordering::Relaxed);
    rig.play_until("another trial", |_| (BEGUN.load(Ordering::Relaxed) > 1).then_some(()));
}

/// However many are stuck, software is begun.
#[test]
fn an_encoder_is_replaced_by_software_among_many_that_are_stuck() {
    let let_go = Arc::new(AtomicBool::new(false));
    let hang = |_| {
        let let_go = Arc::clone(&let_go);
        let wait = move || {
            while !let_go.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        Aside::run("stuck", wait).expect("a thread")
    };
    let mut rig = Rig::among((0..=watch::MAX_STUCK).map(hang).collect(), QUICK, |_| false);
    rig.unit();
    rig.encoder.inject_failure();
    let event = rig.event();
    let to = match &event {
        Event::Restarted { encoder, .. } => encoder.clone(),
        Event::CircuitOpened { to, .. } => to.encoder.clone(),
        _ => panic!("{event:?}"),
    };
    assert!(!choice::is_hardware(&to), "{to}");
    rig.unit();
    let_go.store(true, Ordering::Relaxed);
}
