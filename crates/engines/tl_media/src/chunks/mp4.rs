//! A live stream of MP4 fragments, read as its bytes come; a sample leaves as soon as its own bytes are there.

use std::collections::VecDeque;

use bytes::Bytes;

use tl_base::MediaTime;
use tl_frame::Codec;
use tl_mp4::TrackConfig;
use tl_mp4::live::{BoxHead, LiveMovie, LiveSample, LiveTrack, MAX_HEAD_BYTES, box_head};

use crate::chunks::build::{Sample, Track};
use crate::chunks::{Found, Waiting};

/// The largest sample taken: one picture.
const MAX_SAMPLE_BYTES: u64 = 6 << 20;
/// Bytes of a box header with a long size.
const LONG_HEAD_BYTES: usize = 16;

#[derive(Default)]
pub(super) struct Mp4 {
    waiting: Waiting,
    movie: Option<LiveMovie>,
    tracks: Vec<LiveTrack>,
    /// Samples that the newest fragment header announced and whose bytes are not there yet, in the order in which they lie.
    announced: VecDeque<LiveSample>,
    /// Bytes from the start of that header to the front of what waits.
    passed: u64,
    /// Bytes left of the box of media that is open.
    open: u64,
    /// Bytes are missing; the next fragment is looked for.
    lost: bool,
}

impl Mp4 {
    /// Reads on as far as the bytes reach.
    pub(super) fn push(&mut self, data: &[u8], found: &mut Vec<Found>) -> Result<(), &'static str> {
        self.waiting.add(data)?;
        if self.lost && !self.find_fragment() {
            return Ok(());
        }
        loop {
            let goes_on = if self.open > 0 { self.media(found)? } else { self.next_box(found)? };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Bytes are missing from here on.
    pub(super) fn lose(&mut self) -> Result<(), &'static str> {
        self.waiting.clear();
        self.announced.clear();
        self.open = 0;
        self.lost = true;
        if self.movie.is_some() { Ok(()) } else { Err("the recording's track list is missing") }
    }

