//! One connection from the first byte to the last.

#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use tl_base::MediaTime;
use tl_frame::{AccessUnit, Codec, h264};

use crate::push::{End, Link, Reached};
use crate::rtmp::address::Address;
use crate::rtmp::amf::{self, Value};
use crate::rtmp::answer::{Answer, answer_of, refusal, said};
use crate::rtmp::chunk::{self, Message, OUT_CHUNK, Reader, kind};
use crate::rtmp::flv;
use crate::rtmp::transport::{Transport, end_of};
use crate::unit_queue::{Taken, UnitQueue};

/// How long a server may take for one step before it is live.
const STEP_LIMIT: Duration = Duration::from_secs(8);
/// How long nothing may move while there is something to move.
const STALL_LIMIT: Duration = Duration::from_secs(8);
/// We ask the server to acknowledge this often, bytes.
const WINDOW: u32 = 64 << 10;
/// Bytes on their way to the system's buffer; above this units stay in the queue, where they are dropped by its rule.
const MAX_OUT: usize = 256 << 10;
/// Between two looks at a connection that has nothing to say.
const LOOK: Duration = Duration::from_millis(5);
/// Chunk streams: control, commands, sound, pictures.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
const SOUND: u8 = 4;
const PICTURES: u8 = 6;

/// A connection to a server.
pub(super) struct Client<'a> {
    io: Box<dyn Transport>,
    queue: &'a UnitQueue,
    /// Where the stream's timeline begins.
    begin: MediaTime,
    reader: Reader,
    out: Vec<u8>,
    out_at: usize,
    received: u64,
    told: u64,
    peer_window: u64,
    /// Bytes that the system took from us, and when it last did.
    sent: u64,
    moved: Instant,
    /// Bytes that the server acknowledged, the last number it said, and when.
    acknowledged: u64,
    last_ack: u32,
    acked_at: Option<Instant>,
    ended: bool,
    stream: u32,
    start: Option<MediaTime>,
    parameters: Option<h264::Parameters>,
    last_ms: [u64; 2],
}

impl<'a> Client<'a> {
    pub(super) fn new(io: Box<dyn Transport>, queue: &'a UnitQueue, begin: MediaTime) -> Self {
        Self {
            io,
            queue,
            begin,
            reader: Reader::new(),
            out: Vec::new(),
            out_at: 0,
            received: 0,
            told: 0,
            peer_window: u64::MAX,
            sent: 0,
            moved: Instant::now(),
            acknowledged: 0,
            last_ack: 0,
            acked_at: None,
            ended: false,
            stream: 0,
            start: None,
            parameters: None,
            last_ms: [0; 2],
        }
    }

    /// From the handshake to the server's word that it takes the stream.
    pub(super) fn open(&mut self, address: &Address, link: &Link<'_>) -> Result<(), End> {
        self.handshake(if address.tls { Some(link) } else { None })?;
        link.reached(Reached::Handshake);
        self.control(kind::SET_CHUNK_SIZE, OUT_CHUNK as u32);
        let members = [
            ("app", Value::string(&address.app)),
            ("type", Value::string("nonprivate")),
            ("flashVer", Value::string("FMLE/3.0 (compatible; Touchline)")),
            ("tcUrl", Value::string(&address.application_url())),
        ];
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.command(0, &[Value::string("connect"), Value::Number(1.0), Value::Object(members)]);
        self.result_of(1.0).map_err(|end| match end {
            // So do servers that do not know an application and have no words for it.
            End::Lost(_) if self.ended => End::HungUp("the server hangs up on the application, which is probably wrong"),
            other => other,
        })?;
        self.control(kind::WINDOW_SIZE, WINDOW);

        let key = Value::string(address.key.expose());
        self.command(0, &[Value::string("releaseStream"), Value::Number(2.0), Value::Null, key.clone()]);
        self.command(0, &[Value::string("FCPublish"), Value::Number(3.0), Value::Null, key.clone()]);
        self.command(0, &[Value::string("createStream"), Value::Number(4.0), Value::Null]);
        let created = self.result_of(4.0)?;
        self.stream = created.iter().rev().find_map(Value::number).map_or(1, |id| id as u32);

        link.reached(Reached::Publish);
        self.command(self.stream, &[Value::string("publish"), Value::Number(5.0), Value::Null, key, Value::string("live")]);
        self.publish_starts()
    }

