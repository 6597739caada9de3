//! What the server asks of the studio.

mod invitations;
mod trial;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::queue::{Refused, Sender};
use tl_base::{MediaClock, MediaTime, Rate, Size, SlotId};
use tl_media::destination;
use tl_server::{
    AllRecordings, Answering, Backend, ChunkAnswer, ChunkPiece, Destinations, DeviceView, JoinAnswer, JoinAsked, SessionRecordings, SessionSummary,
    StreamingEvent, StreamingLog, TicketAsked, WhipAnswer,
};
use tl_store::setup::{DestinationSetup, SourceSetup};
use tl_store::{Actor, ContentStore, EventReader, Hash, TokenView};
use tl_wire::{AccessChange, Command, Event, JoinTicket, Outcome, Recording, Refusal, RefusalCode, Snapshot};
use tokio::sync::{oneshot, watch};

use crate::access::Access;
use crate::config::Config;
use crate::control::{Shared, Wake, WhipReply, refused};
use crate::inputs::keys::SlotKeys;
use crate::inputs::uploads::{self, Piece, Taken, Uploads};
use crate::outputs::Outputs;
use crate::ports::Ports;
use crate::records::session::{self, Handle};
use crate::viewers::Viewers;

/// Pictures on the control page.
const THUMBNAIL: Size = Size::new(416, 234);
/// Their JPEG quality, 1 to 100.
const THUMBNAIL_QUALITY: u8 = 72;
/// The control loop answers within this time, or the request is refused.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What the server's questions are answered from.
pub struct Backing {
    /// What control and server share.
    pub shared: Arc<Shared>,
    /// To the control loop.
    pub wakes: Sender<Wake>,
    /// Ways out.
    pub outputs: Arc<Outputs>,
    /// Stored segments.
    pub store: Arc<ContentStore>,
    /// Show time.
    pub clock: MediaClock,
    /// What apps are set to.
    pub keys: Arc<Mutex<SlotKeys>>,
    /// Phones that upload pieces.
    pub uploads: Arc<Uploads>,
    /// Tickets and who waits.
    pub access: Arc<Access>,
    /// What happened to live delivery.
    pub delivery: Arc<StreamingLog>,
    /// Where apps reach the studio.
    pub ports: Arc<Ports>,
    /// Receives phones, sends to viewers.
    pub rtc: Option<Arc<tl_rtc::Server>>,
    /// Viewers by WebRTC.
    pub viewers: Arc<Viewers>,
}

struct Door {
    /// `host:port` as people on this network type it.
    host: String,
    /// The same by this machine's other addresses.
    others: Vec<String>,
    certificate_sha256: String,
}

/// What the programme is, for the test of a destination and the advice about it.
#[derive(Clone, Copy)]
struct Programme {
    size: Size,
    rate: Rate,
    bitrate_bps: u32,
    audio_bps: u32,
    gop: MediaTime,
    has_audio: bool,
}

/// Who sends, and what it says of itself: its position, and how good its picture is.
type Described = (crate::inputs::holder::Sender, (String, Option<f64>));

/// The studio as the server sees it.
pub struct StudioBackend {
    backing: Backing,
    handle: Handle,
    cameras: u16,
    programme: Programme,
    srt_latency: MediaTime,
    testing: trial::OneAtATime,
    /// What phones that upload said of themselves last.
    described: Mutex<HashMap<SlotId, Described>>,
    /// The log of this session, for pages that were away for long.
    reader: Arc<EventReader>,
    door: OnceLock<Door>,
    thumbnails: Mutex<HashMap<SlotId, (Instant, Bytes)>>,
}

impl StudioBackend {
    /// A backend whose door is not open yet.
    pub fn new(backing: Backing, handle: Handle, config: &Config) -> Self {
        let programme = Programme {
            size: config.size,
            rate: config.rate,
            bitrate_bps: config.bitrate_bps,
            audio_bps: config.aac_bitrate_bps,
            gop: config.segment,
            has_audio: config.sound,
        };
        let reader = Arc::new(EventReader::new(&handle.sessions_folder().join(handle.id()), handle.id()));
        Self {
            backing,
            handle,
            cameras: config.cameras,
            programme,
            srt_latency: config.inputs.srt_latency,
            testing: trial::OneAtATime::default(),
            described: Mutex::default(),
            reader,
            door: OnceLock::new(),
            thumbnails: Mutex::default(),
        }
    }

    /// Notes where the door is: `host:port` as people on this network type it, and by which other addresses.
    pub fn set_door(&self, host: String, others: Vec<String>, certificate_sha256: String) {
        if self.door.set(Door { host, others, certificate_sha256 }).is_err() {
            tl_base::never!("the door was opened twice");
        }
    }

