//! Real apps at the RTMP door: ffmpeg and GStreamer publish, come back, are refused; strangers cost a connection each.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tl_base::{MediaClock, MediaTime, Secret, SlotId};
use tl_frame::{AccessUnit, Codec, adts};
use tl_media::push::{self, Push};
use tl_media::rtmp_server::{Config, Event, Limits, RtmpServer, Tls};

use common::peers::Peer;
use common::programme::Programme;
use common::publisher::{Clip, Publisher, clip};
use common::{PATIENCE, Seen, decoded_frames, ffprobe, wait_for};

/// Names of slots as keys of streams.
const KEYS: [(&str, u16); 2] = [("sesame-one", 1), ("sesame-two", 2)];

struct Studio {
    server: RtmpServer,
    events: Seen<Event>,
}

impl Studio {
    fn with(limits: Limits, tls: Option<Tls>) -> Self {
        let events = Seen::default();
        let into = events.clone();
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let admit = |publish: &tl_media::rtmp_server::Publish| {
            let found = KEYS.iter().find(|(key, _)| publish.app == "live" && publish.key.expose() == *key);
            found.map(|(_, slot)| SlotId(*slot)).ok_or_else(|| "no camera has this key".to_owned())
        };
        let config = Config { bind, tls, clock: MediaClock::starting_at(MediaTime::ZERO), limits };
        let server = RtmpServer::start(config, admit, move |event| into.add(event)).expect("a server");
        Self { server, events }
    }

    fn new() -> Self {
        Self::with(Limits::default(), None)
    }

    fn url(&self, key: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{key}", self.server.address().port())
    }

    fn wait(&self, what: &str, done: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        self.events.wait(what, PATIENCE, done)
    }

    fn ended(&self, times: usize) -> Vec<Event> {
        self.wait("an end", |events| count(events, is_ended) >= times)
    }
}

fn is_ended(event: &Event) -> bool {
    matches!(event, Event::Ended { .. })
}

fn is_publishing(event: &Event) -> bool {
    matches!(event, Event::Publishing { .. })
}

fn count(events: &[Event], what: fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| what(event)).count()
}

fn units(events: &[Event], codec: Codec) -> Vec<AccessUnit> {
    let of_codec = |event: &Event| match event {
        Event::Unit { unit, .. } if unit.codec == codec => Some(unit.clone()),
        _ => None,
    };
    events.iter().filter_map(of_codec).collect()
}

/// Three seconds of moving pictures and a tone, as an app would encode them.
fn ffmpeg(url: &str, more: &[&str], seconds: &str) -> Option<Peer> {
    let mut args =
        vec!["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"];
    args.extend(["-t", seconds, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "30", "-c:a", "aac", "-ac", "2"]);
    args.extend(more);
    args.extend(["-f", "flv", url]);
    Peer::start("ffmpeg", &args)
}

/// Pictures that a decoder makes of units.
fn decoded(folder: &Path, name: &str, units: &[AccessUnit]) -> u64 {
    let path = folder.join(name);
    let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.data.iter().copied()).collect();
    std::fs::write(&path, bytes).expect("written");
    decoded_frames(&path)
}

