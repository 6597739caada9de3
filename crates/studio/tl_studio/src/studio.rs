//! Puts the house together, and takes it apart again.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tl_base::queue::{Sender, WhenFull, bounded};
use tl_base::{SlotId, SourceId};
use tl_gpu::Gpu;
use tl_media::{AacEncoder, encode};
use tl_server::{Names, TlsFiles};
use tl_store::ContentStore;
use tl_wire::{Role, Snapshot};
use tokio::sync::{oneshot, watch};

use crate::Error;
use crate::access::Access;
use crate::air::budget::Budget;
use crate::air::graphics::GraphicsWorker;
use crate::air::mix::{Mix, Overlays};
use crate::air::program::{self, ProgramLoop};
use crate::air::sound::{self, SoundLoop};
use crate::air::trace;
use crate::assembly::{listen_to_delivery, presentation, start_rtc};
use crate::backend::{Backing, StudioBackend};
use crate::config::Config;
use crate::control::{Control, Parts, Shared, Wake};
use crate::health::HealthProbe;
use crate::inputs::feed::Feed;
use crate::inputs::keys::SlotKeys;
use crate::inputs::uploads::Uploads;
use crate::outputs::Outputs;
use crate::outputs::encoder::{Books, ProgramEncoder};
use crate::outputs::segments::{self, StoreWriter, store_writer};
use crate::ports::Ports;
use crate::records::library::{Library, Work};
use crate::records::recordings::Recordings;
use crate::records::session::{self, Opened};
use crate::viewers::Viewers;
use crate::window::{self, LastPicture, Multiview};

/// What may wait for the control loop; more is refused at the door.
const WAKES: usize = 1_024;
/// Decoded sound waiting for the mixer: about five seconds of eight cameras.
const BLOCKS: usize = 2_048;
/// Jobs waiting for the GPU.
const JOBS: usize = 3;
/// How long the control loop may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// Where people go. They hold secrets: show them, never log them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// The control page.
    pub desk: String,
    /// The watch page.
    pub watch: String,
    /// The phone page of each slot.
    pub phones: Vec<(SourceId, String)>,
    /// Token of the owner, for local tools.
    pub owner_token: String,
    /// Director's token for a script.
    pub script_token: String,
    /// Token of each camera slot, for local tools.
    pub camera_tokens: Vec<(SourceId, String)>,
    /// `https://address:port` for local tools.
    pub base: String,
    /// The server's certificate, PEM file.
    pub certificate: PathBuf,
    /// What apps are set to, by camera slot.
    pub apps: Vec<AppLink>,
}

/// What apps that speak SRT or RTMP are set to for one slot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AppLink {
    /// The camera slot.
    pub slot: u16,
    /// `srt://host:port`, caller mode; none: this studio does not listen.
    pub srt: Option<String>,
    /// Its stream id.
    pub srt_stream_id: String,
    /// Its passphrase.
    pub srt_passphrase: String,
    /// `rtmp://host:port/live`, or `rtmps://`; none: this studio does not listen.
    pub rtmp: Option<String>,
    /// Its stream key.
    pub rtmp_key: String,
}

/// The settings with what was set up by pages and scripts, which wins.
fn with_setup(mut config: Config, setup: &tl_store::setup::SetupStore) -> Config {
    for (name, wanted) in setup.destinations() {
        let in_settings = config.destinations.iter().any(|known| known.name == name);
        config.destinations.retain(|known| known.name != name);
        match wanted.map(|wanted| crate::config::Destination::of(&name, wanted)) {
            Some(Ok(destination)) => config.destinations.push(crate::config::Destination { in_settings, ..destination }),
            Some(Err(error)) => tracing::warn!(error, "a destination is left out"),
            None => {}
        }
    }
    for (slot, wanted) in setup.sources() {
        match crate::config::Source::of(slot, &wanted, &config) {
            Ok(source) => {
                config.sources.retain(|known| known.slot != slot);
                config.sources.push(source);
            }
            Err(error) => tracing::warn!(error, "a source is left out"),
        }
    }
    config
}

/// How far the end of a session is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending {
    /// So many of so many recordings are one file each.
    Joined {
        /// Recordings that are.
        done: usize,
        /// All of them.
        total: usize,
    },
    /// So many of so many were read back from beginning to end.
    Checked {
        /// Recordings that were.
        done: usize,
        /// All of them.
        total: usize,
        /// How much of the next was read, 0 to 1.
        share: f64,
    },
}

