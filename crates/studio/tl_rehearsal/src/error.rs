//! What can go wrong in a rehearsal.

use std::path::PathBuf;

/// Why a rehearsal or its measurement did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of ours.
    #[error("{what}: {source}: {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file of the studio's that does not say what it should.
    #[error("{problem}: {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Pictures or sound could not be encoded or decoded.
    #[error("{what}: {message}")]
    Media {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        message: String,
    },
    /// A number that was asked for is out of range.
    #[error("{0}")]
    Invalid(String),
    /// The studio's address or certificate cannot be used.
    #[error("the studio's door: {0}")]
    Door(String),
    /// A virtual phone could not be set up.
    #[error("phone {slot}: {message}")]
    Phone {
        /// Its slot.
        slot: u16,
        /// Why.
        message: String,
    },
    /// A thread could not be started, or it failed.
    #[error("thread {name}: {message}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why.
        message: String,
    },
    /// It was asked to stop before it was done.
    #[error("stopped before it was done")]
    Stopped,
}

impl Error {
    pub(crate) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }

    pub(crate) fn media(what: &'static str) -> impl FnOnce(tl_media::Error) -> Self {
        move |error| Self::Media { what, message: error.to_string() }
    }
}
