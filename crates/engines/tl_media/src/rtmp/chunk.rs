//! Messages in chunks, both ways (Adobe RTMP 1.0, section 5.3).

use std::collections::HashMap;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Message type id.
    pub(super) kind: u8,
    /// Message stream id.
    pub(super) stream: u32,
    /// Milliseconds.
    pub(super) timestamp: u32,
    pub(super) payload: Vec<u8>,
}

/// Message type ids.
pub(super) mod kind {
    pub(in super::super) const SET_CHUNK_SIZE: u8 = 1;
    pub(in super::super) const ACKNOWLEDGEMENT: u8 = 3;
    pub(in super::super) const USER_CONTROL: u8 = 4;
    pub(in super::super) const WINDOW_SIZE: u8 = 5;
    pub(in super::super) const AUDIO: u8 = 8;
    pub(in super::super) const VIDEO: u8 = 9;
    pub(in super::super) const DATA: u8 = 18;
    pub(in super::super) const COMMAND: u8 = 20;
}

/// The chunk size that we announce.
pub(super) const OUT_CHUNK: usize = 4_096;
/// The largest message taken from a server; real ones are a few hundred bytes.
const MAX_MESSAGE: usize = 64 << 10;
/// The most chunk streams a server may keep open.
const MAX_STREAMS: usize = 64;
/// From here on a timestamp stands in a field of its own.
const EXTENDED: u32 = 0x00ff_ffff;

/// Writes a message with a full header, in chunks of `chunk` bytes.
pub(super) fn write(out: &mut Vec<u8>, chunk_stream: u8, message: &Message, chunk: usize) {
    let length = u32::try_from(message.payload.len()).unwrap_or(EXTENDED).min(EXTENDED);
    let extended = message.timestamp >= EXTENDED;
    out.push(chunk_stream & 0x3f);
    out.extend_from_slice(&message.timestamp.min(EXTENDED).to_be_bytes()[1..]);
    out.extend_from_slice(&length.to_be_bytes()[1..]);
    out.push(message.kind);
    out.extend_from_slice(&message.stream.to_le_bytes());
    for (index, piece) in message.payload.chunks(chunk.max(1)).enumerate() {
        if index > 0 {
            out.push(0xc0 | (chunk_stream & 0x3f));
        }
        if extended {
            out.extend_from_slice(&message.timestamp.to_be_bytes());
        }
        out.extend_from_slice(piece);
    }
}

#[derive(Clone, Default)]
struct Header {
    timestamp: u32,
    delta: u32,
    length: usize,
    kind: u8,
    stream: u32,
    extended: bool,
}

#[derive(Default)]
struct Stream {
    header: Header,
    payload: Vec<u8>,
}

