//! What a request gets, and what is handed to the content store.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tl_base::{MediaTime, Rate, Size};

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The body is here.
    Ready(Reply),
    /// Not yet: ask again when [`Presentation::version`](crate::Presentation::version) has changed. The caller bounds the
    /// wait to three target durations and answers 503 then.
    Wait,
    /// There is and will be no such thing.
    NotFound,
    /// It was there, and was removed.
    Gone,
    /// The request makes no sense; the text says why.
    Bad(String),
}

/// A body and how to send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Media type.
    pub content_type: &'static str,
    /// How long others may keep it.
    pub cache: Cache,
    /// The body in pieces, shared with all who fetch it.
    pub body: Vec<Bytes>,
    /// Whether gzip makes it smaller.
    pub compressible: bool,
}

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Not at all: the next request may get something else.
    NoCache,
    /// A second or two.
    Short,
    /// As long as anybody likes: this name never stands for other bytes.
    Immutable,
}

/// Which of the renditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl Kind {
    /// The folder of the live rendition.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Video => "v0",
            Self::Audio => "a0",
        }
    }

    /// Path of the live media playlist.
    pub const fn playlist(self) -> &'static str {
        match self {
            Self::Video => "v0/media.m3u8",
            Self::Audio => "a0/media.m3u8",
        }
    }

    /// `video` or `audio`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    /// Media type of its files.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Video => "video/mp4",
            Self::Audio => "audio/mp4",
        }
    }
}

/// A whole segment, or an initialisation segment, for the content store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Path as viewers ask for it: `v0/s123.m4s`, `v0/init120.mp4`.
    pub name: String,
    /// The bytes in pieces.
    pub body: Vec<Bytes>,
    /// How long it plays; zero for an initialisation segment.
    pub duration: MediaTime,
    /// Which rendition it belongs to.
    pub kind: Kind,
    /// Media sequence number; of an initialisation segment that of the first segment that needs it.
    pub number: u64,
    /// What is in it.
    pub facts: Facts,
}

/// What is in a finished piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// An initialisation segment.
    Init {
        /// RFC 6381.
        codecs: String,
        /// Of pictures.
        size: Option<Size>,
        /// Of pictures.
        rate: Option<Rate>,
    },
    /// A media segment; times in samples of 48 kHz.
    Segment {
        /// Decode time of its first sample.
        time: u64,
        /// How long it lasts.
        ticks: u64,
        /// Whether it does not continue the one before.
        discontinuity: bool,
    },
}
