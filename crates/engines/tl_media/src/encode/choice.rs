//! Which H.264 encoders this machine has, and how each is told to be quick and regular.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use serde::Serialize;

use tl_base::{MediaTime, Rate, Size, SlotId, SourceId};
use tl_frame::{Colour, Frame, Memory, PixelFormat, Rotation, VecPlanes};

use crate::encode::{Video, VideoEncoder};
use crate::line::set;
use crate::{Error, init};

/// One encoder that this product knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EncoderInfo {
    /// The element's name.
    pub name: String,
    /// Whether it runs on a device of its own.
    pub hardware: bool,
    /// Whether it encoded a picture on this machine just now.
    pub works: bool,
}

/// The known encoders, best first.
const KNOWN: [(&str, bool); 4] = [("nvh264enc", true), ("vah264enc", true), ("x264enc", false), ("openh264enc", false)];
/// A key picture only when asked: farther apart than any show is long in pictures.
const NEVER: &str = "1000000";

/// The trial's pictures belong to no camera.
const NOBODY: SourceId = SlotId(0);

/// Every known encoder and whether it works here. The trial runs once and may take a second.
pub fn encoders() -> Vec<EncoderInfo> {
    static FOUND: OnceLock<Vec<EncoderInfo>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let tried = KNOWN.iter().map(|&(name, hardware)| EncoderInfo { name: name.to_owned(), hardware, works: try_out(name).is_ok() });
        tried.collect()
    });
    found.clone()
}

/// The names to try for a wish: that one alone, or all that proved to work. Software is not tried before: it either opens
/// or says so at once.
pub(crate) fn candidates(wish: Option<&str>) -> Vec<String> {
    if let Some(name) = wish {
        return vec![name.to_owned()];
    }
    let usable = KNOWN.iter().filter(|(name, hardware)| {
        let exists = gst::ElementFactory::find(name).is_some();
        exists && (!hardware || encoders().iter().any(|info| info.name == *name && info.works))
    });
    usable.map(|(name, _)| (*name).to_owned()).collect()
}

/// Whether it runs on a device of its own.
pub(crate) fn is_hardware(name: &str) -> bool {
    KNOWN.iter().any(|(known, hardware)| *known == name && *hardware)
}

/// Low delay, a steady rate, no reordering, keys only when asked.
pub(crate) fn configure(encoder: &gst::Element, name: &str, config: &Video) {
    let kbps = (config.bitrate_bps / 1_000).max(1).to_string();
    let bps = config.bitrate_bps.max(1_000).to_string();
    let properties: &[(&str, &str)] = match name {
        "x264enc" => &[
            ("tune", "zerolatency"),
            ("speed-preset", "veryfast"),
            ("threads", "1"),
            ("sliced-threads", "false"),
            ("bframes", "0"),
            ("bitrate", &kbps),
            ("vbv-buf-capacity", "1000"),
            ("key-int-max", NEVER),
            ("byte-stream", "true"),
            ("aud", "false"),
            ("option-string", "scenecut=0"),
        ],
        "openh264enc" => &[
            ("bitrate", &bps),
            ("max-bitrate", &bps),
            ("rate-control", "bitrate"),
            ("gop-size", NEVER),
            ("usage-type", "camera"),
            ("complexity", "low"),
            ("multi-thread", "1"),
            ("scene-change-detection", "false"),
            ("enable-frame-skip", "false"),
        ],
        "nvh264enc" => &[
            ("bitrate", &kbps),
            ("max-bitrate", &kbps),
            ("vbv-buffer-size", &kbps),
            ("rc-mode", "cbr"),
            ("preset", "low-latency-hq"),
            ("zerolatency", "true"),
            ("bframes", "0"),
            ("gop-size", "-1"),
            ("strict-gop", "true"),
            ("aud", "false"),
        ],
        "vah264enc" => &[("bitrate", &kbps), ("rate-control", "cbr"), ("b-frames", "0"), ("ref-frames", "1"), ("key-int-max", "1024"), ("aud", "false")],
        _ => &[],
    };
    for (property, value) in properties {
        set(encoder, property, value);
    }
    set(encoder, "qos", "false");
}

/// The software encoder told the same, for files.
pub(crate) fn configure_x264(encoder: &gst::Element, config: &Video) {
    configure(encoder, "x264enc", config);
}

/// Encodes two small pictures and waits for the first.
pub(crate) fn try_out(name: &str) -> Result<(), Error> {
    init()?;
    let size = Size::new(320, 192);
    let config = Video { source: NOBODY, size, rate: Rate::FPS_30, bitrate_bps: 300_000, gop: MediaTime::from_secs(2), encoder: Some(name.to_owned()) };
    let (sender, receiver) = mpsc::sync_channel(4);
    let encoder = VideoEncoder::new(config, move |unit| {
        if sender.try_send(unit.key).is_err() {
            tracing::debug!("a trial saw enough");
        }
    })?;
    for tick in 0..2 {
        let frame = Frame {
            source: NOBODY,
            seq: tick,
            format: PixelFormat::I420,
            colour: Colour::PROGRAMME,
            size,
            rotation: Rotation::None,
            capture: Rate::FPS_30.tick_start(tick),
            arrival: MediaTime::ZERO,
            memory: Memory::Cpu(Arc::new(VecPlanes::new(PixelFormat::I420, size))),
        };
        encoder.push(frame, tick == 0)?;
    }
    match receiver.recv_timeout(Duration::from_secs(3)) {
        Ok(true) => Ok(()),
        _ => Err(Error::Unsupported(format!("{name} gave no key picture"))),
    }
}
