//! Pushing to a real nginx with its RTMP module: restart, refusal, silence, a slow network, TLS.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Rate, Secret};
use tl_frame::{AccessUnit, AudioBlock};
use tl_media::rtmp::{Config, Event};
use tl_media::{AacEncoder, RtmpPush, record::Recorder};

use common::{CAMERA, PATIENCE, SMALL, Seen, decoded_frames, ffprobe, packet_times, units};

/// The key that the server takes.
const KEY: &str = "sesame-4711";

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A server in a folder of its own.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Nginx {
    /// None where nginx or its module is missing; the test says so.
    fn start() -> Option<Self> {
        let module =
            ["/usr/lib/nginx/modules/ngx_rtmp_module.so", "/usr/share/nginx/modules/ngx_rtmp_module.so"].into_iter().find(|path| Path::new(path).exists());
        let Some(module) = module else {
            eprintln!("SKIPPED: nginx with its RTMP module is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let (port, http) = (free_port(), free_port());
        let at = folder.path().display();
        std::fs::create_dir(folder.path().join("flv")).expect("a folder");
        let config = format!(
            "load_module {module};
daemon off;
master_process off;
pid {at}/pid;
error_log {at}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
  access_log off;
  server {{
    listen 127.0.0.1:{port};
    application live {{
      live on;
      record all;
      record_path {at}/flv;
      record_unique on;
      notify_method get;
      on_publish http://127.0.0.1:{http}/auth;
    }}
  }}
}}
http {{
  access_log off;
  client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3; uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;
  server {{
    listen 127.0.0.1:{http};
    location /auth {{
      if ($arg_name = \"{KEY}\") {{ return 200; }}
      return 403;
    }}
  }}
}}
"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).expect("written");
        let child = spawn(folder.path());
        let server = Self { child, folder, port };
        server.wait_until_up();
        Some(server)
    }

    fn wait_until_up(&self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "nginx does not start: {}", std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    fn start_again(&mut self) {
        self.child = spawn(self.folder.path());
        self.wait_until_up();
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    fn url(&self, key: &str) -> Secret {
        Secret::new(format!("rtmp://127.0.0.1:{}/live/{key}", self.port))
    }

    /// What it recorded, oldest first.
    fn recorded(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = self.folder.path().join("flv").read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }
}

fn spawn(folder: &Path) -> Child {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("nginx runs")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.kill();
    }
}

/// Pictures and sound for ever, given out at the pace of life on a thread of its own.
struct Programme {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Programme {
    fn play(push: &Arc<RtmpPush>, speed: f64) -> Self {
        let mut media = units(SMALL, 0..120);
        media.extend(sound(4));
        media.sort_by_key(|unit| unit.capture);
        let (stop, push) = (Arc::new(AtomicBool::new(false)), Arc::downgrade(push));
        let stopped = Arc::clone(&stop);
        let start = Instant::now();
        let thread = std::thread::spawn(move || {
            for round in 0.. {
                for unit in &media {
                    let shift = MediaTime::from_secs(4 * round);
                    let unit = AccessUnit { capture: unit.capture + shift, pts: unit.pts + shift, dts: unit.dts + shift, ..unit.clone() };
                    // A camera's pace, not a condition: pictures come when they are due.
                    std::thread::sleep((start + unit.capture.to_duration().div_f64(speed)).saturating_duration_since(Instant::now()));
                    let Some(push) = push.upgrade().filter(|_| !stopped.load(Ordering::Relaxed)) else { return };
                    push.push(&unit);
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Programme {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a thread").join().expect("no panic");
    }
}

/// Exactly so many seconds of AAC.
fn sound(seconds: i64) -> Vec<AccessUnit> {
    let seen = Seen::default();
    let into = seen.clone();
    let encoder = AacEncoder::new(CAMERA, 2, 128_000, move |unit| into.add(unit)).expect("an encoder");
    for at in 0..30 * seconds {
        let samples: Vec<f32> = (0..1_600).flat_map(|frame| [((at * 1_600 + frame) as f32 * 0.06).sin() * 0.2; 2]).collect();
        let capture = MediaTime::from_samples(1_600 * at);
        let block = AudioBlock { source: CAMERA, capture, rate_hz: 48_000, channels: 2, samples: samples.into() };
        while encoder.push(&block).is_err() {
            std::thread::yield_now();
        }
    }
    encoder.finish().expect("ends");
    seen.all().into_iter().filter(|unit| unit.capture < MediaTime::from_secs(seconds)).collect()
}

fn start(url: Secret) -> (Arc<RtmpPush>, Seen<Event>) {
    let events = Seen::default();
    let into = events.clone();
    let config = Config { name: "test".to_owned(), url, has_audio: true, extra_roots: Vec::new() };
    let push = RtmpPush::start(config, move |event| into.add(event)).expect("a push");
    (Arc::new(push), events)
}

fn is_live(event: &Event) -> bool {
    matches!(event, Event::Live)
}

fn count(events: &[Event], what: fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| what(event)).count()
}

/// Waits for a number that only a counter shows.
fn wait_for(what: &str, limit: Duration, done: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_gets_what_was_pushed_and_a_restarted_one_gets_it_again() {
    let Some(mut server) = Nginx::start() else { return };
    let (push, events) = start(server.url(KEY));
    let programme = Programme::play(&push, 1.0);
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    wait_for("acknowledged bytes", PATIENCE, || push.stats().bytes > 300_000);
    server.kill();
    events.wait("the loss to be seen", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Waiting { .. })));
    server.start_again();
    events.wait("life again", Duration::from_secs(40), |events| count(events, is_live) == 2);
    let before = push.stats();
    assert_eq!(before.reconnects, 1);
    wait_for("bytes again", PATIENCE, || push.stats().bytes > before.bytes + 200_000);
    drop(programme);
    drop(push);
    assert_eq!(events.all().last(), Some(&Event::Stopped));
    let files = server.recorded();
    assert_eq!(files.len(), 2, "{files:?}");
    wait_for("the server to close its file", PATIENCE, || std::fs::metadata(&files[1]).is_ok_and(|data| data.len() > 200_000));
    server.kill();
    for file in &files {
        // A server that is killed in mid-write leaves half a picture; the whole ones before it count.
        let streams = Command::new("ffprobe")
            .args(["-v", "quiet", "-show_entries", "stream=codec_name,width,channels", "-of", "csv=p=0"])
            .arg(file)
            .output()
            .expect("ffprobe runs");
        let streams = String::from_utf8_lossy(&streams.stdout).into_owned();
        assert!(streams.contains("h264,320") && streams.contains("aac,2"), "{streams}");
    }
    let (pictures, heard) = (packet_times(&files[1], "v:0"), packet_times(&files[1], "a:0"));
    assert!(decoded_frames(&files[1]) > 30);
    assert!(pictures.windows(2).all(|pair| (pair[1] - pair[0] - 1.0 / 30.0).abs() < 0.002), "{pictures:?}");
    assert!(heard.windows(2).all(|pair| (pair[1] - pair[0] - 1_024.0 / 48_000.0).abs() < 0.002), "{heard:?}");
    assert!((pictures[0] - heard[0]).abs() < 0.05);
    assert_eq!(ffprobe(&files[1], &["-show_entries", "packet=flags", "-select_streams", "v:0", "-read_intervals", "%+#1"]).chars().next(), Some('K'));
    server.child = spawn(server.folder.path());
}

#[test]
fn a_wrong_key_is_told_apart_and_stops_at_once() {
    let Some(server) = Nginx::start() else { return };
    let (push, events) = start(server.url("wrong-key-0815"));
    let seen = events.wait("a refusal", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. })));
    let Some(Event::Refused { reason }) = seen.last() else { panic!("{seen:?}") };
    assert!(reason.contains("key") && !reason.contains("0815"), "{reason}");
    assert!(count(&seen, |event| matches!(event, Event::Connecting)) <= 2 && !seen.iter().any(is_live));
    push.push(&units(SMALL, 0..1)[0]);
    drop(push);
    assert_eq!(events.all().len(), seen.len(), "nothing after a refusal");
}

#[test]
fn a_dead_port_is_tried_again_and_stopped_quickly() {
    let port = free_port();
    let (push, events) = start(Secret::new(format!("rtmp://127.0.0.1:{port}/live/{KEY}")));
    let seen = events.wait("two attempts", PATIENCE, |events| count(events, |event| matches!(event, Event::Connecting)) >= 2);
    let waits: Vec<_> =
        seen.iter().filter_map(|event| if let Event::Waiting { retry_in, reason } = event { Some((*retry_in, reason.clone())) } else { None }).collect();
    assert!(waits[0].0 <= Duration::from_secs(2) && waits[0].1.contains("refused"), "{waits:?}");
    assert!(!format!("{seen:?}").contains(KEY));
    let asked = Instant::now();
    drop(push);
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(events.all().last(), Some(&Event::Stopped));
}

#[test]
fn a_server_that_stands_still_is_noticed_within_ten_seconds() {
    let Some(server) = Nginx::start() else { return };
    let (push, events) = start(server.url(KEY));
    let programme = Programme::play(&push, 1.0);
    wait_for("acknowledged bytes", PATIENCE, || push.stats().bytes > 200_000);
    server.signal("-STOP");
    let stopped = Instant::now();
    let seen = events.wait("the stall to be seen", Duration::from_secs(12), |events| events.iter().any(|event| matches!(event, Event::Waiting { .. })));
    println!("stall seen after {:.1} s", stopped.elapsed().as_secs_f64());
    assert!(stopped.elapsed() < Duration::from_secs(10));
    assert!(format!("{seen:?}").contains("stopped taking data"), "{seen:?}");
    server.signal("-CONT");
    events.wait("life again", Duration::from_secs(60), |events| count(events, is_live) == 2);
    let before = push.stats().bytes;
    wait_for("bytes again", PATIENCE, || push.stats().bytes > before);
    drop(programme);
}

#[test]
fn a_slow_server_costs_pictures_and_neither_memory_nor_time() {
    let Some(server) = Nginx::start() else { return };
    let (push, events) = start(server.url(KEY));
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    server.signal("-STOP");
    // A hundred seconds of programme at once: what does not fit is dropped, and no call waits.
    let media = units(SMALL, 0..120);
    let begun = Instant::now();
    for round in 0..60 {
        for unit in &media {
            let shift = MediaTime::from_secs(4 * round);
            let data = [unit.data.as_ref(), &[0, 0, 0, 1, 0x0c], &vec![0xff; 8_000]].concat();
            push.push(&AccessUnit { pts: unit.pts + shift, dts: unit.dts + shift, data: data.into(), ..unit.clone() });
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(push.stats().dropped > 5_000, "{:?}", push.stats());
    let asked = Instant::now();
    drop(push);
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
}

#[test]
fn an_address_that_cannot_be_read_is_refused_without_repeating_it() {
    let config = Config { name: "test".to_owned(), url: Secret::new("rtmp://host/sesame"), has_audio: true, extra_roots: Vec::new() };
    let Err(error) = RtmpPush::start(config, |_| {}) else { panic!("taken") };
    assert!(!error.to_string().contains("sesame"), "{error}");
}

/// Whatever a server answers, the push ends or tries again.
#[test]
fn a_server_that_talks_nonsense_is_survived() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        for (round, connection) in listener.incoming().take(3).enumerate() {
            let mut connection = connection.expect("a connection");
            let mut hello = [0; 1_537];
            connection.read_exact(&mut hello).expect("C0 and C1");
            match round {
                // Hangs up before an answer, then answers with the right handshake and noise, then with another protocol.
                0 => {}
                1 => connection.write_all(&[&[3][..], &[7; 3_072], &[0xc3; 500]].concat()).expect("written"),
                _ => connection.write_all(&[b'H'; 4_000]).expect("written"),
            }
            let mut rest = Vec::new();
            let _cut_or_ended = connection.read_to_end(&mut rest);
        }
    });
    let (first, events) = start(Secret::new(format!("rtmp://127.0.0.1:{port}/live/{KEY}")));
    events.wait("the end of the noise", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. })));
    drop(first);
    let (second, events) = start(Secret::new(format!("rtmp://127.0.0.1:{port}/live/{KEY}")));
    let seen = events.wait("the end of the other protocol", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. })));
    assert!(format!("{seen:?}").contains("no RTMP server"), "{seen:?}");
    drop(second);
    server.join().expect("no panic");
}

