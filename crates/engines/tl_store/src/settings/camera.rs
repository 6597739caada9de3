//! Where the pictures of a camera come from, where nobody carries them in by a phone.

use std::path::Path;

use tl_base::{Protocol, Secret, SlotId};
use toml::de::DeTable;

use super::reader::{Reader, Section};
use super::{Camera, secret_file};
use crate::setup::{MAX_URL_CHARS, SourceSetup, Transport, camera_name, secret_from_environment};

/// Camera positions, the commentator and the director.
const MAX_CAMERAS: usize = SlotId::MAX as usize + 2;

const PROTOCOLS: [&str; 8] = ["webrtc", "rtsp", "srt", "rtmp", "mjpeg", "chunks", "file", "device"];

const KEYS: [&str; 15] = [
    "slot",
    "name",
    "position",
    "protocol",
    "url",
    "url_file",
    "user",
    "password_file",
    "transport",
    "path",
    "device",
    "microphone",
    "trim_ms",
    "priority",
    "loop",
];

pub(super) fn read_all(reader: &mut Reader<'_>, root: &DeTable<'_>) -> Vec<Camera> {
    let mut cameras: Vec<Camera> = Vec::new();
    for (line, table) in reader.tables(root, "camera", MAX_CAMERAS) {
        let folder = reader.folder().to_owned();
        let mut at = reader.element("camera", line, table);
        let slot = at.slot("slot");
        let name = at.text("name", 24).map(|(_, name)| name);
        let position = at.word("position");
        let source = read_source(&mut at, &folder, slot);
        let trim_ms = at.optional_whole("trim_ms", -500..=2_000);
        let priority = at.optional_whole("priority", 0..=9);
        let looped = at.flag("loop", true);
        let taken = slot.is_some_and(|slot| cameras.iter().any(|known| known.slot == slot));
        match (slot, source) {
            (None, _) => at.problem("slot", format!("a camera needs a slot: 1 to {}, \"commentary\" or \"talkback\"; it is left out", SlotId::MAX)),
            (Some(slot), _) if taken => at.problem("slot", format!("there is another camera {slot}; this one is left out")),
            // Its name, trim and priority still hold: it takes whoever comes.
            (Some(slot), Err((key, reason))) => {
                at.problem(key, format!("{reason}; camera {slot} takes whoever comes"));
                cameras.push(Camera { slot, name, position, source: SourceSetup::open(Protocol::Webrtc), looped, trim_ms, priority });
            }
            (Some(slot), Ok(source)) => cameras.push(Camera { slot, name, position, source, looped, trim_ms, priority }),
        }
        at.finish();
    }
    // The annotated file must name these keys although it holds no camera.
    reader.known.extend(KEYS.map(|key| format!("camera.{key}")));
    cameras
}

/// A source, or the key that is wrong and why.
fn read_source(at: &mut Section<'_, '_, '_>, folder: &Path, slot: Option<SlotId>) -> Result<SourceSetup, (&'static str, String)> {
    let protocol = Protocol::parse(at.one_word("protocol", &PROTOCOLS)).unwrap_or(Protocol::Webrtc);
    let url = at.text("url", MAX_URL_CHARS).map(|(_, url)| url);
    let url_file = at.text("url_file", 1_024).map(|(_, file)| file);
    let user = at.text("user", 256).map(|(_, user)| user);
    let password_file = at.text("password_file", 1_024).map(|(_, file)| file);
    let transport = if at.one_word("transport", &["tcp", "udp"]) == "udp" { Transport::Udp } else { Transport::Tcp };
    let path = at.path("path");
    let device = at.text("device", 1_024).map(|(_, device)| device);
    let microphone = at.text("microphone", 1_024).map(|(_, microphone)| microphone);
    let mut read = |key: &'static str, file: &str| -> Result<Secret, (&'static str, String)> {
        let (secret, warning) = secret_file::read(&folder.join(file.strip_prefix('@').unwrap_or(file))).map_err(|reason| (key, reason))?;
        if let Some(warning) = warning {
            at.problem(key, warning);
        }
        Ok(secret)
    };
    let url = match (url, url_file) {
        (Some(_), Some(_)) => return Err(("url", "both url and url_file are given; keep one".to_owned())),
        (None, Some(file)) => Some(read("url_file", &file)?),
        (Some(url), None) if has_user(&url) => {
            let reason = "an address with a password does not stand here in plain text; use user and password_file, or url_file";
            return Err(("url", reason.to_owned()));
        }
        (url, None) => url.map(Secret::new),
    };
    let in_file = password_file.map(|file| read("password_file", &file)).transpose()?;
    let password = slot.filter(|_| user.is_some()).and_then(|slot| secret_from_environment(&camera_name(slot))).or(in_file);
    // What the file names relative to itself is a file of this machine all the same.
    let path = path.map(|path| std::path::absolute(&path).unwrap_or(path));
    let source = SourceSetup { protocol, url, user, password, transport, path, device, microphone };
    source.check(slot.unwrap_or(SlotId(1))).map_err(|reason| ("protocol", reason))?;
    Ok(source)
}

fn has_user(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@'))
}
