//! A phone's recording that arrives in pieces over HTTPS: MediaRecorder's chunks of 100 ms, as they are made.
//!
//! Chromium sends WebM or Matroska, Safari fragmented MP4. The pieces are cut anywhere; they are put in order, read as far as
//! their bytes reach, and every picture and packet leaves as soon as it is whole. When a piece is lost for good, pictures
//! begin again at the next key picture behind the next cluster or fragment.
//!
//! The readers are our own: a demultiplexer of a media library wants an unbroken stream, and gives no bound on what a hostile
//! one may cost.

mod build;
mod mp4;
mod order;
mod webm;

use bytes::Bytes;

use tl_base::{MediaTime, SourceId};
use tl_frame::{AccessUnit, ConfigId};

use crate::file::ebml::id;
use build::{Builder, Sample, Track};
use mp4::Mp4;
use order::{Order, Taken};
use webm::WebM;

/// The largest piece taken.
pub const MAX_CHUNK_BYTES: usize = 2 << 20;
/// Bytes of a stream that may wait for the rest of their element.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// One piece of a recording.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Counts up by one from piece to piece of a phone's visit, over all its recordings.
    pub sequence: u64,
    /// The phone's clock at the piece's beginning, milliseconds.
    pub timestamp_ms: f64,
    /// When its last byte arrived here.
    pub arrival: MediaTime,
    /// What the phone calls it, for example `video/webm;codecs=vp8,opus`.
    pub mime: String,
    /// The bytes.
    pub data: Bytes,
}

/// When a unit was, by the clocks that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Presentation time in the recording.
    pub pts: MediaTime,
    /// The same moment on the phone's clock, counted from where that clock began.
    pub phone: MediaTime,
    /// When the piece arrived that made the unit whole.
    pub arrival: MediaTime,
}

/// Whose pieces, and how their times are read.
pub struct Config {
    /// Whose units these become.
    pub source: SourceId,
    /// The capture time of a unit; an [`ArrivalClock`](tl_base::arrival_clock) in most cases.
    pub clock: Box<dyn FnMut(Stamp) -> MediaTime + Send>,
}

/// What the pieces gave, told while they are pushed.
#[derive(Clone, Debug)]
pub enum Event {
    /// A picture or a packet of sound.
    Unit(AccessUnit),
    /// Pieces were given up; pictures go on at the next key picture.
    Missing {
        /// How many.
        chunks: u64,
    },
    /// The phone began a new recording.
    Restarted,
    /// The recording cannot be read on; the phone must begin a new one.
    Broken {
        /// Why, as a short phrase.
        reason: &'static str,
    },
}

/// Why a piece was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than [`MAX_CHUNK_BYTES`].
    #[error("the piece is too large")]
    TooLarge,
    /// A kind of recording that is not read here.
    #[error("this kind of recording is not read here")]
    Unsupported,
    /// Taken or given up before.
    #[error("the piece comes too late")]
    Late,
    /// A time that is no number.
    #[error("the piece has no time")]
    Time,
    /// The recording cannot be read on; the phone must begin a new one.
    #[error("{0}")]
    Broken(&'static str),
}

/// Turns one phone's pieces into units, on the thread that pushes them.
///
/// Early pieces wait for those before them, at most eight; late and doubled ones are refused; for a missing one there is no
/// wait longer than a second. Never waits for anything itself.
pub struct ChunkStream {
    config: Config,
    on_event: Box<dyn FnMut(Event) + Send>,
    order: Order,
    reader: Reader,
    /// A first piece too short to tell what it is.
    held: Option<Chunk>,
    builder: Builder,
    config_id: ConfigId,
    /// The phone's clock at the recording's beginning.
    phone_epoch: MediaTime,
    broken: Option<&'static str>,
}

enum Reader {
    /// Nothing was read of this recording yet.
    Fresh,
    WebM(Box<WebM>),
    Mp4(Box<Mp4>),
}

