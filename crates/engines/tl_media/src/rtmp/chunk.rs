//! Messages in chunks, both ways (Adobe RTMP 1.0, section 5.3).

use std::collections::HashMap;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Message type id.
    pub(crate) kind: u8,
    /// Message stream id.
    pub(crate) stream: u32,
    /// Milliseconds.
    pub(crate) timestamp: u32,
    pub(crate) payload: Vec<u8>,
}

/// Message type ids.
pub(crate) mod kind {
    pub(crate) const SET_CHUNK_SIZE: u8 = 1;
    pub(crate) const ACKNOWLEDGEMENT: u8 = 3;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW_SIZE: u8 = 5;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const DATA: u8 = 18;
    pub(crate) const COMMAND_AMF3: u8 = 17;
    pub(crate) const COMMAND: u8 = 20;
}

/// The chunk size that we announce.
pub(crate) const OUT_CHUNK: usize = 4_096;
/// The largest message taken from a server; real ones are a few hundred bytes.
const MAX_MESSAGE: usize = 64 << 10;
/// The most chunk streams a peer may keep open.
const MAX_STREAMS: usize = 64;
/// A buffer that held a long chunk is given back.
const KEPT_BUFFER: usize = 64 << 10;
/// From here on a timestamp stands in a field of its own.
const EXTENDED: u32 = 0x00ff_ffff;

/// Writes a message with a full header, in chunks of `chunk` bytes.
pub(crate) fn write(out: &mut Vec<u8>, chunk_stream: u8, message: &Message, chunk: usize) {
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
    /// The field of its own in which the time stood.
    extended: Option<u32>,
}

#[derive(Default)]
struct Stream {
    header: Header,
    payload: Vec<u8>,
}