    fn ask<T: Send + 'static>(&self, wake: impl FnOnce(oneshot::Sender<T>) -> Wake, busy: impl FnOnce() -> T + Send + 'static) -> Answering<'static, T> {
        let (reply, answer) = oneshot::channel();
        let sent = self.backing.wakes.send(wake(reply));
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

    /// Tells the log about access; a control loop that is behind loses it to the log alone.
    fn note_access(&self, what: AccessChange, label: &str, role: &str) {
        self.backing.wakes.send(Wake::Access(what, label.to_owned(), role.to_owned())).ok();
    }

    fn take_piece(&self, actor: &Actor, slot: SlotId, piece: ChunkPiece) -> Result<ChunkAnswer, Refusal> {
        let refusal = |code, message: String| Refusal { code, message };
        let Some(feed) = self.backing.shared.feeds.get(&slot).filter(|_| slot.is_camera()) else {
            return Err(refusal(RefusalCode::NotFound, format!("There is no camera position {slot}; this session has {}.", self.cameras)));
        };
        let said = (piece.position, piece.quality);
        let piece = Piece {
            sequence: piece.sequence,
            timestamp_ms: piece.timestamp_ms,
            sent_ms: piece.sent_ms,
            offset_ms: piece.offset_ms.zip(piece.rtt_ms),
            mime: piece.mime,
            data: piece.data,
        };
        match self.backing.uploads.take(slot, feed, &actor.label, piece) {
            Ok(Taken::Joined(sender)) => {
                self.backing.wakes.send(Wake::Uploading(slot, sender, actor.label.clone())).ok();
            }
            Ok(Taken::More) => {}
            Err(uploads::Refused::Taken) => {
                return Err(refusal(RefusalCode::Conflict, format!("Camera {slot} is taken by another phone; ask the director for a free position.")));
            }
            Err(uploads::Refused::StartAnew(message)) => return Err(refusal(RefusalCode::Gone, message)),
            Err(uploads::Refused::Useless(message)) => return Err(refusal(RefusalCode::Invalid, message)),
        }
        if let Some(sender) = feed.holder().now() {
            self.hand_on(slot, sender, said);
        }
        let snapshot = self.backing.shared.snapshot.load();
        let camera = snapshot.cameras.iter().find(|camera| camera.slot == slot);
        let tally = match camera {
            Some(camera) if camera.live => "live",
            Some(camera) if camera.next => "next",
            _ => "idle",
        };
        let admission = camera.and_then(|camera| camera.admission.clone());
        Ok(ChunkAnswer { next: self.backing.uploads.next(slot), advice: None, tally: tally.into(), admission })
    }

    /// Tells the control loop what a phone says of itself beside its pieces, when that is news.
    fn hand_on(&self, slot: SlotId, sender: crate::inputs::holder::Sender, said: (String, Option<f64>)) {
        let mut known = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&slot).is_some_and(|(of, before)| *of == sender && *before == said) {
            return;
        }
        let (position, quality) = said.clone();
        // A control loop that is behind hears of it with the next piece.
        if self.backing.wakes.send(Wake::Described(slot, sender, position, quality)).is_ok() {
            known.insert(slot, (sender, said));
        }
    }

    fn every_recording(&self) -> AllRecordings {
        let folder = self.handle.sessions_folder();
        let snapshot = self.backing.shared.snapshot.load();
        let mut sessions: Vec<SessionRecordings> = self
            .handle
            .records()
            .into_iter()
            .map(|record| {
                let current = record.id == self.handle.id();
                let recordings = if current { snapshot.recordings.clone() } else { crate::records::library::recordings_of(&folder, &record.id) };
                SessionRecordings { session: record.id, created: record.created, recordings }
            })
            .filter(|session| !session.recordings.is_empty())
            .collect();
        sessions.reverse();
        AllRecordings { sessions, free_bytes: snapshot.health.disk_free_bytes, left_s: snapshot.health.disk_left_s }
    }
}

fn busy() -> Refusal {
    Refusal { code: RefusalCode::Busy, message: "The studio is busy; try again in a moment.".into() }
}

fn busy_command() -> Outcome {
    refused(RefusalCode::Busy, "The studio is busy; try again in a moment.")
}

/// A file of a recording by its plain name.
fn file_named(recordings: &[Recording], name: &str) -> Option<PathBuf> {
    let mut files = recordings.iter().flat_map(|recording| recording.path.iter().chain(&recording.parts));
    files.find(|file| std::path::Path::new(file).file_name().is_some_and(|found| found == name)).map(PathBuf::from)
}

/// Work that may take its time, away from the server's threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

impl Backend for StudioBackend {
    fn authenticate(&self, token: &str) -> Option<Actor> {
        self.handle.authenticate(token)
    }

    fn locked_out(&self, address: IpAddr) {
        self.note_access(AccessChange::LockedOut, &address.to_string(), "");
    }

