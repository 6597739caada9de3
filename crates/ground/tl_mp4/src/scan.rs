//! What a file holds, and how much of it is whole.
//!
//! A file is read from front to back. A box that is cut off, out of place or contradicts itself ends the scan: what lies
//! before it is whole, what lies behind it was lost.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;
use crate::boxes::{Header, header};
use crate::inspect::{Fragment, Movie, fragment, movie};

/// The largest movie header taken: hours of a file with its samples in tables stay below it.
const MAX_MOOV_BYTES: u64 = 16 << 20;
/// The largest fragment header taken: tens of thousands of samples.
const MAX_MOOF_BYTES: u64 = 2 << 20;
/// Bytes read at a time to look at headers.
const WINDOW_BYTES: u64 = 64 << 10;
/// Boxes in a row that are looked at; a day of half-second fragments needs a third of it.
const MAX_BOXES: u32 = 1 << 20;
/// Boxes that may stand at the top of a file beside those that are read.
const SKIPPED: [&[u8; 4]; 11] = [b"ftyp", b"styp", b"sidx", b"free", b"skip", b"wide", b"mfra", b"emsg", b"prft", b"uuid", b"mdat"];

/// Which codec a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigKind {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// AAC.
    Aac,
    /// Opus.
    Opus,
    /// Anything else, by the four characters of its sample entry.
    Other([u8; 4]),
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Bytes from the start up to the end of the last whole box.
    pub whole_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes up to the end of the movie header.
    pub init_bytes: u64,
    /// Whether the movie header announces fragments.
    pub fragmented: bool,
    /// Whole fragments.
    pub fragments: u32,
    /// In the order of the movie header.
    pub tracks: Vec<TrackScan>,
}

/// What one track holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackScan {
    /// Track id.
    pub id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// Codec.
    pub config_kind: ConfigKind,
    /// Decode time of the first sample, ticks.
    pub first_decode_time: u64,
    /// Decode time at which the last sample ends, ticks.
    pub end_decode_time: u64,
    /// Samples in whole fragments (or in the header's tables).
    pub samples: u64,
}

/// Scans the file at `path`.
pub fn scan(path: &Path) -> Result<Scan, Error> {
    let file = File::open(path)?;
    let file_bytes = file.metadata()?.len();
    scan_reader(file, file_bytes)
}

/// Scans a file that is in memory.
pub fn scan_bytes(bytes: &[u8]) -> Result<Scan, Error> {
    scan_reader(Cursor::new(bytes), bytes.len() as u64)
}

fn scan_reader<R: Read + Seek>(reader: R, file_bytes: u64) -> Result<Scan, Error> {
    let (mut reader, init_bytes) = Reader::open(reader, file_bytes)?;
    let track = |track: &crate::inspect::MovieTrack| TrackScan {
        id: track.id,
        timescale: track.timescale,
        config_kind: kind_of(track.entry),
        first_decode_time: 0,
        end_decode_time: track.table_duration,
        samples: track.table_samples,
    };
    let mut found = Scan {
        whole_bytes: 0,
        file_bytes,
        init_bytes,
        fragmented: reader.movie().fragmented,
        fragments: 0,
        tracks: reader.movie().tracks.iter().map(track).collect(),
    };
    while let Some(at) = reader.next_fragment()? {
        found.fragments += 1;
        for run in &at.fragment.runs {
            let Some(track) = found.tracks.iter_mut().find(|track| track.id == run.track_id) else { continue };
            let start = run.base_decode_time.unwrap_or(track.end_decode_time);
            if track.samples == 0 {
                track.first_decode_time = start;
            }
            track.samples = track.samples.saturating_add(run.samples);
            track.end_decode_time = track.end_decode_time.max(start.saturating_add(run.duration));
        }
    }
    found.whole_bytes = reader.whole_bytes();
    Ok(found)
}

fn kind_of(entry: [u8; 4]) -> ConfigKind {
    match &entry {
        b"avc1" | b"avc3" => ConfigKind::H264,
        b"hvc1" | b"hev1" => ConfigKind::H265,
        b"vp09" => ConfigKind::Vp9,
        b"av01" => ConfigKind::Av1,
        b"mp4a" => ConfigKind::Aac,
        b"Opus" => ConfigKind::Opus,
        _ => ConfigKind::Other(entry),
    }
}

/// A whole fragment and where it lies.
pub(crate) struct FragmentAt {
    /// The bytes of the `moof`, header included.
    pub moof: Vec<u8>,
    /// Bytes of the `moof`'s header.
    pub moof_header_bytes: u64,
    /// Where the `mdat` starts, header included, bytes from the start of the file.
    pub mdat_at: u64,
    /// Bytes of the `mdat`, header included.
    pub mdat_bytes: u64,
    pub fragment: Fragment,
}