/// A running studio. Dropping it without [`Studio::stop`] leaves the session to be resumed.
pub struct Studio {
    links: Links,
    session_dir: PathBuf,
    shared: Arc<Shared>,
    wakes: Sender<Wake>,
    ports: Arc<Ports>,
    keys: Arc<Mutex<SlotKeys>>,
    store: Arc<ContentStore>,
    door: Arc<Mutex<Option<tl_server::Server>>>,
    rtc: Option<Arc<tl_rtc::Server>>,
    control: Option<JoinHandle<Recordings>>,
    program: Option<ProgramLoop>,
    sound: Option<Arc<SoundLoop>>,
    gpu: Option<Arc<Gpu>>,
    programme: Arc<LastPicture>,
    access: Arc<Access>,
    /// `host:port` of the door as people on this network type it.
    host: Arc<OnceLock<String>>,
    encoder: Option<Arc<ProgramEncoder>>,
    outputs: Option<Arc<Outputs>>,
    store_writer: Option<StoreWriter>,
    trace_writer: Option<trace::Writer>,
    session: Option<session::Handle>,
}

impl Studio {
    /// Opens or resumes a session and starts everything.
    pub fn start(config: Config) -> Result<Self, Error> {
        tl_media::init()?;
        let opened = session::open(&config)?;
        let Opened { handle, dir, era, clock, log, past, show, discontinuity, start_msn, skipped, unread } = opened;
        let budget = Arc::new(Budget::new(config.budget.0, config.budget.1));
        let mix: Arc<ArcSwap<Mix>> = Arc::default();
        let overlays: Arc<ArcSwap<Overlays>> = Arc::default();
        let faders = Arc::default();
        let (wakes, woken) = bounded::<Wake>(WAKES, WhenFull::Refuse);
        let (sound_blocks, blocks) = bounded(BLOCKS, WhenFull::DropOldest);
        let mut recordings = Recordings::open(&dir)?;
        let repaired = recordings.repair();

        // The writers are named before what feeds them: a start that fails lets go in the opposite order, and each writer ends.
        let (trace_writer, trace) = trace::start(&dir.join("trace.jsonl"))?;
        let store = Arc::new(ContentStore::open(&config.data_dir.join("store"))?);
        let (store_writer, finished_segments) = store_writer(Arc::clone(&store), &dir, config.retention_days)?;
        let presentation = config.live.then(|| presentation(&config, start_msn, discontinuity, segments::resume_point(&dir)));
        let outputs = Outputs::new(clock, Some(trace.clone()), presentation, config.live.then_some(finished_segments));
        let encoder_config = encode::Video {
            source: SourceId { 0: 0 },
            size: config.size,
            rate: config.rate,
            bitrate_bps: config.bitrate_bps,
            gop: config.segment,
            encoder: config.encoder.clone(),
        };
        let acted = wakes.clone();
        // A control loop that is behind learns of the encoder from the next snapshot.
        let counts = Arc::new(program::Counts::default());
        outputs.count_by(Arc::clone(&counts));
        let books = Books { counts: Arc::clone(&counts), trace: trace.clone() };
        let encoder = Arc::new(ProgramEncoder::open(encoder_config, Arc::clone(&outputs), books, move |event| drop(acted.send(Wake::Encoder(event))))?);

        let (pictures, finished) = program::finished_queue();
        let mut gpu_config = tl_gpu::Config::new(config.size);
        gpu_config.queue = JOBS;
        gpu_config.without_device = true;
        gpu_config.adapter = if config.software_gpu { tl_gpu::AdapterChoice::Software } else { tl_gpu::AdapterChoice::Any };
        let render = Arc::new(Mutex::new(tl_base::Window::new(300)));
        let rendered = Arc::clone(&render);
        let programme: Arc<LastPicture> = Arc::default();
        let finished_last = Arc::clone(&programme);
        // A programme loop that is gone takes no pictures.
        let gpu = Gpu::start(gpu_config, move |picture| {
            rendered.lock().unwrap_or_else(PoisonError::into_inner).push(picture.render.as_millis_f64());
            finished_last.keep(&picture.frame);
            drop(pictures.send(picture));
        })?;
        let gpu = Arc::new(gpu);
        let graphics = if config.graphics { Some(GraphicsWorker::start(config.size, clock, Arc::clone(&overlays))?) } else { None };

        let failovers = wakes.clone();
        let program = ProgramLoop::start(
            program::Config { size: config.size, rate: config.rate, key_grid: config.segment, clock },
            program::Wiring {
                mix: Arc::clone(&mix),
                overlays,
                budget: Arc::clone(&budget),
                gpu: Arc::clone(&gpu),
                finished,
                encoder: Arc::clone(&encoder),
                trace,
                counts: Arc::clone(&counts),
                // A control loop that is behind finds the live camera dead by itself.
                on_failover: Box::new(move |failover| drop(failovers.send(Wake::Failover(failover)))),
            },
        )?;

        let slots = (1..=config.cameras).map(SlotId).chain([SlotId::COMMENTARY, SlotId::TALKBACK]);
        let feeds: BTreeMap<SlotId, Arc<Feed>> = slots.map(|slot| (slot, Feed::new(slot, clock, sound_blocks.clone()))).collect();
        drop(sound_blocks);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(session::empty_snapshot(&handle, era, &config)),
            events: ArcSwap::from_pointee(VecDeque::new()),
            version: watch::channel(0).0,
            viewers: AtomicU32::new(0),
            feeds,
            thumbnail_age_ms: AtomicU32::new(300),
            destinations: ArcSwap::default(),
        });
        let names = Names::of_this_machine(&config.names);
        let rtc = if config.server { Some(Arc::new(start_rtc(&config, &names, clock, &shared, &outputs, &wakes)?)) } else { None };
        let delivery = Arc::new(tl_server::StreamingLog::default());
        outputs.connect_to(listen_to_delivery(&delivery, &wakes), rtc.clone().filter(|_| config.whep_max > 0));

        let (hearers, processing) = (Arc::default(), Arc::new(ArcSwap::from_pointee(tl_sound::Processing::default())));
        let sound = if config.sound {
            let (sounding, heard, budgeted) = (Arc::clone(&outputs), Arc::clone(&shared), Arc::clone(&budget));
            let encoder = AacEncoder::new(SourceId { 0: 0 }, 2, config.aac_bitrate_bps, move |unit| {
                sounding.sound(&unit);
                // A camera's recording carries it beside the camera's own, at the time when its content was captured.
                let capture = unit.pts - budgeted.now();
                let content = tl_frame::AccessUnit { capture, pts: capture, dts: capture, ..unit };
                heard.feeds.values().for_each(|feed| feed.programme_sound(&content));
            })?;
            let wiring = sound::Wiring {
                clock,
                mix: Arc::clone(&mix),
                faders: Arc::clone(&faders),
                budget: Arc::clone(&budget),
                blocks,
                processing: Arc::clone(&processing),
                hearers: Arc::clone(&hearers),
                rtc: rtc.clone(),
                outputs: Arc::clone(&outputs),
                encoder,
            };
            Some(Arc::new(SoundLoop::start(wiring)?))
        } else {
            None
        };

        let access = Arc::new(Access::new(handle.tokens()));
        let (setup, problems) = tl_store::setup::SetupStore::open(&config.data_dir)?;
        for problem in problems {
            tracing::warn!(problem, "the set-up was read with a repair");
        }
        let config = with_setup(config, &setup);
        shared.destinations.store(Arc::new(config.destinations.clone()));
        let keys = Arc::new(Mutex::new(SlotKeys::open(&config.data_dir, config.cameras)?));
        let uploads = Arc::new(Uploads::new(clock));
        let viewers: Arc<Viewers> = Arc::default();
        let ports = Arc::new(Ports::default());
        let library = Library::start(handle.sessions_folder(), handle.id().to_owned(), wakes.clone())?;
        for recording in unread.iter().filter(|recording| !library.ask(recording, None, Work::Verify)) {
            tracing::warn!(recording, "it was not checked: too many recordings wait for that");
        }
        let handle_of_control = handle.clone();
        let mut studio = Self {
            links: Links::default(),
            session_dir: dir.clone(),
            shared: Arc::clone(&shared),
            wakes: wakes.clone(),
            ports: Arc::clone(&ports),
            keys: Arc::clone(&keys),
            store: Arc::clone(&store),
            door: Arc::default(),
            rtc: rtc.clone(),
            control: None,
            program: None,
            sound: sound.clone(),
            gpu: Some(Arc::clone(&gpu)),
            programme,
            access: Arc::clone(&access),
            host: Arc::default(),
            encoder: Some(Arc::clone(&encoder)),
            outputs: Some(Arc::clone(&outputs)),
            store_writer: Some(store_writer),
            trace_writer: Some(trace_writer),
            session: Some(handle),
        };

        studio.program = Some(program);
        let (door, watching) = (Arc::clone(&studio.door), Arc::clone(&shared));
        let probe = Box::new(move |snapshot: &mut Snapshot| {
            let output = &mut snapshot.output;
            output.frames = counts.frames.load(Ordering::Relaxed);
            output.dropped = counts.dropped.load(Ordering::Relaxed);
            output.repeated = counts.repeated.load(Ordering::Relaxed);
            output.black = counts.black.load(Ordering::Relaxed);
            output.render_ms = render.lock().unwrap_or_else(PoisonError::into_inner).percentiles();
            let quality = encoder.quality();
            output.encoder = tl_wire::Encoder { name: quality.encoder, bitrate_bps: quality.bitrate_bps };
            output.gpu = gpu.draws().then(|| gpu.adapter().name);
            if !gpu.draws() {
                snapshot.warnings.push(crate::control::no_graphics());
            }
            snapshot.meter = sound.as_ref().map(|sound| sound.meter()).unwrap_or_default();
            // Whoever is opening or closing the door is not waited for.
            if let Ok(door) = door.try_lock() {
                snapshot.viewers = door.as_ref().map_or(0, |door| door.traffic().viewers) + snapshot.viewers_whep;
                watching.viewers.store(snapshot.viewers, Ordering::Relaxed);
            }
        });
        let parts = Parts {
            session: studio.session_id(),
            era,
            clock,
            shared: Arc::clone(&shared),
            mix,
            faders,
            processing,
            hearers,
            budget,
            outputs: Arc::clone(&outputs),
            rtc,
            graphics,
            recordings,
            show,
            past,
            skipped,
            handle: handle_of_control,
            config: config.clone(),
            keys: Arc::clone(&keys),
            uploads: Arc::clone(&uploads),
            viewers: Arc::clone(&viewers),
            library,
            access: Arc::clone(&access),
            setup,
            ports: Arc::clone(&ports),
            wakes: wakes.clone(),
            health: HealthProbe::new(clock, dir),
            probe,
        };
        let mut control = Control::new(parts, log);
        control.tell_repairs(&repaired);
        studio.control = Some(std::thread::Builder::new().name("control".into()).spawn(move || control.run(&woken))?);

        if config.server {
            let backing = Backing { shared, wakes, outputs, store, clock, keys, uploads, access, delivery, ports, rtc: studio.rtc.clone(), viewers };
            studio.open_door(&config, names, backing)?;
        }
        Ok(studio)
    }

    fn open_door(&mut self, config: &Config, names: Names, backing: Backing) -> Result<(), Error> {
        let Some(handle) = &self.session else { return Ok(()) };
        let lan = names.lan_ips().first().copied();
        let tls = TlsFiles::ensure(&config.data_dir.join("tls"), &names)?;
        let certificate = tls.certificate.clone();
        let sha256 = tls.certificate_sha256.clone();
        let lan_hosts = names.lan_ips();
        let backend = Arc::new(StudioBackend::new(backing, handle.clone(), config));
        let mut door = tl_server::Config::new(SocketAddr::new(config.address, config.https_port), tls, names);
        door.grants_file = Some(config.data_dir.join("grants.json"));
        door.media_wait = config.segment.to_duration() * 3;
        let server = tl_server::Server::start(door, Arc::clone(&backend) as Arc<dyn tl_server::Backend>)?;
        let port = server.https_addr.port();
        let seen = if config.address.is_unspecified() { lan.unwrap_or(Ipv4Addr::LOCALHOST.into()) } else { config.address };
        let host = SocketAddr::new(seen, port).to_string();
        let others = lan_hosts.iter().map(|ip| SocketAddr::new(*ip, port).to_string()).filter(|other| *other != host).collect();
        backend.set_door(host.clone(), others, sha256);
        if self.host.set(host.clone()).is_err() {
            tl_base::never!("the door was opened twice");
        }
        let base = format!("https://{host}");
        let owner_token = handle.token(Role::Owner, "owner", None)?.expose().to_owned();
        let viewer = handle.token(Role::Viewer, "watch link", None)?.expose().to_owned();
        let script_token = handle.token(Role::Director, "script", None)?.expose().to_owned();
        let mut phones = Vec::new();
        let mut camera_tokens = Vec::new();
        for slot in (1..=config.cameras).map(SlotId) {
            let token = handle.token(Role::Camera, &format!("camera {slot}"), Some(slot))?.expose().to_owned();
            phones.push((slot, format!("{base}/phone/#t={token}&slot={slot}")));
            camera_tokens.push((slot, token));
        }
        let local = SocketAddr::new(if config.address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { config.address }, port);
        self.links = Links {
            desk: format!("{base}/desk/#t={owner_token}"),
            watch: format!("{base}/watch/#t={viewer}"),
            phones,
            owner_token,
            script_token,
            camera_tokens,
            base: format!("https://{local}"),
            certificate,
            apps: self.app_links(config, seen),
        };
        *self.door.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        Ok(())
    }

    /// What apps are set to, once every listener is open.
    fn app_links(&self, config: &Config, host: std::net::IpAddr) -> Vec<AppLink> {
        if !self.ports.wait(STOP_WITHIN) {
            tracing::warn!("the ports for apps are not open yet");
        }
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = |secret: Option<tl_base::Secret>| secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
        let name = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
        let link = |slot: SlotId| AppLink {
            slot: slot.0,
            srt: self.ports.srt(slot).map(|port| format!("srt://{}", SocketAddr::new(host, port))),
            srt_stream_id: SlotKeys::stream_id(slot),
            srt_passphrase: secret(keys.passphrase(slot)),
            rtmp: self.ports.rtmp_url(&name),
            rtmp_key: secret(keys.stream_key(slot)),
        };
        (1..=config.cameras).map(SlotId).map(link).collect()
    }

    /// The session's id.
    pub fn session_id(&self) -> String {
        self.session.as_ref().map(|session| session.id().to_owned()).unwrap_or_default()
    }

    /// Where people go.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The session's folder.
    pub fn session_dir(&self) -> &Path {
        &self.session_dir
    }

    /// What is, now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// A window's way to this studio; none once it is being taken apart.
    pub fn multiview(&self) -> Option<Multiview> {
        let gpu = self.gpu.as_ref()?.multiview();
        Some(Multiview::new(window::Parts {
            shared: Arc::clone(&self.shared),
            wakes: self.wakes.clone(),
            gpu,
            programme: Arc::clone(&self.programme),
            access: Arc::clone(&self.access),
            door: Arc::clone(&self.door),
            host: Arc::clone(&self.host),
        }))
    }

    /// Whether somebody ended the session.
    pub fn ended(&self) -> bool {
        self.snapshot().state != tl_wire::SessionState::Running
    }

    /// Where apps that speak SRT reach a slot, once it listens.
    pub fn srt_port(&self, slot: SlotId) -> Option<u16> {
        self.ports.srt(slot)
    }

    /// For tests: the programme's encoder stops giving anything.
    pub fn hang_encoder(&self) {
        if let Some(encoder) = &self.encoder {
            encoder.inject_hang();
        }
    }

    /// For tests: the control loop does nothing for this long.
    pub fn stall_control(&self, time: Duration) -> bool {
        self.wakes.send(Wake::Stall(time)).is_ok()
    }

    /// For tests: the graphics device is lost, as when a driver resets.
    pub fn lose_gpu(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.destroy_device();
        }
    }

    /// Ends the session: off air, files finalised, in that order. Returns problems, one line each.
    pub fn stop(self) -> Vec<String> {
        self.stop_with(|_| {})
    }

    /// As [`Studio::stop`]; `progress` hears how far it is.
    pub fn stop_with(mut self, mut progress: impl FnMut(Ending)) -> Vec<String> {
        let (done, finished) = oneshot::channel();
        let mut problems = Vec::new();
        if self.wakes.send(Wake::Stop(done)).is_ok() {
            let waiting = std::time::Instant::now();
            let mut finished = finished;
            while finished.try_recv().is_err() {
                if waiting.elapsed() > STOP_WITHIN {
                    problems.push("the control loop did not end in time".to_owned());
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let recordings = self.control.take().and_then(|control| control.join().ok());
        self.take_apart();
        match recordings {
            Some(mut recordings) => {
                problems.extend(recordings.finalise(|done, total| progress(Ending::Joined { done, total })));
                problems.extend(recordings.check(&AtomicBool::new(false), |done, total, share| progress(Ending::Checked { done, total, share })));
            }
            None => problems.push("the control loop failed; recordings stay in their parts".to_owned()),
        }
        match segments::finish(&self.store, &self.session_dir) {
            Ok(content) => session::note_content(&self.session_dir, content),
            Err(error) => problems.push(format!("the delivered segments have no manifest: {error}")),
        }
        if let Some(session) = self.session.take()
            && let Err(error) = session.mark(tl_wire::SessionState::Stored)
        {
            problems.push(error.to_string());
        }
        problems
    }

    /// From the door inwards, so that nothing is asked of what is gone.
    fn take_apart(&mut self) {
        let server = self.door.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.shutdown();
        }
        self.rtc.take();
        self.program.take();
        self.sound.take();
        self.gpu.take();
        self.encoder.take();
        self.outputs.take();
        self.store_writer.take();
        self.trace_writer.take();
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            let (done, _) = oneshot::channel();
            if self.wakes.send(Wake::Stop(done)).is_ok() && control.join().is_err() {
                tracing::error!("the control loop panicked");
            }
        }
        self.take_apart();
    }
}
