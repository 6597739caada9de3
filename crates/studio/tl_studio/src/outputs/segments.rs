//! Finished segments are filed away off the hot path: into the content store by their hash, into the session's list by their order.
//! When the session ends the list becomes its manifest, whose hash is the session's content id.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tl_base::queue::{Receiver, Sender, WhenFull, bounded};
use tl_playlist::vod::{Entry, Manifest};
use tl_playlist::{Finished, ResumePoint};
use tl_store::files::{self, Privacy};
use tl_store::{ContentStore, Hash};

/// Whole segments waiting for the content store: half a minute; more are not stored, and counted.
const QUEUE: usize = 64;
/// The session's list of stored segments.
const LIST: &str = "segments.jsonl";
/// Where live delivery goes on after a restart.
const RESUME: &str = "delivery.json";

/// What is kept of live delivery.
#[derive(Debug)]
pub enum Kept {
    /// A whole segment.
    Segment(Finished),
    /// Where a later run goes on.
    Resume(ResumePoint),
}

/// The writer's thread; joined when dropped, after the outputs are gone.
pub struct StoreWriter(Option<JoinHandle<()>>);

impl Drop for StoreWriter {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take()
            && thread.join().is_err()
        {
            tracing::error!("the content store's writer panicked");
        }
    }
}

/// Starts the thread that files finished segments away, after it has removed those that are older than `retention_days`.
pub fn store_writer(store: Arc<ContentStore>, session: &Path, retention_days: u32) -> std::io::Result<(StoreWriter, Sender<Kept>)> {
    let (sender, waiting) = bounded::<Kept>(QUEUE, WhenFull::DropOldest);
    let mut list = File::options().create(true).append(true).open(session.join(LIST))?;
    let resume = session.join(RESUME);
    let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
        match store.expire(Duration::from_secs(u64::from(retention_days) * 86_400)) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old segments were removed"),
            Err(error) => tracing::warn!(%error, "old segments were not removed"),
        }
        run(&waiting, &store, &mut list, &resume);
    })?;
    Ok((StoreWriter(Some(thread)), sender))
}

fn run(waiting: &Receiver<Kept>, store: &ContentStore, list: &mut File, resume: &Path) {
    while let Some(kept) = waiting.recv() {
        let done = match kept {
            Kept::Segment(finished) => file_away(store, list, &finished),
            Kept::Resume(point) => files::write_json(resume, &point, Privacy::Open).map_err(|error| error.to_string()),
        };
        if let Err(error) = done {
            tracing::warn!(error, "live delivery was not kept");
        }
    }
}

fn file_away(store: &ContentStore, list: &mut File, finished: &Finished) -> Result<(), String> {
    let hash = store.put(&finished.body).map_err(|error| format!("{}: {error}", finished.name))?;
    let entry = Entry::of(finished, &hash.to_string());
    let mut line = serde_json::to_vec(&entry).map_err(|error| error.to_string())?;
    line.push(b'\n');
    list.write_all(&line).map_err(|error| error.to_string())
}

/// Where the run before stopped delivering, if it said so.
pub fn resume_point(session: &Path) -> Option<ResumePoint> {
    files::read_json(&session.join(RESUME)).unwrap_or_else(|error| {
        tracing::warn!(%error, "live delivery goes on by the clock alone");
        None
    })
}

/// Makes the manifest of a session that is over; its content id. None when nothing was delivered.
pub fn finish(store: &ContentStore, session: &Path) -> Result<Option<Hash>, String> {
    let file = match File::open(session.join(LIST)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // The last line may be torn by a crash; what stands before it holds.
    let entries = BufReader::new(file).lines().map_while(Result::ok).filter_map(|line| serde_json::from_str::<Entry>(&line).ok());
    let Some(manifest) = Manifest::from_entries(entries) else { return Ok(None) };
    store.put_manifest(&manifest.to_json()).map(Some).map_err(|error| error.to_string())
}
