//! Sessions on the disk: one folder each, and what a next start needs to go on.
//!
//! `<data>/sessions/<id>/{session.json, events.jsonl, trace.jsonl, recordings.json, recordings/}`,
//! `<data>/store/`, `<data>/tokens.json`, `<data>/tls/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tl_base::{EraId, MediaTime, SlotId, Wall};
use tl_wire::{Recording, SessionState};

use crate::files::{self, Privacy};
use crate::{Error, random_token};

/// One run of the studio within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Era {
    /// Its number.
    pub era: EraId,
    /// The wall clock at its start.
    pub wall_anchor: Wall,
    /// The session's time at its start.
    pub offset: MediaTime,
}

/// A camera position as it was last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// Its number.
    pub slot: SlotId,
    /// How it comes in: `webrtc`.
    pub protocol: String,
}

/// What is known of a session without reading its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its id: date, time and four letters.
    pub id: String,
    /// When it was made.
    pub created: Wall,
    /// Its state.
    pub state: SessionState,
    /// Every run, oldest first.
    pub eras: Vec<Era>,
    /// Its camera positions.
    pub slots: Vec<SlotRecord>,
}

/// All sessions of a data folder. Holds the folder's lock: one studio at a time.
pub struct SessionStore {
    data: PathBuf,
    _lock: File,
}

/// An opened session. Each change is on the disk when its call returns.
#[derive(Debug)]
pub struct Session {
    folder: PathBuf,
    record: SessionRecord,
}