#[test]
fn ffmpeg_publishes_pictures_and_sound() {
    let studio = Studio::new();
    let Some(mut app) = ffmpeg(&studio.url("sesame-one"), &["-bf", "0"], "3") else { return };
    assert!(app.ends_well(PATIENCE));
    let events = studio.ended(1);
    let Some(Event::Publishing { source, .. }) = events.first() else { panic!("{events:?}") };
    assert_eq!(*source, SlotId(1));
    let pictures = units(&events, Codec::H264);
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!((pictures.len(), decoded(folder.path(), "pictures.h264", &pictures)), (90, 90));
    assert_eq!(pictures.iter().filter(|unit| unit.key).count(), 3);
    assert!(pictures.iter().all(|unit| unit.pts == unit.dts && unit.capture <= unit.arrival && unit.source == SlotId(1)));
    let steps: Vec<f64> = pictures.windows(2).map(|pair| (pair[1].pts - pair[0].pts).as_millis_f64()).collect();
    assert!(steps.iter().all(|step| (step - 100.0 / 3.0).abs() < 1.1), "{steps:?}");

    let sound = units(&events, Codec::AacAdts);
    let headers: Vec<adts::Header> = sound.iter().filter_map(|unit| adts::Header::parse(&unit.data)).collect();
    assert_eq!(headers.len(), sound.len());
    assert!(headers.iter().zip(&sound).all(|(header, unit)| (header.rate_hz(), header.channels, header.frame_bytes) == (44_100, 2, unit.data.len())));
    let seconds = sound.len() as f64 * 1_024.0 / 44_100.0;
    assert!((seconds - 3.0).abs() < 0.1, "{seconds}");
    let path = folder.path().join("sound.aac");
    std::fs::write(&path, sound.iter().flat_map(|unit| unit.data.iter().copied()).collect::<Vec<u8>>()).expect("written");
    assert_eq!(ffprobe(&path, &["-show_entries", "stream=codec_name,profile,sample_rate,channels"]), "aac,LC,44100,2");
    // Sound and pictures of one moment carry the same time.
    assert!((sound[0].pts - pictures[0].pts).abs() < MediaTime::from_millis(60));
    assert!(events.iter().any(|event| matches!(event, Event::Clock { state, .. } if state.uncertainty_ms > 0.0)));
    assert!(events.iter().any(|event| matches!(event, Event::Stats { stats, .. } if stats.fps.is_some_and(|fps| (fps - 30.0).abs() < 6.0))));
}

#[test]
fn reordered_pictures_keep_their_order_of_decoding() {
    let studio = Studio::new();
    let Some(mut app) = ffmpeg(&studio.url("sesame-one"), &["-bf", "2", "-x264-params", "b-adapt=0:scenecut=0"], "2") else { return };
    assert!(app.ends_well(PATIENCE));
    let pictures = units(&studio.ended(1), Codec::H264);
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!((pictures.len(), decoded(folder.path(), "pictures.h264", &pictures)), (60, 60));
    assert!(pictures.windows(2).all(|pair| pair[1].dts > pair[0].dts));
    assert!(pictures.windows(2).any(|pair| pair[1].pts < pair[0].pts), "no picture was shown out of order");
    let mut shown: Vec<MediaTime> = pictures.iter().map(|unit| unit.pts).collect();
    shown.sort();
    assert!(shown.windows(2).all(|pair| (pair[1] - pair[0]).as_millis_f64() > 31.0 && (pair[1] - pair[0]).as_millis_f64() < 36.0), "{shown:?}");
}

#[test]
fn a_wrong_key_is_refused() {
    let studio = Studio::new();
    for url in [studio.url("sesame-three"), studio.url("sesame-one").replace("/live/", "/other/")] {
        let Some(mut app) = ffmpeg(&url, &[], "2") else { return };
        assert!(!app.ends_well(PATIENCE));
    }
    assert!(studio.events.all().is_empty());
}

#[test]
fn a_second_publisher_is_refused_and_the_first_goes_on() {
    let studio = Studio::new();
    let Some(mut first) = ffmpeg(&studio.url("sesame-one"), &[], "6") else { return };
    studio.wait("pictures", |events| units(events, Codec::H264).len() > 30);
    let Some(mut second) = ffmpeg(&studio.url("sesame-one"), &[], "2") else { return };
    assert!(!second.ends_well(PATIENCE));
    assert!(first.ends_well(PATIENCE));
    let events = studio.ended(1);
    assert_eq!((count(&events, is_publishing), units(&events, Codec::H264).len()), (1, 180));
}

