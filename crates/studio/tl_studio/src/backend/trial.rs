//! Work that blocks, runs one at a time, and ends when nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether such work runs now.
#[derive(Clone, Debug, Default)]
pub struct OneAtATime(Arc<AtomicBool>);

/// The one place; free again when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicBool>);

impl OneAtATime {
    /// The place, unless something runs.
    pub fn take(&self) -> Option<Place> {
        (!self.0.swap(true, Ordering::AcqRel)).then(|| Place(Arc::clone(&self.0)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Tells work to end when whoever waited for it is gone.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `work` away from the server's threads for `limit` at most. It hears by its flag that its time is over or that this future
/// was dropped; the place is free when the work has really ended. None when it took too long or could not run.
pub async fn run<T: Send + 'static>(place: Place, limit: Duration, work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Option<T> {
    let cancel = Arc::new(AtomicBool::new(false));
    let guard = CancelOnDrop(Arc::clone(&cancel));
    let running = super::aside(move || {
        let done = work(&cancel);
        drop(place);
        done
    });
    let done = tokio::time::timeout(limit, running).await;
    drop(guard);
    done.ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime")
    }

    /// Work that ends only when it is told to, and says when it has begun and ended.
    fn patient(told: mpsc::SyncSender<&'static str>) -> impl FnOnce(&AtomicBool) {
        move |cancel| {
            told.send("begun").expect("heard");
            while !cancel.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            told.send("ended").expect("heard");
        }
    }

    fn is_free(one: &OneAtATime) -> bool {
        let limit = std::time::Instant::now() + SOON;
        while std::time::Instant::now() < limit {
            if one.take().is_some() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    #[test]
    fn a_client_that_goes_away_ends_the_work_and_leaves_the_place_free() {
        let (runtime, one, (told, heard)) = (runtime(), OneAtATime::default(), mpsc::sync_channel(2));
        let waiting = runtime.spawn(run(one.take().expect("free"), SOON, patient(told)));
        assert_eq!(heard.recv_timeout(SOON), Ok("begun"));
        assert!(one.take().is_none(), "one at a time");
        waiting.abort();
        assert_eq!(heard.recv_timeout(SOON), Ok("ended"));
        assert!(is_free(&one));
    }

    #[test]
    fn a_client_that_goes_away_before_anything_runs_leaves_the_place_free() {
        let one = OneAtATime::default();
        drop(run(one.take().expect("free"), SOON, |_| ()));
        assert!(one.take().is_some());
    }

    #[test]
    fn work_that_takes_too_long_is_told_to_end() {
        let (runtime, one, (told, heard)) = (runtime(), OneAtATime::default(), mpsc::sync_channel(2));
        assert_eq!(runtime.block_on(run(one.take().expect("free"), Duration::from_millis(1), patient(told))), None);
        // It may have been told before it began; either way it ends.
        assert_eq!((heard.recv_timeout(SOON), heard.recv_timeout(SOON)), (Ok("begun"), Ok("ended")));
        assert!(is_free(&one));
        assert_eq!(runtime.block_on(run(one.take().expect("free"), SOON, |_| 7)), Some(7));
    }
}
