//! A small RTSP camera: Digest, interleaved RTP, sender reports, and bad manners on request (RFC 2326, RFC 3550, RFC 6184).
#![allow(dead_code, reason = "each test binary uses another part")]

#[path = "hostile.rs"]
pub mod hostile;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tl_frame::{AccessUnit, h264};

use hostile::Hostile;

pub const USER: &str = "operator";
pub const PASSWORD: &str = "geheim@42";

/// How it behaves.
#[derive(Clone, Copy, Default)]
pub struct Manners {
    /// Asks for a password.
    pub digest: bool,
    /// Asks for it as RFC 7616 has it: SHA-256 first, MD5 for those who know no better, both with `qop`.
    pub many_digests: bool,
    /// Makes a new nonce after each answer but one, and says that the old one is stale.
    pub stale_nonces: bool,
    /// Lets nobody in any more after so many visits, whatever the password.
    pub closes_after: Option<usize>,
    /// Understands who asks, and says no.
    pub forbids: bool,
    /// Sends sender reports.
    pub reports: bool,
    /// Hangs after so many pictures.
    pub hang_after: Option<usize>,
    /// Hangs up after so many pictures.
    pub leave_after: Option<usize>,
    /// Means harm.
    pub hostile: Option<Hostile>,
    /// Knows no stream of any name.
    pub missing: bool,
    /// Sends noise as RTP.
    pub noisy_media: bool,
    /// Offers nothing that can be used.
    pub unusable: bool,
    /// Sends A-law too.
    pub sound: bool,
}

pub struct Camera {
    pub address: SocketAddr,
    pub visits: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    /// Sends `units` at 30 pictures a second to each visitor, again and again; `stamp` may mark each before it leaves.
    pub fn start(manners: Manners, units: Vec<AccessUnit>, stamp: fn(&mut Vec<u8>)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        let (stop, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, seen) = (Arc::clone(&stop), Arc::clone(&visits));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).expect("a socket");
                        // A visitor that leaves is no failure of the camera.
                        Visit { manners, units: &units, stamp, stop: &stopped, visits: &seen }.serve(stream).ok();
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        Self { address, visits, stop, thread: Some(thread) }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the camera did not panic");
        }
    }
}

struct Visit<'a> {
    manners: Manners,
    units: &'a [AccessUnit],
    stamp: fn(&mut Vec<u8>),
    stop: &'a AtomicBool,
    visits: &'a AtomicUsize,
}

fn md5(text: &str) -> String {
    gst::glib::compute_checksum_for_data(gst::glib::ChecksumType::Md5, text.as_bytes()).expect("MD5").to_string()
}

