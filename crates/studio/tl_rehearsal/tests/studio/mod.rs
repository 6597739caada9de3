//! The least that a phone needs of a studio: WHIP and commands over HTTPS, the receiving side, decoders that read time codes.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use tl_base::{MediaClock, MediaTime, Secret, SlotId, Wall};
use tl_frame::AccessUnit;
use tl_media::chunks::{self, ChunkStream};
use tl_media::input::{self, Input, Kind, Transport};
use tl_media::rtmp_server::{self, RtmpServer};
use tl_media::{VideoDecoder, decode};
use tl_rehearsal::timecode;
use tl_rtc::{Config, Event, Server};

/// A decoded picture.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Its estimated capture by the wall clock.
    pub wall: Wall,
    pub code: Option<(u8, u16)>,
}

#[derive(Default)]
struct Log {
    pictures: HashMap<SlotId, Vec<Picture>>,
    sounds: HashMap<SlotId, u64>,
    connects: HashMap<SlotId, u64>,
    since_connect: HashMap<SlotId, u64>,
}

/// One decoder a slot, and what they made of it.
#[derive(Clone)]
struct Eyes {
    clock: MediaClock,
    log: Arc<Mutex<Log>>,
    decoders: Arc<Mutex<HashMap<SlotId, VideoDecoder>>>,
}

impl Eyes {
    fn connected(&self, slot: SlotId) {
        let mut log = self.log.lock().expect("log");
        *log.connects.entry(slot).or_default() += 1;
        log.since_connect.insert(slot, 0);
    }

    fn take(&self, unit: AccessUnit) {
        let slot = unit.source;
        if unit.codec.is_audio() {
            *self.log.lock().expect("log").sounds.entry(slot).or_default() += 1;
            return;
        }
        *self.log.lock().expect("log").since_connect.entry(slot).or_default() += 1;
        let mut decoders = self.decoders.lock().expect("decoders");
        let decoder = decoders.entry(slot).or_insert_with(|| {
            let (log, clock) = (Arc::clone(&self.log), self.clock);
            let config = decode::Video { source: slot, codec: unit.codec, max_queue: 64 };
            VideoDecoder::new(config, move |frame| {
                let code = timecode::read(&frame, timecode::place(frame.size));
                let picture = Picture { wall: clock.wall_of(frame.capture), code };
                log.lock().expect("log").pictures.entry(slot).or_default().push(picture);
            })
            .expect("a decoder")
        });
        decoder.push(unit).expect("taken");
    }

    fn input(&self, slot: SlotId, kind: Kind) -> Input {
        let (eyes, config) = (self.clone(), input::Config { source: slot, kind, clock: self.clock, name: format!("camera {slot}") });
        Input::start(config, move |event| match event {
            input::Event::Connected { .. } => eyes.connected(slot),
            input::Event::Unit(unit) => eyes.take(unit),
            _ => {}
        })
        .expect("an input")
    }
}

/// The ways in beside WebRTC.
struct Ways {
    eyes: Eyes,
    inputs: Mutex<HashMap<SlotId, Input>>,
    rtmp: Mutex<Option<RtmpServer>>,
    uploads: Mutex<HashMap<SlotId, ChunkStream>>,
    sources_set: AtomicU64,
}

pub struct Studio {
    pub certificate_pem: String,
    ways: Arc<Ways>,
    address: SocketAddr,
    receiving: Arc<Mutex<Option<Server>>>,
    log: Arc<Mutex<Log>>,
    commands: Arc<AtomicU64>,
    goodbyes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    door: Option<JoinHandle<()>>,
}

fn receive(eyes: &Eyes) -> Server {
    let (eyes, clock) = (eyes.clone(), eyes.clock);
    let on_event = move |event: Event| match event {
        Event::Connected { slot, .. } => eyes.connected(slot),
        Event::Media { unit, .. } => eyes.take(unit),
        _ => {}
    };
    Server::start(Config { addresses: vec![[127, 0, 0, 1].into()], port: 0, clock, max_viewers: 0 }, on_event).expect("a receiving side")
}

