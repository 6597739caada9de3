//! Viewers' grants: 128 random bits in the address of the media, which expire and can be revoked. Only hashes are kept.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tl_base::Wall;
use tl_store::files::{self, Privacy};
use tl_store::random_token;

/// A viewer who asked for media this recently is watching.
const WATCHING: Duration = Duration::from_secs(10);

type Key = [u8; 32];

struct Grant {
    label: String,
    /// By the monotonic clock: a wall clock that jumps neither ends nor revives a grant.
    expires: Instant,
    used: Option<Instant>,
    issued: Instant,
}

#[derive(Serialize, Deserialize)]
struct File {
    /// When it was written: no later run begins before it, whatever the wall clock shows then.
    written: Wall,
    grants: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    sha256: Key,
    label: String,
    expires: Wall,
}

/// All grants, by the hash of their text.
pub(crate) struct Grants {
    life: Duration,
    most: usize,
    file: Option<PathBuf>,
    grants: Mutex<HashMap<Key, Grant>>,
    unsaved: AtomicBool,
    saving: Mutex<()>,
}

/// A fresh grant.
pub(crate) struct Issued {
    pub(crate) text: String,
    pub(crate) expires: Wall,
}

impl Grants {
    /// The grants of an earlier run that still hold, and room for more. A file that cannot be read costs its grants.
    pub(crate) fn open(file: Option<PathBuf>, life: Duration, most: usize) -> Self {
        Self::open_at(file, life, most, Wall::now())
    }

    fn open_at(file: Option<PathBuf>, life: Duration, most: usize, wall: Wall) -> Self {
        let now = Instant::now();
        let kept = file.as_ref().map(|file| files::read_json::<File>(file)).transpose().unwrap_or_else(|error| {
            tracing::warn!("viewers must open their link again: {error}");
            None
        });
        let (written, kept) = kept.flatten().map_or((wall, Vec::new()), |file| (file.written, file.grants));
        let began = wall.0.max(written.0);
        let grant = |kept: Kept| {
            let left = u64::try_from(kept.expires.0.saturating_sub(began)).ok().filter(|left| *left > 0)?;
            let left = Duration::from_micros(left).min(life);
            Some((kept.sha256, Grant { label: kept.label, expires: now + left, used: None, issued: now }))
        };
        let grants = kept.into_iter().take(most).filter_map(grant).collect();
        Self { life, most, file, grants: Mutex::new(grants), unsaved: AtomicBool::new(false), saving: Mutex::new(()) }
    }

    /// A new grant for the holder of the token with this label.
    pub(crate) fn issue(&self, label: &str) -> Result<Issued, tl_store::Error> {
        let text = random_token(16)?;
        let now = Instant::now();
        let expires = wall_after(Wall::now(), self.life);
        let mut grants = self.lock();
        grants.retain(|_, grant| grant.expires > now);
        if grants.len() >= self.most {
            let idle = grants.iter().min_by_key(|(_, grant)| grant.used.unwrap_or(grant.issued)).map(|(key, _)| *key);
            idle.and_then(|key| grants.remove(&key));
        }
        grants.insert(key_of(&text), Grant { label: label.to_owned(), expires: now + self.life, used: None, issued: now });
        drop(grants);
        self.unsaved.store(true, Ordering::Release);
        Ok(Issued { text, expires })
    }

    /// Whether this grant holds; notes that it was used.
    pub(crate) fn check(&self, text: &str) -> bool {
        self.label_of(text).is_some()
    }

    /// For whom this grant was given, while it holds; notes that it was used.
    pub(crate) fn label_of(&self, text: &str) -> Option<String> {
        if text.len() > 64 {
            return None;
        }
        let now = Instant::now();
        let mut grants = self.lock();
        let grant = grants.get_mut(&key_of(text)).filter(|grant| grant.expires > now)?;
        grant.used = Some(now);
        Some(grant.label.clone())
    }

    /// Makes grants void: those given for a token's label, or all. Tells how many.
    pub(crate) fn revoke(&self, label: Option<&str>) -> usize {
        let mut grants = self.lock();
        let before = grants.len();
        grants.retain(|_, grant| label.is_some_and(|label| grant.label != label));
        self.unsaved.store(true, Ordering::Release);
        before - grants.len()
    }

