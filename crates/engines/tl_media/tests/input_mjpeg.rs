//! HTTP MJPEG cameras: one of our own with Digest and bad manners.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests say at once that something cannot be")]

mod input_peers;

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tl_base::Secret;
use tl_frame::{Codec, jpeg};
use tl_media::input::{Event, Input, Kind};

use input_peers::{Told, check_units, count, mean_step_ms, pictures, resident_bytes, start, units, words};

#[derive(Clone, Copy, PartialEq)]
enum Manners {
    Good,
    /// Parts state no length and no time.
    Bare,
    Digest,
    /// The boundary never comes again.
    Endless,
    /// A picture of 60,000 by 60,000 pixels.
    Huge,
    /// Stops in the middle of the third image.
    Hangs,
    Html,
    Missing,
    Forbidden,
}

struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).expect("a socket");
                        // A visitor that leaves is no failure of the camera.
                        serve(stream, manners, &stopped).ok();
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server did not panic");
        }
    }
}

fn md5(text: &str) -> String {
    gst::glib::compute_checksum_for_data(gst::glib::ChecksumType::Md5, text.as_bytes()).expect("MD5").to_string()
}

fn is_allowed(answer: &str) -> bool {
    let field = |name: &str| answer.split([',', ' ']).find_map(|part| part.trim().strip_prefix(&format!("{name}="))).unwrap_or_default().trim_matches('"');
    let expected = md5(&format!("{}:4711:{}", md5("anna:cam:geheim"), md5(&format!("GET:{}", field("uri")))));
    answer.starts_with("Digest ") && field("response") == expected
}

fn serve(mut stream: TcpStream, manners: Manners, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut answer = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((_, value)) = line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case("authorization")) {
                answer = value.trim().to_owned();
            }
        }
        match manners {
            Manners::Digest if !is_allowed(&answer) => {
                write!(stream, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"4711\"\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            Manners::Missing => return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            Manners::Forbidden => return write!(stream, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            Manners::Html => {
                return write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>\n<body>no camera</body></html>\n");
            }
            _ => {}
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n")?;
        return send(&mut stream, manners, stop);
    }
}

fn send(stream: &mut TcpStream, manners: Manners, stop: &AtomicBool) -> std::io::Result<()> {
    let image = image();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut image = image.clone();
        if manners == Manners::Huge {
            let frame = image.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame header");
            image[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let head = match manners {
            Manners::Bare | Manners::Endless => String::new(),
            _ => format!("Content-Length: {}\r\nX-Timestamp: {now:.6}\r\n", image.len()),
        };
        write!(stream, "--frame\r\nContent-Type: image/jpeg\r\n{head}\r\n")?;
        while manners == Manners::Endless && !stop.load(Ordering::Relaxed) {
            stream.write_all(&vec![0; 1 << 20])?;
        }
        if manners == Manners::Hangs && number == 3 {
            stream.write_all(&image[..image.len() / 2])?;
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            return Ok(());
        }
        stream.write_all(&image)?;
        stream.write_all(b"\r\n")?;
        // A camera's pace, not a condition.
        std::thread::sleep(Duration::from_millis(33));
    }
    Ok(())
}

/// 160x96 of grey and colours.
fn image() -> Vec<u8> {
    let mut out = Vec::new();
    let pixels: Vec<u8> = (0..160 * 96 * 3_usize).map(|at| (at * 7 % 251) as u8).collect();
    jpeg_encoder::Encoder::new(&mut out, 80).encode(&pixels, 160, 96, jpeg_encoder::ColorType::Rgb).expect("an image");
    out
}

fn pull(server: &Server, login: &str) -> (Input, Told) {
    start(Kind::Mjpeg { url: Secret::new(format!("http://{login}{}/video", server.address)) })
}

#[test]
fn images_arrive_with_and_without_length_and_clock() {
    for manners in [Manners::Good, Manners::Bare] {
        let server = Server::start(manners);
        let (_input, told) = pull(&server, "");
        let all = told.wait_pictures(60);
        check_units(&all, false);
        assert!(all.iter().all(|unit| unit.codec == Codec::Mjpeg && unit.key && jpeg::size(&unit.data).is_some_and(|size| size.width == 160)));
        assert!(all.iter().all(|unit| unit.data.starts_with(&[0xff, 0xd8]) && unit.data.ends_with(&[0xff, 0xd9])));
        println!("{:.1} ms between images", mean_step_ms(&all, Codec::Mjpeg));
    }
}

#[test]
fn digest_opens_and_a_wrong_password_is_told() {
    let server = Server::start(Manners::Digest);
    let (_input, told) = pull(&server, "anna:geheim@");
    told.wait_pictures(10);
    drop(_input);
    let (_input, told) = pull(&server, "anna:falsch@");
    let seen = told.wait("a refusal", |events| events.iter().any(|event| matches!(event, Event::Refused { reason } if reason.contains("password"))));
    assert!(!format!("{seen:?}").contains("falsch"));
}

#[test]
fn a_camera_that_forbids_is_asked_again_seldom() {
    let server = Server::start(Manners::Forbidden);
    let (_input, told) = pull(&server, "anna:geheim@");
    let seen = told.wait("a wait", |events| events.iter().any(|event| matches!(event, Event::Waiting { .. } | Event::Refused { .. })));
    let last = seen.last().expect("an event");
    assert!(matches!(last, Event::Waiting { retry_in, reason } if retry_in.as_secs() == 30 && reason.contains("forbidden")), "{:?}", words(&seen));
}

#[test]
fn bad_manners_cost_a_word_and_little_memory() {
    let before = resident_bytes();
    for (manners, expected) in [(Manners::Endless, "larger than 20 MB"), (Manners::Html, "no parts"), (Manners::Missing, "no such stream")] {
        let server = Server::start(manners);
        let (_input, told) = pull(&server, "");
        let seen = told.wait(expected, |events| events.iter().any(|event| matches!(event, Event::Waiting { reason, .. } if reason.contains(expected))));
        assert_eq!(pictures(&seen), 0);
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 96 << 20, "{} MB more", grown >> 20);
    let server = Server::start(Manners::Huge);
    let (input, told) = pull(&server, "");
    told.wait("an end", |events| events.iter().any(|event| matches!(event, Event::Waiting { .. })));
    assert!(units(&told.all()).is_empty() && input.counters().dropped > 10);
}

#[test]
fn a_hang_in_the_middle_of_an_image_is_a_loss() {
    let server = Server::start(Manners::Hangs);
    let (_input, told) = pull(&server, "");
    let seen = told.wait("a loss", |events| count(events, |event| matches!(event, Event::Lost { .. })) == 1);
    assert_eq!(pictures(&seen), 3, "{:?}", words(&seen));
}
