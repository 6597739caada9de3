//! Several parts of one recording to one file, without touching a sample.
//!
//! The parts' fragments are copied one after the other; only their sequence numbers and decode times are rewritten, in
//! place. Where a part starts later than the one before ended, the gap stays a gap. Where it would start earlier, it is
//! moved behind: times never run backwards.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tl_base::MediaTime;

use crate::Error;
use crate::boxes::children;
use crate::scan::{FragmentAt, Reader};

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 << 10;

/// How joining ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The file is there.
    Joined,
    /// The parts' tracks or codec configurations differ, so one movie header cannot describe them; nothing was written.
    ConfigsDiffer,
}

/// Writes the whole fragments of `parts` to `out`. `offsets` says for each part where its zero lies in the joined file.
/// Written under a temporary name beside `out`, synced, then renamed: `out` is either whole or not there.
pub fn join(parts: &[PathBuf], offsets: &[MediaTime], out: &Path) -> Result<Join, Error> {
    if parts.is_empty() || parts.len() != offsets.len() {
        return Err(Error::Arguments { parts: parts.len(), offsets: offsets.len() });
    }
    let head = head_bytes(parts)?;
    let Some(head) = head else { return Ok(Join::ConfigsDiffer) };
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".joining");
    let temporary = out.with_file_name(name);
    let written = write(&head, parts, offsets, &temporary).and_then(|()| fs::rename(&temporary, out).map_err(Error::from));
    if written.is_err() && fs::remove_file(&temporary).is_err() {
        tl_base::tracing::warn!("a half-written file could not be removed: {}", temporary.display());
    }
    written?;
    sync_folder(out)?;
    Ok(Join::Joined)
}

/// Everything up to the end of the movie header when it is the same in all parts.
fn head_bytes(parts: &[PathBuf]) -> Result<Option<Vec<u8>>, Error> {
    let mut first: Option<Vec<u8>> = None;
    for part in parts {
        let mut file = File::open(part)?;
        let file_bytes = file.metadata()?.len();
        let (_, init_bytes) = Reader::open(&file, file_bytes)?;
        // The reader has held the movie header to its limit; what stands in front of it is copied with it.
        if init_bytes > 17 << 20 {
            return Err(Error::TooLarge { what: "movie header", size: init_bytes });
        }
        let mut head = vec![0; usize::try_from(init_bytes).unwrap_or(0)];
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut head)?;
        match &first {
            Some(other) if *other != head => return Ok(None),
            Some(_) => {}
            None => first = Some(head),
        }
    }
    Ok(first)
}

fn write(head: &[u8], parts: &[PathBuf], offsets: &[MediaTime], path: &Path) -> Result<(), Error> {
    let mut out = BufWriter::with_capacity(COPY_BYTES, File::create(path)?);
    out.write_all(head)?;
    let mut joined = Joined { sequence: 0, ends: Vec::new() };
    for (part, offset) in parts.iter().zip(offsets) {
        joined.append(part, *offset, &mut out)?;
    }
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(())
}

/// What has been written so far.
struct Joined {
    sequence: u32,
    /// Track id and the decode time at which it ends, ticks.
    ends: Vec<(u32, u64)>,
}

