//! What a studio is started with.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tl_base::{MediaTime, Protocol, Rate, Secret, Size, SlotId};
use tl_media::{input, record};
use tl_show::SoundProcessing;
use tl_store::setup::{DestinationSetup, SourceSetup};
use tl_store::{Settings, space};

use crate::{Error, overload};

/// A place that the programme is sent to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name on the page.
    pub name: String,
    /// `rtmp://`, `rtmps://` or `srt://` with its key.
    pub url: Secret,
    /// Whether it is reached as soon as there is a picture.
    pub on: bool,
    /// Whether the settings file names it.
    pub in_settings: bool,
    /// How it was set up, where that is known.
    pub setup: Option<DestinationSetup>,
}

impl Destination {
    /// A destination from a command line: `@FILE` names a file with the address, a plain address must lie on this machine.
    pub fn from_argument(name: &str, argument: &str) -> Result<Self, Error> {
        let found = tl_store::settings::Destination::from_argument(name, argument)?;
        Ok(Self { name: found.name, url: found.url, on: true, in_settings: true, setup: None })
    }

    /// A destination as somebody set it up; one sentence when it cannot be one.
    pub fn of(name: &str, setup: DestinationSetup) -> Result<Self, String> {
        setup.check().map_err(|reason| format!("Destination {name} was not set up: {reason}."))?;
        let preset = setup.preset.as_deref().and_then(|wanted| tl_media::destination::presets().iter().find(|preset| preset.id == wanted));
        let server = preset.and_then(|preset| preset.servers.first().copied());
        let url = setup.full_url(server).ok_or_else(|| format!("Destination {name} has no address."))?;
        Ok(Self { name: name.to_owned(), url, on: false, in_settings: false, setup: Some(setup) })
    }

    /// `rtmp` or `srt`.
    pub fn kind(&self) -> &'static str {
        if self.url.expose().starts_with("srt:") { "srt" } else { "rtmp" }
    }

    /// Its address without its key.
    pub fn shown(&self) -> String {
        tl_base::log::redact(self.url.expose())
    }
}

/// Where a source's pictures and sound come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The slot.
    pub slot: SlotId,
    /// The way in; none takes whoever comes with the slot's ticket.
    pub kind: Option<input::Kind>,
    /// Where, without secrets.
    pub address: String,
    /// Its name, where the settings give one.
    pub name: String,
    /// Its position, where the settings give one.
    pub position: String,
    /// What its encoder and network hide, milliseconds.
    pub trim_ms: Option<i32>,
    /// 0 is served first when time is short.
    pub priority: Option<u8>,
}

impl Source {
    /// A file that stands for a camera, played in a loop as if it were live.
    pub fn file(slot: SlotId, path: PathBuf) -> Self {
        let address = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { kind: Some(input::Kind::File { path, looped: true }), address, ..Self::open(slot) }
    }

    fn open(slot: SlotId) -> Self {
        Self { slot, kind: None, address: String::new(), name: String::new(), position: String::new(), trim_ms: None, priority: None }
    }

    /// A source as somebody set it up; one sentence when it cannot be one.
    pub fn of(slot: SlotId, setup: &SourceSetup, config: &Config) -> Result<Self, String> {
        setup.check(slot).map_err(|reason| format!("Camera {slot} was not set up: {reason}."))?;
        let url = || setup.full_url().ok_or_else(|| format!("Camera {slot} has no address."));
        let kind = match setup.protocol {
            Protocol::Rtsp => {
                let transport = match setup.transport {
                    tl_store::setup::Transport::Tcp => input::Transport::Tcp,
                    tl_store::setup::Transport::Udp => input::Transport::Udp,
                };
                Some(input::Kind::Rtsp { url: url()?, transport, latency: config.inputs.rtsp_latency })
            }
            Protocol::Mjpeg => Some(input::Kind::Mjpeg { url: url()? }),
            Protocol::File => setup.path.clone().map(|path| input::Kind::File { path, looped: true }),
            Protocol::Device => {
                let (video, audio) = (setup.device.clone(), setup.microphone.clone());
                Some(input::Kind::Device { video, audio, size: config.size, rate: config.rate })
            }
            Protocol::Webrtc | Protocol::Srt | Protocol::Rtmp | Protocol::Chunks => None,
        };
        Ok(Self { kind, address: setup.shown(), ..Self::open(slot) })
    }

    /// A source as the settings name it; one sentence when it cannot be one.
    fn in_settings(camera: tl_store::settings::Camera, config: &Config) -> Result<Self, String> {
        let mut source = Self::of(camera.slot, &camera.source, config)?;
        if let Some(input::Kind::File { looped, .. }) = &mut source.kind {
            *looped = camera.looped;
        }
        source.name = camera.name.unwrap_or_default();
        source.position = camera.position.unwrap_or_default();
        (source.trim_ms, source.priority) = (camera.trim_ms, camera.priority);
        Ok(source)
    }

    /// How it comes in.
    pub fn protocol(&self) -> Protocol {
        self.kind.as_ref().map_or(Protocol::Webrtc, input::Kind::protocol)
    }
}