impl Studio {
    pub fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Log::default()));
        tl_media::init().expect("the media library");
        let eyes = Eyes { clock: MediaClock::starting_at(MediaTime::ZERO), log: Arc::clone(&log), decoders: Arc::default() };
        let receiving = Arc::new(Mutex::new(Some(receive(&eyes))));
        let ways = Arc::new(Ways { eyes, inputs: Mutex::default(), rtmp: Mutex::default(), uploads: Mutex::default(), sources_set: AtomicU64::new(0) });
        let (commands, goodbyes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let door = std::thread::spawn({
            let (ways, receiving, commands, goodbyes, stop, tls) =
                (Arc::clone(&ways), Arc::clone(&receiving), Arc::clone(&commands), Arc::clone(&goodbyes), Arc::clone(&stop), Arc::new(tls));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((socket, _)) => serve(socket, &tls, &receiving, &ways, &commands, &goodbyes),
                        Err(_) => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            }
        });
        Self { certificate_pem: made.cert.pem(), ways, address, receiving, log, commands, goodbyes, stop, door: Some(door) }
    }

    pub fn address(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn seen(&self, slot: SlotId) -> Vec<Picture> {
        self.log.lock().expect("log").pictures.get(&slot).cloned().unwrap_or_default()
    }

    pub fn sounds(&self, slot: SlotId) -> u64 {
        self.log.lock().expect("log").sounds.get(&slot).copied().unwrap_or(0)
    }

    pub fn connects(&self, slot: SlotId) -> u64 {
        self.log.lock().expect("log").connects.get(&slot).copied().unwrap_or(0)
    }

    pub fn seen_since_connect(&self, slot: SlotId) -> u64 {
        self.log.lock().expect("log").since_connect.get(&slot).copied().unwrap_or(0)
    }

    pub fn sources_set(&self) -> u64 {
        self.ways.sources_set.load(Ordering::Relaxed)
    }

    /// The address at which a slot takes a caller.
    pub fn listen_srt(&self, slot: SlotId) -> Secret {
        let passphrase = "not-a-secret-at-all";
        let kind = Kind::Srt {
            bind: ([127, 0, 0, 1], 0).into(),
            stream_id: Some("camera".into()),
            passphrase: Some(Secret::new(passphrase)),
            latency: MediaTime::from_millis(120),
        };
        let input = self.ways.eyes.input(slot, kind);
        let address = input.local_addr().expect("an address");
        self.ways.inputs.lock().expect("inputs").insert(slot, input);
        Secret::new(format!("srt://{address}?streamid=camera&passphrase={passphrase}&latency=20"))
    }

    /// The address to which a slot's app publishes.
    pub fn listen_rtmp(&self, slot: SlotId) -> Secret {
        let eyes = self.ways.eyes.clone();
        let config = rtmp_server::Config { bind: ([127, 0, 0, 1], 0).into(), tls: None, clock: eyes.clock, limits: rtmp_server::Limits::default() };
        let admit = move |publish: &rtmp_server::Publish| if publish.key.expose() == "key" { Ok(slot) } else { Err("no".to_owned()) };
        let on_event = move |event: rtmp_server::Event| match event {
            rtmp_server::Event::Publishing { source, .. } => eyes.connected(source),
            rtmp_server::Event::Unit { unit, .. } => eyes.take(unit),
            _ => {}
        };
        let server = RtmpServer::start(config, admit, on_event).expect("a server");
        let address = server.address();
        *self.ways.rtmp.lock().expect("the server") = Some(server);
        Secret::new(format!("rtmp://{address}/live/key"))
    }

    pub fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }

    pub fn goodbyes(&self) -> u64 {
        self.goodbyes.load(Ordering::Relaxed)
    }

    /// All sessions are gone, as after a crash; the door stays.
    pub fn restart(&self) {
        let mut receiving = self.receiving.lock().expect("the receiving side");
        *receiving = None;
        *receiving = Some(receive(&self.ways.eyes));
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.ways.inputs.lock().expect("inputs").clear();
        if let Some(door) = self.door.take() {
            door.join().expect("the door closes");
        }
    }
}