impl Joined {
    fn append(&mut self, part: &Path, offset: MediaTime, out: &mut impl Write) -> Result<(), Error> {
        let file = File::open(part)?;
        let file_bytes = file.metadata()?.len();
        let (mut reader, _) = Reader::open(file, file_bytes)?;
        let timescales: Vec<(u32, u32)> = reader.movie().tracks.iter().map(|track| (track.id, track.timescale)).collect();
        let mut shift_nanos = None;
        while let Some(mut at) = reader.next_fragment()? {
            // The first fragment decides by how much the whole part moves, so that its tracks stay together.
            let nanos = *shift_nanos.get_or_insert_with(|| self.shift(&at, &timescales, offset));
            self.sequence = self.sequence.saturating_add(1);
            self.rewrite(&mut at, &timescales, nanos)?;
            out.write_all(&at.moof)?;
            reader.inner_mut().seek(SeekFrom::Start(at.mdat_at))?;
            let mut mdat = BufReader::with_capacity(COPY_BYTES, Read::take(reader.inner_mut(), at.mdat_bytes));
            let copied = io::copy(&mut mdat, out)?;
            if copied != at.mdat_bytes {
                return Err(Error::Io(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }

    /// The part's offset, raised by what its first fragment would overlap with what is written.
    fn shift(&self, at: &FragmentAt, timescales: &[(u32, u32)], offset: MediaTime) -> i128 {
        let overlap = |run: &crate::inspect::FragmentRun| {
            let timescale = timescale_of(timescales, run.track_id)?;
            let end = self.ends.iter().find(|(id, _)| *id == run.track_id)?.1;
            let start = i128::from(run.base_decode_time?) + to_ticks(i128::from(offset.0), timescale);
            Some(to_nanos((i128::from(end) - start).max(0), timescale))
        };
        i128::from(offset.0) + at.fragment.runs.iter().filter_map(overlap).max().unwrap_or(0)
    }

    /// Writes the new sequence number and decode times into the `moof`.
    fn rewrite(&mut self, at: &mut FragmentAt, timescales: &[(u32, u32)], shift_nanos: i128) -> Result<(), Error> {
        let header = at.moof_header_bytes as usize;
        let mfhd = children(at.moof.get(header..).unwrap_or_default()).find(|part| part.kind == *b"mfhd").map(|part| part.body_at + header + 4);
        put(&mut at.moof, mfhd, &self.sequence.to_be_bytes())?;
        for run in &at.fragment.runs {
            let (Some(time), Some((field, wide)), Some(timescale)) = (run.base_decode_time, run.time_field, timescale_of(timescales, run.track_id)) else {
                return Err(Error::Malformed { kind: "tfdt", reason: "missing" });
            };
            let known = self.ends.iter_mut().find(|(id, _)| *id == run.track_id);
            let moved = u64::try_from(i128::from(time) + to_ticks(shift_nanos, timescale)).map_err(|_| Error::TimeRange)?;
            // Rounding of the shift may leave a tick of overlap.
            let moved = moved.max(known.as_ref().map_or(0, |(_, end)| *end));
            if wide {
                put(&mut at.moof, Some(field + header), &moved.to_be_bytes())?;
            } else {
                let narrow = u32::try_from(moved).map_err(|_| Error::TimeRange)?;
                put(&mut at.moof, Some(field + header), &narrow.to_be_bytes())?;
            }
            let end = moved.checked_add(run.duration).ok_or(Error::TimeRange)?;
            match known {
                Some(known) => known.1 = end,
                None => self.ends.push((run.track_id, end)),
            }
        }
        Ok(())
    }
}

fn put(bytes: &mut [u8], at: Option<usize>, value: &[u8]) -> Result<(), Error> {
    let field = at.and_then(|at| bytes.get_mut(at..at.checked_add(value.len())?)).ok_or(Error::Malformed { kind: "moof", reason: "cut off" })?;
    field.copy_from_slice(value);
    Ok(())
}

fn timescale_of(timescales: &[(u32, u32)], track_id: u32) -> Option<u32> {
    timescales.iter().find(|(id, _)| *id == track_id).map(|(_, timescale)| *timescale)
}

/// Rounded to the nearest tick.
fn to_ticks(nanos: i128, timescale: u32) -> i128 {
    (nanos * i128::from(timescale) + 500_000_000).div_euclid(1_000_000_000)
}

/// Rounded up, so that what was moved by it lies behind.
fn to_nanos(ticks: i128, timescale: u32) -> i128 {
    let timescale = i128::from(timescale.max(1));
    (ticks * 1_000_000_000 + timescale - 1).div_euclid(timescale)
}

/// A rename is durable once its folder is.
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Windows cannot open folders; there the rename itself is as durable as it gets.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
