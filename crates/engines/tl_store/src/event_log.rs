//! The append-only log of a session: one event a line, `<crc32c in 8 hex> <json>`.
//!
//! A crash may tear the last line; it is cut off and kept beside the log. A line that was damaged later is told and
//! skipped, and a copy of the log is kept. Events before and behind it are replayed.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tl_wire::Event;

use crate::checksum::crc32c;
use crate::{Error, files, random_token};

/// The longest line, bytes: an event holds words of people, not media.
pub const MAX_LINE_BYTES: usize = 64 << 10;

/// The most events of one session; a long game has some thousands.
pub const MAX_EVENTS: usize = 1_000_000;

/// An open log. One thread owns it.
pub struct EventLog {
    file: File,
    path: PathBuf,
    /// Length up to the end of the last whole line, bytes.
    len: u64,
    last_seq: u64,
    session: String,
    unsynced: bool,
}

impl EventLog {
    /// Opens (or begins) `events.jsonl` in a session's folder: the log, its events in order, and what was wrong with it.
    pub fn open(folder: &Path, session: &str) -> Result<(Self, Vec<Event>, Vec<String>), Error> {
        files::make_folder(folder)?;
        let path = folder.join("events.jsonl");
        let fresh = !path.exists();
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(Error::io("open", &path))?;
        if fresh {
            files::sync_folder(folder)?;
        }
        let mut found = scan(&file, &path, session)?;
        if found.damaged > 0 {
            let copy = folder.join(format!("events.damaged-{}.jsonl", random_token(6)?));
            fs::copy(&path, &copy).map_err(Error::io("copy", &path))?;
            found.problems.push(format!("the log as it was found is kept as {}", copy.display()));
        }
        if !found.torn.is_empty() {
            let kept = folder.join(format!("events.torn-{}", random_token(6)?));
            files::write_atomic(&kept, &[&found.torn], files::Privacy::Open)?;
            file.set_len(found.len).and_then(|()| file.sync_all()).map_err(Error::io("cut the torn end of", &path))?;
            found.problems.push(format!("the last line was torn ({} bytes); it was cut off and kept as {}", found.torn.len(), kept.display()));
        }
        file.seek(SeekFrom::End(0)).map_err(Error::io("seek", &path))?;
        let last_seq = found.events.last().map_or(0, |event| event.seq);
        let log = Self { file, path, len: found.len, last_seq, session: session.to_owned(), unsynced: false };
        Ok((log, found.events, found.problems))
    }

    /// Writes an event behind the last one. It survives a crash of the studio at once, and a power cut after [`EventLog::sync`].
    pub fn append(&mut self, event: &Event) -> Result<(), Error> {
        if event.seq != self.last_seq + 1 || event.session != self.session {
            return Err(Error::Refused(format!("event {} of {} does not follow event {} of {}", event.seq, event.session, self.last_seq, self.session)));
        }
        let line = line_of(event).map_err(|reason| Error::damaged(&self.path, reason))?;
        if let Err(error) = self.file.write_all(&line) {
            // Half a line would damage the next one. Should the cut fail too, the checksum tells at the next start.
            self.file.set_len(self.len).ok();
            return Err(Error::io("write", &self.path)(error));
        }
        self.len += line.len() as u64;
        self.last_seq = event.seq;
        self.unsynced = true;
        Ok(())
    }

