//! Opens a session: a new one, or the one that was not ended.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tl_base::{EraId, MediaClock, MediaTime, Secret, SlotId, Wall};
use tl_show::Show;
use tl_store::{Actor, EventLog, Session, SessionRecord, SessionStore, Tokens};
use tl_wire::{Event, Role, SessionState, Snapshot};

use crate::Error;
use crate::config::Config;
use crate::records::recordings::Recordings;

/// What a session is opened with.
pub struct Opened {
    /// The session on disk, and its tokens.
    pub handle: Handle,
    /// Its folder.
    pub dir: PathBuf,
    /// This run.
    pub era: EraId,
    /// Show time.
    pub clock: MediaClock,
    /// The log, at its end.
    pub log: EventLog,
    /// What is in it.
    pub past: Vec<Event>,
    /// The show so far.
    pub show: Show,
    /// Discontinuities in the live playlist before this run.
    pub discontinuity: u64,
    /// The live playlist's first segment.
    pub start_msn: u64,
    /// How far show time was put ahead of the wall clock to start on the grid; the match clock must not count it.
    pub skipped: MediaTime,
    /// Recordings of an ended session that was cut off before they were read back, as `session/recording`; that may take long, so it is
    /// done beside the new one.
    pub unread: Vec<String>,
}

/// The session on disk, and its tokens.
#[derive(Clone)]
pub struct Handle {
    id: String,
    sessions: Arc<SessionStore>,
    session: Arc<Mutex<Session>>,
    tokens: Arc<Tokens>,
}

impl Handle {
    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A token for this role, label and slot that outlives the studio: the one that was given out before, if any.
    pub fn token(&self, role: Role, label: &str, slot: Option<SlotId>) -> Result<Secret, Error> {
        let wanted = Actor { role, label: label.to_owned(), slot };
        let before = self.tokens.links().into_iter().find(|link| link.actor == wanted);
        Ok(match before {
            Some(link) => link.token,
            None => self.tokens.issue_lasting(role, label, slot)?,
        })
    }

    /// Who holds this token.
    pub fn authenticate(&self, token: &str) -> Option<Actor> {
        self.tokens.authenticate(token)
    }

    /// All sessions on this machine, newest last.
    pub fn records(&self) -> Vec<SessionRecord> {
        self.sessions.list().map(|(records, _)| records).unwrap_or_default()
    }

    /// The tokens of this studio.
    pub fn tokens(&self) -> Arc<Tokens> {
        Arc::clone(&self.tokens)
    }

    /// The folder of all sessions.
    pub fn sessions_folder(&self) -> std::path::PathBuf {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.folder().parent().map(std::path::Path::to_path_buf).unwrap_or_default()
    }

    /// Notes on disk how far the session's life is.
    pub fn mark(&self, state: SessionState) -> Result<(), Error> {
        Ok(self.session.lock().unwrap_or_else(PoisonError::into_inner).mark(state)?)
    }
}

/// Opens the unfinished session when `config` asks to resume and there is one, else a new one.
pub fn open(config: &Config) -> Result<Opened, Error> {
    let unusable = |error: std::io::Error| Error::DataFolder { path: config.data_dir.clone(), reason: error.to_string() };
    std::fs::create_dir_all(&config.data_dir).map_err(unusable)?;
    let store = SessionStore::open(&config.data_dir).map_err(|error| match error {
        // Such as a disk that may only be read.
        tl_store::Error::Io { source, .. } => unusable(source),
        other => other.into(),
    })?;
    let (unfinished, mut problems) = if config.resume { store.open_unfinished()? } else { (None, Vec::new()) };
    let resumed = unfinished.is_some();
    let mut session = match unfinished {
        Some(session) => session,
        None => store.create(&[], Wall::now())?,
    };
    let id = session.id().to_owned();
    let dir = session.folder().to_path_buf();
    let (log, past, log_problems) = EventLog::open(&dir, &id)?;
    let (tokens, token_problems) = Tokens::open(&config.data_dir)?;
    problems.extend(log_problems);
    problems.extend(token_problems);
    for problem in problems {
        tracing::warn!(problem, "the session was opened with a repair");
    }
    let mut show = Show::new();
    for event in &past {
        show.apply(&event.fact, event.seq, event.media_time);
    }
    if resumed && show.ended() {
        // It was ended, and cut off before its files were whole: that is done now, and a new session begins.
        let mut recordings = Recordings::open(&dir)?;
        recordings.repair();
        for problem in recordings.finalise(|done, total| tracing::info!(done, total, "recordings of the session before are made whole")) {
            tracing::warn!(problem, "a recording of the session before");
        }
        finish_content(config, &dir);
        session.mark(SessionState::Stored)?;
        drop((log, session, store));
        let unread = recordings.unverified().into_iter().map(|recording| format!("{id}/{recording}"));
        let mut opened = open(config)?;
        opened.unread.extend(unread);
        return Ok(opened);
    }
    let (offset, skipped) = if resumed { resume_at(&past, session.record().eras.last(), config.segment) } else { (MediaTime::ZERO, MediaTime::ZERO) };
    let clock = MediaClock::starting_at(offset);
    let era = session.open_era(clock.wall_of(offset), offset)?.era;
    if !resumed {
        session.mark(SessionState::Running)?;
    }
    let start_msn = (offset.0 / config.segment.0.max(1)) as u64;
    let handle = Handle { id, sessions: Arc::new(store), session: Arc::new(Mutex::new(session)), tokens: Arc::new(tokens) };
    Ok(Opened { handle, dir, era, clock, log, past, show, discontinuity: u64::from(era.0.saturating_sub(1)), start_msn, skipped, unread: Vec::new() })
}

