//! A studio that remembers what it was asked.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tl_base::{EraId, MediaTime, Rate, Secret, Size, SlotId, SourceStats, Wall};
use tl_playlist::{Answer, Cache, Reply};
use tl_server::{
    Actor, AllRecordings, Answering, Backend, ChunkAnswer, ChunkPiece, Config, DestinationView, Destinations, DeviceView, JoinAnswer, JoinAsked, Limits, Names,
    Server, SessionRecordings, SessionSummary, StreamingEvent, StreamingLog, TicketAsked, TlsFiles, WaitingRoom, WhipAnswer,
};
use tl_show::{Action, Fact, Fader, GraphicState, Layout, MatchClock, Program, SoundChoice, SoundProcessing, SourceState, Team, TransitionKind};
use tl_store::setup::{DestinationSetup, SourceSetup};
use tl_store::{ContentStore, Hash, TokenView, Tokens};
use tl_wire::{
    BudgetView, CameraView, Command, Encoder, Event, Health, InputView, JoinRequest, JoinTicket, Load, Meter, MicrophoneView, Outcome, OutputView, ProgramView,
    Recording, Refusal, RefusalCode, Role, SCHEMA_VERSION, SessionState, Snapshot, TicketKind, Warning,
};
use tokio::sync::watch;

pub const OWNER: &str = "owner-token-000000000000000000000000000000";
pub const DIRECTOR: &str = "director-token-0000000000000000000000000000";
pub const CAMERA: &str = "camera-token-00000000000000000000000000000000";
pub const COMMENTATOR: &str = "commentator-token-0000000000000000000000000000";
pub const VIEWER: &str = "viewer-token-00000000000000000000000000000000";

/// Events that the fake studio holds in memory; older ones come from its log.
pub const WINDOW: usize = 1_000;

pub struct Fake {
    pub snapshot: Mutex<Snapshot>,
    pub events: Mutex<Vec<Event>>,
    pub event_version: watch::Sender<u64>,
    pub commands: Mutex<Vec<(Actor, Command)>>,
    pub media: Mutex<HashMap<String, Answer>>,
    pub media_version: watch::Sender<u64>,
    pub asked: Mutex<Vec<String>>,
    pub revoked: Mutex<Vec<String>>,
    pub done: Mutex<Vec<String>>,
    pub pieces: Mutex<Vec<ChunkPiece>>,
    pub locked: Mutex<Vec<IpAddr>>,
    pub streaming: StreamingLog,
    pub waiting: WaitingRoom,
    pub tokens: Tokens,
    /// Seconds by which the tokens' clock runs ahead.
    pub ahead_s: Arc<AtomicU64>,
    pub content: ContentStore,
    pub folder: tempfile::TempDir,
}

fn refused<T>(code: RefusalCode, message: &str) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.to_owned() })
}

fn soon<'a, T: Send + 'a>(value: T) -> Answering<'a, T> {
    Box::pin(async move { value })
}

impl Fake {
    pub fn new() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (start, ahead_s) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let ahead = Arc::clone(&ahead_s);
        let now: tl_store::tokens::Now = Arc::new(move || {
            let ahead = Duration::from_secs(ahead.load(Ordering::Relaxed));
            (start.elapsed() + ahead, Wall(Wall::now().0 + ahead.as_micros() as i64))
        });
        Arc::new(Self {
            snapshot: Mutex::new(snapshot()),
            events: Mutex::default(),
            event_version: watch::channel(0).0,
            commands: Mutex::default(),
            media: Mutex::default(),
            media_version: watch::channel(0).0,
            asked: Mutex::default(),
            revoked: Mutex::default(),
            done: Mutex::default(),
            pieces: Mutex::default(),
            locked: Mutex::default(),
            streaming: StreamingLog::default(),
            waiting: WaitingRoom::default(),
            tokens: Tokens::open_with(folder.path(), now).unwrap().0,
            ahead_s,
            content: ContentStore::open(&folder.path().join("store")).unwrap(),
            folder,
        })
    }

    /// Adds an event and tells everybody.
    pub fn happen(&self, fact: Fact) -> u64 {
        let mut events = self.events.lock().unwrap();
        let seq = events.len() as u64 + 1;
        events.push(Event {
            seq,
            session: "s1".to_owned(),
            era: EraId(1),
            media_time: MediaTime::from_secs(1),
            wall: Wall::now(),
            actor: "the director".to_owned(),
            command_id: Some("c1".to_owned()),
            schema_version: SCHEMA_VERSION,
            fact,
        });
        self.snapshot.lock().unwrap().seq = seq;
        drop(events);
        self.event_version.send_replace(seq);
        seq
    }

    pub fn slate(&self) -> u64 {
        self.happen(Fact::SlateSet { on: true })
    }

    fn did(&self, what: String) -> Answering<'_, Result<(), Refusal>> {
        self.done.lock().unwrap().push(what);
        soon(Ok(()))
    }

    pub fn play(&self, path: &str, answer: Answer) {
        self.media.lock().unwrap().insert(path.to_owned(), answer);
        self.media_version.send_modify(|version| *version += 1);
    }
}

