//! What the window's thread is told by others.

use std::sync::{Arc, Mutex, PoisonError};

use tl_base::queue::{self, Receiver, Sender, Waker, WhenFull};
use tl_console::egui;
use tl_gpu::Painted;
use tl_studio::Multiview;

/// Messages that may wait. A window that hangs for so long loses input, and nobody waits for it.
const WAITING: usize = 1_024;

/// One message.
pub enum Told {
    /// A person did something.
    Input(Vec<egui::Event>),
    /// The window's pixels.
    Resized(u32, u32),
    /// Pixels in a point.
    Scale(f64),
    /// It may have been moved, minimised, maximised or made to fill the screen.
    LookAtWindow,
    /// A person wants to close it.
    CloseAsked,
    /// The studio runs.
    Studio(Multiview),
    /// The control page's process ended by itself.
    DeskDied,
    /// The control page was closed, or opened.
    Desk(bool),
    /// One sentence for the person.
    Notice(String),
    /// No more.
    Stop,
}

/// To the window's thread; it never waits.
#[derive(Clone)]
pub struct Teller {
    queue: Sender<Told>,
    finished: Finished,
}

/// Where the GPU thread leaves a finished picture: none in it was lost.
#[derive(Clone)]
pub struct Finished {
    slot: Arc<Mutex<Option<Option<Painted>>>>,
    waker: Waker<Told>,
}

impl Finished {
    /// Leaves one; the one before, if nobody took it, is let go.
    pub fn leave(&self, painted: Option<Painted>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(painted);
        self.waker.wake();
    }

    /// Takes it.
    pub fn take(&self) -> Option<Option<Painted>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Teller {
    /// Tells; false when the window's thread is gone or hangs.
    pub fn tell(&self, told: Told) -> bool {
        self.queue.send(told).is_ok()
    }

    /// Where finished pictures are left.
    pub fn finished(&self) -> Finished {
        self.finished.clone()
    }
}

/// Both ends.
pub fn channel() -> (Teller, Receiver<Told>) {
    let (queue, receiver) = queue::bounded(WAITING, WhenFull::Refuse);
    let finished = Finished { slot: Arc::default(), waker: receiver.waker() };
    (Teller { queue, finished }, receiver)
}
