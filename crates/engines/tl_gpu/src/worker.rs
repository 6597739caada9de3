//! The thread `gpu`: takes jobs, keeps at most two on the device, and rebuilds a lost device.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tl_base::Window;
use tl_base::queue::{Received, Receiver};

use crate::device::Device;
use crate::engine::{Begun, Engine, Flight, Lost, Times, programme_frame};
use crate::multiview::Mailbox;
use crate::pool::{Pool, Scenes};
use crate::side::{Done, Side};
use crate::{AdapterInfo, Config, Error, Job, Picture, Stats, plain};

/// Jobs on the device at a time: one is drawn while the one before is read back.
const MAX_FLIGHTS: usize = 2;
/// An idle thread looks this often whether its device is still there.
const IDLE: Duration = Duration::from_millis(200);
/// Between two attempts to open a device when none works.
const RETRY: Duration = Duration::from_millis(400);
/// The same once it was in vain a few times: looking for adapters takes time in which no picture is made.
const RETRY_LATER: Duration = Duration::from_secs(20);
const A_FEW: u32 = 5;
/// So long the last picture stands before plain ones follow.
const PLAIN_AFTER: Duration = Duration::from_secs(2);
/// A second loss within this time moves on to the next adapter.
const RELAPSE: Duration = Duration::from_secs(60);
/// Pictures over which times are averaged.
const WINDOW: usize = 120;

/// What others may look at while the thread works.
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Between who fills scenes and this thread.
    pub scenes: Scenes,
}

struct State {
    info: AdapterInfo,
    /// Only to destroy it in tests.
    device: Option<wgpu::Device>,
    upload: Window,
    passes: Window,
    readback: Window,
    tile: Window,
    paint: Window,
    /// Pictures are plain now.
    plain: bool,
    stats: Stats,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn adapter(&self) -> AdapterInfo {
        self.lock().info.clone()
    }

    pub fn stats(&self) -> Stats {
        let state = self.lock();
        Stats {
            upload_ms: state.upload.mean(),
            passes_ms: state.passes.mean(),
            readback_ms: state.readback.mean(),
            tile_ms: state.tile.mean(),
            paint_ms: state.paint.mean(),
            ..state.stats
        }
    }

    pub fn draws(&self) -> bool {
        !self.lock().plain
    }

    pub fn destroy_device(&self) {
        let device = self.lock().device.clone();
        if let Some(device) = device {
            device.destroy();
        }
    }

    fn opened(&self, device: &Device) {
        let mut state = self.lock();
        state.info = device.info.clone();
        state.device = Some(device.device.clone());
        state.plain = false;
        state.stats.devices += 1;
    }

    fn composed(&self, times: Times) {
        let mut state = self.lock();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        state.upload.push(ms(times.upload));
        state.passes.push(ms(times.passes));
        state.readback.push(ms(times.readback));
        state.stats.composed += 1;
    }

    fn beside(&self, done: Done) {
        let mut state = self.lock();
        let ms = done.took.as_secs_f64() * 1e3;
        if done.tiles > 0 {
            state.tile.push(ms);
        } else {
            state.paint.push(ms);
        }
        state.stats.tiles += u64::from(done.tiles);
        state.stats.painted += u64::from(done.painted);
    }

    fn devices(&self) -> u32 {
        self.lock().stats.devices
    }
}

/// All that the thread owns.
pub(crate) struct Worker<F> {
    config: Config,
    jobs: Receiver<Job>,
    on_picture: F,
    pool: Pool,
    shared: Arc<Shared>,
    engine: Option<Engine>,
    /// Since when there has been no device; none: from the beginning, or there is one.
    without: Option<Instant>,
    /// How often in a row none could be opened.
    failures: u32,
    flights: VecDeque<Flight>,
    /// What is done when the programme leaves time.
    side: Side,
    /// Number of the adapter in use.
    adapter: usize,
    last_loss: Option<Instant>,
    busy: Duration,
    since: Instant,
}