pub fn playlist(text: &str) -> Answer {
    let body = vec![Bytes::copy_from_slice(text.as_bytes())];
    Answer::Ready(Reply { content_type: "application/vnd.apple.mpegurl", cache: Cache::NoCache, body, compressible: true })
}

impl Backend for Fake {
    fn authenticate(&self, token: &str) -> Option<Actor> {
        let (role, label, slot) = match token {
            OWNER => (Role::Owner, "owner", None),
            DIRECTOR => (Role::Director, "director", None),
            CAMERA => (Role::Camera, "camera 1", Some(SlotId(1))),
            COMMENTATOR => (Role::Commentator, "commentator", None),
            VIEWER => (Role::Viewer, "viewers", None),
            other => return self.tokens.authenticate(other),
        };
        let gone = self.revoked.lock().unwrap().iter().any(|gone| gone == token);
        (!gone).then(|| Actor { role, label: label.to_owned(), slot })
    }

    fn command(&self, actor: Actor, command: Command) -> Answering<'_, Outcome> {
        Box::pin(async move {
            if command.command == (Action::Cut { slot: SlotId(9) }) {
                return Outcome::Refused(Refusal { code: RefusalCode::Conflict, message: "Camera 9 has no picture; choose another.".to_owned() });
            }
            if let Action::RevokeAccess { label } = &command.command {
                self.tokens.revoke(label).unwrap();
            }
            self.commands.lock().unwrap().push((actor, command));
            Outcome::Seq(7)
        })
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.snapshot.lock().unwrap().clone())
    }

    fn now(&self) -> MediaTime {
        MediaTime::from_micros(1_234_567)
    }

    fn locked_out(&self, address: IpAddr) {
        self.locked.lock().unwrap().push(address);
    }

    fn events_after(&self, seq: u64, max: usize) -> Vec<Event> {
        if seq + 1 < self.first_event() {
            return Vec::new();
        }
        self.events.lock().unwrap().iter().skip(seq as usize).take(max).cloned().collect()
    }

    fn first_event(&self) -> u64 {
        self.events.lock().unwrap().len().saturating_sub(WINDOW) as u64 + 1
    }

    fn logged_events_after(&self, seq: u64, max: usize) -> Answering<'_, Vec<Event>> {
        self.asked.lock().unwrap().push(format!("log {seq}"));
        soon(self.events.lock().unwrap().iter().skip(seq as usize).take(max).cloned().collect())
    }

    fn streaming_events_after(&self, seq: u64, max: usize) -> Vec<StreamingEvent> {
        self.streaming.after(seq, max)
    }

    fn streaming_version(&self) -> watch::Receiver<u64> {
        self.streaming.version()
    }

    fn event_version(&self) -> watch::Receiver<u64> {
        self.event_version.subscribe()
    }

    fn sessions(&self) -> Vec<SessionSummary> {
        let content = self.content.manifests().unwrap().first().copied();
        let before = SessionSummary { id: "s0".to_owned(), created: Wall(0), state: SessionState::Stored, current: false, content };
        vec![before, SessionSummary { id: "s1".to_owned(), created: Wall(1), state: SessionState::Running, current: true, content: None }]
    }

    fn recordings(&self) -> Vec<Recording> {
        vec![recording()]
    }

    fn all_recordings(&self) -> Answering<'_, Result<AllRecordings, Refusal>> {
        let sessions = ["s1", "s0"].map(|id| SessionRecordings { session: id.to_owned(), created: Wall(1), recordings: vec![recording()] });
        soon(Ok(AllRecordings { sessions: sessions.into(), free_bytes: Some(1_000), left_s: None }))
    }

    fn recording_path(&self, session: &str, name: &str) -> Answering<'_, Option<PathBuf>> {
        self.asked.lock().unwrap().push(format!("recording {session} {name}"));
        let path = self.folder.path().join(name);
        soon((["s0", "s1"].contains(&session) && path.symlink_metadata().is_ok()).then_some(path))
    }

    fn thumbnail(&self, slot: SlotId) -> Option<Bytes> {
        (slot == SlotId(1)).then(|| Bytes::from_static(b"\xff\xd8jpeg"))
    }

    fn whip(&self, _actor: Actor, slot: SlotId, offer: String) -> Answering<'_, Result<WhipAnswer, Refusal>> {
        Box::pin(async move {
            if slot == SlotId(3) {
                return Err(Refusal {
                    code: RefusalCode::Conflict,
                    message: "Camera 3 is taken by another phone; ask the director for another position.".to_owned(),
                });
            }
            Ok(WhipAnswer { session: format!("session-{slot}"), sdp: format!("v=0 answers {} bytes", offer.len()) })
        })
    }

    fn whip_end(&self, _actor: Actor, slot: SlotId, session: String) -> Answering<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let known = session == format!("session-{slot}");
            if known { Ok(()) } else { Err(Refusal { code: RefusalCode::NotFound, message: "There is no such connection.".to_owned() }) }
        })
    }

    fn whep(&self, actor: Actor, _address: IpAddr, offer: String) -> Answering<'_, Result<WhipAnswer, Refusal>> {
        if offer.contains("full") {
            return soon(refused(RefusalCode::Busy, "As many watch by WebRTC as may; watch by HLS."));
        }
        self.done.lock().unwrap().push(format!("whep {:?} {}", actor.role, actor.label));
        soon(Ok(WhipAnswer { session: "viewer-1".to_owned(), sdp: "v=0".to_owned() }))
    }

    fn whep_end(&self, _actor: Actor, session: String) -> Answering<'_, Result<(), Refusal>> {
        if session == "viewer-1" { soon(Ok(())) } else { soon(refused(RefusalCode::NotFound, "There is no such connection.")) }
    }

    fn chunk(&self, _actor: Actor, slot: SlotId, piece: ChunkPiece) -> Answering<'_, Result<ChunkAnswer, Refusal>> {
        if slot == SlotId(3) {
            return soon(refused(RefusalCode::Conflict, "Camera 3 is taken by another phone; ask the director for another position."));
        }
        let next = piece.sequence + 1;
        self.pieces.lock().unwrap().push(piece);
        soon(Ok(ChunkAnswer { next, advice: None, tally: "live".to_owned(), admission: None }))
    }

    fn chunk_end(&self, _actor: Actor, slot: SlotId) -> Answering<'_, Result<(), Refusal>> {
        self.did(format!("chunks of {slot} end"))
    }

    fn set_source(&self, actor: Actor, slot: SlotId, setup: SourceSetup) -> Answering<'_, Result<(), Refusal>> {
        tracing::info!(?setup, "a source is set up");
        self.did(format!("{} sets {slot}: {} {}", actor.label, setup.protocol, setup.shown()))
    }

    fn clear_source(&self, actor: Actor, slot: SlotId) -> Answering<'_, Result<(), Refusal>> {
        self.did(format!("{} clears {slot}", actor.label))
    }

    fn devices(&self) -> Answering<'_, Result<Vec<DeviceView>, Refusal>> {
        let device = DeviceView { id: "/dev/video0".to_owned(), label: "Camera".to_owned(), kind: "video".to_owned(), modes: vec!["1280x720".to_owned()] };
        soon(Ok(vec![device]))
    }

    fn destinations(&self) -> Destinations {
        let view = DestinationView {
            name: "club".to_owned(),
            kind: "rtmp".to_owned(),
            url: "rtmp://platform.example/live/***".to_owned(),
            preset: None,
            has_key: true,
            in_settings: true,
            advice: vec!["Send 30 pictures a second.".to_owned()],
        };
        Destinations { presets: serde_json::json!([{"id": "youtube"}]), destinations: vec![view] }
    }

    fn set_destination(&self, _actor: Actor, name: String, setup: DestinationSetup) -> Answering<'_, Result<(), Refusal>> {
        tracing::info!(?setup, "a destination is set up");
        self.did(format!("destination {name}: {} {}", setup.kind.as_str(), setup.shown()))
    }

    fn remove_destination(&self, _actor: Actor, name: String) -> Answering<'_, Result<(), Refusal>> {
        self.did(format!("destination {name} goes"))
    }

    fn test_destination(&self, _actor: Actor, name: String, seconds: u32) -> Answering<'_, Result<serde_json::Value, Refusal>> {
        soon(Ok(serde_json::json!({"name": name, "seconds": seconds, "verdict": "ok"})))
    }

    fn media(&self, path: &str, query: &str) -> Answer {
        self.asked.lock().unwrap().push(format!("media {path}?{query}"));
        self.media.lock().unwrap().get(path).cloned().unwrap_or(Answer::NotFound)
    }

    fn media_version(&self) -> watch::Receiver<u64> {
        self.media_version.subscribe()
    }

    fn content(&self, hash: &Hash) -> Option<PathBuf> {
        self.asked.lock().unwrap().push(format!("content {hash}"));
        let path = self.folder.path().join(hash.to_string());
        path.symlink_metadata().is_ok().then_some(path).or_else(|| self.content.contains(hash).then(|| self.content.path(hash)))
    }

    fn metrics(&self) -> String {
        "touchline_frames_total 12".to_owned()
    }

    fn logs(&self, max: usize) -> Vec<String> {
        ["one", "push to rtmp://a.example/live/s3cret failed"].into_iter().take(max).map(str::to_owned).collect()
    }

    fn issue_ticket(&self, _actor: Actor, asked: TicketAsked) -> Answering<'_, Result<JoinTicket, Refusal>> {
        let label = asked.slot.map_or_else(|| "guest".to_owned(), |slot| format!("camera {slot}"));
        let (token, expires) = match asked.kind {
            TicketKind::Personal => self.tokens.issue_ticket(asked.role, &label, asked.slot).map(|(token, expires)| (token, Some(expires))).unwrap(),
            TicketKind::Crew => (self.tokens.crew_code().unwrap(), None),
            TicketKind::Link => (self.tokens.issue(asked.role, &label, asked.slot).unwrap(), None),
        };
        let token = token.expose().to_owned();
        let page = format!("https://rink.local/phone/#ticket={token}");
        soon(Ok(JoinTicket {
            kind: asked.kind,
            role: asked.role,
            slot: asked.slot,
            page,
            other_pages: Vec::new(),
            token,
            expires,
            certificate_sha256: "00".to_owned(),
            srt: None,
            rtmp: None,
        }))
    }

    fn revoke_ticket(&self, _actor: Actor, label: String) -> Answering<'_, Result<usize, Refusal>> {
        soon(Ok(self.tokens.revoke(&label).unwrap()))
    }

    fn tickets(&self) -> Vec<TokenView> {
        self.tokens.list()
    }

    fn join(&self, address: IpAddr, asked: JoinAsked) -> Answering<'_, Result<JoinAnswer, Refusal>> {
        soon(match asked {
            JoinAsked::Ticket { ticket } => match self.tokens.redeem(ticket.expose()).unwrap() {
                Ok(redeemed) => Ok(JoinAnswer::In { token: redeemed.token, role: redeemed.actor.role, slot: redeemed.actor.slot, label: redeemed.actor.label }),
                Err(_) => refused(RefusalCode::Gone, "This ticket is not known, was used or is too old; ask for a fresh one."),
            },
            JoinAsked::Crew { code, name } if self.tokens.is_crew_code(code.expose()) => self.waiting.ask(address, &name),
            JoinAsked::Crew { .. } => refused(RefusalCode::Unauthenticated, "This is not the crew code; ask the director."),
        })
    }

    fn join_state(&self, request: String) -> Answering<'_, Result<JoinAnswer, Refusal>> {
        Box::pin(async move { self.waiting.wait(&request).await })
    }
}

