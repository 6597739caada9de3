//! One file that only ever grows by whole blocks.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The highest number a part may have.
const MAX_NUMBER: u32 = 99_999;

/// A file under construction. When a block does not fit, the file is cut back to the blocks before it.
pub(super) struct PartFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    synced: Instant,
    dirty: bool,
}

impl PartFile {
    /// Makes a new file `STEM-NNN.EXTENSION` with the first number from `number` on that is free.
    pub(super) fn create(dir: &Path, stem: &str, extension: &str, number: &mut u32) -> Result<Self, (PathBuf, io::Error)> {
        loop {
            *number += 1;
            let path = dir.join(format!("{stem}-{number:03}.{extension}"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, path, bytes: 0, synced: Instant::now(), dirty: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && *number < MAX_NUMBER => {}
                Err(error) => return Err((path, error)),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a whole block, or nothing.
    pub(super) fn append(&mut self, block: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(block);
        if let Err(error) = written {
            // Half a block behind the last whole one would only confuse players.
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
            return Err(error);
        }
        self.bytes += block.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// Overwrites bytes that exist and returns to the end.
    pub(super) fn patch(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.dirty = true;
        Ok(())
    }

    /// Puts everything onto the disk when the last time is `every` ago.
    pub(super) fn sync_if_due(&mut self, every: Duration) -> io::Result<()> {
        if self.dirty && self.synced.elapsed() >= every {
            self.sync()?;
        }
        Ok(())
    }

    /// Puts everything onto the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced = Instant::now();
        self.dirty = false;
        Ok(())
    }

    /// Removes a file that holds nothing.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}