impl<F: FnMut(Picture)> Worker<F> {
    /// Opens the first device.
    pub fn start(config: Config, jobs: Receiver<Job>, mailbox: Arc<Mailbox>, on_picture: F) -> Result<(Self, Arc<Shared>), Error> {
        let (engine, adapter) = match Engine::open(config.adapter, config.canvas, 0) {
            Ok((engine, adapter)) => (Some(engine), adapter),
            Err(error) if config.without_device => {
                tracing::error!("no graphics: score, transitions and pictures side by side are not shown. {error}");
                (None, 0)
            }
            Err(error) => return Err(error),
        };
        let none = || AdapterInfo { name: "no graphics device".into(), driver: String::new(), software: true };
        let state = State {
            info: engine.as_ref().map_or_else(none, |engine| engine.device.info.clone()),
            device: None,
            upload: Window::new(WINDOW),
            passes: Window::new(WINDOW),
            readback: Window::new(WINDOW),
            tile: Window::new(WINDOW),
            paint: Window::new(WINDOW),
            plain: engine.is_none(),
            stats: Stats::default(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), scenes: Scenes::for_queue(config.queue) });
        if let Some(engine) = &engine {
            shared.opened(&engine.device);
        }
        let failures = if engine.is_some() { 0 } else { A_FEW };
        let worker = Self {
            config,
            jobs,
            on_picture,
            pool: Pool::new(config.canvas),
            shared: Arc::clone(&shared),
            engine,
            without: None,
            failures,
            flights: VecDeque::with_capacity(MAX_FLIGHTS),
            side: Side::new(mailbox),
            adapter,
            last_loss: None,
            busy: Duration::ZERO,
            since: Instant::now(),
        };
        Ok((worker, shared))
    }

    /// Works until every sender of jobs is gone.
    pub fn run(mut self) {
        loop {
            if self.engine.as_ref().is_none_or(|engine| engine.device.is_lost()) && !self.rebuild() {
                let patience = if self.failures < A_FEW { RETRY } else { RETRY_LATER };
                if self.closed_within(patience) {
                    return;
                }
                continue;
            }
            let job = match self.flights.len() {
                0 => match self.next_job() {
                    Received::Item(job) => Some(job),
                    Received::TimedOut => continue,
                    Received::Closed => return,
                },
                MAX_FLIGHTS.. => None,
                _ => self.jobs.try_recv(),
            };
            let started = Instant::now();
            match job {
                Some(job) => {
                    self.begin(&job);
                    self.shared.scenes.give_back(job.scene);
                }
                None => self.finish_oldest(),
            }
            self.note_busy(started.elapsed());
        }
    }

    /// The next job; while none waits, the thread does what else there is, one piece at a time.
    fn next_job(&mut self) -> Received<Job> {
        if let Some(job) = self.jobs.try_recv() {
            return Received::Item(job);
        }
        let started = Instant::now();
        let (sleep, done) = match &self.engine {
            Some(engine) => self.side.step(&engine.device, self.shared.devices()),
            None => (None, None),
        };
        if let Some(done) = done {
            self.shared.beside(done);
        }
        self.note_busy(started.elapsed());
        let received = self.jobs.recv_timeout(sleep.unwrap_or(IDLE));
        if matches!(received, Received::TimedOut) && sleep.is_none() {
            self.poll_idle();
        }
        received
    }

    fn begin(&mut self, job: &Job) {
        self.side.job_began();
        let Some(engine) = &mut self.engine else { return };
        let begun = catch_unwind(AssertUnwindSafe(|| engine.begin(job, &self.pool))).unwrap_or(Err(Lost));
        match begun {
            Ok(Begun::Under(flight)) => self.flights.push_back(flight),
            Ok(Begun::Finished(picture)) => {
                while !self.flights.is_empty() {
                    self.finish_oldest();
                }
                self.shared.lock().stats.passed_through += 1;
                (self.on_picture)(picture);
            }
            Err(Lost) => self.lose(1),
        }
    }

    fn finish_oldest(&mut self) {
        let (Some(engine), Some(flight)) = (&mut self.engine, self.flights.pop_front()) else { return };
        match catch_unwind(AssertUnwindSafe(|| engine.finish(flight))).unwrap_or(Err(Lost)) {
            Ok((picture, times)) => {
                self.shared.composed(times);
                (self.on_picture)(picture);
            }
            Err(Lost) => self.lose(1),
        }
    }

    /// Lets wgpu notice a loss while nothing is asked of it.
    fn poll_idle(&mut self) {
        let Some(engine) = &self.engine else { return };
        if engine.device.device.poll(wgpu::PollType::Poll).is_err() {
            self.lose(0);
        }
    }

    /// Lets go of everything on the device.
    fn lose(&mut self, jobs: u64) {
        if self.engine.is_some() {
            self.without = Some(Instant::now());
        }
        let mut state = self.shared.lock();
        state.stats.lost += jobs + self.flights.len() as u64;
        state.device = None;
        drop(state);
        self.flights.clear();
        self.side.lose();
        self.engine = None;
    }

    /// Opens a device anew: the same one after a first loss, the next one after a second soon after.
    fn rebuild(&mut self) -> bool {
        self.lose(0);
        let now = Instant::now();
        let since_last = self.last_loss.map(|last| now.duration_since(last));
        if since_last.is_some_and(|since| since < RETRY) {
            // A device that is lost as soon as it is opened must not keep this thread busy.
            return false;
        }
        self.last_loss = Some(now);
        if since_last.is_some_and(|since| since < RELAPSE) {
            self.adapter += 1;
        }
        match Engine::open(self.config.adapter, self.config.canvas, self.adapter) {
            Ok((engine, adapter)) => {
                self.adapter = adapter;
                self.shared.opened(&engine.device);
                self.engine = Some(engine);
                (self.without, self.failures) = (None, 0);
                let info = self.shared.adapter();
                tracing::info!("graphics device opened again after {} ms: {}", now.elapsed().as_millis(), info.name);
                true
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures <= A_FEW {
                    tracing::error!("{error}");
                }
                false
            }
        }
    }

    /// While there is no device: what comes is shown plainly, or dropped as long as the last picture may stand.
    fn closed_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match self.jobs.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Received::Item(job) => {
                    self.without_drawing(&job);
                    self.shared.scenes.give_back(job.scene);
                }
                Received::TimedOut => {
                    self.side.turn_down();
                    if Instant::now() >= deadline {
                        return false;
                    }
                }
                Received::Closed => return true,
            }
        }
    }

    fn without_drawing(&mut self, job: &Job) {
        let stands = self.without.is_some_and(|since| since.elapsed() < PLAIN_AFTER);
        if stands || !self.config.without_device {
            self.shared.lock().stats.lost += 1;
            return;
        }
        self.shared.lock().plain = true;
        let started = Instant::now();
        let memory = plain::picture(&job.scene, self.config.canvas, &self.pool);
        let frame = programme_frame(job.tick, job.pts, memory, self.config.canvas);
        (self.on_picture)(Picture { tick: job.tick, pts: job.pts, frame, render: started.elapsed().into() });
    }

    fn note_busy(&mut self, time: Duration) {
        self.busy += time;
        let span = self.since.elapsed();
        if span >= Duration::from_secs(1) {
            self.shared.lock().stats.busy_share = Some((self.busy.as_secs_f64() / span.as_secs_f64()).min(1.0));
            self.busy = Duration::ZERO;
            self.since = Instant::now();
        }
    }
}