#[test]
fn an_app_that_is_killed_twenty_times_comes_back_twenty_times() {
    let studio = Studio::new();
    for round in 1..=20 {
        let before = units(&studio.events.all(), Codec::H264).len();
        let Some(mut app) = ffmpeg(&studio.url("sesame-two"), &[], "60") else { return };
        studio.wait("pictures", |events| units(events, Codec::H264).len() > before + 5);
        app.kill();
        studio.ended(round);
    }
    let events = studio.events.all();
    assert_eq!((count(&events, is_publishing), count(&events, is_ended)), (20, 20));
    // One after the other, each ended before the next began, each from a key picture on, in a configuration of its own.
    let mut publishing = false;
    let mut needs_key = false;
    let mut last = None;
    for event in &events {
        match event {
            Event::Publishing { .. } => {
                assert!(!std::mem::replace(&mut publishing, true));
                needs_key = true;
            }
            Event::Ended { .. } => assert!(std::mem::replace(&mut publishing, false)),
            Event::Unit { unit, .. } if unit.codec == Codec::H264 => {
                assert!(publishing && (!needs_key || unit.key));
                assert!(last.is_none_or(|(capture, config)| unit.capture > capture && (unit.config_id > config) == needs_key));
                needs_key = false;
                last = Some((unit.capture, unit.config_id));
            }
            _ => {}
        }
    }
}

#[test]
fn gstreamer_publishes_too() {
    let studio = Studio::new();
    let target = format!("location={}", studio.url("sesame-two"));
    let line = "videotestsrc is-live=true num-buffers=60 ! video/x-raw,width=320,height=192,framerate=30/1 ! x264enc tune=zerolatency key-int-max=30 ! h264parse ! flvmux name=mux streamable=true ! rtmp2sink";
    let sound = "audiotestsrc is-live=true num-buffers=90 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! mux.";
    let args: Vec<&str> = line.split(' ').chain([target.as_str()]).chain(sound.split(' ')).collect();
    let Some(mut app) = Peer::start("gst-launch-1.0", &[&["-q"][..], &args].concat()) else { return };
    assert!(app.ends_well(PATIENCE));
    let events = studio.ended(1);
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = units(&events, Codec::H264);
    assert_eq!((pictures.len(), decoded(folder.path(), "pictures.h264", &pictures)), (60, 60));
    let sound = units(&events, Codec::AacAdts);
    assert!(sound.len() > 60 && sound.iter().all(|unit| adts::Header::parse(&unit.data).is_some_and(|header| header.rate_hz() == 48_000)));
}

/// Our own push at our own door, with a stream whose 32 bits of milliseconds come round on the way (after 49.7 days), and one
/// that passes the 24 bits of a short header (after 4.7 hours).
#[test]
fn a_stream_goes_on_past_the_end_of_its_clock() {
    for wrap_ms in [1_i64 << 32, 1 << 24] {
        let studio = Studio::new();
        let config = push::Config { name: "days".to_owned(), url: Secret::new(studio.url("sesame-one")), has_audio: true, extra_roots: Vec::new() };
        let begin = MediaTime::from_millis(wrap_ms) - MediaTime::from_secs(1);
        let push = Arc::new(Push::start_at(config, begin, |_| {}).expect("a push"));
        let programme = Programme::play(&push, 2.0);
        let events = studio.wait("three seconds", |events| units(events, Codec::H264).len() > 90 && units(events, Codec::AacAdts).len() > 100);
        drop(programme);
        for codec in [Codec::H264, Codec::AacAdts] {
            let times: Vec<MediaTime> = units(&events, codec).iter().map(|unit| unit.pts).collect();
            let steps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_millis_f64()).collect();
            assert!(steps.iter().all(|step| (19.0..36.0).contains(step)), "{codec:?}: {steps:?}");
        }
        assert_eq!((count(&events, is_publishing), count(&events, is_ended)), (1, 0));
    }
}

