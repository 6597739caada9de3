//! What apps are set to so that they reach a slot: the port and passphrase for SRT, the stream key for RTMP. Kept over restarts, so
//! that apps return unaided.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tl_base::{Secret, SlotId};
use tl_store::files::{self, Privacy};

use crate::Error;

/// Letters of a key: no two look alike when somebody types them from a screen.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters of a key: 100 bits, and more than the ten characters that SRT asks for.
const LENGTH: usize = 20;

/// One slot's keys.
#[derive(Clone, Serialize, Deserialize)]
struct Keys {
    passphrase: String,
    stream_key: String,
    /// The port that its listener had last.
    srt_port: Option<u16>,
}

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    slots: BTreeMap<u16, Keys>,
    /// The port that apps published to by RTMP last.
    rtmp_port: Option<u16>,
}

/// The keys of every slot, in `apps.json` (mode 0600).
pub struct SlotKeys {
    path: PathBuf,
    kept: Kept,
}

impl SlotKeys {
    /// Reads the keys of a data folder and makes those that are missing. A file that cannot be read is made anew: apps must be set
    /// again, which is told.
    pub fn open(data: &Path, cameras: u16) -> Result<Self, Error> {
        let path = data.join("apps.json");
        let kept = files::read_json::<Kept>(&path).unwrap_or_else(|error| {
            tracing::warn!(%error, "the keys for apps are made anew; set the apps again");
            None
        });
        let mut keys = Self { path, kept: kept.unwrap_or_default() };
        let missing: Vec<u16> = (1..=cameras).filter(|slot| !keys.kept.slots.contains_key(slot)).collect();
        for slot in &missing {
            keys.kept.slots.insert(*slot, Keys { passphrase: random_key()?, stream_key: random_key()?, srt_port: None });
        }
        if !missing.is_empty() {
            keys.save()?;
        }
        Ok(keys)
    }

    /// The passphrase of a slot's SRT listener.
    pub fn passphrase(&self, slot: SlotId) -> Option<Secret> {
        self.kept.slots.get(&slot.0).map(|keys| Secret::new(&keys.passphrase))
    }

    /// The RTMP stream key of a slot.
    pub fn stream_key(&self, slot: SlotId) -> Option<Secret> {
        self.kept.slots.get(&slot.0).map(|keys| Secret::new(&keys.stream_key))
    }

    /// Gives a slot another passphrase and stream key; the ones before are void. Its port stays.
    pub fn renew(&mut self, slot: SlotId) -> Result<(), Error> {
        let Some(known) = self.kept.slots.get(&slot.0).cloned() else { return Ok(()) };
        let fresh = Keys { passphrase: random_key()?, stream_key: random_key()?, ..known.clone() };
        self.kept.slots.insert(slot.0, fresh);
        // What is not kept would come back with the next start.
        self.save().inspect_err(|_| drop(self.kept.slots.insert(slot.0, known)))
    }

    /// The stream id that an app sends to a slot's listener.
    pub fn stream_id(slot: SlotId) -> String {
        format!("camera{slot}")
    }

    /// The slot of a stream key. Every key is looked at, so that time tells nothing.
    pub fn slot_of(&self, stream_key: &str) -> Option<SlotId> {
        let mut found = None;
        for (slot, keys) in &self.kept.slots {
            if bool::from(keys.stream_key.as_bytes().ct_eq(stream_key.as_bytes())) {
                found = Some(SlotId(*slot));
            }
        }
        found
    }

    /// The port that a slot's listener had in the last run.
    pub fn last_port(&self, slot: SlotId) -> Option<u16> {
        self.kept.slots.get(&slot.0).and_then(|keys| keys.srt_port)
    }

    /// Notes the port of a slot's listener for the next run.
    pub fn note_port(&mut self, slot: SlotId, port: u16) {
        let Some(keys) = self.kept.slots.get_mut(&slot.0).filter(|keys| keys.srt_port != Some(port)) else { return };
        keys.srt_port = Some(port);
        if let Err(error) = self.save() {
            tracing::warn!(%error, "a listener's port is not remembered");
        }
    }

    /// The port that apps published to by RTMP in the last run.
    pub fn last_rtmp_port(&self) -> Option<u16> {
        self.kept.rtmp_port
    }

    /// Notes the port that apps publish to by RTMP for the next run.
    pub fn note_rtmp_port(&mut self, port: u16) {
        if self.kept.rtmp_port.replace(port) != Some(port)
            && let Err(error) = self.save()
        {
            tracing::warn!(%error, "the port for RTMP is not remembered");
        }
    }

    fn save(&self) -> Result<(), Error> {
        Ok(files::write_json(&self.path, &self.kept, Privacy::Private)?)
    }
}

fn random_key() -> Result<String, Error> {
    let mut bytes = [0_u8; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(format!("no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_find_the_same_keys_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keys = SlotKeys::open(folder.path(), 3).expect("keys");
        let key = keys.stream_key(SlotId(2)).expect("a key");
        keys.note_port(SlotId(2), 9_002);
        keys.note_rtmp_port(1_936);
        assert_eq!(key.expose().len(), LENGTH);
        let again = SlotKeys::open(folder.path(), 4).expect("keys");
        assert_eq!(again.stream_key(SlotId(2)), Some(key.clone()));
        assert_eq!(again.slot_of(key.expose()), Some(SlotId(2)));
        assert_eq!((again.last_port(SlotId(2)), again.last_rtmp_port()), (Some(9_002), Some(1_936)));
        assert!(again.passphrase(SlotId(4)).is_some() && again.passphrase(SlotId(5)).is_none());
        assert_eq!(again.slot_of(""), None);
        assert_eq!(again.slot_of("wrong"), None);
    }

    #[test]
    fn renewed_keys_are_other_ones_and_the_old_ones_open_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keys = SlotKeys::open(folder.path(), 2).expect("keys");
        keys.note_port(SlotId(1), 9_001);
        let told = |keys: &SlotKeys, slot| (keys.passphrase(SlotId(slot)), keys.stream_key(SlotId(slot)).expect("a key"));
        let (before, other) = (told(&keys, 1), told(&keys, 2));
        keys.renew(SlotId(1)).expect("renewed");
        keys.renew(SlotId(9)).expect("there is no such slot");
        let again = SlotKeys::open(folder.path(), 2).expect("keys");
        for keys in [keys, again] {
            assert!(told(&keys, 1).0 != before.0 && told(&keys, 1).1 != before.1);
            assert_eq!((keys.slot_of(before.1.expose()), keys.last_port(SlotId(1))), (None, Some(9_001)));
            assert_eq!(told(&keys, 2), other, "others keep theirs");
        }
    }

    #[test]
    fn a_damaged_file_costs_the_keys_and_not_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("apps.json"), b"{\"1\": 7").expect("written");
        assert!(SlotKeys::open(folder.path(), 1).expect("keys").stream_key(SlotId(1)).is_some());
    }
}
