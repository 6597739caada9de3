//! An image becomes a folder.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use backhand::{BackhandError, FilesystemReader, InnerNode};

use crate::error::Error;
use crate::image::Image;

/// More than any package of ours holds; an image that claims more is not one.
const MOST_ENTRIES: usize = 20_000;
/// Likewise, in bytes of all files.
const MOST_BYTES: u64 = 2 << 30;

/// Unpacks the whole image into `folder`, which must not exist. On failure what was written is left for the caller to remove.
pub fn whole(image: &Image, folder: &Path) -> Result<(), Error> {
    let filesystem = FilesystemReader::from_reader_with_offset(image.open()?, image.offset()).map_err(damaged)?;
    DirBuilder::new().mode(0o700).create(folder).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: folder.into() },
        _ => Error::Write { path: folder.into(), source },
    })?;
    let mut left = MOST_BYTES;
    for (node, count) in filesystem.files().zip(1..) {
        if count > MOST_ENTRIES {
            return Err(Error::Unexpected { what: format!("more than {MOST_ENTRIES} files") });
        }
        let path = inside(folder, &node.fullpath)?;
        let mode = u32::from(node.header.permissions) & 0o777;
        match &node.inner {
            // The root itself was made above.
            InnerNode::Dir(_) if path == folder => {}
            InnerNode::Dir(_) => DirBuilder::new().mode(0o700 | mode).create(&path).map_err(|source| Error::Write { path, source })?,
            InnerNode::Symlink(link) => symlink(&link.link, &path).map_err(|source| Error::Write { path, source })?,
            InnerNode::File(file) => {
                let written = write_file(&path, mode, &mut filesystem.file(file).reader_checked().map_err(damaged)?, left)?;
                if written != file.file_len() as u64 {
                    return Err(Error::Damaged { what: format!("{} is {written} bytes long instead of {}", node.fullpath.display(), file.file_len()) });
                }
                left -= written;
            }
            _ => return Err(Error::Unexpected { what: format!("a device or socket, {}", node.fullpath.display()) }),
        }
    }
    Ok(())
}

/// Writes one file of at most `most` bytes and returns its length.
fn write_file(path: &Path, mode: u32, reader: &mut impl Read, most: u64) -> Result<u64, Error> {
    let unwritable = |source| Error::Write { path: path.into(), source };
    let mut file = File::create_new(path).map_err(unwritable)?;
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| Error::Damaged { what: error.to_string() })?;
        if read == 0 {
            break;
        }
        written += read as u64;
        if written > most {
            return Err(Error::Unexpected { what: format!("more than {MOST_BYTES} bytes") });
        }
        io::Write::write_all(&mut file, buffer.get(..read).unwrap_or_default()).map_err(unwritable)?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o600 | mode)).map_err(unwritable)?;
    Ok(written)
}

/// Waits until everything in `folder` is on the disk.
pub fn settle(folder: &Path) -> Result<(), Error> {
    let unwritable = |source| Error::Write { path: folder.into(), source };
    for entry in fs::read_dir(folder).map_err(unwritable)? {
        let entry = entry.map_err(unwritable)?;
        let kind = entry.file_type().map_err(unwritable)?;
        if kind.is_dir() {
            settle(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path()).and_then(|file| file.sync_data()).map_err(unwritable)?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
}

/// Where a node of the image belongs; a name that leads out of the folder is refused.
fn inside(folder: &Path, node: &Path) -> Result<PathBuf, Error> {
    let mut path = folder.to_owned();
    for part in node.components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            Component::ParentDir | Component::Prefix(_) => return Err(Error::Unexpected { what: format!("the name {}", node.display()) }),
        }
    }
    Ok(path)
}

fn damaged(error: BackhandError) -> Error {
    Error::Damaged { what: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tests::executable;

    #[test]
    fn files_folders_links_and_modes_arrive() {
        let folder = tempfile::tempdir().expect("a folder");
        let image = Image::behind(&executable(folder.path(), "#!/bin/sh")).expect("an image");
        let out = folder.path().join("out");
        whole(&image, &out).expect("unpacked");
        assert_eq!(fs::read_to_string(out.join("AppRun")).expect("AppRun"), "#!/bin/sh");
        let mode = |name: &str| out.join(name).metadata().expect("facts").permissions().mode() & 0o777;
        assert_eq!((mode("AppRun"), mode("usr/data"), mode("usr")), (0o755, 0o644, 0o755));
        assert_eq!(fs::read(out.join("usr/data")).expect("data"), vec![7; 300_000]);
        assert_eq!(fs::read_link(out.join("link")).expect("a link"), Path::new("usr/data"));
        assert!(matches!(whole(&image, &out), Err(Error::Exists { .. })));
    }

    #[test]
    fn damage_is_told_and_never_a_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = executable(folder.path(), "x");
        let good = fs::read(&path).expect("the program");
        // Behind what the superblock counts there is only padding.
        let used = u64::from_le_bytes(good[64 + 40..64 + 48].try_into().expect("eight bytes")) as usize;
        let mut told = 0;
        for at in (68..64 + used).step_by(3) {
            let mut bytes = good.clone();
            bytes[at] ^= 0x5a;
            fs::write(&path, &bytes).expect("the program");
            let out = folder.path().join("out");
            // Not every byte matters: times and ids are not unpacked.
            told += usize::from(Image::behind(&path).and_then(|image| whole(&image, &out)).is_err());
            if out.exists() {
                fs::remove_dir_all(&out).expect("removed");
            }
        }
        assert!(told > 10, "{told}");
        fs::write(&path, &good[..64 + used / 2]).expect("the program");
        assert!(Image::behind(&path).and_then(|image| whole(&image, &folder.path().join("half"))).is_err());
    }

    #[test]
    fn names_stay_inside() {
        let folder = Path::new("/somewhere");
        assert_eq!(inside(folder, Path::new("/usr/bin/x")).expect("a path"), Path::new("/somewhere/usr/bin/x"));
        assert_eq!(inside(folder, Path::new("/")).expect("a path"), folder);
        assert!(inside(folder, Path::new("/usr/../../x")).is_err());
    }
}