/// An open door before a fake studio.
pub struct Door {
    pub server: Server,
    pub fake: Arc<Fake>,
    pub http: std::net::SocketAddr,
    pub tls: TlsFiles,
    pub folder: tempfile::TempDir,
}

impl Door {
    pub fn open() -> Self {
        Self::with(|_| {})
    }

    pub fn limited(edit: impl FnOnce(&mut Limits)) -> Self {
        Self::with(|config| edit(&mut config.limits))
    }

    pub fn with(edit: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = Names::of_this_machine(&["rink.local".to_owned()]);
        let tls = TlsFiles::ensure(folder.path(), &names).unwrap();
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), tls.clone(), names);
        config.grants_file = Some(folder.path().join("grants.json"));
        edit(&mut config);
        let fake = Fake::new();
        let server = Server::start(config, Arc::clone(&fake) as Arc<dyn Backend>).unwrap();
        let http = server.http_addr.unwrap();
        Self { server, fake, http, tls, folder }
    }

    /// Addresses by which others in the network reach this machine.
    pub fn server_names(&self) -> Vec<IpAddr> {
        Names::of_this_machine(&[]).lan_ips()
    }

    pub fn door_token(&self) -> Secret {
        self.server.door_token().clone()
    }
}

pub fn recording() -> Recording {
    let path = "/home/someone/touchline/recordings/programme.mp4".to_owned();
    Recording {
        id: "programme".to_owned(),
        source: None,
        kind: "programme".to_owned(),
        path: Some(path.clone()),
        parts: vec![path],
        seconds: 3.5,
        playable: Some(true),
        writing: false,
        bytes: 10,
        verified: "saved".to_owned(),
        progress: None,
        problem: String::new(),
        tracks: vec!["video h264".to_owned()],
    }
}