    /// Reads the box at the front; false when more bytes are needed.
    fn next_box(&mut self, found: &mut Vec<Found>) -> Result<bool, &'static str> {
        let bytes = self.waiting.get();
        let Some(head) = box_head(bytes) else {
            return if bytes.len() < LONG_HEAD_BYTES { Ok(false) } else { Err("no box where one should be") };
        };
        let total = head.total_bytes.ok_or("a box without a size")?;
        match &head.kind {
            b"moov" | b"moof" => {
                if total > MAX_HEAD_BYTES {
                    return Err("a header is too large");
                }
                let whole = usize::try_from(total).unwrap_or(usize::MAX);
                let Some(whole) = bytes.get(..whole) else { return Ok(false) };
                let whole = whole.to_vec();
                self.head(head, &whole, found)?;
                self.waiting.pass(total);
            }
            b"mdat" => {
                self.waiting.pass(head.header_bytes);
                self.passed = self.passed.saturating_add(head.header_bytes);
                self.open = total - head.header_bytes;
            }
            _ => {
                self.waiting.pass(total);
                self.passed = self.passed.saturating_add(total);
            }
        }
        Ok(true)
    }

    fn head(&mut self, head: BoxHead, whole: &[u8], found: &mut Vec<Found>) -> Result<(), &'static str> {
        if head.kind == *b"moov" {
            let movie = LiveMovie::read(whole).map_err(|_| "the track list cannot be read")?;
            self.tracks = movie.tracks().collect();
            let tracks: Vec<Track> = self.tracks.iter().filter_map(track).collect();
            if tracks.is_empty() {
                return Err("no track that is read here");
            }
            self.movie = Some(movie);
            found.push(Found::Tracks(tracks));
            return Ok(());
        }
        let movie = self.movie.as_ref().ok_or("a fragment without a track list")?;
        let samples = movie.samples(whole).map_err(|_| "a fragment's header cannot be read")?;
        self.announced = samples.into();
        self.passed = whole.len() as u64;
        Ok(())
    }

    /// Hands out the next sample of the open box, or passes over what no sample claims; false when more bytes are needed.
    fn media(&mut self, found: &mut Vec<Found>) -> Result<bool, &'static str> {
        let Some(next) = self.announced.front().filter(|next| next.data.start < self.passed.saturating_add(self.open)) else {
            self.pass(self.open);
            return Ok(true);
        };
        if next.data.start < self.passed {
            // Samples that share bytes, or that lie in a header.
            return Err("samples lie over each other");
        }
        let (gap, size) = (next.data.start - self.passed, next.data.end - next.data.start);
        if size > MAX_SAMPLE_BYTES || gap + size > self.open {
            return Err("a sample reaches out of its box");
        }
        if gap > 0 {
            self.pass(gap);
            return Ok(true);
        }
        let Some(data) = self.waiting.get().get(..usize::try_from(size).unwrap_or(usize::MAX)) else { return Ok(false) };
        let data = Bytes::copy_from_slice(data);
        if let Some(sample) = self.announced.pop_front() {
            found.extend(self.sample(&sample, data));
        }
        self.pass(size);
        Ok(true)
    }

    fn pass(&mut self, bytes: u64) {
        self.waiting.pass(bytes);
        self.passed = self.passed.saturating_add(bytes);
        self.open -= bytes.min(self.open);
    }

    fn sample(&self, sample: &LiveSample, data: Bytes) -> Option<Found> {
        let track = self.tracks.iter().find(|track| track.id == sample.track_id)?;
        let time = |ticks: i128| i64::try_from(ticks * 1_000_000_000 / i128::from(track.timescale)).ok().map(MediaTime);
        let dts = time(i128::from(sample.decode_time))?;
        let pts = time(i128::from(sample.decode_time) + i128::from(sample.offset))?;
        Some(Found::Sample(Sample { track: track.id.into(), pts, dts, data }))
    }

    /// Looks for a fragment's header; true when one lies at the front now.
    fn find_fragment(&mut self) -> bool {
        let bytes = self.waiting.get();
        let is_fragment = |window: &[u8]| {
            let sized = box_head(window).is_some_and(|head| head.total_bytes.is_some_and(|total| total <= MAX_HEAD_BYTES));
            // The sequence number's box stands first in every fragment's header, 16 bytes long.
            sized && window.get(4..8) == Some(b"moof") && window.get(8..16) == Some(b"\0\0\0\x10mfhd")
        };
        let at = (0..bytes.len()).find(|at| bytes.get(at + 4..at + 5) == Some(b"m") && bytes.get(*at..).is_some_and(is_fragment));
        match at {
            Some(at) => {
                self.waiting.pass(at as u64);
                self.lost = false;
                true
            }
            None => {
                self.waiting.pass(bytes.len().saturating_sub(LONG_HEAD_BYTES) as u64);
                false
            }
        }
    }
}

/// A track that can become units.
fn track(track: &LiveTrack) -> Option<Track> {
    let (codec, nal_length_bytes) = match (&track.entry, &track.config) {
        (b"avc1" | b"avc3", _) => (Codec::H264, track.nal_length_bytes),
        (b"hvc1" | b"hev1", _) => (Codec::H265, track.nal_length_bytes),
        (b"vp08", _) => (Codec::Vp8, 0),
        (b"vp09", _) => (Codec::Vp9, 0),
        (b"av01", _) => (Codec::Av1, 0),
        (_, Some(TrackConfig::Opus { .. })) => (Codec::Opus, 0),
        (_, Some(TrackConfig::Aac { .. } | TrackConfig::SourceAac { .. })) => (Codec::AacAdts, 0),
        _ => return None,
    };
    Some(Track { number: track.id.into(), codec, config: track.config.clone(), nal_length_bytes })
}
