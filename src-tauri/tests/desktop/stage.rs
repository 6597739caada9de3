//! A display of the test's own with a window manager, and the program on it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_cli::links::LinksFile;
use tl_wire::Snapshot;

/// Anything that is waited for happens within this time, on the slowest machine.
pub const SOON: Duration = Duration::from_secs(90);

/// What the tests need; none: one line says what is missing.
pub fn tools() -> Option<()> {
    for (tool, flag) in [("Xvfb", "-help"), ("xdotool", "version"), ("wmctrl", "-h"), ("openbox", "--version"), ("import", "-version"), ("ffmpeg", "-version")]
    {
        if Command::new(tool).arg(flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            eprintln!("SKIPPED: {tool} is missing; ./studio test installs it");
            return None;
        }
    }
    Some(())
}

/// Waits until `look` finds something.
#[track_caller]
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < SOON, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// A process that ends with the test.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A display with a window manager.
pub struct Stage {
    pub display: String,
    _manager: Ended,
    server: Ended,
}

impl Stage {
    /// The display server dies.
    pub fn kill_display(&mut self) {
        self.server.0.kill().expect("the display is there");
        self.server.0.wait().expect("the display ends");
    }

    pub fn open(width: u32, height: u32) -> Self {
        let screen = format!("{width}x{height}x24");
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts");
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("its output")).read_line(&mut number).expect("its display");
        let display = format!(":{}", number.trim());
        let server = Ended(server);
        let manager = Command::new("openbox").env("DISPLAY", &display).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("openbox starts");
        Self { display, _manager: Ended(manager), server }
    }

    /// What xdotool says; none when it fails.
    pub fn xdotool(&self, words: &[&str]) -> Option<String> {
        let out = Command::new("xdotool").args(words).env("DISPLAY", &self.display).output().expect("xdotool starts");
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    /// The number of the visible window with this title.
    pub fn window(&self, title: &str) -> Option<String> {
        let found = self.xdotool(&["search", "--onlyvisible", "--name", &format!("^{title}$")])?;
        found.lines().last().map(str::to_owned)
    }

    /// What a taskbar or a task switcher sends to a window that it is to close.
    pub fn ask_to_close(&self, window: &str) {
        let asked = Command::new("wmctrl").args(["-i", "-c", window]).env("DISPLAY", &self.display).status();
        assert!(asked.expect("wmctrl starts").success());
    }

    /// Width and height of a window.
    pub fn size(&self, window: &str) -> Option<(u32, u32)> {
        let text = self.xdotool(&["getwindowgeometry", "--shell", window])?;
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        Some((value("WIDTH")?, value("HEIGHT")?))
    }

    /// Red, green and blue of every pixel that a window shows.
    pub fn pixels(&self, window: &str) -> Vec<[u8; 3]> {
        let out = Command::new("import").args(["-silent", "-window", window, "-depth", "8", "rgb:-"]).env("DISPLAY", &self.display).output();
        out.expect("import starts").stdout.as_chunks::<3>().0.to_vec()
    }

    /// Whether bright letters stand between two columns of a window.
    pub fn lights(&self, window: &str, from: usize, to: usize) -> bool {
        let (pixels, Some((width, _))) = (self.pixels(window), self.size(window)) else { return false };
        pixels.chunks(width as usize).any(|row| row.get(from..to).unwrap_or_default().iter().any(|pixel| pixel.iter().all(|part| *part > 200)))
    }

    /// Keeps what a window shows, for a person, where `TOUCHLINE_SHOTS` names a folder.
    pub fn keep(&self, window: &str, name: &str) {
        let Some(folder) = std::env::var_os("TOUCHLINE_SHOTS") else { return };
        let file = Path::new(&folder).join(format!("{name}.png"));
        let kept = Command::new("import").args(["-silent", "-window", window]).arg(&file).env("DISPLAY", &self.display).status();
        assert!(kept.expect("import starts").success(), "{}", file.display());
    }
}

/// A clip of one colour with a bar that moves.
pub fn clip(folder: &Path, name: &str, colour: &str) -> PathBuf {
    let file = folder.join(name);
    let graph = format!("color=c={colour}:s=1280x720:r=30,format=yuv420p[a];color=c=white:s=80x720:r=30[b];[a][b]overlay=x='mod(t*400,1200)':shortest=0");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", "anullsrc", "-filter_complex", &graph, "-t", "4", "-an"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "0"])
        .arg(&file)
        .status();
    assert!(made.expect("ffmpeg starts").success());
    file
}

/// The program, started as a parent starts it.
pub struct Program {
    pub child: Child,
    stdin: Option<ChildStdin>,
    newest: Arc<Mutex<Option<Snapshot>>>,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    pub data: PathBuf,
}

