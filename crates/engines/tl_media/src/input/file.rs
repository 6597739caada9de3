//! A file that plays as if it were live: read ahead on one thread, given out by its own clock on another, so that a loop's
//! seam shows neither in the stamps nor in the arrivals.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gst::prelude::*;

use tl_base::{MediaTime, SourceStats};
use tl_frame::Codec;

use crate::Error;
use crate::input::branch::{self, Branch};
use crate::input::outlet::{Encoded, Outlet};
use crate::input::timeline::Stamp;
use crate::input::wake::{End, Wake};
use crate::input::watched::{Watched, link_behind, sample_sink};
use crate::line::{element, lock, set};

/// Statistics are told this often.
const TICK: MediaTime = MediaTime::from_secs(1);
/// Pieces of one kind that are read ahead; the reader waits.
const MAX_AHEAD: usize = 120;
/// Bytes of one kind that are read ahead.
const MAX_AHEAD_BYTES: usize = 24 << 20;
/// A file that gives nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last picture lasts when nothing says so.
const USUAL_PICTURE: MediaTime = MediaTime::from_millis(33);

/// A piece of the file, on the file's own time.
struct Piece {
    round: u64,
    codec: Codec,
    data: Bytes,
    pts: MediaTime,
    key: bool,
}

/// Pieces of one kind, in the order in which they are decoded.
#[derive(Default)]
struct Lane {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

impl Lane {
    fn is_full(&self) -> bool {
        self.pieces.len() >= MAX_AHEAD || self.bytes > MAX_AHEAD_BYTES
    }

    fn put(&mut self, piece: Piece) {
        self.bytes += piece.data.len();
        self.pieces.push_back(piece);
    }

    fn take(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.bytes = self.bytes.saturating_sub(piece.data.len());
        Some(piece)
    }

    /// Where the next piece of `round` belongs.
    fn head(&self, round: u64) -> Option<MediaTime> {
        self.pieces.front().filter(|piece| piece.round == round).map(|piece| piece.pts)
    }
}

#[derive(Default)]
struct Ahead {
    pictures: Lane,
    sound: Lane,
    /// Lengths of the rounds that were read to their end.
    lengths: VecDeque<MediaTime>,
    rounds_read: u64,
    round_end: MediaTime,
    over: bool,
    closed: bool,
}

impl Ahead {
    fn lane(&mut self, is_audio: bool) -> &mut Lane {
        if is_audio { &mut self.sound } else { &mut self.pictures }
    }

    /// Takes the piece of `round` that comes first.
    fn take(&mut self, round: u64) -> Option<Piece> {
        match (self.pictures.head(round), self.sound.head(round)) {
            (Some(picture), Some(sound)) if sound < picture => self.sound.take(),
            (Some(_), _) => self.pictures.take(),
            (None, Some(_)) => self.sound.take(),
            (None, None) => None,
        }
    }
}

/// What the reader has read and the player has not yet given out.
#[derive(Default)]
struct Shelf {
    ahead: Mutex<Ahead>,
    changed: Condvar,
}

/// What the player does next.
enum Next {
    Give(Piece),
    /// This much of the round's time has passed in all.
    Turn(MediaTime),
    Over,
    Nothing,
}

impl Shelf {
    /// Puts a piece that lasts until `end`; waits while the shelf is full. What comes when nobody takes any more is let go.
    fn put(&self, piece: Piece, end: MediaTime) {
        let is_audio = piece.codec.is_audio();
        let mut ahead = lock(&self.ahead);
        while !ahead.closed && ahead.lane(is_audio).is_full() {
            ahead = self.changed.wait(ahead).unwrap_or_else(PoisonError::into_inner);
        }
        if ahead.closed {
            return;
        }
        ahead.round_end = ahead.round_end.max(end);
        ahead.lane(is_audio).put(piece);
        drop(ahead);
        self.changed.notify_all();
    }

    /// The file was read to its end once more.
    fn turn(&self, over: bool) {
        let mut ahead = lock(&self.ahead);
        let length = std::mem::take(&mut ahead.round_end);
        ahead.lengths.push_back(length);
        ahead.rounds_read += 1;
        ahead.over = over;
        drop(ahead);
        self.changed.notify_all();
    }

