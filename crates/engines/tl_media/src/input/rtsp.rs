//! IP cameras: RTSP by GStreamer's `rtspsrc`, which does the SDP, the Digest and the RTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gst::prelude::*;

use tl_base::{MediaTime, Secret, SourceStats};

use crate::Error;
use crate::input::branch::{self, Branch};
use crate::input::outlet::{Encoded, Outlet};
use crate::input::rtp::{Streams, stamp_of};
use crate::input::wake::{End, Wake};
use crate::input::watched::{Watched, judge_network, link_behind, sample_sink};
use crate::input::{Transport, url};
use crate::line::{element, lock, set};

/// No media for so long is a hang.
const HANG: Duration = Duration::from_secs(5);
/// So long may a camera take from the first word to the first picture.
const START: Duration = Duration::from_secs(10);
/// Reports and statistics are read this often.
const TICK: Duration = Duration::from_secs(1);

/// What a camera offers whose codecs are not spoken here.
const NOTHING_USABLE: &str = "the camera offers no pictures or sound that can be used";
/// What a camera answers that does not send media the way it was asked to.
const OTHER_TRANSPORT: &str = "the camera sends media only another way";

/// One connection, until it ends. A camera that does not know TCP is asked once more for UDP.
pub(super) fn attempt(url: &Secret, transport: Transport, latency: MediaTime, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    let address = url::Address::parse(url.expose(), &["rtsp", "rtsps"])?;
    outlet.begin(Some(address.host.clone()));
    let end = connect(&address, transport, latency, wake, outlet)?;
    if transport == Transport::Tcp && end == End::Lost(OTHER_TRANSPORT.to_owned()) {
        wake.clear();
        return connect(&address, Transport::Udp, latency, wake, outlet);
    }
    Ok(end)
}

fn connect(address: &url::Address, transport: Transport, latency: MediaTime, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    let source = configured(address, transport, latency)?;
    let pipeline = gst::Pipeline::new();
    // The pipeline's clock must not be a sound card's.
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    pipeline.add(&source).map_err(Error::pipeline("RTSP"))?;
    let streams = Streams::new(outlet.clock());
    let manager: Arc<Mutex<Option<gst::Element>>> = Arc::default();
    let found = Arc::clone(&manager);
    source.connect("new-manager", false, move |values| {
        *lock(&found) = values.get(1).and_then(|value| value.get::<gst::Element>().ok());
        None
    });
    let chosen = choose_streams(&source);
    attach_streams(&source, &pipeline, &streams, wake, outlet);

    let judge = move |error: &gst::glib::Error| match error.kind::<gst::StreamError>() {
        // The element says the same of streams that it was told to leave and of those whose transport was refused.
        Some(gst::StreamError::CodecNotFound) if *lock(&chosen) == [false; 2] => End::Refused(NOTHING_USABLE.to_owned()),
        Some(gst::StreamError::CodecNotFound) => End::Lost(OTHER_TRANSPORT.to_owned()),
        _ => judge_network(error),
    };
    let usual_port = if address.location.starts_with("rtsps") { 322 } else { 554 };
    let running = Watched::new(pipeline, wake, End::Lost("the camera ended the stream".to_owned()), judge).with_far_end(&address.host, usual_port);
    running.play(wake, "RTSP");
    let end = loop {
        if let Some(end) = wake.wait(TICK) {
            break end;
        }
        let (limit, reason) = if outlet.is_connected() { (HANG, "no media for 5 s") } else { (START, "no media") };
        if outlet.idle() > limit {
            break End::Lost(reason.to_owned());
        }
        let asked = lock(&manager).clone();
        outlet.report(asked.map_or_else(SourceStats::default, |manager| streams.ask(&manager)));
    };
    // The source keeps the manager, and the manager must not keep itself.
    lock(&manager).take();
    drop(running);
    Ok(end)
}

