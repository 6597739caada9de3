//! What was set up by hand, over restarts: `setup.json` (mode 0600), for it holds keys and passwords.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tl_base::{Secret, SlotId};

use super::environment::camera_name;
use super::{DestinationSetup, SourceSetup, secret_from_environment};
use crate::Error;
use crate::files::{self, Privacy};

/// The most destinations that are kept.
const MAX_DESTINATIONS: usize = 8;

/// The longest name of a destination, characters.
const MAX_NAME_CHARS: usize = 40;

/// Sources and destinations that were set up while the studio ran. May be shared between threads; changes block on the disk.
pub struct SetupStore {
    path: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Kept {
    sources: BTreeMap<SlotId, SourceSetup>,
    /// None: one of the settings file that was taken out.
    destinations: BTreeMap<String, Option<DestinationSetup>>,
}

impl SetupStore {
    /// Opens `setup.json` of a data folder. A file that cannot be read is set aside and told; an entry that makes no sense
    /// costs that entry.
    pub fn open(data: &Path) -> Result<(Self, Vec<String>), Error> {
        files::make_folder(data)?;
        let path = data.join("setup.json");
        let (written, mut problems) = match files::read_json::<Written>(&path) {
            Ok(written) => (written.unwrap_or_default(), Vec::new()),
            // The error may quote the file, and the file holds secrets.
            Err(_) => {
                let aside = data.join("setup.damaged.json");
                std::fs::rename(&path, &aside).map_err(Error::io("set aside", &path))?;
                (Written::default(), vec![format!("what was set up by hand cannot be read and must be set up again; the old file is {}", aside.display())])
            }
        };
        let kept = written.check(&mut problems);
        Ok((Self { path, kept: Mutex::new(kept) }, problems))
    }

    /// What was set up for the sources, by slot. A password in the environment wins.
    pub fn sources(&self) -> BTreeMap<SlotId, SourceSetup> {
        self.sources_by(secret_from_environment)
    }

    /// What was set up for the destinations, by name; none: one of the settings file that was taken out. A key in the
    /// environment wins.
    pub fn destinations(&self) -> BTreeMap<String, Option<DestinationSetup>> {
        self.destinations_by(secret_from_environment)
    }

    fn sources_by(&self, secret: impl Fn(&str) -> Option<Secret>) -> BTreeMap<SlotId, SourceSetup> {
        let mut sources = self.lock().sources.clone();
        for (slot, setup) in sources.iter_mut().filter(|(_, setup)| setup.user.is_some()) {
            setup.password = secret(&camera_name(*slot)).or(setup.password.take());
        }
        sources
    }

    fn destinations_by(&self, secret: impl Fn(&str) -> Option<Secret>) -> BTreeMap<String, Option<DestinationSetup>> {
        let mut destinations = self.lock().destinations.clone();
        for (name, setup) in &mut destinations {
            if let Some(setup) = setup {
                setup.key = secret(name).or(setup.key.take());
            }
        }
        destinations
    }

    /// Sets a source up. A password that is left out is kept as long as address and user stay.
    pub fn set_source(&self, slot: SlotId, mut setup: SourceSetup) -> Result<SourceSetup, Error> {
        setup.check(slot).map_err(Error::Refused)?;
        self.change(|kept| {
            if let Some(known) = kept.sources.get(&slot)
                && setup.password.is_none()
                && known.url == setup.url
                && known.user == setup.user
                && known.protocol == setup.protocol
            {
                setup.password.clone_from(&known.password);
            }
            kept.sources.insert(slot, setup.clone());
            Ok(setup)
        })
    }

    /// A source takes whoever comes again; tells whether one was set up.
    pub fn clear_source(&self, slot: SlotId) -> Result<bool, Error> {
        self.change(|kept| Ok(kept.sources.remove(&slot).is_some()))
    }

    /// Sets a destination up. A key that is left out is kept as long as address and preset stay: a key must not follow to
    /// another address. `before` is the one that the settings file holds under this name.
    pub fn set_destination(&self, name: &str, mut setup: DestinationSetup, before: Option<&DestinationSetup>) -> Result<DestinationSetup, Error> {
        setup.check().map_err(Error::Refused)?;
        check_name(name).map_err(Error::Refused)?;
        self.change(|kept| {
            let known = kept.destinations.get(name).map_or(before, Option::as_ref);
            if let Some(known) = known
                && setup.key.is_none()
                && known.url == setup.url
                && known.preset == setup.preset
                && known.kind == setup.kind
            {
                setup.key.clone_from(&known.key);
            }
            let others = kept.destinations.iter().filter(|(known, setup)| *known != name && setup.is_some()).count();
            if others >= MAX_DESTINATIONS {
                return Err(Error::Refused(format!("{MAX_DESTINATIONS} destinations are set up; remove one")));
            }
            kept.destinations.insert(name.to_owned(), Some(setup.clone()));
            Ok(setup)
        })
    }

