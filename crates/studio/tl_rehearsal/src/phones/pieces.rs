//! A phone's page where WebRTC does not work: recorded pieces of 100 ms, uploaded one after the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::queue::{self, Received, Receiver, Sender, WhenFull};
use tl_base::{Secret, SlotId};

use super::clock::PhoneClock;
use super::line::{Errands, Line, Stage};
use super::muxing::Recording;
use super::sending::Parcel;
use crate::Error;
use crate::clips::Loaded;
use crate::signalling::{Door, Refusal};

/// Length of a piece, seconds.
const PIECE_SECS: f64 = 0.1;
/// Pieces that may wait for the network; when there are more the phone begins a new recording.
const MAX_WAITING: usize = 20;
/// The phone asks for the studio's time so many times, and believes the fastest answer.
const QUESTIONS: u32 = 8;
/// The phone asks again after this long: its clock drifts.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// Between two looks at what the uploads came to.
const LOOK: Duration = Duration::from_millis(10);
/// HTTP's word for a recording that cannot go on.
const GONE: u16 = 410;

/// A piece on its way.
struct Piece {
    number: u64,
    /// The phone's clock at its start, milliseconds since 1970.
    start_ms: f64,
    data: Bytes,
}

/// What the uploads came to.
struct Progress {
    stage: Stage,
    /// The studio wants a new recording.
    anew: bool,
}

/// One upload. Dropping it stops its thread, which may take as long as one request.
pub(super) struct Pieces {
    recording: Recording,
    /// When the piece being recorded began, seconds since the start.
    began_secs: f64,
    /// The next piece's: a phone counts on when it comes back.
    number: Arc<AtomicU64>,
    pieces: Option<Sender<Piece>>,
    progress: Arc<Mutex<Progress>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    slot: SlotId,
    token: Secret,
}

impl Pieces {
    pub(super) fn start(slot: SlotId, token: &Secret, door: Door, media: &Loaded, time: (PhoneClock, Instant), number: &Arc<AtomicU64>) -> Result<Self, Error> {
        let (clock, started) = time;
        let recording = Recording::new(media).ok_or_else(|| Error::Phone { slot: slot.0, message: "a clip without parameter sets".into() })?;
        let (sender, receiver) = queue::bounded(MAX_WAITING, WhenFull::Refuse);
        let progress = Arc::new(Mutex::new(Progress { stage: Stage::Opening, anew: false }));
        let stop = Arc::new(AtomicBool::new(false));
        let uploader =
            Uploader { slot, token: token.clone(), door, clock, started, progress: Arc::clone(&progress), stop: Arc::clone(&stop), offset: (0.0, 0.0) };
        let thread = std::thread::Builder::new().name(format!("upload-{slot}")).spawn(move || uploader.run(&receiver));
        let thread = thread.map_err(|error| Error::Thread { name: "upload", message: error.to_string() })?;
        let token = token.clone();
        Ok(Self {
            recording,
            began_secs: f64::NEG_INFINITY,
            number: Arc::clone(number),
            pieces: Some(sender),
            progress,
            stop,
            thread: Some(thread),
            slot,
            token,
        })
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line for Pieces {
    fn poll(&mut self, now: Instant, _errands: &Errands<'_>) -> (Stage, Instant) {
        let mut progress = self.progress();
        let (stage, anew) = (progress.stage.clone(), std::mem::take(&mut progress.anew));
        drop(progress);
        if anew {
            self.recording.restart();
        }
        (stage, now + LOOK)
    }

    fn send(&mut self, parcel: &Parcel, _now_secs: f64) -> bool {
        if !self.recording.push(parcel) {
            return false;
        }
        if self.recording.is_fresh() {
            self.began_secs = parcel.at_secs;
        }
        if parcel.at_secs < self.began_secs + PIECE_SECS {
            return true;
        }
        self.began_secs = parcel.at_secs;
        let Some((start_ns, data)) = self.recording.cut() else { return true };
        let piece = Piece { number: self.number.load(Ordering::Relaxed), start_ms: start_ns as f64 / 1e6, data };
        let taken = self.pieces.as_ref().is_some_and(|pieces| pieces.send(piece).is_ok());
        if taken {
            self.number.fetch_add(1, Ordering::Relaxed);
        } else {
            // A hole in a recording cannot be mended; a new one can be begun.
            self.recording.restart();
        }
        taken
    }

    fn leave(mut self: Box<Self>, door: &Door) {
        self.finish();
        if let Err(refusal) = door.end_upload(self.slot, &self.token) {
            tracing::debug!(%refusal, "the studio did not hear a phone's goodbye");
        }
    }
}

impl Pieces {
    fn finish(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.pieces = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of a phone failed");
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.finish();
    }
}

/// What sends the pieces, on a thread of its own.
struct Uploader {
    slot: SlotId,
    token: Secret,
    door: Door,
    clock: PhoneClock,
    started: Instant,
    progress: Arc<Mutex<Progress>>,
    stop: Arc<AtomicBool>,
    /// Studio minus phone, and the round trip by which that was found, milliseconds.
    offset: (f64, f64),
}

impl Uploader {
    fn run(mut self, pieces: &Receiver<Piece>) {
        let mut over = self.ask_time(QUESTIONS).err();
        let mut asked = Instant::now();
        if over.is_none() {
            self.tell(Stage::Open);
        }
        while over.is_none() && !self.stop.load(Ordering::Relaxed) {
            match pieces.recv_timeout(LOOK * 10) {
                Received::Item(piece) => over = self.upload(&piece).err(),
                Received::TimedOut => {}
                Received::Closed => return,
            }
            if over.is_none() && asked.elapsed() > ASK_AGAIN {
                asked = Instant::now();
                over = self.ask_time(QUESTIONS / 2).err();
            }
        }
        if let Some(refusal) = over {
            self.tell(Stage::Over(refusal.to_string()));
        }
    }

    fn tell(&self, stage: Stage) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).stage = stage;
    }

    /// What the phone's clock shows, milliseconds since 1970.
    fn shows_ms(&self) -> f64 {
        self.clock.shows_ns(self.started.elapsed().as_secs_f64()) as f64 / 1e6
    }

    fn ask_time(&mut self, questions: u32) -> Result<(), Refusal> {
        let mut best = (0.0, f64::INFINITY);
        for _ in 0..questions {
            let before = self.shows_ms();
            let studio_ms = self.door.studio_ms(&self.token)?;
            let after = self.shows_ms();
            if after - before < best.1 {
                best = (studio_ms - f64::midpoint(before, after), after - before);
            }
        }
        self.offset = best;
        Ok(())
    }

    fn upload(&self, piece: &Piece) -> Result<(), Refusal> {
        let (offset, trip) = self.offset;
        let words = format!("seq={}&timestamp={:.3}&sent={:.3}&offset={offset:.3}&rtt={trip:.3}&quality=0.8", piece.number, piece.start_ms, self.shows_ms());
        match self.door.upload(self.slot, &self.token, &words, Recording::MIME, &piece.data) {
            Err(Refusal::Status(GONE, why)) => {
                tracing::info!(slot = self.slot.0, why, "the studio wants a new recording");
                self.progress.lock().unwrap_or_else(PoisonError::into_inner).anew = true;
                Ok(())
            }
            other => other,
        }
    }
}
