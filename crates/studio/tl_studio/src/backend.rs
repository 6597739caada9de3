//! What the server asks of the studio.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::queue::{Refused, Sender};
use tl_base::{Size, SlotId};
use tl_server::{Answering, Backend, SessionSummary, WhipAnswer};
use tl_store::{Actor, ContentStore, Hash};
use tl_wire::{Command, Event, JoinTicket, Outcome, Recording, Refusal, RefusalCode, Role, Snapshot};
use tokio::sync::{oneshot, watch};

use crate::config::Config;
use crate::control::{Shared, Wake, WhipReply, refused};
use crate::outputs::Outputs;
use crate::session::Handle;

/// Pictures on the control page.
const THUMBNAIL: Size = Size::new(416, 234);
/// Their JPEG quality, 1 to 100.
const THUMBNAIL_QUALITY: u8 = 72;
/// A thumbnail is drawn anew after this long at the earliest, however many pages ask.
const THUMBNAIL_AGE: Duration = Duration::from_millis(300);
/// The control loop answers within this time, or the request is refused.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

struct Door {
    /// `host:port` as people on this network type it.
    host: String,
    certificate_sha256: String,
}

/// The studio as the server sees it.
pub struct StudioBackend {
    handle: Handle,
    shared: Arc<Shared>,
    wakes: Sender<Wake>,
    outputs: Option<Arc<Outputs>>,
    store: Arc<ContentStore>,
    cameras: u16,
    door: OnceLock<Door>,
    thumbnails: Mutex<HashMap<SlotId, (Instant, Bytes)>>,
}

impl StudioBackend {
    /// A backend whose door is not open yet.
    pub fn new(handle: Handle, shared: Arc<Shared>, wakes: Sender<Wake>, outputs: Option<Arc<Outputs>>, store: Arc<ContentStore>, config: &Config) -> Self {
        Self { handle, shared, wakes, outputs, store, cameras: config.cameras, door: OnceLock::new(), thumbnails: Mutex::default() }
    }

    /// Notes where the door is: `host:port` as people on this network type it.
    pub fn set_door(&self, host: String, certificate_sha256: String) {
        if self.door.set(Door { host, certificate_sha256 }).is_err() {
            tl_base::never!("the door was opened twice");
        }
    }

    fn ask<T: Send + 'static>(&self, wake: impl FnOnce(oneshot::Sender<T>) -> Wake, busy: impl FnOnce() -> T + Send + 'static) -> Answering<'static, T> {
        let (reply, answer) = oneshot::channel();
        let sent = self.wakes.send(wake(reply));
        Box::pin(async move {
            match sent {
                Ok(()) => match tokio::time::timeout(ANSWER_WITHIN, answer).await {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(_)) | Err(_) => busy(),
                },
                Err(Refused::Full(_) | Refused::Closed(_)) => busy(),
            }
        })
    }
}

fn busy() -> Refusal {
    Refusal { code: RefusalCode::Busy, message: "The studio is busy; try again in a moment.".into() }
}

impl Backend for StudioBackend {
    fn authenticate(&self, token: &str) -> Option<Actor> {
        self.handle.authenticate(token)
    }

    fn command(&self, actor: Actor, command: Command) -> Answering<'_, Outcome> {
        self.ask(|reply| Wake::Command(actor, command, reply), || refused(RefusalCode::Busy, "The studio is busy; try again in a moment."))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    fn events_after(&self, seq: u64, max: usize) -> Vec<Event> {
        self.shared.events.load().iter().filter(|event| event.seq > seq).take(max).cloned().collect()
    }