/// Steps through the top boxes of a file.
pub(crate) struct Reader<R> {
    inner: R,
    file_bytes: u64,
    at: u64,
    boxes: u32,
    movie: Movie,
    /// Bytes of the file around the current place, so that many small boxes cost few reads.
    window: Vec<u8>,
    window_at: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads up to the end of the movie header; also says where that is.
    pub fn open(inner: R, file_bytes: u64) -> Result<(Self, u64), Error> {
        let nothing = Movie { tracks: Vec::new(), fragmented: false };
        let mut reader = Self::resume(inner, file_bytes, nothing);
        loop {
            let Some((header, total)) = reader.peek()? else {
                return Err(Error::NoHeader("file ends before it"));
            };
            if header.kind == *b"moov" {
                let body = reader.body(total, MAX_MOOV_BYTES)?.ok_or(Error::NoHeader("too large"))?;
                reader.movie = movie(body.get(header.header_bytes as usize..).unwrap_or_default())?;
                reader.at += total;
                let init_bytes = reader.at;
                return Ok((reader, init_bytes));
            }
            if !SKIPPED.contains(&&header.kind) {
                return Err(Error::NoHeader("not an ISO media file"));
            }
            reader.at += total;
        }
    }

    /// Steps through media that belongs to a movie header read elsewhere.
    pub fn resume(inner: R, file_bytes: u64, movie: Movie) -> Self {
        Self { inner, file_bytes, at: 0, boxes: 0, movie, window: Vec::new(), window_at: 0 }
    }

    /// What the movie header says.
    pub fn movie(&self) -> &Movie {
        &self.movie
    }

    /// The end of the last whole box.
    pub fn whole_bytes(&self) -> u64 {
        self.at
    }

    /// The reader underneath, to copy from.
    pub fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The next whole fragment; none at the end or where the file is torn.
    pub fn next_fragment(&mut self) -> Result<Option<FragmentAt>, Error> {
        while let Some((header, total)) = self.peek()? {
            if header.kind == *b"moof" {
                let found = self.read_fragment(header, total)?;
                if let Some(found) = &found {
                    self.at = found.mdat_at + found.mdat_bytes;
                }
                return Ok(found);
            }
            if !SKIPPED.contains(&&header.kind) {
                return Ok(None);
            }
            self.at += total;
        }
        Ok(None)
    }

    fn read_fragment(&mut self, header: Header, total: u64) -> Result<Option<FragmentAt>, Error> {
        let start = self.at;
        let Some(moof) = self.body(total, MAX_MOOF_BYTES)? else { return Ok(None) };
        let body = moof.get(header.header_bytes as usize..).unwrap_or_default();
        let Ok(mut fragment) = fragment(body, header.header_bytes, start, &self.movie) else { return Ok(None) };
        self.at = start + total;
        let next = self.peek()?;
        self.at = start;
        let Some((mdat, mdat_bytes)) = next.filter(|(next, _)| next.kind == *b"mdat") else { return Ok(None) };
        // Data of every sample must lie within this mdat, or the fragment says what is not there.
        let payload = total + mdat.header_bytes..total + mdat_bytes;
        let inside = |run: &crate::inspect::FragmentRun| run.samples == 0 || (run.data.start >= payload.start && run.data.end <= payload.end);
        if !fragment.runs.iter().all(inside) {
            return Ok(None);
        }
        fragment.bytes = total + mdat_bytes;
        Ok(Some(FragmentAt { moof, moof_header_bytes: header.header_bytes, mdat_at: start + total, mdat_bytes, fragment }))
    }

    /// The header of the box at the current place and its size; none unless the whole box is there.
    fn peek(&mut self) -> Result<Option<(Header, u64)>, Error> {
        self.boxes += 1;
        let left = self.file_bytes.saturating_sub(self.at);
        if left < 8 || self.boxes > MAX_BOXES {
            return Ok(None);
        }
        let found = header(self.look(left.min(16) as usize)?);
        // A box that reaches to the end cannot be told from one that was cut off.
        Ok(found.and_then(|header| Some((header, header.total_bytes?))).filter(|(_, total)| *total <= left))
    }

    /// The next `count` bytes, at most [`WINDOW_BYTES`].
    fn look(&mut self, count: usize) -> Result<&[u8], Error> {
        let within = |window_at: u64, at: u64| usize::try_from(at.checked_sub(window_at)?).ok();
        let held = within(self.window_at, self.at).is_some_and(|start| start + count <= self.window.len());
        if !held {
            let want = self.file_bytes.saturating_sub(self.at).min(WINDOW_BYTES);
            self.window.resize(want as usize, 0);
            self.inner.seek(SeekFrom::Start(self.at))?;
            self.inner.read_exact(&mut self.window)?;
            self.window_at = self.at;
        }
        let start = within(self.window_at, self.at).unwrap_or(0);
        Ok(self.window.get(start..start + count).unwrap_or_default())
    }

    /// All bytes of the box at the current place, which is whole; none when it is larger than `limit`.
    fn body(&mut self, total: u64, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        if total > limit {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(total).unwrap_or(0)];
        self.inner.seek(SeekFrom::Start(self.at))?;
        self.inner.read_exact(&mut bytes)?;
        Ok(Some(bytes))
    }
}
