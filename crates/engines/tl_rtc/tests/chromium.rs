//! A real browser without a screen joins as a phone would. Where no Chromium is installed the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{live, pictures, serial, share, studio};
use tl_base::SlotId;
use tl_frame::{Codec, h264, vp8};
use tl_rtc::data::FromPhone;
use tl_rtc::{Event, Server};

const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><script>
const say = text => fetch('/log', { method: 'POST', body: text });
async function join() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 30 }, audio: true });
  const peer = new RTCPeerConnection();
  for (const track of stream.getTracks()) {
    const line = peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    if (track.kind !== 'video') continue;
    if (location.hash === '#vp8') {
      line.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(codec => /VP8|rtx/.test(codec.mimeType)));
    }
    const wanted = line.sender.getParameters();
    wanted.degradationPreference = 'maintain-resolution';
    for (const encoding of wanted.encodings) encoding.maxBitrate = 3e6;
    await line.sender.setParameters(wanted);
  }
  const channel = peer.createDataChannel('studio');
  channel.onopen = () => channel.send(JSON.stringify({ type: 'hello', name: 'chromium', user_agent: navigator.userAgent }));
  channel.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.type === 'ping') {
      channel.send(JSON.stringify({ type: 'pong', id: message.id, clock_us: Math.round((performance.timeOrigin + performance.now()) * 1000) }));
    }
  };
  peer.onconnectionstatechange = () => say(peer.connectionState);
  await peer.setLocalDescription();
  const answer = await fetch('/whip', { method: 'POST', body: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}
join().catch(error => say('failed: ' + error));
</script>"#;

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    fn open(address: &str) -> Option<Self> {
        let Some(program) = chromium() else {
            eprintln!("SKIPPED: no Chromium is installed");
            return None;
        };
        let profile = std::env::temp_dir().join(format!("tl_rtc-chromium-{}-{:?}", std::process::id(), Instant::now()).replace([' ', '{', '}', ':'], ""));
        let child = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"])
            .args(["--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run"])
            .args(["--disable-extensions", "--disable-features=WebRtcHideLocalIpsWithMdns", "--autoplay-policy=no-user-gesture-required"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(Self { child: child.expect("Chromium starts"), profile })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}

/// Answers one request of the page.
fn serve(mut stream: TcpStream, server: &Server) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) <= 2 {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = String::from_utf8_lossy(&body);
    let (status, kind, text) = match path.as_str() {
        "/" => ("200 OK", "text/html", PAGE.to_owned()),
        "/whip" => match server.offer(SlotId(1), &body) {
            Ok(answer) => {
                let codecs: Vec<&str> = answer.sdp.lines().filter(|line| line.starts_with("a=rtpmap") || line.starts_with("m=")).collect();
                eprintln!("answer: {}", codecs.join(" "));
                assert!(!answer.sdp.contains("video-orientation"));
                ("201 Created", "application/sdp", answer.sdp)
            }
            Err(error) => ("400 Bad Request", "text/plain", error.to_string()),
        },
        "/log" => {
            eprintln!("page: {body}");
            ("200 OK", "text/plain", String::new())
        }
        _ => ("404 Not Found", "text/plain", String::new()),
    };
    let reply = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
    // The page may be gone already.
    drop(stream.write_all(reply.as_bytes()));
}

fn check(hash: &str, allowed: &[Codec]) {
    let _turn = serial();
    let studio = studio();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = format!("http://{}/{hash}", listener.local_addr().expect("an address"));
    let Some(browser) = Browser::open(&address) else { return };
    let began = Instant::now();
    let mut events = Vec::new();
    let mut first = None;
    while began.elapsed() < Duration::from_secs(60) && first.is_none_or(|at: Instant| at.elapsed() < Duration::from_secs(8)) {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).expect("blocking");
            serve(stream, &studio.server);
        }
        let seen = live(&studio, &mut [], Duration::from_millis(20), |_| false);
        if first.is_none() && seen.iter().any(|event| matches!(event, Event::Media { .. })) {
            first = Some(Instant::now());
        }
        events.extend(seen);
    }
    let Some(session) = events.iter().find_map(|event| if let Event::Connected { session, .. } = event { Some(*session) } else { None }) else {
        panic!("the browser did not connect within a minute");
    };
    let units = pictures(&events, session);
    let codec = units.first().expect("pictures").codec;
    let sizes: Vec<_> = units
        .iter()
        .filter(|unit| unit.key)
        .map(|unit| if codec == Codec::H264 { h264::Parameters::find(&unit.data).map(|sets| sets.size) } else { vp8::size(&unit.data) })
        .collect();
    let mut transit: Vec<f64> = units.iter().skip(units.len() / 2).map(|unit| (unit.arrival - unit.capture).as_millis_f64()).collect();
    transit.sort_by(f64::total_cmp);
    let state = events.iter().rev().find_map(|event| if let Event::Clock { state, .. } = event { Some(*state) } else { None }).expect("a clock");
    eprintln!(
        "{codec:?}: {} pictures, keys {sizes:?}, capture to arrival p5 {:.1} p50 {:.1} p95 {:.1} ms, clock {state:?}",
        units.len(),
        share(&transit, 0.05),
        share(&transit, 0.5),
        share(&transit, 0.95)
    );
    eprintln!("{:?}", studio.server.stats(session));
    assert!(allowed.contains(&codec), "{codec:?}");
    assert!(units.len() > 60, "{} pictures in 8 s", units.len());
    assert!(units[0].key && sizes.iter().all(Option::is_some) && sizes.len() >= 3, "key pictures come when asked for");
    assert!(events.iter().any(|event| matches!(event, Event::Data { message: FromPhone::Hello { name, .. }, .. } if name == "chromium")));
    assert!(events.iter().any(|event| matches!(event, Event::Media { unit, .. } if unit.codec == Codec::Opus)));
    assert!(state.two_way, "pings are answered");
    assert!(share(&transit, 0.05) > -20.0 && share(&transit, 0.5) < 400.0, "captured before it arrived, and not long before");
    assert!(units.windows(2).all(|pair| pair[0].capture < pair[1].capture));
    drop(browser);
    let end = live(&studio, &mut [], Duration::from_secs(8), |event| matches!(event, Event::Closed { .. }));
    let Some(Event::Closed { reason, .. }) = end.last() else { panic!("still open") };
    eprintln!("closed: {reason}");
}

#[test]
fn a_browser_publishes_with_its_own_first_choice() {
    check("", &[Codec::H264, Codec::Vp8]);
}

#[test]
fn a_browser_without_h264_publishes_vp8() {
    check("#vp8", &[Codec::Vp8]);
}
