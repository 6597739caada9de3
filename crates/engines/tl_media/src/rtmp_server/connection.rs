//! One connection from its first byte to its last, on a thread of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use tl_base::{SlotId, SourceStats};

use crate::Error;
use crate::input::outlet::Encoded;
use crate::input::timeline::{Domain, Stamp, Unwrap, to_nanos};
use crate::rtmp_server::doorkeeper::{Guest, Seat, Shared};
use crate::rtmp_server::flv::{Piece, Problem, Tags};
use crate::rtmp_server::session::{Said, Session};
use crate::rtmp_server::{Event, Publish, Tls};

/// What is read at a time.
const PIECE: usize = 16 << 10;
/// How long an answer may take to leave.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long a refused app may take to read why.
const GOODBYE: Duration = Duration::from_secs(1);
/// Between two reports.
const REPORT: Duration = Duration::from_secs(1);
/// Times are milliseconds.
const TICKS_HZ: i64 = 1_000;

/// Reads the server's certificate and key.
pub(super) fn tls_config(tls: &Tls) -> Result<Arc<ServerConfig>, Error> {
    let wrong = |what: &str| Error::Content { what: what.to_owned(), path: tls.cert_pem.clone() };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&tls.cert_pem).and_then(Iterator::collect).map_err(|_| wrong("no certificate can be read"))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_pem).map_err(|_| Error::Content { what: "no key can be read".to_owned(), path: tls.key_pem.clone() })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| wrong(&error.to_string()))?;
    let config = config.with_no_client_auth().with_single_cert(chain, key).map_err(|error| wrong(&error.to_string()))?;
    Ok(Arc::new(config))
}

trait Io: Read + Write {}
impl<T: Read + Write> Io for T {}

/// Serves one guest. Whatever happens here, even a panic, the door hears that it has left.
pub(super) fn run(shared: &Shared, guest: &Guest, socket: TcpStream) {
    let mut leaving = Leaving { shared, guest, reason: "a fault of the studio".to_owned() };
    let reason = match serve(shared, guest, socket) {
        Ok(()) => "the app has ended its stream".to_owned(),
        Err(reason) => reason,
    };
    // What was decided here comes before what the socket made of it.
    let reason = guest.reason().unwrap_or(reason);
    tracing::debug!(connection = guest.id.0, peer = %guest.peer, reason, "an RTMP connection has ended");
    leaving.reason = reason;
}

struct Leaving<'a> {
    shared: &'a Shared,
    guest: &'a Guest,
    reason: String,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.shared.leave(self.guest, &self.reason);
    }
}

fn serve(shared: &Shared, guest: &Guest, socket: TcpStream) -> Result<(), String> {
    let cut = |error: std::io::Error| reason_of(&error);
    socket.set_nonblocking(false).map_err(cut)?;
    socket.set_nodelay(true).map_err(cut)?;
    socket.set_write_timeout(Some(WRITE_LIMIT)).map_err(cut)?;
    let io: Box<dyn Io> = match &shared.tls {
        Some(config) => {
            let session = ServerConnection::new(Arc::clone(config)).map_err(|error| error.to_string())?;
            Box::new(StreamOwned::new(session, socket))
        }
        None => Box::new(socket),
    };
    let now = Instant::now();
    Connection {
        shared,
        guest,
        io,
        session: Session::new(shared.limits.message_bytes),
        since: now,
        stream: None,
        bucket: Bucket::new(shared.limits.bytes_per_second),
    }
    .run()
}

struct Connection<'a> {
    shared: &'a Shared,
    guest: &'a Guest,
    io: Box<dyn Io>,
    session: Session,
    since: Instant,
    stream: Option<Stream>,
    bucket: Bucket,
}

/// What a guest publishes.
struct Stream {
    source: SlotId,
    seat: Arc<Seat>,
    tags: Tags,
    time: Unwrap,
    reported: Instant,
    no_sound: bool,
}

