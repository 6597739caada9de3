//! Cameras that answer an HTTP GET with one JPEG image after the other.
//!
//! `souphttpsrc` (libsoup) does HTTP, TLS, redirections, Basic and Digest. The parts are taken out here and not by
//! `multipartdemux`, which keeps all that comes until a boundary does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;

use tl_base::{Secret, SourceStats};
use tl_frame::Codec;

use crate::Error;
use crate::input::multipart::{Multipart, Part};
use crate::input::outlet::{Encoded, Outlet};
use crate::input::timeline::{Domain, Stamp};
use crate::input::url;
use crate::input::wake::{End, Wake};
use crate::input::watched::{Watched, judge_network, sample_sink};
use crate::line::{element, lock, set};

/// No image for so long is a hang.
const HANG: Duration = Duration::from_secs(5);
/// So long may a camera take from the first word to the first image.
const START: Duration = Duration::from_secs(10);
/// Statistics are told this often.
const TICK: Duration = Duration::from_secs(1);

/// One connection, until it ends.
pub(super) fn attempt(url: &Secret, wake: &Arc<Wake>, outlet: &Arc<Outlet>) -> Result<End, Error> {
    let address = url::Address::parse(url.expose(), &["http", "https"])?;
    outlet.begin(Some(address.host.clone()));
    let source = element("souphttpsrc")?;
    source.set_property("location", &address.location);
    if let (Some(user), Some(password)) = (&address.user, &address.password) {
        source.set_property("user-id", user);
        source.set_property("user-pw", password.expose());
    }
    let patience = START.as_secs().to_string();
    for (name, value) in
        [("is-live", "true"), ("retries", "0"), ("timeout", &patience), ("keep-alive", "false"), ("user-agent", "Touchline"), ("iradio-mode", "false")]
    {
        set(&source, name, value);
    }
    let content_type = watch_content_type(&source);
    let (out, ended) = (Arc::clone(outlet), Arc::clone(wake));
    let mut body: Option<Multipart> = None;
    let sink = sample_sink(None, move |sample| {
        let body = body.get_or_insert_with(|| Multipart::new(lock(&content_type).as_deref()));
        let Some(bytes) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) else { return };
        match body.push(&bytes) {
            Ok(parts) => parts.into_iter().for_each(|part| give(&out, part)),
            Err(fault) => ended.end(End::Lost(fault.to_string())),
        }
    });
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &sink]).and_then(|()| source.link(&sink)).map_err(Error::pipeline("MJPEG"))?;
    let usual_port = if address.location.starts_with("https") { 443 } else { 80 };
    let running = Watched::new(pipeline, wake, End::Lost("the camera ended the stream".to_owned()), judge_network).with_far_end(&address.host, usual_port);
    running.play(wake, "MJPEG");
    let end = loop {
        if let Some(end) = wake.wait(TICK) {
            break end;
        }
        let (limit, reason) = if outlet.is_connected() { (HANG, "no media for 5 s") } else { (START, "no media") };
        if outlet.idle() > limit {
            break End::Lost(reason.to_owned());
        }
        outlet.report(SourceStats::default());
    };
    drop(running);
    Ok(end)
}

fn give(outlet: &Outlet, part: Part) {
    let stamp = part.stamp.map_or(Stamp::None, |pts| Stamp::Source { domain: Domain::Shared, pts, dts: None });
    outlet.push(Encoded { codec: Codec::Mjpeg, data: part.data, stamp, key: true });
}

/// What the answer's head says its body is.
fn watch_content_type(source: &gst::Element) -> Arc<Mutex<Option<String>>> {
    let found: Arc<Mutex<Option<String>>> = Arc::default();
    let Some(pad) = source.static_pad("src") else { return found };
    let seen = Arc::clone(&found);
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let head = info.event().and_then(|event| event.structure()).filter(|head| head.name() == "http-headers");
        if let Some(answer) = head.and_then(|head| head.get::<gst::Structure>("response-headers").ok()) {
            let field = answer.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case("content-type"));
            *lock(&seen) = field.and_then(|(_, value)| value.get::<String>().ok());
        }
        gst::PadProbeReturn::Ok
    });
    found
}
