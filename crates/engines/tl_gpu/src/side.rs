//! What the GPU thread does beside the programme's pictures: one piece at a time, begun only when [`Spare`] allows it, and never waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::device::Device;
use crate::multiview::{Mailbox, Paint, Wanted};
use crate::spare::{Kind, Spare};
use crate::tiles::{Painting, Tiles};

/// While the device works, the thread looks this often whether it is done; a job of the programme comes through at once.
const LOOK: Duration = Duration::from_millis(1);
/// Where there is work and no time for it, at most.
const LATER: Duration = Duration::from_millis(40);
/// Tiles that go to the device together at most.
const MOST_TOGETHER: u32 = 6;
/// A window's picture is not held up by tiles for longer than this.
const PAINT_FIRST: Duration = Duration::from_millis(60);

/// Work on the device.
struct Under {
    kind: Kind,
    /// How many of its kind went together.
    count: u32,
    began: Instant,
    done: Arc<AtomicBool>,
    painting: Option<Painting>,
}

/// What was done beside the programme, for the statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub tiles: u32,
    pub painted: u32,
    /// Each, until the device was done with it.
    pub took: Duration,
}

/// The work of one GPU thread beside the programme.
pub(crate) struct Side {
    mailbox: Arc<Mailbox>,
    spare: Spare,
    /// Made with the first window on this device.
    tiles: Option<Tiles>,
    under: Option<Under>,
    turn: Vec<Wanted>,
    /// When something was refused and told last.
    complained: Option<Instant>,
}