/// How apps reach the studio.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// Whether each slot listens for an SRT caller.
    pub srt: bool,
    /// Slot 1 listens on this port, the others on the next ones; 0 takes any free ones.
    pub srt_port: u16,
    /// What SRT may wait for lost packets.
    pub srt_latency: MediaTime,
    /// Whether apps may publish by RTMP.
    pub rtmp: bool,
    /// Its port; 0 takes any free one.
    pub rtmp_port: u16,
    /// Whether that is RTMPS, with the studio's own certificate.
    pub rtmps: bool,
    /// What RTSP may wait for late packets.
    pub rtsp_latency: MediaTime,
}

impl From<tl_store::settings::Inputs> for Inputs {
    fn from(found: tl_store::settings::Inputs) -> Self {
        let tl_store::settings::Inputs { srt_port, srt_latency, rtmp, rtmp_port, rtmps, rtsp_latency } = found;
        Self { srt: true, srt_port, srt_latency, rtmp, rtmp_port, rtmps, rtsp_latency }
    }
}

/// What is recorded, and how.
#[derive(Clone, Copy, Debug)]
pub struct RecordingConfig {
    /// Every camera as it arrives.
    pub iso: bool,
    /// The programme.
    pub programme: bool,
    /// Whether each camera's recording carries the programme's sound as a second track.
    pub programme_sound: bool,
    /// Length of a fragment: what a crash may cost at most.
    pub fragment: MediaTime,
    /// How often the disk is told to keep what it has.
    pub sync: MediaTime,
    /// Recordings stop when no more than this is free, so that the system goes on.
    pub keep_free_bytes: u64,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            iso: true,
            programme: true,
            programme_sound: true,
            fragment: MediaTime::from_millis(500),
            sync: MediaTime::from_secs(1),
            keep_free_bytes: space::STOP_BELOW_BYTES,
        }
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
    /// Sources that the settings name.
    pub sources: Vec<Source>,
    /// How apps reach the studio.
    pub inputs: Inputs,
    /// Viewers by WebRTC at one time; more are sent to the live playlist. 0: none.
    pub whep_max: usize,
    /// Where the programme's loudness is led, LUFS.
    pub loudness_lufs: f32,
    /// How a new session's sound is finished, until somebody sets it.
    pub processing: SoundProcessing,
    /// What is shed when time is short.
    pub overload: overload::Config,
    /// Use the software graphics driver even where there is a GPU.
    pub software_gpu: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self::from(Settings::default())
    }
}

impl Config {
    /// The certificate and key of this studio's own doors.
    pub fn tls_files(&self) -> tl_media::rtmp_server::Tls {
        let folder = self.data_dir.join("tls");
        tl_media::rtmp_server::Tls { cert_pem: folder.join("cert.pem"), key_pem: folder.join("key.pem") }
    }

    /// Reads a settings file. What is wrong in it costs that key and is told in one line each.
    pub fn load(path: &Path) -> Result<(Self, Vec<String>), Error> {
        let (mut settings, problems) = tl_store::settings::load(path)?;
        let (cameras, destinations) = (std::mem::take(&mut settings.cameras), std::mem::take(&mut settings.destinations));
        let microphone = settings.sound.commentary.take();
        let mut config = Self::from(settings);
        let mut problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for camera in cameras {
            match Source::in_settings(camera, &config) {
                Ok(source) => config.sources.push(source),
                Err(problem) => problems.push(problem),
            }
        }
        for found in destinations {
            match Destination::of(&found.name, found.setup) {
                Ok(destination) => config.destinations.push(Destination { in_settings: true, ..destination }),
                Err(problem) => problems.push(problem),
            }
        }
        if let Some(microphone) = microphone.filter(|_| !config.sources.iter().any(|source| source.slot == SlotId::COMMENTARY)) {
            let setup = SourceSetup { microphone: Some(microphone), ..SourceSetup::open(Protocol::Device) };
            match Source::of(SlotId::COMMENTARY, &setup, &config) {
                Ok(source) => config.sources.push(source),
                Err(problem) => problems.push(problem),
            }
        }
        Ok((config, problems))
    }
}

/// Everything but what must be checked first: sources and destinations.
impl From<Settings> for Config {
    fn from(settings: Settings) -> Self {
        let (sound, shed) = (settings.sound, settings.overload);
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
            aac_bitrate_bps: sound.aac_bitrate_bps,
            encoder: settings.programme.encoder,
            cameras: settings.show.cameras,
            budget: (settings.show.budget_min, settings.show.budget_max),
            segment: settings.streaming.segment_duration,
            part: settings.streaming.part,
            retention_days: settings.streaming.retention_days,
            window_segments: settings.streaming.window_segments,
            destinations: Vec::new(),
            recording: RecordingConfig {
                iso: settings.recording.iso,
                programme: settings.recording.programme,
                programme_sound: true,
                fragment: settings.recording.fragment,
                sync: settings.recording.sync,
                keep_free_bytes: space::STOP_BELOW_BYTES,
            },
            sound: true,
            live: true,
            server: true,
            graphics: true,
            sources: Vec::new(),
            inputs: settings.inputs.into(),
            whep_max: if settings.viewers.whep { settings.viewers.whep_max } else { 0 },
            loudness_lufs: sound.loudness_lufs,
            processing: SoundProcessing { ducking_db: sound.ducking_db, riding: sound.riding },
            overload: overload::Config { on: shed.shed, cpu_high: shed.cpu_high, cpu_low: shed.cpu_low },
            software_gpu: false,
        }
    }
}
