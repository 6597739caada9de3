//! What each tick showed, for measuring afterwards: one JSON line a tick, written off the hot path.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arrayvec::ArrayVec;
use serde::Serialize;
use tl_base::queue::{Sender, WhenFull, bounded};
use tl_base::{MediaTime, SlotId, Wall};

/// Lines waiting for the disk, for 17 seconds of ticks; more are lost, and counted.
const QUEUE: usize = 512;
/// Ticks between render and encoder at most.
const OPEN: usize = 64;

/// What kind of picture a tick got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A camera's picture.
    Frame,
    /// The slate.
    Slate,
    /// The picture of the tick before, although there should have been a new one.
    Repeat,
}

/// One tick.
#[derive(Clone, Debug, Serialize)]
pub struct Tick {
    /// Its number since the session's epoch.
    pub tick: u64,
    /// Its output time.
    pub pts: MediaTime,
    /// What it got.
    pub kind: Kind,
    /// The camera on air.
    pub source: Option<SlotId>,
    /// Capture time of its picture, as estimated.
    pub capture: Option<MediaTime>,
    /// The picture's number in its source.
    pub seq: Option<u64>,
    /// The other live cameras' pictures for the same tick. It lies within the tick, so that the programme loop allocates nothing.
    pub pair: ArrayVec<(SlotId, MediaTime), { SlotId::MAX as usize }>,
    /// When the encoded picture left the encoder, wall clock.
    #[serde(rename = "done_wall_us")]
    pub done_wall: Option<Wall>,
}

/// Writes ticks; cheap to clone.
#[derive(Clone)]
pub struct Trace {
    open: Arc<Mutex<VecDeque<Tick>>>,
    lines: Sender<Tick>,
}

/// The thread behind a [`Trace`]; joined when every `Trace` is gone.
pub struct Writer(Option<JoinHandle<()>>);

/// Starts writing to `path`.
pub fn start(path: &Path) -> std::io::Result<(Writer, Trace)> {
    let mut file = BufWriter::new(File::options().create(true).append(true).open(path)?);
    let (lines, waiting) = bounded::<Tick>(QUEUE, WhenFull::DropOldest);
    let thread = std::thread::Builder::new().name("trace".into()).spawn(move || {
        while let Some(tick) = waiting.recv() {
            let written = serde_json::to_writer(&mut file, &tick).map_err(std::io::Error::from).and_then(|()| file.write_all(b"\n"));
            if let Err(error) = written {
                tracing::warn!(%error, "the tick trace ends here");
                break;
            }
        }
        if let Err(error) = file.flush() {
            tracing::warn!(%error, "the end of the tick trace was not written");
        }
    })?;
    Ok((Writer(Some(thread)), Trace { open: Arc::new(Mutex::new(VecDeque::with_capacity(OPEN))), lines }))
}

impl Trace {
    /// Notes a tick that goes to the encoder.
    pub fn tick(&self, tick: Tick) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() >= OPEN {
            open.pop_front();
        }
        open.push_back(tick);
    }

    /// Forgets a tick that the encoder refused.
    pub fn dropped(&self, pts: MediaTime) {
        self.take(pts);
    }

    /// Notes that the picture of `pts` left the encoder at `wall`.
    pub fn encoded(&self, pts: MediaTime, wall: Wall) {
        if let Some(mut tick) = self.take(pts) {
            tick.done_wall = Some(wall);
            // The trace is for measuring; the programme does not wait for it.
            self.lines.send(tick).ok();
        }
    }

    fn take(&self, pts: MediaTime) -> Option<Tick> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|tick| tick.pts == pts)?;
        open.remove(at)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the trace writer panicked");
        }
    }
}