    /// Flushes to the disk what is not there yet; to be called at least once a second.
    pub fn sync(&mut self) -> Result<(), Error> {
        if self.unsynced {
            self.file.sync_data().map_err(Error::io("flush", &self.path))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// The newest event's number; 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }
}

struct Found {
    events: Vec<Event>,
    problems: Vec<String>,
    torn: Vec<u8>,
    len: u64,
    damaged: usize,
}

fn line_of(event: &Event) -> Result<Vec<u8>, String> {
    let json = serde_json::to_vec(event).map_err(|error| error.to_string())?;
    if json.len() + 10 > MAX_LINE_BYTES {
        return Err(format!("event {} is {} bytes long, more than {MAX_LINE_BYTES}", event.seq, json.len()));
    }
    let mut line = format!("{:08x} ", crc32c(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok(line)
}

fn scan(file: &File, path: &Path, session: &str) -> Result<Found, Error> {
    let mut found = Found { events: Vec::new(), problems: Vec::new(), torn: Vec::new(), len: 0, damaged: 0 };
    let mut reader = BufReader::new(file);
    let mut number = 0_usize;
    // Lines that could not be read and are not known to have a good one behind them.
    let mut doubtful: Option<(usize, String, Vec<u8>)> = None;
    while let Some(line) = read_line(&mut reader).map_err(Error::io("read", path))? {
        number += 1;
        let read = parse_line(&line.text, line.whole).and_then(|event| check_place(event, found.events.last(), session));
        match read {
            Ok(event) if found.events.len() < MAX_EVENTS => {
                if let Some((at, reason, bytes)) = doubtful.take() {
                    found.damaged += 1;
                    found.len += bytes.len() as u64;
                    found.problems.push(format!("line {at} of {}: {reason}; it was skipped", path.display()));
                }
                let before = found.events.last().map_or(0, |last| last.seq);
                if event.seq != before + 1 {
                    found.problems.push(format!("events {} to {} are missing in {}", before + 1, event.seq - 1, path.display()));
                }
                found.len += line.bytes;
                found.events.push(event);
            }
            Ok(_) => return Err(Error::damaged(path, format!("more than {MAX_EVENTS} events"))),
            Err(reason) => {
                if let Some((at, earlier, bytes)) = doubtful.take() {
                    found.damaged += 1;
                    found.len += bytes.len() as u64;
                    found.problems.push(format!("line {at} of {}: {earlier}; it was skipped", path.display()));
                }
                doubtful = Some((number, reason, line.raw));
            }
        }
    }
    if let Some((at, reason, bytes)) = doubtful {
        found.problems.push(format!("line {at} of {}: {reason}", path.display()));
        found.torn = bytes;
    }
    Ok(found)
}

pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    raw: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) whole: bool,
}

/// One line, held to at most [`MAX_LINE_BYTES`] at a time: a longer one comes in several pieces, none of which will pass its checksum.
pub(crate) fn read_line(reader: &mut impl BufRead) -> std::io::Result<Option<Line>> {
    let mut raw = Vec::new();
    std::io::Read::take(&mut *reader, MAX_LINE_BYTES as u64).read_until(b'\n', &mut raw)?;
    if raw.is_empty() {
        return Ok(None);
    }
    let whole = raw.ends_with(b"\n");
    let text = raw.strip_suffix(b"\n").unwrap_or(&raw).to_vec();
    Ok(Some(Line { text, bytes: raw.len() as u64, whole, raw }))
}

pub(crate) fn parse_line(line: &[u8], whole: bool) -> Result<Event, String> {
    if !whole {
        return Err("it has no end".to_owned());
    }
    let (sum, json) = line.split_at_checked(9).ok_or("it is too short")?;
    let sum =
        std::str::from_utf8(sum).ok().and_then(|sum| sum.strip_suffix(' ')).and_then(|sum| u32::from_str_radix(sum, 16).ok()).ok_or("it has no checksum")?;
    if sum != crc32c(json) {
        return Err("its checksum is wrong".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| format!("it is no event: {error}"))
}

pub(crate) fn check_place(event: Event, last: Option<&Event>, session: &str) -> Result<Event, String> {
    if event.session != session {
        return Err("it belongs to another session".to_owned());
    }
    if event.seq <= last.map_or(0, |last| last.seq) {
        return Err(format!("its number {} was there before", event.seq));
    }
    Ok(event)
}

#[cfg(test)]
pub(crate) mod tests {
    use tl_base::{EraId, MediaTime, Wall};
    use tl_wire::SCHEMA_VERSION;

    use super::*;

    pub(crate) fn event(seq: u64) -> Event {
        Event {
            seq,
            session: "s1".to_owned(),
            era: EraId(1),
            media_time: MediaTime::from_secs(seq as i64),
            wall: Wall(seq as i64),
            actor: "director".to_owned(),
            command_id: Some(format!("c{seq}")),
            schema_version: SCHEMA_VERSION,
            fact: tl_show::Fact::SlateSet { on: seq.is_multiple_of(2) },
        }
    }

    fn written(events: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut log, _, _) = EventLog::open(folder.path(), "s1").expect("a log");
        for seq in 1..=events {
            log.append(&event(seq)).expect("written");
        }
        log.sync().expect("flushed");
        let path = folder.path().join("events.jsonl");
        (folder, path)
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn what_was_written_comes_back_in_order() {
        let (folder, _) = written(5);
        let (mut log, events, problems) = EventLog::open(folder.path(), "s1").expect("a log");
        assert_eq!(events, (1..=5).map(event).collect::<Vec<_>>());
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(log.last_seq(), 5);
        assert!(log.append(&event(7)).is_err(), "a gap is refused");
        log.append(&event(6)).expect("written");
    }

    #[test]
    fn a_log_cut_at_any_byte_keeps_every_whole_line_and_goes_on() {
        let (folder, path) = written(3);
        let whole = fs::read(&path).expect("read");
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("cut");
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
            let (mut log, events, problems) = EventLog::open(folder.path(), "s1").expect("a log");
            assert_eq!(events.len() as u64, lines);
            assert_eq!(problems.is_empty(), whole[..cut].is_empty() || whole[..cut].ends_with(b"\n"), "cut at {cut}");
            log.append(&event(lines + 1)).expect("written");
            drop(log);
            let (_, events, problems) = EventLog::open(folder.path(), "s1").expect("a log");
            assert_eq!((events.len() as u64, problems), (lines + 1, Vec::new()));
        }
    }

    #[test]
    fn a_damaged_line_costs_that_line_and_is_told() {
        let (folder, path) = written(5);
        let text = fs::read_to_string(&path).expect("read").replacen("\"c3\"", "\"cX\"", 1);
        fs::write(&path, text).expect("written");
        let (mut log, events, problems) = EventLog::open(folder.path(), "s1").expect("a log");
        assert_eq!(seqs(&events), [1, 2, 4, 5]);
        assert!(problems.iter().any(|line| line.contains("line 3") && line.contains("checksum")), "{problems:?}");
        assert!(problems.iter().any(|line| line.contains("3 to 3 are missing")), "{problems:?}");
        log.append(&event(6)).expect("written");
        drop(log);
        assert_eq!(seqs(&EventLog::open(folder.path(), "s1").expect("a log").1), [1, 2, 4, 5, 6]);
    }

    #[test]
    fn another_sessions_events_and_repeated_numbers_are_not_taken() {
        let (folder, path) = written(2);
        let line = String::from_utf8(line_of(&Event { session: "other".to_owned(), ..event(3) }).expect("a line")).expect("text");
        let twice = String::from_utf8(line_of(&event(2)).expect("a line")).expect("text");
        let text = fs::read_to_string(&path).expect("read");
        let last = String::from_utf8(line_of(&event(3)).expect("a line")).expect("text");
        fs::write(&path, format!("{text}{line}{twice}{last}")).expect("written");
        let (_, events, problems) = EventLog::open(folder.path(), "s1").expect("a log");
        assert_eq!(seqs(&events), [1, 2, 3]);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn a_line_without_an_end_is_read_in_bounded_pieces() {
        let (folder, path) = written(1);
        let mut bytes = fs::read(&path).expect("read");
        bytes.extend(vec![b'x'; 3 * MAX_LINE_BYTES + 5]);
        fs::write(&path, &bytes).expect("written");
        let (_, events, problems) = EventLog::open(folder.path(), "s1").expect("a log");
        assert_eq!(seqs(&events), [1]);
        assert!(!problems.is_empty());
    }

    #[test]
    fn any_bytes_open_without_a_panic_and_take_the_next_event() {
        bolero::check!().with_iterations(300).with_type::<Vec<u8>>().for_each(|bytes| {
            let (folder, path) = written(2);
            let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
            file.write_all(bytes).expect("written");
            drop(file);
            let (mut log, events, _) = EventLog::open(folder.path(), "s1").expect("a log");
            assert!(seqs(&events).starts_with(&[1, 2]));
            log.append(&event(log.last_seq() + 1)).expect("written");
        });
    }
}
