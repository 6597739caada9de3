//! How the door bears a full hall: 300 pages that follow the show, 50 LL-HLS viewers and 200 clients that are slow on purpose, all
//! by TLS, from another process.
//!
//! `cargo run --release -p tl_server --example door_load [SECONDS]` prints one JSON document: how long after it happened each page
//! heard of each event, whether pages that dropped out came back without a gap, how soon the slow ones were closed, and what the
//! door's process took of the processor meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a tool of this room's builders: what it did not expect ends it"
)]

#[path = "../tests/door/fake.rs"]
#[allow(dead_code, clippy::panic, reason = "the studio of the tests, of which only some is used here")]
mod fake;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use fake::{DIRECTOR, Door, VIEWER};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tl_base::Wall;
use tl_playlist::{Answer, Cache, Reply};

const PAGES: usize = 300;
const VIEWERS: usize = 50;
const SLOW: usize = 200;

/// Events a second: more than the busiest minute of a game has. A multiple of the parts a second.
const EVENTS_PER_SECOND: u64 = 10;

/// Parts a second of LL-HLS.
const PARTS_PER_SECOND: u64 = 5;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("clients") => clients(words[2].parse().unwrap(), words[3].parse().unwrap(), &words[4]),
        seconds => serve(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(20)),
    }
}

