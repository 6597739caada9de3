//! Whether stored segments and recordings are whole.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tl_store::ContentStore;

/// What was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Stored blobs whose bytes were read and hashed.
    pub checked: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs whose bytes are not what their name says.
    pub damaged: Vec<PathBuf>,
    /// Files that do not belong there.
    pub foreign: Vec<PathBuf>,
    /// What could not be read, and why.
    pub unreadable: Vec<String>,
    /// Damaged blobs that were set aside.
    pub set_aside: usize,
}

impl Report {
    /// Whether everything is whole.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty()
    }
}

/// Reads every stored blob in `data_dir` and compares it with its name; with `mend` damaged ones are set aside. `progress` hears
/// how many of how many bytes were read.
pub fn fsck(data_dir: &Path, mend: bool, progress: impl FnMut(u64, u64)) -> Result<Report, tl_store::Error> {
    let store = ContentStore::open(&data_dir.join("store"))?;
    let found = store.fsck(progress)?;
    let set_aside = if mend { store.set_aside(&found)? } else { 0 };
    Ok(Report { checked: found.checked, bytes: found.bytes, damaged: found.damaged, foreign: found.foreign, unreadable: found.unreadable, set_aside })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_flipped_byte_is_found_and_set_aside() {
        let data = tempfile::tempdir().expect("a folder");
        let store = ContentStore::open(&data.path().join("store")).expect("a store");
        let hash = store.put(&[b"a segment".as_slice().to_vec().into()]).expect("stored");
        let other = store.put(&[b"another".as_slice().to_vec().into()]).expect("stored");
        fs::write(store.path(&hash), b"a sEgment").expect("damaged");
        let report = fsck(data.path(), true, |_, _| {}).expect("read");
        assert_eq!((report.checked, report.damaged.len(), report.set_aside), (2, 1, 1));
        assert!(store.contains(&other) && !store.contains(&hash));
        assert!(fsck(data.path(), false, |_, _| {}).expect("read").is_clean());
    }
}
