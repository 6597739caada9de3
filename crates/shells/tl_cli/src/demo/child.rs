//! The demo's two processes: the studio, and the phones. Closing a child's standard input ends it, also when this process dies.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_rehearsal::Summary;
use tl_wire::Snapshot;

use crate::demo::Args;
use crate::links::LinksFile;

/// The studio says where it is within this time.
const LINKS_WITHIN: Duration = Duration::from_secs(20);
/// A child that is asked to end has this long.
const END_WITHIN: Duration = Duration::from_secs(60);

/// CPU time and memory of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds of CPU.
    pub cpu_seconds: Option<f64>,
    /// Highest resident memory, megabytes of 2^20 bytes.
    pub rss_peak_mb: Option<f64>,
}

impl Cost {
    /// What was used between two readings; the memory is the later peak.
    pub fn between(before: Option<Self>, after: Option<Self>) -> Self {
        let (Some(before), Some(after)) = (before, after) else { return Self::default() };
        Self { cpu_seconds: after.cpu_seconds.zip(before.cpu_seconds).map(|(after, before)| after - before), rss_peak_mb: after.rss_peak_mb }
    }

    /// The kernel's books (proc(5)); none where there are none.
    fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse::<f64>().ok()?;
        Some(Self { cpu_seconds: Some(ticks / 100.0), rss_peak_mb: Some(peak / 1_024.0) })
    }
}

/// The program that is the demo's studio: the one with windows where there is a display and it stands beside this one, else this one.
pub fn studio_program(headless: bool) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.with_file_name(format!("touchline-desktop{}", std::env::consts::EXE_SUFFIX));
    Ok(if !headless && has_display() && beside.is_file() { beside } else { own })
}

/// Whether there may be a display; the program with windows looks closer, and goes on without them.
fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

struct Process {
    name: &'static str,
    child: Arc<Mutex<Child>>,
    stdin: Option<ChildStdin>,
    pid: u32,
}

impl Process {
    fn start(name: &'static str, program: &Path, arguments: &[String], stdout: Stdio) -> anyhow::Result<Self> {
        let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(stdout).spawn()?;
        let (stdin, pid) = (child.stdin.take(), child.id());
        Ok(Self { name, child: Arc::new(Mutex::new(child)), stdin, pid })
    }

