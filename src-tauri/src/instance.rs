//! One window for each data folder. A second start with the same folder brings the first one's window to the front and ends; starts
//! with different folders run beside each other.
//!
//! The first one listens on a port of this machine alone and writes port and secret into a file of its owner's. This needs neither a
//! network nor a session bus, which a kiosk or a remote desktop may lack (the usual plugin asks for one on Linux, and knows one window
//! for each program, whatever its folder).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The file's name in the data folder.
const FILE: &str = "window.instance.json";
/// The other end answers within this time, or it is not there.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A request at most, bytes.
const LONGEST: u64 = 256;
const HERE: &str = "here";
const ENDING: &str = "ending";

/// What a second start finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No window runs with this folder.
    Nobody,
    /// One does, and is in front now.
    Here,
    /// One is just being closed.
    Ending,
}

#[derive(Serialize, Deserialize)]
struct Address {
    port: u16,
    secret: String,
}

/// Asks the window of this folder to come to the front.
pub fn bring_to_front(folder: &Path) -> Found {
    let address = std::fs::read(folder.join(FILE)).ok().and_then(|bytes| serde_json::from_slice::<Address>(&bytes).ok());
    address.and_then(|address| ask(&address).ok()).unwrap_or(Found::Nobody)
}

fn ask(address: &Address) -> std::io::Result<Found> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, address.port)), ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    writeln!(stream, "{}", address.secret)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut answer)?;
    Ok(match answer.trim() {
        HERE => Found::Here,
        ENDING => Found::Ending,
        _ => Found::Nobody,
    })
}

/// Listens for second starts until it is dropped.
pub struct Instance {
    file: PathBuf,
    port: u16,
    secret: String,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Instance {
    /// Begins to listen. `found` is called for each second start, and says whether the window came to the front; else it is being closed.
    pub fn announce(folder: &Path, mut found: impl FnMut() -> bool + Send + 'static) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let secret = tl_studio::random_name()?;
        let file = folder.join(FILE);
        std::fs::create_dir_all(folder)?;
        tl_studio::write_private(&file, &serde_json::to_vec(&Address { port, secret: secret.clone() })?)?;
        let over = Arc::new(AtomicBool::new(false));
        let (ended, expected) = (Arc::clone(&over), secret.clone());
        let thread = std::thread::Builder::new().name("second start".into()).spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                let answered = stream.and_then(|stream| answer(stream, &expected, &mut found));
                if let Err(error) = answered {
                    tracing::debug!(%error, "a second start was not answered");
                    // Without this a process that is out of files would spin.
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        })?;
        Ok(Self { file, port, secret, over, thread: Some(thread) })
    }
}

/// One client at a time, each for two seconds at most.
fn answer(mut stream: TcpStream, secret: &str, found: &mut impl FnMut() -> bool) -> std::io::Result<()> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    let mut said = Vec::new();
    while !said.ends_with(b"\n") && said.len() < LONGEST as usize {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(std::io::ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left))?;
        let mut part = [0; LONGEST as usize];
        let read = stream.read(&mut part)?;
        if read == 0 {
            break;
        }
        said.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    if said.trim_ascii() == secret.as_bytes() {
        writeln!(stream, "{}", if found() { HERE } else { ENDING })?;
    }
    Ok(())
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // The thread waits for somebody to come: this is somebody.
        let woken = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), ANSWER_WITHIN).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken)
            && thread.join().is_err()
        {
            tracing::error!("the thread for second starts panicked");
        }
        // Another one may have announced itself meanwhile; its file stays.
        let ours = std::fs::read(&self.file).ok().and_then(|bytes| serde_json::from_slice::<Address>(&bytes).ok());
        if ours.is_some_and(|address| address.secret == self.secret)
            && let Err(error) = std::fs::remove_file(&self.file)
        {
            tracing::warn!(%error, "the note of this window's whereabouts stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_second_start_reaches_the_first_of_its_folder_alone() {
        let (ours, theirs) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        assert_eq!(bring_to_front(ours.path()), Found::Nobody);
        let (called, calls) = mpsc::sync_channel(8);
        let ending = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ending);
        let instance = Instance::announce(ours.path(), move || {
            called.send(()).expect("somebody listens");
            !ends.load(Ordering::Acquire)
        });
        let instance = instance.expect("announced");
        assert_eq!((bring_to_front(ours.path()), bring_to_front(theirs.path())), (Found::Here, Found::Nobody));
        assert!(calls.recv_timeout(Duration::from_secs(5)).is_ok());
        let file = ours.path().join(FILE);
        let address: Address = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("an address");
        assert_eq!(ask(&Address { secret: "guessed".into(), ..address }).unwrap_or(Found::Nobody), Found::Nobody, "a wrong secret opens nothing");
        assert!(calls.try_recv().is_err());
        ending.store(true, Ordering::Release);
        assert_eq!(bring_to_front(ours.path()), Found::Ending);
        drop(instance);
        assert!(bring_to_front(ours.path()) == Found::Nobody && !file.exists());
    }

    #[test]
    fn a_note_left_behind_or_broken_is_no_window() {
        let folder = tempfile::tempdir().expect("a folder");
        for note in ["", "{}", "{\"port\":1,\"secret\":\"x\"}"] {
            std::fs::write(folder.path().join(FILE), note).expect("written");
            assert_eq!(bring_to_front(folder.path()), Found::Nobody, "{note}");
        }
    }
}
