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
use tl_base::{MediaClock, MediaTime, SlotId, Wall};
use tl_frame::Codec;
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

pub struct Studio {
    pub certificate_pem: String,
    address: SocketAddr,
    receiving: Arc<Mutex<Option<Server>>>,
    log: Arc<Mutex<Log>>,
    commands: Arc<AtomicU64>,
    goodbyes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    door: Option<JoinHandle<()>>,
}

fn receive(log: &Arc<Mutex<Log>>) -> Server {
    tl_media::init().expect("the media library");
    let clock = MediaClock::starting_at(MediaTime::ZERO);
    let log = Arc::clone(log);
    let mut decoders: HashMap<SlotId, VideoDecoder> = HashMap::new();
    let on_event = move |event: Event| match event {
        Event::Connected { slot, .. } => {
            let mut log = log.lock().expect("log");
            *log.connects.entry(slot).or_default() += 1;
            log.since_connect.insert(slot, 0);
        }
        Event::Media { unit, .. } if unit.codec == Codec::H264 => {
            let slot = unit.source;
            *log.lock().expect("log").since_connect.entry(slot).or_default() += 1;
            let decoder = decoders.entry(slot).or_insert_with(|| {
                let log = Arc::clone(&log);
                let config = decode::Video { source: slot, codec: Codec::H264, max_queue: 64 };
                VideoDecoder::new(config, move |frame| {
                    let code = timecode::read(&frame, timecode::place(frame.size));
                    let picture = Picture { wall: clock.wall_of(frame.capture), code };
                    log.lock().expect("log").pictures.entry(slot).or_default().push(picture);
                })
                .expect("a decoder")
            });
            decoder.push(unit).expect("taken");
        }
        Event::Media { unit, .. } => *log.lock().expect("log").sounds.entry(unit.source).or_default() += 1,
        _ => {}
    };
    Server::start(Config { addresses: vec![[127, 0, 0, 1].into()], port: 0, clock }, on_event).expect("a receiving side")
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
        let receiving = Arc::new(Mutex::new(Some(receive(&log))));
        let (commands, goodbyes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let door = std::thread::spawn({
            let (receiving, commands, goodbyes, stop, tls) =
                (Arc::clone(&receiving), Arc::clone(&commands), Arc::clone(&goodbyes), Arc::clone(&stop), Arc::new(tls));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((socket, _)) => serve(socket, &tls, &receiving, &commands, &goodbyes),
                        Err(_) => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            }
        });
        Self { certificate_pem: made.cert.pem(), address, receiving, log, commands, goodbyes, stop, door: Some(door) }
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
        *receiving = Some(receive(&self.log));
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(door) = self.door.take() {
            door.join().expect("the door closes");
        }
    }
}

fn serve(socket: TcpStream, tls: &Arc<ServerConfig>, receiving: &Mutex<Option<Server>>, commands: &AtomicU64, goodbyes: &AtomicU64) {
    let mut socket = socket;
    socket.set_nonblocking(false).expect("blocking");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut connection = ServerConnection::new(Arc::clone(tls)).expect("a connection");
    let mut stream = Stream::new(&mut connection, &mut socket);
    let Some((head, body)) = request(&mut stream) else { return };
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let answer = match (method, path.strip_prefix("/whip/")) {
        ("POST", Some(slot)) => {
            let slot = SlotId::parse(slot).expect("a slot");
            assert!(head.contains(&format!("Bearer token-{slot}")), "the phone shows its ticket");
            match receiving.lock().expect("the receiving side").as_ref().map(|server| server.offer(slot, &body)) {
                Some(Ok(answer)) => respond("201 Created", "application/sdp", &format!("Location: /whip/session/{}\r\n", answer.session), &answer.sdp),
                _ => respond("503 Service Unavailable", "text/plain", "", "not now"),
            }
        }
        ("DELETE", Some(_)) => {
            goodbyes.fetch_add(1, Ordering::Relaxed);
            respond("200 OK", "text/plain", "", "")
        }
        _ => {
            assert!(path == "/api/v1/sessions/current/commands" && head.contains("Bearer director"), "{head}");
            let command: tl_wire::Command = serde_json::from_str(&body).expect("a command");
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

fn request(stream: &mut impl Read) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse::<usize>().unwrap_or(0)))
            .unwrap_or(0);
        if body.len() >= length {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}