    fn close(&self) {
        lock(&self.ahead).closed = true;
        self.changed.notify_all();
    }

    fn is_closed(&self) -> bool {
        lock(&self.ahead).closed
    }

    /// When the next piece of `round` belongs, and that piece, waiting for the reader at most `limit`.
    fn next(&self, round: u64, limit: Duration) -> Next {
        let deadline = Instant::now() + limit;
        let mut ahead = lock(&self.ahead);
        loop {
            if let Some(piece) = ahead.take(round) {
                drop(ahead);
                self.changed.notify_all();
                return Next::Give(piece);
            }
            if ahead.rounds_read > round {
                let length = ahead.lengths.pop_front().unwrap_or_default();
                return if ahead.over && ahead.rounds_read == round + 1 { Next::Over } else { Next::Turn(length) };
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || ahead.closed {
                return Next::Nothing;
            }
            ahead = self.changed.wait_timeout(ahead, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Plays the file, until it ends.
pub(super) fn attempt(path: &Path, looped: bool, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    std::fs::File::open(path).map_err(Error::file("open", path))?;
    let shelf = Arc::new(Shelf::default());
    let (shared, owned) = (Arc::clone(&shelf), path.to_path_buf());
    let spawned = std::thread::Builder::new().name("in file reader".to_owned()).spawn(move || read(&owned, looped, &shared));
    let reader = spawned.map_err(Error::file("read", path))?;
    let end = play(&shelf, wake, outlet);
    shelf.close();
    let read = reader.join().unwrap_or_else(|_| Err(Error::Content { what: "the reader panicked".to_owned(), path: path.to_path_buf() }));
    match end {
        Some(end) => Ok(end),
        None => read.map(|()| End::Lost("the file stands still".to_owned())),
    }
}

/// Gives out what is read when its time has come; none when the reader gave up.
fn play(shelf: &Shelf, wake: &Wake, outlet: &Outlet) -> Option<End> {
    let clock = outlet.clock();
    let (mut round, mut start, mut shown, mut told) = (0, None, MediaTime::ZERO, clock.now());
    loop {
        match shelf.next(round, PATIENCE) {
            Next::Give(piece) => {
                // Reordered pictures go with the one that they were held back for.
                shown = if piece.codec.is_audio() { shown } else { shown.max(piece.pts) };
                let start = *start.get_or_insert_with(|| clock.now() - piece.pts);
                let due = if piece.codec.is_audio() { piece.pts } else { shown };
                let left = clock.instant_of(start + due).saturating_duration_since(Instant::now());
                if let Some(end) = wake.wait(left) {
                    return Some(end);
                }
                let Piece { codec, data, key, pts, .. } = piece;
                outlet.push(Encoded { codec, data, stamp: Stamp::Known { capture: start + pts }, key });
            }
            Next::Turn(length) => {
                if length <= MediaTime::ZERO {
                    return Some(End::Refused("the file holds nothing to play".to_owned()));
                }
                round += 1;
                shown = MediaTime::ZERO;
                start = start.map(|start| start + length);
            }
            Next::Over => return Some(if outlet.is_connected() { End::Ended } else { End::Refused("the file holds nothing to play".to_owned()) }),
            Next::Nothing => return None,
        }
        if clock.now() - told >= TICK {
            told = clock.now();
            outlet.report(SourceStats::default());
        }
    }
}

/// Reads round after round.
fn read(path: &Path, looped: bool, shelf: &Arc<Shelf>) -> Result<(), Error> {
    for round in 0.. {
        let ended = read_round(path, round, shelf);
        if shelf.is_closed() {
            break;
        }
        if let Err(error) = ended {
            shelf.close();
            return Err(error);
        }
        shelf.turn(!looped);
        if !looped {
            break;
        }
    }
    Ok(())
}

/// Whether a file is an AVI, which numbers pictures as they are decoded and says nothing of when they are shown. One that cannot be
/// read is told by whoever opens it.
fn is_avi(path: &Path) -> bool {
    let mut head = [0_u8; 12];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"RIFF") && head.ends_with(b"AVI ")
}

fn read_round(path: &Path, round: u64, shelf: &Arc<Shelf>) -> Result<(), Error> {
    let content = |what: &str| Error::Content { what: what.to_owned(), path: path.to_path_buf() };
    let source = element("filesrc")?;
    source.set_property("location", path.to_str().ok_or_else(|| content("the file's name is no text"))?);
    let reader = element("decodebin")?;
    reader.set_property("caps", branch::untouched_forms(!is_avi(path)));
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &reader]).and_then(|()| source.link(&reader)).map_err(Error::pipeline("file reader"))?;
    let wake = Arc::new(Wake::default());
    attach_streams(&reader, &pipeline, round, shelf, &wake);
    let running = Watched::new(pipeline, &wake, End::Ended, |_| End::Lost("it cannot be read".to_owned()));
    running.play(&wake, "the file reader");
    let end = loop {
        // A full shelf holds the reader up; only the player knows whether it stands still.
        match wake.wait(Duration::from_millis(200)) {
            Some(end) => break end,
            None if shelf.is_closed() => break End::Stopped,
            None => {}
        }
    };
    drop(running);
    match end {
        End::Lost(what) | End::Barred(what) | End::Left(what) => Err(content(&what)),
        End::Refused(what) => Err(Error::Unsupported(what)),
        End::Ended | End::Stopped => Ok(()),
    }
}

fn attach_streams(reader: &gst::Element, pipeline: &gst::Pipeline, round: u64, shelf: &Arc<Shelf>, wake: &Arc<Wake>) {
    let (weak, shelf, ended) = (pipeline.downgrade(), Arc::clone(shelf), Arc::clone(wake));
    let (pictures_taken, sound_taken) = (AtomicBool::new(false), AtomicBool::new(false));
    let attached = Arc::new(Mutex::new(false));
    let any = Arc::clone(&attached);
    reader.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let branch = branch::of_stream(&caps).filter(|branch| {
            let is_audio = branch.as_ref().is_ok_and(Branch::is_audio);
            !if is_audio { &sound_taken } else { &pictures_taken }.swap(true, Ordering::Relaxed)
        });
        let linked = match branch {
            Some(branch) => branch.and_then(|branch| attach(&pipeline, pad, branch, round, &shelf)).map(|()| *lock(&any) = true),
            None => discard(&pipeline, pad),
        };
        if let Err(error) = linked {
            ended.end(End::Refused(error.to_string()));
        }
    });
    let ended = Arc::clone(wake);
    reader.connect_no_more_pads(move |_| {
        if !*lock(&attached) {
            ended.end(End::Refused("the file holds no pictures or sound that can be used".to_owned()));
        }
    });
}

fn discard(pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<(), Error> {
    let sink = element("fakesink")?;
    set(&sink, "sync", "false");
    set(&sink, "async", "false");
    link_behind(pipeline, pad, &[sink])
}

fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, branch: Branch, round: u64, shelf: &Arc<Shelf>) -> Result<(), Error> {
    let (codec, delay) = (branch.codec, branch.delay);
    let shelf = Arc::clone(shelf);
    let mut before: Option<MediaTime> = None;
    let sink = sample_sink(branch.caps.as_ref(), move |sample| {
        let Some((pts, length, data, key)) = piece(&sample) else { return };
        let length = length.unwrap_or_else(|| before.map_or(USUAL_PICTURE, |before| (pts - before).abs()));
        before = Some(pts);
        shelf.put(Piece { round, codec, data, pts: pts - delay, key }, pts + length);
    });
    let mut elements = branch.elements;
    elements.push(sink);
    link_behind(pipeline, pad, &elements)
}

/// Place and length on the file's time, bytes, and whether decoding may start here.
fn piece(sample: &gst::Sample) -> Option<(MediaTime, Option<MediaTime>, Bytes, bool)> {
    let time = |time: gst::ClockTime| MediaTime(i64::try_from(time.nseconds()).unwrap_or(i64::MAX));
    let buffer = sample.buffer_owned()?;
    let pts = buffer.pts()?;
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let at = segment.and_then(|segment| segment.to_running_time(pts)).unwrap_or(pts);
    let (length, key) = (buffer.duration().map(time), !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
    Some((time(at), length, Bytes::from_owner(buffer.into_mapped_buffer_readable().ok()?), key))
}