impl Program {
    /// With these words beside those that keep it to itself.
    pub fn start(display: Option<&str>, data: &Path, words: &[&str]) -> Self {
        Self::start_as(&[], &[], display, data, words)
    }

    /// The same, with these words before all others and these variables.
    pub fn start_as(first: &[&str], variables: &[(&str, &str)], display: Option<&str>, data: &Path, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_touchline-desktop"));
        command.args(first).args(["run", "--snapshots", "--until-stdin-closes", "--port", "0", "--any-ports", "--address", "127.0.0.1", "--software-gpu"]);
        command.arg("--data-dir").arg(data).arg("--links").arg(data.join("links.json")).args(words);
        command.env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY").envs(variables.iter().copied());
        if let Some(display) = display {
            command.env("DISPLAY", display);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (newest, said) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(String::new())));
        let (seen, heard) = (Arc::clone(&newest), Arc::clone(&said));
        let (stdout, stderr) = (child.stdout.take().expect("its output"), child.stderr.take().expect("its errors"));
        let snapshots = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let snapshot = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                *seen.lock().expect("unbroken") = Some(snapshot);
            }
        });
        let errors = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("  {line}");
                let mut all = heard.lock().expect("unbroken");
                all.push_str(&line);
                all.push('\n');
            }
        });
        let stdin = child.stdin.take();
        Self { child, stdin, newest, said, readers: vec![snapshots, errors], data: data.to_path_buf() }
    }

    pub fn snapshot(&self) -> Option<Snapshot> {
        self.newest.lock().expect("unbroken").clone()
    }

    /// Everything that it said on standard error.
    pub fn said(&self) -> String {
        self.said.lock().expect("unbroken").clone()
    }

    /// Waits until so many cameras are live and the programme runs.
    pub fn wait_for_cameras(&self, count: usize) -> Snapshot {
        wait("cameras and programme", || {
            self.snapshot().filter(|snapshot| snapshot.output.frames > 0 && snapshot.cameras.iter().filter(|camera| camera.is_live()).count() >= count)
        })
    }

    /// Waits until thirty pictures in a row were made without one left out.
    pub fn wait_for_a_calm_second(&self) {
        let mut since = self.snapshot().expect("a snapshot").output;
        wait("a calm second of show", || {
            let now = self.snapshot()?.output;
            if now.dropped != since.dropped {
                since = now;
                return None;
            }
            (now.frames >= since.frames + 30).then_some(())
        });
    }

    pub fn links(&self) -> LinksFile {
        wait("the links", || LinksFile::read(&self.data.join("links.json")).ok())
    }

    /// Every event of the session. A line is its checksum, and JSON behind it.
    pub fn events(&self) -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(self.links().session_dir.join("events.jsonl")).expect("the session's log");
        log.lines().filter_map(|line| serde_json::from_str(line.split_once(' ')?.1).ok()).collect()
    }

    /// Ids of processes that it started, by the beginning of their names.
    pub fn children(&self, name: &str) -> Vec<u32> {
        let own = self.child.id();
        let all: Vec<(u32, u32, String)> = std::fs::read_dir("/proc")
            .expect("processes")
            .filter_map(|entry| {
                let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let (head, rest) = stat.rsplit_once(") ")?;
                Some((pid, rest.split(' ').nth(1)?.parse().ok()?, head.split_once('(')?.1.to_owned()))
            })
            .collect();
        let mut family = vec![own];
        // Children come after their parents, whatever the order of the list.
        for _ in 0..4 {
            let more: Vec<u32> = all.iter().filter(|(pid, parent, _)| family.contains(parent) && !family.contains(pid)).map(|(pid, ..)| *pid).collect();
            family.extend(more);
        }
        all.iter().filter(|(pid, _, found)| family.contains(pid) && found.starts_with(name)).map(|(pid, ..)| *pid).collect()
    }

    /// Waits for its end; whether it was a good one.
    pub fn ended(&mut self) -> bool {
        let status = wait("the program's end", || self.child.try_wait().expect("a child"));
        self.readers.drain(..).for_each(|reader| reader.join().expect("a reader"));
        status.success()
    }

    /// Ends it as its parent would.
    pub fn finish(mut self) {
        self.stdin.take();
        assert!(self.ended(), "it ended badly: {}", self.said());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs it to its end; exit code and what it said.
pub fn run_out(display: Option<&str>, data: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_touchline-desktop"));
    command.arg("--data-dir").arg(data).args(["--port", "0", "--any-ports"]).env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
    if let Some(display) = display {
        command.env("DISPLAY", display);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let status = wait("the program's end", || child.try_wait().expect("a child"));
    let mut said = String::new();
    child.stderr.take().expect("its errors").read_to_string(&mut said).expect("text");
    (status.code(), said)
}
