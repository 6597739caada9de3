//! One publisher's side of the protocol, without a socket: bytes in, bytes out, and what it wants.
//!
//! Handshake and commands are `rml_rtmp`'s. In front of it stand a chunk reader and an AMF reader of our own, because that
//! crate joins the chunks of different streams into one message, follows objects as deep as a stranger nests them and panics
//! on commands that are too short; what it gets to see are short, flat, whole commands written anew.

use rml_rtmp::handshake::{Handshake, HandshakeProcessResult, PeerType};
use rml_rtmp::sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent, ServerSessionResult};

use tl_base::Secret;

use crate::rtmp::amf::{self, Value};
use crate::rtmp::chunk::{self, Message, OUT_CHUNK, Reader, kind};

/// Real handshakes have 3,073 bytes; more before its end is somebody else's protocol.
const MAX_HANDSHAKE: u64 = 4_096;
/// The longest command taken.
const MAX_COMMAND: usize = 64 << 10;
/// Commands that one connection may send; real ones send a dozen.
const MAX_COMMANDS: u32 = 256;
/// The longest names of an application and a stream.
const MAX_NAME: usize = 512;
/// The size that chunks have before anybody says otherwise.
const FIRST_CHUNK: usize = 128;
/// Bytes between acknowledgements where the peer asks for none.
const WINDOW: u64 = 256 << 10;
/// Chunk streams of control and command messages.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;

/// What a publisher wants.
#[derive(Debug)]
pub(super) enum Said {
    /// The handshake is over.
    Hello,
    /// It wants to publish; [`Session::accept`] or [`Session::refuse`] answers.
    Publish { app: String, key: Secret },
    /// The body of a video tag and its time in milliseconds.
    Video(u32, Vec<u8>),
    /// The body of an audio tag.
    Audio(u32, Vec<u8>),
    /// It has ended its stream.
    Stop,
}

enum State {
    Handshake(Box<Handshake>),
    Talking(Box<ServerSession>),
}

pub(super) struct Session {
    state: State,
    reader: Reader,
    /// The longest message of one that may publish.
    max_message: usize,
    out: Vec<u8>,
    said: std::collections::VecDeque<Said>,
    commands: u32,
    asked: Option<u32>,
    stream: u32,
    publishing: bool,
    received: u64,
    told: u64,
    window: u64,
}

impl Session {
    pub(super) fn new(max_message: usize) -> Self {
        Self {
            state: State::Handshake(Box::new(Handshake::new(PeerType::Server))),
            // A stranger is not worth the memory of a picture.
            reader: Reader::with_limit(MAX_COMMAND),
            max_message,
            out: Vec::new(),
            said: std::collections::VecDeque::new(),
            commands: 0,
            asked: None,
            stream: 0,
            publishing: false,
            received: 0,
            told: 0,
            window: WINDOW,
        }
    }

