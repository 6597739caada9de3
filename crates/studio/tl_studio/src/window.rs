//! What a window on this machine is given: the newest snapshot and pictures, a way to ask, and its own door.
//!
//! It asks as `window`, by the same way as pages and scripts. Nothing here waits, and a window that hangs holds nothing that a loop needs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tl_base::queue::{Refused, Sender};
use tl_base::{Secret, SlotId};
use tl_frame::Frame;
use tl_store::Actor;
use tl_wire::{Action, Command, Outcome, RefusalCode, Role, Snapshot};
use tokio::sync::oneshot;

use crate::access::Access;
use crate::control::{Shared, Wake, refused};

/// How events name the window.
const LABEL: &str = "window";
/// Random bytes of a command's id.
const ID_BYTES: usize = 16;

/// The last finished picture of the programme, kept only while a window looks.
#[derive(Default)]
pub(crate) struct LastPicture {
    looked_at: AtomicBool,
    frame: Mutex<Option<Frame>>,
}

impl LastPicture {
    /// Keeps a finished picture when somebody looks; costs a flag otherwise.
    pub fn keep(&self, frame: &Frame) {
        if self.looked_at.load(Ordering::Relaxed) {
            *self.frame.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame.clone());
        }
    }

    fn look(&self, looks: bool) {
        self.looked_at.store(looks, Ordering::Relaxed);
        if !looks {
            self.frame.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

/// How a phone joins: what a window shows as a code to scan and to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// The crew link.
    pub link: String,
    /// `host:port` to type.
    pub host: String,
    /// The crew code.
    pub code: String,
}

/// What the window shares with the studio.
pub(crate) struct Parts {
    pub shared: Arc<Shared>,
    pub wakes: Sender<Wake>,
    pub gpu: tl_gpu::Multiview,
    pub programme: Arc<LastPicture>,
    pub access: Arc<Access>,
    pub door: Arc<Mutex<Option<tl_server::Server>>>,
    /// `host:port` of the door as people on this network type it.
    pub host: Arc<OnceLock<String>>,
}

/// A window's way to the studio. Clones are one window.
#[derive(Clone)]
pub struct Multiview(Arc<Parts>);

/// An answer on its way.
pub struct Answer(oneshot::Receiver<Outcome>);

impl Answer {
    /// The answer, once; none while it is on its way.
    pub fn try_take(&mut self) -> Option<Outcome> {
        match self.0.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(busy()),
        }
    }
}

impl Multiview {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What is, now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.shared.snapshot.load_full()
    }

    /// Where tiles and the window's own picture are made.
    pub fn gpu(&self) -> &tl_gpu::Multiview {
        &self.0.gpu
    }

    /// Says whether the window shows pictures; while it does not, none are kept for it.
    pub fn look(&self, looks: bool) {
        self.0.programme.look(looks);
    }

    /// The programme's last finished picture, graphics included; none before the first and while nobody looks.
    pub fn programme(&self) -> Option<Frame> {
        self.0.programme.frame.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A camera's newest picture, decoded.
    pub fn camera(&self, slot: SlotId) -> Option<Frame> {
        self.0.shared.feeds.get(&slot).and_then(|feed| feed.newest())
    }

    /// Asks something of the show, as this machine's owner.
    pub fn ask(&self, action: Action) -> Answer {
        let (reply, answer) = oneshot::channel();
        let Ok(id) = tl_store::random_token(ID_BYTES) else { return answered(busy()) };
        let actor = Actor { role: Role::Owner, label: LABEL.into(), slot: None };
        match self.0.wakes.send(Wake::Command(actor, Command { id, command: action }, reply)) {
            Ok(()) => Answer(answer),
            Err(Refused::Full(_) | Refused::Closed(_)) => answered(busy()),
        }
    }

    /// Address of the control page on the plain door of this machine, with its token; none while the door is closed.
    pub fn desk_page(&self) -> Option<Secret> {
        // Whoever is opening or closing the door is not waited for.
        self.0.door.try_lock().ok()?.as_ref()?.local_page("desk")
    }

    /// How a phone joins; none until the door is open.
    pub fn joining(&self) -> Option<Joining> {
        let host = self.0.host.get()?.clone();
        let code = self.0.access.tokens().crew_code().ok()?.expose().to_owned();
        Some(Joining { link: format!("https://{host}/phone/#code={code}"), host, code })
    }
}

fn busy() -> Outcome {
    refused(RefusalCode::Busy, "The studio is busy; try again in a moment.")
}

fn answered(outcome: Outcome) -> Answer {
    let (reply, answer) = oneshot::channel();
    // The other end is just below.
    reply.send(outcome).ok();
    Answer(answer)
}
