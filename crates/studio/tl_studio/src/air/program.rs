//! The programme loop: an OS thread with absolute deadlines that turns the mix into one job a tick.
//!
//! A late picture: the last finished one is sent again under this tick's time. A camera that stops: the best live fallback, else the
//! slate, without asking the control loop. A full encoder: the tick is counted as dropped. With nobody to see it, it
//! ticks and renders nothing.
//!
//! Once a camera has been shown, its thread allocates nothing for it: what a tick needs is kept or goes round, and what others allocate for (the encoder's
//! buffers, a line in the log) is done on their threads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tl_base::queue::{Received, Receiver, Sender, WhenFull, bounded};
use tl_base::{MediaClock, MediaTime, Rate, Size, SlotId};
use tl_frame::Frame;
use tl_gpu::{Gpu, Job, Layer, Picture, Scene};
use tl_show::TransitionKind;

use crate::air::budget::Budget;
use crate::air::mix::{Mix, Overlays, Shot};
use crate::air::scene::{self, Picked};
use crate::air::trace::{self, Trace};
use crate::inputs::feed::Cursor;
use crate::outputs::encoder::ProgramEncoder;

/// Ticks that may be at the GPU at once; one more would only add delay.
const IN_FLIGHT: usize = 3;
/// A picture this many periods late is replaced by the one before it.
const LATE_PERIODS: f64 = 1.6;
/// The live camera keeps its order of pictures while the next is within this share of a period: a phase half-way between two
/// ticks must not flicker.
const LIVE_REACH: f64 = 0.9;
/// Another camera keeps its order this far beyond the half-way point; more than the clocks' own jitter.
const PAIR_SLACK: MediaTime = MediaTime::from_millis(1);
/// A camera that gives this share of the programme's rate should have had a new picture for each tick, but for a lost one.
const STEADY_SHARE: f64 = 0.9;
/// Finished pictures waiting for the loop.
const FINISHED: usize = 4;

/// Counts since the studio's start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Ticks encoded.
    pub frames: AtomicU64,
    /// Ticks not encoded.
    pub dropped: AtomicU64,
    /// Of the dropped ones, ticks that were over before the loop came to them: the machine slept or starved.
    pub missed: AtomicU64,
    /// Of the dropped ones, ticks that were left out on purpose because the machine was too busy.
    pub spared: AtomicU64,
    /// Ticks that showed a picture again although its camera gives enough of them, or re-sent one because none was ready.
    pub repeated: AtomicU64,
    /// Black pictures that nobody asked for.
    pub black: AtomicU64,
}

/// What the loop decided by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// Who died; none: the slate was left.
    pub from: Option<SlotId>,
    /// Who took over; none: the slate.
    pub to: Option<SlotId>,
    /// Show time.
    pub at: MediaTime,
}

/// What the loop works with.
pub struct Config {
    /// Canvas.
    pub size: Size,
    /// Ticks a second.
    pub rate: Rate,
    /// A key picture falls on each multiple of this show time: the length of a segment.
    pub key_grid: MediaTime,
    /// Show time.
    pub clock: MediaClock,
}

/// Everything the loop reads and writes.
pub struct Wiring {
    /// What to show.
    pub mix: Arc<ArcSwap<Mix>>,
    /// What to draw over it.
    pub overlays: Arc<ArcSwap<Overlays>>,
    /// The show's delay budget.
    pub budget: Arc<Budget>,
    /// The one GPU thread.
    pub gpu: Arc<Gpu>,
    /// Its finished pictures.
    pub finished: Receiver<Picture>,
    /// The one encoder.
    pub encoder: Arc<ProgramEncoder>,
    /// Where ticks are traced.
    pub trace: Trace,
    /// What is counted.
    pub counts: Arc<Counts>,
    /// Who hears of failovers; never waits.
    pub on_failover: Box<dyn FnMut(Failover) + Send>,
}

/// The queue on which the GPU hands finished pictures to the loop.
pub fn finished_queue() -> (Sender<Picture>, Receiver<Picture>) {
    bounded(FINISHED, WhenFull::DropOldest)
}