/// What a peer sends that no peer should.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Puts a peer's chunks together again, whatever stream they belong to.
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// Up to where the buffer was read. It is moved once for each piece that comes, not for each chunk: chunks may be of one byte.
    at: usize,
    streams: HashMap<u32, Stream>,
    chunk: usize,
    max_message: usize,
    /// Bytes of messages that are not whole yet.
    waiting: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::with_limit(MAX_MESSAGE)
    }

    /// One for messages of up to so many bytes; all unfinished ones together may hold twice as much.
    pub(crate) fn with_limit(max_message: usize) -> Self {
        Self { buffer: Vec::new(), at: 0, streams: HashMap::new(), chunk: 128, max_message, waiting: 0 }
    }

    /// Longer messages from now on: the peer has shown who it is.
    pub(crate) fn allow(&mut self, max_message: usize) {
        self.max_message = max_message;
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.at).min(self.buffer.len()));
        if self.buffer.is_empty() {
            self.buffer.shrink_to(KEPT_BUFFER);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it is here.
    pub(crate) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        loop {
            let Some((end, message)) = self.chunk_at_front()? else { return Ok(None) };
            self.at = end;
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

    /// Reads one chunk; gives where it ends and the message that it completes.
    fn chunk_at_front(&mut self) -> Result<Option<(usize, Option<Message>)>, Malformed> {
        let mut cursor = Cursor { bytes: &self.buffer, at: self.at };
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
        if header.length > self.max_message {
            return Err(Malformed("a message that is too long"));
        }
        let wanted = (header.length - have.min(header.length)).min(self.chunk);
        let Some(piece) = cursor.take(wanted) else { return Ok(None) };
        let end = cursor.at;

        self.waiting += piece.len();
        if self.waiting > 2 * self.max_message {
            return Err(Malformed("too many unfinished messages"));
        }
        let stream = self.streams.entry(id).or_default();
        stream.header = header;
        stream.payload.extend_from_slice(piece);
        if stream.payload.len() < stream.header.length {
            return Ok(Some((end, None)));
        }
        self.waiting = self.waiting.saturating_sub(stream.payload.len());
        let Header { timestamp, kind, stream: message_stream, .. } = stream.header;
        let message = Message { kind, stream: message_stream, timestamp, payload: std::mem::take(&mut stream.payload) };
        Ok(Some((end, Some(message))))
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
        let is_extended = field.map_or(header.extended.is_some(), |field| field == EXTENDED);
        let mut time = field.unwrap_or(header.delta);
        if is_extended {
            let stated = u32::from_be_bytes(*self.bytes.get(self.at..)?.first_chunk()?);
            // Some encoders leave the field out where a message goes on: what stands there is no repetition then.
            if starts || header.extended == Some(stated) {
                self.at += 4;
                time = stated;
            }
            if starts {
                header.extended = Some(stated);
            }
        } else {
            header.extended = None;
        }
        match (format, starts) {
            // A message that begins without a header of its own repeats this as a step (section 5.3.1.2.4).
            (0, _) => (header.timestamp, header.delta) = (time, time),
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
    fn a_message_without_a_header_repeats_the_first_time_as_a_step() {
        let mut reader = Reader::new();
        reader.feed(&[3, 0, 0, 23, 0, 0, 1, 8, 1, 0, 0, 0, 0xaa, 0xc3, 0xbb, 0xc3, 0xcc]);
        let times: Vec<u32> = std::iter::from_fn(|| reader.next().expect("well formed")).map(|message| message.timestamp).collect();
        assert_eq!(times, [23, 46, 69]);
    }

    #[test]
    fn a_message_goes_on_without_the_long_time_too() {
        let mut reader = Reader::new();
        reader.feed(&[6, 0xff, 0xff, 0xff, 0, 0, 200, 9, 1, 0, 0, 0, 0x01, 0x00, 0x00, 0x05]);
        reader.feed(&[7; 128]);
        reader.feed(&[0xc6]);
        reader.feed(&[8; 72]);
        let message = reader.next().expect("well formed").expect("whole");
        assert_eq!((message.timestamp, message.payload.len(), message.payload.last()), (0x0100_0005, 200, Some(&8)));
    }

    #[test]
    fn messages_of_several_streams_may_stand_between_each_other() {
        let mut reader = Reader::new();
        reader.feed(&[6, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0]);
        reader.feed(&[1; 128]);
        reader.feed(&[4, 0, 0, 5, 0, 0, 2, 8, 1, 0, 0, 0, 7, 7]);
        reader.feed(&[0xc6]);
        reader.feed(&[1; 72]);
        let found: Vec<(u8, usize)> = std::iter::from_fn(|| reader.next().expect("well formed")).map(|message| (message.kind, message.payload.len())).collect();
        assert_eq!(found, [(8, 2), (9, 200)]);
    }

    /// The time of a stream passes the three bytes of a header after 4.7 hours and comes round after 49.7 days.
    #[test]
    fn times_grow_past_every_border() {
        let times = [0x00ff_fffe, 0x00ff_ffff, 0x0100_0000, 0xffff_fff0, 0xffff_ffff, 0, 33];
        let mut bytes = Vec::new();
        for time in times {
            write(&mut bytes, 6, &message(9, time, 10_000), OUT_CHUNK);
        }
        let mut reader = Reader::with_limit(1 << 20);
        let mut size = Vec::new();
        write(&mut size, 2, &Message { kind: kind::SET_CHUNK_SIZE, stream: 0, timestamp: 0, payload: (OUT_CHUNK as u32).to_be_bytes().to_vec() }, OUT_CHUNK);
        reader.feed(&size);
        reader.feed(&bytes);
        let found: Vec<u32> =
            std::iter::from_fn(|| reader.next().expect("well formed")).filter(|message| message.kind == 9).map(|message| message.timestamp).collect();
        assert_eq!(found, times);
    }

    #[test]
    fn unfinished_messages_are_bounded_together() {
        let mut reader = Reader::with_limit(1_000);
        let found = (3..60).find_map(|id| {
            reader.feed(&[id, 0, 0, 0, 0, 3, 0xe8, 9, 1, 0, 0, 0]);
            reader.feed(&[1; 128]);
            reader.next().err()
        });
        assert_eq!(found, Some(Malformed("too many unfinished messages")));
    }

    /// What stands on the wire, byte by byte: the long field behind every header, of chunks that go on too.
    #[test]
    fn the_bytes_of_a_long_time_are_those_of_the_specification() {
        let check = |timestamp: u32, field: [u8; 3], long: &[u8]| {
            let mut bytes = Vec::new();
            write(&mut bytes, 6, &Message { kind: 9, stream: 1, timestamp, payload: vec![0xaa, 0xbb, 0xcc] }, 2);
            let expect = [&[0x06][..], &field, &[0, 0, 3, 9, 1, 0, 0, 0], long, &[0xaa, 0xbb, 0xc6], long, &[0xcc]].concat();
            assert_eq!(bytes, expect, "{timestamp:#x}");
        };
        check(0x00ff_fffe, [0xff, 0xff, 0xfe], &[]);
        check(0x00ff_ffff, [0xff; 3], &[0x00, 0xff, 0xff, 0xff]);
        // 48 hours.
        check(172_800_000, [0xff; 3], &[0x0a, 0x4c, 0xb8, 0x00]);
        check(0xffff_ffff, [0xff; 3], &[0xff; 4]);
        check(0, [0; 3], &[]);
    }

    #[test]
    fn chunks_of_one_byte_are_read_as_fast_as_long_ones() {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, kind::SET_CHUNK_SIZE, 0, 0, 0, 0, 0, 0, 0, 1];
        for _ in 0..200 {
            write(&mut bytes, 6, &message(9, 0, 10_000), 1);
        }
        let mut reader = Reader::with_limit(1 << 20);
        let mut found = 0;
        let mut moved = 0;
        for piece in bytes.chunks(16 << 10) {
            moved += reader.buffer.len() - reader.at;
            reader.feed(piece);
            while let Some(message) = reader.next().expect("well formed") {
                found += usize::from(message.kind == 9);
            }
        }
        // Next to nothing is moved in the buffer: what was read is thrown away by the piece.
        assert!(found == 200 && moved < bytes.len() / 100, "{found} {moved}");
    }

    #[test]
    fn a_buffer_that_held_a_long_chunk_is_given_back() {
        let mut reader = Reader::with_limit(4 << 20);
        reader.feed(&[2, 0, 0, 0, 0, 0, 4, kind::SET_CHUNK_SIZE, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff]);
        let mut bytes = Vec::new();
        write(&mut bytes, 6, &message(9, 0, 3 << 20), 0x00ff_ffff);
        reader.feed(&bytes);
        assert_eq!(std::iter::from_fn(|| reader.next().expect("well formed")).count(), 2);
        reader.feed(&[]);
        assert!(reader.buffer.capacity() <= KEPT_BUFFER);
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