fn serve(seconds: u64) {
    let door = Door::with(|config| config.limits.connections_from_loopback = 1_024);
    let (grant, part) = (start_watching(&door), Bytes::from(vec![7_u8; 75_000]));
    let before = cpu_seconds();
    let program = std::env::current_exe().unwrap();
    let address = door.server.https_addr.to_string();
    let arguments = ["clients".to_owned(), address, seconds.to_string(), grant];
    let child = std::process::Command::new(program).args(arguments).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let (stop, fake) = (Arc::new(AtomicBool::new(false)), Arc::clone(&door.fake));
    let stopped = Arc::clone(&stop);
    let show = std::thread::Builder::new()
        .name("show".to_owned())
        .spawn(move || {
            let (start, mut at) = (Instant::now(), 0_u64);
            while !stopped.load(Ordering::Relaxed) {
                at += 1;
                fake.slate();
                if at.is_multiple_of(EVENTS_PER_SECOND / PARTS_PER_SECOND) {
                    publish(&fake, at / (EVENTS_PER_SECOND / PARTS_PER_SECOND), &part);
                }
                let next = start + Duration::from_secs_f64(at as f64 / EVENTS_PER_SECOND as f64);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            at
        })
        .unwrap();
    let told = child.wait_with_output().unwrap();
    stop.store(true, Ordering::Relaxed);
    let events = show.join().unwrap();
    assert!(told.status.success(), "the clients failed");
    let mut report: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    report["events"] = events.into();
    report["door_cpu_seconds"] = (cpu_seconds() - before).into();
    println!("{report:#}");
    door.server.shutdown();
}

fn start_watching(door: &Door) -> String {
    let mut body = ureq::post(format!("http://{}/api/v1/watch", door.http)).header("Authorization", format!("Bearer {DIRECTOR}")).send("{}").unwrap();
    let answer: serde_json::Value = serde_json::from_str(&body.body_mut().read_to_string().unwrap()).unwrap();
    answer["url"].as_str().unwrap().trim_end_matches("/live.m3u8").to_owned()
}

/// The next part, and the playlist that names it.
fn publish(fake: &fake::Fake, number: u64, part: &Bytes) {
    let reply = Reply { content_type: "video/mp4", cache: Cache::Immutable, body: vec![part.clone()], compressible: false };
    fake.play(&format!("v0/s{number}.m4s"), Answer::Ready(reply));
    let text = format!("#EXTM3U\n#NEWEST:{number}\n{}", "#EXT-X-PART:DURATION=0.200,URI=\"s1.p1.m4s\"\n".repeat(60));
    fake.play("v0/media.m3u8", fake::playlist(&text));
    fake.play(&format!("v0/s{}.m4s", number + 1), Answer::Wait);
}

struct Heard {
    latencies_ms: Vec<f64>,
    gaps: u64,
    returns: u64,
    parts: u64,
    closed_after_s: Vec<f64>,
}

fn clients(door: SocketAddr, seconds: u64, grant: &str) {
    let until = Instant::now() + Duration::from_secs(seconds.max(12));
    let heard = Arc::new(Mutex::new(Heard { latencies_ms: Vec::new(), gaps: 0, returns: 0, parts: 0, closed_after_s: Vec::new() }));
    let config = Arc::new(trusting());
    let open = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    let mut start = |name: &str, work: Box<dyn FnOnce() + Send>| {
        threads.push(std::thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn(work).unwrap());
    };
    for _ in 0..SLOW {
        let heard = Arc::clone(&heard);
        // Dripped first, told then: whoever held the lock meanwhile would keep the others from beginning.
        start(
            "slow",
            Box::new(move || {
                let closed = drip(door, until);
                heard.lock().unwrap().closed_after_s.extend(closed);
            }),
        );
    }
    for page in 0..PAGES {
        let (heard, config, open) = (Arc::clone(&heard), Arc::clone(&config), Arc::clone(&open));
        start("page", Box::new(move || follow(door, &config, until, page, &open, &heard)));
    }
    for _ in 0..VIEWERS {
        let (heard, config, grant) = (Arc::clone(&heard), Arc::clone(&config), grant.to_owned());
        start(
            "viewer",
            Box::new(move || {
                let parts = watch(door, &config, until, &grant);
                heard.lock().unwrap().parts += parts;
            }),
        );
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let mut heard = heard.lock().unwrap();
    heard.latencies_ms.sort_by(f64::total_cmp);
    heard.closed_after_s.sort_by(f64::total_cmp);
    let at = |values: &[f64], share: f64| values.get(((values.len() as f64 - 1.0) * share) as usize).copied();
    let report = serde_json::json!({
        "pages": open.load(Ordering::Relaxed),
        "heard": heard.latencies_ms.len(),
        "event_ms": {"p50": at(&heard.latencies_ms, 0.5), "p95": at(&heard.latencies_ms, 0.95), "p99": at(&heard.latencies_ms, 0.99), "max": at(&heard.latencies_ms, 1.0)},
        "returns": heard.returns, "events_lost": heard.gaps,
        "viewers": VIEWERS, "parts_fetched": heard.parts,
        "slow": SLOW, "slow_closed": heard.closed_after_s.len(), "slow_closed_s": {"p50": at(&heard.closed_after_s, 0.5), "max": at(&heard.closed_after_s, 1.0)},
    });
    println!("{report}");
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Connects and sends a request; none when the door does not let it.
fn ask(door: SocketAddr, config: &Arc<ClientConfig>, head: &str) -> Option<BufReader<Tls>> {
    let socket = TcpStream::connect(door).ok()?;
    socket.set_nodelay(true).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(15))).ok()?;
    let client = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut tls = StreamOwned::new(client, socket);
    tls.write_all(format!("{head}\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
    Some(BufReader::with_capacity(4 << 10, tls))
}

/// Follows the show; one page in ten drops out now and then and comes back where it was.
fn follow(door: SocketAddr, config: &Arc<ClientConfig>, until: Instant, page: usize, open: &AtomicU64, heard: &Mutex<Heard>) {
    let (mut last, mut latencies, mut gaps, mut returns) = (None::<u64>, Vec::new(), 0, 0_u64);
    while Instant::now() < until {
        let place = last.map_or_else(String::new, |last: u64| format!("\r\nLast-Event-ID: {last}"));
        let head = format!("GET /api/v1/sessions/current/events HTTP/1.1\r\nAuthorization: Bearer {VIEWER}{place}");
        let Some(stream) = ask(door, config, &head) else { continue };
        open.fetch_add(u64::from(returns == 0), Ordering::Relaxed);
        let stay = if page.is_multiple_of(10) { Duration::from_secs(3) } else { Duration::from_secs(3_600) };
        let (arrived, mut id, mut fresh) = (Instant::now(), 0, returns > 0);
        for line in stream.lines() {
            let Ok(line) = line else { break };
            if let Some(number) = line.strip_prefix("id: ").and_then(|number| number.parse::<u64>().ok()) {
                gaps += last.map_or(0, |last| number.saturating_sub(last + 1));
                (id, last) = (number, Some(number));
            } else if let Some(json) = line.strip_prefix("data: ") {
                // What happened while it was away is late by its own doing.
                let late = std::mem::take(&mut fresh);
                let happened = serde_json::from_str::<serde_json::Value>(json).unwrap()["wall"].as_i64().unwrap();
                if !late && arrived.elapsed() > Duration::from_millis(500) {
                    latencies.push((now().0 - happened) as f64 / 1_000.0);
                }
            }
            if id > 0 && (Instant::now() >= until || arrived.elapsed() >= stay) {
                break;
            }
        }
        returns += 1;
    }
    let mut heard = heard.lock().unwrap();
    heard.latencies_ms.extend(latencies);
    heard.gaps += gaps;
    heard.returns += returns.saturating_sub(1);
}

/// Fetches the playlist and the next part, as a player at the live edge does; tells how many parts it got.
fn watch(door: SocketAddr, config: &Arc<ClientConfig>, until: Instant, grant: &str) -> u64 {
    let (mut parts, mut next) = (0, None::<u64>);
    let Some(mut stream) = ask(door, config, &format!("GET {grant}/v0/media.m3u8 HTTP/1.1\r\nAccept-Encoding: identity")) else { return 0 };
    while Instant::now() < until {
        let Some((status, body)) = answer(&mut stream) else { break };
        let path = match (next, status) {
            (None, 200) => {
                let text = String::from_utf8_lossy(&body).into_owned();
                let newest = text.lines().find_map(|line| line.strip_prefix("#NEWEST:")).and_then(|number| number.parse::<u64>().ok()).unwrap();
                next = Some(newest + 1);
                format!("v0/s{}.m4s", newest + 1)
            }
            (Some(_), 200) => {
                parts += 1;
                next = None;
                "v0/media.m3u8".to_owned()
            }
            _ => {
                next = None;
                "v0/media.m3u8".to_owned()
            }
        };
        let head = format!("GET {grant}/{path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n");
        if stream.get_mut().write_all(head.as_bytes()).is_err() {
            break;
        }
    }
    parts
}

fn answer(stream: &mut BufReader<Tls>) -> Option<(u16, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut len = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            len = value.parse().ok()?;
        }
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).ok()?;
    Some((status, body))
}

/// A byte of a header each 10 s; tells after how many seconds the door closed it.
fn drip(door: SocketAddr, until: Instant) -> Option<f64> {
    let mut socket = TcpStream::connect(door).ok()?;
    let start = Instant::now();
    socket.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    let mut sent = 0;
    while Instant::now() < until {
        if start.elapsed().as_secs() / 10 >= sent {
            // The beginning of a handshake that never goes on.
            let byte = [0x16, 0x03, 0x01, 0x02, 0x00].get(sent as usize).copied().unwrap_or(0);
            sent += 1;
            if socket.write_all(&[byte]).is_err() {
                return Some(start.elapsed().as_secs_f64());
            }
        }
        match socket.read(&mut [0; 64]) {
            Ok(0) => return Some(start.elapsed().as_secs_f64()),
            Err(error) if !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => return Some(start.elapsed().as_secs_f64()),
            _ => {}
        }
    }
    None
}

fn now() -> Wall {
    Wall(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64))
}

/// What this process took of the processor, seconds (Linux: /proc/self/stat, fields 14 and 15).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Takes any certificate: the one that was made a moment ago is trusted by nobody.
fn trusting() -> ClientConfig {
    #[derive(Debug)]
    struct Any(rustls::crypto::CryptoProvider);
    impl rustls::client::danger::ServerCertVerifier for Any {
        fn verify_server_cert(
            &self,
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &[rustls::pki_types::CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &rustls::pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &rustls::pki_types::CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let any = Arc::new(Any((*provider).clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.dangerous().with_custom_certificate_verifier(any).with_no_client_auth()
}