    /// Takes what has come; errors are final and say what was wrong.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.received += bytes.len() as u64;
        match &mut self.state {
            State::Talking(_) => self.reader.feed(bytes),
            State::Handshake(handshake) => {
                if self.received > MAX_HANDSHAKE && bytes.len() as u64 + MAX_HANDSHAKE < self.received {
                    return Err("no RTMP handshake".to_owned());
                }
                match handshake.process_bytes(bytes).map_err(|_| "no RTMP handshake".to_owned())? {
                    HandshakeProcessResult::InProgress { response_bytes } => self.out.extend(response_bytes),
                    HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                        self.out.extend(response_bytes);
                        self.begin(&remaining_bytes)?;
                    }
                }
            }
        }
        self.acknowledge();
        Ok(())
    }

    fn begin(&mut self, rest: &[u8]) -> Result<(), String> {
        let mut config = ServerSessionConfig::new();
        config.chunk_size = OUT_CHUNK as u32;
        let (session, results) = ServerSession::new(config).map_err(|error| error.to_string())?;
        self.state = State::Talking(Box::new(session));
        self.said.push_back(Said::Hello);
        self.reader.feed(rest);
        self.take(results)
    }

    /// What the publisher wants next, as far as its bytes are here.
    pub(super) fn next(&mut self) -> Result<Option<Said>, String> {
        loop {
            if let Some(said) = self.said.pop_front() {
                return Ok(Some(said));
            }
            let message = self.reader.next().map_err(|malformed| malformed.0.to_owned())?;
            let Some(message) = message else { return Ok(None) };
            self.message(message)?;
        }
    }

    /// Bytes for the publisher.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The stream may begin.
    pub(super) fn accept(&mut self) -> Result<(), String> {
        let (State::Talking(session), Some(asked)) = (&mut self.state, self.asked.take()) else { return Ok(()) };
        let results = session.accept_request(asked).map_err(|error| error.to_string())?;
        self.publishing = true;
        self.reader.allow(self.max_message);
        self.take(results)
    }

    /// The stream may not begin or go on, said with a code that clients know.
    pub(super) fn refuse(&mut self, code: &str, reason: &str) {
        self.asked = None;
        self.publishing = false;
        let members = [("level", "error"), ("code", code), ("description", reason)];
        let status = Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), Value::string(value))).collect());
        let payload = amf::write(&[Value::string("onStatus"), Value::Number(0.0), Value::Null, status]);
        chunk::write(&mut self.out, COMMANDS, &Message { kind: kind::COMMAND, stream: self.stream, timestamp: 0, payload }, OUT_CHUNK);
    }

    fn message(&mut self, message: Message) -> Result<(), String> {
        match message.kind {
            kind::VIDEO if self.publishing => self.said.push_back(Said::Video(message.timestamp, message.payload)),
            kind::AUDIO if self.publishing => self.said.push_back(Said::Audio(message.timestamp, message.payload)),
            kind::COMMAND => self.command(message.stream, &message.payload)?,
            // AMF3 commands hold a zero and then what AMF0 ones hold.
            kind::COMMAND_AMF3 => self.command(message.stream, message.payload.get(1..).unwrap_or_default())?,
            kind::WINDOW_SIZE => {
                let asked = message.payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
                self.window = u64::from(asked).clamp(16 << 10, WINDOW);
            }
            // A ping: type 6, answered by type 7 with the same number.
            kind::USER_CONTROL if message.payload.starts_with(&[0, 6]) && message.payload.len() == 6 => {
                let payload = [&[0, 7][..], message.payload.get(2..).unwrap_or_default()].concat();
                chunk::write(&mut self.out, CONTROL, &Message { kind: kind::USER_CONTROL, stream: 0, timestamp: 0, payload }, OUT_CHUNK);
            }
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, stream: u32, payload: &[u8]) -> Result<(), String> {
        self.commands += 1;
        if self.commands > MAX_COMMANDS || payload.len() > MAX_COMMAND {
            return Err("too many or too long commands".to_owned());
        }
        let values = amf::read(payload);
        let name = values.first().and_then(Value::text).unwrap_or_default();
        let forwarded = match name {
            "connect" | "createStream" if !self.publishing => flat(&values),
            "publish" if !self.publishing && self.asked.is_none() => {
                self.stream = stream;
                let mut values = flat(&values);
                values.truncate(4);
                // Whatever way of keeping the stream it asks for, it is live here.
                values.push(Value::string("live"));
                values
            }
            "deleteStream" | "closeStream" | "FCUnpublish" if self.publishing => {
                self.publishing = false;
                self.said.push_back(Said::Stop);
                return Ok(());
            }
            "play" | "play2" => return Err("a player, and there is nothing to play".to_owned()),
            _ => return Ok(()),
        };
        let State::Talking(session) = &mut self.state else { return Ok(()) };
        let mut bytes = Vec::new();
        let clean = Message { kind: kind::COMMAND, stream, timestamp: 0, payload: amf::write(&forwarded) };
        chunk::write(&mut bytes, COMMANDS, &clean, FIRST_CHUNK);
        let results = session.handle_input(&bytes).map_err(|error| error.to_string())?;
        self.take(results)
    }

    fn take(&mut self, results: Vec<ServerSessionResult>) -> Result<(), String> {
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => self.out.extend(packet.bytes),
                ServerSessionResult::RaisedEvent(ServerSessionEvent::ConnectionRequested { request_id, .. }) => {
                    let State::Talking(session) = &mut self.state else { continue };
                    // Who may publish is decided by the key, which comes later.
                    let results = session.accept_request(request_id).map_err(|error| error.to_string())?;
                    self.take(results)?;
                }
                ServerSessionResult::RaisedEvent(ServerSessionEvent::PublishStreamRequested { request_id, app_name, stream_key, .. }) => {
                    if app_name.len() > MAX_NAME || stream_key.len() > MAX_NAME {
                        return Err("too long a name".to_owned());
                    }
                    self.asked = Some(request_id);
                    self.said.push_back(Said::Publish { app: app_name, key: Secret::new(stream_key) });
                }
                ServerSessionResult::RaisedEvent(_) | ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(())
    }

    /// Tells how much has arrived, as often as the peer wants to know.
    fn acknowledge(&mut self) {
        if self.publishing && self.received - self.told >= self.window {
            self.told = self.received;
            // The number comes round after 4 GiB, which peers expect.
            let payload = (self.received as u32).to_be_bytes().to_vec();
            chunk::write(&mut self.out, CONTROL, &Message { kind: kind::ACKNOWLEDGEMENT, stream: 0, timestamp: 0, payload }, OUT_CHUNK);
        }
    }
}

