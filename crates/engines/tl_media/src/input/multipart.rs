//! `multipart/x-mixed-replace` (RFC 2046, section 5.1) as cameras send it: one JPEG image after the other.
//!
//! Each part is found by its length where it states one, else by the boundary behind it. Nothing waits beyond one image of
//! [`MAX_JPEG_BYTES`]; a boundary that never comes costs that and is told.

use bytes::Bytes;

use crate::input::parameters::MAX_JPEG_BYTES;

/// The longest head of a part.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// The longest boundary (RFC 2046) with room for cameras that do not count.
const MAX_BOUNDARY_BYTES: usize = 200;

/// One image and what its head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) data: Bytes,
    /// The camera's own clock, nanoseconds (`X-Timestamp`, seconds since 1970 with a fraction).
    pub(super) stamp: Option<i64>,
}

/// What came cannot be images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("an image larger than {} MB, or no boundary behind it", MAX_JPEG_BYTES >> 20)]
    TooLarge,
    #[error("what arrives has no parts")]
    NoParts,
}

#[derive(Debug)]
enum State {
    /// Before a boundary.
    Between,
    Head,
    Body {
        length: Option<usize>,
        stamp: Option<i64>,
    },
}

/// Takes a body apart.
pub(super) struct Multipart {
    /// With its two leading dashes; none before the first line told it.
    delimiter: Option<Vec<u8>>,
    waiting: Vec<u8>,
    /// Bytes of `waiting` in which no delimiter begins.
    searched: usize,
    state: State,
}

impl Multipart {
    /// For a body with this Content-Type; a boundary that it does not name is read from the body's first line.
    pub(super) fn new(content_type: Option<&str>) -> Self {
        let named = content_type.and_then(boundary_of);
        // Some cameras name the boundary with the dashes that stand before it.
        let delimiter = named.map(|name| if name.starts_with("--") { name.into_bytes() } else { format!("--{name}").into_bytes() });
        Self { delimiter, waiting: Vec::new(), searched: 0, state: State::Between }
    }