    /// Sends what the queue gives until something ends it.
    pub(super) fn run(&mut self, has_audio: bool, link: &Link<'_>) -> End {
        self.queue.restart();
        loop {
            let turned = self.turn(has_audio);
            link.progress(self.sent, self.bytes());
            if self.has_proof() {
                link.note_proof();
            }
            if let Err(end) = turned {
                if end == End::Stopped {
                    self.say_goodbye();
                }
                return end;
            }
        }
    }

    /// Bytes that have arrived as far as this connection can know.
    fn bytes(&self) -> u64 {
        if self.acked_at.is_some() { self.acknowledged } else { self.sent }
    }

    /// Whether the server has shown that data reaches it.
    fn has_proof(&self) -> bool {
        self.acked_at.is_some() || self.sent > u64::from(WINDOW)
    }

    fn turn(&mut self, has_audio: bool) -> Result<(), End> {
        self.pump()?;
        while let Some(answer) = self.answer()? {
            if let Answer::Status { level, code } = answer
                && level == "error"
            {
                return Err(End::Refused(said(&code)));
            }
        }
        if self.ended {
            return Err(End::Lost("the server closed the connection".to_owned()));
        }
        self.check_stall()?;
        if self.out.len() - self.out_at > MAX_OUT {
            return if self.queue.wait_closed(LOOK) { Err(End::Stopped) } else { Ok(()) };
        }
        match self.queue.take(Duration::from_millis(20)) {
            Taken::Unit(unit) => self.send(&unit, has_audio),
            Taken::Closed => return Err(End::Stopped),
            Taken::Gap(_) | Taken::Mark | Taken::TimedOut => {}
        }
        if self.queue.is_closed() { Err(End::Stopped) } else { Ok(()) }
    }

    fn check_stall(&self) -> Result<(), End> {
        let waiting = self.out.len() > self.out_at;
        let unacknowledged = self.sent.saturating_sub(self.acknowledged) > 2 * u64::from(WINDOW);
        let silent = self.acked_at.is_some_and(|at| unacknowledged && at.elapsed() > STALL_LIMIT);
        if silent || (waiting && self.moved.elapsed() > STALL_LIMIT) {
            return Err(End::Lost("the server has stopped taking data".to_owned()));
        }
        Ok(())
    }

    fn send(&mut self, unit: &AccessUnit, has_audio: bool) {
        match unit.codec {
            Codec::H264 => self.send_video(unit, has_audio),
            Codec::Aac if has_audio => {
                // Sound from before the first picture has no place on the stream's timeline.
                let Some(start) = self.start.filter(|start| unit.pts >= *start) else { return };
                let at = self.timestamp(unit.pts - start, 1);
                self.message(SOUND, kind::AUDIO, at, flv::audio(unit));
            }
            _ => {}
        }
    }

    fn send_video(&mut self, unit: &AccessUnit, has_audio: bool) {
        let found = if unit.key { h264::Parameters::find(&unit.data) } else { None };
        if self.start.is_none() {
            let (true, Some(parameters)) = (unit.key, &found) else { return };
            self.start = Some(unit.dts);
            let begin = self.timestamp(MediaTime::ZERO, 0);
            self.message(COMMANDS, kind::DATA, begin, flv::metadata(parameters.size, has_audio));
            if has_audio {
                self.message(SOUND, kind::AUDIO, begin, flv::audio_config());
            }
        }
        let Some(start) = self.start else { return };
        let at = self.timestamp(unit.dts - start, 0);
        if let Some(found) = found.filter(|found| self.parameters.as_ref() != Some(found)) {
            self.message(PICTURES, kind::VIDEO, at, flv::video_config(&found));
            self.parameters = Some(found);
        }
        let body = flv::video(unit);
        if !body.is_empty() {
            self.message(PICTURES, kind::VIDEO, at, body);
        }
    }

