//! When each picture was really captured, as JSON lines, and how to look it up.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tl_base::{SlotId, Wall};

use crate::Error;

/// The longest line read.
const MAX_LINE_BYTES: u64 = 4_096;

/// One picture that a virtual phone captured and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The camera in the time code.
    pub camera: u8,
    /// The slot that it was sent to.
    pub slot: SlotId,
    /// Picture of the loop, as in the time code; none when the picture shows no code.
    pub frame: Option<u16>,
    /// The true moment of capture, microseconds since 1970.
    pub wall_us: Wall,
    /// Counts this phone's pictures.
    pub seq: u64,
    /// When the click that belongs to this picture's flash was truly captured; none for pictures without a flash, and without sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_us: Option<Wall>,
}

/// Writes records, buffered.
pub struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Writer {
    /// Starts a file anew.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(Error::file("cannot write the truth", path))?;
        Ok(Self { path: path.into(), file: BufWriter::with_capacity(64 * 1024, file) })
    }

    /// Adds a record.
    pub fn write(&mut self, record: &Record) -> Result<(), Error> {
        let line = serde_json::to_string(record).map_err(|error| Error::Unreadable { path: self.path.clone(), problem: error.to_string() })?;
        writeln!(self.file, "{line}").map_err(Error::file("cannot write the truth", &self.path))
    }

    /// Hands what is buffered to the system.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(Error::file("cannot write the truth", &self.path))
    }
}

/// All records of a run, to be looked up.
#[derive(Debug, Default)]
pub struct Truth {
    /// By slot, in the order of capture.
    by_slot: HashMap<SlotId, Vec<Record>>,
    /// Moments of capture by slot and picture, in order.
    by_frame: HashMap<(SlotId, u16), Vec<i64>>,
    /// Lines that could not be read.
    pub bad_lines: u64,
}

impl Truth {
    /// Reads a file of records. A line that is none, as the last one after a crash, is counted and left out.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::file("cannot read the truth", path))?;
        let mut reader = BufReader::new(file);
        let mut records = Vec::new();
        let mut bad_lines = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = std::io::Read::take(&mut reader, MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(Error::file("cannot read the truth", path))?;
            if read == 0 {
                break;
            }
            match serde_json::from_slice::<Record>(&line) {
                Ok(record) => records.push(record),
                Err(_) => bad_lines += 1,
            }
        }
        Ok(Self { bad_lines, ..Self::from_records(records) })
    }

    /// A look-up over these records.
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Self {
        let mut truth = Self::default();
        for record in records {
            truth.by_slot.entry(record.slot).or_default().push(record);
            if let Some(frame) = record.frame {
                truth.by_frame.entry((record.slot, frame)).or_default().push(record.wall_us.0);
            }
        }
        truth.by_slot.values_mut().for_each(|records| records.sort_by_key(|record| record.wall_us));
        truth.by_frame.values_mut().for_each(|moments| moments.sort_unstable());
        truth
    }

    /// Slots that sent anything, in order.
    pub fn slots(&self) -> Vec<SlotId> {
        let mut slots: Vec<SlotId> = self.by_slot.keys().copied().collect();
        slots.sort();
        slots
    }

    /// Whether a slot sent anything.
    pub fn has(&self, slot: SlotId) -> bool {
        self.by_slot.contains_key(&slot)
    }

    /// When picture `frame` of a slot was captured, the time nearest to `wall`.
    pub fn captured(&self, slot: SlotId, frame: u16, wall: Wall) -> Option<Wall> {
        let moments = self.by_frame.get(&(slot, frame))?;
        nearest(moments, wall.0, |moment| *moment).map(|moment| Wall(*moment))
    }

    /// The record of a slot that was captured nearest to `wall`.
    pub fn nearest(&self, slot: SlotId, wall: Wall) -> Option<&Record> {
        nearest(self.by_slot.get(&slot)?, wall.0, |record| record.wall_us.0)
    }

    /// Whether a slot captured a picture after `from` and no later than `to`.
    pub fn any_between(&self, slot: SlotId, from: Wall, to: Wall) -> bool {
        self.by_slot.get(&slot).is_some_and(|records| {
            let first = records.partition_point(|record| record.wall_us <= from);
            records.get(first).is_some_and(|record| record.wall_us <= to)
        })
    }
}

fn nearest<T>(sorted: &[T], target: i64, of: impl Fn(&T) -> i64) -> Option<&T> {
    let after = sorted.partition_point(|item| of(item) < target);
    let before = after.checked_sub(1).and_then(|index| sorted.get(index));
    [before, sorted.get(after)].into_iter().flatten().min_by_key(|item| (of(item) - target).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(slot: u16, frame: u16, wall_us: i64) -> Record {
        Record { camera: slot as u8, slot: SlotId(slot), frame: Some(frame), wall_us: Wall(wall_us), seq: 0, click_us: None }
    }

    #[test]
    fn the_nearest_round_of_the_loop_is_found() {
        let truth = Truth::from_records([record(1, 5, 1_000_000), record(1, 5, 11_000_000), record(2, 5, 6_000_000), record(1, 6, 11_033_333)]);
        assert_eq!(truth.captured(SlotId(1), 5, Wall(10_000_000)), Some(Wall(11_000_000)));
        assert_eq!(truth.captured(SlotId(1), 5, Wall(5_900_000)), Some(Wall(1_000_000)));
        assert_eq!(truth.captured(SlotId(1), 9, Wall(0)), None);
        assert_eq!(truth.nearest(SlotId(1), Wall(99_000_000)).and_then(|record| record.frame), Some(6));
        assert!(truth.any_between(SlotId(1), Wall(11_000_000), Wall(11_033_333)));
        assert!(!truth.any_between(SlotId(1), Wall(11_033_333), Wall(20_000_000)));
        assert_eq!(truth.slots(), [SlotId(1), SlotId(2)]);
    }

    #[test]
    fn a_torn_line_costs_that_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("truth.jsonl");
        let mut writer = Writer::create(&path).expect("created");
        for index in 0..10 {
            writer.write(&record(1, index, i64::from(index) * 33_333)).expect("written");
        }
        writer.flush().expect("flushed");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.truncate(bytes.len() - 20);
        bytes.splice(0..0, b"\xff\xfe garbage\n".iter().copied());
        std::fs::write(&path, bytes).expect("written");
        let truth = Truth::read(&path).expect("read");
        assert_eq!(truth.bad_lines, 2);
        assert!(truth.captured(SlotId(1), 8, Wall(0)).is_some() && truth.captured(SlotId(1), 9, Wall(0)).is_none());
    }
}
