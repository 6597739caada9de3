//! The thread `gpu`: takes jobs, keeps at most two on the device, and rebuilds a lost device.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tl_base::Window;
use tl_base::queue::{Received, Receiver};

use crate::device::Device;
use crate::engine::{Begun, Engine, Flight, Lost, Times};
use crate::pool::{Pool, Scenes};
use crate::{AdapterInfo, Config, Error, Job, Picture, Stats};

/// Jobs on the device at a time: one is drawn while the one before is read back.
const MAX_FLIGHTS: usize = 2;
/// An idle thread looks this often whether its device is still there.
const IDLE: Duration = Duration::from_millis(200);
/// Between two attempts to open a device when none works.
const RETRY: Duration = Duration::from_millis(400);
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
        Stats { upload_ms: state.upload.mean(), passes_ms: state.passes.mean(), readback_ms: state.readback.mean(), ..state.stats }
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
}

/// All that the thread owns.
pub(crate) struct Worker<F> {
    config: Config,
    jobs: Receiver<Job>,
    on_picture: F,
    pool: Pool,
    shared: Arc<Shared>,
    engine: Option<Engine>,
    flights: VecDeque<Flight>,
    /// Number of the adapter in use.
    adapter: usize,
    last_loss: Option<Instant>,
    busy: Duration,
    since: Instant,
}

impl<F: FnMut(Picture)> Worker<F> {
    /// Opens the first device.
    pub fn start(config: Config, jobs: Receiver<Job>, on_picture: F) -> Result<(Self, Arc<Shared>), Error> {
        let (engine, adapter) = Engine::open(config.adapter, config.canvas, 0)?;
        let state = State {
            info: engine.device.info.clone(),
            device: None,
            upload: Window::new(WINDOW),
            passes: Window::new(WINDOW),
            readback: Window::new(WINDOW),
            stats: Stats::default(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), scenes: Scenes::for_queue(config.queue) });
        shared.opened(&engine.device);
        let worker = Self {
            config,
            jobs,
            on_picture,
            pool: Pool::new(config.canvas),
            shared: Arc::clone(&shared),
            engine: Some(engine),
            flights: VecDeque::with_capacity(MAX_FLIGHTS),
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
                // Nothing can be drawn; the queue fills and refuses meanwhile.
                if self.closed_within(RETRY) {
                    return;
                }
                continue;
            }
            let job = match self.flights.len() {
                0 => match self.jobs.recv_timeout(IDLE) {
                    Received::Item(job) => Some(job),
                    Received::TimedOut => {
                        self.note_busy(Duration::ZERO);
                        self.poll_idle();
                        continue;
                    }
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

    fn begin(&mut self, job: &Job) {
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
        let mut state = self.shared.lock();
        state.stats.lost += jobs + self.flights.len() as u64;
        state.device = None;
        drop(state);
        self.flights.clear();
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
                let info = self.shared.adapter();
                tracing::info!("graphics device opened again after {} ms: {}", now.elapsed().as_millis(), info.name);
                true
            }
            Err(error) => {
                tracing::error!("{error}");
                false
            }
        }
    }

    /// Drops what comes meanwhile: by then it is too old to show.
    fn closed_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match self.jobs.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Received::Item(job) => {
                    self.shared.scenes.give_back(job.scene);
                    self.shared.lock().stats.lost += 1;
                }
                Received::TimedOut => return false,
                Received::Closed => return true,
            }
        }
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
