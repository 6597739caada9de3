//! The SquashFS image behind an executable.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::elf;
use crate::error::Error;

/// How every little-endian SquashFS image begins.
const MAGIC: &[u8; 4] = b"hsqs";

/// An image that was found; it is opened anew by whoever reads it.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    offset: u64,
    digest: String,
}

impl Image {
    /// The image behind the executable at `path`. It is read once, for its digest.
    pub fn behind(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Read { path: path.into(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let offset = elf::length(&mut file).map_err(unreadable)?.ok_or_else(|| Error::NotElf { path: path.into() })?;
        file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        let mut magic = Vec::new();
        (&mut file).take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(unreadable)?;
        if magic != MAGIC {
            return Err(Error::NoImage { path: path.into() });
        }
        file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        let digest = digest(&mut file).map_err(unreadable)?;
        Ok(Self { path: path.into(), offset, digest })
    }

    /// The file that holds it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it begins in that file, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// SHA-256 of the image in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A reader of the file that holds it, from the file's beginning.
    pub fn open(&self) -> Result<BufReader<File>, Error> {
        File::open(&self.path).map(BufReader::new).map_err(|source| Error::Read { path: self.path.clone(), source })
    }
}

fn digest(file: &mut File) -> std::io::Result<String> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => sum.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(sum.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    }))
}

#[cfg(test)]
pub mod tests {
    use std::io::Cursor;

    use backhand::compression::Compressor;
    use backhand::{FilesystemCompressor, FilesystemWriter, NodeHeader};

    use super::*;

    /// An executable with an image behind it that holds `AppRun` with this text, a folder, a file in it and a link to that.
    pub fn executable(folder: &Path, text: &str) -> PathBuf {
        let mut writer = FilesystemWriter::default();
        writer.set_compressor(FilesystemCompressor::new(Compressor::Zstd, None).expect("a compressor"));
        let (program, plain, folder_mode) = (NodeHeader::new(0o755, 0, 0, 0), NodeHeader::new(0o644, 0, 0, 0), NodeHeader::new(0o755, 0, 0, 0));
        writer.push_file(Cursor::new(text.as_bytes().to_vec()), "AppRun", program).expect("a file");
        writer.push_dir("usr", folder_mode).expect("a folder");
        writer.push_file(Cursor::new(vec![7; 300_000]), "usr/data", plain).expect("a file");
        writer.push_symlink("usr/data", "link", plain).expect("a link");
        let mut image = Cursor::new(Vec::new());
        writer.write(&mut image).expect("an image");
        let mut bytes = head();
        bytes.extend(image.into_inner());
        let path = folder.join("program");
        std::fs::write(&path, bytes).expect("the program");
        path
    }

    /// The smallest thing that passes for an executable.
    pub fn head() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[0x28] = 64;
        bytes
    }

    #[test]
    fn the_image_is_found_and_named_by_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = Image::behind(&executable(folder.path(), "one")).expect("an image");
        assert_eq!((one.offset(), one.digest().len()), (64, 64));
        let two = Image::behind(&executable(folder.path(), "two")).expect("an image");
        assert_ne!(one.digest(), two.digest());
    }

    #[test]
    fn a_download_that_was_cut_short_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("program");
        for bytes in [head(), [head(), b"hs".to_vec()].concat(), [head(), b"<html>".to_vec()].concat()] {
            std::fs::write(&path, bytes).expect("the program");
            assert!(matches!(Image::behind(&path), Err(Error::NoImage { .. })));
        }
        std::fs::write(&path, "<html>").expect("the program");
        assert!(matches!(Image::behind(&path), Err(Error::NotElf { .. })));
        assert!(matches!(Image::behind(&folder.path().join("nothing")), Err(Error::Read { .. })));
    }
}