/// A running programme loop; dropping it ends it.
pub struct ProgramLoop {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ProgramLoop {
    /// Starts the loop.
    pub fn start(config: Config, wiring: Wiring) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut state = Loop::new(config, wiring);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("programme".into()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                state.tick();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for ProgramLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the programme loop panicked");
        }
    }
}

struct Running {
    from: Shot,
    kind: TransitionKind,
    started: MediaTime,
    duration: MediaTime,
}

struct Pending {
    tick: u64,
    pts: MediaTime,
    entry: trace::Tick,
    /// The GPU had no room for it: the last picture goes out in its place, when its turn comes.
    lost: bool,
}

struct Loop {
    config: Config,
    wiring: Wiring,
    tick: u64,
    version: u64,
    shot: Shot,
    /// Where the loop went by itself, until the mix says otherwise.
    escaped: Option<Option<SlotId>>,
    running: Option<Running>,
    cursors: BTreeMap<SlotId, Cursor>,
    last_shown: Option<(SlotId, u64)>,
    pending: VecDeque<Pending>,
    last: Option<Frame>,
    /// This tick's pictures; empty between ticks.
    picked: Picked,
    /// The layers that a transition goes to; empty between ticks.
    upper: Vec<Layer>,
}

impl Loop {
    fn new(config: Config, wiring: Wiring) -> Self {
        let period = config.rate.period();
        let tick = (config.clock.now().0 / period.0.max(1)) as u64 + 2;
        let pending = VecDeque::with_capacity(IN_FLIGHT + 1);
        Self {
            config,
            wiring,
            tick,
            version: 0,
            shot: Shot::default(),
            escaped: None,
            running: None,
            cursors: BTreeMap::new(),
            last_shown: None,
            pending,
            last: None,
            picked: Picked::with_capacity(usize::from(SlotId::MAX)),
            upper: Scene::with_room().layers,
        }
    }

    /// Waits for the next deadline while passing on what the GPU finished, then composes one tick.
    fn tick(&mut self) {
        let pts = self.config.rate.tick_start(self.tick);
        self.pass_on_until(pts);
        let now = self.config.clock.now();
        let late = (now - pts).0 / self.config.rate.period().0.max(1);
        let mix = self.wiring.mix.load_full();
        if late >= 1 && mix.wanted {
            // The machine slept or starved: these ticks are gone, and are counted. The control loop tells of it, since a log may wait.
            let counts = &self.wiring.counts;
            counts.missed.fetch_add(late as u64, Ordering::Relaxed);
            counts.dropped.fetch_add(late as u64, Ordering::Relaxed);
        }
        if late >= 1 {
            self.tick += late as u64;
        }
        let pts = self.config.rate.tick_start(self.tick);
        if mix.wanted {
            self.compose(&mix, pts);
        }
        self.tick += 1;
    }

    fn compose(&mut self, mix: &Mix, pts: MediaTime) {
        self.follow(mix, pts);
        let now = self.config.clock.now();
        self.leave_dead_source(mix, now, pts);
        let mut picked = std::mem::take(&mut self.picked);
        self.pick_all(mix, pts, &mut picked);
        let scene = self.scene(&picked, pts);
        let entry = self.describe(mix, &picked, pts);
        picked.clear();
        self.picked = picked;
        let lost = !self.submit(Job { tick: self.tick, pts, scene });
        self.pending.push_back(Pending { tick: self.tick, pts, entry, lost });
        self.replace_lost();
    }

    /// Hands a job to the GPU thread; false when it has no room for it.
    fn submit(&self, job: Job) -> bool {
        let refused = if self.pending.len() >= IN_FLIGHT { Err(job) } else { self.wiring.gpu.submit(job) };
        refused.map_err(|job| self.wiring.gpu.take_back(job.scene)).is_ok()
    }

    /// Takes over what the control loop wants.
    fn follow(&mut self, mix: &Mix, pts: MediaTime) {
        if mix.version == self.version {
            return;
        }
        self.version = mix.version;
        let before = self.shot;
        self.escaped = None;
        self.shot = mix.shot;
        if before != self.shot && mix.transition != TransitionKind::Cut && mix.duration > MediaTime::ZERO {
            self.running = Some(Running { from: before, kind: mix.transition, started: pts, duration: mix.duration });
        } else if before != self.shot {
            self.running = None;
        }
    }