    /// Takes bytes and gives the images that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Part>, Fault> {
        self.waiting.extend_from_slice(bytes);
        let mut parts = Vec::new();
        while let Some(part) = self.step()? {
            parts.extend(part);
        }
        Ok(parts)
    }

    /// One step; none when more bytes are needed.
    fn step(&mut self) -> Result<Option<Option<Part>>, Fault> {
        match self.state {
            State::Between => self.find_boundary(),
            State::Head => self.read_head(),
            State::Body { length: Some(length), stamp } => {
                if length > MAX_JPEG_BYTES {
                    return Err(Fault::TooLarge);
                }
                if self.waiting.len() < length {
                    return Ok(None);
                }
                let data = self.cut(length);
                self.state = State::Between;
                Ok(Some(Some(Part { data, stamp })))
            }
            State::Body { length: None, stamp } => self.find_end(stamp),
        }
    }

    fn find_boundary(&mut self) -> Result<Option<Option<Part>>, Fault> {
        let Some(delimiter) = self.delimiter.clone() else { return self.learn_boundary() };
        let Some(at) = find(&self.waiting, &delimiter) else {
            // Between parts nothing is kept but what a delimiter may begin with.
            let keep = self.waiting.len().min(delimiter.len());
            self.cut(self.waiting.len() - keep);
            return Ok(None);
        };
        let line = at + delimiter.len();
        let Some(end) = self.waiting.get(line..).and_then(|tail| tail.iter().position(|byte| *byte == b'\n')) else {
            return if self.waiting.len() > line + MAX_HEAD_BYTES { Err(Fault::NoParts) } else { Ok(None) };
        };
        self.cut(line + end + 1);
        self.state = State::Head;
        Ok(Some(None))
    }

    fn learn_boundary(&mut self) -> Result<Option<Option<Part>>, Fault> {
        let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') else {
            return if self.waiting.len() > MAX_HEAD_BYTES { Err(Fault::NoParts) } else { Ok(None) };
        };
        let line = self.waiting.get(..end).unwrap_or_default().trim_ascii().to_vec();
        if line.starts_with(b"--") && line.len() > 2 && line.len() <= MAX_BOUNDARY_BYTES {
            self.delimiter = Some(line);
        } else if line.is_empty() {
            self.cut(end + 1);
        } else {
            return Err(Fault::NoParts);
        }
        Ok(Some(None))
    }

    fn read_head(&mut self) -> Result<Option<Option<Part>>, Fault> {
        let (end, gap) = match (find(&self.waiting, b"\r\n\r\n"), find(&self.waiting, b"\n\n")) {
            // A head may be empty.
            _ if self.waiting.starts_with(b"\r\n") => (0, 2),
            _ if self.waiting.starts_with(b"\n") => (0, 1),
            (Some(crlf), Some(lf)) if lf < crlf => (lf, 2),
            (Some(crlf), _) => (crlf, 4),
            (None, Some(lf)) => (lf, 2),
            (None, None) if self.waiting.len() > MAX_HEAD_BYTES => return Err(Fault::NoParts),
            (None, None) => return Ok(None),
        };
        let head = self.cut(end + gap);
        let head = String::from_utf8_lossy(&head);
        let field = |name: &str| {
            let found = head.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_owned())
        };
        let stamp = field("X-Timestamp").and_then(|text| text.parse::<f64>().ok()).filter(|secs| secs.is_finite() && secs.abs() < 9e9);
        let stamp = stamp.map(|secs| (secs * 1e9) as i64);
        let length = field("Content-Length").and_then(|text| text.parse().ok()).filter(|length| *length > 0);
        self.state = State::Body { length, stamp };
        Ok(Some(None))
    }

    fn find_end(&mut self, stamp: Option<i64>) -> Result<Option<Option<Part>>, Fault> {
        let Some(delimiter) = &self.delimiter else { return Err(Fault::NoParts) };
        let from = self.searched;
        let Some(at) = self.waiting.get(from..).and_then(|tail| find(tail, delimiter)).map(|at| from + at) else {
            self.searched = self.waiting.len().saturating_sub(delimiter.len());
            return if self.waiting.len() > MAX_JPEG_BYTES { Err(Fault::TooLarge) } else { Ok(None) };
        };
        let body = self.cut(at);
        let body = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")).unwrap_or(&body);
        self.state = State::Between;
        Ok(Some(Some(Part { data: Bytes::copy_from_slice(body), stamp })))
    }

    /// Takes the first bytes out of what waits.
    fn cut(&mut self, length: usize) -> Bytes {
        self.searched = 0;
        let rest = self.waiting.split_off(length.min(self.waiting.len()));
        Bytes::from(std::mem::replace(&mut self.waiting, rest))
    }
}