    /// Milliseconds on the stream's timeline, which never runs back. The wire has 32 bits for them, which come round after
    /// 49.7 days (Adobe RTMP 1.0, section 3).
    fn timestamp(&mut self, since: MediaTime, lane: usize) -> u32 {
        let at = u64::try_from((self.begin + since).nanos() / 1_000_000).unwrap_or(0);
        let Some(last) = self.last_ms.get_mut(lane) else { return at as u32 };
        *last = at.max(*last);
        *last as u32
    }

    /// A short farewell; the server learns the end from the closed connection anyway.
    fn say_goodbye(&mut self) {
        self.command(self.stream, &[Value::string("deleteStream"), Value::Number(6.0), Value::Null, Value::Number(self.stream.into())]);
        let deadline = Instant::now() + Duration::from_millis(500);
        while self.out.len() > self.out_at && Instant::now() < deadline && self.pump().is_ok() {
            std::thread::sleep(LOOK);
        }
    }

    /// `secured` is told when the first bytes have come through TLS.
    fn handshake(&mut self, secured: Option<&Link<'_>>) -> Result<(), End> {
        // C0 and C1: version 3, time zero, noise. Nothing here needs to be hard to guess.
        let mut noise = RandomState::new().build_hasher();
        self.out.push(3);
        self.out.extend_from_slice(&[0; 8]);
        while self.out.len() < 1 + 1_536 {
            noise.write_u8(1);
            self.out.extend_from_slice(&noise.finish().to_le_bytes());
        }
        self.out.truncate(1 + 1_536);
        let mut answer = Vec::new();
        let deadline = Instant::now() + STEP_LIMIT;
        while answer.len() < 1 + 2 * 1_536 {
            self.flush_out()?;
            self.receive(&mut answer)?;
            if let Some(link) = secured.filter(|_| !answer.is_empty()) {
                link.reached(Reached::Tls);
            }
            if self.ended {
                return Err(End::Lost("the server closed the connection".to_owned()));
            }
            self.wait(deadline)?;
        }
        if answer.first() != Some(&3) {
            return Err(End::Refused("what answers is no RTMP server".to_owned()));
        }
        // C2 repeats S1.
        self.out.extend_from_slice(answer.get(1..1 + 1_536).unwrap_or_default());
        self.reader.feed(answer.get(1 + 2 * 1_536..).unwrap_or_default());
        Ok(())
    }

    /// Waits for the answer to a command.
    fn result_of(&mut self, wanted: f64) -> Result<Vec<Value>, End> {
        let deadline = Instant::now() + STEP_LIMIT;
        loop {
            self.pump()?;
            while let Some(answer) = self.answer()? {
                match answer {
                    Answer::Result { transaction, values } if transaction == wanted => return Ok(values),
                    Answer::Error { transaction, values } if transaction == wanted => return Err(End::Refused(refusal(&values))),
                    Answer::Status { level, code } if level == "error" => return Err(End::Refused(said(&code))),
                    _ => {}
                }
            }
            if self.ended {
                return Err(End::Lost("the server closed the connection".to_owned()));
            }
            self.wait(deadline)?;
        }
    }

    /// Waits for the word that the stream may start.
    fn publish_starts(&mut self) -> Result<(), End> {
        let deadline = Instant::now() + STEP_LIMIT;
        loop {
            let pumped = self.pump();
            while let Some(answer) = self.answer()? {
                match answer {
                    Answer::Status { code, .. } if code == "NetStream.Publish.Start" => return Ok(()),
                    Answer::Status { level, code } if level == "error" => return Err(End::Refused(said(&code))),
                    Answer::Error { transaction: 5.0, values } => return Err(End::Refused(refusal(&values))),
                    _ => {}
                }
            }
            // Hanging up here is how a server without words refuses a name.
            if self.ended || matches!(pumped, Err(End::Lost(_))) {
                return Err(End::HungUp("the server hangs up on the stream key, which is probably wrong"));
            }
            pumped?;
            self.wait(deadline)?;
        }
    }