    /// Leaves a camera whose pictures stopped, and the slate that stood in for one.
    fn leave_dead_source(&mut self, mix: &Mix, now: MediaTime, pts: MediaTime) {
        let alive = |slot: SlotId| mix.feeds.get(&slot).is_some_and(|feed| feed.is_live(now));
        let Some(wanted) = mix.shot.live else { return };
        if self.shot.live.is_some_and(alive) {
            return;
        }
        let from = self.shot.live;
        // A slate that the loop itself put up is left for the camera that was meant to be on air.
        let to = std::iter::once(wanted).chain(mix.fallbacks.iter().copied()).find(|slot| alive(*slot));
        if to == from || (self.escaped == Some(to)) {
            return;
        }
        self.escaped = Some(to);
        self.shot = Shot { live: to, layout: if to == Some(wanted) { mix.shot.layout } else { tl_show::Layout::Full } };
        self.running = None;
        (self.wiring.on_failover)(Failover { from, to, at: pts });
    }

    /// The live camera's picture for the tick at `pts`, and of every other camera the one nearest to that, so that pictures shown
    /// together were taken together.
    fn pick_all(&mut self, mix: &Mix, pts: MediaTime, picked: &mut Picked) {
        let budget = self.wiring.budget.now();
        let target = pts - budget;
        let period = self.config.rate.period();
        let live = self.shot.live.and_then(|slot| Some((slot, mix.feeds.get(&slot)?)));
        let mut together = target;
        if let Some((slot, feed)) = live
            && let Some(frame) =
                feed.pick(self.cursors.entry(slot).or_default(), target - feed.lag().beyond(budget), MediaTime((period.0 as f64 * LIVE_REACH) as i64))
        {
            together = frame.capture;
            picked.push((slot, frame));
        }
        let reach = MediaTime(period.0 / 2) + PAIR_SLACK;
        let now = self.config.clock.now();
        // A camera that stopped keeps its last picture in its feed; nobody must see it beside a live one.
        for (slot, feed) in mix.feeds.iter().filter(|(slot, feed)| Some(**slot) != self.shot.live && feed.is_live(now)) {
            if let Some(frame) = feed.pick(self.cursors.entry(*slot).or_default(), together, reach) {
                picked.push((*slot, frame));
            }
        }
    }

    fn scene(&mut self, picked: &[(SlotId, Frame)], pts: MediaTime) -> Scene {
        let canvas = self.config.size;
        let overlays = self.wiring.overlays.load();
        let mut scene = self.wiring.gpu.blank_scene();
        match self.progress(pts) {
            None => scene::add_shot(&mut scene.layers, self.shot, picked, &overlays, canvas),
            Some((from, kind, progress)) => {
                scene::add_shot(&mut scene.layers, from, picked, &overlays, canvas);
                scene::add_shot(&mut self.upper, self.shot, picked, &overlays, canvas);
                tl_gpu::scene::blend(scene::kind(kind), progress as f32, &mut scene.layers, &mut self.upper, canvas);
            }
        }
        scene.overlays.extend(overlays.images.iter().map(|image| tl_gpu::Placed { image: Arc::clone(image), opacity: 1.0 }));
        scene
    }

    /// The transition that runs: from where, how, and how far it is; one that is over is let go.
    fn progress(&mut self, pts: MediaTime) -> Option<(Shot, TransitionKind, f64)> {
        let running = self.running.as_ref()?;
        let progress = (pts - running.started).as_secs_f64() / running.duration.as_secs_f64().max(1e-3);
        let now = (progress < 1.0).then_some((running.from, running.kind, progress));
        if now.is_none() {
            self.running = None;
        }
        now
    }