#[test]
fn rtmps_is_spoken_with_a_certificate_that_the_app_trusts() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("a certificate");
    let tls = Tls { cert_pem: folder.path().join("cert.pem"), key_pem: folder.path().join("key.pem") };
    std::fs::write(&tls.cert_pem, made.cert.pem()).expect("written");
    std::fs::write(&tls.key_pem, made.signing_key.serialize_pem()).expect("written");
    let trusted = tls.cert_pem.to_str().expect("text").to_owned();
    let studio = Studio::with(Limits::default(), Some(tls));
    let url = format!("rtmps://localhost:{}/live/sesame-one", studio.server.address().port());
    let Some(mut app) = ffmpeg(&url, &["-bf", "0", "-tls_verify", "1", "-ca_file", &trusted], "2") else { return };
    assert!(app.ends_well(PATIENCE));
    assert_eq!(units(&studio.ended(1), Codec::H264).len(), 60);
    // Without TLS there is no entry.
    let Some(mut app) = ffmpeg(&studio.url("sesame-one"), &[], "2") else { return };
    assert!(!app.ends_well(PATIENCE));
    assert_eq!(count(&studio.events.all(), is_publishing), 1);
}

#[test]
fn strangers_cost_a_connection_each_and_are_shown_out() {
    let limits = Limits { handshake: Duration::from_secs(1), publish: Duration::from_secs(2), per_address: 40, ..Limits::default() };
    let studio = Studio::with(limits, None);
    let Some(mut app) = ffmpeg(&studio.url("sesame-one"), &[], "5") else { return };
    studio.wait("pictures", |events| units(events, Codec::H264).len() > 5);
    let connect = || TcpStream::connect(studio.server.address()).expect("a connection");
    let mut strangers: Vec<TcpStream> = (0..30).map(|_| connect()).collect();
    for (number, stranger) in (0_u32..).zip(&mut strangers) {
        // Silence, another protocol, a handshake and then noise or a single byte now and then.
        let noise: Vec<u8> = (0..40_000_u32).map(|at| (at.wrapping_mul(2_654_435_761 + number) >> 13) as u8).collect();
        let written = match number % 4 {
            0 => Ok(()),
            1 => stranger.write_all(b"GET / HTTP/1.1\r\nHost: studio\r\n\r\n"),
            2 => stranger.write_all(&[&[3][..], &[7; 3_072], &noise].concat()),
            _ => stranger.write_all(&[&[3][..], &[7; 100]].concat()),
        };
        // One that was shown out already takes nothing more.
        written.ok();
    }
    let asked = Instant::now();
    for stranger in &mut strangers {
        stranger.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut rest = Vec::new();
        // However it ends: it ends.
        stranger.read_to_end(&mut rest).ok();
    }
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert!(app.ends_well(PATIENCE));
    let events = studio.ended(1);
    assert_eq!((count(&events, is_publishing), units(&events, Codec::H264).len()), (1, 150));
}

/// Memory that the process holds, bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

/// The header of a message that is said to have so many bytes, on a chunk stream.
fn announced(chunk_stream: u8, kind: u8, length: u32) -> Vec<u8> {
    [&[chunk_stream, 0, 0, 0], &length.to_be_bytes()[1..], &[kind, 0, 0, 0, 0]].concat()
}

