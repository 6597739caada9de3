//! Reading a log that somebody else writes: for who comes back after longer than the memory holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tl_wire::Event;

use crate::Error;
use crate::event_log::{check_place, parse_line, read_line};

/// One in so many events is remembered with its place in the file.
const STEP: u64 = 256;

/// The most events of one answer.
pub const MAX_PAGE: usize = 1_024;

/// Reads events of a session's log by their number. May be shared between threads; each call opens the file and blocks on the
/// disk.
pub struct EventReader {
    path: PathBuf,
    session: String,
    /// Where the line of an event begins, bytes.
    places: Mutex<BTreeMap<u64, u64>>,
}

impl EventReader {
    /// The log in a session's folder; it need not be there yet.
    pub fn new(folder: &Path, session: &str) -> Self {
        Self { path: folder.join("events.jsonl"), session: session.to_owned(), places: Mutex::default() }
    }

    /// Up to `max` events behind `seq`, in order. Lines that are damaged, or half written at this moment, are left out.
    pub fn after(&self, seq: u64, max: usize) -> Result<Vec<Event>, Error> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(Error::io("open", &self.path))?,
        };
        let mut reader = BufReader::new(file);
        let mut at = self.place_before(seq.saturating_add(1));
        reader.seek(SeekFrom::Start(at)).map_err(Error::io("seek", &self.path))?;
        let mut found: Vec<Event> = Vec::new();
        let mut last: Option<Event> = None;
        while found.len() < max.min(MAX_PAGE) {
            let Some(line) = read_line(&mut reader).map_err(Error::io("read", &self.path))? else { break };
            let begin = at;
            at += line.bytes;
            let Ok(event) = parse_line(&line.text, line.whole).and_then(|event| check_place(event, last.as_ref(), &self.session)) else { continue };
            if event.seq.is_multiple_of(STEP) {
                self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(event.seq, begin);
            }
            if event.seq > seq {
                found.push(event.clone());
            }
            last = Some(event);
        }
        Ok(found)
    }

    fn place_before(&self, seq: u64) -> u64 {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.range(..=seq).next_back().map_or(0, |(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::EventLog;
    use crate::event_log::tests::event;

    #[test]
    fn every_page_of_a_growing_log_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let reader = EventReader::new(folder.path(), "s1");
        assert!(reader.after(0, 10).expect("no log yet").is_empty());
        let (mut log, _, _) = EventLog::open(folder.path(), "s1").expect("a log");
        for round in 1..=3_u64 {
            for seq in (round - 1) * 700 + 1..=round * 700 {
                log.append(&event(seq)).expect("written");
            }
            for from in [0, 1, 254, 255, 256, 257, 600, round * 700 - 1, round * 700] {
                let mut seq = from;
                while let Some(last) = reader.after(seq, 100).expect("read").last() {
                    assert!(last.seq <= seq + 100);
                    seq = last.seq;
                }
                assert_eq!(seq, round * 700, "from {from}");
                let page = reader.after(from, 5).expect("read");
                assert!(page.iter().zip(from + 1..).all(|(event, expect)| event.seq == expect));
            }
        }
        assert_eq!(reader.after(0, usize::MAX).expect("read").len(), MAX_PAGE);
    }

    #[test]
    fn damaged_and_half_written_lines_are_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut log, _, _) = EventLog::open(folder.path(), "s1").expect("a log");
        for seq in 1..=3 {
            log.append(&event(seq)).expect("written");
        }
        let path = folder.path().join("events.jsonl");
        let text = std::fs::read_to_string(&path).expect("read").replacen("\"c2\"", "\"cX\"", 1);
        std::fs::write(&path, text).expect("written");
        File::options().append(true).open(&path).and_then(|mut file| file.write_all(b"12345678 {\"seq\":4")).expect("written");
        let seqs: Vec<u64> = EventReader::new(folder.path(), "s1").after(0, 10).expect("read").iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 3]);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        bolero::check!().with_iterations(300).with_type::<(Vec<u8>, u64)>().for_each(|(bytes, seq)| {
            std::fs::write(folder.path().join("events.jsonl"), bytes).expect("written");
            assert!(EventReader::new(folder.path(), "s1").after(*seq, 10).expect("read").is_empty());
        });
    }
}
