//! A real browser without a screen joins as a phone would. Where no Chromium is installed the tests say so and pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::browser::{Browser, Page};
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

/// Answers one request of the page.
fn serve(server: &Server, path: &str, body: &str) -> (u16, &'static str, String) {
    match path {
        "/" => (200, "text/html", PAGE.to_owned()),
        "/whip" => match server.offer(SlotId(1), body) {
            Ok(answer) => {
                let codecs: Vec<&str> = answer.sdp.lines().filter(|line| line.starts_with("a=rtpmap") || line.starts_with("m=")).collect();
                eprintln!("answer: {}", codecs.join(" "));
                assert!(!answer.sdp.contains("video-orientation"));
                (201, "application/sdp", answer.sdp)
            }
            Err(error) => (400, "text/plain", error.to_string()),
        },
        "/log" => {
            eprintln!("page: {body}");
            (200, "text/plain", String::new())
        }
        _ => (404, "text/plain", String::new()),
    }
}

fn check(hash: &str, allowed: &[Codec]) {
    let _turn = serial();
    let studio = studio();
    let page = Page::open();
    let Some(browser) = Browser::open(&page.address(hash)) else { return };
    let began = Instant::now();
    let mut events = Vec::new();
    let mut first = None;
    while began.elapsed() < Duration::from_secs(60) && first.is_none_or(|at: Instant| at.elapsed() < Duration::from_secs(8)) {
        page.turn(|path, body| serve(&studio.server, path, body));
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
