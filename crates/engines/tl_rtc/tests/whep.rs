//! A real browser without a screen watches the programme. Where no Chromium or ffmpeg is installed the test says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::browser::{Browser, Film, Page, film};
use support::{serial, share, studio};
use tl_frame::Codec;

const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><video id="v" autoplay playsinline></video><script>
const say = (path, value) => fetch(path, { method: 'POST', body: typeof value === 'string' ? value : JSON.stringify(value) });
const video = document.getElementById('v');
const canvas = new OffscreenCanvas(640, 64).getContext('2d', { willReadFrequently: true });
const seen = [];
function look(now, frame) {
  canvas.drawImage(video, 0, 0, 640, 64, 0, 0, 640, 64);
  let number = 0;
  for (let bit = 0; bit < 10; bit += 1) if (canvas.getImageData(bit * 64 + 32, 32, 1, 1).data[1] > 127) number |= 1 << bit;
  seen.push([number, performance.timeOrigin + performance.now()]);
  video.requestVideoFrameCallback(look);
}
async function watch() {
  const began = performance.now();
  const peer = new RTCPeerConnection();
  for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
  const stream = new MediaStream();
  peer.ontrack = event => {
    if (location.hash === '#target0') event.receiver.jitterBufferTarget = 0;
    stream.addTrack(event.track);
    video.srcObject = stream;
  };
  peer.onconnectionstatechange = () => say('/log', peer.connectionState);
  video.requestVideoFrameCallback(() => say('/log', 'first picture after ' + Math.round(performance.now() - began) + ' ms'));
  video.requestVideoFrameCallback(look);
  await peer.setLocalDescription();
  const offer = peer.localDescription.sdp.replace(/(a=fmtp:\d+ minptime=10[^\r\n]*)/, '$1;stereo=1');
  const answer = await fetch('/whep', { method: 'POST', body: offer });
  if (!answer.ok) throw await answer.text();
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  const stats = {};
  const lips = [];
  for (let second = 0; second < 12; second += 1) {
    await new Promise(resolve => setTimeout(resolve, 1000));
    for (const report of (await peer.getStats()).values()) if (report.type === 'inbound-rtp') stats[report.kind] = report;
    lips.push(stats.video?.estimatedPlayoutTimestamp - stats.audio?.estimatedPlayoutTimestamp);
  }
  await say('/done', { seen, stats, lips });
}
watch().catch(error => say('/log', 'failed: ' + error));
</script>"#;

fn wall_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3
}

/// What the page saw: number and wall time of each picture, and the browser's own statistics.
fn watch(hash: &str) -> Option<(Vec<f64>, Vec<f64>, serde_json::Value)> {
    let studio = studio();
    let Film { pictures, sounds } = film(10)?;
    let page = Page::open();
    let browser = Browser::open(&page.address(hash))?;
    let (began, mut number, mut packet) = (Instant::now(), 0_usize, 0_usize);
    let mut sent: Vec<(usize, f64)> = Vec::new();
    let mut done: Option<serde_json::Value> = None;
    while began.elapsed() < Duration::from_secs(60) && done.is_none() {
        page.turn(|path, body| match path {
            "/" => (200, "text/html", PAGE.to_owned()),
            "/whep" => match studio.server.view(body) {
                Ok(answer) => {
                    eprintln!(
                        "{}",
                        answer.sdp.lines().filter(|line| line.starts_with("a=fmtp") || line.contains("playout-delay")).collect::<Vec<_>>().join(" ")
                    );
                    let candidates = answer.sdp.lines().filter(|line| line.starts_with("a=candidate")).collect::<Vec<_>>();
                    assert!(!candidates.is_empty() && candidates.iter().all(|line| line.contains("typ host")), "{candidates:?}");
                    (201, "application/sdp", answer.sdp)
                }
                Err(error) => (400, "text/plain", error.to_string()),
            },
            "/done" => {
                done = serde_json::from_str(body).ok();
                (200, "text/plain", String::new())
            }
            _ => {
                eprintln!("page: {body}");
                (200, "text/plain", String::new())
            }
        });
        while began.elapsed() >= Duration::from_nanos(33_333_333) * number as u32 {
            let index = number % pictures.len();
            let mut unit = support::unit(Codec::H264, pictures[index].clone(), index % 15 == 0);
            unit.pts = studio.clock.at(began + Duration::from_nanos(33_333_333) * number as u32);
            sent.push((index, wall_ms()));
            studio.server.send_programme(&unit);
            number += 1;
        }
        while began.elapsed() >= Duration::from_millis(20) * packet as u32 {
            let mut unit = support::unit(Codec::Opus, sounds[packet % sounds.len()].clone(), true);
            unit.pts = studio.clock.at(began + Duration::from_millis(20) * packet as u32);
            studio.server.send_programme(&unit);
            packet += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let done = done.expect("the page tells what it saw within a minute");
    for (session, stats) in studio.server.viewer_stats() {
        eprintln!("{session}: {stats:?}");
    }
    drop(browser);
    let seen = done["seen"].as_array().expect("pictures");
    let mut late: Vec<f64> = Vec::new();
    for picture in seen.iter().skip(15) {
        let (number, at) = (picture[0].as_u64().expect("a number") as usize, picture[1].as_f64().expect("a time"));
        // The newest picture of that number that was sent before it was seen.
        late.extend(sent.iter().rev().find(|(index, when)| *index == number && *when < at).map(|(_, when)| at - when));
    }
    late.sort_by(f64::total_cmp);
    let lips = done["lips"].as_array().expect("a list").iter().filter_map(serde_json::Value::as_f64).collect();
    Some((late, lips, done["stats"].clone()))
}

fn check(hash: &str) -> Option<()> {
    let (late, lips, stats) = watch(hash)?;
    let (video, audio) = (&stats["video"], &stats["audio"]);
    let of = |kind: &serde_json::Value, name: &str| kind[name].as_f64().unwrap_or(f64::NAN);
    let buffered = |kind: &serde_json::Value| of(kind, "jitterBufferDelay") / of(kind, "jitterBufferEmittedCount") * 1e3;
    // The browser lines them up by and by, and a stall of the machine parts them again: somewhere on the way they met.
    let apart = lips.iter().copied().map(f64::abs).min_by(f64::total_cmp);
    eprintln!(
        "{hash} sent to seen p50 {:.0} p95 {:.0} max {:.0} ms over {} pictures; decoded {} dropped {} freezes {} nacks {} plis {}; buffered {:.0} ms picture, {:.0} ms sound; picture before sound, second by second {lips:.0?} ms",
        share(&late, 0.5),
        share(&late, 0.95),
        share(&late, 1.0),
        late.len(),
        of(video, "framesDecoded"),
        of(video, "framesDropped"),
        of(video, "freezeCount"),
        of(video, "nackCount"),
        of(video, "pliCount"),
        buffered(video),
        buffered(audio),
    );
    assert!(of(video, "framesDecoded") > 150.0 && of(video, "bytesReceived") > 1e6, "{video}");
    assert!(of(audio, "totalSamplesReceived") > 48_000.0 * 5.0 && of(audio, "totalAudioEnergy") > 0.001, "{audio}");
    assert!(late.len() > 100, "{} pictures could be read", late.len());
    assert!(apart.is_some_and(|apart| apart <= 80.0), "pictures and sound {lips:?} ms apart");
    Some(())
}

#[test]
fn a_browser_watches_with_pictures_and_sound_and_little_delay() {
    let _turn = serial();
    // Once as the page is, and once with the smallest buffer that it can ask for.
    if check("").is_some() {
        check("#target0");
    }
}
