//! `touchline run`: the studio until it is ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use tl_base::SlotId;
use tl_studio::{Config, Destination, Ending, Source, Studio};

use crate::links::LinksFile;
use crate::output::{duration, number};
use crate::usage::{bad, say};
use crate::watchers;

/// How often the status line is drawn anew.
const STATUS: Duration = Duration::from_secs(5);
/// How often a snapshot is told.
const TELL: Duration = Duration::from_millis(100);
/// How often the program looks whether it should end.
const LOOK: Duration = Duration::from_millis(50);

/// What a studio is started with, in a window or without.
#[derive(Parser)]
#[command(version, about = "The studio until it is ended")]
pub struct Args {
    /// Settings file; assets/touchline.toml shows every key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where sessions, recordings and tokens live
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port of the HTTPS door; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::IpAddr>,
    /// Camera positions
    #[arg(long, value_name = "N")]
    cameras: Option<u16>,
    /// Name of the game
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Send the programme here: @FILE that holds the address, or a plain one on this machine
    #[arg(long, value_name = "URL|@FILE")]
    rtmp: Vec<String>,
    /// Send the programme here over SRT: @FILE that holds the address, or a plain one on this machine
    #[arg(long, value_name = "URL|@FILE")]
    srt: Vec<String>,
    /// Take any free ports for apps (SRT, RTMP) instead of those of the settings
    #[arg(long)]
    any_ports: bool,
    /// Start a new session although the last one was not ended
    #[arg(long)]
    new: bool,
    /// Play these H.264 files as cameras, and make one file: no phones, sound, pages or graphics
    #[arg(long, value_name = "FILE", num_args = 1..)]
    lean: Vec<PathBuf>,
    /// Write where the studio is into this file (it holds tokens)
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
    /// End when standard input is closed
    #[arg(long)]
    until_stdin_closes: bool,
    /// Draw with the processor even where there is a GPU
    #[arg(long)]
    software_gpu: bool,
    /// Tell a snapshot as one JSON line on standard output ten times a second, and nothing else
    #[arg(long, hide = true)]
    snapshots: bool,
    /// Say nothing but warnings
    #[arg(long)]
    quiet: bool,
    /// When it ends, the last snapshot as one JSON document on standard output; links go to standard error
    #[arg(long, conflicts_with = "snapshots")]
    json: bool,
}

impl Args {
    /// The arguments of a program's own, the program's name first.
    pub fn from_words(words: impl Iterator<Item = std::ffi::OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(words)
    }

    /// The settings, with what the arguments say otherwise; problems of the file are told in a line each.
    pub fn config(&self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => {
                let (config, problems) = Config::load(path).map_err(|error| bad(error.to_string()))?;
                for problem in problems {
                    eprintln!("▲ {problem}");
                }
                config
            }
            None => Config::default(),
        };
        if let Some(dir) = &self.data_dir {
            config.data_dir.clone_from(dir);
        }
        config.https_port = self.port.unwrap_or(config.https_port);
        config.address = self.address.unwrap_or(config.address);
        config.cameras = self.cameras.unwrap_or(config.cameras);
        if !(1..=SlotId::MAX).contains(&config.cameras) {
            return Err(bad(format!("--cameras must be 1 to {}, not {}", SlotId::MAX, config.cameras)));
        }
        if let Some(title) = &self.title {
            config.title.clone_from(title);
        }
        let numbered = |flag: &'static str, kind: &'static str, texts: &[String]| {
            let one = |(index, text): (usize, &String)| {
                Destination::from_argument(&format!("{kind} {}", index + 1), text).map_err(|error| bad(format!("{flag}: {error}")))
            };
            texts.iter().enumerate().map(one).collect::<anyhow::Result<Vec<Destination>>>()
        };
        config.destinations.extend(numbered("--rtmp", "RTMP", &self.rtmp)?);
        config.destinations.extend(numbered("--srt", "SRT", &self.srt)?);
        config.resume = !self.new;
        if self.any_ports {
            config.inputs.srt_port = 0;
            config.inputs.rtmp_port = 0;
        }
        config.software_gpu |= self.software_gpu;
        if !self.lean.is_empty() {
            make_lean(&mut config, &self.lean)?;
        }
        Ok(config)
    }
}

fn make_lean(config: &mut Config, clips: &[PathBuf]) -> anyhow::Result<()> {
    for (index, path) in clips.iter().enumerate() {
        if !path.is_file() {
            return Err(bad(format!("there is no such clip; check --lean: {}", path.display())));
        }
        let slot = SlotId(u16::try_from(index + 1)?);
        config.sources.push(Source::file(slot, path.clone()));
    }
    config.resume = false;
    config.server = false;
    config.sound = false;
    config.live = false;
    config.graphics = false;
    config.recording.iso = false;
    config.inputs.srt = false;
    config.inputs.rtmp = false;
    Ok(())
}

