//! Files that stand for cameras: their access units arrive in real time, in a loop, by their own clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tl_base::{MediaClock, MediaTime};
use tl_frame::AccessUnit;

use crate::config::FileCamera;
use crate::feed::Feed;

/// The longest that a file camera sleeps without looking whether it should end.
const NAP: Duration = Duration::from_millis(100);

/// A running file camera; dropping it ends it.
pub struct FilePlayer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FilePlayer {
    /// Reads the file and plays it into `feed`.
    pub fn start(camera: &FileCamera, feed: Arc<Feed>, clock: MediaClock) -> Result<Self, crate::Error> {
        let units = tl_media::file::read_access_units(&camera.path)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name(format!("file {}", camera.slot)).spawn(move || play(&units, &feed, &clock, &stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for FilePlayer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a file camera panicked");
        }
    }
}

fn play(units: &[AccessUnit], feed: &Arc<Feed>, clock: &MediaClock, stopped: &AtomicBool) {
    let Some(length) = length(units) else { return };
    let mut start = clock.now();
    loop {
        for unit in units {
            let due = start + unit.pts;
            loop {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let left = clock.instant_of(due).saturating_duration_since(std::time::Instant::now());
                if left.is_zero() {
                    break;
                }
                std::thread::sleep(left.min(NAP));
            }
            feed.push(AccessUnit { source: feed.slot(), capture: due, pts: due, dts: due, arrival: clock.now(), ..unit.clone() });
        }
        start += length;
    }
}

/// One round: the last picture stays as long as the mean of the others.
fn length(units: &[AccessUnit]) -> Option<MediaTime> {
    let (first, last) = (units.first()?, units.last()?);
    let gaps = i64::try_from(units.len()).ok()? - 1;
    let span = last.pts - first.pts;
    (gaps > 0 && span.0 > 0).then(|| span + MediaTime(span.0 / gaps))
}