    fn command(&self, actor: Actor, command: Command) -> Answering<'_, Outcome> {
        self.ask(|reply| Wake::Command(actor, command, reply), busy_command)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.backing.shared.snapshot.load_full()
    }

    fn now(&self) -> MediaTime {
        self.backing.clock.now()
    }

    fn events_after(&self, seq: u64, max: usize) -> Vec<Event> {
        self.backing.shared.events.load().iter().filter(|event| event.seq > seq).take(max).cloned().collect()
    }

    fn first_event(&self) -> u64 {
        self.backing.shared.events.load().front().map_or(1, |event| event.seq)
    }

    fn logged_events_after(&self, seq: u64, max: usize) -> Answering<'_, Vec<Event>> {
        let reader = Arc::clone(&self.reader);
        Box::pin(async move { aside(move || reader.after(seq, max)).await.and_then(Result::ok).unwrap_or_default() })
    }

    fn event_version(&self) -> watch::Receiver<u64> {
        self.backing.shared.version.subscribe()
    }

    fn streaming_events_after(&self, seq: u64, max: usize) -> Vec<StreamingEvent> {
        self.backing.delivery.after(seq, max)
    }

    fn streaming_version(&self) -> watch::Receiver<u64> {
        self.backing.delivery.version()
    }

    fn sessions(&self) -> Vec<SessionSummary> {
        let folder = self.handle.sessions_folder();
        let summary = |record: tl_store::SessionRecord| SessionSummary {
            current: record.id == self.handle.id(),
            content: session::content_of(&folder.join(&record.id)),
            id: record.id,
            created: record.created,
            state: record.state,
        };
        self.handle.records().into_iter().map(summary).collect()
    }

    fn recordings(&self) -> Vec<Recording> {
        self.backing.shared.snapshot.load().recordings.clone()
    }

    fn all_recordings(&self) -> Answering<'_, Result<AllRecordings, Refusal>> {
        Box::pin(async move { Ok(self.every_recording()) })
    }

    fn recording_path(&self, session: &str, name: &str) -> Answering<'_, Option<PathBuf>> {
        if session == self.handle.id() {
            let found = file_named(&self.backing.shared.snapshot.load().recordings, name);
            return Box::pin(async move { found });
        }
        let known = self.handle.records().into_iter().any(|record| record.id == session);
        let (folder, session, name) = (self.handle.sessions_folder(), session.to_owned(), name.to_owned());
        Box::pin(async move {
            if !known {
                return None;
            }
            aside(move || file_named(&crate::records::library::recordings_of(&folder, &session), &name)).await.flatten()
        })
    }

    fn thumbnail(&self, slot: SlotId) -> Option<Bytes> {
        let age = Duration::from_millis(u64::from(self.backing.shared.thumbnail_age_ms.load(Ordering::Relaxed)));
        let mut thumbnails = self.thumbnails.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // However many pages ask, it is drawn anew after this long at the earliest.
        if let Some((drawn, jpeg)) = thumbnails.get(&slot)
            && now.duration_since(*drawn) < age
        {
            return Some(jpeg.clone());
        }
        let frame = self.backing.shared.feeds.get(&slot)?.newest()?;
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

    fn whep(&self, actor: Actor, address: IpAddr, offer: String) -> Answering<'_, Result<WhipAnswer, Refusal>> {
        let answer = match &self.backing.rtc {
            Some(rtc) => self.backing.viewers.view(rtc, &actor.label, address, &offer),
            None => Err(busy()),
        };
        Box::pin(async move { answer })
    }

    fn whep_end(&self, _actor: Actor, session: String) -> Answering<'_, Result<(), Refusal>> {
        let open = self.backing.rtc.as_ref().is_some_and(|rtc| self.backing.viewers.end(rtc, &session));
        let gone = || Refusal { code: RefusalCode::NotFound, message: "This viewer's session is not open any more.".into() };
        let ended = if open { Ok(()) } else { Err(gone()) };
        Box::pin(async move { ended })
    }

    fn chunk(&self, actor: Actor, slot: SlotId, piece: ChunkPiece) -> Answering<'_, Result<ChunkAnswer, Refusal>> {
        let taken = self.take_piece(&actor, slot, piece);
        Box::pin(async move { taken })
    }

    fn chunk_end(&self, actor: Actor, slot: SlotId) -> Answering<'_, Result<(), Refusal>> {
        let ended = self.backing.uploads.end(slot, &actor.label);
        if let Some(sender) = ended {
            self.backing.wakes.send(Wake::UploadEnded(slot, sender)).ok();
        }
        let answer = match ended {
            Some(_) => Ok(()),
            None => Err(Refusal { code: RefusalCode::NotFound, message: "This upload is not open any more.".into() }),
        };
        Box::pin(async move { answer })
    }

    fn set_source(&self, actor: Actor, slot: SlotId, setup: SourceSetup) -> Answering<'_, Result<(), Refusal>> {
        self.ask(move |reply| Wake::SetSource(actor, slot, Some(setup), reply), || Err(busy()))
    }

    fn clear_source(&self, actor: Actor, slot: SlotId) -> Answering<'_, Result<(), Refusal>> {
        self.ask(move |reply| Wake::SetSource(actor, slot, None, reply), || Err(busy()))
    }

    fn devices(&self) -> Answering<'_, Result<Vec<DeviceView>, Refusal>> {
        Box::pin(async move {
            let found = aside(tl_media::input::devices).await.ok_or_else(busy)?;
            let found = found.map_err(|error| Refusal { code: RefusalCode::Busy, message: format!("Cameras and microphones cannot be listed: {error}.") })?;
            Ok(found.into_iter().map(device_view).collect())
        })
    }

    fn destinations(&self) -> Destinations {
        let presets = serde_json::to_value(destination::presets()).unwrap_or_default();
        let known = self.backing.shared.destinations.load();
        Destinations { presets, destinations: known.iter().map(|known| self.destination_view(known)).collect() }
    }

    fn set_destination(&self, actor: Actor, name: String, setup: DestinationSetup) -> Answering<'_, Result<(), Refusal>> {
        self.ask(move |reply| Wake::SetDestination(actor, name, Some(setup), reply), || Err(busy()))
    }

    fn remove_destination(&self, actor: Actor, name: String) -> Answering<'_, Result<(), Refusal>> {
        self.ask(move |reply| Wake::SetDestination(actor, name, None, reply), || Err(busy()))
    }

    fn test_destination(&self, _actor: Actor, name: String, seconds: u32) -> Answering<'_, Result<serde_json::Value, Refusal>> {
        self.try_destination(&name, seconds)
    }

    fn media(&self, path: &str, query: &str) -> tl_playlist::Answer {
        match self.backing.outputs.live() {
            Some(live) => live.get(path, query),
            None => tl_playlist::Answer::NotFound,
        }
    }

    fn media_version(&self) -> watch::Receiver<u64> {
        match self.backing.outputs.live() {
            Some(live) => live.version(),
            None => watch::channel(0).1,
        }
    }

    fn content(&self, hash: &Hash) -> Option<PathBuf> {
        self.backing.store.contains(hash).then(|| self.backing.store.path(hash))
    }

    fn metrics(&self) -> String {
        let figures = self.backing.outputs.live().map(crate::outputs::Live::figures);
        let viewers = self.backing.rtc.as_ref().map(|rtc| rtc.viewer_stats()).unwrap_or_default();
        crate::metrics::text(&self.backing.shared.snapshot.load(), figures.as_ref(), &viewers)
    }

    fn logs(&self, max: usize) -> Vec<String> {
        let events = self.backing.shared.events.load();
        let newest = events.iter().rev().take(max);
        let mut lines: Vec<String> =
            newest.map(|event| format!("{} {} {}", event.wall.to_rfc3339(), event.actor, serde_json::to_string(&event.fact).unwrap_or_default())).collect();
        lines.reverse();
        lines
    }

    fn issue_ticket(&self, actor: Actor, asked: TicketAsked) -> Answering<'_, Result<JoinTicket, Refusal>> {
        let ticket = self.invite(&actor, asked);
        Box::pin(async move { ticket })
    }

    fn revoke_ticket(&self, actor: Actor, label: String) -> Answering<'_, Result<usize, Refusal>> {
        self.revoke(actor, label)
    }

    fn tickets(&self) -> Vec<TokenView> {
        self.backing.access.tokens().list()
    }

    fn join(&self, address: IpAddr, asked: JoinAsked) -> Answering<'_, Result<JoinAnswer, Refusal>> {
        let answer = self.backing.access.join(address, &asked);
        match &answer {
            Ok(JoinAnswer::In { label, role, .. }) => self.note_access(AccessChange::Redeemed, label, &format!("{role:?}").to_lowercase()),
            Ok(JoinAnswer::Waiting { digits, .. }) => self.note_access(AccessChange::Asked, digits, "camera"),
            Err(_) => {}
        }
        Box::pin(async move { answer })
    }

    fn join_state(&self, request: String) -> Answering<'_, Result<JoinAnswer, Refusal>> {
        let access = Arc::clone(&self.backing.access);
        Box::pin(async move { access.decision(&request).await })
    }
}

fn device_view(device: tl_media::input::Device) -> DeviceView {
    let kind = match device.kind {
        tl_media::input::DeviceKind::Video => "video",
        tl_media::input::DeviceKind::Audio => "audio",
    };
    DeviceView { id: device.id, label: device.label, kind: kind.into(), modes: device.modes }
}
