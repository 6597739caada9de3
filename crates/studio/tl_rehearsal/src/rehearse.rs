//! A whole rehearsal: clips, phones, script, truth.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tl_base::{Protocol, Secret, SlotId};

use crate::phones::{self, Faults};
use crate::report::ProcessResources;
use crate::script::{self, Claps, Script};
use crate::signalling::Door;
use crate::{ClipOptions, Error, Progress, clips, truth};

/// How long the script waits for the last phone before it begins without it.
const GATHERING: Duration = Duration::from_secs(20);

/// One phone's ticket.
#[derive(Clone, Debug)]
pub struct PhoneTicket {
    /// Where it joins.
    pub slot: SlotId,
    /// The right to.
    pub token: Secret,
    /// How.
    pub way: Way,
}

/// How a phone comes in, and what it must know for that.
#[derive(Clone, Debug)]
pub enum Way {
    /// A phone's page.
    Webrtc,
    /// An app that calls the slot's own port.
    Srt {
        /// `srt://HOST:PORT?streamid=…&passphrase=…`.
        url: Secret,
    },
    /// An app that publishes.
    Rtmp {
        /// `rtmp://HOST:PORT/APP/KEY`.
        url: Secret,
    },
    /// A camera that the studio pulls from.
    Rtsp {
        /// The right to tell the studio where it is.
        director: Secret,
    },
    /// A camera of JPEG images that the studio pulls from.
    Mjpeg {
        /// The right to tell the studio where it is.
        director: Secret,
    },
    /// A phone's page that uploads recorded pieces.
    Chunks,
    /// A film on the studio's own disk.
    File {
        /// The right to have this machine's files played.
        owner: Secret,
    },
}

impl Way {
    /// Its protocol.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Webrtc => Protocol::Webrtc,
            Self::Srt { .. } => Protocol::Srt,
            Self::Rtmp { .. } => Protocol::Rtmp,
            Self::Rtsp { .. } => Protocol::Rtsp,
            Self::Mjpeg { .. } => Protocol::Mjpeg,
            Self::Chunks => Protocol::Chunks,
            Self::File { .. } => Protocol::File,
        }
    }
}

fn webrtc() -> Protocol {
    Protocol::Webrtc
}

/// What a rehearsal needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The studio's address, `https://127.0.0.1:8443`.
    pub studio: String,
    /// The studio's certificate in PEM: the only root that is believed.
    pub certificate_pem: String,
    /// One phone for each; the first films from the first position.
    pub phones: Vec<PhoneTicket>,
    /// With it the script directs; none: nobody does.
    pub director: Option<Secret>,
    /// Of game, clocks, network and script.
    pub seed: u64,
    /// How long phones send; none: until told to stop.
    pub seconds: Option<f64>,
    /// What goes wrong.
    pub faults: Faults,
    /// Where the truth is written, JSON lines.
    pub truth: PathBuf,
    /// Where clips are kept; none: the user's cache folder.
    pub cache: Option<PathBuf>,
    /// The phones' own address.
    pub bind: IpAddr,
}

/// What one phone did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhoneSummary {
    /// Its slot.
    pub slot: SlotId,
    /// The camera in its time code.
    pub camera: u8,
    /// How it came in.
    #[serde(default = "webrtc")]
    pub protocol: Protocol,
    /// Where it stood.
    pub position: String,
    /// Its clock minus the true one at the start, milliseconds.
    pub offset_ms: f64,
    /// Parts per million that its clock runs fast.
    pub drift_ppm: f64,
    /// What its encoder hid before anything left, milliseconds.
    #[serde(default)]
    pub hidden_ms: f64,
    /// Pictures it sent.
    pub frames: u64,
    /// Times it connected.
    pub connects: u64,
    /// Times it was refused or found nobody.
    pub failures: u64,
}

