//! Where a source's pictures and sound come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tl_base::{Protocol, Secret, SlotId};

use super::address;

/// The longest path, device name or user name, characters.
const MAX_TEXT_CHARS: usize = 1_024;

/// How RTSP carries its media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In the RTSP connection itself: passes everywhere.
    #[default]
    Tcp,
    /// As RTP over UDP: less delay on a good network.
    Udp,
}

/// Where a source's pictures and sound come from. What a protocol does not need stays none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSetup {
    /// The way in; `webrtc`, `srt`, `rtmp` and `chunks` take whoever comes with the slot's ticket.
    pub protocol: Protocol,
    /// `rtsp://`, `rtsps://` or, for MJPEG, `http://`, `https://`.
    #[serde(default)]
    pub url: Option<Secret>,
    /// User name, where the address holds none.
    #[serde(default)]
    pub user: Option<String>,
    /// Password of that user.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Of RTSP.
    #[serde(default)]
    pub transport: Transport,
    /// A file of this machine, absolute.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// A camera of this machine, by its id.
    #[serde(default)]
    pub device: Option<String>,
    /// A microphone of this machine, by its id; `default`: the system's.
    #[serde(default)]
    pub microphone: Option<String>,
}

impl SourceSetup {
    /// Takes whoever comes by this protocol.
    pub fn open(protocol: Protocol) -> Self {
        Self { protocol, url: None, user: None, password: None, transport: Transport::Tcp, path: None, device: None, microphone: None }
    }

