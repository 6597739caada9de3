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
    expires_wall: Wall,
    used: Option<Instant>,
    issued: Instant,
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
        let (now, wall) = (Instant::now(), Wall::now());
        let kept = file.as_ref().map(|file| files::read_json::<Vec<Kept>>(file)).transpose().unwrap_or_else(|error| {
            tracing::warn!("viewers must open their link again: {error}");
            None
        });
        let grant = |kept: Kept| {
            let left = Duration::from_micros(u64::try_from(kept.expires.0 - wall.0).ok().filter(|left| *left > 0)?).min(life);
            Some((kept.sha256, Grant { label: kept.label, expires: now + left, expires_wall: kept.expires, used: None, issued: now }))
        };
        let grants = kept.flatten().unwrap_or_default().into_iter().take(most).filter_map(grant).collect();
        Self { life, most, file, grants: Mutex::new(grants), unsaved: AtomicBool::new(false), saving: Mutex::new(()) }
    }

    /// A new grant for the holder of the token with this label.
    pub(crate) fn issue(&self, label: &str) -> Result<Issued, tl_store::Error> {
        let text = random_token(16)?;
        let now = Instant::now();
        let expires = Wall(Wall::now().0.saturating_add(i64::try_from(self.life.as_micros()).unwrap_or(i64::MAX)));
        let mut grants = self.lock();
        grants.retain(|_, grant| grant.expires > now);
        if grants.len() >= self.most {
            let idle = grants.iter().min_by_key(|(_, grant)| grant.used.unwrap_or(grant.issued)).map(|(key, _)| *key);
            idle.and_then(|key| grants.remove(&key));
        }
        grants.insert(key_of(&text), Grant { label: label.to_owned(), expires: now + self.life, expires_wall: expires, used: None, issued: now });
        drop(grants);
        self.unsaved.store(true, Ordering::Release);
        Ok(Issued { text, expires })
    }

    /// Whether this grant holds; notes that it was used.
    pub(crate) fn check(&self, text: &str) -> bool {
        if text.len() > 64 {
            return false;
        }
        let now = Instant::now();
        let mut grants = self.lock();
        let Some(grant) = grants.get_mut(&key_of(text)).filter(|grant| grant.expires > now) else { return false };
        grant.used = Some(now);
        true
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
        let kept: Vec<Kept> =
            self.lock().iter().map(|(sha256, grant)| Kept { sha256: *sha256, label: grant.label.clone(), expires: grant.expires_wall }).collect();
        files::write_json(file, &kept, Privacy::Private)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    fn a_damaged_file_costs_its_grants() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("grants.json");
        std::fs::write(&file, b"[{").expect("written");
        assert_eq!(Grants::open(Some(file), Duration::from_secs(1), 2).watching(), 0);
    }
}
