//! A studio that remembers what it was asked.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tl_base::{EraId, MediaTime, Rate, Secret, Size, SlotId, SourceStats, Wall};
use tl_playlist::{Answer, Cache, Reply};
use tl_server::{Actor, Answering, Backend, Config, Limits, Names, Server, SessionSummary, TlsFiles, WhipAnswer};
use tl_show::{Action, Fact, Fader, GraphicState, Layout, MatchClock, Program, SoundChoice, SourceState, Team, TransitionKind};
use tl_store::Hash;
use tl_wire::{
    BudgetView, CameraView, Command, Encoder, Event, Health, JoinTicket, Meter, Outcome, OutputView, ProgramView, Recording, Refusal, RefusalCode, Role,
    SCHEMA_VERSION, SessionState, Snapshot, Warning,
};
use tokio::sync::watch;

pub const OWNER: &str = "owner-token-000000000000000000000000000000";
pub const DIRECTOR: &str = "director-token-0000000000000000000000000000";
pub const CAMERA: &str = "camera-token-00000000000000000000000000000000";
pub const VIEWER: &str = "viewer-token-00000000000000000000000000000000";

pub struct Fake {
    pub snapshot: Mutex<Snapshot>,
    pub events: Mutex<Vec<Event>>,
    pub event_version: watch::Sender<u64>,
    pub commands: Mutex<Vec<(Actor, Command)>>,
    pub media: Mutex<HashMap<String, Answer>>,
    pub media_version: watch::Sender<u64>,
    pub asked: Mutex<Vec<String>>,
    pub revoked: Mutex<Vec<String>>,
    pub folder: tempfile::TempDir,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            snapshot: Mutex::new(snapshot()),
            events: Mutex::default(),
            event_version: watch::channel(0).0,
            commands: Mutex::default(),
            media: Mutex::default(),
            media_version: watch::channel(0).0,
            asked: Mutex::default(),
            revoked: Mutex::default(),
            folder: tempfile::tempdir().unwrap(),
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
            wall: Wall(1),
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
            VIEWER => (Role::Viewer, "viewers", None),
            _ => return None,
        };
        let gone = self.revoked.lock().unwrap().iter().any(|gone| gone == token);
        (!gone).then(|| Actor { role, label: label.to_owned(), slot })
    }

    fn command(&self, actor: Actor, command: Command) -> Answering<'_, Outcome> {
        Box::pin(async move {
            if command.command == (Action::Cut { slot: SlotId(9) }) {
                return Outcome::Refused(Refusal { code: RefusalCode::Conflict, message: "Camera 9 has no picture; choose another.".to_owned() });
            }
            self.commands.lock().unwrap().push((actor, command));
            Outcome::Seq(7)
        })
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.snapshot.lock().unwrap().clone())
    }

    fn events_after(&self, seq: u64, max: usize) -> Vec<Event> {
        self.events.lock().unwrap().iter().filter(|event| event.seq > seq).take(max).cloned().collect()
    }

    fn event_version(&self) -> watch::Receiver<u64> {
        self.event_version.subscribe()
    }

    fn sessions(&self) -> Vec<SessionSummary> {
        vec![SessionSummary { id: "s1".to_owned(), created: Wall(1), state: SessionState::Running, current: true }]
    }

    fn recordings(&self) -> Vec<Recording> {
        vec![recording()]
    }

    fn recording_path(&self, name: &str) -> Option<PathBuf> {
        self.asked.lock().unwrap().push(format!("recording {name}"));
        let path = self.folder.path().join(name);
        path.symlink_metadata().is_ok().then_some(path)
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
        path.symlink_metadata().is_ok().then_some(path)
    }

    fn metrics(&self) -> String {
        "touchline_frames_total 12".to_owned()
    }

    fn logs(&self, max: usize) -> Vec<String> {
        ["one", "push to rtmp://a.example/live/s3cret failed"].into_iter().take(max).map(str::to_owned).collect()
    }

    fn issue_ticket(&self, _actor: &Actor, role: Role, slot: Option<SlotId>) -> Result<JoinTicket, Refusal> {
        Ok(JoinTicket { role, slot, page: "https://rink.local/phone/#t=x".to_owned(), token: "x".to_owned(), certificate_sha256: "00".to_owned() })
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

    pub fn door_token(&self) -> Secret {
        self.server.door_token().clone()
    }
}

pub fn recording() -> Recording {
    let path = "/home/someone/touchline/recordings/programme.mp4".to_owned();
    Recording {
        source: None,
        kind: "programme".to_owned(),
        path: Some(path.clone()),
        parts: vec![path],
        seconds: 3.5,
        playable: Some(true),
        writing: false,
        bytes: 10,
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
        lost: 0,
        reconnects: 0,
        quality: None,
        level_dbfs: Some(-20.0),
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
        meter: Meter { peak_dbfs: [-10.0, -12.0], short_term_lufs: Some(-20.0), limiter_db: 0.0 },
        cameras: vec![camera(1), camera(2)],
        outputs: vec![output("club")],
        recordings: vec![recording()],
        budget: BudgetView { now_ms: 100.0, target_ms: 120.0 },
        health: Health { cpu: Some(1.5), rss_bytes: Some(5), disk_free_bytes: Some(5), disk_left_s: None },
        warnings: vec![Warning { about: "disk".to_owned(), message: "m".to_owned(), remedy: "r".to_owned() }],
        viewers: 3,
    }
}
