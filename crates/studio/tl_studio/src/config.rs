//! What a studio is started with.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tl_base::{MediaTime, Rate, Secret, Size, SlotId};
use tl_media::record;
use tl_store::{Settings, space};

use crate::Error;

/// A place that the programme is sent to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name on the page.
    pub name: String,
    /// RTMP address with its key.
    pub url: Secret,
    /// Whether it is reached as soon as there is a picture.
    pub on: bool,
}

impl Destination {
    /// A destination from a command line: `@FILE` names a file with the address, a plain address must lie on this machine.
    pub fn from_argument(name: &str, argument: &str) -> Result<Self, Error> {
        let found = tl_store::settings::Destination::from_argument(name, argument)?;
        Ok(Self { name: found.name, url: found.url, on: true })
    }
}

/// A file that stands for a camera: played in a loop, as if it were live.
#[derive(Clone, Debug)]
pub struct FileCamera {
    /// The slot.
    pub slot: SlotId,
    /// An H.264 file.
    pub path: PathBuf,
}

/// What is recorded, and how.
#[derive(Clone, Copy, Debug)]
pub struct RecordingConfig {
    /// Every camera as it arrives.
    pub iso: bool,
    /// The programme.
    pub programme: bool,
    /// Length of a fragment: what a crash may cost at most.
    pub fragment: MediaTime,
    /// How often the disk is told to keep what it has.
    pub sync: MediaTime,
    /// Recordings stop when no more than this is free, so that the system goes on.
    pub keep_free_bytes: u64,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self { iso: true, programme: true, fragment: MediaTime::from_millis(500), sync: MediaTime::from_secs(1), keep_free_bytes: space::STOP_BELOW_BYTES }
    }
}

impl RecordingConfig {
    pub(crate) fn recorder(&self, dir: PathBuf, stem: String, kind: record::Kind) -> record::Config {
        record::Config { dir, stem, kind, fragment: self.fragment, sync: self.sync }
    }
}

/// What a studio is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where sessions, segments, tokens and the certificate live.
    pub data_dir: PathBuf,
    /// Continue the session that was not ended, if there is one.
    pub resume: bool,
    /// Name of the game, for the slate and the pages.
    pub title: String,
    /// Address that the HTTPS door listens on.
    pub address: IpAddr,
    /// Its port; 0 takes any free one.
    pub https_port: u16,
    /// UDP port for phones; 0 takes any free one.
    pub media_port: u16,
    /// More names by which this machine is called in the network.
    pub names: Vec<String>,
    /// Canvas.
    pub size: Size,
    /// Ticks a second.
    pub rate: Rate,
    /// Programme bits a second.
    pub bitrate_bps: u32,
    /// Programme sound, bits a second.
    pub aac_bitrate_bps: u32,
    /// Encoder element to use; none takes the first that works.
    pub encoder: Option<String>,
    /// Camera positions, 1 to 32.
    pub cameras: u16,
    /// Limits of the delay budget.
    pub budget: (MediaTime, MediaTime),
    /// Length of a playlist segment.
    pub segment: MediaTime,
    /// Length of a video part.
    pub part: MediaTime,
    /// Days after which stored segments go.
    pub retention_days: u32,
    /// Segments in the live playlist.
    pub window_segments: usize,
    /// Where the programme may be sent.
    pub destinations: Vec<Destination>,
    /// What is recorded.
    pub recording: RecordingConfig,
    /// Whether the programme has sound.
    pub sound: bool,
    /// Whether the programme is served live.
    pub live: bool,
    /// Whether phones and pages are served at all.
    pub server: bool,
    /// Whether graphics are drawn.
    pub graphics: bool,
    /// Files that stand for cameras.
    pub files: Vec<FileCamera>,
    /// Use the software graphics driver even where there is a GPU.
    pub software_gpu: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self::from(Settings::default())
    }
}

impl Config {
    /// Reads a settings file. What is wrong in it costs that key and is told in one line each.
    pub fn load(path: &Path) -> Result<(Self, Vec<String>), Error> {
        let (settings, problems) = tl_store::settings::load(path)?;
        Ok((Self::from(settings), problems.iter().map(ToString::to_string).collect()))
    }
}

impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        let destinations = settings.destinations.into_iter();
        Self {
            data_dir: settings.session.data_folder(),
            resume: true,
            title: "Touchline".into(),
            address: settings.server.address,
            https_port: settings.server.https_port,
            media_port: settings.server.media_port,
            names: settings.server.names,
            size: settings.programme.size,
            rate: settings.programme.rate,
            bitrate_bps: settings.programme.bitrate_bps,
            aac_bitrate_bps: settings.sound.aac_bitrate_bps,
            encoder: settings.programme.encoder,
            cameras: settings.show.cameras,
            budget: (settings.show.budget_min, settings.show.budget_max),
            segment: settings.streaming.segment_duration,
            part: settings.streaming.part,
            retention_days: settings.streaming.retention_days,
            window_segments: settings.streaming.window_segments,
            destinations: destinations.map(|found| Destination { name: found.name, url: found.url, on: false }).collect(),
            recording: RecordingConfig {
                iso: settings.recording.iso,
                programme: settings.recording.programme,
                fragment: settings.recording.fragment,
                sync: settings.recording.sync,
                keep_free_bytes: space::STOP_BELOW_BYTES,
            },
            sound: true,
            live: true,
            server: true,
            graphics: true,
            files: Vec::new(),
            software_gpu: false,
        }
    }
}
