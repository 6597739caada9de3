//! Faults that tests put into the writer, behind everything that makes and before everything that looks.

use bytes::Bytes;

/// What to spoil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing any more.
    None,
    /// One bit of the next part that is written: of its byte number `at`, modulo its length.
    NextPart {
        /// Which byte.
        at: usize,
    },
    /// One bit of every part that is written, however often.
    EveryPart,
    /// The next initialisation segment.
    NextInit,
    /// The next playlist that is rendered.
    NextPlaylist,
    /// Every playlist that is rendered.
    EveryPlaylist,
}

impl Fault {
    /// A part as it comes out of the writer.
    pub(crate) fn part(&mut self, bytes: Bytes) -> Bytes {
        match *self {
            Self::NextPart { at } => {
                *self = Self::None;
                flip(&bytes, at)
            }
            Self::EveryPart => flip(&bytes, bytes.len() / 2),
            _ => bytes,
        }
    }

    /// An initialisation segment as it comes out of the writer.
    pub(crate) fn init(&mut self, bytes: Bytes) -> Bytes {
        if *self != Self::NextInit {
            return bytes;
        }
        *self = Self::None;
        bytes.slice(..bytes.len() / 2)
    }

    /// A playlist as it comes out of the writer.
    pub(crate) fn playlist(&mut self, text: String) -> String {
        match *self {
            Self::NextPlaylist => *self = Self::None,
            Self::EveryPlaylist => {}
            _ => return text,
        }
        text.replacen("#EXTINF:", "#EXTINF:9", 1)
    }
}

fn flip(bytes: &Bytes, at: usize) -> Bytes {
    let mut spoilt = bytes.to_vec();
    let at = at % spoilt.len().max(1);
    if let Some(byte) = spoilt.get_mut(at) {
        *byte ^= 1;
    }
    Bytes::from(spoilt)
}
