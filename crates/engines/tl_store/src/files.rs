//! Writing so that a file is either the old one or the new one, and opening nothing but plain files.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, random_token};

/// The longest file name that addresses and folders may carry, bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// The largest small file (settings, session, tokens) that is read, bytes.
pub const MAX_SMALL_FILE_BYTES: u64 = 4 << 20;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Whoever may read the folder.
    Open,
    /// The owner of this machine alone (mode 0600).
    Private,
}

/// Replaces a file in one step: written beside it, flushed, renamed, and the folder flushed too.
pub fn write_atomic(path: &Path, body: &[&[u8]], privacy: Privacy) -> Result<(), Error> {
    let folder = path.parent().ok_or_else(|| Error::Refused(format!("{} has no folder", path.display())))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let temporary = folder.join(format!(".{name}.{}.tmp", random_token(6)?));
    let written = write_new(&temporary, body, privacy).and_then(|()| fs::rename(&temporary, path).map_err(Error::io("rename", path)));
    if written.is_err() {
        // The unfinished copy is of no use; the error that matters is the one above.
        fs::remove_file(&temporary).ok();
    }
    written?;
    sync_folder(folder)
}

/// Writes a value as readable JSON in one step.
pub fn write_json<T: Serialize>(path: &Path, value: &T, privacy: Privacy) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::damaged(path, error.to_string()))?;
    text.push(b'\n');
    write_atomic(path, &[&text], privacy)
}

/// Reads a value from JSON; none when there is no such file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let Some(text) = read_small(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|error| Error::damaged(path, error.to_string()))
}

/// Reads a small file whole; none when there is no such file.
pub fn read_small(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
        Ok(facts) if facts.len() > MAX_SMALL_FILE_BYTES => Err(Error::damaged(path, format!("{} bytes is more than such a file can have", facts.len()))),
        Ok(_) => fs::read(path).map(Some).map_err(Error::io("read", path)),
    }
}

/// Opens a plain file for reading: no folder, no device and, in its last step, no symbolic link.
pub fn open_plain(path: &Path) -> std::io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // NONBLOCK: a named pipe must not hold the caller.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC);
    }
    #[cfg(not(unix))]
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let file = options.open(path)?;
    let facts = file.metadata()?;
    if facts.is_file() { Ok((file, facts.len())) } else { Err(std::io::ErrorKind::InvalidInput.into()) }
}

/// Whether a name from outside may name a file in a folder of ours: letters, digits, `.`, `_` and `-`, not hidden, not
/// reserved on any system.
pub fn is_safe_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let reserved = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem.ends_with(|last: char| last.is_ascii_digit()));
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['.', '-']) && !name.ends_with('.') && !reserved
}

/// Flushes a folder, so that a rename in it survives a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Windows has no such call and keeps renames in its journal.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("flush", folder))?;
    }
    Ok(())
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))
}

/// Writes a new file and flushes it.
pub(crate) fn write_new(path: &Path, body: &[&[u8]], privacy: Privacy) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if privacy == Privacy::Private { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = privacy;
    let write = || -> std::io::Result<()> {
        let mut file = options.open(path)?;
        for piece in body {
            file.write_all(piece)?;
        }
        file.sync_all()
    };
    write().map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        for text in ["first", "second"] {
            write_atomic(&path, &[text.as_bytes()], Privacy::Private).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("facts").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("inside")).expect("made");
        assert!(write_atomic(&path, &[b"text"], Privacy::Open).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn names_from_outside_are_plain_or_refused() {
        for good in ["cam1.mp4", "programme.part2.mkv", "a", "A-b_c.9"] {
            assert!(is_safe_name(good), "{good}");
        }
        let long = "a".repeat(4_096);
        for bad in [
            "", ".", "..", "../a", "..\\a", "a/b", "a\\b", "/a", "a:b", "CON", "con.txt", "LPT1", "com9.mp4", "nul", "a\0b", "%2e%2e", "a b", ".hidden", "-rf",
            "end.", "ü", &long,
        ] {
            assert!(!is_safe_name(bad), "{bad}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_folders_and_pipes_are_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = folder.path().join("plain");
        fs::write(&plain, b"12345").expect("written");
        std::os::unix::fs::symlink(&plain, folder.path().join("link")).expect("linked");
        assert_eq!(open_plain(&plain).expect("opens").1, 5);
        assert!(open_plain(&folder.path().join("link")).is_err());
        assert!(open_plain(folder.path()).is_err());
        assert!(open_plain(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn a_huge_small_file_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("session.json");
        File::create(&path).and_then(|file| file.set_len(MAX_SMALL_FILE_BYTES + 1)).expect("made");
        assert!(matches!(read_json::<u8>(&path), Err(Error::Damaged { .. })));
        assert!(matches!(read_json::<u8>(&folder.path().join("none")), Ok(None)));
    }
}