/// The same command with nothing nested deeper than its members, and with the three values that every command has:
/// `rml_rtmp` takes them for granted.
fn flat(values: &[Value]) -> Vec<Value> {
    let plain = |value: &Value| !matches!(value, Value::Object(_) | Value::Array(_));
    let one = |value: &Value| match value {
        Value::Object(members) => Value::Object(members.iter().filter(|(_, value)| plain(value)).take(32).cloned().collect()),
        Value::Array(_) => Value::Null,
        other => other.clone(),
    };
    let name = values.first().and_then(Value::text).unwrap_or_default();
    let transaction = values.get(1).and_then(Value::number).unwrap_or(0.0);
    let object = values.get(2).map_or(Value::Null, one);
    [Value::string(name), Value::Number(transaction), object].into_iter().chain(values.iter().skip(3).take(5).map(one)).collect()
}

#[cfg(test)]
mod tests {
    use crate::rtmp_server::flv::Tags;

    use super::*;

    fn command(values: &[Value]) -> Vec<u8> {
        let mut out = Vec::new();
        chunk::write(&mut out, COMMANDS, &Message { kind: kind::COMMAND, stream: 1, timestamp: 0, payload: amf::write(values) }, FIRST_CHUNK);
        out
    }

    fn connect() -> Vec<u8> {
        let nested = Value::Array(vec![Value::string("hvc1"), Value::Object(vec![("a".to_owned(), Value::Null)])]);
        let members = vec![("app".to_owned(), Value::string("live")), ("fourCcList".to_owned(), nested)];
        command(&[Value::string("connect"), Value::Number(1.0), Value::Object(members)])
    }

    /// A session behind its handshake.
    fn talking() -> Session {
        let mut session = Session::new(1 << 20);
        session.feed(&[&[3][..], &[7; 1_536]].concat()).expect("C0 and C1");
        assert_eq!(session.take_out().len(), 1 + 2 * 1_536);
        session.feed(&[7; 1_536]).expect("C2");
        assert!(matches!(session.next(), Ok(Some(Said::Hello))));
        session
    }

