//! `touchline demo`: a rehearsed game. The studio and the phones are processes of their own; this one watches, counts and reports.

mod child;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use tl_base::{MediaTime, Protocol, Wall};
use tl_rehearsal::{ClipOptions, ClipSet};
use tl_wire::Snapshot;

use crate::links::LinksFile;
use crate::run;
use crate::usage::bad;
use crate::watchers;
use child::{Cost, Phones, Studio};

/// Every camera must be live within this time.
const GATHER_WITHIN: Duration = Duration::from_secs(60);
/// How often the studio is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often the status line is drawn anew.
const STATUS: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sport {
    Hockey,
    Fencing,
}

#[derive(Parser)]
pub struct Args {
    /// Stop by itself after this many seconds, counted from the first tick at which every camera is live
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// How many virtual phones, 1 to 8
    #[arg(long, value_name = "N", default_value_t = 4)]
    cameras: u16,
    /// One protocol per camera, repeated when shorter: webrtc, rtsp, srt, rtmp, mjpeg, chunks, file
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', default_value = "webrtc")]
    protocols: Vec<String>,
    /// What is played
    #[arg(long, value_enum, default_value = "hockey")]
    sport: Sport,
    /// Game, clocks, network and cuts follow from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Let things go wrong, by the seed
    #[arg(long)]
    faults: bool,
    /// No window
    #[arg(long)]
    headless: bool,
    /// Send the programme here: @FILE that holds the address, or a plain one on this machine
    #[arg(long, value_name = "URL|@FILE")]
    rtmp: Vec<String>,
    /// Send the programme here over SRT: @FILE that holds the address, or a plain one on this machine
    #[arg(long, value_name = "URL|@FILE")]
    srt: Vec<String>,
    /// Files as cameras and one file out: what the pictures alone cost
    #[arg(long)]
    lean: bool,
    /// Write the report into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Keep the demo's files here
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Write where the studio is into this file (it holds tokens)
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
    /// Port of the HTTPS door; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Continue the newest demo (or the one in --data-dir) that was cut short
    #[arg(long)]
    resume: bool,
}

impl Args {
    fn check(&self) -> anyhow::Result<()> {
        if !(1..=8).contains(&self.cameras) {
            return Err(bad(format!("--cameras must be 1 to 8, not {}", self.cameras)));
        }
        if self.seconds.is_some_and(|seconds| !(1.0..=86_400.0).contains(&seconds)) {
            return Err(bad("--seconds must be 1 to 86400"));
        }
        if self.sport == Sport::Fencing {
            return Err(bad("the rehearsal plays hockey only so far; leave --sport fencing out"));
        }
        let protocols = crate::rehearse::protocols(&self.protocols)?;
        if self.lean && protocols.iter().any(|protocol| *protocol != Protocol::Webrtc) {
            return Err(bad("--lean plays files and has no phones; leave --protocols out"));
        }
        let rtmp = self.rtmp.iter().map(|text| ("--rtmp", text));
        for (flag, text) in rtmp.chain(self.srt.iter().map(|text| ("--srt", text))) {
            tl_studio::Destination::from_argument("it", text).map_err(|error| bad(format!("{flag}: {error}")))?;
        }
        for file in self.json.iter().chain(&self.links) {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) || file.is_dir() {
                return Err(bad(format!("this file cannot be written, its folder is missing or it is a folder; choose another: {}", file.display())));
            }
        }
        Ok(())
    }

    /// A folder of this demo's own: none ever touches another's.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None if self.resume => newest_demo()?,
            None => {
                let stamp = Wall::now().to_rfc3339().replace([':', '.'], "-");
                demos().join(format!("{stamp}-{}", std::process::id()))
            }
        };
        std::fs::create_dir_all(&folder)
            .map_err(|error| bad(format!("the demo's folder cannot be made ({error}); choose another with --data-dir: {}", folder.display())))?;
        Ok(folder)
    }
}

fn demos() -> PathBuf {
    tl_studio::default_data_dir().join("demos")
}

fn newest_demo() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir(demos()).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()).unwrap_or_default();
    // Their names begin with the time, so the last by name is the newest.
    folders.into_iter().max().ok_or_else(|| bad("there is no demo to continue; leave --resume out"))
}

/// What was seen between the first tick with every camera and the last.
pub struct Observed {
    /// The first snapshot that counts.
    pub first: Snapshot,
    /// The last one.
    pub last: Snapshot,
    /// What the studio's process used between the two.
    pub studio: Cost,
    /// What the phones' process used between the two.
    pub phones: Option<Cost>,
}

pub fn main(args: &Args) -> anyhow::Result<()> {
    args.check()?;
    let stop = Arc::new(AtomicBool::new(false));
    watchers::person_interrupts(&stop)?;
    let folder = args.folder()?;
    let clips = prepare(args)?;
    let links_path = args.links.clone().unwrap_or_else(|| folder.join("links.json"));
    // A file of an earlier run must not be taken for this one's.
    if let Err(error) = std::fs::remove_file(&links_path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error.into());
    }
    let mut studio = Studio::start(child::studio_program(args.headless || args.lean)?, &studio_arguments(args, &folder, &links_path, &clips))?;
    let links = studio.links(&links_path)?;
    let mut phones = None;
    if !args.lean {
        print!("{}", run::links_text(&links));
        phones = Some(Phones::start(&links_path, &folder, args)?);
    }
    gather(&studio, phones.as_ref(), args, &stop)?;
    eprintln!("Live: all {} cameras", args.cameras);
    let observed = observe(&mut studio, phones.as_ref(), args, &stop, &links_path)?;
    let summary = phones.map(Phones::finish).transpose()?;
    eprintln!("Ending: closing the recordings");
    studio.finish()?;
    report::write(args, &links, observed, summary, &clips)
}