    /// Takes a destination out; `in_settings`: the settings file names it, so that its absence must be remembered.
    pub fn remove_destination(&self, name: &str, in_settings: bool) -> Result<bool, Error> {
        self.change(|kept| {
            let known = kept.destinations.remove(name);
            if in_settings && kept.destinations.len() < 4 * MAX_DESTINATIONS {
                kept.destinations.insert(name.to_owned(), None);
            }
            Ok(known.map_or(in_settings, |known| known.is_some()))
        })
    }

    fn change<T>(&self, edit: impl FnOnce(&mut Kept) -> Result<T, Error>) -> Result<T, Error> {
        let mut kept = self.lock();
        let mut next = kept.clone();
        let done = edit(&mut next)?;
        if next != *kept {
            files::write_json(&self.path, &Written::of(&next), Privacy::Private)?;
            *kept = next;
        }
        Ok(done)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let count = name.chars().count();
    let plain = (1..=MAX_NAME_CHARS).contains(&count) && !name.chars().any(char::is_control) && name.trim() == name;
    if plain { Ok(()) } else { Err(format!("a destination's name has 1 to {MAX_NAME_CHARS} characters on one line")) }
}

/// The form on the disk: values that are read one by one, so that a bad one costs itself.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    sources: BTreeMap<String, serde_json::Value>,
    destinations: BTreeMap<String, serde_json::Value>,
}

impl Written {
    fn of(kept: &Kept) -> Self {
        let exposed = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let source = |setup: &SourceSetup| {
            serde_json::json!({
                "protocol": setup.protocol, "url": exposed(&setup.url), "user": setup.user, "password": exposed(&setup.password),
                "transport": setup.transport, "path": setup.path, "device": setup.device, "microphone": setup.microphone,
            })
        };
        let destination =
            |setup: &DestinationSetup| serde_json::json!({"kind": setup.kind, "preset": setup.preset, "url": exposed(&setup.url), "key": exposed(&setup.key)});
        Self {
            sources: kept.sources.iter().map(|(slot, setup)| (slot.to_string(), source(setup))).collect(),
            destinations: kept.destinations.iter().map(|(name, setup)| (name.clone(), setup.as_ref().map_or(serde_json::Value::Null, destination))).collect(),
        }
    }

