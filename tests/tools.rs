//! Waiting for a condition, real servers, and other programs' eyes on our files.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Tests with real peers run one at a time: two cores carry one studio.
pub fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `ask` is true; fails with `what` after `secs`.
pub fn until(what: &str, secs: f64, mut ask: impl FnMut() -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs_f64(secs);
    while !ask() {
        anyhow::ensure!(Instant::now() < end, "waited {secs} s in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Says aloud that a test is skipped, and why.
pub fn skip(why: &str) {
    // Standard error directly: the test harness would swallow a print.
    drop(writeln!(std::io::stderr(), "SKIPPED: {why}"));
}

/// Whether a program is there.
pub fn installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Fails unless ffmpeg decodes every picture of a file without a word.
pub fn decodes_cleanly(path: &Path) -> anyhow::Result<()> {
    // Pictures keep their own times (-1: the file's time base): at the nominal rate two of a camera with jitter may fall on one.
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-map", "0:v", "-enc_time_base", "-1", "-f", "null", "-"])
        .stdin(Stdio::null())
        .output()?;
    let words: String = String::from_utf8_lossy(&done.stderr).lines().take(5).collect::<Vec<_>>().join("; ");
    anyhow::ensure!(done.status.success() && words.is_empty(), "{} does not decode: {words}", path.display());
    Ok(())
}

/// Length of a file as ffprobe sees it.
pub fn duration_secs(path: &Path) -> anyhow::Result<f64> {
    let done = Command::new("ffprobe").args(["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]).arg(path).output()?;
    Ok(String::from_utf8(done.stdout)?.trim().parse()?)
}

/// A real nginx-rtmp; ends when dropped.
pub struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    /// Where to publish.
    pub url: String,
}

impl Nginx {
    /// What it recorded.
    pub fn recordings(&self) -> Vec<PathBuf> {
        let found = std::fs::read_dir(self.folder.path().join("rec"));
        found.map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts nginx with its RTMP module on a free port; none, said aloud, when it is not installed.
pub fn nginx_rtmp() -> anyhow::Result<Option<Nginx>> {
    let module =
        ["/usr/lib/nginx/modules/ngx_rtmp_module.so", "/usr/share/nginx/modules/ngx_rtmp_module.so"].into_iter().find(|path| Path::new(path).is_file());
    let (Some(module), true) = (module, installed("nginx") || Path::new("/usr/sbin/nginx").is_file()) else {
        skip("nginx with its RTMP module is not installed");
        return Ok(None);
    };
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let folder = tempfile::tempdir()?;
    let at = folder.path().display();
    std::fs::create_dir(folder.path().join("rec"))?;
    let user = if Path::new("/root").metadata().is_ok_and(|root| root.is_dir()) && std::fs::read_dir("/root").is_ok() { "user root;\n" } else { "" };
    let config = format!(
        "load_module {module};\n{user}daemon off; master_process off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;\nevents {{ worker_connections 64; }}\n\
         rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; application live {{ live on; record all; record_path {at}/rec; record_unique on; }} }} }}\n"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, config)?;
    let nginx = if Path::new("/usr/sbin/nginx").is_file() { "/usr/sbin/nginx" } else { "nginx" };
    let child =
        Command::new(nginx).arg("-p").arg(folder.path()).arg("-c").arg(&file).arg("-e").arg(folder.path().join("error.log")).stdin(Stdio::null()).spawn()?;
    let server = Nginx { child, folder, url: format!("rtmp://127.0.0.1:{port}/live/key") };
    until("nginx listens", 10.0, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    Ok(Some(server))
}

/// Whether a browser and the scripts that drive it are there; says aloud when not.
pub fn browser() -> bool {
    let there = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].iter().any(|path| Path::new(path).is_file());
    let driven = scripts().join("node_modules").is_dir() && installed("node");
    if !there || !driven {
        skip("Chromium, or the scripts in tests/browser, are not installed");
    }
    there && driven
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Starts a browser script; it prints one JSON document.
pub fn browser_script(name: &str, arguments: &[&str]) -> anyhow::Result<Child> {
    Ok(Command::new("node").arg(scripts().join(name)).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// The program as it was built beside this test.
pub fn built_program() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let program = test.parent()?.parent()?.join("touchline");
    program.is_file().then_some(program)
}