fn configured(address: &url::Address, transport: Transport, latency: MediaTime) -> Result<gst::Element, Error> {
    let source = element("rtspsrc")?;
    source.set_property("location", &address.location);
    if let (Some(user), Some(password)) = (&address.user, &address.password) {
        source.set_property("user-id", user);
        source.set_property("user-pw", password.expose());
    }
    let latency_ms = latency.to_duration().as_millis().min(10_000).to_string();
    let protocols = match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let micros = START.as_micros().to_string();
    for (name, value) in [
        ("protocols", protocols),
        ("latency", &latency_ms),
        ("drop-on-latency", "true"),
        ("backchannel", "none"),
        ("tcp-timeout", &micros),
        ("timeout", &micros),
        ("user-agent", "Touchline"),
        ("udp-buffer-size", "2097152"),
        ("short-header", "false"),
    ] {
        set(&source, name, value);
    }
    Ok(source)
}

/// Asks the camera for one stream of pictures and one of sound; the rest stays where it is. Returns which of them there are.
fn choose_streams(source: &gst::Element) -> Arc<Mutex<[bool; 2]>> {
    let chosen = Arc::new(Mutex::new([false; 2]));
    let taken = Arc::clone(&chosen);
    source.connect("select-stream", false, move |values| {
        let caps = values.get(2).and_then(|value| value.get::<gst::Caps>().ok());
        let kind = caps.as_ref().and_then(|caps| caps.structure(0)).and_then(|form| form.get::<String>("media").ok());
        let usable = caps.as_ref().is_some_and(|caps| branch::of_rtp(caps).is_some());
        let wanted = match kind.as_deref() {
            Some("video") if usable => !std::mem::replace(&mut lock(&taken)[0], true),
            Some("audio") if usable => !std::mem::replace(&mut lock(&taken)[1], true),
            _ => false,
        };
        Some(wanted.to_value())
    });
    chosen
}

fn attach_streams(source: &gst::Element, pipeline: &gst::Pipeline, streams: &Arc<Streams>, wake: &Arc<Wake>, outlet: &Arc<Outlet>) {
    let (weak, streams, ended) = (pipeline.downgrade(), Arc::clone(streams), Arc::clone(wake));
    let usable = Arc::new(Mutex::new(false));
    let (any, outlet) = (Arc::clone(&usable), Arc::clone(outlet));
    source.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(branch) = branch::of_rtp(&caps) else { return };
        let attached = branch.and_then(|branch| attach(&pipeline, pad, &caps, branch, &streams, &outlet));
        match attached {
            Ok(()) => *lock(&any) = true,
            Err(error) => ended.end(End::Refused(error.to_string())),
        }
    });
    let ended = Arc::clone(wake);
    source.connect_no_more_pads(move |_| {
        if !*lock(&usable) {
            ended.end(End::Refused(NOTHING_USABLE.to_owned()));
        }
    });
}

fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, caps: &gst::CapsRef, branch: Branch, streams: &Arc<Streams>, outlet: &Arc<Outlet>) -> Result<(), Error> {
    let (is_audio, codec, delay) = (branch.is_audio(), branch.codec, branch.delay);
    let out = Arc::clone(outlet);
    let sink = sample_sink(branch.caps.as_ref(), move |sample| {
        let Some((data, pts, key)) = piece(&sample) else { return out.note_dropped() };
        out.push(Encoded { codec, data, stamp: stamp_of(pts, is_audio, delay), key });
    });
    let mut elements = branch.elements;
    elements.push(sink);
    if let Some(entry) = elements.first().and_then(|first| first.static_pad("sink")) {
        streams.stamp(&entry, caps);
    }
    link_behind(pipeline, pad, &elements)
}

/// Bytes, carried stamp, and whether decoding may start here.
fn piece(sample: &gst::Sample) -> Option<(Bytes, gst::ClockTime, bool)> {
    let buffer = sample.buffer_owned()?;
    let (pts, key) = (buffer.pts()?, !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
    Some((Bytes::from_owner(buffer.into_mapped_buffer_readable().ok()?), pts, key))
}