impl Visit<'_> {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        // A visitor that was cut off takes nothing more and does not always say so.
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut answers = 0_u32;
        loop {
            let Some((method, head)) = request(&mut reader)? else { return Ok(()) };
            let field = |name: &str| head.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).unwrap_or_default();
            let sequence = field("CSeq").to_owned();
            answers += 1;
            // One nonce holds for two answers: the one that it came with, and the one that it opens.
            let nonce = if self.manners.stale_nonces { format!("n{}", answers / 2) } else { "4711".to_owned() };
            if self.manners.forbids {
                write!(stream, "RTSP/1.0 403 Forbidden\r\nCSeq: {sequence}\r\n\r\n")?;
                continue;
            }
            let closed = self.manners.closes_after.is_some_and(|visits| self.visits.load(Ordering::Relaxed) >= visits);
            if closed || (self.manners.digest && !is_allowed(&method, field("Authorization"), &nonce)) {
                let challenge = self.challenge(if self.manners.stale_nonces { format!("n{}", answers.div_ceil(2)) } else { nonce });
                write!(stream, "RTSP/1.0 401 Unauthorized\r\nCSeq: {sequence}\r\n{challenge}\r\n")?;
                continue;
            }
            let common = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: 12345678;timeout=60\r\n");
            match method.as_str() {
                "OPTIONS" => write!(stream, "{common}Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n")?,
                "DESCRIBE" if self.manners.missing => write!(stream, "RTSP/1.0 404 Not Found\r\nCSeq: {sequence}\r\n\r\n")?,
                "DESCRIBE" => {
                    if let Some(hostile) = self.manners.hostile
                        && hostile.describe(&mut stream, &sequence, self.stop)?
                    {
                        continue;
                    }
                    let description = self.description();
                    write!(stream, "{common}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{description}", description.len())?;
                }
                "SETUP" => write!(stream, "{common}Transport: {}\r\n\r\n", field("Transport"))?,
                "PLAY" => {
                    write!(stream, "{common}\r\n")?;
                    self.visits.fetch_add(1, Ordering::Relaxed);
                    return match self.manners.hostile {
                        Some(hostile) => hostile.play(&mut stream, self.stop),
                        None => self.play(&mut stream),
                    };
                }
                _ => write!(stream, "{common}\r\n")?,
            }
        }
    }

    fn challenge(&self, nonce: String) -> String {
        let stale = if self.manners.stale_nonces { ", stale=true" } else { "" };
        let digest = |more: &str| format!("WWW-Authenticate: Digest realm=\"camera\", nonce=\"{nonce}\"{stale}{more}\r\n");
        if self.manners.many_digests {
            return digest(", qop=\"auth\", algorithm=SHA-256") + &digest(", qop=\"auth\", algorithm=MD5");
        }
        digest("")
    }

    fn description(&self) -> String {
        let video = if self.manners.unusable { "a=rtpmap:96 X-SECRET/90000" } else { "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1" };
        let mut text =
            format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n{video}\r\na=control:track1\r\n");
        if self.manners.sound {
            text.push_str("m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:track2\r\n");
        }
        text.push_str("m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:track3\r\n");
        text
    }

    fn play(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let begun = Instant::now();
        let (mut video, mut audio) = (Rtp::new(0, 96, 0x1111, 90_000), Rtp::new(2, 8, 0x2222, 8_000));
        for (picture, unit) in self.units.iter().cycle().enumerate() {
            let at = Duration::from_nanos(33_333_333 * picture as u64);
            // A camera's pace, not a condition: pictures come when they are due.
            std::thread::sleep(at.saturating_sub(begun.elapsed()));
            while self.manners.hang_after.is_some_and(|after| picture >= after) && !self.stop.load(Ordering::Relaxed) {
                if !is_open(stream) {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            if self.stop.load(Ordering::Relaxed) || self.manners.leave_after.is_some_and(|after| picture >= after) {
                return Ok(());
            }
            if self.manners.noisy_media {
                let noise: Vec<u8> = (0..900_u32).map(|byte| ((byte + picture as u32 * 977).wrapping_mul(2_654_435_761) >> 9) as u8).collect();
                video.send(stream, at, &noise, true)?;
                continue;
            }
            if self.manners.reports && picture % 15 == 0 {
                video.report(stream, at)?;
                audio.report(stream, at)?;
            }
            let mut data = unit.data.to_vec();
            (self.stamp)(&mut data);
            let nals: Vec<&[u8]> = h264::nals(&data).collect();
            for (index, nal) in nals.iter().enumerate() {
                video.send(stream, at, nal, index + 1 == nals.len())?;
            }
            if self.manners.sound {
                // 100 packets of 20 ms in 60 pictures: three in five.
                let due = |picture: usize| picture * 5 / 3;
                for packet in due(picture)..due(picture + 1) {
                    let tone: Vec<u8> = (0..160_u8).map(|sample| if sample / 10 % 2 == 0 { 0x95 } else { 0x15 }).collect();
                    audio.send(stream, Duration::from_millis(20 * packet as u64), &tone, false)?;
                }
            }
        }
        Ok(())
    }
}

/// One stream inside the connection.
struct Rtp {
    channel: u8,
    payload: u8,
    ssrc: u32,
    rate_hz: u64,
    sequence: u16,
    /// Streams count from places of their own.
    first: u32,
}

impl Rtp {
    fn new(channel: u8, payload: u8, ssrc: u32, rate_hz: u64) -> Self {
        Self { channel, payload, ssrc, rate_hz, sequence: 65_500, first: u32::MAX - ssrc }
    }

    fn ticks(&self, at: Duration) -> u32 {
        self.first.wrapping_add((at.as_nanos() as u64 * self.rate_hz / 1_000_000_000) as u32)
    }

    fn send(&mut self, stream: &mut TcpStream, at: Duration, payload: &[u8], marker: bool) -> std::io::Result<()> {
        let mut packet = vec![0x80, self.payload | u8::from(marker) << 7];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.ticks(at).to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        interleave(stream, self.channel, &packet)
    }

    fn report(&self, stream: &mut TcpStream, at: Duration) -> std::io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let seconds = (now.as_secs() + 2_208_988_800) as u32;
        let fraction = ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000) as u32;
        let mut packet = vec![0x80, 200, 0, 6];
        for word in [self.ssrc, seconds, fraction, self.ticks(at), 1, 1] {
            packet.extend_from_slice(&word.to_be_bytes());
        }
        interleave(stream, self.channel + 1, &packet)
    }
}

fn interleave(stream: &mut TcpStream, channel: u8, packet: &[u8]) -> std::io::Result<()> {
    let mut out = vec![b'$', channel];
    out.extend_from_slice(&u16::try_from(packet.len()).expect("a packet").to_be_bytes());
    out.extend_from_slice(packet);
    stream.write_all(&out)
}

fn is_open(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
    let mut byte = [0; 256];
    !matches!((&*stream).read(&mut byte), Ok(0))
}

type Head = Vec<(String, String)>;

fn request(reader: &mut impl BufRead) -> std::io::Result<Option<(String, Head)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let method = line.split(' ').next().unwrap_or_default().to_owned();
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().split_once(':') {
            Some((key, value)) => head.push((key.to_owned(), value.trim().to_owned())),
            None => return Ok(Some((method, head))),
        }
    }
}

/// RFC 2617, section 3.2.2, with qop and, for those from before it, without.
fn is_allowed(method: &str, answer: &str, nonce: &str) -> bool {
    let field = |name: &str| answer.split([',', ' ']).find_map(|part| part.trim().strip_prefix(&format!("{name}="))).unwrap_or_default().trim_matches('"');
    let secret = md5(&format!("{USER}:camera:{PASSWORD}"));
    let asked = md5(&format!("{method}:{}", field("uri")));
    let counted = if field("qop").is_empty() { String::new() } else { format!(":{}:{}:{}", field("nc"), field("cnonce"), field("qop")) };
    let expected = md5(&format!("{secret}:{nonce}{counted}:{asked}"));
    answer.starts_with("Digest ") && field("username") == USER && field("response") == expected
}