    fn exited(&self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait()?)
    }

    fn check(&self) -> anyhow::Result<()> {
        match self.exited()? {
            Some(status) => anyhow::bail!("the {} ended by itself ({status}); its last line says why", self.name),
            None => Ok(()),
        }
    }

    /// Asks the child to end and waits.
    fn finish(&mut self) -> anyhow::Result<()> {
        self.stdin.take();
        let from = Instant::now();
        loop {
            if let Some(status) = self.exited()? {
                anyhow::ensure!(status.success(), "the {} ended with {status}; its last line says why", self.name);
                return Ok(());
            }
            anyhow::ensure!(from.elapsed() < END_WITHIN, "the {} did not end within {} s", self.name, END_WITHIN.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The studio's process.
pub struct Studio {
    program: PathBuf,
    arguments: Vec<String>,
    process: Process,
    newest: Arc<Mutex<Option<Snapshot>>>,
    reader: Option<JoinHandle<()>>,
}

impl Studio {
    /// Starts it; it tells its snapshots on its standard output.
    pub fn start(program: PathBuf, arguments: &[String]) -> anyhow::Result<Self> {
        let process = Process::start("studio", &program, arguments, Stdio::piped())?;
        let stdout = process.child.lock().unwrap_or_else(PoisonError::into_inner).stdout.take();
        let newest = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&newest);
        let reader = std::thread::Builder::new().name("snapshots".into()).spawn(move || {
            let Some(stdout) = stdout else { return };
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                match serde_json::from_str::<Snapshot>(&line) {
                    Ok(snapshot) => *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot),
                    Err(error) => tracing::warn!(%error, "a snapshot was not understood"),
                }
            }
        })?;
        Ok(Self { program, arguments: arguments.to_vec(), process, newest, reader: Some(reader) })
    }

    /// Starts it again after it died, in the same session: as before, except for these last words.
    pub fn restart(&mut self, last: &[String]) -> anyhow::Result<()> {
        let mut arguments: Vec<String> = self.arguments.iter().filter(|argument| *argument != "--new").cloned().collect();
        // The same option twice is refused, so the old ones go with their values.
        for option in last.iter().filter(|word| word.starts_with("--")) {
            if let Some(at) = arguments.iter().position(|argument| argument == option) {
                arguments.drain(at..(at + 2).min(arguments.len()));
            }
        }
        arguments.extend_from_slice(last);
        let before = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let again = Self::start(self.program.clone(), &arguments)?;
        // What was seen last stays until there is something newer.
        let mut newest = again.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.is_none() {
            *newest = before;
        }
        drop(newest);
        *self = again;
        Ok(())
    }

    /// Waits for the file that says where it is.
    pub fn links(&self, path: &Path) -> anyhow::Result<LinksFile> {
        let from = Instant::now();
        loop {
            if let Ok(links) = LinksFile::read(path) {
                return Ok(links);
            }
            self.check()?;
            anyhow::ensure!(from.elapsed() < LINKS_WITHIN, "the studio did not start within {} s", LINKS_WITHIN.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails when it ended by itself.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.over() { Ok(()) } else { self.process.check() }
    }

    /// A session that a person ended on a page is a proper end, and so is a window that was closed.
    fn over(&self) -> bool {
        let closed = self.process.exited().is_ok_and(|ended| ended.is_some_and(|status| status.success()));
        closed || self.snapshot().is_some_and(|snapshot| snapshot.state != tl_wire::SessionState::Running)
    }

    /// Whether it ended as it should, by somebody's wish.
    pub fn is_over(&self) -> bool {
        self.over()
    }

    /// Whether it was killed, or died, in the middle of the show.
    pub fn died(&self) -> anyhow::Result<bool> {
        Ok(!self.over() && self.process.exited()?.is_some())
    }

    /// What it has used so far.
    pub fn cost(&self) -> Option<Cost> {
        Cost::of(self.process.pid)
    }

    /// Ends it and waits until its files are whole.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.process.finish()?;
        if let Some(reader) = self.reader.take()
            && reader.join().is_err()
        {
            anyhow::bail!("the reader of snapshots failed");
        }
        Ok(())
    }
}

/// The phones' process.
pub struct Phones {
    process: Process,
    summary: PathBuf,
}

impl Phones {
    /// Starts it.
    pub fn start(links: &Path, folder: &Path, args: &Args) -> anyhow::Result<Self> {
        let summary = folder.join("phones.json");
        let mut arguments: Vec<String> = vec!["rehearse".into(), "--links".into(), links.display().to_string(), "--until-stdin-closes".into()];
        arguments.extend(["--cameras".into(), args.cameras.to_string(), "--seed".into(), args.seed.to_string()]);
        arguments.extend(["--protocols".into(), args.protocols.join(",")]);
        arguments.extend(["--truth".into(), folder.join("truth.jsonl").display().to_string(), "--summary".into(), summary.display().to_string()]);
        if args.faults {
            arguments.push("--faults".into());
        }
        Ok(Self { process: Process::start("phones", &std::env::current_exe()?, &arguments, Stdio::null())?, summary })
    }

    /// What it has used so far.
    pub fn cost(&self) -> Option<Cost> {
        Cost::of(self.process.pid)
    }

    /// Fails when it ended by itself.
    pub fn check(&self) -> anyhow::Result<()> {
        self.process.check()
    }

    /// Ends it and reads what it did.
    pub fn finish(mut self) -> anyhow::Result<Summary> {
        self.process.finish()?;
        Ok(serde_json::from_slice(&std::fs::read(&self.summary)?)?)
    }
}
