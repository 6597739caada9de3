//! What a screen reader hears and does: a session bus of the test's own with the accessibility bus beside it, asked by gdbus in the words of
//! AT-SPI2.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::stage::{Ended, wait};

const SERVICE: &str = "/usr/share/dbus-1/services/org.a11y.Bus.service";
/// More than any window of ours holds.
const MOST_NODES: usize = 1_000;

/// Both buses.
pub struct Reader {
    /// Address of the session bus, for the program.
    pub bus: String,
    accessible: String,
    daemon: Ended,
    _runtime: tempfile::TempDir,
}

/// Something that a screen reader tells of.
#[derive(Clone, Debug)]
pub struct Node {
    role: Option<u32>,
    pub name: String,
    owner: String,
    path: String,
}

impl Node {
    /// Whether it is pressed: `ATSPI_ROLE_PUSH_BUTTON` or `ATSPI_ROLE_TOGGLE_BUTTON`.
    pub fn is_button(&self) -> bool {
        matches!(self.role, Some(43 | 62))
    }
}

impl Reader {
    /// None: one line says what is missing.
    pub fn start() -> Option<Self> {
        let has = |tool: &str| Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        if !has("dbus-daemon") || !has("gdbus") || !Path::new(SERVICE).exists() {
            eprintln!("SKIPPED: dbus-daemon, libglib2.0-bin or at-spi2-core is missing; ./studio test installs them");
            return None;
        }
        let runtime = tempfile::tempdir().expect("a folder");
        // It starts the accessibility bus itself, which ends with it.
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env_remove("DISPLAY")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a bus");
        let mut bus = String::new();
        BufReader::new(daemon.stdout.take().expect("its output")).read_line(&mut bus).expect("its address");
        let (bus, daemon) = (bus.trim().to_owned(), Ended(daemon));
        let place = ["--dest", "org.a11y.Bus", "--object-path", "/org/a11y/bus", "--method"];
        let accessible = wait("the accessibility bus", || call(&bus, &[&place[..], &["org.a11y.Bus.GetAddress"]].concat()));
        for name in ["IsEnabled", "ScreenReaderEnabled"] {
            let set = ["org.freedesktop.DBus.Properties.Set", "org.a11y.Status", name, "<true>"];
            call(&bus, &[&place[..], &set].concat()).expect("a reader is told of");
        }
        let accessible = quoted(&accessible).next().expect("an address").to_owned();
        Some(Self { bus, accessible, daemon, _runtime: runtime })
    }

    /// Everything that any program tells now.
    pub fn all(&self) -> Vec<Node> {
        let root = ("org.a11y.atspi.Registry".to_owned(), "/org/a11y/atspi/accessible/root".to_owned());
        let (mut waiting, mut found) = (vec![root], Vec::new());
        while let Some((owner, path)) = waiting.pop() {
            // What went away meanwhile tells nothing.
            let Some(children) = self.ask(&owner, &path, &["org.a11y.atspi.Accessible.GetChildren"]) else { continue };
            let words: Vec<&str> = quoted(&children).collect();
            waiting.extend(words.as_chunks::<2>().0.iter().map(|[owner, path]| (owner.to_string(), path.to_string())));
            let role = self.ask(&owner, &path, &["org.a11y.atspi.Accessible.GetRole"]);
            let role = role.and_then(|text| text.trim().strip_prefix("(uint32 ")?.strip_suffix(",)")?.parse().ok());
            let name = self.ask(&owner, &path, &["org.freedesktop.DBus.Properties.Get", "org.a11y.atspi.Accessible", "Name"]).unwrap_or_default();
            let name = quoted(&name).next().unwrap_or_default().to_owned();
            found.push(Node { role, name, owner, path });
            assert!(found.len() < MOST_NODES, "the tree has no end");
        }
        found
    }

    /// The session bus dies.
    pub fn kill_bus(&mut self) {
        self.daemon.0.kill().expect("the bus is there");
        self.daemon.0.wait().expect("the bus ends");
    }

    /// Does what a press of it does.
    pub fn press(&self, node: &Node) {
        let told = self.ask(&node.owner, &node.path, &["org.a11y.atspi.Action.DoAction", "0"]).expect("an answer");
        assert!(told.contains("true"), "{node:?}: {told}");
    }

    fn ask(&self, owner: &str, path: &str, words: &[&str]) -> Option<String> {
        call(&self.accessible, &[&["--dest", owner, "--object-path", path, "--method"], words].concat())
    }
}

/// What gdbus prints; none when the call failed.
fn call(bus: &str, words: &[&str]) -> Option<String> {
    let out = Command::new("gdbus").args(["call", "--address", bus, "--timeout", "5"]).args(words).stderr(Stdio::null()).output().expect("gdbus starts");
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The strings of a printed value. One with an apostrophe in it stands in double quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let begin = rest.find(['\'', '"'])?;
        let mark = rest.as_bytes()[begin] as char;
        let (string, behind) = rest[begin + 1..].split_once(mark)?;
        rest = behind;
        Some(string)
    })
}
