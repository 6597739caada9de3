//! Who may do what: tokens of 256 bits, compared in constant time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tl_base::{Secret, SlotId, Wall};
use tl_wire::Role;

use crate::files::{self, Privacy};
use crate::{Error, Hash};

/// The most tokens that are kept at a time.
pub const MAX_TOKENS: usize = 1_024;

/// The longest label, bytes.
pub const MAX_LABEL_BYTES: usize = 64;

/// Someone who showed a token that we issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What they may do.
    pub role: Role,
    /// The token's label, as events name it.
    pub label: String,
    /// The camera position, for a camera.
    pub slot: Option<SlotId>,
}

/// A link that a resumed studio shows again.
#[derive(Clone, Debug)]
pub struct StoredLink {
    /// Whose it is.
    pub actor: Actor,
    /// Its token.
    pub token: Secret,
}

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    role: Role,
    label: String,
    slot: Option<SlotId>,
    sha256: Hash,
    issued: Wall,
    /// Only for links that a resumed studio must show again; the file is readable for its owner alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Entry {
    fn actor(&self) -> Actor {
        Actor { role: self.role, label: self.label.clone(), slot: self.slot }
    }
}

/// The tokens of this studio, in `tokens.json` (mode 0600). May be shared between threads.
pub struct Tokens {
    path: PathBuf,
    entries: Mutex<Vec<Entry>>,
}

impl Tokens {
    /// Opens the tokens of a data folder. A file that cannot be read is set aside and told; its links are then void.
    pub fn open(data: &Path) -> Result<(Self, Vec<String>), Error> {
        files::make_folder(data)?;
        let path = data.join("tokens.json");
        let mut problems = Vec::new();
        let entries = match files::read_json::<Vec<Entry>>(&path) {
            Ok(entries) => entries.unwrap_or_default(),
            Err(error) => {
                let aside = data.join("tokens.damaged.json");
                std::fs::rename(&path, &aside).map_err(Error::io("set aside", &path))?;
                problems.push(format!("{error}; all links are void and new ones are made; the old file is {}", aside.display()));
                Vec::new()
            }
        };
        Ok((Self { path, entries: Mutex::new(entries) }, problems))
    }

