//! What can go wrong here.

use std::io;
use std::path::{Path, PathBuf};

use tl_base::Size;

/// How much a person needs to care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Live goes on; a counter is enough.
    Passing,
    /// One engine or one file does not do its work.
    Degraded,
    /// This machine cannot do what was asked.
    Blocking,
}

/// What went wrong. Addresses and keys of destinations never appear in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The media library does not start.
    #[error("the media library does not start: {0}")]
    Library(String),
    /// An element is not installed.
    #[error("this machine has no {0}")]
    Missing(String),
    /// No encoder opens.
    #[error("no H.264 encoder works on this machine, tried {0}")]
    NoEncoder(String),
    /// A pipeline refused or failed.
    #[error("{what} failed: {detail}")]
    Pipeline {
        /// Which engine.
        what: &'static str,
        /// The library's own words.
        detail: String,
    },
    /// The bound is reached; the item was not taken.
    #[error("the queue is full")]
    Full,
    /// The engine has ended.
    #[error("the engine has ended")]
    Closed,
    /// Whoever asked for the work has called it off.
    #[error("called off")]
    Cancelled,
    /// This kind of input is not for this engine.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A picture has another size than the engine was made for.
    #[error("a picture of {}x{} where {}x{} is expected", got.width, got.height, expected.width, expected.height)]
    OtherSize {
        /// What the engine was made for.
        expected: Size,
        /// What came.
        got: Size,
    },
    /// A picture's memory cannot be read here.
    #[error("the picture's memory cannot be read")]
    Unreadable,
    /// The disk or a file refused.
    #[error("cannot {action}: {source}: {}", path.display())]
    File {
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file holds nothing that can be used.
    #[error("{what}: {}", path.display())]
    Content {
        /// What is wrong with it.
        what: String,
        /// Which file.
        path: PathBuf,
    },
    /// Boxes could not be written or read.
    #[error("MP4: {0}")]
    Mp4(#[from] tl_mp4::Error),
}

impl Error {
    /// How much a person needs to care.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Full | Self::Cancelled | Self::OtherSize { .. } | Self::Unreadable => Severity::Passing,
            Self::Pipeline { .. } | Self::Closed | Self::Unsupported(_) | Self::File { .. } | Self::Content { .. } | Self::Mp4(_) => Severity::Degraded,
            Self::Library(_) | Self::Missing(_) | Self::NoEncoder(_) => Severity::Blocking,
        }
    }

    /// Names the file and the step of a system error.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { action, path, source }
    }

    /// Names the engine of a library error.
    pub(crate) fn pipeline(what: &'static str) -> impl FnOnce(gst::glib::BoolError) -> Self {
        move |error| Self::Pipeline { what, detail: error.message.to_string() }
    }
}