pub fn snapshot() -> Snapshot {
    let team = |name: &str| Team { name: name.to_owned(), short: "T".to_owned(), colour: "#102030".to_owned(), score: 2 };
    let camera = |slot: u16| CameraView {
        slot: SlotId(slot),
        name: format!("Camera {slot}"),
        position: String::new(),
        protocol: "webrtc".to_owned(),
        state: SourceState::Live,
        live: slot == 1,
        next: slot == 2,
        admission: Some(tl_base::Admission {
            accepted: true,
            reason: String::new(),
            suggested_adjustments: Vec::new(),
            expected_bitrate: 1,
            expected_size: Size::new(1_280, 720),
            expected_rate: 30.0,
            processing_priority: 0,
        }),
        size: Some(Size::new(1_280, 720)),
        codec: Some("h264".to_owned()),
        stats: SourceStats::default(),
        clock: None,
        locked: true,
        delay_ms: tl_base::Percentiles::of([1.0, 2.0]),
        frames: 10,
        lost: None,
        reconnects: 0,
        quality: None,
        level_dbfs: Some(-20.0),
        fader: Fader::default(),
        input: InputView { address: "rtsp://10.0.0.9".to_owned(), ..InputView::default() },
        trim_ms: 0,
        trimmed: false,
        priority: 5,
        shed: "none".to_owned(),
        hears: "off".to_owned(),
    };
    let microphone = |slot: SlotId| MicrophoneView {
        slot,
        name: format!("Microphone {slot}"),
        protocol: "webrtc".to_owned(),
        state: SourceState::Live,
        level_dbfs: None,
        fader: Fader::default(),
    };
    let output = |name: &str| OutputView {
        name: name.to_owned(),
        kind: "rtmp".to_owned(),
        url: "rtmp://platform.example/live/***".to_owned(),
        state: "live".to_owned(),
        detail: String::new(),
        bytes: 1,
        reconnects: 0,
        bitrate_bps: Some(1.0),
        retry_in_ms: None,
        dropped: 0,
    };
    Snapshot {
        session: "s1".to_owned(),
        state: SessionState::Running,
        era: EraId(1),
        media_time: MediaTime::from_secs(9),
        seq: 0,
        program: Program {
            live: Some(SlotId(1)),
            next: Some(SlotId(2)),
            slate: false,
            layout: Layout::Full,
            transition: TransitionKind::Cut,
            transition_ms: 500,
        },
        output: ProgramView {
            size: Size::new(1_280, 720),
            rate: Rate::FPS_30,
            frames: 100,
            dropped: 0,
            repeated: 0,
            black: 0,
            render_ms: tl_base::Percentiles::of([3.0]),
            encoder: Encoder { name: "x264enc".to_owned(), bitrate_bps: 1 },
            gpu: Some("llvmpipe".to_owned()),
        },
        teams: [team("Home"), team("Away")],
        clock: MatchClock { millis: 1_000, since: MediaTime::ZERO, running: true, down: true, period: 1 },
        clock_millis: 900,
        graphics: BTreeMap::from([("score_bug".to_owned(), GraphicState::default())]),
        sound: SoundChoice::FollowVideo,
        sound_processing: SoundProcessing::default(),
        meter: Meter { peak_dbfs: [-10.0, -12.0], short_term_lufs: Some(-20.0), ..Meter::default() },
        cameras: vec![camera(1), camera(2)],
        microphones: vec![microphone(SlotId::COMMENTARY), microphone(SlotId::TALKBACK)],
        joins: vec![JoinRequest { id: "jx".to_owned(), name: "Anna with the code".to_owned(), digits: "123456".to_owned(), since: Wall(1) }],
        outputs: vec![output("club")],
        recordings: vec![recording()],
        budget: BudgetView { now_ms: 100.0, target_ms: 120.0 },
        health: Health { cpu: Some(1.5), rss_bytes: Some(5), disk_free_bytes: Some(5), ..Health::default() },
        load: Load { level: 1, shed: vec!["preview at a lower rate".to_owned()] },
        warnings: vec![Warning { about: "disk".to_owned(), message: "m".to_owned(), remedy: "r".to_owned() }],
        viewers: 3,
        viewers_whep: 1,
    }
}
