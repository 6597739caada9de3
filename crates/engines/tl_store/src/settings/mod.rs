//! What was asked for: `touchline.toml`, every key with unit, range and default in the annotated file in `assets/`.
//!
//! A bad field costs that field: the default stands in, and a [`Problem`] says which line, what is wrong and what to do.

mod camera;
mod destination;
mod reader;
mod secret_file;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use tl_base::{MediaTime, Rate, Secret, Size, SlotId};

use crate::setup::{DestinationSetup, SourceSetup};
use crate::{Error, files};

pub use crate::setup::DestinationKind;
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
    /// Ways in.
    pub inputs: Inputs,
    /// What is known of sources beforehand, each slot once.
    pub cameras: Vec<Camera>,
    /// Where the programme goes, at most 8.
    pub destinations: Vec<Destination>,
    /// Who watches.
    pub viewers: Viewers,
    /// What is recorded.
    pub recording: Recording,
    /// The show.
    pub show: Show,
    /// Programme sound.
    pub sound: Sound,
    /// What happens when time is short.
    pub overload: Overload,
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

/// `[inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// UDP port of slot 1 for SRT, the next ones for the other slots; 0: any free ones.
    pub srt_port: u16,
    /// What an SRT sender may be late (`srt_latency_ms`).
    pub srt_latency: MediaTime,
    /// Whether apps may publish by RTMP.
    pub rtmp: bool,
    /// TCP port for RTMP; 0: any free one.
    pub rtmp_port: u16,
    /// Whether RTMP is taken over TLS alone, with the studio's certificate.
    pub rtmps: bool,
    /// How long packets of an RTSP camera wait for each other (`rtsp_latency_ms`).
    pub rtsp_latency: MediaTime,
}

impl Default for Inputs {
    fn default() -> Self {
        let (srt_latency, rtsp_latency) = (MediaTime::from_millis(120), MediaTime::from_millis(100));
        Self { srt_port: 9_000, srt_latency, rtmp: true, rtmp_port: 1_935, rtmps: false, rtsp_latency }
    }
}

/// `[[camera]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its slot; also the commentator's or the director's.
    pub slot: SlotId,
    /// Its name.
    pub name: Option<String>,
    /// Its position, `center_ice` and so on.
    pub position: Option<String>,
    /// Where its pictures come from.
    pub source: SourceSetup,
    /// Whether a file begins anew at its end (`loop`).
    pub looped: bool,
    /// What is taken off its capture times, milliseconds.
    pub trim_ms: Option<i32>,
    /// 0 is served first when time is short.
    pub priority: Option<u8>,
}

/// `[[destination]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Its name, unique.
    pub name: String,
    /// Its whole address with its key; empty where only its preset knows the server.
    pub url: Secret,
    /// How it is set up.
    pub setup: DestinationSetup,
}

impl Destination {
    /// A destination from a command line: `@FILE` names a file with the address, a plain address must lie on this machine.
    pub fn from_argument(name: &str, argument: &str) -> Result<Self, Error> {
        destination::from_argument(name, argument)
    }

    /// Its address without its key, for people.
    pub fn shown_url(&self) -> String {
        self.setup.shown()
    }
}

/// `[viewers]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewers {
    /// Whether viewers may watch by WebRTC.
    pub whep: bool,
    /// How many of them at a time; the others get LL-HLS.
    pub whep_max: usize,
}

impl Default for Viewers {
    fn default() -> Self {
        Self { whep: true, whep_max: 20 }
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
    /// Where the programme's loudness is led, LUFS.
    pub loudness_lufs: f32,
    /// Whether it is led at all.
    pub riding: bool,
    /// How far everything else steps back for the commentator, dB.
    pub ducking_db: f32,
    /// Microphone of this machine for the commentator, by its id; none: a phone's or none.
    pub commentary: Option<String>,
}

impl Default for Sound {
    fn default() -> Self {
        Self { aac_bitrate_bps: 128_000, loudness_lufs: -16.0, riding: true, ducking_db: 15.0, commentary: None }
    }
}

/// `[overload]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Overload {
    /// Whether work is shed when time is short.
    pub shed: bool,
    /// Share of all cores from which on work is shed, 0 to 1 (the key counts percent).
    pub cpu_high: f64,
    /// Share below which it is taken up again, 0 to 1 (the key counts percent).
    pub cpu_low: f64,
}

impl Default for Overload {
    fn default() -> Self {
        Self { shed: true, cpu_high: 0.90, cpu_low: 0.70 }
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
    reader.sections(
        root,
        &["session", "server", "programme", "streaming", "inputs", "camera", "destination", "viewers", "recording", "show", "sound", "overload"],
    );

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

    let mut at = reader.section(root, "inputs");
    let inputs = Inputs {
        srt_port: at.whole("srt_port", 0..=65_503, d.inputs.srt_port),
        srt_latency: at.millis("srt_latency_ms", 20..=8_000, d.inputs.srt_latency),
        rtmp: at.flag("rtmp", d.inputs.rtmp),
        rtmp_port: at.whole("rtmp_port", 0..=65_535, d.inputs.rtmp_port),
        rtmps: at.flag("rtmps", d.inputs.rtmps),
        rtsp_latency: at.millis("rtsp_latency_ms", 0..=2_000, d.inputs.rtsp_latency),
    };
    at.finish();
    let sources = camera::read_all(reader, root);
    let destinations = destination::read_all(reader, root);

    let mut at = reader.section(root, "viewers");
    let viewers = Viewers { whep: at.flag("whep", d.viewers.whep), whep_max: at.whole("whep_max", 0..=200, d.viewers.whep_max) };
    at.finish();

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
    let sound = Sound {
        aac_bitrate_bps: at.whole::<u32>("aac_bitrate_kbps", 64..=320, d.sound.aac_bitrate_bps / 1_000).saturating_mul(1_000),
        loudness_lufs: at.number("loudness_lufs", -30.0..=-10.0, f64::from(d.sound.loudness_lufs)) as f32,
        riding: at.flag("riding", d.sound.riding),
        ducking_db: at.number("ducking_db", 6.0..=20.0, f64::from(d.sound.ducking_db)) as f32,
        commentary: at.text("commentary", 1_024).map(|(_, device)| device),
    };
    at.finish();
    let overload = read_overload(reader, root, &d.overload);

    Settings { session: Session { data_dir }, server, programme, streaming, inputs, cameras: sources, destinations, viewers, recording, show, sound, overload }
}

fn read_overload(reader: &mut Reader<'_>, root: &toml::de::DeTable<'_>, d: &Overload) -> Overload {
    let mut at = reader.section(root, "overload");
    let percent = |share: f64| (share * 100.0).round() as i64;
    let shed = at.flag("shed", d.shed);
    let high = at.whole("cpu_high", 50..=100, percent(d.cpu_high));
    let mut low = at.whole("cpu_low", 20..=95, percent(d.cpu_low));
    if low >= high {
        at.problem("cpu_low", format!("it does not lie below cpu_high; using {}", high - 5));
        low = high - 5;
    }
    at.finish();
    Overload { shed, cpu_high: high as f64 / 100.0, cpu_low: low as f64 / 100.0 }
}

#[cfg(test)]
mod tests;
