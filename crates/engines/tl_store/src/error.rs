//! What can go wrong with what is kept.

use std::io;
use std::path::{Path, PathBuf};

use crate::Hash;

/// How bad an error is for the show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// One thing was not kept; the show goes on.
    Warning,
    /// Nothing can be kept any more: a person must act.
    Serious,
}

/// Why something was not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {action}: {source}: {}", path.display())]
    Io {
        /// What was tried: `write`, `open`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("damaged: {reason}: {}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another studio works in this data folder.
    #[error("another studio uses this data folder; stop it or choose another with session.data_dir: {}", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// No such blob.
    #[error("no content {0}")]
    NoContent(Hash),
    /// No such session.
    #[error("no session {0}")]
    NoSession(String),
    /// A caller's mistake: a name or number that this room does not take.
    #[error("{0}")]
    Refused(String),
    /// The system gave no random bytes.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl Error {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NoContent(_) | Self::NoSession(_) | Self::Refused(_) | Self::Damaged { .. } => Severity::Warning,
            Self::Io { .. } if !self.is_disk_full() => Severity::Warning,
            Self::Io { .. } | Self::InUse { .. } | Self::Random(_) => Severity::Serious,
        }
    }

    /// Whether the disk (or the quota) is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }
}
