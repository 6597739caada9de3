//! The studio's own files about a session: eras, tick trace, events, list of recordings.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tl_base::{MediaTime, SlotId, Wall};

use crate::Error;

/// The longest line of a trace or log that is read.
const MAX_LINE_BYTES: u64 = 256 * 1_024;

/// One run of the studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Era {
    /// The wall clock at `offset`.
    pub(crate) wall_anchor: Wall,
    /// Show time at the run's start.
    pub(crate) offset: MediaTime,
}

/// What a tick showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Frame,
    Slate,
    Repeat,
    Black,
}

/// One tick of the programme.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Tick {
    pub(crate) tick: u64,
    pub(crate) pts: MediaTime,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) source: Option<SlotId>,
    /// Capture time of the picture as the studio estimates it.
    #[serde(default)]
    pub(crate) capture: Option<MediaTime>,
    /// When its encoded picture left the encoder.
    #[serde(default)]
    pub(crate) done_wall_us: Option<Wall>,
    /// Every camera's chosen picture at this tick.
    #[serde(default)]
    pub(crate) pair: Vec<(SlotId, MediaTime)>,
}

/// A part of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    /// Show time of the part's zero.
    pub(crate) start: MediaTime,
}

/// A recording as the studio lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) source: Option<SlotId>,
    pub(crate) kind: String,
    pub(crate) path: Option<PathBuf>,
    pub(crate) parts: Vec<Part>,
}

/// A change of the picture on air.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) at: MediaTime,
    pub(crate) from: Option<SlotId>,
    pub(crate) to: Option<SlotId>,
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// What a source hides was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trim {
    pub(crate) slot: SlotId,
    pub(crate) at: MediaTime,
}

/// Everything that the studio wrote down.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    pub(crate) eras: Vec<Era>,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) cuts: Vec<Cut>,
    pub(crate) trims: Vec<Trim>,
    pub(crate) recordings: Vec<Listed>,
}

impl Ledger {
    /// Reads a session's folder. `session.json` must be there; what else is missing is empty, a line that does not parse is left out.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Session {
            eras: Vec<Era>,
        }
        let path = folder.join("session.json");
        let session: Session = json_file(&path)?;
        if session.eras.is_empty() {
            return Err(Error::Unreadable { path, problem: "the session never ran: no era".into() });
        }
        let mut eras = session.eras;
        eras.sort_by_key(|era| era.offset);
        let mut ticks: Vec<Tick> = lines(&folder.join("trace.jsonl"), |line| serde_json::from_str(line).ok())?;
        ticks.sort_by_key(|tick| tick.pts);
        let cuts = lines(&folder.join("events.jsonl"), cut_of)?;
        let trims = lines(&folder.join("events.jsonl"), trim_of)?;
        Ok(Self { eras, ticks, cuts, trims, recordings: recordings(folder)? })
    }

    /// The wall clock at a show time, by the era that it belongs to.
    pub(crate) fn wall(&self, media: MediaTime) -> Wall {
        let after = self.eras.partition_point(|era| era.offset <= media);
        let era = self.eras.get(after.saturating_sub(1));
        era.map_or(Wall(0), |era| Wall(era.wall_anchor.0 + (media - era.offset).0 / 1_000))
    }

    /// Ticks within a span of show time.
    pub(crate) fn ticks_between(&self, from: Option<MediaTime>, until: Option<MediaTime>) -> &[Tick] {
        let first = from.map_or(0, |from| self.ticks.partition_point(|tick| tick.pts < from));
        let end = until.map_or(self.ticks.len(), |until| self.ticks.partition_point(|tick| tick.pts <= until));
        self.ticks.get(first..end).unwrap_or_default()
    }
}

fn json_file<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(Error::file("cannot read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Unreadable { path: path.into(), problem: error.to_string() })
}

/// What `read` makes of each line of a file; nothing when there is no file.
fn lines<T>(path: &Path, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("cannot read", path)(error)),
    };
    let mut reader = BufReader::new(file);
    let (mut found, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        let count = Read::take(&mut reader, MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(Error::file("cannot read", path))?;
        if count == 0 {
            return Ok(found);
        }
        found.extend(std::str::from_utf8(&line).ok().and_then(&read));
    }
}

/// A line of the event log is its checksum, a space and JSON.
fn event_of(line: &str, kind: &str) -> Option<Value> {
    let start = line.find('{')?;
    let event: Value = serde_json::from_str(line.get(start..)?).ok()?;
    (event.get("type")?.as_str()? == kind).then_some(event)
}

