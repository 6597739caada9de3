//! Pushing to a real nginx with its RTMP module: restart, refusal, silence, a slow network, TLS.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tl_base::{MediaTime, Rate, Secret};
use tl_frame::AccessUnit;
use tl_media::rtmp::{Config, Event};
use tl_media::{RtmpPush, record::Recorder};

use common::nginx::{KEY, Nginx, free_port, spawn};
use common::peers::{Line, Peer};
use common::programme::{Programme, Takes, Together};
use common::{PATIENCE, SMALL, Seen, decoded_frames, ffprobe, packet_times, units, wait_for};

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

/// One that takes connections and never says a word.
#[test]
fn a_server_that_never_answers_is_noticed_within_ten_seconds() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let begun = Instant::now();
    let (push, events) = start(Secret::new(format!("rtmp://127.0.0.1:{port}/live/{KEY}")));
    let seen = events.wait("the silence to be seen", Duration::from_secs(12), |events| events.iter().any(|event| matches!(event, Event::Waiting { .. })));
    assert!(begun.elapsed() < Duration::from_secs(10) && format!("{seen:?}").contains("does not answer"), "{:?} {seen:?}", begun.elapsed());
    let asked = Instant::now();
    drop(push);
    assert!(asked.elapsed() < Duration::from_secs(1));
    drop(listener);
}

/// A recorder among the takers of a programme, and what it was given.
struct Recording {
    recorder: Recorder,
    pictures: AtomicU64,
}

impl Takes for Recording {
    fn take(&self, unit: &AccessUnit) {
        self.pictures.fetch_add(u64::from(!unit.codec.is_audio()), Ordering::Relaxed);
        self.recorder.push(unit);
    }
}

fn recording(folder: &Path) -> Recording {
    let config = tl_media::record::Config {
        dir: folder.to_path_buf(),
        stem: "programme".to_owned(),
        kind: tl_media::record::Kind::Programme,
        fragment: MediaTime::from_millis(500),
        sync: MediaTime::from_secs(1),
    };
    Recording { recorder: Recorder::start(config, |_| {}).expect("a recorder"), pictures: AtomicU64::new(0) }
}

/// A way to the server that resets every connection after 200 kB of the programme: it comes back each time after at most two
/// seconds, the recording of the same units has every picture, and the key is in no line of the log.
#[test]
fn a_server_that_resets_again_and_again_costs_neither_the_recording_nor_patience() {
    const RESETS: usize = 6;
    let log = common::log::keep();
    let Some(server) = Nginx::start() else { return };
    let line = Line::resetting(server.port, 200_000);
    let (push, events) = start(Secret::new(format!("rtmp://127.0.0.1:{}/live/{KEY}", line.port)));
    let folder = tempfile::tempdir().expect("a folder");
    let recorded = Arc::new(recording(folder.path()));
    let all = Arc::new(Together(vec![Arc::clone(&push) as Arc<dyn Takes>, Arc::clone(&recorded) as Arc<dyn Takes>]));
    let programme = Programme::play(&all, 2.0);
    let seen = events.wait("resets", Duration::from_secs(60), |events| count(events, is_live) > RESETS);
    drop(programme);
    drop((all, push));
    // Data went over each connection, so each wait is one of a first failure; none was a refusal.
    let mut waits = 0;
    for event in &seen {
        if let Event::Waiting { retry_in, reason } = event {
            assert!(*retry_in <= Duration::from_secs(2) && (reason.contains("cut") || reason.contains("closed")), "{retry_in:?} {reason}");
            waits += 1;
        }
    }
    assert_eq!(waits, RESETS);
    let log = log.lock().expect("no panic").clone();
    assert!(log.contains("a destination is tried again") && !log.contains(KEY), "{log}");
    let Some(Recording { recorder, pictures }) = Arc::into_inner(recorded) else { panic!("somebody still records") };
    let summary = recorder.finish().expect("a summary");
    assert_eq!((summary.parts.len(), decoded_frames(&summary.parts[0].path)), (1, pictures.into_inner()));
    let times = packet_times(&summary.parts[0].path, "v:0");
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 1.0 / 30.0).abs() < 0.002), "{times:?}");
}

/// Bytes that are counted while anybody holds them.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len(), Ordering::Relaxed);
    }
}

