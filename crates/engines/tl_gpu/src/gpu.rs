//! The front of the GPU thread.

use std::sync::Arc;
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tl_base::queue::{self, Refused, Sender, WhenFull};
use tl_base::{MediaTime, Size};
use tl_frame::Frame;

use crate::multiview::{Mailbox, Multiview};
use crate::worker::{Shared, Worker};
use crate::{Error, Scene};

/// Which adapters may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The fastest that works, the software driver last.
    #[default]
    Any,
    /// The software driver alone, for golden pictures.
    Software,
}

/// What the GPU thread is started with.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Size of the programme, even, pixels.
    pub canvas: Size,
    /// Which adapters may be used.
    pub adapter: AdapterChoice,
    /// Jobs that may wait; one more is refused.
    pub queue: usize,
    /// Whether it also starts where no adapter works. Until one does, pictures are plain ([`Gpu::draws`]).
    pub without_device: bool,
}

impl Config {
    /// Any adapter, three waiting jobs.
    pub fn new(canvas: Size) -> Self {
        Self { canvas, adapter: AdapterChoice::Any, queue: 3, without_device: false }
    }
}

/// One tick's picture to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// Counts the programme's ticks.
    pub tick: u64,
    /// When it shows.
    pub pts: MediaTime,
    /// What it shows.
    pub scene: Scene,
}

/// One finished picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The job's.
    pub tick: u64,
    /// The job's.
    pub pts: MediaTime,
    /// I420 in programme colour and canvas size; `capture` is the job's `pts`. It returns to its pool when the last clone is dropped.
    pub frame: Frame,
    /// From the start of the work on the job to the finished picture.
    pub render: MediaTime,
}

/// The adapter in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterInfo {
    /// As the driver names it.
    pub name: String,
    /// Driver and its version.
    pub driver: String,
    /// Whether pictures are made on the CPU.
    pub software: bool,
}

/// Means over the last pictures, and counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Handing the input planes to the device, milliseconds.
    pub upload_ms: Option<f64>,
    /// Recording and running passes, milliseconds.
    pub passes_ms: Option<f64>,
    /// Waiting for and mapping the result, milliseconds.
    pub readback_ms: Option<f64>,
    /// Share of the last second in which the thread was not waiting for work.
    pub busy_share: Option<f64>,
    /// Pictures made on the device.
    pub composed: u64,
    /// Pictures handed through uncopied.
    pub passed_through: u64,
    /// Jobs that were accepted and lost with a device.
    pub lost: u64,
    /// Devices opened, the first included.
    pub devices: u32,
    /// Tiles made for windows.
    #[serde(default)]
    pub tiles: u64,
    /// Windows' pictures painted.
    #[serde(default)]
    pub painted: u64,
    /// Making one tile, until the device was done, milliseconds.
    #[serde(default)]
    pub tile_ms: Option<f64>,
    /// Painting a window, until the device was done, milliseconds.
    #[serde(default)]
    pub paint_ms: Option<f64>,
}

/// The GPU thread. Dropping it ends and joins the thread; jobs that wait are still made.
pub struct Gpu {
    jobs: Option<Sender<Job>>,
    multiview: Multiview,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Gpu {
    /// Opens a device and starts the thread `gpu`, on which `on_picture` is called; it should only hand the picture on.
    pub fn start(config: Config, on_picture: impl FnMut(Picture) + Send + 'static) -> Result<Self, Error> {
        let Size { width, height } = config.canvas;
        if ![width, height].iter().all(|side| (16..=8_192).contains(side) && side % 2 == 0) {
            return Err(Error::Canvas(config.canvas));
        }
        let (jobs, waiting) = queue::bounded(config.queue, WhenFull::Refuse);
        let mailbox = Arc::new(Mailbox::default());
        let multiview = Multiview::new(Arc::clone(&mailbox), waiting.waker());
        let (ready, opened) = std::sync::mpsc::sync_channel(1);
        // The device is opened on its own thread, which then is the only one that ever touches it.
        let thread = std::thread::Builder::new().name("gpu".into()).spawn(move || {
            let (worker, answer) = match Worker::start(config, waiting, mailbox, on_picture) {
                Ok((worker, shared)) => (Some(worker), Ok(shared)),
                Err(error) => (None, Err(error)),
            };
            if ready.send(answer).is_ok()
                && let Some(worker) = worker
            {
                worker.run();
            }
        })?;
        let shared = opened.recv().map_err(|_| Error::Device("the thread ended while it opened the device".into()))??;
        Ok(Self { jobs: Some(jobs), multiview, shared, thread: Some(thread) })
    }

    /// An empty scene for the next job, with room for all that can show. What a job's scene held room for goes round.
    pub fn blank_scene(&self) -> Scene {
        self.shared.scenes.take()
    }

    /// Takes back the scene of a job that was refused.
    pub fn take_back(&self, scene: Scene) {
        self.shared.scenes.give_back(scene);
    }

    /// Hands over one tick's job; never waits. The job comes back when the queue is full.
    pub fn submit(&self, job: Job) -> Result<(), Job> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).map_err(|(Refused::Full(job) | Refused::Closed(job))| job),
            None => Err(job),
        }
    }

    /// A window's way to this thread, for its tiles and its own picture.
    pub fn multiview(&self) -> Multiview {
        self.multiview.clone()
    }

    /// Whether scenes are drawn. Where there has been no device for a while the largest picture of each is shown alone, without graphics, and
    /// windows get none.
    pub fn draws(&self) -> bool {
        self.shared.draws()
    }

    /// The adapter in use; while a lost device is rebuilt, the last one.
    pub fn adapter(&self) -> AdapterInfo {
        self.shared.adapter()
    }

    /// What was measured.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Loses the device as a crashed driver would, for tests.
    pub fn destroy_device(&self) {
        self.shared.destroy_device();
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("gpu thread had panicked");
        }
    }
}