fn slot_of(event: &Value, name: &str) -> Option<SlotId> {
    event.get(name).and_then(Value::as_u64).and_then(|slot| u16::try_from(slot).ok()).map(SlotId)
}

fn trim_of(line: &str) -> Option<Trim> {
    let event = event_of(line, "trim_set")?;
    Some(Trim { slot: slot_of(&event, "slot")?, at: MediaTime(event.get("media_time")?.as_i64()?) })
}

fn cut_of(line: &str) -> Option<Cut> {
    let event = event_of(line, "cut_made")?;
    let slot = |name: &str| slot_of(&event, name);
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Cut { at: MediaTime(event.get("media_time")?.as_i64()?), from: slot("from"), to: slot("to"), by: text("by"), reason: text("reason") })
}

fn recordings(folder: &Path) -> Result<Vec<Listed>, Error> {
    #[derive(Deserialize)]
    struct RawPart {
        path: PathBuf,
        start_ns: i64,
    }
    #[derive(Deserialize)]
    struct Raw {
        #[serde(default)]
        source: Option<SlotId>,
        kind: String,
        #[serde(default)]
        path: Option<PathBuf>,
        #[serde(default)]
        parts: Vec<RawPart>,
    }
    let path = folder.join("recordings.json");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let raw: Vec<Raw> = json_file(&path)?;
    let absolute = |path: PathBuf| {
        let places = [folder.join(&path), folder.join("recordings").join(&path)];
        if path.is_absolute() { path } else { places.iter().find(|place| place.exists()).cloned().unwrap_or(path) }
    };
    Ok(raw
        .into_iter()
        .map(|listed| Listed {
            source: listed.source,
            kind: listed.kind,
            path: listed.path.map(absolute),
            parts: listed.parts.into_iter().map(|part| Part { path: absolute(part.path), start: MediaTime(part.start_ns) }).collect(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_and_what_is_torn_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        assert!(matches!(Ledger::read(folder.path()), Err(Error::File { .. })));
        write("session.json", r#"{"eras":[]}"#);
        assert!(matches!(Ledger::read(folder.path()), Err(Error::Unreadable { .. })));
        write("session.json", r#"{"id":"a","eras":[{"era":2,"wall_anchor":9000000,"offset":5000000000},{"era":1,"wall_anchor":1000000,"offset":0}]}"#);
        write(
            "trace.jsonl",
            "{\"tick\":1,\"pts\":33333333,\"kind\":\"frame\",\"source\":2,\"capture\":1000,\"seq\":4,\"done_wall_us\":1100000,\"pair\":[[1,900]]}\ngarbage\n{\"tick\":2,\"pts\":66666666,\"kind\":\"slate\",\"source\":null,\"capture\":null,\"seq\":null,\"done_wall_us\":null,\"pair\":[]}\n{\"tick\":3,",
        );
        write(
            "events.jsonl",
            "0011aabb {\"seq\":1,\"media_time\":5,\"type\":\"cut_made\",\"from\":null,\"to\":3,\"by\":\"script\",\"reason\":\"\"}\nzz {\"type\":\"team_set\"}\n1 {\"media_time\":9,\"type\":\"trim_set\",\"slot\":2,\"trim_ms\":140}\n",
        );
        write("recordings.json", r#"[{"source":1,"kind":"iso","path":null,"parts":[{"path":"/x/cam1.mp4","start_ns":7,"end_ns":9,"codec":"h264"}]}]"#);
        let ledger = Ledger::read(folder.path()).expect("read");
        assert_eq!(ledger.ticks.len(), 2);
        assert_eq!(ledger.ticks[0].pair, [(SlotId(1), MediaTime(900))]);
        assert_eq!(ledger.cuts, [Cut { at: MediaTime(5), from: None, to: Some(SlotId(3)), by: "script".into(), reason: String::new() }]);
        assert_eq!(ledger.trims, [Trim { slot: SlotId(2), at: MediaTime(9) }]);
        assert_eq!(ledger.recordings[0].parts[0].start, MediaTime(7));
        assert_eq!(ledger.wall(MediaTime::from_secs(1)), Wall(2_000_000));
        assert_eq!(ledger.wall(MediaTime::from_secs(6)), Wall(10_000_000));
    }

    #[test]
    fn any_line_is_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            if let Ok(text) = std::str::from_utf8(bytes) {
                assert!(trim_of(text).is_none_or(|trim| u32::from(trim.slot.0) <= u32::from(u16::MAX)));
                assert!(cut_of(text).is_none_or(|cut| cut.by.len() <= text.len()));
                assert!(serde_json::from_str::<Tick>(text).ok().is_none_or(|tick| tick.pair.len() <= text.len()));
            }
        });
    }
}