/// A server that stands still for some seconds costs pictures up to a key and no more memory than the queue's bound; what
/// comes after is the same stream, as large as before.
#[test]
fn a_stalled_server_holds_so_many_bytes_and_goes_on_at_a_key() {
    const QUEUE: usize = 3 << 20;
    let Some(mut server) = Nginx::start() else { return };
    let (push, events) = start(server.url(KEY));
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    let held = Arc::new(AtomicUsize::new(0));
    let media = units(SMALL, 0..120);
    let mut most = 0;
    let mut give = |round: i64| {
        for unit in &media {
            let shift = MediaTime::from_secs(4 * round);
            // Filler as the test of an uplink sends it: about 2 Mbit/s.
            let bytes = [unit.data.as_ref(), &[0, 0, 0, 1, 0x0c], &[0xff; 8_000], &[0x80]].concat();
            held.fetch_add(bytes.len(), Ordering::Relaxed);
            let data = bytes::Bytes::from_owner(Counted(bytes, Arc::clone(&held)));
            push.push(&AccessUnit { pts: unit.pts + shift, dts: unit.dts + shift, data, ..unit.clone() });
            most = most.max(held.load(Ordering::Relaxed));
        }
    };
    give(0);
    wait_for("a whole start", PATIENCE, || push.stats().bytes > 900_000);
    server.signal("-STOP");
    (1..=20).for_each(&mut give);
    let before = push.stats();
    // Of forty key pictures at least some were given up with what followed them.
    assert!(before.dropped > 1_200, "{before:?}");
    server.signal("-CONT");
    wait_for("what waited", PATIENCE, || held.load(Ordering::Relaxed) == 0);
    give(21);
    wait_for("the last round", PATIENCE, || held.load(Ordering::Relaxed) == 0 && push.stats().bytes > before.bytes + 900_000);
    println!("held at most {most} bytes");
    assert!(most <= QUEUE + 64_000, "{most}");
    assert_eq!((count(&events.all(), |event| matches!(event, Event::Waiting { .. })), push.stats().reconnects), (0, 0));
    drop(push);
    let file = server.recorded()[0].clone();
    wait_for("the server to close its file", PATIENCE, || std::fs::read(&file).is_ok_and(|data| data.len() as u64 > before.bytes));
    server.kill();
    let text = ffprobe(&file, &["-select_streams", "v:0", "-show_entries", "packet=pts_time,size,flags"]);
    let packets: Vec<(f64, usize, bool)> = text.lines().filter_map(packet).collect();
    let gaps = packets.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 0.05).count();
    assert!(gaps > 0 && packets.windows(2).all(|pair| pair[1].0 - pair[0].0 < 0.05 || pair[1].2), "{packets:?}");
    // The programme is encoded once: nobody is asked to make less of it.
    let (first, last) = (&packets[..120], &packets[packets.len() - 120..]);
    assert!(first.iter().zip(last).all(|(first, last)| (first.1, first.2) == (last.1, last.2)));
    server.child = spawn(server.folder.path());
}

/// Time, size and whether it is a key, of a line of ffprobe's.
fn packet(line: &str) -> Option<(f64, usize, bool)> {
    let mut fields = line.split(',');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?.starts_with('K')))
}

