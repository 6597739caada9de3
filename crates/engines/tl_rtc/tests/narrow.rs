//! Phones publish through a way that grows narrow and wide again: one without a screen, and a real browser. Where no Chromium is
//! installed the test with the browser says so and passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use support::browser::{Browser, Page};
use support::{number, phone, serial, studio};
use tl_base::{PictureAdvice, SlotId};
use tl_rtc::Event;
use tl_rtc::data::ToPhone;
use tl_rtc::ladder::Ladder;
use tl_rtc::publish::{self, Impairment, Shim};

/// A camera that shows moving noise, since the browser's own made-up one never fills a way. It obeys advice as the phone page does.
const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><script>
const say = text => fetch('/log', { method: 'POST', body: text });
function camera() {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [1280, 720];
  const picture = canvas.getContext('2d');
  // Soft blotches with some grain on them, panned as a hand pans: what a hall looks like to an encoder.
  const noise = document.createElement('canvas');
  [noise.width, noise.height] = [1400, 840];
  const grain = noise.getContext('2d');
  const colour = spread => `rgb(${[0, 0, 0].map(() => Math.floor(128 + (Math.random() - 0.5) * spread))})`;
  for (let blot = 0; blot < 400; blot += 1) {
    grain.fillStyle = colour(160);
    grain.beginPath();
    grain.arc(Math.random() * 1400, Math.random() * 840, 20 + Math.random() * 90, 0, 7);
    grain.fill();
  }
  grain.globalAlpha = 0.25;
  for (let speck = 0; speck < 20000; speck += 1) {
    grain.fillStyle = colour(200);
    grain.fillRect(Math.random() * 1400, Math.random() * 840, 4, 4);
  }
  let turn = 0;
  setInterval(() => {
    turn += 1;
    picture.drawImage(noise, -60 + 50 * Math.sin(turn / 40), -60 + 50 * Math.cos(turn / 33));
    for (let player = 0; player < 8; player += 1) picture.drawImage(noise, player * 90, 100, 60, 120, (turn * (3 + player) + player * 170) % 1300 - 60, 250 + 30 * player, 60, 120);
  }, 1000 / 30);
  return canvas.captureStream(30);
}
async function join() {
  const stream = camera();
  const peer = new RTCPeerConnection();
  const line = peer.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream], sendEncodings: [{ maxBitrate: 3e6, maxFramerate: 30 }] });
  line.sender.track.contentHint = 'motion';
  const rank = codec => /H264/i.test(codec.mimeType) && /packetization-mode=1/.test(codec.sdpFmtpLine ?? '') ? 0 : 1;
  line.setCodecPreferences([...RTCRtpSender.getCapabilities('video').codecs].sort((a, b) => rank(a) - rank(b)));
  const follow = async advice => {
    const parameters = line.sender.getParameters();
    parameters.degradationPreference = 'maintain-resolution';
    Object.assign(parameters.encodings[0], { maxBitrate: advice.bitrate_bps, scaleResolutionDownBy: advice.scale_down_by, maxFramerate: advice.max_fps });
    await line.sender.setParameters(parameters);
  };
  const channel = peer.createDataChannel('studio');
  channel.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message.type === 'advice') follow(message);
    if (message.type === 'ping') channel.send(JSON.stringify({ type: 'pong', id: message.id, clock_us: Math.round((performance.timeOrigin + performance.now()) * 1000) }));
  };
  peer.onconnectionstatechange = () => say(peer.connectionState);
  await peer.setLocalDescription();
  const answer = await fetch('/whip', { method: 'POST', body: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  await follow({ bitrate_bps: 3e6, scale_down_by: 1, max_fps: 30 });
  setInterval(async () => {
    const found = {};
    for (const report of (await peer.getStats()).values()) {
      if (report.type === 'outbound-rtp') Object.assign(found, { target: report.targetBitrate, fps: report.framesPerSecond, height: report.frameHeight, limit: report.qualityLimitationReason });
      if (report.type === 'candidate-pair' && report.nominated) found.available = report.availableOutgoingBitrate;
    }
    if (channel.readyState === 'open') say('stats ' + JSON.stringify(found));
  }, 1000);
}
join().catch(error => say('failed: ' + error));
</script>"#;

const WIDE: f64 = 8e6;
const NARROW: f64 = 1e6;

/// When the way grows narrow, seconds: with a key picture, which the studio asks for every second second, or between two of them.
const AT_A_KEY_PICTURE: f64 = 12.0;
const BETWEEN_THEM: f64 = 13.0;
/// When it grows wide again, and when it is over.
const WIDE_AT: f64 = 30.0;
const END: f64 = 52.0;

/// What came of it.
struct Outcome {
    /// Seconds until next to nothing more was lost, and until four fifths of the rate were back.
    down_secs: f64,
    up_secs: f64,
    /// The longest time without a picture: before, in the narrow, after; milliseconds.
    freeze_ms: [f64; 3],
    /// Bits a second before, in the narrow, at the end.
    rates_bps: [f64; 3],
    /// The longest way of a picture in the narrow once adapted, milliseconds.
    late_ms: f64,
}

/// Lets the browser live through it with this much room in the queue before the narrow place, from `narrow_from` on; none where there is
/// no browser.
fn ride(queue_ms: f64, narrow_from: f64) -> Option<Outcome> {
    let studio = studio();
    let way = |rate_bps: f64| Impairment { rate_bps, queue_ms, delay_ms: 10.0, ..Impairment::default() };
    let back = Impairment { delay_ms: 10.0, ..Impairment::default() };
    let shim = Shim::start(studio.server.addresses()[0], way(WIDE), back).expect("a shim");
    let page = Page::open();
    let _browser = Browser::open(&page.address(""))?;
    let mut ladder = Ladder::new(PictureAdvice { bitrate_bps: 3_000_000, scale_down_by: 1.0, max_fps: 30.0 });
    let (began, mut connected) = (Instant::now(), None::<Instant>);
    let mut arrivals: Vec<(f64, f64, usize)> = Vec::new();
    let (mut narrow_at, mut wide_at) = (None::<f64>, None::<f64>);
    let mut losses: Vec<(f64, u64)> = Vec::new();
    let phase = |seconds: f64| {
        if seconds < narrow_from {
            0
        } else if seconds < WIDE_AT {
            1
        } else {
            2
        }
    };
    while connected.is_none_or(|at| at.elapsed().as_secs_f64() < END) && (connected.is_some() || began.elapsed() < Duration::from_secs(60)) {
        let now = connected.map_or(0.0, |at| at.elapsed().as_secs_f64());
        if phase(now) >= 1 && narrow_at.is_none() {
            narrow_at = Some(now);
            shim.set(way(NARROW), back);
        }
        if phase(now) >= 2 && wide_at.is_none() {
            wide_at = Some(now);
            shim.set(way(WIDE), back);
        }
        page.turn(|path, body| match path {
            "/" => (200, "text/html", PAGE.to_owned()),
            "/whip" => match studio.server.offer(SlotId(1), body) {
                Ok(answer) => {
                    assert!(answer.sdp.contains("transport-cc") && answer.sdp.contains("transport-wide-cc"), "{}", answer.sdp);
                    (201, "application/sdp", shim.rewrite(&answer.sdp))
                }
                Err(error) => (400, "text/plain", error.to_string()),
            },
            _ => {
                eprintln!("{now:5.1} s page: {body}");
                (200, "text/plain", String::new())
            }
        });
        for event in studio.events.try_iter() {
            match event {
                Event::Connected { .. } => connected = Some(Instant::now()),
                Event::Media { unit, .. } => {
                    let at = connected.map_or(0.0, |at| at.elapsed().as_secs_f64());
                    arrivals.push((at, (unit.arrival - unit.capture).as_millis_f64(), unit.data.len()));
                }
                Event::Stats { session, stats, lost, .. } => {
                    let passed = shim.passed();
                    losses.push((now, passed.up_lost));
                    eprintln!(
                        "{now:5.1} s studio: {:.2} Mbit/s {:.1} fps loss {:.3} rtt {:.0} ms, {lost} lost, rung {}, shim lost {}",
                        stats.bitrate_bps.unwrap_or(0.0) / 1e6,
                        stats.fps.unwrap_or(0.0),
                        stats.loss.unwrap_or(0.0),
                        stats.rtt_ms.unwrap_or(0.0),
                        ladder.rung(),
                        passed.up_lost
                    );
                    if let Some(advice) = ladder.observe(studio.clock.now(), &stats) {
                        eprintln!("{now:5.1} s advice {advice:?}");
                        studio.server.send(session, &ToPhone::Advice(advice));
                    }
                }
                Event::Closed { reason, .. } => panic!("closed: {reason}"),
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let (narrow_at, wide_at) = (narrow_at.expect("the browser connected"), wide_at.expect("and stayed"));
    let rate =
        |from: f64, to: f64| arrivals.iter().filter(|(at, _, _)| (from..to).contains(at)).map(|(_, _, bytes)| *bytes as f64 * 8.0).sum::<f64>() / (to - from);
    let freeze = |from: f64, to: f64| {
        let times: Vec<f64> = arrivals.iter().map(|(at, _, _)| *at).filter(|at| (from..to).contains(at)).collect();
        let longest = times.windows(2).map(|pair| ((pair[1] - pair[0]) * 1e3, pair[0])).fold((0.0, 0.0), |most, one| if one.0 > most.0 { one } else { most });
        eprintln!("from {from:.1} to {to:.1} s: longest without a picture {:.0} ms, at {:.1} s", longest.0, longest.1);
        longest.0
    };
    let before = rate(narrow_at - 5.0, narrow_at);
    // Down: from then on next to nothing more is lost before the narrow place.
    let end = losses.iter().rev().find(|(at, _)| *at < wide_at).expect("measured").1;
    let adapted = losses.iter().find(|(at, lost)| *at > narrow_at && end - lost <= 20).map_or(f64::NAN, |(at, _)| at - narrow_at);
    let late: Vec<f64> = arrivals.iter().filter(|(at, _, _)| (narrow_at + 3.0..wide_at).contains(at)).map(|(_, late, _)| *late).collect();
    let recovered =
        (0..600).map(|step| wide_at + f64::from(step) * 0.05).find(|at| rate(*at, at + 1.0) >= 0.8 * before).map_or(f64::NAN, |at| at + 1.0 - wide_at);
    Some(Outcome {
        down_secs: adapted,
        up_secs: recovered,
        freeze_ms: [freeze(5.0, narrow_at), freeze(narrow_at, wide_at), freeze(wide_at, END)],
        rates_bps: [before, rate(narrow_at + 3.0, wide_at), rate(END - 5.0, END)],
        late_ms: late.iter().copied().fold(0.0, f64::max),
    })
}

#[test]
#[ignore = "takes four minutes of a quiet machine and tells figures: ./studio bench narrow"]
fn a_browser_follows_a_way_that_grows_narrow_and_wide_again() {
    let _turn = serial();
    // A queue like the system's own shaper has, which loses little, and one that is short, where much is lost before anybody knows.
    for (queue_ms, at) in [(1_000.0, AT_A_KEY_PICTURE), (200.0, AT_A_KEY_PICTURE), (1_000.0, BETWEEN_THEM), (200.0, BETWEEN_THEM)] {
        let Some(outcome) = ride(queue_ms, at) else { return };
        // How soon the rate is back and how long pictures stand still is told, not asked for: a machine that stalls for a second
        // stops the browser's encoder, and its judgement of the way with it.
        let Outcome { down_secs, up_secs, freeze_ms, rates_bps, late_ms } = outcome;
        eprintln!(
            "queue of {queue_ms} ms, narrow from {at} s on: down after {down_secs:.1} s, up after {up_secs:.1} s; longest freeze before, in the narrow and after {freeze_ms:.0?} ms, rates {rates_bps:.0?} bit/s; {late_ms:.0} ms late at most"
        );
        assert!(down_secs <= 3.0, "{down_secs}");
        assert!(rates_bps[1] > 0.1 * NARROW && rates_bps[1] < NARROW, "{rates_bps:?}");
    }
}

#[test]
fn a_phone_without_a_screen_judges_its_way_and_gets_through() {
    let _turn = serial();
    let studio = studio();
    let way = |rate_bps: f64| Impairment { rate_bps, queue_ms: 300.0, delay_ms: 10.0, ..Impairment::default() };
    let mut phone = phone(&studio, 1, publish::Config { estimate: true, impair: way(WIDE), ..publish::Config::default() });
    let (mut connected, mut estimates, mut came) = (None::<Instant>, Vec::<(f64, f64)>::new(), Vec::<(f64, u32)>::new());
    let (mut phase, began, mut ceilings) = (0, Instant::now(), Vec::<(f64, f64)>::new());
    let elapsed = |connected: Option<Instant>| connected.map_or(0.0, |at: Instant| at.elapsed().as_secs_f64());
    while elapsed(connected) < 38.0 && (connected.is_some() || began.elapsed() < Duration::from_secs(10)) {
        let now = elapsed(connected);
        let wanted = usize::from(now >= 10.0) + usize::from(now >= 20.0);
        if wanted != phase {
            phase = wanted;
            phone.publisher.set_impairment(way([WIDE, NARROW, WIDE][phase]));
        }
        let wake = phone.turn(&studio.clock);
        for event in phone.events.drain(..) {
            match event {
                publish::Event::Bandwidth(bps) => {
                    estimates.push((now, bps as f64));
                    // A thinner clip: four fifths of what the way bears, and 3 Mbit/s at most. A key picture counts for four.
                    phone.bytes = ((bps as f64).min(3.75e6) * 0.8 / 8.0 / 33.0) as usize;
                }
                publish::Event::Ceiling(bps) => ceilings.push((now, bps as f64)),
                _ => {}
            }
        }
        for event in studio.events.try_iter() {
            match event {
                Event::Connected { .. } => connected = Some(Instant::now()),
                Event::Media { unit, .. } if !unit.codec.is_audio() => came.push((elapsed(connected), number(&unit))),
                Event::Closed { reason, .. } => panic!("closed: {reason}"),
                _ => {}
            }
        }
        std::thread::sleep(wake.saturating_duration_since(Instant::now()).min(Duration::from_millis(2)));
    }
    let first = |from: f64, fits: &dyn Fn(f64) -> bool| estimates.iter().find(|(at, bps)| *at >= from && fits(*bps)).map_or(f64::NAN, |(at, _)| at - from);
    let down = first(10.0, &|bps| bps <= 1.1 * NARROW);
    // The studio's word: less than the narrow way bears soon after it narrowed, and nothing that holds the phone back at the end.
    eprintln!("told {ceilings:.0?}");
    let told = ceilings.iter().find(|(at, bps)| *at >= 10.0 && *bps < NARROW).expect("the phone is told to send less");
    assert!(told.0 < 13.0, "{ceilings:?}");
    assert!(ceilings.last().is_some_and(|(_, bps)| *bps > 10.0 * WIDE), "{ceilings:?}");
    let last = estimates.last().map_or(f64::NAN, |(_, bps)| *bps);
    let freeze = came.windows(2).filter(|pair| pair[0].0 > 2.0).map(|pair| (pair[1].0 - pair[0].0) * 1e3).fold(0.0, f64::max);
    eprintln!("down after {down:.1} s, {:.2} Mbit/s at the end, longest freeze {freeze:.0} ms, {} of {} pictures", last / 1e6, came.len(), phone.sent);
    assert!(down <= 3.0, "{estimates:?}");
    // Its judgement rises by a few hundredths a second, slower than a browser's, so only its fall is asked for.
    assert!(came.iter().filter(|(at, _)| *at > 30.0).count() > 100, "pictures come again");
}
