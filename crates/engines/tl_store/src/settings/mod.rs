//! What was asked for: `touchline.toml`, every key with unit, range and default in the annotated file in `assets/`.
//!
//! A bad field costs that field: the default stands in, and a [`Problem`] says which line, what is wrong and what to do.

mod destination;
mod reader;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use tl_base::{MediaTime, Rate, Secret, Size};

use crate::{Error, files};
use reader::Reader;

/// The annotated file with every key at its default.
pub const ANNOTATED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../assets/touchline.toml"));

/// One thing that is wrong with a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, counted from 1; 0 when it is about no line.
    pub line: usize,
    /// The key, `programme.fps`; empty when it is about none.
    pub key: String,
    /// What is wrong and what to do, one sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Where things are kept.
    pub session: Session,
    /// The door.
    pub server: Server,
    /// The picture.
    pub programme: Programme,
    /// Live delivery.
    pub streaming: Streaming,
    /// Where the programme goes, at most 8.
    pub destinations: Vec<Destination>,
    /// What is recorded.
    pub recording: Recording,
    /// The show.
    pub show: Show,
    /// Programme sound.
    pub sound: Sound,
}

/// `[session]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// Where sessions, recordings and secrets are kept; none: this system's place for a user's data.
    pub data_dir: Option<PathBuf>,
}

impl Session {
    /// The data folder in use.
    pub fn data_folder(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_folder)
    }
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Port for HTTPS; 0: any free one.
    pub https_port: u16,
    /// Address to listen at.
    pub address: IpAddr,
    /// UDP port for phones' media; 0: any free one.
    pub media_port: u16,
    /// More names by which this machine is called in the network.
    pub names: Vec<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self { https_port: 7443, address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), media_port: 0, names: Vec::new() }
    }
}

/// `[programme]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Programme {
    /// Canvas, even numbers of pixels.
    pub size: Size,
    /// Pictures a second.
    pub rate: Rate,
    /// Video bits a second (the key counts kilobits).
    pub bitrate_bps: u32,
    /// GStreamer element to encode with; none: the first that works.
    pub encoder: Option<String>,
}

impl Default for Programme {
    fn default() -> Self {
        Self { size: Size::new(1_280, 720), rate: Rate::FPS_30, bitrate_bps: 3_000_000, encoder: None }
    }
}

/// `[streaming]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Streaming {
    /// Length of a segment (the key counts seconds).
    pub segment_duration: MediaTime,
    /// Length of a video part (`part_ms`).
    pub part: MediaTime,
    /// Whole segments that a viewer may go back.
    pub window_segments: usize,
    /// Days after which stored segments may go.
    pub retention_days: u32,
}

impl Default for Streaming {
    fn default() -> Self {
        Self { segment_duration: MediaTime::from_secs(2), part: MediaTime::from_millis(200), window_segments: 10, retention_days: 30 }
    }
}

/// How a destination is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinationKind {
    /// RTMP or RTMPS.
    Rtmp,
}

/// `[[destination]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Its name, unique.
    pub name: String,
    /// How it is reached.
    pub kind: DestinationKind,
    /// Its address with its key.
    pub url: Secret,
}

impl Destination {
    /// A destination from a command line: `@FILE` names a file with the address, a plain address must lie on this machine.
    pub fn from_argument(name: &str, argument: &str) -> Result<Self, Error> {
        destination::from_argument(name, argument)
    }

    /// Its address without its key, for people.
    pub fn shown_url(&self) -> String {
        tl_base::log::redact(self.url.expose())
    }
}

/// `[recording]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Whether each camera is recorded as it comes.
    pub iso: bool,
    /// Whether the programme is recorded.
    pub programme: bool,
    /// Length of a fragment (`fragment_ms`).
    pub fragment: MediaTime,
    /// Longest time until bytes are on the disk (`sync_ms`).
    pub sync: MediaTime,
}

impl Default for Recording {
    fn default() -> Self {
        Self { iso: true, programme: true, fragment: MediaTime::from_millis(500), sync: MediaTime::from_secs(1) }
    }
}

/// What is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sport {
    /// Ice or field hockey.
    #[default]
    Hockey,
    /// Fencing.
    Fencing,
}

/// `[show]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    /// What is played.
    pub sport: Sport,
    /// Camera positions.
    pub cameras: u16,
    /// The least delay that the show allows for pictures to arrive (`budget_min_ms`).
    pub budget_min: MediaTime,
    /// The most (`budget_max_ms`).
    pub budget_max: MediaTime,
}

impl Default for Show {
    fn default() -> Self {
        Self { sport: Sport::Hockey, cameras: 4, budget_min: MediaTime::from_millis(60), budget_max: MediaTime::from_millis(400) }
    }
}