    fn wait(&self, deadline: Instant) -> Result<(), End> {
        if self.queue.wait_closed(LOOK) {
            return Err(End::Stopped);
        }
        if Instant::now() >= deadline {
            return Err(End::Lost("the server does not answer".to_owned()));
        }
        Ok(())
    }

    /// The next thing said by the server that somebody waits for; answers the rest itself.
    fn answer(&mut self) -> Result<Option<Answer>, End> {
        loop {
            let message = self.reader.next().map_err(|malformed| End::Refused(format!("the server sent {}", malformed.0)))?;
            let Some(message) = message else { return Ok(None) };
            let number = message.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
            match (message.kind, number) {
                (kind::ACKNOWLEDGEMENT, Some(number)) => {
                    self.acknowledged += u64::from(number.wrapping_sub(self.last_ack));
                    self.last_ack = number;
                    self.acked_at = Some(Instant::now());
                }
                (kind::WINDOW_SIZE, Some(window)) => self.peer_window = u64::from(window.max(1_024)),
                // A ping: type 6, answered by type 7 with the same number.
                (kind::USER_CONTROL, _) if message.payload.starts_with(&[0, 6]) => {
                    let mut payload = message.payload;
                    payload.truncate(6);
                    if let Some(byte) = payload.get_mut(1) {
                        *byte = 7;
                    }
                    let pong = Message { kind: kind::USER_CONTROL, stream: 0, timestamp: 0, payload };
                    chunk::write(&mut self.out, CONTROL, &pong, OUT_CHUNK);
                }
                (kind::COMMAND, _) => {
                    if let Some(answer) = answer_of(amf::read(&message.payload)) {
                        return Ok(Some(answer));
                    }
                }
                _ => {}
            }
        }
    }

    /// Moves bytes both ways as far as they go without waiting.
    fn pump(&mut self) -> Result<(), End> {
        self.flush_out()?;
        let mut bytes = Vec::new();
        self.receive(&mut bytes)?;
        self.reader.feed(&bytes);
        if self.received - self.told >= self.peer_window {
            self.told = self.received;
            self.control(kind::ACKNOWLEDGEMENT, self.received as u32);
        }
        Ok(())
    }

    fn flush_out(&mut self) -> Result<(), End> {
        while let Some(rest) = self.out.get(self.out_at..).filter(|rest| !rest.is_empty()) {
            match self.io.write(rest) {
                Ok(0) => return Err(End::Lost("the connection was cut".to_owned())),
                Ok(count) => {
                    self.out_at += count;
                    self.sent += count as u64;
                    self.moved = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(end_of(&error)),
            }
        }
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        match self.io.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock && error.kind() != ErrorKind::Interrupted => Err(end_of(&error)),
            _ => Ok(()),
        }
    }

    /// Takes what has come, at most 64 kB at a time so that a flood cannot hold us here.
    fn receive(&mut self, into: &mut Vec<u8>) -> Result<(), End> {
        let mut piece = [0; 4_096];
        for _ in 0..16 {
            match self.io.read(&mut piece) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(count) => {
                    self.received += count as u64;
                    into.extend_from_slice(piece.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    return Ok(());
                }
                Err(error) => return Err(end_of(&error)),
            }
        }
        Ok(())
    }

    fn control(&mut self, kind: u8, number: u32) {
        let message = Message { kind, stream: 0, timestamp: 0, payload: number.to_be_bytes().to_vec() };
        // Everything before our announcement of a chunk size is far shorter than the default one.
        chunk::write(&mut self.out, CONTROL, &message, OUT_CHUNK);
    }

    fn command(&mut self, stream: u32, values: &[Value]) {
        let message = Message { kind: kind::COMMAND, stream, timestamp: 0, payload: amf::write(values) };
        chunk::write(&mut self.out, COMMANDS, &message, OUT_CHUNK);
    }

    fn message(&mut self, chunk_stream: u8, kind: u8, timestamp: u32, payload: Vec<u8>) {
        if self.out.len() == self.out_at {
            // The stall clock runs from the moment when there is something to send.
            self.moved = Instant::now();
        }
        chunk::write(&mut self.out, chunk_stream, &Message { kind, stream: self.stream, timestamp, payload }, OUT_CHUNK);
    }
}
