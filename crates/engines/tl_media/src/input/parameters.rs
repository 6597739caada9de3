//! What pictures say about themselves: whether decoding may start, and whether their configuration changed.

use bytes::Bytes;

use tl_base::Size;
use tl_frame::{Codec, h264, h265, jpeg, vp8};

/// The largest encoded picture taken; a 1080p key picture is a tenth of it.
const MAX_BYTES: usize = 8 << 20;
/// The largest JPEG image taken.
pub(super) const MAX_JPEG_BYTES: usize = 20 << 20;
/// The most pixels of a JPEG image: a decoder takes memory for all of them.
const MAX_JPEG_PIXELS: u64 = 40_000_000;

enum Known {
    H264(h264::Parameters),
    H265(h265::Parameters),
    Sized(Codec, Option<Size>),
}

/// The configuration in force on one connection.
#[derive(Default)]
pub(super) struct Pictures {
    known: Option<Known>,
}

/// A picture that can be used.
pub(super) struct Looked {
    pub(super) data: Bytes,
    pub(super) key: bool,
    /// Another configuration than before starts here.
    pub(super) changed: bool,
}

impl Pictures {
    /// Looks at a picture; none when it cannot be used. `key` counts for codecs whose bytes are not looked into.
    pub(super) fn look(&mut self, codec: Codec, data: Bytes, key: bool) -> Option<Looked> {
        let limit = if codec == Codec::Mjpeg { MAX_JPEG_BYTES } else { MAX_BYTES };
        if data.is_empty() || data.len() > limit {
            return None;
        }
        match codec {
            Codec::H264 => self.h264(data),
            Codec::H265 => self.h265(data),
            Codec::Mjpeg => {
                let size = jpeg::size(&data).filter(|size| u64::from(size.width) * u64::from(size.height) <= MAX_JPEG_PIXELS)?;
                Some(Looked { changed: self.note_size(codec, Some(size)), data, key: true })
            }
            Codec::Vp8 => {
                let key = vp8::is_key(&data);
                let changed = key && self.note_size(codec, vp8::size(&data));
                Some(Looked { data, key, changed })
            }
            _ => Some(Looked { changed: key && self.note_size(codec, None), data, key }),
        }
    }

    fn h264(&mut self, data: Bytes) -> Option<Looked> {
        if !h264::is_key(&data) {
            return matches!(self.known, Some(Known::H264(_))).then_some(Looked { data, key: false, changed: false });
        }
        let Some(found) = h264::Parameters::find(&data) else {
            let Some(Known::H264(known)) = &self.known else { return None };
            return Some(Looked { data: h264::with_parameter_sets(&data, known), key: true, changed: false });
        };
        let changed = self.known.as_ref().is_some_and(|known| !matches!(known, Known::H264(known) if *known == found));
        self.known = Some(Known::H264(found));
        Some(Looked { data, key: true, changed })
    }

    fn h265(&mut self, data: Bytes) -> Option<Looked> {
        if !h265::is_key(&data) {
            return matches!(self.known, Some(Known::H265(_))).then_some(Looked { data, key: false, changed: false });
        }
        let Some(found) = h265::Parameters::find(&data) else {
            let Some(Known::H265(known)) = &self.known else { return None };
            return Some(Looked { data: h265::with_parameter_sets(&data, known), key: true, changed: false });
        };
        let changed = self.known.as_ref().is_some_and(|known| !matches!(known, Known::H265(known) if *known == found));
        self.known = Some(Known::H265(found));
        Some(Looked { data, key: true, changed })
    }

    /// True when pictures of another size or codec came before.
    fn note_size(&mut self, codec: Codec, size: Option<Size>) -> bool {
        let changed = self.known.as_ref().is_some_and(|known| !matches!(known, Known::Sized(of, known) if *of == codec && *known == size));
        self.known = Some(Known::Sized(codec, size));
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_looked_at_without_a_panic() {
        const CODECS: [Codec; 6] = [Codec::H264, Codec::H265, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Mjpeg];
        // What leads a reader on: parameter sets, a key picture, a frame header.
        const HEADS: [&[u8]; 5] = [&[0, 0, 1, 0x67], &[0, 0, 1, 0x65], &[0, 0, 1, 0x42, 1], &[0xff, 0xd8, 0xff, 0xc0], &[0x10, 0, 0, 0x9d, 1, 0x2a]];
        bolero::check!().with_type::<Vec<(u8, u8, bool, Vec<u8>)>>().for_each(|pieces| {
            let mut pictures = Pictures::default();
            for (codec, head, key, bytes) in pieces {
                let head = HEADS.get(usize::from(*head)).copied().unwrap_or_default();
                let data = Bytes::from([head, bytes].concat());
                let length = data.len();
                if let Some(looked) = pictures.look(CODECS[usize::from(*codec) % CODECS.len()], data, *key) {
                    // Parameter sets of before may be put in front, and they came from here too.
                    assert!(looked.data.len() >= length && looked.data.len() <= 4 * pieces.iter().map(|piece| piece.3.len() + 8).sum::<usize>());
                }
            }
        });
    }
}
