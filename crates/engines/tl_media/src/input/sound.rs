//! Sound of a transport stream that is neither AAC nor Opus becomes one of them on a thread of its own.

use std::sync::Arc;

use bytes::Bytes;

use crate::Error;
use crate::input::branch;
use crate::input::outlet::{Encoded, Outlet};
use crate::input::timeline::{Domain, Stamp};
use crate::input::ts::Content;
use crate::line::{Line, Plan};

/// Packets that may wait; more than a second is no jitter but a machine that cannot keep up.
const MAX_QUEUE: u64 = 64;
/// Stamps are carried from here on, so that none is negative.
const CARRIED_FROM: i64 = 1_000_000_000_000_000;

/// A running conversion.
pub(super) struct Converter {
    line: Line,
}

impl Converter {
    /// A converter for `content` whose packets go to `outlet`, stamped in the source's shared clock.
    pub(super) fn start(content: Content, outlet: &Arc<Outlet>) -> Result<Self, Error> {
        let caps = match content {
            Content::Latm => gst::Caps::builder("audio/mpeg").field("mpegversion", 4).field("stream-format", "loas").build(),
            Content::MpegSound => gst::Caps::builder("audio/mpeg").field("mpegversion", 1).build(),
            Content::Ac3 => gst::Caps::new_empty_simple("audio/x-ac3"),
            other => return Err(Error::Unsupported(format!("{other:?} needs no conversion"))),
        };
        let branch = caps.as_ref().iter().next().and_then(|_| branch::of_stream(&caps));
        let branch = branch.ok_or_else(|| Error::Unsupported(format!("{content:?}")))??;
        let plan = Plan { what: "sound conversion", caps, elements: branch.elements, out_caps: branch.caps, max_buffers: MAX_QUEUE, block: false };
        let (outlet, codec, delay) = (Arc::clone(outlet), branch.codec, branch.delay);
        let line = Line::start(plan, move |sample| {
            let carried = sample.buffer().and_then(|buffer| buffer.pts()).and_then(|pts| i64::try_from(pts.nseconds()).ok());
            let data = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).map(|bytes| Bytes::copy_from_slice(&bytes));
            let (Some(carried), Some(data)) = (carried, data) else { return outlet.note_dropped() };
            let stamp = Stamp::Source { domain: Domain::Shared, pts: carried - CARRIED_FROM - delay.0, dts: None };
            outlet.push(Encoded { codec, data, stamp, key: true });
        })?;
        Ok(Self { line })
    }

    /// Takes an elementary packet stamped `pts` (nanoseconds, unwrapped); never waits.
    pub(super) fn push(&self, data: Vec<u8>, pts: i64) -> Result<(), Error> {
        let carried = u64::try_from(pts.saturating_add(CARRIED_FROM)).unwrap_or_default();
        let mut buffer = gst::Buffer::from_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(carried));
        }
        self.line.push(buffer)
    }
}
