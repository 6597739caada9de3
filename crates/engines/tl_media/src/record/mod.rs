//! Recordings as received: encoded units in, crash-safe files out, nothing decoded.
//!
//! A recording is a list of parts. A part holds one configuration of one codec, from a key picture on: H.264, H.265, VP9 and
//! AV1 as fragmented MP4, VP8 as WebM, JPEG pictures as Matroska. Beside its own sound a part may hold the programme's, as a
//! third track. Whatever happens to the process, a part plays up to its last whole fragment.

mod container;
mod mkv;
mod part;
mod part_file;
mod picture;
mod sound;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use tl_base::{MediaTime, SlotId, SourceId, never};
use tl_frame::{AccessUnit, Codec};

pub(crate) use part::{Expected, Failure, Part, Voice};
pub(crate) use picture::Picture;
pub(crate) use sound::Sound;

use crate::Error;
use crate::unit_queue::{UnitQueue, WhenFull};

/// Encoded bytes that may wait for the disk.
const MAX_QUEUE_BYTES: usize = 64 << 20;
/// Marks the programme's sound in a recorder's queue; no source has this number.
const PROGRAMME: SourceId = SlotId(u16::MAX);

/// What a recording is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One source as it was received.
    Iso,
    /// What went on air.
    Programme,
}

/// Where and how to record.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder; made when it does not exist.
    pub dir: PathBuf,
    /// How the parts' names begin: `cam1` gives `cam1-001.mp4`. Files that exist are never touched.
    pub stem: String,
    /// What this is a recording of.
    pub kind: Kind,
    /// Length of a fragment: what a crash may cost.
    pub fragment: MediaTime,
    /// The longest time between two calls that put everything written onto the disk.
    pub sync: MediaTime,
}

/// One finished file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Where it lies.
    pub path: PathBuf,
    /// Capture time of its first picture, the file's zero.
    pub start: MediaTime,
    /// Capture time at which its last picture ends.
    pub end: MediaTime,
    /// Its length, bytes.
    pub bytes: u64,
    /// How its pictures are encoded.
    pub codec: Codec,
}

/// What a recorder tells, on its own thread.
#[derive(Clone, Debug)]
pub enum Event {
    /// A file was begun.
    PartStarted {
        /// Which.
        path: PathBuf,
        /// Capture time of its first picture.
        start: MediaTime,
    },
    /// A file was ended and plays.
    PartEnded(PartInfo),
    /// The disk did not keep up: so many units are missing up to the next key picture.
    Dropped {
        /// How many.
        units: u64,
    },
    /// The disk is full. The part was ended; a new one is tried every few seconds.
    DiskFull {
        /// Which file could not be continued.
        path: PathBuf,
    },
    /// The disk refused for another reason; handled like a full one.
    Failed {
        /// Which file could not be continued.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Recording goes on after a full disk or a failure.
    Resumed,
}

/// What a recording became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What it is a recording of.
    pub kind: Kind,
    /// Its files in the order in which they were made.
    pub parts: Vec<PartInfo>,
    /// Units that did not reach a file because the disk did not keep up or was full.
    pub dropped: u64,
}

/// Writes one recording on a thread of its own.
///
/// Late units are written at the place that their capture time says, missing ones leave a gap; units before the first key
/// picture are left out. When 64 MB wait for the disk, what comes is dropped up to the next key picture and reported.
pub struct Recorder {
    queue: Arc<UnitQueue>,
    expects_programme: Arc<AtomicBool>,
    thread: Option<JoinHandle<Summary>>,
}

impl Recorder {
    /// Starts a recorder; the first file is made when the first key picture comes.
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Result<Self, Error> {
        std::fs::create_dir_all(&config.dir).map_err(Error::file("make a folder for recordings", &config.dir))?;
        let queue = Arc::new(UnitQueue::new(MAX_QUEUE_BYTES, WhenFull::DropNew));
        let name = format!("record-{}", config.stem);
        let dir = config.dir.clone();
        let taken = Arc::clone(&queue);
        let expects_programme = Arc::new(AtomicBool::new(false));
        let expects = Arc::clone(&expects_programme);
        let run = move || writer::Writer::new(config, expects, Box::new(on_event)).run(&taken);
        let thread = std::thread::Builder::new().name(name).spawn(run).map_err(Error::file("start a recorder", &dir))?;
        Ok(Self { queue, expects_programme, thread: Some(thread) })
    }

    /// Takes a unit of pictures or sound; never waits for the disk.
    pub fn push(&self, unit: &AccessUnit) {
        // What was dropped is reported by the writer, which knows when the gap ends.
        self.queue.push(unit);
    }

    /// Gives every part that begins from now on a track for the programme's sound, whether or not any has come by then.
    pub fn expect_programme_sound(&self) {
        self.expects_programme.store(true, Ordering::Relaxed);
    }

    /// Takes a frame of the programme's sound (raw AAC, 48 kHz stereo) for a track of its own; never waits for the disk. Its
    /// capture time is that of what is heard in it, on the clock of the pictures, so that both lie together.
    pub fn push_programme_sound(&self, unit: &AccessUnit) {
        if unit.codec == Codec::Aac {
            self.queue.push(&AccessUnit { source: PROGRAMME, ..unit.clone() });
        }
    }

    /// Ends the part here: the source reconnected. The next begins at the next key picture.
    pub fn new_part(&self) {
        self.queue.mark();
    }

    /// Writes what waits, ends the last part and tells what there is.
    pub fn finish(mut self) -> Option<Summary> {
        self.join()
    }

    fn join(&mut self) -> Option<Summary> {
        self.queue.close();
        let joined = self.thread.take()?.join();
        if joined.is_err() {
            never!("a recorder's thread panicked");
        }
        joined.ok()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.join();
    }
}
