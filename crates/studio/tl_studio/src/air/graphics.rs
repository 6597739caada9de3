//! The graphics worker: draws score bug, lower third and slate when their words change, away from every loop.
//!
//! The programme takes whatever was drawn last; a slow drawing shows a moment late and delays nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tl_base::{MediaClock, Size};
use tl_gpu::Graphics;
use tl_gpu::graphics::{ScoreBug, TeamLook};
use tl_show::{Graphic, GraphicState, MatchClock, Side, Team};

use crate::air::mix::Overlays;

/// How often a running clock is looked at; it shows whole seconds.
const LOOK: Duration = Duration::from_millis(50);
/// A clock that stands still changes by what is asked for alone, which wakes the worker.
const REST: Duration = Duration::from_secs(2);

/// Everything the graphics are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Home and away.
    pub teams: [Team; 2],
    /// Match clock.
    pub clock: MatchClock,
    /// Teams and score.
    pub score_bug: bool,
    /// Period and time.
    pub show_clock: bool,
    /// Two lines at the bottom.
    pub lower_third: GraphicState,
    /// First line of the slate.
    pub slate_title: String,
}

impl Wanted {
    /// What the show asks for.
    pub fn of(show: &tl_show::Show, slate_title: &str) -> Self {
        Self {
            teams: [show.team(Side::Home).clone(), show.team(Side::Away).clone()],
            clock: *show.clock(),
            score_bug: show.graphic(Graphic::ScoreBug).on,
            show_clock: show.graphic(Graphic::Clock).on,
            lower_third: show.graphic(Graphic::LowerThird),
            slate_title: slate_title.to_owned(),
        }
    }
}

/// The words that were drawn last; equal words are not drawn again.
#[derive(Clone, PartialEq)]
struct Drawn {
    bug: Option<ScoreBug>,
    lower_third: Option<(String, String)>,
    slate: (String, String),
    slate_score: (u32, u32),
}

struct Shared {
    wanted: Mutex<Option<Wanted>>,
    /// Told when what is wanted is another thing than before, and at the end.
    changed: Condvar,
    stop: AtomicBool,
}

/// A running graphics worker; dropping it ends it.
pub struct GraphicsWorker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl GraphicsWorker {
    /// Starts drawing for `canvas` into `overlays`.
    pub fn start(canvas: Size, clock: MediaClock, overlays: Arc<ArcSwap<Overlays>>) -> Result<Self, crate::Error> {
        let mut graphics = Graphics::new(canvas)?;
        let shared = Arc::new(Shared { wanted: Mutex::new(None), changed: Condvar::new(), stop: AtomicBool::new(false) });
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("graphics".into()).spawn(move || run(&seen, &mut graphics, &clock, &overlays))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Draws this from now on.
    pub fn show(&self, wanted: Wanted) {
        let mut shown = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref() != Some(&wanted) {
            *shown = Some(wanted);
            self.shared.changed.notify_all();
        }
    }
}

impl Drop for GraphicsWorker {
    fn drop(&mut self) {
        {
            // Under the lock, so that the worker is not between its look and its sleep.
            let _wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.stop.store(true, Ordering::Release);
        }
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the graphics worker panicked");
        }
    }
}

fn run(shared: &Shared, graphics: &mut Graphics, clock: &MediaClock, overlays: &ArcSwap<Overlays>) {
    let mut drawn: Option<Drawn> = None;
    let mut seen: Option<Wanted> = None;
    loop {
        let guard = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if seen.as_ref().is_some_and(|seen| seen.clock.running) { LOOK } else { REST };
        let same = |wanted: &mut Option<Wanted>| *wanted == seen && !shared.stop.load(Ordering::Acquire);
        let (guard, _) = shared.changed.wait_timeout_while(guard, pause, same).unwrap_or_else(PoisonError::into_inner);
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        let Some(wanted) = guard.clone() else { continue };
        drop(guard);
        seen = Some(wanted.clone());
        let words = words(&wanted, clock);
        if drawn.as_ref() == Some(&words) {
            continue;
        }
        let mut images = Vec::with_capacity(2);
        images.extend(words.bug.as_ref().map(|bug| graphics.score_bug(bug)));
        images.extend(words.lower_third.as_ref().map(|(title, subtitle)| graphics.lower_third(title, subtitle)));
        let score = full_bug(&wanted, clock);
        let slate = Some(graphics.slate(&words.slate.0, &words.slate.1, Some(&score)));
        overlays.store(Arc::new(Overlays { images, slate }));
        drawn = Some(words);
    }
}

fn words(wanted: &Wanted, clock: &MediaClock) -> Drawn {
    let full = full_bug(wanted, clock);
    let bug = wanted.score_bug.then(|| if wanted.show_clock { full.clone() } else { ScoreBug { clock: None, period: None, ..full.clone() } });
    let third = &wanted.lower_third;
    let lower_third = third.on.then(|| (third.title.clone(), third.subtitle.clone()));
    let slate_score = (full.home.score, full.away.score);
    Drawn { bug, lower_third, slate_score, slate: (wanted.slate_title.clone(), "Back in a moment".into()) }
}

fn full_bug(wanted: &Wanted, clock: &MediaClock) -> ScoreBug {
    let look = |team: &Team| TeamLook { short: team.short.clone(), colour: team.colour.clone(), score: team.score };
    let [home, away] = &wanted.teams;
    let millis = wanted.clock.millis_at(clock.now());
    ScoreBug { home: look(home), away: look(away), clock: Some(clock_text(millis, wanted.clock.down)), period: Some(format!("P{}", wanted.clock.period)) }
}

/// `12:34`; a clock that counts down shows the second that has begun.
pub fn clock_text(millis: u32, down: bool) -> String {
    let secs = if down { millis.div_ceil(1_000) } else { millis / 1_000 };
    format!("{}:{:02}", secs / 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_like_the_one_on_the_wall() {
        for (millis, down, expect) in
            [(1_200_000, true, "20:00"), (1_199_999, true, "20:00"), (59_001, true, "1:00"), (59_000, true, "0:59"), (0, true, "0:00"), (61_999, false, "1:01")]
        {
            assert_eq!(clock_text(millis, down), expect);
        }
    }
}
