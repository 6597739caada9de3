//! Blobs by the SHA-256 of their bytes: written once, never changed, checked by fsck.

mod manifests;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::files::{self, Privacy};
use crate::{Error, Hash, random_token};

/// A folder of blobs, `<2 hex>/<sha256>`. Safe to share between threads; calls write to the disk and may take long.
pub struct ContentStore {
    folder: PathBuf,
    stored: AtomicU64,
    stored_bytes: AtomicU64,
    repeated: AtomicU64,
    /// Held to write where blobs are removed, so that none goes that is stored again at this moment.
    sweeping: RwLock<()>,
}

/// An opened blob.
#[derive(Debug)]
pub struct Blob {
    /// At its beginning.
    pub file: File,
    /// Bytes.
    pub len: u64,
}

/// What the store did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// New blobs.
    pub stored: u64,
    /// Their bytes.
    pub stored_bytes: u64,
    /// Blobs that were there already and took no new byte.
    pub repeated: u64,
}

/// What fsck found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Blobs read.
    pub checked: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Blobs whose bytes do not match their name.
    pub damaged: Vec<PathBuf>,
    /// Files that are no blobs.
    pub foreign: Vec<PathBuf>,
    /// What could not be read, with the reason.
    pub unreadable: Vec<String>,
    /// Manifests of sessions.
    pub manifests: u64,
    /// Blobs that a manifest names and that are not here: the manifest, then the blob.
    pub missing: Vec<(Hash, Hash)>,
}

impl FsckReport {
    /// Whether every blob is whole, and every manifest too.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty() && self.missing.is_empty()
    }
}

/// Unfinished copies younger than this may belong to a writer that still works.
const LEFTOVER_AGE: Duration = Duration::from_secs(600);

impl ContentStore {
    /// Opens the store in this folder, made when it is missing, and clears what a crash left unfinished.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let unfinished = folder.join("tmp");
        files::make_folder(&unfinished)?;
        for entry in fs::read_dir(&unfinished).map_err(Error::io("list", &unfinished))?.flatten() {
            let age = entry.metadata().and_then(|facts| facts.modified()).ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            if age.is_some_and(|age| age > LEFTOVER_AGE) {
                // What cannot be removed now is tried again at the next start.
                fs::remove_file(entry.path()).ok();
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            stored: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            sweeping: RwLock::new(()),
        })
    }

    /// Keeps these bytes and names them. They are on the disk when this returns; equal bytes are stored once.
    pub fn put(&self, body: &[Bytes]) -> Result<Hash, Error> {
        let hash = Hash::of(body);
        let len: u64 = body.iter().map(|piece| piece.len() as u64).sum();
        let path = self.path(&hash);
        let _not_now = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((file, _)) = files::open_plain(&path).ok().filter(|(_, there)| *there == len) {
            // Stored again is stored now: its age begins anew. Where the system refuses, it only leaves earlier.
            file.set_modified(SystemTime::now()).ok();
            self.repeated.fetch_add(1, Ordering::Relaxed);
            return Ok(hash);
        }
        let temporary = self.folder.join("tmp").join(random_token(12)?);
        let pieces: Vec<&[u8]> = body.iter().map(AsRef::as_ref).collect();
        let placed = files::write_new(&temporary, &pieces, Privacy::Open).and_then(|()| self.place(&temporary, &path));
        if placed.is_err() {
            // The unfinished copy is of no use; the error that matters is the one above.
            fs::remove_file(&temporary).ok();
        }
        placed?;
        self.stored.fetch_add(1, Ordering::Relaxed);
        self.stored_bytes.fetch_add(len, Ordering::Relaxed);
        Ok(hash)
    }

    /// Opens a blob for reading.
    pub fn open_blob(&self, hash: &Hash) -> Result<Blob, Error> {
        let path = self.path(hash);
        match files::open_plain(&path) {
            Ok((file, len)) => Ok(Blob { file, len }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NoContent(*hash)),
            Err(error) => Err(Error::io("open", &path)(error)),
        }
    }

    /// Whether this blob is here.
    pub fn contains(&self, hash: &Hash) -> bool {
        files::open_plain(&self.path(hash)).is_ok()
    }

    /// Where this blob lies, or would lie.
    pub fn path(&self, hash: &Hash) -> PathBuf {
        let name = hash.to_string();
        self.folder.join(name.get(..2).unwrap_or("00")).join(name)
    }

    /// Removes a blob; one that is not here is no error.
    pub fn remove(&self, hash: &Hash) -> Result<(), Error> {
        let path = self.path(hash);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// What was done since it was opened.
    pub fn stats(&self) -> StoreStats {
        StoreStats {
            stored: self.stored.load(Ordering::Relaxed),
            stored_bytes: self.stored_bytes.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
        }
    }

    /// Reads every blob and compares it with its name. `progress` gets blobs done and blobs in all. Nothing is changed.
    pub fn fsck(&self, mut progress: impl FnMut(u64, u64)) -> Result<FsckReport, Error> {
        let mut report = FsckReport::default();
        let blobs = self.list(&mut report)?;
        let all = blobs.len() as u64;
        for (done, (hash, path)) in (1..).zip(blobs) {
            match hash_of_file(&path) {
                Ok((found, bytes)) => {
                    report.checked += 1;
                    report.bytes += bytes;
                    if found != hash {
                        report.damaged.push(path);
                    }
                }
                Err(error) => report.unreadable.push(error.to_string()),
            }
            progress(done, all);
        }
        self.check_manifests(&mut report)?;
        Ok(report)
    }

    /// Moves the damaged blobs of a report to `damaged/`, so that they are no longer served and can be stored anew. Tells how many.
    pub fn set_aside(&self, report: &FsckReport) -> Result<usize, Error> {
        let aside = self.folder.join("damaged");
        files::make_folder(&aside)?;
        for path in &report.damaged {
            let name = path.file_name().unwrap_or_default();
            fs::rename(path, aside.join(name)).map_err(Error::io("set aside", path))?;
        }
        files::sync_folder(&aside)?;
        Ok(report.damaged.len())
    }

    fn place(&self, temporary: &Path, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.is_dir() {
            files::make_folder(folder)?;
            files::sync_folder(&self.folder)?;
        }
        fs::rename(temporary, path).map_err(Error::io("rename", path))?;
        files::sync_folder(folder)
    }

    fn list(&self, report: &mut FsckReport) -> Result<Vec<(Hash, PathBuf)>, Error> {
        let mut blobs = Vec::new();
        for folder in fs::read_dir(&self.folder).map_err(Error::io("list", &self.folder))?.flatten() {
            let prefix = folder.file_name().to_string_lossy().into_owned();
            if matches!(prefix.as_str(), "tmp" | "damaged" | "manifests") {
                continue;
            }
            if !folder.file_type().is_ok_and(|kind| kind.is_dir()) {
                report.foreign.push(folder.path());
                continue;
            }
            for file in fs::read_dir(folder.path()).map_err(Error::io("list", &folder.path()))?.flatten() {
                let hash = file.file_name().to_str().and_then(Hash::parse).filter(|hash| hash.to_string().starts_with(&prefix));
                match hash {
                    Some(hash) => blobs.push((hash, file.path())),
                    None => report.foreign.push(file.path()),
                }
            }
        }
        blobs.sort();
        Ok(blobs)
    }
}

