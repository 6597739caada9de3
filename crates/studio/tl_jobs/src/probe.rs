//! What this machine can do: graphics, encoders, network.

use std::net::{IpAddr, UdpSocket};

use serde::Serialize;
use tl_base::Size;
use tl_gpu::{Config, Gpu};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// The graphics adapter that the programme would use; none when there is not even a software driver.
    pub gpu: Option<Adapter>,
    /// Why there is no adapter.
    pub gpu_problem: Option<String>,
    /// H.264 encoders, best first.
    pub encoders: Vec<Encoder>,
    /// Decoders of every codec that a camera may send, best first within a codec.
    pub decoders: Vec<Decoder>,
    /// Address under which phones on this network find this machine; none without a network.
    pub address: Option<IpAddr>,
    /// What will not work, and what to do, one sentence each.
    pub problems: Vec<String>,
}

/// A graphics adapter.
#[derive(Clone, Debug, Serialize)]
pub struct Adapter {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Whether it is the processor itself.
    pub software: bool,
}

/// An H.264 encoder.
#[derive(Clone, Debug, Serialize)]
pub struct Encoder {
    /// GStreamer element.
    pub name: String,
    /// Whether a chip does it.
    pub hardware: bool,
    /// Whether it opened.
    pub works: bool,
}

/// A decoder.
#[derive(Clone, Debug, Serialize)]
pub struct Decoder {
    /// `h264`, `h265`, `vp8`, `vp9`, `av1`, `mjpeg`.
    pub codec: &'static str,
    /// GStreamer element.
    pub name: String,
    /// Whether a chip does it.
    pub hardware: bool,
    /// Whether it decoded a picture.
    pub works: bool,
}

/// Looks at everything that a programme needs. Takes about a second.
pub fn machine() -> Machine {
    let mut problems = Vec::new();
    let (gpu, gpu_problem) = match Gpu::start(Config::new(Size::new(1_280, 720)), |_| {}) {
        Ok(gpu) => {
            let found = gpu.adapter();
            (Some(Adapter { name: found.name, driver: found.driver, software: found.software }), None)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    match &gpu {
        None => problems.push("No graphics driver was found: install a Vulkan driver (on Debian: mesa-vulkan-drivers).".to_owned()),
        Some(adapter) if adapter.software => {
            problems.push("No GPU is used: the processor draws the programme, which 720p at 30 pictures a second allows.".to_owned())
        }
        Some(_) => {}
    }
    let encoders: Vec<Encoder> = match tl_media::init() {
        Ok(()) => tl_media::encoders().into_iter().map(|found| Encoder { name: found.name, hardware: found.hardware, works: found.works }).collect(),
        Err(error) => {
            problems.push(format!("GStreamer does not start: {error}."));
            Vec::new()
        }
    };
    let decoder = |found: tl_media::decode::DecoderInfo| Decoder { codec: found.codec.name(), name: found.name, hardware: found.hardware, works: found.works };
    let decoders: Vec<Decoder> = tl_media::decode::decoders().into_iter().map(decoder).collect();
    if !encoders.iter().any(|encoder| encoder.works) {
        problems.push("No H.264 encoder works: install GStreamer's ugly plugins (x264) or openh264.".to_owned());
    }
    let address = address();
    if address.is_none() {
        problems.push("This machine has no network address: phones can only join over a Wi-Fi or cable that both share.".to_owned());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Machine { cores, gpu, gpu_problem, encoders, decoders, address, problems }
}

/// The address that this machine would speak from. No packet is sent: connecting a datagram socket only asks the routing table.
fn address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // TEST-NET-1 (RFC 5737), which is nobody's.
    socket.connect(("192.0.2.1", 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}