    /// Viewers who are watching now.
    pub(crate) fn watching(&self) -> u32 {
        let now = Instant::now();
        let watching = self.lock().values().filter(|grant| grant.used.is_some_and(|used| now.duration_since(used) < WATCHING)).count();
        u32::try_from(watching).unwrap_or(u32::MAX)
    }

    /// Keeps what changed; blocks on the disk. Calls that come while another saves find nothing left to do.
    pub(crate) fn save(&self) -> Result<(), tl_store::Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.unsaved.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let (now, written) = (Instant::now(), Wall::now());
        let keep = |(sha256, grant): (&Key, &Grant)| {
            let left = grant.expires.checked_duration_since(now)?;
            Some(Kept { sha256: *sha256, label: grant.label.clone(), expires: wall_after(written, left) })
        };
        let kept = File { written, grants: self.lock().iter().filter_map(keep).collect() };
        files::write_json(file, &kept, Privacy::Private)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wall_after(wall: Wall, time: Duration) -> Wall {
    Wall(wall.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}

fn key_of(text: &str) -> Key {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_holds_over_a_restart_until_it_is_revoked() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("grants.json");
        let open = || Grants::open(Some(file.clone()), Duration::from_secs(60), 10);
        let grants = open();
        let issued = grants.issue("viewer").expect("a grant");
        assert_eq!(issued.text.len(), 22);
        grants.save().expect("kept");
        assert!(!std::fs::read_to_string(&file).expect("read").contains(&issued.text));
        let grants = open();
        assert!(grants.check(&issued.text) && !grants.check("") && !grants.check("other"));
        assert_eq!(grants.watching(), 1);
        assert_eq!((grants.revoke(Some("someone")), grants.revoke(Some("viewer"))), (0, 1));
        assert!(!grants.check(&issued.text));
        grants.save().expect("kept");
        assert!(!open().check(&issued.text));
    }

    #[test]
    fn a_grant_expires_and_the_idle_one_makes_room() {
        let grants = Grants::open(None, Duration::ZERO, 2);
        let issued = grants.issue("a").expect("a grant");
        assert!(!grants.check(&issued.text));
        let grants = Grants::open(None, Duration::from_secs(60), 2);
        let (used, idle) = (grants.issue("a").expect("a grant"), grants.issue("a").expect("a grant"));
        assert!(grants.check(&used.text));
        let new = grants.issue("a").expect("a grant");
        assert!(grants.check(&used.text) && grants.check(&new.text) && !grants.check(&idle.text));
    }

    #[test]
    fn a_wall_clock_that_is_set_between_runs_revives_nothing_and_gives_no_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("grants.json");
        let life = Duration::from_secs(600);
        let grants = Grants::open(Some(file.clone()), life, 10);
        let issued = grants.issue("viewer").expect("a grant");
        grants.save().expect("kept");
        let left = |set_s: i64| {
            let grants = Grants::open_at(Some(file.clone()), Duration::from_secs(9_000), 10, Wall(Wall::now().0 + set_s * 1_000_000));
            grants.lock().get(&key_of(&issued.text)).map(|grant| grant.expires.duration_since(Instant::now()))
        };
        assert_eq!(left(3_600), None, "set forward, it is over");
        for back in [0, -3_600, -86_400 * 400] {
            assert!(left(back).is_some_and(|left| left <= life), "{back}: {:?}", left(back));
        }
        assert!(left(300).is_some_and(|left| left <= Duration::from_secs(300)));
    }

    #[test]
    fn any_file_opens() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("grants.json");
        bolero::check!().with_iterations(300).with_type::<(Vec<u8>, i64, i64, Vec<u8>)>().for_each(|(bytes, written, expires, hash)| {
            let near = format!(r#"{{"written":{written},"grants":[{{"sha256":{hash:?},"label":"x","expires":{expires}}}]}}"#);
            for text in [bytes.as_slice(), near.as_bytes()] {
                std::fs::write(&file, text).expect("written");
                assert_eq!(Grants::open(Some(file.clone()), Duration::from_secs(9), 4).watching(), 0);
            }
        });
    }

    #[test]
    fn a_damaged_file_costs_its_grants() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("grants.json");
        std::fs::write(&file, b"[{").expect("written");
        assert_eq!(Grants::open(Some(file), Duration::from_secs(1), 2).watching(), 0);
    }
}
