//! Programs that are not ours, and networks that are worse than loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// A program that ends with the test.
pub struct Peer(pub Child);

impl Peer {
    /// None where it is not installed; the test says so.
    pub fn start(name: &str, args: &[&str]) -> Option<Self> {
        let spawned = Command::new(name).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        match spawned {
            Ok(child) => Some(Self(child)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("SKIPPED: {name} is not installed");
                None
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.0.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits for its end; true when it was content.
    pub fn ends_well(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.0.try_wait().expect("asked") {
                return status.success();
            }
            assert!(Instant::now() < deadline, "a program does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&mut self) {
        // One that has ended cannot be killed.
        self.0.kill().ok();
        self.0.wait().expect("gone");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn free_udp_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port()
}

/// A TCP line of so many bytes a second, whose connections can be cut.
pub struct Line {
    pub port: u16,
    stop: Arc<AtomicBool>,
    cuts: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Line {
    /// Of so many bytes a second towards `to`.
    pub fn to(to: u16, bytes_per_second: usize) -> Self {
        Self::start(to, bytes_per_second, usize::MAX)
    }

    /// A line that resets every connection after it has carried so many bytes.
    pub fn resetting(to: u16, every_bytes: usize) -> Self {
        Self::start(to, usize::MAX, every_bytes)
    }

    fn start(to: u16, bytes_per_second: usize, every_bytes: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        listener.set_nonblocking(true).expect("set");
        let (stop, cuts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, cut) = (Arc::clone(&stop), Arc::clone(&cuts));
        let thread = std::thread::spawn(move || {
            let mut carriers = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((front, _)) = listener.accept() {
                    let Ok(back) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
                    let reset = Arc::new(AtomicBool::new(false));
                    let ends = [(&front, &back, bytes_per_second, every_bytes), (&back, &front, usize::MAX, usize::MAX)];
                    for (from, into, rate, every) in ends {
                        let (from, into) = (from.try_clone().expect("cloned"), into.try_clone().expect("cloned"));
                        let (stop, cut, reset) = (Arc::clone(&stopped), Arc::clone(&cut), Arc::clone(&reset));
                        carriers.push(std::thread::spawn(move || carry(from, into, (rate, every), &stop, &cut, &reset)));
                    }
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            carriers.into_iter().for_each(|carrier| carrier.join().expect("no panic"));
        });
        Self { port, stop, cuts, thread: Some(thread) }
    }

    /// Cuts every connection that stands.
    pub fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a thread").join().expect("no panic");
    }
}

fn carry(mut from: TcpStream, mut into: TcpStream, (rate, every): (usize, usize), stop: &AtomicBool, cuts: &AtomicU64, reset: &AtomicBool) {
    from.set_nonblocking(false).expect("set");
    from.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
    let mut piece = [0; 4_096];
    let before = cuts.load(Ordering::Relaxed);
    let begun = Instant::now();
    let mut carried = 0_usize;
    while !stop.load(Ordering::Relaxed) && cuts.load(Ordering::Relaxed) == before {
        if carried >= every || reset.load(Ordering::Relaxed) {
            reset.store(true, Ordering::Relaxed);
            // Closed without lingering: what was not read is thrown away and the other side gets a reset.
            for end in [&from, &into] {
                socket2::SockRef::from(end).set_linger(Some(Duration::ZERO)).expect("set");
            }
            return;
        }
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                if into.write_all(&piece[..count]).is_err() {
                    break;
                }
                carried += count;
                if rate != usize::MAX {
                    let due = begun + Duration::from_secs_f64(carried as f64 / rate as f64);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()).min(Duration::from_secs(1)));
                }
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    from.shutdown(Shutdown::Both).ok();
    into.shutdown(Shutdown::Both).ok();
}

/// A UDP line that carries so many bytes a second towards `to` and loses the rest.
pub struct Radio {
    pub port: u16,
    rate: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Radio {
    pub fn to(to: u16, bytes_per_second: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let (rate, stop) = (Arc::new(AtomicU64::new(bytes_per_second)), Arc::new(AtomicBool::new(false)));
        let (current, stopped) = (Arc::clone(&rate), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let server = SocketAddr::from((Ipv4Addr::LOCALHOST, to));
            let mut client = None;
            let mut piece = [0; 2_048];
            let (mut level, mut filled) = (0.0_f64, Instant::now());
            while !stopped.load(Ordering::Relaxed) {
                let Ok((count, from)) = socket.recv_from(&mut piece) else { continue };
                if from == server {
                    client.map(|client| socket.send_to(&piece[..count], client).expect("sent"));
                    continue;
                }
                client = Some(from);
                let rate = current.load(Ordering::Relaxed) as f64;
                level = (level + filled.elapsed().as_secs_f64() * rate).min(rate * 0.1);
                filled = Instant::now();
                // What finds no room is lost, as in a full queue.
                if level >= count as f64 {
                    level -= count as f64;
                    socket.send_to(&piece[..count], server).ok();
                }
            }
        });
        Self { port, rate, stop, thread: Some(thread) }
    }

    pub fn set_rate(&self, bytes_per_second: u64) {
        self.rate.store(bytes_per_second, Ordering::Relaxed);
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a thread").join().expect("no panic");
    }
}

/// Waits until a file has at least so many bytes.
pub fn wait_for_bytes(path: &std::path::Path, bytes: u64) {
    super::wait_for("a file to grow", PATIENCE, || std::fs::metadata(path).is_ok_and(|data| data.len() >= bytes));
}
