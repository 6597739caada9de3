//! The one encoder of the programme, watched: one that hangs is started anew, and replaced when that does not help.
//!
//! Pictures are handed to it on a thread of its own: the media library allocates for every picture and takes locks of its own, and
//! the programme loop does neither.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use tl_base::MediaTime;
use tl_base::queue::{Receiver, Sender, WhenFull, bounded};
use tl_frame::{Frame, PixelFormat};
use tl_media::encode;

use crate::Error;
use crate::air::program::Counts;
use crate::air::trace::Trace;
use crate::outputs::Outputs;

/// Key pictures off the grid come at most this often: one a second.
const EXTRA_KEYS_APART: MediaTime = MediaTime::from_secs(1);
/// Pictures on their way to the encoder, which refuses what it has no room for itself; one more is refused.
const QUEUE: usize = 3;

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushed {
    /// It is being encoded.
    Taken,
    /// It was left out to save time: the picture before it stands twice as long.
    Spared,
}

/// A picture and whether it falls on the grid of keys.
struct Offered {
    picture: Frame,
    key: bool,
}

/// The programme's encoder. Dropping it ends its thread; pictures that wait are still handed over.
pub struct ProgramEncoder {
    encoder: Arc<encode::Supervised>,
    offered: Option<Sender<Offered>>,
    thread: Option<JoinHandle<()>>,
}

/// Where it is told what became of a tick.
pub struct Books {
    /// What is counted.
    pub counts: Arc<Counts>,
    /// Where ticks are traced.
    pub trace: Trace,
}

impl ProgramEncoder {
    /// Opens the encoder; what it makes goes to `outputs`, what is done to it to `on_event`.
    pub fn open(config: encode::Video, outputs: Arc<Outputs>, books: Books, on_event: impl FnMut(encode::Event) + Send + 'static) -> Result<Self, Error> {
        let taken = Arc::clone(&outputs);
        let encoder = Arc::new(encode::Supervised::start(config, PixelFormat::I420, move |unit| taken.video(&unit), on_event)?);
        let (offered, waiting) = bounded(QUEUE, WhenFull::Refuse);
        let hand = Hand { encoder: Arc::clone(&encoder), outputs, books, keyed: MediaTime(i64::MIN / 2), counted: 0 };
        let thread = std::thread::Builder::new().name("encoder-hand".into()).spawn(move || hand.run(&waiting))?;
        Ok(Self { encoder, offered: Some(offered), thread: Some(thread) })
    }

    /// Offers one picture, whose capture time is its output time; `key` when it falls on the grid. Never waits; false when there is
    /// no room. What becomes of a picture that is taken is counted and traced.
    pub fn offer(&self, picture: Frame, key: bool) -> bool {
        self.offered.as_ref().is_some_and(|offered| offered.send(Offered { picture, key }).is_ok())
    }

    /// Which encoder it is, and what it aims at, bits a second.
    pub fn quality(&self) -> encode::Quality {
        self.encoder.quality()
    }

    /// For tests: the encoder in use stops giving anything.
    pub fn inject_hang(&self) {
        self.encoder.inject_hang();
    }
}

impl Drop for ProgramEncoder {
    fn drop(&mut self) {
        self.offered = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread in front of the encoder panicked");
        }
    }
}

/// The thread in front of the encoder.
struct Hand {
    encoder: Arc<encode::Supervised>,
    outputs: Arc<Outputs>,
    books: Books,
    /// When a key was asked for last.
    keyed: MediaTime,
    /// Pictures so far.
    counted: u64,
}

impl Hand {
    fn run(mut self, waiting: &Receiver<Offered>) {
        while let Some(offered) = waiting.recv() {
            let pts = offered.picture.capture;
            match self.push(offered) {
                Ok(Pushed::Taken) => drop(self.books.counts.frames.fetch_add(1, Ordering::Relaxed)),
                // Left out on purpose, and counted as what it is: a tick that was not encoded.
                Ok(Pushed::Spared) => {
                    self.books.counts.spared.fetch_add(1, Ordering::Relaxed);
                    self.not_encoded(pts);
                }
                Err(error) => {
                    tracing::debug!(%error, "a tick was not encoded");
                    self.not_encoded(pts);
                }
            }
        }
    }

    fn push(&mut self, Offered { picture, key }: Offered) -> Result<Pushed, tl_media::Error> {
        let asked = key || (self.outputs.wants_key() && picture.capture - self.keyed >= EXTRA_KEYS_APART);
        if asked {
            self.keyed = picture.capture;
        }
        let odd = !self.counted.is_multiple_of(2);
        self.counted += 1;
        if odd && !asked && self.outputs.is_coarse() {
            return Ok(Pushed::Spared);
        }
        self.encoder.push(picture, asked).map(|()| Pushed::Taken)
    }

    fn not_encoded(&self, pts: MediaTime) {
        self.books.trace.dropped(pts);
        self.books.counts.dropped.fetch_add(1, Ordering::Relaxed);
    }
}
