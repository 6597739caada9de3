//! Letting go of what may take its time to end: a connection that hangs in a name look-up, a pipeline that waits for its peer.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// Threads that let things go; joined when dropped.
#[derive(Debug, Default)]
pub struct Leaving(Mutex<Vec<JoinHandle<()>>>);

impl Leaving {
    /// Drops `thing` on a thread of its own, so that nobody waits for it.
    pub fn let_go<T: Send + 'static>(&self, what: &'static str, thing: T) {
        let leaving = std::thread::Builder::new().name("leaving".into()).spawn(move || drop(thing));
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        match leaving {
            Ok(thread) => threads.push(thread),
            Err(error) => tracing::warn!(%error, what, "it was let go on the spot"),
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let threads = std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("letting something go panicked");
            }
        }
    }
}