fn prepare(args: &Args) -> anyhow::Result<ClipSet> {
    let protocols = crate::rehearse::protocols(&args.protocols)?;
    let options = ClipOptions { seed: args.seed, cameras: usize::from(args.cameras), protocols, ..ClipOptions::default() };
    let set = tl_rehearsal::clips(&options, &|progress| {
        if progress.share < 1.0 {
            eprintln!("Drawing the game: {} ({:.0} %)", progress.what, progress.share * 100.0);
        }
    })?;
    Ok(set)
}

fn studio_arguments(args: &Args, folder: &std::path::Path, links: &std::path::Path, clips: &ClipSet) -> Vec<String> {
    let mut arguments = vec!["run".into(), "--data-dir".into(), folder.display().to_string(), "--links".into(), links.display().to_string()];
    arguments.extend(["--port".into(), args.port.to_string(), "--cameras".into(), args.cameras.max(6).to_string()]);
    arguments.extend(["--title".into(), "Lions against Bears".into(), "--until-stdin-closes".into(), "--snapshots".into()]);
    if !args.resume {
        arguments.push("--new".into());
    }
    // A rehearsal beside a studio that is on air must not take its ports.
    arguments.push("--any-ports".into());
    let rtmp = args.rtmp.iter().map(|url| ("--rtmp", url));
    for (flag, url) in rtmp.chain(args.srt.iter().map(|url| ("--srt", url))) {
        arguments.extend([flag.into(), url.clone()]);
    }
    if args.lean {
        arguments.push("--lean".into());
        arguments.extend(clips.cameras.iter().map(|clip| clip.video.display().to_string()));
    }
    arguments
}

fn live(snapshot: &Snapshot) -> usize {
    snapshot.cameras.iter().filter(|camera| camera.is_live()).count()
}

/// Waits until every camera is live and the programme runs.
fn gather(studio: &Studio, phones: Option<&Phones>, args: &Args, stop: &AtomicBool) -> anyhow::Result<()> {
    let from = Instant::now();
    let mut told = usize::MAX;
    loop {
        studio.check()?;
        let snapshot = studio.snapshot();
        let live = snapshot.as_ref().map_or(0, live);
        if live != told {
            told = live;
            eprintln!("{live} of {} cameras are live", args.cameras);
        }
        let on_air = snapshot.as_ref().is_some_and(|snapshot| snapshot.program.live.is_some() && snapshot.output.frames > 0);
        if live >= usize::from(args.cameras) && on_air {
            return Ok(());
        }
        if let Some(phones) = phones {
            phones.check()?;
        }
        if stop.load(Ordering::Acquire) {
            anyhow::bail!("it was ended before every camera was live");
        }
        if from.elapsed() > GATHER_WITHIN {
            anyhow::bail!("only {live} of {} cameras were live after {} s", args.cameras, GATHER_WITHIN.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

/// A studio that dies is started again; the session, the phones and the destinations go on. More often than this, something is wrong.
const RESTARTS: u32 = 20;

fn start_again(studio: &mut Studio, links: &std::path::Path) -> anyhow::Result<()> {
    eprintln!("The studio died; starting it again: the show goes on");
    let before = LinksFile::read(links)?;
    let port = before.base.rsplit(':').next().unwrap_or("0").to_owned();
    let data = before.session_dir.parent().and_then(std::path::Path::parent).ok_or_else(|| anyhow::anyhow!("the session's folder has no place"))?;
    studio.restart(&["--data-dir".into(), data.display().to_string(), "--port".into(), port])?;
    Ok(())
}

fn observe(studio: &mut Studio, phones: Option<&Phones>, args: &Args, stop: &AtomicBool, links: &std::path::Path) -> anyhow::Result<Observed> {
    let mut restarts = 0;
    let lost = || anyhow::anyhow!("the studio said nothing");
    let first = studio.snapshot().ok_or_else(lost)?;
    let (studio_before, phones_before) = (studio.cost(), phones.and_then(Phones::cost));
    let mut shown = Instant::now();
    loop {
        std::thread::sleep(LOOK);
        if !args.lean && restarts < RESTARTS && studio.died()? {
            restarts += 1;
            start_again(studio, links)?;
            continue;
        }
        studio.check()?;
        let last = studio.snapshot().ok_or_else(lost)?;
        let passed = (last.media_time - first.media_time).as_secs_f64();
        if shown.elapsed() >= STATUS {
            shown = Instant::now();
            eprintln!("{}", run::status(&last));
        }
        let over = args.seconds.is_some_and(|seconds| passed >= seconds) || stop.load(Ordering::Acquire) || studio.is_over();
        if over {
            let studio = Cost::between(studio_before, studio.cost());
            let phones = phones.and_then(Phones::cost).map(|after| Cost::between(phones_before, Some(after)));
            return Ok(Observed { first, last, studio, phones });
        }
    }
}

/// The time from which figures count.
pub fn span(observed: &Observed) -> (MediaTime, MediaTime) {
    (observed.first.media_time, observed.last.media_time)
}

/// What the links file says, for the report.
pub fn session_dir(links: &LinksFile) -> PathBuf {
    links.session_dir.clone()
}