impl Side {
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, spare: Spare::default(), tiles: None, under: None, turn: Vec::new(), complained: None }
    }

    /// A job of the programme is begun.
    pub fn job_began(&mut self) {
        self.spare.job_began(Instant::now());
    }

    /// The device is gone with everything on it. A window's picture that was on it is answered as lost.
    pub fn lose(&mut self) {
        self.under = None;
        self.tiles = None;
    }

    /// There is no device: what windows ask for is answered as lost.
    pub fn turn_down(&self) {
        let mut asked = self.mailbox.lock();
        asked.tiles.clear();
        let given_up = asked.paint.take();
        drop(asked);
        drop(given_up);
    }

    /// Looks after the work on the device and begins the next piece when there is time. Gives how long the thread may sleep at most
    /// before it looks again (none: until somebody asks), and what was done.
    pub fn step(&mut self, device: &Device, device_number: u32) -> (Option<Duration>, Option<Done>) {
        let done = match self.look_after(device) {
            Looked::Working => return (Some(LOOK), None),
            Looked::Done(done) => Some(done),
            Looked::Free => None,
        };
        // Whatever a window's own drawing does wrong ends here.
        let began = catch_unwind(AssertUnwindSafe(|| self.begin(device, device_number)));
        let sleep = began.unwrap_or_else(|_| {
            self.complain("a window's picture", "its drawing panicked");
            self.lose();
            None
        });
        (sleep, done)
    }

    /// A mistake in what is drawn for a window is told, and everything of the window's begins anew.
    fn settle(&mut self, refused: Option<wgpu::Error>, what: &str) {
        if let Some(error) = refused {
            self.complain(what, &error.to_string());
            self.lose();
        }
    }

    /// Once a second at most: a window asks many times.
    fn complain(&mut self, what: &str, why: &str) {
        if self.complained.is_none_or(|before| before.elapsed() >= Duration::from_secs(1)) {
            self.complained = Some(Instant::now());
            tracing::error!("{what} could not be made: {why}");
        }
    }

    fn look_after(&mut self, device: &Device) -> Looked {
        let Some(under) = &self.under else { return Looked::Free };
        let polled = device.device.poll(wgpu::PollType::Poll);
        let done = under.done.load(Ordering::Acquire);
        if polled.is_err() {
            // Whoever looks after the device sees the loss next.
            self.lose();
            return Looked::Free;
        }
        if !done {
            return Looked::Working;
        }
        let Some(Under { kind, count, began, painting, .. }) = self.under.take() else { return Looked::Free };
        let took = began.elapsed() / count.max(1);
        self.spare.took(kind, took);
        if let (Some(tiles), Some(painting)) = (&self.tiles, painting) {
            tiles.finished(painting);
        }
        let of = |wanted: Kind| if kind == wanted { count } else { 0 };
        Looked::Done(Done { tiles: of(Kind::Tile), painted: of(Kind::Paint), took })
    }

    fn begin(&mut self, device: &Device, device_number: u32) -> Option<Duration> {
        let now = Instant::now();
        match self.choose(now) {
            Choice::Tiles => self.begin_tiles(device),
            Choice::Paint(paint) => self.begin_paint(device, paint, device_number),
            // The next job of the programme wakes the thread; behind it there is time.
            Choice::Later => return Some(LATER),
            Choice::Nothing => return None,
        }
        Some(LOOK)
    }

    /// Takes what is next out of the mailbox, when there is time for it.
    fn choose(&mut self, now: Instant) -> Choice {
        let mut asked = self.mailbox.lock();
        if let Some(tiles) = &self.tiles {
            asked.tiles.retain(|(wanted, _)| !tiles.is_made(wanted));
        }
        let paint_asked = asked.paint.as_ref().map(|(_, at)| *at);
        let overdue = paint_asked.is_some_and(|at| now.saturating_duration_since(at) >= PAINT_FIRST);
        if let Some((_, at)) = asked.tiles.front().filter(|_| !overdue) {
            if !self.spare.may_begin(Kind::Tile, *at, now) {
                return Choice::Later;
            }
            let cost = self.spare.cost(Kind::Tile).max(Duration::from_micros(100));
            let fitting = self.spare.left(now).map_or(MOST_TOGETHER, |left| (left.as_secs_f64() / cost.as_secs_f64()) as u32).clamp(1, MOST_TOGETHER);
            let count = asked.tiles.len().min(fitting as usize);
            self.turn.extend(asked.tiles.drain(..count).map(|(wanted, _)| wanted));
            return Choice::Tiles;
        }
        match paint_asked {
            Some(at) if self.spare.may_begin(Kind::Paint, at, now) => asked.paint.take().map_or(Choice::Nothing, |(paint, _)| Choice::Paint(paint)),
            Some(_) => Choice::Later,
            None => Choice::Nothing,
        }
    }

    fn begin_tiles(&mut self, device: &Device) {
        let Device { device, queue, .. } = device;
        let began = Instant::now();
        let guards = guard(device);
        let tiles = self.tiles.get_or_insert_with(|| Tiles::new(device));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("tiles") });
        let mut uploads = Vec::with_capacity(self.turn.len());
        for wanted in self.turn.drain(..) {
            uploads.extend(tiles.make(device, queue, &mut encoder, &wanted));
        }
        let count = uploads.len() as u32;
        if count > 0 {
            queue.submit([encoder.finish()]);
            self.under = Some(Under { kind: Kind::Tile, count, began, done: when_done(queue), painting: None });
        }
        uploads.into_iter().for_each(|upload| tiles.give_back(upload));
        self.settle(refused(guards), "tiles");
    }

    fn begin_paint(&mut self, device: &Device, paint: Paint, device_number: u32) {
        let Device { device, queue, .. } = device;
        let began = Instant::now();
        let guards = guard(device);
        let tiles = self.tiles.get_or_insert_with(|| Tiles::new(device));
        let encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("window") });
        let painting = tiles.paint(device, queue, encoder, paint, device_number);
        if let Some((commands, painting)) = painting {
            queue.submit(commands);
            painting.map();
            self.under = Some(Under { kind: Kind::Paint, count: 1, began, done: when_done(queue), painting: Some(painting) });
        }
        self.settle(refused(guards), "a window's picture");
    }
}

enum Looked {
    /// Nothing is on the device.
    Free,
    /// Something is, still.
    Working,
    /// Something was.
    Done(Done),
}

enum Choice {
    Tiles,
    Paint(Paint),
    /// There is something to do and no time.
    Later,
    Nothing,
}

impl Drop for Side {
    fn drop(&mut self) {
        self.mailbox.lock().closed = true;
        self.turn_down();
    }
}

fn when_done(queue: &wgpu::Queue) -> Arc<AtomicBool> {
    let done = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&done);
    queue.on_submitted_work_done(move || told.store(true, Ordering::Release));
    done
}

/// Catches what the device refuses from here on. It must not cost the programme its device, not even when a window asks for more memory than
/// there is.
fn guard(device: &wgpu::Device) -> [wgpu::ErrorScopeGuard; 3] {
    [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation].map(|filter| device.push_error_scope(filter))
}

/// What was refused, the newest first.
fn refused(guards: [wgpu::ErrorScopeGuard; 3]) -> Option<wgpu::Error> {
    let [internal, memory, validation] = guards;
    // They end in the opposite order of their beginning.
    [validation, memory, internal].map(|guard| pollster::block_on(guard.pop())).into_iter().flatten().next()
}