    fn statuses(out: &[u8]) -> Vec<String> {
        let mut reader = Reader::new();
        reader.feed(out);
        let mut found = Vec::new();
        while let Ok(Some(message)) = reader.next() {
            let values = amf::read(&message.payload);
            found.extend(values.iter().filter_map(|value| value.get("code")?.text().map(str::to_owned)));
        }
        found
    }

    fn publish(session: &mut Session) -> Said {
        session.feed(&connect()).expect("taken");
        session.feed(&command(&[Value::string("createStream"), Value::Number(2.0), Value::Null])).expect("taken");
        // Some apps leave out the way of publishing.
        session.feed(&command(&[Value::string("publish"), Value::Number(3.0), Value::Null, Value::string("sesame")])).expect("taken");
        session.next().expect("well formed").expect("a wish")
    }

    #[test]
    fn a_publisher_is_asked_for_and_let_in() {
        let mut session = talking();
        let Said::Publish { app, key } = publish(&mut session) else { panic!("no wish") };
        assert_eq!((app.as_str(), key.expose()), ("live", "sesame"));
        session.accept().expect("accepted");
        let found = statuses(&session.take_out());
        assert_eq!(found, ["NetConnection.Connect.Success", "NetStream.Publish.Start"]);

        let mut bytes = Vec::new();
        chunk::write(&mut bytes, 6, &Message { kind: kind::VIDEO, stream: 1, timestamp: 40, payload: vec![0x17; 300] }, FIRST_CHUNK);
        session.feed(&bytes).expect("taken");
        assert!(matches!(session.next(), Ok(Some(Said::Video(40, body))) if body.len() == 300));
        session.feed(&command(&[Value::string("deleteStream"), Value::Number(4.0), Value::Null, Value::Number(1.0)])).expect("taken");
        assert!(matches!(session.next(), Ok(Some(Said::Stop))));
    }

    #[test]
    fn a_refusal_has_the_code_that_clients_know() {
        let mut session = talking();
        publish(&mut session);
        session.refuse("NetStream.Publish.BadName", "no");
        assert_eq!(statuses(&session.take_out()).last().map(String::as_str), Some("NetStream.Publish.BadName"));
        // Nothing is taken from it any more.
        let mut bytes = Vec::new();
        chunk::write(&mut bytes, 6, &Message { kind: kind::VIDEO, stream: 1, timestamp: 40, payload: vec![0x17; 30] }, FIRST_CHUNK);
        session.feed(&bytes).expect("taken");
        assert!(matches!(session.next(), Ok(None)));
    }

    #[test]
    fn a_command_nested_a_hundred_thousand_times_costs_nothing() {
        let mut session = talking();
        let mut payload = amf::write(&[Value::string("connect"), Value::Number(1.0)]);
        payload.extend([3, 0, 1, b'a'].repeat(15_000));
        let mut bytes = Vec::new();
        chunk::write(&mut bytes, COMMANDS, &Message { kind: kind::COMMAND, stream: 0, timestamp: 0, payload }, FIRST_CHUNK);
        session.feed(&bytes).expect("taken");
        // The object does not count, and without an application nobody connects.
        assert!(session.next().is_err());
        let long = Message { kind: kind::COMMAND, stream: 0, timestamp: 0, payload: [3, 0, 1, b'a'].repeat(100_000) };
        let mut session = talking();
        let mut bytes = Vec::new();
        chunk::write(&mut bytes, COMMANDS, &long, FIRST_CHUNK);
        session.feed(&bytes).expect("taken");
        assert!(session.next().is_err());
    }

    #[test]
    fn a_picture_is_taken_of_one_that_may_publish_alone() {
        let mut bytes = Vec::new();
        chunk::write(&mut bytes, 6, &Message { kind: kind::VIDEO, stream: 1, timestamp: 0, payload: vec![0x17; 500_000] }, FIRST_CHUNK);
        let mut session = talking();
        session.feed(&bytes).expect("taken");
        assert_eq!(session.next().err().as_deref(), Some("a message that is too long"));
        let mut session = talking();
        publish(&mut session);
        session.accept().expect("accepted");
        session.feed(&bytes).expect("taken");
        assert!(matches!(session.next(), Ok(Some(Said::Video(0, body))) if body.len() == 500_000));
    }

