//! Recordings are read back, mended and deleted here, this session's and those of sessions before, one at a time on a thread of its
//! own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tl_base::queue::{Receiver, Sender, WhenFull, bounded};
use tl_media::file::{self, Depth, Verified};
use tl_wire::Recording;

use crate::control::Wake;
use crate::records::recordings::{Entry, Recordings};

/// Recordings that may wait to be read.
const MAX_WAITING: usize = 64;
/// Progress is told in steps of this share.
const STEP: f64 = 0.02;

/// What is asked of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Read it back from beginning to end.
    Verify,
    /// Mend what is torn.
    Repair,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Done {
    /// It was read back.
    Verified(Verified),
    /// It was mended.
    Repaired {
        /// What could not be kept.
        lost_bytes: u64,
    },
    /// It could not be read at all.
    Failed(String),
}

/// How far it is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Which recording.
    pub id: String,
    /// 0 to 1.
    pub share: f64,
    /// The end of it.
    pub done: Option<Done>,
}

struct Job {
    id: String,
    files: Vec<PathBuf>,
    work: Work,
}

/// The library's thread and the folder of all sessions.
pub struct Library {
    sessions: PathBuf,
    current: String,
    jobs: Option<Sender<Job>>,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Library {
    /// A library of the sessions in `sessions`; what is found out wakes the control loop.
    pub fn start(sessions: PathBuf, current: String, wakes: Sender<Wake>) -> std::io::Result<Self> {
        let (jobs, waiting) = bounded(MAX_WAITING, WhenFull::Refuse);
        let cancel = Arc::new(AtomicBool::new(false));
        let cancelled = Arc::clone(&cancel);
        let thread = std::thread::Builder::new().name("library".into()).spawn(move || work(&waiting, &wakes, &cancelled))?;
        Ok(Self { sessions, current, jobs: Some(jobs), cancel, thread: Some(thread) })
    }

    /// Asks for work on a recording; its files when it is of the running session. False when too much waits.
    pub fn ask(&self, id: &str, files: Option<Vec<PathBuf>>, work: Work) -> bool {
        let files = files.or_else(|| self.earlier(id).and_then(|recordings| recordings.find(plain(id)).map(Entry::files)));
        let job = files.map(|files| Job { id: id.to_owned(), files, work });
        job.zip(self.jobs.as_ref()).is_some_and(|(job, jobs)| jobs.send(job).is_ok())
    }

    /// Whether a recording of an earlier session has this id.
    pub fn knows(&self, id: &str) -> bool {
        self.earlier(id).is_some_and(|recordings| recordings.find(plain(id)).is_some())
    }

    /// Deletes a recording of an earlier session.
    pub fn delete(&self, id: &str) -> std::io::Result<()> {
        match self.earlier(id) {
            Some(mut recordings) => recordings.delete(plain(id)),
            None => Err(std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such recording")),
        }
    }

    /// Notes for an earlier session what was found out.
    pub fn note_done(&self, id: &str, done: &Done) {
        if let Some(mut recordings) = self.earlier(id) {
            recordings.note_done(plain(id), done);
        }
    }

    fn earlier(&self, id: &str) -> Option<Recordings> {
        let (session, _) = id.split_once('/')?;
        let plain_name = !session.is_empty() && session.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !plain_name || session == self.current {
            return None;
        }
        Recordings::read(&self.sessions.join(session))
    }
}

/// The recording's id within its session.
fn plain(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, id)| id)
}

/// The recordings of an earlier session as pages see them.
pub fn recordings_of(sessions: &Path, session: &str) -> Vec<Recording> {
    let Some(recordings) = Recordings::read(&sessions.join(session)) else { return Vec::new() };
    let mut views = recordings.view(tl_base::MediaTime::ZERO, |_| false);
    for view in &mut views {
        view.id = format!("{session}/{}", view.id);
    }
    views
}

impl Drop for Library {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Release);
        // Without a sender the thread ends behind its last job.
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the library's thread panicked");
        }
    }
}

fn work(jobs: &Receiver<Job>, wakes: &Sender<Wake>, cancel: &AtomicBool) {
    while let Some(job) = jobs.recv() {
        if cancel.load(Ordering::Acquire) {
            return;
        }
        let mut told = 0.0;
        let mut tell = |share: f64| {
            if share - told >= STEP {
                told = share;
                // A control loop that is behind hears of the end.
                wakes.send(Wake::Library(Progress { id: job.id.clone(), share, done: None })).ok();
            }
        };
        let done = match job.work {
            Work::Verify => verify(&job.files, cancel, &mut tell),
            Work::Repair => repair(&job.files),
        };
        if !cancel.load(Ordering::Acquire) {
            wakes.send(Wake::Library(Progress { id: job.id, share: 1.0, done: Some(done) })).ok();
        }
    }
}

/// Reads every file back; the recording is as good as its worst.
pub fn verify(files: &[PathBuf], cancel: &AtomicBool, tell: &mut dyn FnMut(f64)) -> Done {
    let mut whole: Option<Verified> = None;
    let count = files.len().max(1) as f64;
    for (index, path) in files.iter().enumerate() {
        match file::verify(path, Depth::Keys, cancel, |share| tell((index as f64 + share) / count)) {
            Ok(found) => match &mut whole {
                None => whole = Some(found),
                Some(whole) => {
                    whole.seconds += found.seconds;
                    whole.video_frames += found.video_frames;
                    whole.decoded_frames += found.decoded_frames;
                    whole.audio_seconds += found.audio_seconds;
                    whole.problems.extend(found.problems);
                }
            },
            Err(error) => return Done::Failed(error.to_string()),
        }
    }
    whole.map_or_else(|| Done::Failed("it has no file".into()), Done::Verified)
}

fn repair(files: &[PathBuf]) -> Done {
    let mut lost_bytes = 0;
    for path in files {
        match file::repair(path) {
            Ok(repaired) => lost_bytes += repaired.lost_bytes,
            Err(error) => return Done::Failed(error.to_string()),
        }
    }
    Done::Repaired { lost_bytes }
}