/// `touchline run`.
pub fn main(args: &Args) -> anyhow::Result<()> {
    run(args, args.config()?, &Arc::new(AtomicBool::new(false)), |_| {})
}

/// Runs a studio until `stop` rises: by a person's or the system's wish, when standard input closes (if that was asked for), or by the
/// caller; or until its session is ended. `started` is called once it runs.
pub fn run(args: &Args, config: Config, stop: &Arc<AtomicBool>, started: impl FnOnce(&Studio)) -> anyhow::Result<()> {
    watchers::person_interrupts(stop)?;
    let _parent = if args.until_stdin_closes { Some(watchers::stdin_closes(stop)?) } else { None };
    let studio = Studio::start(config).map_err(|error| match error {
        tl_studio::Error::DataFolder { .. } => bad(error.to_string()),
        other => other.into(),
    })?;
    let links = LinksFile::of(&studio);
    if let Some(path) = &args.links {
        links.write(path)?;
    }
    started(&studio);
    let quiet = args.quiet || args.snapshots;
    if !quiet && args.json {
        eprint!("{}", links_text(&links));
    } else if !quiet {
        print!("{}", links_text(&links));
    }
    let mut shown = Instant::now();
    let mut told = Instant::now();
    while !stop.load(Ordering::Acquire) && !studio.ended() {
        std::thread::sleep(LOOK);
        if args.snapshots && told.elapsed() >= TELL {
            told = Instant::now();
            println!("{}", serde_json::to_string(&*studio.snapshot())?);
        }
        if !quiet && shown.elapsed() >= STATUS {
            shown = Instant::now();
            say(&status(&studio.snapshot()));
        }
    }
    if args.snapshots {
        println!("{}", serde_json::to_string(&*studio.snapshot())?);
    }
    let last = studio.snapshot();
    if !quiet {
        say("Ending: closing the recordings");
    }
    let mut told = String::new();
    let problems = studio.stop_with(|ending| {
        let text = ending_text(ending).filter(|text| !quiet && *text != told);
        if let Some(text) = text {
            say(&format!("  {text}"));
            told = text;
        }
    });
    if args.json {
        println!("{}", serde_json::to_string_pretty(&*last)?);
    }
    if problems.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(problems.join("; "))) }
}

/// How far the end of a session is, in steps of a tenth of a recording; none when there is nothing to tell.
fn ending_text(ending: Ending) -> Option<String> {
    match ending {
        Ending::Joined { total: 0, .. } | Ending::Checked { total: 0, .. } => None,
        Ending::Joined { done, total } => Some(format!("{done} of {total} recordings are whole")),
        Ending::Checked { done, total, share } if share < 0.1 => Some(format!("{done} of {total} recordings were read back")),
        Ending::Checked { done, total, share } => {
            Some(format!("{done} of {total} recordings were read back, {:.0} % of the next", (share * 10.0).floor() * 10.0))
        }
    }
}

/// Where people go, in the order in which a director needs it.
pub fn links_text(links: &LinksFile) -> String {
    let mut text = format!("Control page   {}\nWatch page     {}\n", links.desk, links.watch);
    for (slot, page) in &links.phones {
        text.push_str(&format!("Phone {slot:<8} {page}\n"));
    }
    for app in &links.apps {
        let slot = app.slot;
        if let Some(url) = &app.srt {
            text.push_str(&format!("SRT app {slot:<6} {url}  stream id {}  passphrase {}\n", app.srt_stream_id, app.srt_passphrase));
        }
        if let Some(url) = &app.rtmp {
            text.push_str(&format!("RTMP app {slot:<5} {url}  stream key {}\n", app.rtmp_key));
        }
    }
    text.push_str(&format!("Recordings     {}\n", links.session_dir.join("recordings").display()));
    text
}

/// The show in one line.
pub fn status(snapshot: &tl_wire::Snapshot) -> String {
    let live = snapshot.cameras.iter().filter(|camera| camera.is_live()).count();
    let on_air = snapshot.program.live.map_or_else(|| "slate".to_owned(), |slot| format!("camera {slot}"));
    let output = &snapshot.output;
    format!(
        "{}  on air: {on_air}  cameras live: {live}  pictures: {} (dropped {}, repeated {})  render p95 {}  delay {}  viewers {}",
        duration(snapshot.media_time.as_secs_f64()),
        output.frames,
        output.dropped,
        output.repeated,
        number(output.render_ms.map(|render| render.p95), " ms"),
        number(Some(snapshot.budget.now_ms), " ms"),
        snapshot.viewers
    )
}