impl SessionStore {
    /// Opens a data folder, made when it is missing.
    pub fn open(data: &Path) -> Result<Self, Error> {
        files::make_folder(&data.join("sessions"))?;
        let path = data.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(Error::io("open", &path))?;
        // The system gives the lock back when the process ends, however it ends.
        match lock.try_lock() {
            Ok(()) => Ok(Self { data: data.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::InUse { path: data.to_owned() }),
            Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Begins a session with these camera positions.
    pub fn create(&self, slots: &[SlotRecord], now: Wall) -> Result<Session, Error> {
        let mut id: String = now.to_rfc3339().chars().filter(|c| c.is_ascii_digit()).take(14).collect();
        let letters: String = random_token(12)?.chars().filter(char::is_ascii_alphabetic).take(4).collect();
        id = format!("{}-{}-{}", id.get(..8).unwrap_or("00000000"), id.get(8..).unwrap_or("000000"), letters.to_ascii_lowercase());
        let folder = self.data.join("sessions").join(&id);
        files::make_folder(&folder.join("recordings"))?;
        let session = Session { folder, record: SessionRecord { id, created: now, state: SessionState::Starting, eras: Vec::new(), slots: slots.to_vec() } };
        session.save(&session.record)?;
        files::sync_folder(&self.data.join("sessions"))?;
        Ok(session)
    }

    /// The newest session that was not ended, to be resumed, and what could not be read on the way.
    pub fn open_unfinished(&self) -> Result<(Option<Session>, Vec<String>), Error> {
        let (records, problems) = self.list()?;
        let unfinished =
            records.into_iter().rev().find(|record| matches!(record.state, SessionState::Starting | SessionState::Running | SessionState::Completed));
        let open = |record: SessionRecord| Session { folder: self.data.join("sessions").join(&record.id), record };
        Ok((unfinished.map(open), problems))
    }

    /// Opens a session by its id.
    pub fn load(&self, id: &str) -> Result<Session, Error> {
        if !files::is_safe_name(id) {
            return Err(Error::NoSession(id.chars().take(files::MAX_NAME_BYTES).collect()));
        }
        let folder = self.data.join("sessions").join(id);
        let record = read_record(&folder)?.ok_or_else(|| Error::NoSession(id.to_owned()))?;
        Ok(Session { folder, record })
    }

    /// All sessions, oldest first, and those that could not be read.
    pub fn list(&self) -> Result<(Vec<SessionRecord>, Vec<String>), Error> {
        let folder = self.data.join("sessions");
        let (mut records, mut problems) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))?.flatten() {
            match read_record(&entry.path()) {
                Ok(Some(record)) => records.push(record),
                Ok(None) => problems.push(format!("no session.json in {}; the folder was left alone", entry.path().display())),
                Err(error) => problems.push(error.to_string()),
            }
        }
        records.sort_by(|a: &SessionRecord, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok((records, problems))
    }
}

impl Session {
    /// What is known of it.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its recordings lie.
    pub fn recordings_folder(&self) -> PathBuf {
        self.folder.join("recordings")
    }

    /// Where the director's inputs are traced.
    pub fn trace_path(&self) -> PathBuf {
        self.folder.join("trace.jsonl")
    }

    /// Changes its state.
    pub fn mark(&mut self, state: SessionState) -> Result<(), Error> {
        self.change(|record| record.state = state)
    }

    /// Begins the next run and tells its number.
    pub fn open_era(&mut self, wall_anchor: Wall, offset: MediaTime) -> Result<Era, Error> {
        let era = Era { era: EraId(self.record.eras.last().map_or(1, |last| last.era.0.saturating_add(1))), wall_anchor, offset };
        self.change(|record| record.eras.push(era))?;
        Ok(era)
    }

    /// Changes its camera positions.
    pub fn set_slots(&mut self, slots: &[SlotRecord]) -> Result<(), Error> {
        self.change(|record| record.slots = slots.to_vec())
    }

    /// Keeps the list of its recordings.
    pub fn save_recordings(&self, recordings: &[Recording]) -> Result<(), Error> {
        self.save_state("recordings", &recordings)
    }

    /// The list of its recordings as last kept.
    pub fn recordings(&self) -> Result<Vec<Recording>, Error> {
        Ok(self.load_state("recordings")?.unwrap_or_default())
    }

    /// Keeps a small value of the studio's, `<name>.json`, in one step.
    pub fn save_state<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Error> {
        files::write_json(&self.state_path(name)?, value, Privacy::Open)
    }

    /// A value kept by [`Session::save_state`]; none when there is none.
    pub fn load_state<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        files::read_json(&self.state_path(name)?)
    }

    fn state_path(&self, name: &str) -> Result<PathBuf, Error> {
        let plain = !name.is_empty() && name != "session" && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if plain { Ok(self.folder.join(format!("{name}.json"))) } else { Err(Error::Refused(format!("{name:?} cannot name a state"))) }
    }

    fn change(&mut self, edit: impl FnOnce(&mut SessionRecord)) -> Result<(), Error> {
        let mut next = self.record.clone();
        edit(&mut next);
        self.save(&next)?;
        self.record = next;
        Ok(())
    }

    fn save(&self, record: &SessionRecord) -> Result<(), Error> {
        files::write_json(&self.folder.join("session.json"), record, Privacy::Open)
    }
}

fn read_record(folder: &Path) -> Result<Option<SessionRecord>, Error> {
    let path = folder.join("session.json");
    let Some(record) = files::read_json::<SessionRecord>(&path)? else { return Ok(None) };
    // A copied folder must not speak for another one.
    if folder.file_name().and_then(|name| name.to_str()) != Some(record.id.as_str()) {
        return Err(Error::damaged(&path, format!("it says that it is session {:?}", record.id)));
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Vec<SlotRecord> {
        (1..=2).map(|slot| SlotRecord { slot: SlotId(slot), protocol: "webrtc".to_owned() }).collect()
    }

    #[test]
    fn an_unfinished_session_is_found_again_with_its_eras() {
        let data = tempfile::tempdir().expect("a folder");
        let store = SessionStore::open(data.path()).expect("a store");
        let mut done = store.create(&[], Wall(1_000_000)).expect("a session");
        done.mark(SessionState::Stored).expect("marked");
        let mut session = store.create(&slots(), Wall(2_000_000)).expect("a session");
        assert!(session.id().starts_with("19700101-000002-"), "{}", session.id());
        session.mark(SessionState::Running).expect("marked");
        session.open_era(Wall(2_000_000), MediaTime::ZERO).expect("an era");
        session.save_state("hls", &7_u64).expect("kept");
        let id = session.id().to_owned();
        drop((session, done, store));

        let store = SessionStore::open(data.path()).expect("a store");
        let (found, problems) = store.open_unfinished().expect("looked");
        let mut found = found.expect("a session");
        assert!(problems.is_empty());
        assert_eq!((found.id(), found.record().slots.len()), (id.as_str(), 2));
        assert_eq!(found.open_era(Wall(9), MediaTime::from_secs(7)).expect("an era").era, EraId(2));
        assert_eq!(found.load_state::<u64>("hls").expect("read"), Some(7));
        assert!(found.save_state("../x", &1).is_err() && found.save_state("session", &1).is_err());
        assert_eq!(store.load(&id).expect("loads").record().eras.len(), 2);
        found.mark(SessionState::Completed).expect("marked");
        assert!(store.open_unfinished().expect("looked").0.is_some(), "its files are not whole yet");
        found.mark(SessionState::Stored).expect("marked");
        assert!(store.open_unfinished().expect("looked").0.is_none());
    }

    #[test]
    fn one_studio_at_a_time() {
        let data = tempfile::tempdir().expect("a folder");
        let first = SessionStore::open(data.path()).expect("a store");
        assert!(matches!(SessionStore::open(data.path()), Err(Error::InUse { .. })));
        drop(first);
        SessionStore::open(data.path()).expect("free again");
    }

    #[test]
    fn a_damaged_session_is_told_and_left_alone() {
        let data = tempfile::tempdir().expect("a folder");
        let store = SessionStore::open(data.path()).expect("a store");
        let bad = store.create(&[], Wall(1)).expect("a session");
        let path = bad.folder().join("session.json");
        for text in ["", "{", "[]", "{\"id\":\"other\",\"created\":1,\"state\":\"Running\",\"eras\":[],\"slots\":[]}"] {
            fs::write(&path, text).expect("written");
            let (found, problems) = store.open_unfinished().expect("looked");
            assert!(found.is_none());
            assert_eq!(problems.len(), 1, "{text}");
        }
        assert!(fs::read_to_string(&path).expect("still there").contains("other"));
        for name in ["..", "../x", "", "a/b", "none"] {
            assert!(matches!(store.load(name), Err(Error::NoSession(_))), "{name}");
        }
    }

    #[test]
    fn any_session_file_opens_or_is_told() {
        let data = tempfile::tempdir().expect("a folder");
        let store = SessionStore::open(data.path()).expect("a store");
        let session = store.create(&slots(), Wall(1)).expect("a session");
        let path = session.folder().join("session.json");
        let good = fs::read(&path).expect("read");
        bolero::check!().with_iterations(400).with_type::<(usize, u8, Vec<u8>)>().for_each(|(at, byte, bytes)| {
            let mut near = good.clone();
            let at = at % near.len();
            near.splice(at..at + 1, [*byte]);
            for text in [bytes.as_slice(), &near, good.get(..at).unwrap_or_default()] {
                fs::write(&path, text).expect("written");
                let (records, problems) = store.list().expect("looked");
                assert_eq!(records.len() + problems.len(), 1);
            }
        });
    }
}
