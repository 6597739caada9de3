//! Cameras and microphones of this machine.

use serde::Serialize;
use tl_media::input::{self, DeviceKind};

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// What settings and pages call it; the same after a restart.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// `video` or `audio`.
    pub kind: &'static str,
    /// What it can give, one phrase each.
    pub modes: Vec<String>,
}

/// Every camera and microphone that the system tells of. Takes up to a second.
pub fn list() -> Result<Vec<Device>, String> {
    let found = input::devices().map_err(|error| error.to_string())?;
    let kind = |kind: DeviceKind| match kind {
        DeviceKind::Video => "video",
        DeviceKind::Audio => "audio",
    };
    Ok(found.into_iter().map(|device| Device { id: device.id, label: device.label, kind: kind(device.kind), modes: device.modes }).collect())
}