/// A call never waits, whatever the destination does: five pushes to servers that stand still take a thousand seconds of
/// programme in less time than one of them needs to be noticed.
#[test]
fn destinations_that_hang_delay_nobody() {
    let listeners: Vec<TcpListener> = (0..5).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
    let Some(server) = Nginx::start() else { return };
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    let hanging: Vec<_> = listeners.iter().map(|listener| start(Secret::new(format!("rtmp://127.0.0.1:{}/live/{KEY}", port(listener))))).collect();
    let (good, events) = start(server.url(KEY));
    events.wait("life", PATIENCE, |events| events.iter().any(is_live));
    let media = units(SMALL, 0..120);
    let begun = Instant::now();
    let mut given = 0;
    for round in 0..250 {
        for unit in &media {
            let shift = MediaTime::from_secs(4 * round);
            let unit = AccessUnit { pts: unit.pts + shift, dts: unit.dts + shift, ..unit.clone() };
            hanging.iter().for_each(|(push, _)| push.push(&unit));
            good.push(&unit);
            given += unit.data.len() as u64;
        }
        // The good one keeps up with the pace that it is given.
        wait_for("the good one", PATIENCE, || good.stats().bytes + (512 << 10) > given);
    }
    println!("a thousand seconds in {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!((good.stats().dropped, good.stats().reconnects), (0, 0));
    assert!(hanging.iter().all(|(push, _)| push.stats().dropped > 20_000));
    assert!(hanging.iter().all(|(_, events)| !events.all().iter().any(is_live)));
}

/// Destinations share nothing: one that is cut again and again comes back each time, one that stands still is noticed, and a
/// third has every second of the programme meanwhile.
#[test]
fn one_destination_in_trouble_is_not_felt_by_another() {
    let (Some(good), Some(bad), Some(still)) = (Nginx::start(), Nginx::start(), Nginx::start()) else { return };
    let line = Line::to(bad.port, usize::MAX);
    let (steady, steady_events) = start(good.url(KEY));
    let (cut, cut_events) = start(Secret::new(format!("rtmp://127.0.0.1:{}/live/{KEY}", line.port)));
    let (stalled, stalled_events) = start(still.url(KEY));
    let all = [&steady_events, &cut_events, &stalled_events];
    all.iter().for_each(|events| drop(events.wait("life", PATIENCE, |events| events.iter().any(is_live))));
    let programmes = [Programme::play(&steady, 1.0), Programme::play(&cut, 1.0), Programme::play(&stalled, 1.0)];
    wait_for("acknowledged bytes", PATIENCE, || [&steady, &cut, &stalled].iter().all(|push| push.stats().bytes > 200_000));
    still.signal("-STOP");
    for round in 1..=4 {
        let before = (cut.stats().bytes, steady.stats().bytes);
        line.cut();
        cut_events.wait("life again", Duration::from_secs(40), |events| count(events, is_live) == 1 + round);
        wait_for("bytes again", PATIENCE, || cut.stats().bytes > before.0 + 150_000);
        assert!(steady.stats().bytes > before.1);
    }
    // A connection that carried data resets the wait, so that each return takes at most two seconds and the handshake.
    let waits: Vec<Duration> =
        cut_events.all().iter().filter_map(|event| if let Event::Waiting { retry_in, .. } = event { Some(*retry_in) } else { None }).collect();
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(2)), "{waits:?}");
    stalled_events.wait("the stall to be seen", Duration::from_secs(12), |events| events.iter().any(|event| matches!(event, Event::Waiting { .. })));
    assert_eq!((steady.stats().dropped, steady.stats().reconnects, cut.stats().reconnects), (0, 0, 4));
    drop(programmes);
    drop((steady, cut, stalled));
    let file = &good.recorded()[0];
    wait_for("the server to close its file", PATIENCE, || std::fs::metadata(file).is_ok_and(|data| data.len() > 500_000));
    let pictures = packet_times(file, "v:0");
    assert!(pictures.windows(2).all(|pair| (pair[1] - pair[0] - 1.0 / 30.0).abs() < 0.002), "{pictures:?}");
}

/// What stunnel needs to stand in front of a server with such a certificate.
fn stunnel(folder: &Path, to: u16, made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Option<(Peer, u16)> {
    let (pem, port) = (folder.join("both.pem"), free_port());
    std::fs::write(&pem, [made.signing_key.serialize_pem(), made.cert.pem()].concat()).expect("written");
    let settings = folder.join("stunnel.conf");
    let text = format!("foreground = yes\npid =\nsyslog = no\n[rtmps]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{to}\ncert = {}\n", pem.display());
    std::fs::write(&settings, text).expect("written");
    let peer = Peer::start("stunnel4", &[settings.to_str().expect("text")])?;
    wait_for("stunnel", PATIENCE, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    Some((peer, port))
}

fn start_trusting(url: Secret, root: Vec<u8>) -> (Arc<RtmpPush>, Seen<Event>) {
    let events = Seen::default();
    let into = events.clone();
    let config = Config { name: "tls".to_owned(), url, has_audio: true, extra_roots: vec![root] };
    (Arc::new(RtmpPush::start(config, move |event| into.add(event)).expect("a push")), events)
}

/// The one sentence by which a push was refused after one attempt.
fn refusal(events: &Seen<Event>) -> String {
    let seen = events.wait("a refusal", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. })));
    assert!(count(&seen, |event| matches!(event, Event::Connecting)) == 1 && !seen.iter().any(is_live), "{seen:?}");
    let Some(Event::Refused { reason }) = seen.last() else { panic!("{seen:?}") };
    reason.clone()
}