/// `[sound]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Programme sound, bits a second (the key counts kilobits).
    pub aac_bitrate_bps: u32,
}

impl Default for Sound {
    fn default() -> Self {
        Self { aac_bitrate_bps: 128_000 }
    }
}

/// Reads a settings file. What is wrong in it costs that part; a file that cannot be read at all is an error.
pub fn load(path: &Path) -> Result<(Settings, Vec<Problem>), Error> {
    let bytes = files::read_small(path)?.ok_or_else(|| Error::io("read", path)(std::io::ErrorKind::NotFound.into()))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::damaged(path, "it is not UTF-8 text"))?;
    Ok(parse(&text, path))
}

/// Reads settings from a text; `path` is named in problems, and relative paths start at its folder.
pub fn parse(text: &str, path: &Path) -> (Settings, Vec<Problem>) {
    let mut reader = Reader::new(text, path);
    let settings = reader.read(read_all);
    (settings, reader.into_problems())
}

/// This system's place for a user's data.
pub fn default_data_folder() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        from("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        from("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        from("XDG_DATA_HOME").or_else(|| from("HOME").map(|home| home.join(".local/share")))
    };
    base.unwrap_or_else(std::env::temp_dir).join("touchline")
}

fn read_all(reader: &mut Reader<'_>, root: &toml::de::DeTable<'_>) -> Settings {
    let d = Settings::default();
    reader.sections(root, &["session", "server", "programme", "streaming", "destination", "recording", "show", "sound"]);

    let mut at = reader.section(root, "session");
    let data_dir = at.path("data_dir");
    at.finish();

    let mut at = reader.section(root, "server");
    let server = Server {
        https_port: at.whole("https_port", 0..=65_535, d.server.https_port),
        address: at.address("address", d.server.address),
        media_port: at.whole("media_port", 0..=65_535, d.server.media_port),
        names: at.names("names", 8),
    };
    at.finish();

    let mut at = reader.section(root, "programme");
    let programme = Programme {
        size: Size::new(at.even("width", 320..=3_840, d.programme.size.width), at.even("height", 180..=2_160, d.programme.size.height)),
        rate: Rate::new(at.one_of("fps", &[25, 30, 50, 60], 30), 1).unwrap_or(d.programme.rate),
        bitrate_bps: at.whole::<u32>("bitrate_kbps", 300..=50_000, d.programme.bitrate_bps / 1_000).saturating_mul(1_000),
        encoder: at.word("encoder"),
    };
    at.finish();

    let mut at = reader.section(root, "streaming");
    let segment_duration = MediaTime::from_secs_f64(at.number("segment_duration", 2.0..=4.0, d.streaming.segment_duration.as_secs_f64()));
    let part = at.millis("part_ms", 100..=500, d.streaming.part);
    let window_segments = at.whole("window_segments", 6..=60, d.streaming.window_segments);
    let mut storage = at.inner("storage");
    let retention_days = storage.whole("retention_days", 1..=3_650, d.streaming.retention_days);
    storage.finish();
    at.finish();
    let streaming = Streaming { segment_duration, part, window_segments, retention_days };

    let destinations = destination::read_all(reader, root);

    let mut at = reader.section(root, "recording");
    let recording = Recording {
        iso: at.flag("iso", d.recording.iso),
        programme: at.flag("programme", d.recording.programme),
        fragment: at.millis("fragment_ms", 200..=1_000, d.recording.fragment),
        sync: at.millis("sync_ms", 200..=2_000, d.recording.sync),
    };
    at.finish();

    let mut at = reader.section(root, "show");
    let sport = if at.one_word("sport", &["hockey", "fencing"]) == "fencing" { Sport::Fencing } else { Sport::Hockey };
    let cameras = at.whole("cameras", 1..=i64::from(tl_base::SlotId::MAX), d.show.cameras);
    let budget_min = at.millis("budget_min_ms", 60..=400, d.show.budget_min);
    let mut budget_max = at.millis("budget_max_ms", 60..=400, d.show.budget_max);
    if budget_max < budget_min {
        at.problem("budget_max_ms", format!("it lies below budget_min_ms; using {}", budget_min.as_millis_f64()));
        budget_max = budget_min;
    }
    at.finish();
    let show = Show { sport, cameras, budget_min, budget_max };

    let mut at = reader.section(root, "sound");
    let sound = Sound { aac_bitrate_bps: at.whole::<u32>("aac_bitrate_kbps", 64..=320, d.sound.aac_bitrate_bps / 1_000).saturating_mul(1_000) };
    at.finish();

    Settings { session: Session { data_dir }, server, programme, streaming, destinations, recording, show, sound }
}

#[cfg(test)]
mod tests;
