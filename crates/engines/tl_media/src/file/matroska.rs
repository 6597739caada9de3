//! What a Matroska or WebM file holds, and how much of it is whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tl_base::MediaTime;

use crate::Error;
use crate::file::ebml::{self, BlockHead, Header, MAX_HEADER_BYTES, Read as Found, id};

/// The largest information and track lists taken; real ones are a few hundred bytes.
const MAX_LIST_BYTES: u64 = 1 << 20;
/// Elements in a row that are looked at: a day of pictures and sound.
const MAX_ELEMENTS: u64 = 20 << 20;
/// Tracks that are counted.
const MAX_TRACKS: usize = 64;
/// Bytes read at a time.
const WINDOW_BYTES: usize = 256 << 10;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    /// Bytes up to the end of the last whole cluster, or other whole element of the segment.
    pub(crate) whole_bytes: u64,
    pub(crate) file_bytes: u64,
    /// Where the segment's size is written and how wide, and where its contents begin.
    pub(crate) segment: Option<(u64, usize, u64)>,
    /// Whether the segment's size is the file's.
    pub(crate) sized: bool,
    /// Where the duration is written and how wide.
    pub(crate) duration: Option<(u64, usize)>,
    /// Nanoseconds of a tick.
    pub(crate) scale: u64,
    pub(crate) tracks: Vec<TrackScan>,
}

/// One track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackScan {
    pub(crate) number: u64,
    /// 1 pictures, 2 sound.
    pub(crate) kind: u64,
    pub(crate) codec: String,
    pub(crate) blocks: u64,
    pub(crate) first: Option<MediaTime>,
    pub(crate) last: Option<MediaTime>,
}

/// Whether a file begins like Matroska.
pub(crate) fn is_matroska(path: &Path) -> Result<bool, Error> {
    let mut first = [0; 4];
    let mut file = File::open(path).map_err(Error::file("open", path))?;
    Ok(file.read_exact(&mut first).is_ok() && first == id::HEADER.to_be_bytes())
}

/// Reads a file from front to back, ending where it is torn.
pub(crate) fn scan(path: &Path) -> Result<Scan, Error> {
    let failed = || Error::file("read", path);
    let file = File::open(path).map_err(Error::file("open", path))?;
    let file_bytes = file.metadata().map_err(failed())?.len();
    let mut walker = Walker { file, file_bytes, at: 0, window: Vec::new(), window_at: 0 };
    let mut found = Scan { file_bytes, scale: 1_000_000, ..Scan::default() };
    walk(&mut walker, &mut found).map_err(failed())?;
    if found.segment.is_none() || found.tracks.is_empty() {
        return Err(Error::Content { what: "no readable track list".to_owned(), path: path.to_path_buf() });
    }
    Ok(found)
}

fn walk(walker: &mut Walker, found: &mut Scan) -> std::io::Result<()> {
    for _ in 0..MAX_ELEMENTS {
        let start = walker.at;
        let Some(header) = walker.header()? else { return Ok(()) };
        let body_at = start + header.header_bytes as u64;
        let end = header.size.and_then(|size| body_at.checked_add(size));
        let is_whole = end.is_some_and(|end| end <= walker.file_bytes);
        match header.id {
            id::SEGMENT if found.segment.is_none() => {
                let width = header.header_bytes - 4;
                found.segment = Some((start + 4, width, body_at));
                found.sized = end == Some(walker.file_bytes);
                walker.at = body_at;
            }
            // A second segment, or what stands in none.
            id::SEGMENT => return Ok(()),
            id::CLUSTER => {
                walker.at = body_at;
                if !read_cluster(walker, found, end.unwrap_or(walker.file_bytes), is_whole)? {
                    return Ok(());
                }
                found.whole_bytes = walker.at;
            }
            _ if !is_whole || (found.segment.is_none() && header.id != id::HEADER) => return Ok(()),
            _ => {
                let size = header.size.unwrap_or(0);
                if matches!(header.id, id::INFO | id::TRACKS) && size <= MAX_LIST_BYTES {
                    let body = walker.bytes(body_at, usize::try_from(size).unwrap_or(0))?;
                    note_list(found, header.id, body_at, &body);
                }
                walker.at = body_at + size;
                found.whole_bytes = walker.at;
            }
        }
    }
    Ok(())
}