impl Connection<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut piece = [0; PIECE];
        loop {
            let count = match self.io.read(&mut piece) {
                Ok(0) => return Err("the app has closed the connection".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(reason_of(&error)),
            };
            if self.shared.wait_stopped(self.bucket.take(count)) {
                return Err("the studio has closed the door".to_owned());
            }
            self.session.feed(piece.get(..count).unwrap_or_default())?;
            while let Some(said) = self.session.next()? {
                match self.answer(said) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.shared.free(self.guest, "the app has ended its stream");
                        self.drain();
                        return Ok(());
                    }
                    Err(Refusal { code, reason }) => return Err(self.say_goodbye(code, reason)),
                }
            }
            self.send()?;
            self.report();
        }
    }

    /// False when the stream has ended.
    fn answer(&mut self, said: Said) -> Result<bool, Refusal> {
        match said {
            Said::Hello => self.guest.expect(self.since + self.shared.limits.publish, "no wish to publish in time"),
            Said::Publish { app, key } => self.publish(app, key)?,
            Said::Video(at, body) => self.media(at, &body, Tags::video)?,
            Said::Audio(at, body) => self.media(at, &body, Tags::audio)?,
            Said::Stop => return Ok(false),
        }
        Ok(true)
    }

    fn publish(&mut self, app: String, key: tl_base::Secret) -> Result<(), Refusal> {
        let bad_name = |reason| Refusal { code: "NetStream.Publish.BadName", reason };
        let peer = self.guest.peer;
        let source = (self.shared.admit)(&Publish { app, key, peer }).map_err(bad_name)?;
        let seat = self.shared.take_source(self.guest, source).map_err(bad_name)?;
        self.guest.expect(Instant::now() + self.shared.limits.silence, "the app sends nothing");
        self.shared.tell(Event::Publishing { source, connection: self.guest.id, peer });
        self.session.accept().map_err(|reason| Refusal { code: "NetStream.Failed", reason })?;
        let now = Instant::now();
        self.stream = Some(Stream { source, seat, tags: Tags::default(), time: Unwrap::new(32), reported: now, no_sound: false });
        Ok(())
    }

    fn media(&mut self, at: u32, body: &[u8], read: fn(&mut Tags, &[u8]) -> Result<Option<Piece>, Problem>) -> Result<(), Refusal> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match read(&mut stream.tags, body) {
            Ok(Some(piece)) => {
                self.guest.expect(Instant::now() + self.shared.limits.silence, "the app sends nothing");
                let dts = stream.time.unwrap(u64::from(at));
                let pts = dts + i64::from(piece.offset_ms);
                let (pts, dts) = (to_nanos(pts, TICKS_HZ), to_nanos(dts, TICKS_HZ));
                let stamp = Stamp::Source { domain: Domain::Shared, pts, dts: Some(dts) };
                stream.seat.outlet.push(Encoded { codec: piece.codec, data: piece.data, stamp, key: piece.key });
            }
            Ok(None) => {}
            Err(Problem::Broken) => stream.seat.outlet.note_dropped(),
            Err(Problem::Sound(name)) => {
                if !std::mem::replace(&mut stream.no_sound, true) {
                    let reason = format!("the app sends {name}; the studio takes AAC and Opus");
                    self.shared.tell(Event::NoSound { source: stream.source, connection: self.guest.id, reason });
                }
            }
            Err(Problem::Pictures(name)) => {
                let reason = format!("the app sends {name}; the studio takes H.264, H.265, VP9 and AV1");
                return Err(Refusal { code: "NetStream.Failed", reason });
            }
        }
        Ok(())
    }

    fn report(&mut self) {
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.reported.elapsed() >= REPORT) {
            stream.reported = Instant::now();
            stream.seat.outlet.report(SourceStats::default());
        }
    }

    fn send(&mut self) -> Result<(), String> {
        let out = self.session.take_out();
        if out.is_empty() {
            return Ok(());
        }
        self.io.write_all(&out).and_then(|()| self.io.flush()).map_err(|error| reason_of(&error))
    }

    /// Says why it ends.
    fn say_goodbye(&mut self, code: &'static str, reason: String) -> String {
        self.session.refuse(code, &reason);
        self.guest.settle(&reason);
        self.drain();
        reason
    }

    /// Waits a moment for the app to hang up: closing at once would throw away what it has not read, and look like a fault.
    fn drain(&mut self) {
        self.guest.expect(Instant::now() + GOODBYE, "the app does not hang up");
        let mut piece = [0; PIECE];
        if self.send().is_ok() {
            // The doorkeeper ends this wait.
            while matches!(self.io.read(&mut piece), Ok(count) if count > 0) {}
        }
    }
}

struct Refusal {
    code: &'static str,
    reason: String,
}

/// Lets so many bytes a second through, and two seconds' worth at once.
struct Bucket {
    per_second: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second.max(1_000));
        Self { per_second, level: 2.0 * per_second, filled: Instant::now() }
    }

    /// How long to wait after so many bytes.
    fn take(&mut self, bytes: usize) -> Duration {
        let now = Instant::now();
        self.level = (self.level + now.duration_since(self.filled).as_secs_f64() * self.per_second).min(2.0 * self.per_second) - bytes as f64;
        self.filled = now;
        Duration::from_secs_f64((-self.level / self.per_second).clamp(0.0, 1.0))
    }
}

fn reason_of(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => "the connection was cut".to_owned(),
        ErrorKind::UnexpectedEof => "the app has closed the connection".to_owned(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the app does not read its answers".to_owned(),
        ErrorKind::InvalidData => "no TLS that can be used".to_owned(),
        _ => format!("the network failed: {error}"),
    }
}
