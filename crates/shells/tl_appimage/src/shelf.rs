//! Where unpacked versions lie: one folder each, named by the image's digest, with a lock beside it that the running program holds.

use std::env;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::image::Image;
use crate::unpack;

/// The folder that holds every unpacked version of one user.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// An unpacked version that stays as long as this does.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    lock: File,
}

impl Shelf {
    /// The one in the user's cache folder, made when it is missing.
    pub fn of_user() -> Result<Self, Error> {
        let named = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache"))).ok_or(Error::NoHome)?;
        Self::at(&cache.join("touchline").join("appimage"))
    }

    /// A program is started from here, so nobody else may write to it.
    fn at(folder: &Path) -> Result<Self, Error> {
        let unwritable = |source| Error::Write { path: folder.into(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
        let facts = folder.metadata().map_err(unwritable)?;
        // The owner of a process' own entry is its effective user.
        let user = Path::new("/proc/self").metadata().map_err(|source| Error::Read { path: "/proc/self".into(), source })?.uid();
        if facts.uid() != user || facts.mode() & 0o022 != 0 {
            return Err(Error::NotOurs { path: folder.into() });
        }
        Ok(Self { folder: folder.into() })
    }

    /// The image's folder, unpacked now when it is not there. Two starts at the same time both unpack, and the first to finish gives the folder.
    pub fn take(&self, image: &Image) -> Result<Place, Error> {
        let lock = self.lock_of(image.digest())?;
        lock.lock_shared().map_err(|source| Error::Write { path: self.folder.clone(), source })?;
        let place = Place { folder: self.folder.join(image.digest()), lock };
        if place.folder.exists() {
            return Ok(place);
        }
        let part = self.part_of(image.digest());
        // The folder's final name promises that it is whole, also behind a power cut.
        unpack::whole(image, &part).and_then(|()| unpack::settle(&part)).or_else(|error| remove(&part).and(Err(error)))?;
        match fs::rename(&part, &place.folder) {
            Ok(()) => Ok(place),
            Err(_) if place.folder.exists() => remove(&part).map(|()| place),
            Err(source) => Err(Error::Write { path: place.folder, source }),
        }
    }

    /// Removes other versions that nobody runs, and what starts that were killed left half done.
    pub fn clear_others(&self, image: &Image) -> Result<(), Error> {
        let unreadable = |source| Error::Read { path: self.folder.clone(), source };
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| *name != image.digest()) else { continue };
            if !path.is_dir() {
                continue;
            }
            match name.strip_suffix(".part").and_then(|rest| rest.rsplit('.').next()) {
                Some(pid) if Path::new("/proc").join(pid).exists() => {}
                Some(_) => remove(&path)?,
                None => self.clear(name)?,
            }
        }
        Ok(())
    }

    /// Takes a version away that nobody runs. Its name goes first, under the lock: nobody finds half of it there.
    fn clear(&self, name: &str) -> Result<(), Error> {
        let lock = self.lock_of(name)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(source)) => return Err(Error::Write { path: self.folder.clone(), source }),
        }
        let (path, part) = (self.folder.join(name), self.part_of(name));
        fs::rename(&path, &part).map_err(|source| Error::Write { path, source })?;
        drop(lock);
        remove(&part)
    }

    /// Where this process makes or removes a version.
    fn part_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{}.part", std::process::id()))
    }

    /// Locks stay for ever: one that is removed while another start waits for it would protect nothing.
    fn lock_of(&self, name: &str) -> Result<File, Error> {
        let path = self.folder.join(format!("{name}.lock"));
        // Where nothing may be written any more, what is there still runs.
        let opened = File::options().read(true).append(true).create(true).open(&path).or_else(|error| File::open(&path).map_err(|_| error));
        opened.map_err(|source| Error::Write { path, source })
    }
}

