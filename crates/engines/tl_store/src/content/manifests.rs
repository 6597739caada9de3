//! Manifests: blobs that name other blobs. What a kept manifest names is kept as well, however old it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{ContentStore, FsckReport};
use crate::files::{self, Privacy};
use crate::{Error, Hash};

/// The longest manifest, bytes.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

impl ContentStore {
    /// Keeps a session's manifest, a JSON text in which each text of 64 hexadecimal digits names a blob, and all blobs that it
    /// names. The answer is the content id: the SHA-256 of this very text, so write it in a canonical form.
    pub fn put_manifest(&self, json: &str) -> Result<Hash, Error> {
        references(json.as_bytes()).ok_or_else(|| Error::Refused("a manifest is JSON of at most 64 MB".to_owned()))?;
        let hash = self.put(&[Bytes::copy_from_slice(json.as_bytes())])?;
        let folder = self.folder.join("manifests");
        files::make_folder(&folder)?;
        files::write_atomic(&folder.join(hash.to_string()), &[], Privacy::Open)?;
        Ok(hash)
    }

    /// The content ids of all kept manifests.
    pub fn manifests(&self) -> Result<Vec<Hash>, Error> {
        Ok(self.marks()?.into_iter().map(|(hash, _)| hash).collect())
    }

    /// Lets a session go: its manifest, and the blobs that no other manifest names and `in_use` does not want. Tells how many
    /// blobs went.
    pub fn remove_manifest(&self, hash: &Hash, in_use: impl Fn(&Hash) -> bool) -> Result<usize, Error> {
        let mark = self.mark(hash);
        if !mark.exists() {
            return Err(Error::NoContent(*hash));
        }
        let named = self.named_by(hash).unwrap_or_default();
        fs::remove_file(&mark).map_err(Error::io("remove", &mark))?;
        let _alone = self.sweeping.write().unwrap_or_else(PoisonError::into_inner);
        let kept = self.all_named()?;
        let mut removed = 0;
        for blob in named.into_iter().chain([*hash]).filter(|blob| !kept.contains(blob) && !in_use(blob)) {
            removed += usize::from(fs::remove_file(self.path(&blob)).is_ok());
        }
        Ok(removed)
    }

    /// Removes manifests and blobs that were stored longer ago than `age`; a blob that a kept manifest names stays. Returns how
    /// many blobs went. What cannot be removed is tried again at the next call.
    pub fn expire(&self, age: Duration) -> Result<usize, Error> {
        let is_old = |path: &Path| {
            let stored = path.metadata().and_then(|facts| facts.modified()).ok();
            stored.and_then(|stored| SystemTime::now().duration_since(stored).ok()).is_some_and(|held| held > age)
        };
        for (_, mark) in self.marks()?.into_iter().filter(|(_, mark)| is_old(mark)) {
            fs::remove_file(&mark).map_err(Error::io("remove", &mark))?;
        }
        let kept = self.all_named()?;
        let mut removed = 0;
        for (hash, path) in self.list(&mut FsckReport::default())? {
            if kept.contains(&hash) || !is_old(&path) {
                continue;
            }
            // One at a time, so that storing never waits for long; looked at again, for it may be stored anew by now.
            let _alone = self.sweeping.write().unwrap_or_else(PoisonError::into_inner);
            removed += usize::from(is_old(&path) && fs::remove_file(&path).is_ok());
        }
        Ok(removed)
    }

    pub(super) fn check_manifests(&self, report: &mut FsckReport) -> Result<(), Error> {
        for manifest in self.manifests()? {
            report.manifests += 1;
            match self.named_by(&manifest) {
                Some(named) => report.missing.extend(named.into_iter().filter(|blob| !self.contains(blob)).map(|blob| (manifest, blob))),
                None => report.missing.push((manifest, manifest)),
            }
        }
        Ok(())
    }

    fn mark(&self, hash: &Hash) -> PathBuf {
        self.folder.join("manifests").join(hash.to_string())
    }

    fn marks(&self) -> Result<Vec<(Hash, PathBuf)>, Error> {
        let folder = self.folder.join("manifests");
        let listed = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(Error::io("list", &folder))?,
        };
        let mut marks: Vec<(Hash, PathBuf)> = listed.flatten().filter_map(|entry| Some((Hash::parse(entry.file_name().to_str()?)?, entry.path()))).collect();
        marks.sort();
        Ok(marks)
    }

    /// Every blob that a kept manifest names, and the manifests themselves.
    fn all_named(&self) -> Result<BTreeSet<Hash>, Error> {
        let mut all = BTreeSet::new();
        for manifest in self.manifests()? {
            all.extend(self.named_by(&manifest).unwrap_or_default());
            all.insert(manifest);
        }
        Ok(all)
    }

    /// What a manifest names; none when it is not here or not what it was.
    fn named_by(&self, hash: &Hash) -> Option<BTreeSet<Hash>> {
        let mut blob = self.open_blob(hash).ok().filter(|blob| blob.len <= MAX_MANIFEST_BYTES)?;
        let mut text = Vec::new();
        blob.file.read_to_end(&mut text).ok()?;
        references(&text)
    }
}

