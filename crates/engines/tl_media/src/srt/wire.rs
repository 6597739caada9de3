//! Bytes to an SRT listener, and what it acknowledges.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;

use crate::Error;
use crate::line::{Fate, element, set, watch};
use crate::srt::address::Address;

/// Bytes that may wait for the socket; above this units stay in the queue, where they are dropped by its rule.
pub(super) const MAX_WAITING: u64 = 256 << 10;
/// A transport packet that says nothing (ISO/IEC 13818-1, 2.4.3.3: PID 0x1fff).
const NULL_PACKET: [u8; 4] = [0x47, 0x1f, 0xff, 0x10];

/// One call to a listener.
pub(super) struct Wire {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    sink: gst::Element,
    fate: Arc<Fate>,
}

/// What the library counts of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) bytes_sent: u64,
    pub(super) acknowledgements: i32,
    /// Packets sent, the repeated ones too; those of them that the listener missed; those given up here.
    pub(super) packets_sent: i64,
    pub(super) packets_lost: i32,
    pub(super) packets_dropped: i32,
    pub(super) rtt: Duration,
}

impl Wire {
    /// Begins to call; whether somebody answers shows later.
    pub(super) fn call(to: SocketAddr, address: &Address) -> Result<Self, Error> {
        let sink = element("srtsink")?;
        // The secrets stand in properties that cannot be read back, not in the address that errors may repeat.
        sink.set_property("uri", format!("srt://{to}"));
        set(&sink, "mode", "caller");
        set(&sink, "auto-reconnect", "false");
        set(&sink, "sync", "false");
        set(&sink, "async", "false");
        set(&sink, "latency", &address.latency_ms.to_string());
        if let Some(id) = &address.stream_id {
            sink.set_property("streamid", id.expose());
        }
        if let Some(passphrase) = &address.passphrase {
            sink.set_property("passphrase", passphrase.expose());
            set(&sink, "pbkeylen", &address.key_bytes.unwrap_or(16).to_string());
        }
        let source = gst_app::AppSrc::builder().max_bytes(2 * MAX_WAITING).build();
        let pipeline = gst::Pipeline::new();
        let fate = watch(&pipeline);
        pipeline.add_many([source.upcast_ref(), &sink]).map_err(Error::pipeline("SRT"))?;
        source.link(&sink).map_err(Error::pipeline("SRT"))?;
        let wire = Self { pipeline, source, sink, fate };
        wire.pipeline.set_state(gst::State::Playing).map_err(|error| wire.failure(&error.to_string()))?;
        wire.knock();
        Ok(wire)
    }

    /// Sends packets that say nothing: a listener that refuses the call shows it only to somebody who sends.
    fn knock(&self) {
        let mut packet = vec![0xff; 7 * 188];
        for packet in packet.chunks_exact_mut(188) {
            if let Some(header) = packet.first_chunk_mut() {
                *header = NULL_PACKET;
            }
        }
        (self.sender())(gst::Buffer::from_slice(packet));
    }

    /// What takes packets to this wire from another thread. Its caller looks at [`Wire::waiting`] first.
    pub(super) fn sender(&self) -> impl FnMut(gst::Buffer) + Send + Sync + 'static + use<> {
        let source = self.source.clone();
        move |mut buffer| {
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_pts(None);
                buffer.set_dts(None);
            }
            // An ended wire takes nothing; its owner sees the error that ended it.
            if source.push_buffer(buffer).is_err() {
                tracing::trace!("a packet came after the end of its connection");
            }
        }
    }

    /// Bytes that have not reached the socket.
    pub(super) fn waiting(&self) -> u64 {
        self.source.current_level_bytes()
    }

    /// What ended it.
    pub(super) fn error(&self) -> Option<String> {
        self.fate.error()
    }

    /// What was counted; none until somebody has answered, and after the end.
    pub(super) fn counts(&self) -> Option<Counts> {
        let stats = self.sink.property::<gst::Structure>("stats");
        Some(Counts {
            bytes_sent: stats.get("bytes-sent").ok()?,
            acknowledgements: stats.get("packet-ack-received").ok()?,
            packets_sent: stats.get("packets-sent").ok()?,
            packets_lost: stats.get("packets-sent-lost").ok()?,
            packets_dropped: stats.get("packets-sent-dropped").ok()?,
            rtt: Duration::from_secs_f64(stats.get::<f64>("rtt-ms").ok()?.clamp(0.0, 60_000.0) / 1_000.0),
        })
    }

    fn failure(&self, detail: &str) -> Error {
        Error::Pipeline { what: "SRT", detail: self.fate.error().unwrap_or_else(|| detail.to_owned()) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "an SRT connection did not stop");
        }
    }
}
