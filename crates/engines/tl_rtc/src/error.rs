//! What can go wrong between a phone and the studio.

use std::io;

/// How much an error matters to the person at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The one phone that asked is refused; nothing else changes.
    Phone,
    /// No phone can join until this is repaired.
    Studio,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An offer longer than is read.
    #[error("offer is {bytes} bytes long, at most {limit} are read")]
    OfferTooLong {
        /// Bytes in the offer.
        bytes: usize,
        /// Most bytes that are read.
        limit: usize,
    },
    /// An offer that does not describe one phone's camera.
    #[error("offer refused: {0}")]
    OfferRefused(String),
    /// An answer that does not fit the offer.
    #[error("answer refused: {0}")]
    AnswerRefused(String),
    /// The offer names no codec that is received here.
    #[error("no codec in common: H.264 with packetization-mode=1 or VP8 is needed")]
    NoCommonCodec,
    /// As many sessions are open as the server takes.
    #[error("{0} sessions are open, which is the most")]
    Full(usize),
    /// The session has ended or never was.
    #[error("no such session")]
    NoSession,
    /// The thread has more waiting than it takes.
    #[error("too many requests wait")]
    Busy,
    /// No usable address to listen on.
    #[error("no address to listen on")]
    NoAddress,
    /// The connection is not up (yet).
    #[error("not connected")]
    NotConnected,
    /// A message longer than the data channel takes.
    #[error("message is {bytes} bytes long, at most {limit} are sent")]
    MessageTooLong {
        /// Bytes in the message.
        bytes: usize,
        /// Most bytes that are sent.
        limit: usize,
    },
    /// The protocol library refused.
    #[error("protocol: {0}")]
    Protocol(String),
    /// A socket or thread could not be had.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Io(_) | Self::NoAddress => Severity::Studio,
            _ => Severity::Phone,
        }
    }
}