    /// Makes a token that cannot be read back: only its hash is kept.
    pub fn issue(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<Secret, Error> {
        self.add(role, label, slot, false)
    }

    /// The token for this role, label and slot that a resumed studio shows again; made when there is none.
    pub fn issue_lasting(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<Secret, Error> {
        let known = self.links().into_iter().find(|link| link.actor.role == role && link.actor.slot == slot && link.actor.label == label);
        known.map_or_else(|| self.add(role, label, slot, true), |link| Ok(link.token))
    }

    /// The links that a resumed studio shows again.
    pub fn links(&self) -> Vec<StoredLink> {
        let link = |entry: &Entry| entry.token.as_ref().map(|token| StoredLink { actor: entry.actor(), token: Secret::new(token) });
        self.lock().iter().filter_map(link).collect()
    }

    /// Whose token this is. Every stored hash is looked at, so that time tells nothing.
    pub fn authenticate(&self, token: &str) -> Option<Actor> {
        if token.is_empty() || token.len() > 128 {
            return None;
        }
        let shown: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let entries = self.lock();
        let mut found = None;
        for entry in entries.iter() {
            if bool::from(entry.sha256.as_bytes().ct_eq(&shown)) {
                found = Some(entry);
            }
        }
        found.map(Entry::actor)
    }

    /// Makes every token with this label void. Tells how many there were.
    pub fn revoke(&self, label: &str) -> Result<usize, Error> {
        let mut entries = self.lock();
        let mut left = entries.clone();
        left.retain(|entry| entry.label != label);
        let gone = entries.len() - left.len();
        self.save(&left)?;
        *entries = left;
        Ok(gone)
    }

    fn add(&self, role: Role, label: &str, slot: Option<SlotId>, lasting: bool) -> Result<Secret, Error> {
        if label.is_empty() || label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control) {
            return Err(Error::Refused(format!("a label has 1 to {MAX_LABEL_BYTES} bytes and no control characters")));
        }
        let mut entries = self.lock();
        if entries.len() >= MAX_TOKENS {
            return Err(Error::Refused(format!("{MAX_TOKENS} links are out; revoke some")));
        }
        let token = random_token(32)?;
        let sha256 = Hash::from_bytes(Sha256::digest(token.as_bytes()).into());
        let mut next = entries.clone();
        next.push(Entry { role, label: label.to_owned(), slot, sha256, issued: Wall::now(), token: lasting.then(|| token.clone()) });
        self.save(&next)?;
        *entries = next;
        Ok(Secret::new(token))
    }

    fn save(&self, entries: &[Entry]) -> Result<(), Error> {
        files::write_json(&self.path, &entries, Privacy::Private)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random word of this many bytes in base64url: 32 for a token, 16 for a viewer's grant.
pub fn random_token(bytes: usize) -> Result<String, Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
    Ok(base64url(&random))
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=group.len() as u32 {
            let at = (word >> (18 - 6 * digit) & 63) as usize;
            out.push(DIGITS.get(at).copied().map_or('A', char::from));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_rfc_4648() {
        for (input, expect) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(input.as_bytes()), expect);
        }
        assert_eq!(base64url(&[0xff, 0xff, 0xbe]), "__--"[..3].to_owned() + "-");
        assert_eq!(random_token(32).expect("random").len(), 43);
    }

    #[test]
    fn a_token_opens_its_role_and_survives_a_restart() {
        let data = tempfile::tempdir().expect("a folder");
        let (tokens, _) = Tokens::open(data.path()).expect("tokens");
        let camera = tokens.issue(Role::Camera, "camera 2", Some(SlotId(2))).expect("a token");
        let desk = tokens.issue_lasting(Role::Director, "desk", None).expect("a token");
        drop(tokens);
        let (tokens, problems) = Tokens::open(data.path()).expect("tokens");
        assert!(problems.is_empty());
        assert_eq!(tokens.authenticate(camera.expose()), Some(Actor { role: Role::Camera, label: "camera 2".to_owned(), slot: Some(SlotId(2)) }));
        assert_eq!(tokens.authenticate(desk.expose()).map(|actor| actor.role), Some(Role::Director));
        assert_eq!(tokens.issue_lasting(Role::Director, "desk", None).expect("a token"), desk);
        assert_eq!(tokens.links().len(), 1);
        let text = std::fs::read_to_string(data.path().join("tokens.json")).expect("read");
        assert!(!text.contains(camera.expose()), "only the hash is kept");
    }

    #[test]
    fn other_words_open_nothing_and_a_revoked_token_neither() {
        let data = tempfile::tempdir().expect("a folder");
        let (tokens, _) = Tokens::open(data.path()).expect("tokens");
        let token = tokens.issue(Role::Viewer, "guest", None).expect("a token");
        let long = "a".repeat(10_000);
        for wrong in ["", " ", "a", &long, &token.expose()[..42], &format!("{} ", token.expose()), &token.expose().to_lowercase()] {
            assert_eq!(tokens.authenticate(wrong), None);
        }
        assert_eq!(tokens.revoke("guest").expect("revoked"), 1);
        assert_eq!(tokens.authenticate(token.expose()), None);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_told() {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("tokens.json"), b"{not json").expect("written");
        let (tokens, problems) = Tokens::open(data.path()).expect("tokens");
        assert_eq!(problems.len(), 1);
        assert!(data.path().join("tokens.damaged.json").exists());
        tokens.issue(Role::Owner, "owner", None).expect("a token");
    }

    #[test]
    fn tokens_and_labels_are_bounded() {
        let data = tempfile::tempdir().expect("a folder");
        let (tokens, _) = Tokens::open(data.path()).expect("tokens");
        for bad in ["", "a\nb", &"x".repeat(65)] {
            assert!(tokens.issue(Role::Viewer, bad, None).is_err());
        }
        let entry = Entry { role: Role::Viewer, label: "v".to_owned(), slot: None, sha256: Hash::of(&[]), issued: Wall(0), token: None };
        tokens.lock().resize(MAX_TOKENS, entry);
        assert!(tokens.issue(Role::Viewer, "one more", None).is_err());
    }
}