/// TLS by somebody else's program in front of somebody else's server.
#[test]
fn stunnel_is_trusted_with_its_root_and_refused_without() {
    let Some(server) = Nginx::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let Some((_stunnel, port)) = stunnel(folder.path(), server.port, &made) else { return };
    let url = |scheme: &str, host: &str| Secret::new(format!("{scheme}://{host}:{port}/live/{KEY}"));
    let (push, events) = start(url("rtmps", "localhost"));
    assert_eq!(refusal(&events), "the server's certificate is not trusted: nobody whom this machine trusts has signed it");
    drop(push);
    let root = || made.cert.der().to_vec();
    let (push, events) = start_trusting(url("rtmps", "127.0.0.1"), root());
    assert_eq!(refusal(&events), "the server's certificate is not trusted: it was made for a server of another name");
    drop(push);
    let (push, _events) = start_trusting(url("rtmps", "localhost"), root());
    let programme = Programme::play(&push, 1.0);
    wait_for("acknowledged bytes", PATIENCE, || push.stats().bytes > 200_000);
    drop(programme);
}

#[test]
fn a_certificate_whose_time_is_over_is_refused_by_one_sentence() {
    let Some(server) = Nginx::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let signing_key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2019, 1, 1), rcgen::date_time_ymd(2020, 1, 1));
    let made = rcgen::CertifiedKey { cert: params.self_signed(&signing_key).expect("a certificate"), signing_key };
    let Some((_stunnel, port)) = stunnel(folder.path(), server.port, &made) else { return };
    let (_push, events) = start_trusting(Secret::new(format!("rtmps://localhost:{port}/live/{KEY}")), made.cert.der().to_vec());
    assert_eq!(refusal(&events), "the server's certificate is not trusted: its time is over");
    // A server without TLS is told apart from one that cannot be trusted.
    let (_push, events) = start(Secret::new(format!("rtmps://localhost:{}/live/{KEY}", server.port)));
    let seen = events.wait("an end", PATIENCE, |events| events.iter().any(|event| matches!(event, Event::Refused { .. } | Event::Waiting { .. })));
    assert!(!seen.iter().any(is_live), "{seen:?}");
    println!("{seen:?}");
}

/// A show of days: the time of the stream passes the three bytes of a short header, and a real server records on.
#[test]
fn a_server_records_on_past_the_short_time() {
    records_on(MediaTime::from_millis(0x00ff_ffff) - MediaTime::from_secs(2));
}

#[test]
fn a_server_records_on_after_48_hours() {
    records_on(MediaTime::from_secs(48 * 3_600) - MediaTime::from_secs(2));
}

fn records_on(begin: MediaTime) {
    let Some(mut server) = Nginx::start() else { return };
    let config = Config { name: "days".to_owned(), url: server.url(KEY), has_audio: true, extra_roots: Vec::new() };
    let push = Arc::new(RtmpPush::start_at(config, begin, |_| {}).expect("a push"));
    let programme = Programme::play(&push, 1.0);
    wait_for("acknowledged bytes", PATIENCE, || push.stats().bytes > 900_000);
    drop(programme);
    drop(push);
    let file = server.recorded()[0].clone();
    wait_for("the server to close its file", PATIENCE, || std::fs::metadata(&file).is_ok_and(|data| data.len() > 850_000));
    server.kill();
    let pictures = packet_times(&file, "v:0");
    assert!(pictures.len() > 100 && pictures.windows(2).all(|pair| (pair[1] - pair[0] - 1.0 / 30.0).abs() < 0.002), "{pictures:?}");
    server.child = spawn(server.folder.path());
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
    let Recording { recorder, .. } = recording(folder.path());
    for unit in units(SMALL, 0..90) {
        push.push(&unit);
        recorder.push(&unit);
    }
    let summary = recorder.finish().expect("a summary");
    assert_eq!(decoded_frames(&summary.parts[0].path), 90);
    assert!((summary.parts[0].end - Rate::FPS_30.tick_start(90)).abs() < MediaTime::from_millis(1));
}