/// What a server sends that no server should.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Puts a server's chunks together again.
pub(super) struct Reader {
    buffer: Vec<u8>,
    streams: HashMap<u32, Stream>,
    chunk: usize,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::new(), streams: HashMap::new(), chunk: 128 }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it is here.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        loop {
            let Some((used, message)) = self.chunk_at_front()? else { return Ok(None) };
            self.buffer.drain(..used);
            let Some(message) = message else { continue };
            if message.kind == kind::SET_CHUNK_SIZE {
                let size = message.payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)) as usize;
                if size == 0 || size > 0x00ff_ffff {
                    return Err(Malformed("a chunk size out of range"));
                }
                self.chunk = size;
            }
            return Ok(Some(message));
        }
    }

    /// Reads one chunk; gives its length and the message that it completes.
    fn chunk_at_front(&mut self) -> Result<Option<(usize, Option<Message>)>, Malformed> {
        let mut cursor = Cursor { bytes: &self.buffer, at: 0 };
        let Some((format, id)) = cursor.basic_header() else { return Ok(None) };
        let known = self.streams.get(&id);
        if known.is_none() && (format != 0 && format != 1 || self.streams.len() >= MAX_STREAMS) {
            return Err(Malformed("a chunk that continues nothing"));
        }
        let previous = known.map(|stream| stream.header.clone()).unwrap_or_default();
        let have = known.map_or(0, |stream| stream.payload.len());
        if have > 0 && format != 3 {
            return Err(Malformed("a message inside another"));
        }
        let Some(header) = cursor.message_header(format, previous, have == 0) else { return Ok(None) };
        if header.length > MAX_MESSAGE {
            return Err(Malformed("a message that is too long"));
        }
        let wanted = (header.length - have.min(header.length)).min(self.chunk);
        let Some(piece) = cursor.take(wanted) else { return Ok(None) };
        let piece = piece.to_vec();
        let used = cursor.at;

        let stream = self.streams.entry(id).or_default();
        stream.header = header;
        stream.payload.extend_from_slice(&piece);
        if stream.payload.len() < stream.header.length {
            return Ok(Some((used, None)));
        }
        let Header { timestamp, kind, stream: message_stream, .. } = stream.header;
        let message = Message { kind, stream: message_stream, timestamp, payload: std::mem::take(&mut stream.payload) };
        Ok(Some((used, Some(message))))
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u32> {
        self.take(1)?.first().map(|byte| u32::from(*byte))
    }

    fn three(&mut self) -> Option<u32> {
        let [a, b, c] = *self.take(3)?.first_chunk()?;
        Some(u32::from_be_bytes([0, a, b, c]))
    }

    fn basic_header(&mut self) -> Option<(u8, u32)> {
        let first = self.byte()?;
        let id = match first & 0x3f {
            0 => self.byte()? + 64,
            1 => {
                let low = self.byte()?;
                self.byte()? * 256 + low + 64
            }
            id => id,
        };
        Some(((first >> 6) as u8, id))
    }

    /// The message header of a chunk, completed from the one before on its stream.
    fn message_header(&mut self, format: u8, mut header: Header, starts: bool) -> Option<Header> {
        let mut field = None;
        if format < 3 {
            field = Some(self.three()?);
        }
        if format < 2 {
            header.length = self.three()? as usize;
            header.kind = self.byte()? as u8;
        }
        if format < 1 {
            header.stream = u32::from_le_bytes(*self.take(4)?.first_chunk()?);
        }
        header.extended = field.map_or(header.extended, |field| field == EXTENDED);
        let mut time = field.unwrap_or(header.delta);
        if header.extended {
            time = u32::from_be_bytes(*self.take(4)?.first_chunk()?);
        }
        match (format, starts) {
            (0, _) => (header.timestamp, header.delta) = (time, 0),
            (1 | 2, _) => (header.timestamp, header.delta) = (header.timestamp.wrapping_add(time), time),
            (_, true) => header.timestamp = header.timestamp.wrapping_add(header.delta),
            _ => {}
        }
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, timestamp: u32, length: usize) -> Message {
        Message { kind, stream: 1, timestamp, payload: (0..length).map(|at| at as u8).collect() }
    }

    #[test]
    fn messages_survive_the_way_in_any_pieces() {
        let messages = [message(20, 0, 300), message(9, 0x00ff_fffe, 1), message(8, 0x0100_0000, 1_000), message(18, 0xffff_ffff, 128), message(4, 5, 0)];
        let mut bytes = Vec::new();
        for message in &messages {
            write(&mut bytes, 3, message, 128);
        }
        for piece in [1, 7, 128, 5_000] {
            let mut reader = Reader::new();
            let mut found = Vec::new();
            for part in bytes.chunks(piece) {
                reader.feed(part);
                while let Some(message) = reader.next().expect("well formed") {
                    found.push(message);
                }
            }
            assert_eq!(found, messages);
        }
    }

    #[test]
    fn short_headers_continue_the_long_one() {
        let mut reader = Reader::new();
        // Type 0 at 1000 ms, then type 1 with delta 40, type 2 with delta 20, type 3 repeats it.
        reader.feed(&[3, 0, 3, 0xe8, 0, 0, 1, 8, 1, 0, 0, 0, 0xaa]);
        reader.feed(&[0x43, 0, 0, 40, 0, 0, 1, 8, 0xbb]);
        reader.feed(&[0x83, 0, 0, 20, 0xcc]);
        reader.feed(&[0xc3, 0xdd]);
        let times: Vec<u32> = std::iter::from_fn(|| reader.next().expect("well formed")).map(|message| message.timestamp).collect();
        assert_eq!(times, [1_000, 1_040, 1_060, 1_080]);
    }

    #[test]
    fn what_no_server_should_send_is_refused() {
        let mut reader = Reader::new();
        reader.feed(&[0xc3, 0xdd]);
        assert_eq!(reader.next(), Err(Malformed("a chunk that continues nothing")));
        let mut reader = Reader::new();
        reader.feed(&[3, 0, 0, 0, 0xff, 0xff, 0xff, 8, 1, 0, 0, 0]);
        assert_eq!(reader.next(), Err(Malformed("a message that is too long")));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let mut reader = Reader::new();
            reader.feed(bytes);
            while let Ok(Some(message)) = reader.next() {
                assert!(message.payload.len() <= MAX_MESSAGE);
            }
            assert!(reader.buffer.len() <= bytes.len());
        });
    }
}