impl Place {
    /// Where the image lies unpacked.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Hands the lock to the program that this process becomes, and so to all that it starts.
    pub fn keep_through_exec(&self) -> Result<(), Error> {
        // SAFETY: the descriptor is open as long as `self.lock` is, and F_SETFD takes an integer and changes no memory.
        let done = unsafe { libc::fcntl(self.lock.as_raw_fd(), libc::F_SETFD, 0) };
        if done == -1 { Err(Error::Write { path: self.folder.clone(), source: io::Error::last_os_error() }) } else { Ok(()) }
    }
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Write { path: folder.into(), source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::image::tests::{executable, head};

    /// A shelf, and an image with this text.
    fn shelf_and_image(text: &str) -> (tempfile::TempDir, Shelf, Image) {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::at(&folder.path().join("shelf")).expect("a shelf");
        let image = Image::behind(&executable(folder.path(), text)).expect("an image");
        (folder, shelf, image)
    }

    #[test]
    fn a_second_start_finds_what_the_first_unpacked() {
        let (_folder, shelf, image) = shelf_and_image("one");
        let first = shelf.take(&image).expect("unpacked");
        let mark = first.folder().join("mark");
        fs::write(&mark, "").expect("a mark");
        assert_eq!(shelf.take(&image).expect("found").folder(), first.folder());
        assert!(mark.exists());
    }

    #[test]
    fn other_versions_go_when_nobody_runs_them() {
        let (folder, shelf, image) = shelf_and_image("one");
        let running = shelf.take(&image).expect("unpacked");
        let old = running.folder().to_owned();
        let next = Image::behind(&executable(folder.path(), "two")).expect("an image");
        let place = shelf.take(&next).expect("unpacked");
        shelf.clear_others(&next).expect("cleared");
        assert!(old.exists(), "it runs");
        drop(running);
        shelf.clear_others(&next).expect("cleared");
        assert!(!old.exists() && place.folder().exists());
    }

    #[test]
    fn a_version_that_is_being_removed_is_not_found_half() {
        let (folder, shelf, image) = shelf_and_image("one");
        let old = shelf.take(&image).expect("unpacked").folder().to_owned();
        let next = Image::behind(&executable(folder.path(), "two")).expect("an image");
        // What another start is removing has left its name; this one must not wait for it, nor find it.
        let lock = shelf.lock_of(image.digest()).expect("a lock");
        lock.lock().expect("locked");
        shelf.clear_others(&next).expect("left alone");
        assert!(old.exists(), "whoever holds the lock sees to it");
        drop(lock);
        fs::rename(&old, shelf.folder.join(format!("{}.{}.part", image.digest(), 1 << 23))).expect("renamed");
        let again = shelf.take(&Image::behind(&executable(folder.path(), "one")).expect("an image"));
        assert!(again.expect("unpacked anew").folder().join("usr/data").exists());
    }

    #[test]
    fn a_killed_start_leaves_nothing_for_long() {
        let (_folder, shelf, image) = shelf_and_image("one");
        // No process has this number: the kernel's largest is 2^22.
        let killed = shelf.folder.join(format!("{}.{}.part", image.digest(), 1 << 23));
        let working = shelf.folder.join(format!("{}.{}.part", image.digest(), std::process::id()));
        fs::create_dir(&killed).expect("a folder");
        fs::create_dir(&working).expect("a folder");
        shelf.clear_others(&image).expect("cleared");
        assert!(!killed.exists() && working.exists());
    }

    #[test]
    fn a_damaged_image_leaves_no_folder() {
        let (folder, shelf, _) = shelf_and_image("one");
        let path = folder.path().join("damaged");
        fs::write(&path, [head(), b"hsqs and nothing more".to_vec()].concat()).expect("the program");
        let image = Image::behind(&path).expect("an image, it seems");
        assert!(matches!(shelf.take(&image), Err(Error::Damaged { .. })));
        let left = fs::read_dir(&shelf.folder).expect("the shelf").filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shelf");
        fs::create_dir(&path).expect("a folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("a mode");
        assert!(matches!(Shelf::at(&path), Err(Error::NotOurs { .. })));
    }
}