/// What a reader found.
pub(in crate::chunks) enum Found {
    /// The tracks of a recording.
    Tracks(Vec<Track>),
    Sample(Sample),
}

impl ChunkStream {
    /// A stream that calls `on_event` from within [`push`](Self::push).
    pub fn start(config: Config, on_event: impl FnMut(Event) + Send + 'static) -> Self {
        Self {
            config,
            on_event: Box::new(on_event),
            order: Order::default(),
            reader: Reader::Fresh,
            held: None,
            builder: Builder::default(),
            config_id: ConfigId(0),
            phone_epoch: MediaTime::ZERO,
            broken: None,
        }
    }

    /// Takes a piece. What it completes has been told when this returns.
    pub fn push(&mut self, chunk: Chunk) -> Result<(), Refusal> {
        if chunk.data.len() > MAX_CHUNK_BYTES {
            return Err(Refusal::TooLarge);
        }
        if !is_known(&chunk.mime) {
            return Err(Refusal::Unsupported);
        }
        if !chunk.timestamp_ms.is_finite() || chunk.timestamp_ms.abs() > MAX_CLOCK_MS {
            return Err(Refusal::Time);
        }
        if !self.order.push(chunk) {
            return Err(Refusal::Late);
        }
        while let Some(taken) = self.order.take() {
            match taken {
                Taken::Chunk(chunk) => self.read(&chunk),
                Taken::Missing(chunks) => self.skip(chunks),
            }
        }
        self.broken.map_or(Ok(()), |reason| Err(Refusal::Broken(reason)))
    }

    fn read(&mut self, chunk: &Chunk) {
        let joined = match self.held.take() {
            None => chunk.clone(),
            Some(held) => Chunk { data: Bytes::from([&held.data[..], &chunk.data].concat()), timestamp_ms: held.timestamp_ms, ..chunk.clone() },
        };
        // The first piece of a recording may be a single byte, which alone tells nothing.
        if may_begin_recording(&joined.data) {
            self.held = Some(joined);
        } else {
            self.read_whole(&joined);
        }
    }

    fn read_whole(&mut self, chunk: &Chunk) {
        if begins_recording(&chunk.data) {
            self.restart(chunk);
        }
        if self.broken.is_some() {
            return;
        }
        if let Err(reason) = self.feed(chunk) {
            self.give_up(reason);
        }
    }

    /// Begins a recording from its first bytes.
    fn restart(&mut self, chunk: &Chunk) {
        let first = matches!(&self.reader, Reader::Fresh) && self.broken.is_none();
        if !first {
            self.config_id.0 += 1;
            (self.on_event)(Event::Restarted);
        }
        self.reader = Reader::Fresh;
        self.builder = Builder::default();
        self.broken = None;
        self.phone_epoch = MediaTime((chunk.timestamp_ms * 1e6) as i64);
    }