    fn describe(&mut self, mix: &Mix, picked: &[(SlotId, Frame)], pts: MediaTime) -> trace::Tick {
        let shot = self.shot;
        let shown = shot.live.and_then(|slot| scene::picture_of(picked, slot).map(|frame| (slot, frame)));
        let key = shown.map(|(slot, frame)| (slot, frame.seq));
        let mut kind = if shown.is_some() { trace::Kind::Frame } else { trace::Kind::Slate };
        if let Some((slot, _)) = key
            && key == self.last_shown
            && mix.feeds.get(&slot).is_some_and(|feed| feed.fps() >= self.config.rate.as_f64() * STEADY_SHARE)
        {
            self.wiring.counts.repeated.fetch_add(1, Ordering::Relaxed);
            kind = trace::Kind::Repeat;
        }
        self.last_shown = key;
        let now = self.config.clock.now();
        let others = picked.iter().filter(|(slot, _)| Some(*slot) != shot.live);
        let pair = others.filter(|(slot, _)| mix.feeds.get(slot).is_some_and(|feed| feed.is_live(now))).map(|(slot, frame)| (*slot, frame.capture));
        trace::Tick {
            tick: self.tick,
            pts,
            kind,
            source: shown.map(|(slot, _)| slot),
            capture: shown.map(|(_, frame)| frame.capture),
            seq: shown.map(|(_, frame)| frame.seq),
            // Microphones have no pictures, so cameras are all that there can be.
            pair: pair.take(usize::from(SlotId::MAX)).collect(),
            done_wall: None,
        }
    }

    /// Passes finished pictures to the encoder until `deadline`, and replaces those that are too late.
    fn pass_on_until(&mut self, deadline: MediaTime) {
        let instant = self.config.clock.instant_of(deadline);
        loop {
            let left = instant.saturating_duration_since(Instant::now());
            self.replace_late();
            if left.is_zero() {
                return;
            }
            if self.pending.is_empty() {
                std::thread::sleep(left);
                continue;
            }
            match self.wiring.finished.recv_timeout(left.min(Duration::from_millis(10))) {
                Received::Item(picture) => self.finish(picture),
                Received::TimedOut => {}
                // Without a GPU every tick repeats the last picture; the thread must still wait for its deadline.
                Received::Closed => std::thread::sleep(left.min(Duration::from_millis(10))),
            }
        }
    }

    fn finish(&mut self, picture: Picture) {
        if self.pending.front().is_none_or(|front| front.tick > picture.tick) {
            // Its tick has been replaced; it is still newer than what would be sent again next.
            self.last = Some(picture.frame);
            return;
        }
        while let Some(front) = self.pending.pop_front() {
            if front.tick == picture.tick {
                self.last = Some(picture.frame.clone());
                self.encode(picture.frame, front);
                break;
            }
            self.resend(front);
        }
        self.replace_lost();
    }

    /// Sends again in place of ticks that the GPU had no room for, as soon as every earlier tick is out.
    fn replace_lost(&mut self) {
        while self.pending.front().is_some_and(|front| front.lost) {
            if let Some(front) = self.pending.pop_front() {
                self.resend(front);
            }
        }
    }

    fn replace_late(&mut self) {
        let limit = MediaTime((self.config.rate.period().0 as f64 * LATE_PERIODS) as i64);
        while self.pending.front().is_some_and(|front| self.config.clock.now() - front.pts > limit) {
            if let Some(front) = self.pending.pop_front() {
                self.resend(front);
            }
        }
        self.replace_lost();
    }

    /// Sends the last finished picture under this tick's time.
    fn resend(&mut self, mut pending: Pending) {
        let Some(last) = self.last.clone() else {
            self.wiring.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if pending.entry.kind != trace::Kind::Repeat {
            self.wiring.counts.repeated.fetch_add(1, Ordering::Relaxed);
        }
        pending.entry.kind = trace::Kind::Repeat;
        let frame = Frame { capture: pending.pts, ..last };
        self.encode(frame, pending);
    }

    fn encode(&mut self, frame: Frame, pending: Pending) {
        let frame = Frame { capture: pending.pts, ..frame };
        let ticks_on_grid = pending.pts.0 % self.config.key_grid.0.max(1) < self.config.rate.period().0;
        if scene::is_black(&frame) && pending.entry.kind != trace::Kind::Slate && self.running.is_none() {
            self.wiring.counts.black.fetch_add(1, Ordering::Relaxed);
        }
        self.wiring.trace.tick(pending.entry);
        if !self.wiring.encoder.offer(frame, ticks_on_grid) {
            self.wiring.trace.dropped(pending.pts);
            self.wiring.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