    fn check(self, problems: &mut Vec<String>) -> Kept {
        let mut kept = Kept::default();
        for (slot, value) in self.sources.into_iter().take(usize::from(SlotId::MAX) + 2) {
            let read = SlotId::parse(&slot).zip(serde_json::from_value::<SourceSetup>(value).ok());
            match read.filter(|(slot, setup)| setup.check(*slot).is_ok()) {
                Some((slot, setup)) => {
                    kept.sources.insert(slot, setup);
                }
                None => problems.push(format!("setup.json: the source {:?} makes no sense and is left out", short(&slot))),
            }
        }
        for (name, value) in self.destinations.into_iter().take(4 * MAX_DESTINATIONS) {
            let read = serde_json::from_value::<Option<DestinationSetup>>(value).ok();
            let whole = |setup: &Option<DestinationSetup>| setup.as_ref().is_none_or(|setup| setup.check().is_ok());
            match read.filter(whole).filter(|_| check_name(&name).is_ok()) {
                Some(setup) => {
                    kept.destinations.insert(name, setup);
                }
                None => problems.push(format!("setup.json: the destination {:?} makes no sense and is left out", short(&name))),
            }
        }
        kept
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(data: &Path) -> SetupStore {
        let (store, problems) = SetupStore::open(data).expect("a store");
        assert_eq!(problems, Vec::<String>::new());
        store
    }

    fn rtsp(json: &str) -> SourceSetup {
        serde_json::from_str(json).expect("a setup")
    }

    fn destination(json: &str) -> DestinationSetup {
        serde_json::from_str(json).expect("a setup")
    }

    #[test]
    fn what_was_set_up_comes_back_after_a_restart() {
        let data = tempfile::tempdir().expect("a folder");
        let store = open(data.path());
        let source = rtsp(r#"{"protocol":"rtsp","url":"rtsp://10.0.0.9/live","user":"u","password":"p","transport":"udp"}"#);
        store.set_source(SlotId(3), source.clone()).expect("set");
        store.set_source(SlotId::COMMENTARY, rtsp(r#"{"protocol":"device","microphone":"default"}"#)).expect("set");
        store.set_destination("club", destination(r#"{"preset":"youtube","key":"k3y"}"#), None).expect("set");
        store.remove_destination("of the settings", true).expect("removed");
        let again = open(data.path());
        assert_eq!(again.sources().get(&SlotId(3)), Some(&source));
        assert_eq!(again.destinations(), store.destinations());
        assert_eq!(again.destinations().get("of the settings"), Some(&None));
        assert!(again.clear_source(SlotId(3)).expect("cleared") && !again.clear_source(SlotId(3)).expect("cleared"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(data.path().join("setup.json")).expect("facts").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_stays_with_its_address_and_follows_to_no_other() {
        let data = tempfile::tempdir().expect("a folder");
        let store = open(data.path());
        store.set_destination("club", destination(r#"{"url":"rtmp://a.example/live","key":"k3y"}"#), None).expect("set");
        let same = store.set_destination("club", destination(r#"{"url":"rtmp://a.example/live"}"#), None).expect("set");
        assert_eq!(same.key, Some(Secret::new("k3y")));
        let other = store.set_destination("club", destination(r#"{"url":"rtmp://evil.example/live"}"#), None).expect("set");
        assert_eq!(other.key, None);
        store.set_source(SlotId(1), rtsp(r#"{"protocol":"rtsp","url":"rtsp://a/","user":"u","password":"p"}"#)).expect("set");
        assert_eq!(store.set_source(SlotId(1), rtsp(r#"{"protocol":"rtsp","url":"rtsp://b/","user":"u"}"#)).expect("set").password, None);
        let before = destination(r#"{"url":"rtmp://a.example/live","key":"from the file"}"#);
        let kept = store.set_destination("new", destination(r#"{"url":"rtmp://a.example/live"}"#), Some(&before)).expect("set");
        assert_eq!(kept.key, before.key);
    }

    #[test]
    fn a_secret_in_the_environment_wins_and_is_not_kept() {
        let data = tempfile::tempdir().expect("a folder");
        let store = open(data.path());
        store.set_source(SlotId(3), rtsp(r#"{"protocol":"rtsp","url":"rtsp://a/","user":"u","password":"p"}"#)).expect("set");
        store.set_destination("club", destination(r#"{"preset":"youtube"}"#), None).expect("set");
        let secret = |name: &str| matches!(name, "camera 3" | "club").then(|| Secret::new("from outside"));
        assert_eq!(store.sources_by(secret).remove(&SlotId(3)).and_then(|setup| setup.password), Some(Secret::new("from outside")));
        assert_eq!(store.destinations_by(secret).remove("club").flatten().and_then(|setup| setup.key), Some(Secret::new("from outside")));
        let text = std::fs::read_to_string(data.path().join("setup.json")).expect("read");
        assert!(!text.contains("from outside"));
    }

    #[test]
    fn names_and_numbers_of_destinations_are_bounded() {
        let data = tempfile::tempdir().expect("a folder");
        let store = open(data.path());
        let setup = || destination(r#"{"url":"rtmp://a.example/live/k"}"#);
        for bad in ["", " a", "a\nb", &"x".repeat(41)] {
            assert!(store.set_destination(bad, setup(), None).is_err(), "{bad}");
        }
        for number in 0..MAX_DESTINATIONS {
            store.set_destination(&format!("d{number}"), setup(), None).expect("set");
        }
        assert!(store.set_destination("one more", setup(), None).is_err());
        store.set_destination("d0", setup(), None).expect("set again");
    }

    #[test]
    fn a_bad_entry_costs_that_entry_and_a_bad_file_is_set_aside() {
        let data = tempfile::tempdir().expect("a folder");
        let path = data.path().join("setup.json");
        let text = r#"{"sources":{"1":{"protocol":"rtsp","url":"rtsp://a/x"},"2":{"protocol":"rtsp","url":"s3cret"},"99":{"protocol":"webrtc"}},
            "destinations":{"good":{"url":"rtmp://a/b"},"bad":{"url":7}}}"#;
        std::fs::write(&path, text).expect("written");
        let (store, problems) = SetupStore::open(data.path()).expect("a store");
        assert_eq!((store.sources().len(), store.destinations().len(), problems.len()), (1, 1, 3));
        assert!(!format!("{problems:?}").contains("s3cret"));
        std::fs::write(&path, "{\"sources\": s3cret").expect("written");
        let (_, problems) = SetupStore::open(data.path()).expect("a store");
        assert!(problems.len() == 1 && !problems[0].contains("s3cret"), "{problems:?}");
        assert!(data.path().join("setup.damaged.json").exists());
    }

    #[test]
    fn any_file_opens() {
        let data = tempfile::tempdir().expect("a folder");
        bolero::check!().with_iterations(300).with_type::<(Vec<u8>, String)>().for_each(|(bytes, text)| {
            for body in [bytes.clone(), format!(r#"{{"sources":{{"1":{text}}},"destinations":{{"a":{text}}}}}"#).into_bytes()] {
                std::fs::write(data.path().join("setup.json"), body).expect("written");
                SetupStore::open(data.path()).expect("a store");
            }
        });
    }
}