    fn feed(&mut self, chunk: &Chunk) -> Result<(), &'static str> {
        if matches!(self.reader, Reader::Fresh) {
            self.reader = match recording_kind(&chunk.data) {
                Some(Kind::WebM) => Reader::WebM(Box::default()),
                Some(Kind::Mp4) => Reader::Mp4(Box::default()),
                None => return Err("the recording's beginning is missing"),
            };
        }
        self.step(&chunk.data, chunk.arrival)
    }

    fn step(&mut self, data: &[u8], arrival: MediaTime) -> Result<(), &'static str> {
        let mut found = Vec::new();
        let read = match &mut self.reader {
            Reader::WebM(reader) => reader.push(data, &mut found),
            Reader::Mp4(reader) => reader.push(data, &mut found),
            Reader::Fresh => Ok(()),
        };
        // What was whole before the break is as good as ever.
        for one in found {
            self.hand_out(one, arrival);
        }
        read
    }

    fn hand_out(&mut self, found: Found, arrival: MediaTime) {
        match found {
            Found::Tracks(tracks) => {
                if self.builder.set_tracks(tracks) {
                    self.config_id.0 += 1;
                }
            }
            Found::Sample(sample) => {
                let Some(mut unit) = self.builder.unit(sample, self.config.source) else { return };
                let stamp = Stamp { pts: unit.pts, phone: self.phone_epoch + unit.pts, arrival };
                unit.capture = (self.config.clock)(stamp);
                unit.arrival = arrival;
                if self.builder.take_changed() {
                    self.config_id.0 += 1;
                }
                unit.config_id = self.config_id;
                (self.on_event)(Event::Unit(unit));
            }
        }
    }

    /// Pieces are lost: what waits for its rest is lost with them.
    fn skip(&mut self, chunks: u64) {
        (self.on_event)(Event::Missing { chunks });
        self.builder.needs_key();
        self.held = None;
        let resumed = match &mut self.reader {
            Reader::WebM(reader) => reader.lose(),
            Reader::Mp4(reader) => reader.lose(),
            Reader::Fresh => Ok(()),
        };
        if let Err(reason) = resumed {
            self.give_up(reason);
        }
    }

    fn give_up(&mut self, reason: &'static str) {
        if self.broken.is_none() {
            self.broken = Some(reason);
            (self.on_event)(Event::Broken { reason });
        }
    }
}

/// Times of phones: less than the year 2500.
const MAX_CLOCK_MS: f64 = 1.7e13;

#[derive(Clone, Copy)]
enum Kind {
    WebM,
    Mp4,
}

fn is_known(mime: &str) -> bool {
    let kind = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(kind.as_str(), "video/webm" | "audio/webm" | "video/x-matroska" | "audio/x-matroska" | "video/mp4" | "audio/mp4")
}

fn recording_kind(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(&id::HEADER.to_be_bytes()) {
        Some(Kind::WebM)
    } else if bytes.get(4..8) == Some(b"ftyp") {
        Some(Kind::Mp4)
    } else {
        None
    }
}

/// Whether a piece begins a recording, told by its first bytes alone.
fn begins_recording(data: &[u8]) -> bool {
    recording_kind(data).is_some()
}

/// Whether a piece is so short that a recording may begin with it.
fn may_begin_recording(data: &[u8]) -> bool {
    let short = !data.is_empty() && data.len() < 8;
    let is_mp4 = || data.iter().zip(b"\0\0\0 ftyp").enumerate().all(|(at, (byte, expected))| at == 3 || byte == expected);
    short && (id::HEADER.to_be_bytes().starts_with(data) || is_mp4())
}

/// Bytes that wait for the rest of their element.
#[derive(Default)]
pub(in crate::chunks) struct Waiting {
    bytes: Vec<u8>,
    /// Bytes at the front that are done with.
    used: usize,
    /// Bytes still to come that nobody wants.
    skip: u64,
}

impl Waiting {
    /// Adds what came; refuses more than may wait.
    pub(in crate::chunks) fn add(&mut self, mut data: &[u8]) -> Result<(), &'static str> {
        if self.skip > 0 {
            let skipped = data.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            data = data.get(skipped..).unwrap_or_default();
            self.skip -= skipped as u64;
        }
        self.bytes.drain(..self.used);
        self.used = 0;
        if self.bytes.len() + data.len() > MAX_WAITING_BYTES {
            return Err("too much waits for its end");
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// What is there.
    pub(in crate::chunks) fn get(&self) -> &[u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    /// Is done with the first `count` bytes, some of which may be still to come.
    pub(in crate::chunks) fn pass(&mut self, count: u64) {
        let here = self.get().len();
        let passed = usize::try_from(count).unwrap_or(usize::MAX).min(here);
        self.used += passed;
        self.skip += count - passed as u64;
    }

    /// Forgets everything.
    pub(in crate::chunks) fn clear(&mut self) {
        *self = Self::default();
    }
}