impl Ways {
    /// A camera's address, a piece, the time; none: something else was asked.
    fn answer(&self, method: &str, path: &str, body: &[u8]) -> Option<String> {
        if path == "/api/v1/clock" {
            let clock_us = self.eyes.clock.now().0 / 1_000;
            return Some(respond("200 OK", "application/json", "", &format!("{{\"clock_us\":{clock_us}}}")));
        }
        let (path, words) = path.split_once('?').unwrap_or((path, ""));
        let (slot, what) = path.strip_prefix("/api/v1/sessions/current/cameras/")?.split_once('/')?;
        let slot = SlotId::parse(slot)?;
        match (method, what) {
            ("PUT", "source") => {
                let setup: serde_json::Value = serde_json::from_slice(body).expect("JSON");
                let text = |name: &str| setup[name].as_str().expect("text").to_owned();
                let url = text("url").replace("://", &format!("://{}:{}@", text("user"), text("password")));
                let kind = match setup["protocol"].as_str() {
                    Some("rtsp") => Kind::Rtsp { url: Secret::new(url), transport: Transport::Tcp, latency: MediaTime::from_millis(100) },
                    _ => Kind::Mjpeg { url: Secret::new(url) },
                };
                self.inputs.lock().expect("inputs").insert(slot, self.eyes.input(slot, kind));
                self.sources_set.fetch_add(1, Ordering::Relaxed);
            }
            ("POST", "chunks") => self.piece(slot, words, body),
            // Drops what was there, and counts as a goodbye.
            _ => return None,
        }
        Some(respond("200 OK", "application/json", "", "{}"))
    }

    fn piece(&self, slot: SlotId, words: &str, body: &[u8]) {
        let word = |name: &str| words.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<f64>().ok()).expect("a number");
        let mut uploads = self.uploads.lock().expect("uploads");
        let stream = uploads.entry(slot).or_insert_with(|| {
            self.eyes.connected(slot);
            let eyes = self.eyes.clone();
            let offset = MediaTime((word("offset") * 1e6) as i64);
            let config = chunks::Config { source: slot, clock: Box::new(move |stamp| stamp.phone + offset) };
            ChunkStream::start(config, move |event| {
                if let chunks::Event::Unit(unit) = event {
                    eyes.take(unit);
                }
            })
        });
        let (mime, data) = ("video/mp4".to_owned(), bytes::Bytes::copy_from_slice(body));
        let arrival = self.eyes.clock.now();
        stream.push(chunks::Chunk { sequence: word("seq") as u64, timestamp_ms: word("timestamp"), arrival, mime, data }).expect("taken");
    }
}

fn serve(socket: TcpStream, tls: &Arc<ServerConfig>, receiving: &Mutex<Option<Server>>, ways: &Ways, commands: &AtomicU64, goodbyes: &AtomicU64) {
    let mut socket = socket;
    socket.set_nonblocking(false).expect("blocking");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut connection = ServerConnection::new(Arc::clone(tls)).expect("a connection");
    let mut stream = Stream::new(&mut connection, &mut socket);
    let Some((head, body)) = request(&mut stream) else { return };
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let known = ways.answer(method, path, &body);
    let text = String::from_utf8_lossy(&body);
    let answer = match (method, path.strip_prefix("/whip/")) {
        _ if known.is_some() => known.unwrap_or_default(),
        ("POST", Some(slot)) => {
            let slot = SlotId::parse(slot).expect("a slot");
            assert!(head.contains(&format!("Bearer token-{slot}")), "the phone shows its ticket");
            match receiving.lock().expect("the receiving side").as_ref().map(|server| server.offer(slot, &text)) {
                Some(Ok(answer)) => respond("201 Created", "application/sdp", &format!("Location: /whip/session/{}\r\n", answer.session), &answer.sdp),
                _ => respond("503 Service Unavailable", "text/plain", "", "not now"),
            }
        }
        ("DELETE", _) => {
            goodbyes.fetch_add(1, Ordering::Relaxed);
            respond("200 OK", "text/plain", "", "")
        }
        _ => {
            assert!(path == "/api/v1/sessions/current/commands" && head.contains("Bearer director"), "{head}");
            let command: tl_wire::Command = serde_json::from_str(&text).expect("a command");
            assert!(!command.id.is_empty() && command.id.len() <= 64);
            commands.fetch_add(1, Ordering::Relaxed);
            respond("200 OK", "application/json", "", "{\"seq\":1}")
        }
    };
    // A phone that hung up meanwhile needs no answer.
    if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_ok() {
        stream.conn.send_close_notify();
        stream.flush().ok();
    }
}

fn respond(status: &str, kind: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n{body}", body.len())
}

fn request(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse::<usize>().unwrap_or(0)))
            .unwrap_or(0);
        let body = &bytes[end + 4..];
        if body.len() >= length {
            return Some((head, body.to_vec()));
        }
    }
}
