//! Manifests of finished sessions, read from their blobs; the last few are kept.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tl_playlist::vod::Manifest;
use tl_store::Hash;

/// Manifests that are kept; the one that was not used for longest leaves.
const KEPT: usize = 4;

/// The longest manifest that is read, bytes: twelve hours take a tenth of it.
const MAX_BYTES: u64 = 32 << 20;

/// The newest manifest stands last.
#[derive(Default)]
pub(crate) struct Manifests(Mutex<Vec<(Hash, Arc<Manifest>)>>);

impl Manifests {
    /// The manifest that this blob is; none when it is something else.
    pub(crate) async fn get(&self, hash: Hash, path: PathBuf) -> Option<Arc<Manifest>> {
        if let Some(known) = self.known(&hash) {
            return Some(known);
        }
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let manifest = Arc::new(read.ok().flatten()?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((hash, Arc::clone(&manifest)));
        Some(manifest)
    }

    fn known(&self, hash: &Hash) -> Option<Arc<Manifest>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == hash)?;
        let found = kept.remove(at);
        let manifest = Arc::clone(&found.1);
        kept.push(found);
        Some(manifest)
    }
}

fn read(path: &std::path::Path) -> Option<Manifest> {
    let (mut file, len) = tl_store::files::open_plain(path).ok().filter(|(_, len)| *len <= MAX_BYTES)?;
    // Most blobs are media, which is told by the first byte.
    let mut first = [0];
    file.read_exact(&mut first).ok().filter(|()| first == *b"{")?;
    let mut text = String::from("{");
    file.take(len).read_to_string(&mut text).ok()?;
    Manifest::parse(&text).ok()
}
