//! What takes long to end: lines on devices whose driver may hang.
//!
//! Each ends on a thread of its own that nobody waits for. Those that hang are kept here; their device is not taken for new streams
//! until they are done, so that they are never more than the streams that ran on it when it hung.

use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::line::lock;

/// A device that works has ended within this time.
const USUAL: Duration = Duration::from_secs(2);

struct Retired {
    device: &'static str,
    since: Instant,
    thread: JoinHandle<()>,
}

static RETIRED: Mutex<Vec<Retired>> = Mutex::new(Vec::new());

/// Drops what ran on a device, beside the caller.
pub(super) fn retire<T: Send + 'static>(device: &'static str, what: T) {
    let mut retired = lock(&RETIRED);
    reap(&mut retired);
    match std::thread::Builder::new().name("decoder-retire".to_owned()).spawn(move || drop(what)) {
        Ok(thread) => retired.push(Retired { device, since: Instant::now(), thread }),
        Err(error) => tracing::warn!(device, %error, "a decoder was ended on the stream's own thread"),
    }
}

/// Whether something that ran on this device has been ending for longer than it should.
pub(super) fn is_stuck(device: &str) -> bool {
    let mut retired = lock(&RETIRED);
    reap(&mut retired);
    retired.iter().any(|entry| entry.device == device && entry.since.elapsed() > USUAL)
}

fn reap(retired: &mut Vec<Retired>) {
    for done in retired.extract_if(.., |entry| entry.thread.is_finished()) {
        if done.thread.join().is_err() {
            tl_base::never!("ending a decoder panicked");
        }
    }
}
