//! What can keep a studio from starting.

use std::path::PathBuf;

/// How bad it is for the show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The show cannot go on.
    Fatal,
    /// One part of it is missing.
    Partial,
}

/// What can keep a studio from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Media pipelines.
    #[error("media: {0}")]
    Media(#[from] tl_media::Error),
    /// Graphics device.
    #[error("graphics: {0}")]
    Gpu(#[from] tl_gpu::Error),
    /// Receiver for phones.
    #[error("phones: {0}")]
    Rtc(#[from] tl_rtc::Error),
    /// Files of the session.
    #[error("storage: {0}")]
    Store(#[from] tl_store::Error),
    /// The server's door.
    #[error("server: {0}")]
    Server(#[from] tl_server::Error),
    /// A thread or file of our own.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The data folder cannot be used.
    #[error("the data folder cannot be used ({reason}); choose another with data_dir: {path}")]
    DataFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        Severity::Fatal
    }
}
