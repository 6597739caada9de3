//! Answers of a camera that means harm.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// What it does where others describe their streams, or send them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Noise where the description belongs.
    Noise,
    /// A description that never ends.
    Endless,
    /// A line of the head that never ends.
    EndlessHead,
    /// A length that no machine has room for.
    HugeLength,
    /// Sends the visitor round in circles.
    Redirects,
    /// Ten thousand streams, with numbers that make no sense.
    ManyStreams,
    /// Noise in place of framed packets.
    Unframed,
    /// Framed packets on any channel, of any length, with any bytes.
    AnyPackets,
}

pub const ALL: [Hostile; 8] = [
    Hostile::Noise,
    Hostile::Endless,
    Hostile::EndlessHead,
    Hostile::HugeLength,
    Hostile::Redirects,
    Hostile::ManyStreams,
    Hostile::Unframed,
    Hostile::AnyPackets,
];

fn noise(from: u32, length: u32) -> Vec<u8> {
    (from..from.wrapping_add(length)).map(|at| (at.wrapping_mul(2_654_435_761) >> 9) as u8).collect()
}

/// Sends the same again and again until nobody listens.
fn pour(stream: &mut TcpStream, bytes: &[u8], stop: &AtomicBool) -> std::io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(bytes)?;
    }
    Ok(())
}

impl Hostile {
    /// Answers DESCRIBE; false where the description is as usual.
    pub fn describe(self, stream: &mut TcpStream, sequence: &str, stop: &AtomicBool) -> std::io::Result<bool> {
        let head = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nContent-Type: application/sdp\r\n");
        match self {
            Self::Noise => {
                let noise = noise(0, 60_000);
                write!(stream, "{head}Content-Length: {}\r\n\r\n", noise.len())?;
                stream.write_all(&noise)?;
            }
            Self::Endless => {
                write!(stream, "{head}Content-Length: 2000000000\r\n\r\n")?;
                pour(stream, &noise(0, 64 << 10), stop)?;
            }
            Self::EndlessHead => {
                write!(stream, "{head}X-Name: ")?;
                pour(stream, &[b'x'; 4_096], stop)?;
            }
            Self::HugeLength => write!(stream, "{head}Content-Length: 18446744073709551615\r\n\r\n")?,
            Self::Redirects => {
                let own = stream.local_addr()?;
                write!(stream, "RTSP/1.0 302 Found\r\nCSeq: {sequence}\r\nLocation: rtsp://{own}/again\r\n\r\n")?;
            }
            Self::ManyStreams => {
                let mut text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n".to_owned();
                for at in 0..10_000_u32 {
                    let rate = [0, 1, 4_294_967_295_u32, 90_000][at as usize % 4];
                    let sets = "AAAA".repeat(at as usize % 7);
                    text.push_str(&format!(
                        "m=video {at} RTP/AVP {}\r\na=rtpmap:{} H264/{rate}\r\na=fmtp:{} sprop-parameter-sets={sets},=\r\n",
                        at % 300,
                        at % 300,
                        at % 300
                    ));
                }
                write!(stream, "{head}Content-Length: {}\r\n\r\n{text}", text.len())?;
            }
            Self::Unframed | Self::AnyPackets => return Ok(false),
        }
        Ok(true)
    }

    /// Sends what it sends in place of media.
    pub fn play(self, stream: &mut TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
        for round in 0..u32::MAX {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let bytes = noise(round.wrapping_mul(7_919), 20 + round % 1_400);
            if self == Self::AnyPackets {
                // Every other one looks like RTP, or a report.
                let second = [96, 96 | 0x80, 200, 201][round as usize % 4];
                let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
                stream.write_all(&[&[b'$', (round % 6) as u8][..], &length.to_be_bytes(), &[0x80 | (round % 64) as u8, second], &bytes[2..]].concat())?;
            } else {
                stream.write_all(&bytes)?;
            }
            if round % 20 == 0 {
                // A camera sends at a pace; a flood would only measure this machine.
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        Ok(())
    }
}