/// Forty strangers at once: some send a byte now and then for ever, some announce huge chunks and messages and fill them, some
/// begin a message on every chunk stream, some send commands without end. None lives past its deadline, all together cost
/// little memory, and the camera beside them loses no picture.
#[test]
fn slow_and_greedy_strangers_cost_little_and_leave_in_time() {
    const HANDSHAKE: usize = 1 + 2 * 1_536;
    let limits = Limits { handshake: Duration::from_secs(2), publish: Duration::from_secs(4), per_address: 64, ..Limits::default() };
    let studio = Studio::with(limits, None);
    let Some(mut app) = ffmpeg(&studio.url("sesame-one"), &[], "8") else { return };
    studio.wait("pictures", |events| units(events, Codec::H264).len() > 5);
    let handshake = [&[3][..], &[7; HANDSHAKE - 1]].concat();
    let huge_chunks = [&announced(2, 1, 4)[..], &0x00ff_ffff_u32.to_be_bytes()].concat();
    let scripts: [(Vec<u8>, Vec<u8>); 5] = [
        // The handshake, and then one more byte of it now and then: also the slowest never ends it.
        (vec![3], vec![7]),
        ([&handshake[..], &huge_chunks, &announced(3, 20, 0x00ff_ffff)].concat(), vec![5; 16_384]),
        // Pictures before the wish to publish, as long as a publisher's may be.
        ([&handshake[..], &huge_chunks, &announced(6, 9, 4 << 20)].concat(), vec![0x17; 16_384]),
        ([handshake.clone(), (3..63).flat_map(|id| [announced(id, 9, 60_000), vec![1; 128]].concat()).collect()].concat(), vec![0xc3; 129]),
        (handshake.clone(), [announced(3, 20, 100), vec![2; 100]].concat()),
    ];
    let before = resident();
    let begun = Instant::now();
    let mut strangers: Vec<Option<(TcpStream, &[u8])>> = (0..40)
        .map(|number| {
            let (first, then) = &scripts[number % scripts.len()];
            let mut socket = TcpStream::connect(studio.server.address()).expect("a connection");
            // One that was shown out already takes nothing more.
            socket.write_all(first).ok()?;
            socket.set_nonblocking(true).expect("set");
            Some((socket, then.as_slice()))
        })
        .collect();
    let mut most = before;
    while strangers.iter().any(Option::is_some) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{} strangers are still there", strangers.iter().flatten().count());
        for stranger in &mut strangers {
            let is_gone = |(socket, then): &mut (TcpStream, &[u8])| {
                let gone = |error: std::io::Error| error.kind() != std::io::ErrorKind::WouldBlock;
                socket.write(then).err().is_some_and(gone) || matches!(socket.read(&mut [0; 4_096]), Ok(0))
            };
            if stranger.as_mut().is_some_and(is_gone) {
                *stranger = None;
            }
        }
        most = most.max(resident());
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("the last one left after {:.1} s, they cost {} kB", begun.elapsed().as_secs_f64(), (most - before) >> 10);
    // Forty stacks and readers; one greedy stranger of before would have taken a quarter of this.
    assert!(most - before < 32 << 20, "{}", most - before);
    assert!(app.ends_well(PATIENCE));
    let events = studio.ended(1);
    assert_eq!((count(&events, is_publishing), units(&events, Codec::H264).len()), (1, 240));
}

#[test]
fn one_address_gets_so_many_connections_and_no_more() {
    let studio = Studio::with(Limits { per_address: 3, ..Limits::default() }, None);
    let mut connections: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(studio.server.address()).expect("a connection")).collect();
    let is_closed = |connection: &mut TcpStream| {
        connection.set_nonblocking(true).expect("set");
        matches!(connection.read(&mut [0]), Ok(0)) || connection.take_error().is_ok_and(|error| error.is_some())
    };
    wait_for("five to be shown out", PATIENCE, || {
        connections.iter().filter_map(|one| one.try_clone().ok()).filter_map(|mut one| is_closed(&mut one).then_some(())).count() == 5
    });
    connections.clear();
    // Room again.
    let Some(mut app) = ffmpeg(&studio.url("sesame-one"), &[], "1") else { return };
    assert!(app.ends_well(PATIENCE));
    studio.ended(1);
}