/// Show time goes on with the wall clock, never backwards, and starts on the grid of segments, so that key pictures keep theirs;
/// and how far that is ahead.
fn resume_at(past: &[Event], last: Option<&tl_store::Era>, grid: MediaTime) -> (MediaTime, MediaTime) {
    let newest = past.last().map_or(MediaTime::ZERO, |event| event.media_time);
    let by_wall = last.map_or(MediaTime::ZERO, |era| era.offset + MediaTime::from_micros(Wall::now().0.saturating_sub(era.wall_anchor.0)));
    // A wall clock that was set far ahead must not make the show years long.
    let longest = newest + MediaTime::from_secs(24 * 3_600);
    let at = by_wall.clamp(newest, longest);
    let grid = grid.0.max(1);
    let start = MediaTime(at.0.saturating_add(grid - 1).div_euclid(grid) * grid);
    (start, start - at)
}

/// What is, before the control loop has looked for the first time.
pub fn empty_snapshot(handle: &Handle, era: EraId, config: &Config) -> Snapshot {
    let show = Show::new();
    let [home, away] = show.teams();
    Snapshot {
        session: handle.id.clone(),
        state: tl_wire::SessionState::Running,
        era,
        media_time: MediaTime::ZERO,
        seq: 0,
        program: show.program().clone(),
        output: unmeasured(config),
        teams: [home.clone(), away.clone()],
        clock: *show.clock(),
        clock_millis: 0,
        graphics: Default::default(),
        sound: show.sound(),
        sound_processing: show.processing(),
        meter: tl_wire::Meter::default(),
        cameras: Vec::new(),
        microphones: Vec::new(),
        joins: Vec::new(),
        outputs: Vec::new(),
        recordings: Vec::new(),
        budget: tl_wire::BudgetView { now_ms: 0.0, target_ms: 0.0 },
        health: tl_wire::Health::default(),
        load: tl_wire::Load::default(),
        warnings: Vec::new(),
        viewers: 0,
        viewers_whep: 0,
    }
}

/// The programme's picture before anything was counted.
pub fn unmeasured(config: &Config) -> tl_wire::ProgramView {
    tl_wire::ProgramView {
        size: config.size,
        rate: config.rate,
        frames: 0,
        dropped: 0,
        repeated: 0,
        black: 0,
        render_ms: None,
        encoder: tl_wire::Encoder::default(),
        gpu: None,
    }
}

/// Makes the manifest of a session that is over, whose run was cut off before it could.
fn finish_content(config: &Config, dir: &std::path::Path) {
    let store = tl_store::ContentStore::open(&config.data_dir.join("store")).map_err(|error| error.to_string());
    match store.and_then(|store| crate::outputs::segments::finish(&store, dir)) {
        Ok(content) => note_content(dir, content),
        Err(error) => tracing::warn!(error, "the delivered segments of the session before have no manifest"),
    }
}

/// The file that holds a finished session's content id.
const CONTENT: &str = "content.json";

/// Notes what a finished session's delivered segments are called.
pub fn note_content(session: &std::path::Path, content: Option<tl_store::Hash>) {
    let Some(content) = content else { return };
    if let Err(error) = tl_store::files::write_json(&session.join(CONTENT), &content, tl_store::files::Privacy::Open) {
        tracing::warn!(%error, "the session's content id was not noted");
    }
}

/// A finished session's content id.
pub fn content_of(session: &std::path::Path) -> Option<tl_store::Hash> {
    tl_store::files::read_json(&session.join(CONTENT)).ok().flatten()
}
