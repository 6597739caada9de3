//! The system's Chromium without a screen, and the smallest server of a page for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn program(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).find(|path| path.is_file())
}

pub struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    pub fn open(address: &str) -> Option<Self> {
        let Some(program) = program(&["chromium", "chromium-browser", "google-chrome"]) else {
            eprintln!("SKIPPED: no Chromium is installed");
            return None;
        };
        let profile = std::env::temp_dir().join(format!("tl_rtc-chromium-{}-{:?}", std::process::id(), Instant::now()).replace([' ', '{', '}', ':'], ""));
        let child = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream=fps=30"])
            .args(["--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run"])
            .args(["--disable-extensions", "--disable-features=WebRtcHideLocalIpsWithMdns", "--autoplay-policy=no-user-gesture-required"])
            .args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(Self { child: child.expect("Chromium starts"), profile })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.profile));
    }
}

/// A page on loopback.
pub struct Page(TcpListener);

impl Page {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        Self(listener)
    }

    pub fn address(&self, hash: &str) -> String {
        format!("http://{}/{hash}", self.0.local_addr().expect("an address"))
    }

    /// Answers a request if one waits: `answer` gets path and body, and gives status, type and text.
    pub fn turn(&self, answer: impl FnOnce(&str, &str) -> (u16, &'static str, String)) {
        if let Ok((stream, _)) = self.0.accept() {
            stream.set_nonblocking(false).expect("blocking");
            stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a limit");
            serve(stream, answer);
        }
    }
}

fn serve(mut stream: TcpStream, answer: impl FnOnce(&str, &str) -> (u16, &'static str, String)) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) <= 2 {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    if path.is_empty() || reader.read_exact(&mut body).is_err() {
        return;
    }
    let (status, kind, text) = answer(&path, &String::from_utf8_lossy(&body));
    let reply = format!("HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
    // The page may be gone already.
    drop(stream.write_all(reply.as_bytes()));
}

/// Annex B access units and packets of Opus.
pub struct Film {
    pub pictures: Vec<Vec<u8>>,
    pub sounds: Vec<Vec<u8>>,
}

/// A film of `seconds` at 1280x720 and 30 pictures a second whose picture number stands in its upper left corner, ten squares of 64
/// pixels, lowest bit first; Annex B access units with a key every half second, and 440 Hz of Opus in packets of 20 ms. None where
/// no ffmpeg is installed.
pub fn film(seconds: u32) -> Option<Film> {
    let Some(ffmpeg) = program(&["ffmpeg"]) else {
        eprintln!("SKIPPED: no ffmpeg is installed");
        return None;
    };
    let bits: Vec<String> = (0..10)
        .map(|bit| {
            let square =
                |color: &str, on: u32| format!("drawbox=x={}:y=0:w=64:h=64:color={color}:t=fill:enable='eq(mod(floor(n/{}),2),{on})'", bit * 64, 1 << bit);
            format!("{},{}", square("black", 0), square("white", 1))
        })
        .collect();
    let run = |arguments: &[&str]| {
        let output = Command::new(&ffmpeg).args(["-hide_banner", "-loglevel", "error"]).args(arguments).arg("pipe:1").output().expect("ffmpeg runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let source = format!("testsrc2=size=1280x720:rate=30:duration={seconds},{}", bits.join(","));
    let x264 = "repeat-headers=1:aud=1:keyint=15:min-keyint=15:scenecut=0";
    let encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "3M", "-maxrate", "3M", "-bufsize", "1M", "-pix_fmt", "yuv420p"];
    let video = run(&[&["-f", "lavfi", "-i", &source][..], &encoder, &["-x264-params", x264, "-f", "h264"]].concat());
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let sound = run(&["-f", "lavfi", "-i", &tone, "-c:a", "libopus", "-ac", "2", "-b:a", "96k", "-frame_duration", "20", "-f", "ogg"]);
    Some(Film { pictures: access_units(&video), sounds: ogg_packets(&sound).split_off(2) })
}

/// Splits at the delimiters that stand before each picture.
fn access_units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut starts: Vec<usize> = stream.windows(5).enumerate().filter(|(_, bytes)| matches!(bytes, [0, 0, 0, 1, 9])).map(|(at, _)| at).collect();
    starts.push(stream.len());
    starts.windows(2).map(|pair| stream[pair[0]..pair[1]].to_vec()).collect()
}

/// The packets of an Ogg stream (RFC 3533, section 6).
fn ogg_packets(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = vec![Vec::new()];
    while stream.len() > 27 {
        let segments = usize::from(stream[26]);
        let (lacing, mut rest) = stream[27..].split_at(segments);
        for length in lacing {
            let (piece, after) = rest.split_at(usize::from(*length));
            packets.last_mut().expect("a packet").extend_from_slice(piece);
            rest = after;
            if *length < 255 {
                packets.push(Vec::new());
            }
        }
        stream = rest;
    }
    packets.retain(|packet| !packet.is_empty());
    packets
}