fn hash_of_file(path: &Path) -> Result<(Hash, u64), Error> {
    let (mut file, _) = files::open_plain(path).map_err(Error::io("open", path))?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if read == 0 {
            return Ok((Hash::from_bytes(sha.finalize().into()), bytes));
        }
        sha.update(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, ContentStore) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = ContentStore::open(folder.path()).expect("a store");
        (folder, store)
    }

    #[test]
    fn equal_bytes_are_stored_once_however_they_are_cut() {
        let (_folder, store) = store();
        let one = store.put(&[Bytes::from_static(b"hello "), Bytes::from_static(b"world")]).expect("stored");
        let two = store.put(&[Bytes::from_static(b"hello world")]).expect("stored");
        assert_eq!(one, two);
        assert_eq!(store.stats(), StoreStats { stored: 1, stored_bytes: 11, repeated: 1 });
        let mut text = String::new();
        store.open_blob(&one).expect("opens").file.read_to_string(&mut text).expect("reads");
        assert_eq!(text, "hello world");
        assert!(matches!(store.open_blob(&Hash::of(&[])), Err(Error::NoContent(_))));
    }

    #[test]
    fn fsck_finds_what_was_changed_and_a_new_put_heals_it() {
        let (folder, store) = store();
        let good = store.put(&[Bytes::from_static(b"good")]).expect("stored");
        let bad = store.put(&[Bytes::from_static(b"will be damaged")]).expect("stored");
        fs::write(store.path(&bad), b"was just damaged").expect("written");
        fs::write(folder.path().join("note.txt"), b"?").expect("written");
        let mut seen = Vec::new();
        let report = store.fsck(|done, all| seen.push((done, all))).expect("a report");
        assert_eq!((report.checked, report.damaged.clone(), report.foreign.len()), (2, vec![store.path(&bad)], 1));
        assert_eq!(seen, [(1, 2), (2, 2)]);
        assert_eq!(store.set_aside(&report).expect("moved"), 1);
        assert!(!store.contains(&bad) && store.contains(&good));
        store.put(&[Bytes::from_static(b"will be damaged")]).expect("stored");
        assert!(store.fsck(|_, _| {}).expect("a report").is_clean());
    }

    #[test]
    fn a_cut_blob_is_written_again() {
        let (_folder, store) = store();
        let body = [Bytes::from_static(b"whole text")];
        let hash = store.put(&body).expect("stored");
        fs::write(store.path(&hash), b"whole").expect("cut");
        store.put(&body).expect("stored");
        assert_eq!(fs::read(store.path(&hash)).expect("read"), b"whole text");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_store_is_not_followed() {
        let (folder, store) = store();
        let hash = Hash::of(&[Bytes::from_static(b"x")]);
        let outside = folder.path().join("outside");
        fs::write(&outside, b"secret").expect("written");
        fs::create_dir_all(store.path(&hash).parent().expect("a folder")).expect("made");
        std::os::unix::fs::symlink(&outside, store.path(&hash)).expect("linked");
        assert!(store.open_blob(&hash).is_err());
        assert!(!store.contains(&hash));
    }

    #[test]
    fn many_threads_may_store_the_same_and_different_bytes() {
        let (_folder, store) = store();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0_u8..20 {
                        store.put(&[Bytes::from(vec![number; 1_000])]).expect("stored");
                    }
                });
            }
        });
        let report = store.fsck(|_, _| {}).expect("a report");
        assert_eq!((report.checked, report.is_clean()), (20, true));
        assert_eq!(fs::read_dir(store.folder.join("tmp")).expect("listed").count(), 0);
    }
}