/// What a rehearsal did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its seed.
    pub seed: u64,
    /// How long phones sent.
    pub seconds: f64,
    /// By slot.
    pub phones: Vec<PhoneSummary>,
    /// Changes of camera that the studio took from the script.
    pub cuts: u64,
    /// Commands of the script that it refused.
    pub refused: u64,
    /// Whether the clocks of all cameras that need it were set by a clap; none: no camera needed it, or nobody directed.
    #[serde(default)]
    pub synced: Option<bool>,
    /// What this process used.
    pub resources: ProcessResources,
}

/// Rehearses until the time is over or `stop` is set; leaves politely and returns what was done.
pub fn rehearse(options: Options, stop: Arc<AtomicBool>, progress: &(dyn Fn(Progress) + Sync)) -> Result<Summary, Error> {
    let door = Door::new(&options.studio, &options.certificate_pem)?;
    let count = options.phones.len();
    // More phones than positions share clips.
    let cameras = count.clamp(1, crate::rink::POSITIONS.len());
    let protocols = options.phones.iter().map(|phone| phone.way.protocol()).collect();
    let set = clips(&ClipOptions { seed: options.seed, cameras, cache: options.cache.clone(), protocols }, progress)?;
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Stopped);
    }
    let truth = truth::Writer::create(&options.truth)?;
    let fleet = phones::Fleet::start(&options, &set, door.clone(), truth)?;
    progress(Progress { what: "phones are joining".into(), share: 0.0 });
    let script_stop = Arc::new(AtomicBool::new(false));
    let mut director = None;
    let start = Instant::now();
    let deadline = options.seconds.map(Duration::from_secs_f64);
    let mut told = 0;
    while !stop.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| start.elapsed() < deadline) && !fleet.is_over() {
        let joined = fleet.joined();
        if joined != told {
            told = joined;
            progress(Progress { what: format!("{joined} of {count} phones are live"), share: joined as f64 / count.max(1) as f64 });
        }
        if director.is_none() && (joined >= count || (joined > 0 && start.elapsed() > GATHERING)) {
            director = options.director.clone().map(|token| direct(&options, door.clone(), token, Arc::clone(&script_stop))).transpose()?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    script_stop.store(true, Ordering::Relaxed);
    let done = match director.map(std::thread::JoinHandle::join) {
        Some(Ok(done)) => done,
        Some(Err(_)) => return Err(Error::Thread { name: "script", message: "it failed".into() }),
        None => script::Done::default(),
    };
    let phones = fleet.stop()?;
    Ok(Summary {
        seed: options.seed,
        seconds: start.elapsed().as_secs_f64(),
        phones,
        cuts: done.cuts,
        refused: done.refused,
        synced: done.synced,
        resources: own_resources(),
    })
}

fn direct(options: &Options, door: Door, token: Secret, stop: Arc<AtomicBool>) -> Result<std::thread::JoinHandle<script::Done>, Error> {
    let slots: Vec<SlotId> = options.phones.iter().map(|phone| phone.slot).collect();
    let script = Script::new(options.seed, &slots);
    let needy = options.phones.iter().filter(|phone| script::needs_sync(phone.way.protocol())).map(|phone| phone.slot).collect();
    let play = move || script::play(script, Claps::new(needy), &door, &token, &stop);
    std::thread::Builder::new().name("script".into()).spawn(play).map_err(|error| Error::Thread { name: "script", message: error.to_string() })
}

/// What this process has used so far; none where the system does not say.
fn own_resources() -> ProcessResources {
    // Linux counts process times in hundredths of a second for every program, whatever the kernel's own tick (proc(5)).
    const TICKS_PER_SEC: f64 = 100.0;
    let cpu_seconds = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| {
        let after_name = text.rsplit_once(')')?.1;
        let mut fields = after_name.split_whitespace().skip(11);
        let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
        Some((user + system) / TICKS_PER_SEC)
    });
    let rss_peak_mb = std::fs::read_to_string("/proc/self/status").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
    });
    ProcessResources { cpu_seconds, rss_peak_mb }
}