/// Carries TLS to a plain server, as a proxy would.
fn tls_proxy(to: u16) -> (u16, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let root = made.cert.der().to_vec();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).expect("a configuration"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (front, back) = (connection.expect("a connection"), TcpStream::connect((Ipv4Addr::LOCALHOST, to)).expect("the server"));
            let config = Arc::clone(&config);
            std::thread::spawn(move || carry(rustls::ServerConnection::new(config).expect("a session"), front, back));
        }
    });
    (port, root)
}

fn carry(session: rustls::ServerConnection, front: TcpStream, mut back: TcpStream) {
    front.set_nonblocking(true).expect("set");
    back.set_nonblocking(true).expect("set");
    let mut front = rustls::StreamOwned::new(session, front);
    let mut buffer = [0; 16_384];
    let mut copy = |from: &mut dyn Read, to: &mut dyn Write| match from.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => {
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                match to.write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                    Err(_) => return false,
                }
            }
            !matches!(to.flush(), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
        }
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    };
    while copy(&mut front, &mut back) && copy(&mut back, &mut front) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn rtmps_is_spoken_with_those_who_are_trusted_alone() {
    let Some(server) = Nginx::start() else { return };
    let (port, root) = tls_proxy(server.port);
    let url = || Secret::new(format!("rtmps://localhost:{port}/live/{KEY}"));
    let (push, events) = start(url());
    let seen = events.wait("a refusal", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. })));
    assert!(format!("{seen:?}").contains("certificate"), "{seen:?}");
    drop(push);

    let events = Seen::default();
    let into = events.clone();
    let config = Config { name: "tls".to_owned(), url: url(), has_audio: true, extra_roots: vec![root] };
    let push = Arc::new(RtmpPush::start(config, move |event| into.add(event)).expect("a push"));
    let programme = Programme::play(&push, 1.0);
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    wait_for("acknowledged bytes", PATIENCE, || push.stats().bytes > 200_000);
    drop(programme);
    drop(push);
    wait_for("a recording", PATIENCE, || server.recorded().first().is_some_and(|file| std::fs::metadata(file).is_ok_and(|data| data.len() > 150_000)));
}

/// A destination in trouble must not be felt by a recording of the same units.
#[test]
fn a_recording_beside_a_dead_destination_is_whole() {
    let (push, _events) = start(Secret::new(format!("rtmp://127.0.0.1:{}/live/{KEY}", free_port())));
    let folder = tempfile::tempdir().expect("a folder");
    let config = tl_media::record::Config {
        dir: folder.path().to_path_buf(),
        stem: "programme".to_owned(),
        kind: tl_media::record::Kind::Programme,
        fragment: MediaTime::from_millis(500),
        sync: MediaTime::from_secs(1),
    };
    let recorder = Recorder::start(config, |_| {}).expect("a recorder");
    for unit in units(SMALL, 0..90) {
        push.push(&unit);
        recorder.push(&unit);
    }
    let summary = recorder.finish().expect("a summary");
    assert_eq!(decoded_frames(&summary.parts[0].path), 90);
    assert!((summary.parts[0].end - Rate::FPS_30.tick_start(90)).abs() < MediaTime::from_millis(1));
}
