//! Playlists in gzip, each compressed once however many fetch it.

use std::collections::VecDeque;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Texts that are kept: two renditions, full and as a delta update, of the newest versions.
const MAX_TEXTS: usize = 16;

/// The newest texts and what they are in gzip; the oldest leaves when there are more.
///
/// A playlist is rendered once and its bytes are shared by all answers, so a text is known again by where it lies. It is kept
/// together with what it was compressed to, and so nothing else can come to lie there meanwhile.
#[derive(Debug, Default)]
pub struct GzipMemo {
    texts: VecDeque<(Bytes, Bytes)>,
}

impl GzipMemo {
    /// One that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// `text` in gzip.
    pub fn gzip(&mut self, text: &Bytes) -> Bytes {
        let is_same = |known: &Bytes| known.as_ptr() == text.as_ptr() && known.len() == text.len();
        if let Some((_, packed)) = self.texts.iter().find(|(known, _)| is_same(known)) {
            return packed.clone();
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
        let packed = encoder.write_all(text).and_then(|()| encoder.finish());
        let packed = match packed {
            Ok(packed) => Bytes::from(packed),
            Err(error) => {
                tl_base::never!("writing to memory cannot fail: {error}");
                return Bytes::new();
            }
        };
        if self.texts.len() == MAX_TEXTS {
            self.texts.pop_front();
        }
        self.texts.push_back((text.clone(), packed.clone()));
        packed
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_text_is_packed_once_and_reads_back() {
        let mut memo = GzipMemo::new();
        let text = Bytes::from("#EXTM3U\n".repeat(200));
        let packed = memo.gzip(&text);
        let mut back = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).expect("gzip");
        assert_eq!(back.as_bytes(), text);
        assert_eq!(memo.gzip(&text.clone()).as_ptr(), packed.as_ptr(), "not packed again");
        for at in 0..100 {
            memo.gzip(&Bytes::from(format!("text {at}")));
        }
        assert_eq!(memo.texts.len(), MAX_TEXTS);
    }
}