#[test]
fn a_publisher_is_closed_from_here_and_a_silent_one_makes_way() {
    let studio = Studio::with(Limits { silence: Duration::from_secs(30), ..Limits::default() }, None);
    let Some(first) = ffmpeg(&studio.url("sesame-one"), &[], "60") else { return };
    studio.wait("pictures", |events| units(events, Codec::H264).len() > 5);
    // Its network is gone without a word; the app comes back from a new place.
    first.signal("-STOP");
    // Nothing tells from outside that two seconds of silence are over.
    std::thread::sleep(Duration::from_millis(2_500));
    let Some(_second) = ffmpeg(&studio.url("sesame-one"), &[], "60") else { return };
    let events = studio.wait("the second", |events| count(events, is_publishing) == 2);
    assert!(events.iter().any(|event| matches!(event, Event::Ended { reason, .. } if reason.contains("come back"))), "{events:?}");
    let Some(Event::Publishing { connection, .. }) = events.iter().rfind(|event| is_publishing(event)) else { panic!("{events:?}") };
    studio.server.close(*connection, "the director has taken the camera out");
    let events = studio.ended(2);
    assert!(events.iter().any(|event| matches!(event, Event::Ended { reason, .. } if reason.contains("director"))), "{events:?}");
    first.signal("-CONT");
}

/// Enhanced RTMP: real H.265 and AV1 pictures behind four letters, with and without their own offset.
#[test]
fn newer_codecs_are_taken_by_their_four_letters() {
    let x265 = ["-c:v", "libx265", "-x265-params", "log-level=none:bframes=0", "-tag:v", "hvc1"];
    let aom = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0"];
    for (codec, name) in [(Codec::H265, b"hvc1"), (Codec::Av1, b"av01")] {
        let folder = tempfile::tempdir().expect("a folder");
        let made = if codec == Codec::H265 { clip(folder.path(), &x265, b"hvcC") } else { clip(folder.path(), &aom, b"av1C") };
        let Some(Clip { config, pictures }) = made else { continue };
        let studio = Studio::new();
        let mut app = Publisher::start(studio.server.address(), "live", "sesame-one");
        app.video(0, &[&[0x90][..], name, &config].concat());
        for (number, (key, picture)) in (0_u32..).zip(&pictures) {
            let frame = if *key { 0x90 } else { 0xa0 };
            // Of the two ways to send a picture that needs no offset every second one takes the other, where there are two.
            let with_offset = codec == Codec::H265 && number % 2 == 1;
            let head: &[u8] = if with_offset { &[0, 0, 0] } else { &[] };
            let kind = if codec == Codec::H265 && !with_offset { 3 } else { 1 };
            app.video(number * 1_000 / 30, &[&[frame | kind], &name[..], head, picture].concat());
        }
        studio.wait("pictures", |events| units(events, codec).len() == pictures.len());
        drop(app);
        let units = units(&studio.ended(1), codec);
        assert_eq!((units.len(), units[0].key, units.iter().filter(|unit| unit.key).count()), (30, true, pictures.iter().filter(|(key, _)| *key).count()));
        let units: Vec<AccessUnit> = units
            .into_iter()
            .map(|unit| {
                // A file of bare AV1 needs a delimiter in front of each picture; a stream of units has none.
                let delimiter: &[u8] = if codec == Codec::Av1 { &[0x12, 0] } else { &[] };
                AccessUnit { data: [delimiter, unit.data.as_ref()].concat().into(), ..unit }
            })
            .collect();
        assert_eq!(decoded(folder.path(), if codec == Codec::H265 { "pictures.hevc" } else { "pictures.obu" }, &units), 30, "{codec:?}");
    }
}

#[test]
fn pictures_that_the_studio_cannot_take_are_refused_by_name() {
    let studio = Studio::new();
    let url = studio.url("sesame-one");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=30", "-t", "3", "-c:v", "flv1", "-f", "flv", &url])
        .output()
        .expect("ffmpeg runs");
    assert!(!status.status.success() || !status.stderr.is_empty());
    let events = studio.ended(1);
    assert!(events.iter().any(|event| matches!(event, Event::Ended { reason, .. } if reason.contains("H.263"))), "{events:?}");
}
