//! How long a picture takes from a sender to its unit. The numbers are printed; only what no machine explains fails.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

#[path = "input_peers/camera.rs"]
mod camera;
mod common;
mod input_peers;
#[path = "input_peers/transport.rs"]
mod transport;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use gst::prelude::*;

use tl_base::{MediaTime, Percentiles, Secret};
use tl_frame::{AccessUnit, h264};
use tl_media::input::{Event, Input, Kind, Transport};

use camera::{Camera, Manners};
use common::{SMALL, units as encode_units};
use input_peers::{Told, pictures, start, units};

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Puts the moment into a picture, as supplemental information in front of it.
fn mark(data: &mut Vec<u8>) {
    let mut sei = vec![0, 0, 0, 1, 6, 5, 32];
    sei.extend_from_slice(b"touchline-moment");
    sei.extend_from_slice(format!("{:016x}", EPOCH.elapsed().as_nanos()).as_bytes());
    sei.push(0x80);
    data.splice(0..0, sei);
}

/// When a picture was marked.
fn moment(unit: &AccessUnit) -> Option<Duration> {
    let sei = h264::nals(&unit.data).find(|nal| h264::kind(nal) == 6 && nal.get(3..19) == Some(b"touchline-moment"))?;
    let text = std::str::from_utf8(sei.get(19..35)?).ok()?;
    u64::from_str_radix(text, 16).ok().map(Duration::from_nanos)
}

/// An SRT caller that sends what it is given.
struct Sender {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
}

impl Sender {
    fn start(address: SocketAddr) -> Self {
        let line = format!("appsrc name=in is-live=true ! srtsink uri=srt://{address}?mode=caller latency=120 sync=false");
        let pipeline = gst::parse::launch(&line).expect("a sender").downcast::<gst::Pipeline>().expect("a pipeline");
        let source = pipeline.by_name("in").expect("a source").downcast::<gst_app::AppSrc>().expect("a source");
        pipeline.set_state(gst::State::Playing).expect("it runs");
        Self { pipeline, source }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).ok();
    }
}

/// From mark to unit, milliseconds, once it runs steadily.
fn delays(told: &Told) -> Percentiles {
    let seen = told.wait("eight seconds", |events| pictures(events) >= 240);
    let epoch = told.clock.at(*EPOCH);
    let of = |unit: &AccessUnit| Some((unit.arrival - epoch - MediaTime::from(moment(unit)?)).as_millis_f64());
    Percentiles::of(units(&seen).iter().skip(60).filter_map(of)).expect("marked pictures")
}

#[test]
fn a_picture_over_srt_costs_the_protocols_delay_and_less_than_a_picture() {
    LazyLock::force(&EPOCH);
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (input, told) = start(Kind::Srt { bind, stream_id: None, passphrase: None, latency: MediaTime::from_millis(120) });
    told.wait("an open port", |events| events.iter().any(|event| matches!(event, Event::Listening { .. })));
    let address = input.local_addr().expect("a port");
    let sender = Sender::start(address);
    let clip = encode_units(SMALL, 0..30);
    let (begun, mut writer) = (Instant::now(), transport::Writer::default());
    for (picture, unit) in clip.iter().cycle().take(300).enumerate() {
        // A camera's pace, not a condition: pictures come when they are due.
        std::thread::sleep(Duration::from_nanos(33_333_333 * picture as u64).saturating_sub(begun.elapsed()));
        let mut data = unit.data.to_vec();
        mark(&mut data);
        for message in writer.messages(3_000 * picture as u64, &data) {
            sender.source.push_buffer(gst::Buffer::from_slice(message)).expect("room");
        }
    }
    let found = delays(&told);
    println!("SRT at 120 ms: encoded picture to unit p50 {:.1} ms, p95 {:.1} ms, most {:.1} ms", found.p50, found.p95, found.max);
    assert!(found.p50 > 100.0 && found.p50 < 400.0);
}

#[test]
fn a_picture_over_rtsp_waits_for_nothing() {
    LazyLock::force(&EPOCH);
    let camera = Camera::start(Manners::default(), encode_units(SMALL, 0..30), mark);
    let url = Secret::new(format!("rtsp://{}/stream", camera.address));
    let (_input, told): (Input, Told) = start(Kind::Rtsp { url, transport: Transport::Tcp, latency: MediaTime::from_millis(100) });
    let found = delays(&told);
    println!("RTSP by TCP: encoded picture to unit p50 {:.1} ms, p95 {:.1} ms, most {:.1} ms", found.p50, found.p95, found.max);
    assert!(found.p50 < 200.0);
}
