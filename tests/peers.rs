//! Programs that are not ours and send to the studio, or serve it: ffmpeg, VLC, srt-live-transmit.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A program beside the test; it ends when this is dropped.
pub struct Peer(Child);

impl Peer {
    /// Starts a program with nothing to say.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Ends it at once.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

const PICTURE: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30"];
const TONE: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
const H264: [&str; 16] =
    ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "1500k", "-g", "15", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "48000"];

/// ffmpeg as a camera that sends to `address` in `format`, in real time.
pub fn ffmpeg_to(format: &str, address: &str) -> anyhow::Result<Peer> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re"]).args(PICTURE).args(["-re"]).args(TONE).args(H264).args(["-f", format, address]);
    Peer::start(&mut command)
}

/// ffmpeg as a camera whose key pictures are two seconds apart, as most are set; it sends so many seconds and ends.
pub fn ffmpeg_once(format: &str, address: &str, seconds: u32) -> anyhow::Result<Peer> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re"]).args(PICTURE).args(["-t", &seconds.to_string()]).args(H264).args(["-g", "60", "-f", format, address]);
    Peer::start(&mut command)
}

/// A file of `seconds` with picture and sound, made by ffmpeg, that everybody may read.
pub fn clip(folder: &Path, seconds: u32) -> anyhow::Result<PathBuf> {
    let file = folder.join("clip.mp4");
    let length = seconds.to_string();
    let done = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(PICTURE).args(TONE).args(H264).args(["-t", &length]).arg(&file).status()?;
    anyhow::ensure!(done.success(), "ffmpeg made no clip");
    Ok(file)
}

/// VLC as an RTSP server of a file on a free port; its address. VLC does not run for root.
pub fn vlc_rtsp(file: &Path) -> anyhow::Result<(Peer, String)> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let address = format!("rtsp://127.0.0.1:{port}/hall");
    // Where the file's folder is its owner's alone, nobody else can read it.
    let shared = std::env::temp_dir().join(format!("touchline-clip-{port}.mp4"));
    std::fs::copy(file, &shared)?;
    let home = std::env::temp_dir().join(format!("touchline-vlc-{port}"));
    std::fs::create_dir_all(&home)?;
    let out = format!("#rtp{{sdp={address}}}");
    // It becomes VLC itself, so that ending it ends VLC.
    let as_nobody = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "env"];
    let mut command = Command::new("setpriv");
    command.args(as_nobody).arg(format!("HOME={}", home.display())).args(["cvlc", "-I", "dummy", "--quiet"]).arg(&shared).args(["--sout", &out, "--loop"]);
    let server = Peer::start(&mut command)?;
    crate::until("VLC listens", 20.0, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    Ok((server, address))
}

/// A camera that serves Motion JPEG over HTTP, as cheap IP cameras do.
pub struct MjpegCamera {
    /// Where.
    pub url: String,
    stop: Arc<AtomicBool>,
    hold: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MjpegCamera {
    /// Serves the pictures of `folder/*.jpg` in a loop, 30 a second, to whoever asks.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let pattern = folder.join("%03d.jpg");
        let done = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(PICTURE).args(["-t", "1", "-q:v", "5"]).arg(&pattern).status()?;
        anyhow::ensure!(done.success(), "ffmpeg made no pictures");
        let mut pictures = Vec::new();
        for number in 1..=30 {
            pictures.push(std::fs::read(folder.join(format!("{number:03}.jpg")))?);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}/video", listener.local_addr()?);
        let stop = Arc::new(AtomicBool::new(false));
        let hold = Arc::new(AtomicBool::new(false));
        let (stopped, held) = (Arc::clone(&stop), Arc::clone(&hold));
        let thread = std::thread::Builder::new().name("mjpeg camera".into()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((stream, _)) => serve(stream, &pictures, &stopped, &held),
                    Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
                }
            }
        })?;
        Ok(Self { url, stop, hold, thread: Some(thread) })
    }

    /// Keeps the connection and sends nothing, or goes on.
    pub fn hold(&self, on: bool) {
        self.hold.store(on, Ordering::Release);
    }
}

fn serve(mut stream: TcpStream, pictures: &[Vec<u8>], stop: &AtomicBool, hold: &AtomicBool) {
    let mut request = [0_u8; 2_048];
    if stream.set_nonblocking(false).is_err() || stream.read(&mut request).is_err() {
        return;
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n";
    let begun = std::time::Instant::now();
    let mut written = stream.write_all(head.as_bytes());
    for (number, picture) in (0_u32..).zip(pictures.iter().cycle()) {
        let due = begun + std::time::Duration::from_secs(1) * number / 30;
        // A camera's pace: pictures leave when their time has come.
        std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
        if stop.load(Ordering::Acquire) || written.is_err() {
            return;
        }
        if hold.load(Ordering::Acquire) {
            continue;
        }
        let part = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
        written = stream.write_all(part.as_bytes()).and_then(|()| stream.write_all(picture)).and_then(|()| stream.write_all(b"\r\n"));
    }
}

impl Drop for MjpegCamera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