    fn event_version(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    fn sessions(&self) -> Vec<SessionSummary> {
        let records = self.handle.records();
        records
            .into_iter()
            .map(|record| SessionSummary { current: record.id == self.handle.id(), id: record.id, created: record.created, state: record.state })
            .collect()
    }

    fn recordings(&self) -> Vec<Recording> {
        self.shared.snapshot.load().recordings.clone()
    }

    fn recording_path(&self, name: &str) -> Option<PathBuf> {
        let recordings = &self.shared.snapshot.load().recordings;
        let mut files = recordings.iter().flat_map(|recording| recording.path.iter().chain(&recording.parts));
        files.find(|file| std::path::Path::new(file).file_name().is_some_and(|found| found == name)).map(PathBuf::from)
    }

    fn thumbnail(&self, slot: SlotId) -> Option<Bytes> {
        let mut thumbnails = self.thumbnails.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((drawn, jpeg)) = thumbnails.get(&slot)
            && now.duration_since(*drawn) < THUMBNAIL_AGE
        {
            return Some(jpeg.clone());
        }
        let frame = self.shared.feeds.load().get(&slot)?.newest()?;
        let jpeg = Bytes::from(tl_media::thumbnail_jpeg(&frame, THUMBNAIL, THUMBNAIL_QUALITY).ok()?);
        thumbnails.insert(slot, (now, jpeg.clone()));
        Some(jpeg)
    }

    fn whip(&self, actor: Actor, slot: SlotId, offer: String) -> Answering<'_, WhipReply> {
        self.ask(move |reply| Wake::Whip(actor, slot, offer, reply), || Err::<WhipAnswer, Refusal>(busy()))
    }

    fn whip_end(&self, _actor: Actor, slot: SlotId, session: String) -> Answering<'_, Result<(), Refusal>> {
        self.ask(move |reply| Wake::WhipEnd(slot, session, reply), || Err(busy()))
    }

    fn media(&self, path: &str, query: &str) -> tl_playlist::Answer {
        match self.outputs.as_ref().and_then(|outputs| outputs.live()) {
            Some(live) => live.get(path, query),
            None => tl_playlist::Answer::NotFound,
        }
    }

    fn media_version(&self) -> watch::Receiver<u64> {
        match self.outputs.as_ref().and_then(|outputs| outputs.live()) {
            Some(live) => live.version(),
            None => watch::channel(0).1,
        }
    }

    fn content(&self, hash: &Hash) -> Option<PathBuf> {
        self.store.contains(hash).then(|| self.store.path(hash))
    }

    fn metrics(&self) -> String {
        crate::metrics::text(&self.shared.snapshot.load())
    }

    fn logs(&self, max: usize) -> Vec<String> {
        let events = self.shared.events.load();
        let newest = events.iter().rev().take(max);
        let mut lines: Vec<String> =
            newest.map(|event| format!("{} {} {}", event.wall.to_rfc3339(), event.actor, serde_json::to_string(&event.fact).unwrap_or_default())).collect();
        lines.reverse();
        lines
    }

    fn issue_ticket(&self, _actor: &Actor, role: Role, slot: Option<SlotId>) -> Result<JoinTicket, Refusal> {
        let door = self.door.get().ok_or_else(busy)?;
        let invalid = |message: String| Refusal { code: RefusalCode::Invalid, message };
        let label = match (role, slot) {
            (Role::Camera, Some(slot)) if (1..=self.cameras).contains(&slot.0) => format!("camera {slot}"),
            (Role::Camera, _) => return Err(invalid(format!("A camera's ticket needs a slot from 1 to {}.", self.cameras))),
            (Role::Viewer, _) => "watch link".to_owned(),
            (Role::Director, _) => "director".to_owned(),
            (Role::Owner, _) => return Err(Refusal { code: RefusalCode::Forbidden, message: "The owner's ticket is only given out on this machine.".into() }),
        };
        let slot = slot.filter(|_| role == Role::Camera);
        let token = self
            .handle
            .token(role, &label, slot)
            .map_err(|error| Refusal { code: RefusalCode::Busy, message: format!("No ticket could be made: {error}.") })?;
        let token = token.expose().to_owned();
        let host = &door.host;
        let page = match (role, slot) {
            (Role::Camera, Some(slot)) => format!("https://{host}/phone/#t={token}&slot={slot}"),
            (Role::Viewer, _) => format!("https://{host}/watch/#t={token}"),
            _ => format!("https://{host}/desk/#t={token}"),
        };
        Ok(JoinTicket { role, slot, page, token, certificate_sha256: door.certificate_sha256.clone() })
    }
}
