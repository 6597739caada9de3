//! What a request gets, and what is handed to the content store.

use bytes::Bytes;
use tl_base::MediaTime;

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

/// A whole segment, or an initialisation segment, for the content store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Path as viewers ask for it: `v0/s123.m4s`, `v0/init120.mp4`.
    pub name: String,
    /// The bytes in pieces.
    pub body: Vec<Bytes>,
    /// How long it plays; zero for an initialisation segment.
    pub duration: MediaTime,
}