/// Every text of 64 hexadecimal digits in a JSON text; none when it is no JSON.
fn references(json: &[u8]) -> Option<BTreeSet<Hash>> {
    let mut found = BTreeSet::new();
    let mut left = vec![serde_json::from_slice::<serde_json::Value>(json.get(..MAX_MANIFEST_BYTES as usize).unwrap_or(json)).ok()?];
    while let Some(value) = left.pop() {
        match value {
            serde_json::Value::String(text) => found.extend(Hash::parse(&text)),
            serde_json::Value::Array(items) => left.extend(items),
            serde_json::Value::Object(items) => left.extend(items.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    struct Stored {
        _folder: tempfile::TempDir,
        store: ContentStore,
    }

    impl Stored {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let store = ContentStore::open(folder.path()).expect("a store");
            Self { _folder: folder, store }
        }

        fn blob(&self, text: &'static str) -> Hash {
            self.store.put(&[Bytes::from_static(text.as_bytes())]).expect("stored")
        }

        fn manifest(&self, blobs: &[Hash]) -> Hash {
            self.store.put_manifest(&serde_json::json!({"segments": blobs, "other": [1, "x"]}).to_string()).expect("stored")
        }

        fn age(&self, path: &Path, days: u32) {
            let file = fs::File::options().write(true).open(path).expect("opened");
            file.set_modified(SystemTime::now() - DAY * days).expect("aged");
        }

        fn grow_old(&self, hash: &Hash) {
            self.age(&self.store.path(hash), 31);
        }

        fn expire(&self) -> usize {
            self.store.expire(DAY * 30).expect("expired")
        }
    }

    #[test]
    fn what_is_too_old_goes_and_the_rest_stays() {
        let stored = Stored::new();
        let (old, again, new) = (stored.blob("last season"), stored.blob("both"), stored.blob("today"));
        stored.grow_old(&old);
        stored.grow_old(&again);
        stored.blob("both");
        assert_eq!(stored.expire(), 1);
        assert_eq!([&old, &again, &new].map(|hash| stored.store.contains(hash)), [false, true, true]);
    }

    #[test]
    fn what_a_kept_manifest_names_stays_however_old_it_is() {
        let stored = Stored::new();
        let (shared, only) = (stored.blob("shared"), stored.blob("only in the first"));
        let first = stored.manifest(&[shared, only]);
        let second = stored.manifest(&[shared]);
        for hash in [&shared, &only, &first, &second] {
            stored.grow_old(hash);
        }
        assert_eq!(stored.expire(), 0);
        stored.age(&stored.store.mark(&first), 31);
        assert_eq!(stored.expire(), 2, "the first manifest and its own blob");
        assert_eq!([&shared, &only, &first, &second].map(|hash| stored.store.contains(hash)), [true, false, false, true]);
        assert!(stored.store.fsck(|_, _| {}).expect("a report").is_clean());
    }

    #[test]
    fn a_session_that_is_let_go_takes_only_its_own_blobs() {
        let stored = Stored::new();
        let (shared, live, only) = (stored.blob("shared"), stored.blob("live again"), stored.blob("own"));
        let first = stored.manifest(&[shared, live, only]);
        let second = stored.manifest(&[shared]);
        assert_eq!(stored.store.manifests().expect("listed").len(), 2);
        assert_eq!(stored.store.remove_manifest(&first, |blob| *blob == live).expect("removed"), 2);
        assert_eq!([&shared, &live, &only, &first].map(|hash| stored.store.contains(hash)), [true, true, false, false]);
        assert!(matches!(stored.store.remove_manifest(&first, |_| false), Err(Error::NoContent(_))));
        assert_eq!(stored.store.manifests().expect("listed"), [second]);
    }

    #[test]
    fn the_id_is_the_hash_of_the_text_and_fsck_misses_what_is_gone() {
        let stored = Stored::new();
        let (one, two) = (stored.blob("one"), stored.blob("two"));
        let text = serde_json::json!([one, {"deep": two}]).to_string();
        let id = stored.store.put_manifest(&text).expect("stored");
        assert_eq!(id, Hash::of(&[Bytes::from(text)]));
        stored.store.remove(&two).expect("removed");
        let report = stored.store.fsck(|_, _| {}).expect("a report");
        assert_eq!((report.manifests, report.missing.clone(), report.is_clean()), (1, vec![(id, two)], false));
        assert!(stored.store.put_manifest("no json").is_err());
    }

    #[test]
    fn storing_while_old_blobs_go_loses_nothing() {
        let stored = Stored::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..50 {
                    stored.store.expire(DAY * 30).expect("expired");
                }
            });
            for _ in 0..50 {
                let hash = stored.blob("again and again");
                assert!(stored.store.contains(&hash));
                stored.grow_old(&hash);
                let hash = stored.blob("again and again");
                assert!(stored.store.contains(&hash), "stored a moment ago");
            }
        });
    }

    #[test]
    fn any_text_is_a_manifest_or_refused() {
        bolero::check!().with_iterations(2_000).with_type::<Vec<u8>>().for_each(|bytes| {
            references(bytes);
        });
    }
}
