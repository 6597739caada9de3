//! An app that publishes enhanced RTMP, which no program here does: written from the specifications, by hand, with nothing of
//! the product's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use super::{PATIENCE, ffprobe};

/// One connection that publishes.
pub struct Publisher(TcpStream);

impl Publisher {
    /// Connects and asks to publish; panics unless it may.
    pub fn start(server: SocketAddr, app: &str, key: &str) -> Self {
        let mut socket = TcpStream::connect(server).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        socket.write_all(&[&[3][..], &[7; 1_536]].concat()).expect("written");
        let mut answer = [0; 1 + 2 * 1_536];
        socket.read_exact(&mut answer).expect("a handshake");
        socket.write_all(&answer[1..1 + 1_536]).expect("written");
        let mut publisher = Self(socket);
        publisher.message(1, 0, 0, &0x00ff_ffff_u32.to_be_bytes());
        let members = [text_member("app", app), number_member("videoFunction", 1.0)].concat();
        publisher.message(20, 0, 0, &[text("connect"), number(1.0), [&[3][..], &members, &[0, 0, 9]].concat()].concat());
        publisher.message(20, 0, 0, &[text("createStream"), number(2.0), vec![5]].concat());
        publisher.message(20, 1, 0, &[text("publish"), number(3.0), vec![5], text(key), text("live")].concat());
        let mut heard = Vec::new();
        while !heard.windows(23).any(|part| part == b"NetStream.Publish.Start") {
            let mut piece = [0; 1_024];
            let count = publisher.0.read(&mut piece).expect("an answer");
            assert!(count > 0, "it may not: {}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&piece[..count]);
        }
        publisher
    }

    /// The body of a video tag.
    pub fn video(&mut self, at_ms: u32, body: &[u8]) {
        self.message(9, 1, at_ms, body);
    }

    fn message(&mut self, kind: u8, stream: u32, at_ms: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let header = [&[3][..], &at_ms.to_be_bytes()[1..], &length[1..], &[kind], &stream.to_le_bytes()].concat();
        // The first message announces chunks of any length; it is shorter than the default one itself.
        self.0.write_all(&[&header[..], payload].concat()).expect("written");
    }
}

fn sized(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).expect("short").to_be_bytes()[..], text.as_bytes()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [vec![2], sized(text)].concat()
}

fn number(number: f64) -> Vec<u8> {
    [&[0][..], &number.to_be_bytes()].concat()
}

fn text_member(name: &str, value: &str) -> Vec<u8> {
    [sized(name), text(value)].concat()
}

fn number_member(name: &str, value: f64) -> Vec<u8> {
    [sized(name), number(value)].concat()
}

/// A clip in the form that enhanced RTMP takes over from MP4.
pub struct Clip {
    pub config: Vec<u8>,
    /// Each with whether it is a key.
    pub pictures: Vec<(bool, Vec<u8>)>,
}

/// A clip that ffmpeg makes, its configuration in a box of that name; none without the encoder.
pub fn clip(folder: &Path, encoder: &[&str], config_box: &[u8; 4]) -> Option<Clip> {
    let path = folder.join("clip.mp4");
    let mut args = vec!["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x192:rate=30", "-t", "1", "-pix_fmt", "yuv420p", "-g", "15"];
    args.extend(encoder);
    args.push(path.to_str().expect("text"));
    let made = Command::new("ffmpeg").args(args).output().expect("ffmpeg runs");
    if !made.status.success() {
        eprintln!("SKIPPED: ffmpeg has no {}: {}", encoder[1], String::from_utf8_lossy(&made.stderr));
        return None;
    }
    let file = std::fs::read(&path).expect("a clip");
    let at = file.windows(4).position(|name| name == config_box).expect("a configuration");
    let length = u32::from_be_bytes(file[at - 4..at].try_into().expect("four bytes")) as usize;
    let config = file[at + 4..at - 4 + length].to_vec();
    let text = ffprobe(&path, &["-select_streams", "v:0", "-show_entries", "packet=pos,size,flags"]);
    let picture = |line: &str| {
        let mut fields = line.split(',');
        let (size, pos): (usize, usize) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((fields.next()?.starts_with('K'), file[pos..pos + size].to_vec()))
    };
    Some(Clip { config, pictures: text.lines().filter_map(picture).collect() })
}