    #[test]
    fn somebody_elses_protocol_ends_at_once() {
        assert!(Session::new(1 << 20).feed(b"GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(Session::new(1 << 20).feed(&[22, 3, 1, 2, 0, 1]).is_err());
    }

    /// A good publisher's bytes behind its handshake: commands, configurations, pictures and sound.
    fn good_stream() -> Vec<u8> {
        let mut out = connect();
        out.extend(command(&[Value::string("createStream"), Value::Number(2.0), Value::Null]));
        out.extend(command(&[Value::string("publish"), Value::Number(3.0), Value::Null, Value::string("sesame"), Value::string("live")]));
        let mut tag = |kind: u8, timestamp: u32, payload: &[u8]| {
            chunk::write(&mut out, 6, &Message { kind, stream: 1, timestamp, payload: payload.to_vec() }, FIRST_CHUNK);
        };
        tag(kind::VIDEO, 0, &[0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 0x1f, 1, 0, 3, 0x68, 0xce, 0x3c]);
        tag(kind::AUDIO, 0, &[0xaf, 0, 0x12, 0x10]);
        for number in 0..4 {
            let head = if number == 0 { 0x17 } else { 0x27 };
            tag(kind::VIDEO, number * 33, &[&[head, 1, 0, 0, 0, 0, 0, 1, 0x2c, 0x65][..], &[7; 299]].concat());
            tag(kind::AUDIO, number * 33, &[&[0xaf, 1][..], &[7; 100]].concat());
        }
        out
    }

    /// Feeds a stream behind a handshake; gives how many pieces of media came out.
    fn pieces(bytes: &[u8]) -> usize {
        let (mut session, mut tags, mut found) = (talking(), Tags::default(), 0);
        for piece in bytes.chunks(700) {
            if session.feed(piece).is_err() {
                return found;
            }
            while let Ok(Some(said)) = session.next() {
                let read = match said {
                    Said::Publish { .. } => session.accept().map(|()| None).unwrap_or_default(),
                    Said::Video(_, body) => tags.video(&body).unwrap_or_default(),
                    Said::Audio(_, body) => tags.audio(&body).unwrap_or_default(),
                    Said::Hello | Said::Stop => None,
                };
                found += usize::from(read.is_some());
            }
        }
        assert!(session.out.len() < 1 << 16);
        found
    }

    #[test]
    fn ten_thousand_broken_copies_of_a_good_stream_are_survived() {
        let good = good_stream();
        assert_eq!(pieces(&good), 8);
        let mut random = 4_711_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let mut hurt = 0;
        for _ in 0..10_000 {
            let mut copy = good.clone();
            for _ in 0..=next(4) {
                let at = next(copy.len());
                copy[at] ^= 1 << next(8);
            }
            if next(4) == 0 {
                copy.truncate(next(good.len()));
            }
            hurt += usize::from(pieces(&copy) < 8);
        }
        assert!(hurt > 1_000, "{hurt}");
    }

    #[test]
    fn any_bytes_are_survived_at_every_step() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let mut fresh = Session::new(1 << 16);
            assert!(fresh.feed(bytes).is_err() || fresh.out.len() < 1 << 16);
            for published in [false, true] {
                let mut session = talking();
                if published {
                    publish(&mut session);
                    session.accept().expect("accepted");
                }
                if session.feed(bytes).is_ok() {
                    while let Ok(Some(said)) = session.next() {
                        if let Said::Publish { .. } = said {
                            session.refuse("NetStream.Publish.BadName", "no");
                        }
                    }
                }
                assert!(session.out.len() < (1 << 16) + 64 * bytes.len());
            }
        });
    }
}