    /// Whether this can be a source in this slot; tells what is wrong in one phrase that names no secret.
    pub fn check(&self, slot: SlotId) -> Result<(), String> {
        if !slot.is_camera() && !matches!(self.protocol, Protocol::Webrtc | Protocol::Device) {
            return Err("a microphone comes by webrtc or is a device of this machine".to_owned());
        }
        for text in [&self.user, &self.device, &self.microphone].into_iter().flatten().map(String::as_str).chain(self.password.as_ref().map(Secret::expose)) {
            if text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
                return Err(format!("names and passwords have at most {MAX_TEXT_CHARS} characters and no control characters"));
            }
        }
        self.only_what_it_needs()?;
        match self.protocol {
            Protocol::Rtsp => self.need_url(&["rtsp", "rtsps"]),
            Protocol::Mjpeg => self.need_url(&["http", "https"]),
            Protocol::File => self.need_path(),
            Protocol::Device if !slot.is_camera() && (self.device.is_some() || self.microphone.is_none()) => Err("name a microphone and no camera".to_owned()),
            Protocol::Device if self.device.is_none() && self.microphone.is_none() => Err("name a device, a microphone, or both".to_owned()),
            Protocol::Device | Protocol::Webrtc | Protocol::Srt | Protocol::Rtmp | Protocol::Chunks => Ok(()),
        }
    }

    /// The address with user and password in it, for who connects.
    pub fn full_url(&self) -> Option<Secret> {
        self.url.as_ref().map(|url| address::with_user(url, self.user.as_deref(), self.password.as_ref()))
    }

    /// Where, without secrets, for people; empty when it takes whoever comes.
    pub fn shown(&self) -> String {
        match (&self.url, &self.path, &self.device, &self.microphone) {
            (Some(url), ..) => address::shown(url.expose()),
            (None, Some(path), ..) => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            (None, None, Some(device), _) => device.clone(),
            (None, None, None, Some(microphone)) => microphone.clone(),
            (None, None, None, None) => String::new(),
        }
    }

    fn only_what_it_needs(&self) -> Result<(), String> {
        let pulled = matches!(self.protocol, Protocol::Rtsp | Protocol::Mjpeg);
        let given = [
            ("url", self.url.is_some() && !pulled),
            ("user", self.user.is_some() && !pulled),
            ("password", self.password.is_some() && !pulled),
            ("transport", self.transport != Transport::Tcp && self.protocol != Protocol::Rtsp),
            ("path", self.path.is_some() && self.protocol != Protocol::File),
            ("device", self.device.is_some() && self.protocol != Protocol::Device),
            ("microphone", self.microphone.is_some() && self.protocol != Protocol::Device),
        ];
        match given.iter().find(|(_, too_much)| *too_much) {
            Some((field, _)) => Err(format!("{} takes no {field}", self.protocol)),
            None => Ok(()),
        }
    }

    fn need_url(&self, schemes: &[&str]) -> Result<(), String> {
        let url = self.url.as_ref().ok_or_else(|| format!("{} needs a url", self.protocol))?;
        address::check(url.expose(), schemes)
    }

    fn need_path(&self) -> Result<(), String> {
        let path = self.path.as_ref().ok_or("file needs a path")?;
        let text = path.to_string_lossy();
        if !path.is_absolute() || text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
            return Err(format!("a path is absolute and has at most {MAX_TEXT_CHARS} characters"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Result<&str, &str>) {
        let read = serde_json::from_str::<SourceSetup>(json).map_err(|error| error.to_string());
        let checked = read.and_then(|setup| setup.check(SlotId(1)).map(|()| setup.shown()));
        match (&checked, expect) {
            (Ok(shown), Ok(expect)) => assert_eq!(shown, expect),
            (Err(told), Err(expect)) => assert!(told.contains(expect), "{told}"),
            _ => panic!("{json}: {checked:?}, not {expect:?}"),
        }
    }

    #[test]
    fn each_protocol_takes_what_it_needs() {
        check(r#"{"protocol":"webrtc"}"#, Ok(""));
        check(r#"{"protocol":"rtsp","url":"rtsp://10.0.0.9/live","user":"u","password":"p","transport":"udp"}"#, Ok("rtsp://10.0.0.9"));
        check(r#"{"protocol":"mjpeg","url":"https://10.0.0.9/mjpg"}"#, Ok("https://10.0.0.9"));
        check(r#"{"protocol":"file","path":"/video/game.mp4"}"#, Ok("game.mp4"));
        check(r#"{"protocol":"device","device":"/dev/video0","microphone":"default"}"#, Ok("/dev/video0"));
        check(r#"{"protocol":"rtsp"}"#, Err("needs a url"));
        check(r#"{"protocol":"rtsp","url":"file:///etc/shadow"}"#, Err("begins with none"));
        check(r#"{"protocol":"mjpeg","url":"http://a/x","path":"/x"}"#, Err("takes no path"));
        check(r#"{"protocol":"file","path":"game.mp4"}"#, Err("absolute"));
        check(r#"{"protocol":"device"}"#, Err("name a device"));
        check(r#"{"protocol":"webrtc","url":"rtsp://a/"}"#, Err("takes no url"));
        check(r#"{"protocol":"srt","transport":"udp"}"#, Err("takes no transport"));
        check(r#"{"protocol":"telepathy"}"#, Err("unknown variant"));
        check(r#"{"protocol":"webrtc","extra":1}"#, Err("unknown field"));
    }

    #[test]
    fn a_microphone_is_a_device_or_a_phone() {
        let setup = |json: &str| serde_json::from_str::<SourceSetup>(json).expect("a setup").check(SlotId::COMMENTARY);
        assert_eq!(setup(r#"{"protocol":"device","microphone":"default"}"#), Ok(()));
        assert_eq!(setup(r#"{"protocol":"webrtc"}"#), Ok(()));
        assert!(setup(r#"{"protocol":"rtsp","url":"rtsp://a/"}"#).is_err());
        assert!(setup(r#"{"protocol":"device","device":"/dev/video0","microphone":"x"}"#).is_err());
    }

    #[test]
    fn nothing_told_names_a_secret() {
        let setup: SourceSetup = serde_json::from_str(r#"{"protocol":"rtsp","url":"rtsp://anna:s3cret@10.0.0.9/k3y","password":"pa55"}"#).expect("a setup");
        let told = format!("{setup:?} {}", setup.shown());
        for hidden in ["s3cret", "k3y", "pa55"] {
            assert!(!told.contains(hidden), "{hidden} in {told}");
        }
        let long = serde_json::from_str::<SourceSetup>(&format!(r#"{{"protocol":"rtsp","url":"rtsp://h/{}"}}"#, "s3cret".repeat(300))).expect("a setup");
        assert!(!long.check(SlotId(1)).expect_err("too long").contains("s3cret"));
    }

    #[test]
    fn any_json_is_a_setup_or_refused() {
        bolero::check!().with_iterations(5_000).with_type::<(Vec<u8>, u8, u8, String)>().for_each(|(bytes, protocol, field, text)| {
            assert!(serde_json::from_slice::<SourceSetup>(bytes).is_err());
            let protocol = Protocol::ALL[usize::from(*protocol) % Protocol::ALL.len()];
            let field = ["url", "user", "password", "transport", "path", "device", "microphone"][usize::from(*field) % 7];
            let json = serde_json::json!({"protocol": protocol, field: text});
            if let Ok(setup) = serde_json::from_value::<SourceSetup>(json) {
                for slot in [SlotId(1), SlotId::COMMENTARY] {
                    if setup.check(slot).is_ok() {
                        setup.full_url();
                        setup.shown();
                    }
                }
            }
        });
    }
}
