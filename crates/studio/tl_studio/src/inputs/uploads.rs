//! Phones that upload recorded pieces where WebRTC does not work: each slot's stream of pieces, and its clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tl_base::clock_sync::RemoteClock;
use tl_base::{MediaClock, MediaTime, SlotId};
use tl_media::chunks::{self, ChunkStream};

use crate::inputs::feed::Feed;
use crate::inputs::holder::Sender;

/// A phone that uploads nothing for this long is gone.
pub const SILENT_AFTER: MediaTime = MediaTime::from_secs(6);

/// One piece as it came through the door.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Counts from 0 within one recording of the phone's.
    pub sequence: u64,
    /// The phone's clock at the piece's start, milliseconds.
    pub timestamp_ms: f64,
    /// The phone's clock when it was sent, milliseconds.
    pub sent_ms: Option<f64>,
    /// Studio minus phone, milliseconds, and the round trip that it was found by, where the phone has asked for the time.
    pub offset_ms: Option<(f64, f64)>,
    /// As the browser calls it: `video/webm;codecs=vp8,opus`.
    pub mime: String,
    /// The bytes.
    pub data: Bytes,
}

/// What became of a piece.
#[derive(Debug)]
pub enum Taken {
    /// The first of a stream: this sender holds the slot's feed from now on.
    Joined(Sender),
    /// One more.
    More,
}

/// Why a piece was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else sends to this slot.
    Taken,
    /// The stream cannot go on: the phone must begin a new recording.
    StartAnew(String),
    /// This piece is of no use.
    Useless(String),
}

struct Upload {
    sender: Sender,
    label: String,
    stream: ChunkStream,
    clock: Arc<Mutex<RemoteClock>>,
    newest: MediaTime,
    next: u64,
}

/// Whether these bytes begin a recording: an EBML head (RFC 8794, section 11.2.1) or an MP4 file type box (ISO/IEC 14496-12, 4.3).
/// A first piece may be a single byte.
fn begins_a_recording(data: &[u8]) -> bool {
    const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];
    data.starts_with(&EBML) || (!data.is_empty() && EBML.starts_with(data)) || data.get(4..8) == Some(b"ftyp".as_slice())
}

/// Every upload, by slot.
pub struct Uploads {
    clock: MediaClock,
    open: Mutex<BTreeMap<SlotId, Upload>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(millis: f64) -> i64 {
    // Saturates: a phone may claim anything.
    (millis * 1e6) as i64
}

impl Uploads {
    /// No upload yet.
    pub fn new(clock: MediaClock) -> Self {
        Self { clock, open: Mutex::default() }
    }

    /// Takes a piece of `label`'s for a slot. It is demuxed on the caller's thread, which takes microseconds.
    pub fn take(&self, slot: SlotId, feed: &Arc<Feed>, label: &str, piece: Piece) -> Result<Taken, Refused> {
        let arrival = self.clock.now();
        let mut open = lock(&self.open);
        let known = open.get(&slot).filter(|upload| upload.label == label && feed.holder().is(upload.sender)).is_some();
        if !known {
            if !begins_a_recording(&piece.data) {
                return Err(Refused::StartAnew("Begin a new recording: this stream is not known here.".into()));
            }
            let upload = self.begin(slot, feed, label, piece.sequence, open.get(&slot))?;
            open.insert(slot, upload);
        }
        let Some(upload) = open.get_mut(&slot) else { return Err(Refused::Taken) };
        note_clock(&upload.clock, &piece, arrival);
        upload.newest = arrival;
        let (sequence, sender) = (piece.sequence, upload.sender);
        let chunk = chunks::Chunk { sequence, timestamp_ms: piece.timestamp_ms, arrival, mime: piece.mime, data: piece.data };
        match upload.stream.push(chunk) {
            Ok(()) | Err(chunks::Refusal::Late) => {}
            Err(chunks::Refusal::Broken(reason)) => {
                // The place stays the phone's own; its next recording begins a stream of its own.
                open.remove(&slot);
                feed.holder().release(sender);
                return Err(Refused::StartAnew(format!("Begin a new recording: {reason}.")));
            }
            Err(error) => return Err(Refused::Useless(format!("{error}."))),
        }
        upload.next = sequence.saturating_add(1);
        Ok(if known { Taken::More } else { Taken::Joined(sender) })
    }

    /// The piece that is wanted next.
    pub fn next(&self, slot: SlotId) -> u64 {
        lock(&self.open).get(&slot).map_or(0, |upload| upload.next)
    }

    fn begin(&self, slot: SlotId, feed: &Arc<Feed>, label: &str, first: u64, before: Option<&Upload>) -> Result<Upload, Refused> {
        let sender = Sender::fresh();
        // The same phone that comes back takes its own place.
        let own = before.is_some_and(|upload| upload.label == label && feed.holder().is(upload.sender));
        if own || !feed.is_taken(self.clock.now()) {
            feed.take_over(sender);
        } else if !feed.claim(sender) {
            return Err(Refused::Taken);
        }
        let clock = Arc::new(Mutex::new(RemoteClock::new()));
        let estimate = Arc::clone(&clock);
        let config = chunks::Config {
            source: slot,
            clock: Box::new(move |stamp| {
                let capture = lock(&estimate).to_media(stamp.phone.0).unwrap_or(stamp.arrival);
                capture.min(stamp.arrival)
            }),
        };
        let feed = Arc::clone(feed);
        let stream = ChunkStream::start(config, move |event| {
            if let chunks::Event::Unit(unit) = event {
                feed.push_from(sender, unit);
            }
        });
        Ok(Upload { sender, label: label.to_owned(), stream, clock, newest: self.clock.now(), next: first })
    }

    /// Ends an upload of `label`'s; the sender that held the feed.
    pub fn end(&self, slot: SlotId, label: &str) -> Option<Sender> {
        let mut open = lock(&self.open);
        open.get(&slot).filter(|upload| upload.label == label)?;
        open.remove(&slot).map(|upload| upload.sender)
    }

    /// Ends what fell silent.
    pub fn expire(&self) -> Vec<(SlotId, Sender)> {
        let now = self.clock.now();
        let mut open = lock(&self.open);
        let silent: Vec<SlotId> = open.iter().filter(|(_, upload)| now - upload.newest > SILENT_AFTER).map(|(slot, _)| *slot).collect();
        silent.into_iter().filter_map(|slot| Some((slot, open.remove(&slot)?.sender))).collect()
    }

    /// What is known of an upload's clock.
    pub fn clock_of(&self, slot: SlotId) -> Option<tl_base::clock_sync::ClockState> {
        let open = lock(&self.open);
        let clock = Arc::clone(&open.get(&slot)?.clock);
        drop(open);
        lock(&clock).state()
    }
}

fn note_clock(clock: &Mutex<RemoteClock>, piece: &Piece, arrival: MediaTime) {
    let Some(sent) = piece.sent_ms.filter(|sent| sent.is_finite()) else { return };
    let mut clock = lock(clock);
    match piece.offset_ms.filter(|(offset, trip)| offset.is_finite() && (0.0..5_000.0).contains(trip)) {
        // The phone asked for the time: its moment `sent` was the studio's `sent + offset`, give or take half the trip.
        Some((offset, trip)) => {
            let middle = MediaTime(nanos(sent + offset));
            let half = MediaTime(nanos(trip / 2.0));
            clock.note_ping(middle - half, nanos(sent), middle + half);
        }
        None => clock.note_arrival(nanos(sent), arrival),
    }
}
