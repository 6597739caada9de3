//! What can go wrong with a file.

use std::io;

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file has at least one track, and track ids are distinct and not zero.
    #[error("a file needs tracks with distinct ids above zero")]
    Tracks,
    /// A fragment needs a run with at least one sample for each track in it.
    #[error("a fragment needs at least one sample in each run")]
    Empty,
    /// Sizes beyond what 32-bit boxes can say.
    #[error("{what} is too large: {size} bytes")]
    TooLarge {
        /// Which part of the file.
        what: &'static str,
        /// Its size, bytes.
        size: u64,
    },
    /// A box that cannot be written as asked.
    #[error("box cannot be written: {0}")]
    Encode(#[source] mp4_atom::Error),
    /// The file does not start with a readable movie header.
    #[error("no readable movie header: {0}")]
    NoHeader(&'static str),
    /// A box contradicts the bytes around it.
    #[error("malformed {kind} box: {reason}")]
    Malformed {
        /// Its four characters.
        kind: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// As many offsets as parts are needed, and at least one part.
    #[error("{parts} parts and {offsets} offsets were given")]
    Arguments {
        /// How many parts.
        parts: usize,
        /// How many offsets.
        offsets: usize,
    },
    /// Shifted decode times leave what the box can hold.
    #[error("a decode time leaves the range of its box")]
    TimeRange,
    /// Reading or writing failed.
    #[error("file could not be read or written: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether the disk is full, which ends a recording but not the show.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::StorageFull)
    }
}

impl From<mp4_atom::Error> for Error {
    fn from(error: mp4_atom::Error) -> Self {
        Self::Encode(error)
    }
}