fn note_list(found: &mut Scan, list: u32, body_at: u64, body: &[u8]) {
    if list == id::INFO {
        found.scale = ebml::child(body, id::TIMESTAMP_SCALE).and_then(ebml::unsigned).filter(|scale| *scale > 0).unwrap_or(1_000_000);
        // Where a child lies is told by where its slice begins in the body's.
        let offset = |child: &[u8]| (child.as_ptr() as usize).saturating_sub(body.as_ptr() as usize) as u64;
        found.duration = ebml::child(body, id::DURATION).map(|child| (body_at + offset(child), child.len()));
        return;
    }
    let entries = ebml::children(body).filter(|(id, _)| *id == id::TRACK_ENTRY).take(MAX_TRACKS);
    let tracks = entries.filter_map(|(_, entry)| {
        let number = |id| ebml::child(entry, id).and_then(ebml::unsigned);
        let codec = String::from_utf8_lossy(ebml::child(entry, id::CODEC_ID)?.get(..32.min(ebml::child(entry, id::CODEC_ID)?.len()))?).into_owned();
        Some(TrackScan { number: number(id::TRACK_NUMBER)?, kind: number(id::TRACK_TYPE)?, codec, blocks: 0, first: None, last: None })
    });
    found.tracks = tracks.collect();
}

/// Steps through a cluster; false where it is torn. What a torn cluster holds is not counted.
fn read_cluster(walker: &mut Walker, found: &mut Scan, end: u64, is_whole: bool) -> std::io::Result<bool> {
    let mut timestamp = 0_u64;
    let known_size = end < walker.file_bytes || is_whole;
    let before = found.tracks.clone();
    for _ in 0..MAX_ELEMENTS {
        if walker.at >= end {
            return Ok(is_whole || !known_size);
        }
        let start = walker.at;
        let Some(header) = walker.header()? else { break };
        if id::TOP.contains(&header.id) || header.id == id::SEGMENT {
            // A cluster of unknown size ends where the next element of the segment begins.
            return Ok(!is_whole);
        }
        let body_at = start + header.header_bytes as u64;
        let Some(next) = header.size.and_then(|size| body_at.checked_add(size)).filter(|next| *next <= end.min(walker.file_bytes)) else { break };
        match header.id {
            id::TIMESTAMP if next - body_at <= 8 => {
                timestamp = ebml::unsigned(&walker.bytes(body_at, (next - body_at) as usize)?).unwrap_or(0);
            }
            id::SIMPLE_BLOCK => note_block(found, timestamp, &walker.bytes(body_at, 12.min((next - body_at) as usize))?),
            id::BLOCK_GROUP => {
                // The block stands first in its group.
                let front = walker.bytes(body_at, 24.min((next - body_at) as usize))?;
                if let Found::Header(inner) = ebml::header(&front)
                    && inner.id == id::BLOCK
                {
                    note_block(found, timestamp, front.get(inner.header_bytes..).unwrap_or_default());
                }
            }
            _ => {}
        }
        walker.at = next;
    }
    found.tracks = before;
    Ok(false)
}

fn note_block(found: &mut Scan, timestamp: u64, front: &[u8]) {
    let Some(head) = BlockHead::read(front) else { return };
    let ticks = i64::try_from(timestamp).unwrap_or(i64::MAX).saturating_add(i64::from(head.relative));
    let at = MediaTime(ticks.saturating_mul(i64::try_from(found.scale).unwrap_or(1_000_000)));
    if let Some(track) = found.tracks.iter_mut().find(|track| track.number == head.track) {
        track.blocks += 1;
        track.first = Some(track.first.map_or(at, |first| first.min(at)));
        track.last = Some(track.last.map_or(at, |last| last.max(at)));
    }
}

/// Steps through a file's elements with few reads.
struct Walker {
    file: File,
    file_bytes: u64,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Walker {
    /// The header at the current place; none at the end and where no header is.
    fn header(&mut self) -> std::io::Result<Option<Header>> {
        let left = usize::try_from(self.file_bytes.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let bytes = self.bytes(self.at, left.min(MAX_HEADER_BYTES))?;
        Ok(match ebml::header(&bytes) {
            Found::Header(header) => Some(header),
            Found::Short | Found::Broken => None,
        })
    }

    /// Bytes that the file has.
    fn bytes(&mut self, at: u64, count: usize) -> std::io::Result<Vec<u8>> {
        let inside = at.checked_sub(self.window_at).and_then(|start| usize::try_from(start).ok()).filter(|start| start + count <= self.window.len());
        if let Some(start) = inside {
            return Ok(self.window.get(start..start + count).unwrap_or_default().to_vec());
        }
        let left = usize::try_from(self.file_bytes.saturating_sub(at)).unwrap_or(usize::MAX);
        self.window.resize(left.min(WINDOW_BYTES.max(count)), 0);
        self.window_at = at;
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut self.window)?;
        Ok(self.window.get(..count).unwrap_or_default().to_vec())
    }
}