fn boundary_of(content_type: &str) -> Option<String> {
    let mut fields = content_type.split(';').map(str::trim);
    if !fields.next()?.to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let named = fields.filter_map(|field| field.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case("boundary"))?;
    let name = named.1.trim().trim_matches('"');
    (!name.is_empty() && name.len() <= MAX_BOUNDARY_BYTES).then(|| name.to_owned())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = 0;
    while let Some(skip) = bytes.get(at..)?.iter().position(|byte| *byte == first) {
        at += skip;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(lengths: bool) -> Vec<u8> {
        let mut out = b"preamble\r\n".to_vec();
        for (number, image) in [&b"\xff\xd8one\xff\xd9"[..], b"\xff\xd8--two\r\n--\xff\xd9", b"\xff\xd8three\xff\xd9"].iter().enumerate() {
            let length = if lengths { format!("Content-Length: {}\r\n", image.len()) } else { String::new() };
            out.extend_from_slice(format!("--cut here\r\nContent-Type: image/jpeg\r\n{length}X-Timestamp: {number}.5\r\n\r\n").as_bytes());
            out.extend_from_slice(image);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--cut here--\r\n");
        out
    }

    #[test]
    fn images_come_out_however_the_bytes_are_cut() {
        for lengths in [true, false] {
            for cut in [1, 3, 64, 10_000] {
                let mut multipart = Multipart::new(Some("multipart/x-mixed-replace; boundary=\"cut here\""));
                let parts: Vec<Part> = body(lengths).chunks(cut).flat_map(|bytes| multipart.push(bytes).expect("parts")).collect();
                let found: Vec<(&[u8], Option<i64>)> = parts.iter().map(|part| (&part.data[..], part.stamp)).collect();
                let expected: [(&[u8], Option<i64>); 3] = [
                    (b"\xff\xd8one\xff\xd9", Some(500_000_000)),
                    (b"\xff\xd8--two\r\n--\xff\xd9", Some(1_500_000_000)),
                    (b"\xff\xd8three\xff\xd9", Some(2_500_000_000)),
                ];
                assert_eq!(found, expected, "lengths {lengths}, cut {cut}");
            }
        }
    }

    #[test]
    fn a_boundary_is_learnt_and_dashes_are_not_doubled() {
        let bytes = b"\r\n--b\r\n\r\nimage\r\n--b\r\n\r\nnext\r\n--b\r\n";
        for content_type in [None, Some("multipart/x-mixed-replace;boundary=--b"), Some("multipart/x-mixed-replace; boundary=b")] {
            let mut multipart = Multipart::new(content_type);
            let parts = multipart.push(bytes).expect("parts");
            assert_eq!(parts.iter().map(|part| &part.data[..]).collect::<Vec<_>>(), [&b"image"[..], b"next"], "{content_type:?}");
        }
    }

    #[test]
    fn nothing_grows_without_a_boundary() {
        let noise = vec![b'x'; 1 << 20];
        let mut before = Multipart::new(Some("multipart/x-mixed-replace; boundary=b"));
        for _ in 0..64 {
            assert_eq!(before.push(&noise), Ok(Vec::new()));
            assert!(before.waiting.len() < 100);
        }
        let mut inside = Multipart::new(Some("multipart/x-mixed-replace; boundary=b"));
        assert!(inside.push(b"--b\r\n\r\n").is_ok());
        let fault = (0..64).find_map(|_| inside.push(&noise).err());
        assert_eq!(fault, Some(Fault::TooLarge));
        assert!(inside.waiting.len() <= MAX_JPEG_BYTES + noise.len());
        let mut stated = Multipart::new(Some("multipart/x-mixed-replace; boundary=b"));
        assert_eq!(stated.push(b"--b\r\nContent-Length: 999999999\r\n\r\n"), Err(Fault::TooLarge));
        assert_eq!(Multipart::new(None).push(b"<html>\n"), Err(Fault::NoParts));
        let mut head = Multipart::new(Some("multipart/x-mixed-replace; boundary=b"));
        assert!(head.push(b"--b\r\n").is_ok());
        assert_eq!(head.push(&noise), Err(Fault::NoParts));
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic() {
        bolero::check!().with_iterations(5_000).with_type::<(Vec<u8>, u8, bool)>().for_each(|(noise, cut, learn)| {
            let mut bytes = b"--b\r\nContent-Length: 4\r\n\r\n".to_vec();
            bytes.extend_from_slice(noise);
            bytes.extend_from_slice(b"\r\n--b\r\n\r\n");
            bytes.extend_from_slice(noise);
            bytes.extend_from_slice(b"--b");
            let mut multipart = Multipart::new((!learn).then_some("multipart/x-mixed-replace; boundary=b"));
            let mut total = 0;
            for bytes in bytes.chunks(usize::from(*cut).max(1)) {
                let Ok(parts) = multipart.push(bytes) else { break };
                total += parts.iter().map(|part| part.data.len()).sum::<usize>();
            }
            assert!(total <= bytes.len());
            boundary_of(&String::from_utf8_lossy(noise));
        });
    }
}
