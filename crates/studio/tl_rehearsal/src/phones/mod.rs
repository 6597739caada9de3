//! Virtual phones: each films its clip by its own clock, joins over WHIP, sends over WebRTC, suffers its faults and comes back by itself.
//!
//! All of them live on two threads: `phones` paces and sends, `signalling` knocks on the studio's door, so that a slow answer delays
//! nobody's pictures. A phone that is late skips to the next key picture rather than sending a burst; one that hears nothing from the
//! studio for two seconds joins anew.

mod clock;
mod faults;
mod phone;
mod sending;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_base::Wall;
use tl_base::queue::{self, Received, Receiver, Sender, WhenFull};

pub use faults::{Fault, FaultKind, Faults};

use crate::signalling::{Door, Joined, Refusal};
use crate::{ClipSet, Error, Options, PhoneSummary, Seed, truth};
use phone::Phone;

/// The longest sleep of the pacing thread.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
/// How often the truth is handed to the system.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// A phone's wish to join.
pub(crate) struct Knock {
    pub(crate) phone: usize,
    pub(crate) slot: tl_base::SlotId,
    pub(crate) token: tl_base::Secret,
    pub(crate) offer: String,
}

/// What came of it.
pub(crate) struct Reply {
    pub(crate) phone: usize,
    pub(crate) result: Result<Joined, Refusal>,
}

/// All phones of a rehearsal; dropping it without [`Fleet::stop`] ends them too.
pub(crate) struct Fleet {
    stop: Arc<AtomicBool>,
    joined: Arc<AtomicUsize>,
    pacing: Option<JoinHandle<Result<Vec<PhoneSummary>, Error>>>,
    signalling: Option<JoinHandle<()>>,
}

impl Fleet {
    /// Starts one phone for each ticket.
    pub(crate) fn start(options: &Options, set: &ClipSet, door: Door, truth: truth::Writer) -> Result<Self, Error> {
        if options.phones.is_empty() {
            return Err(Error::Invalid("no tickets: a rehearsal needs at least one phone".into()));
        }
        let started = (Instant::now(), Wall::now());
        let loaded = set.cameras.iter().map(|clip| Ok((clip.clone(), Arc::new(clip.load()?)))).collect::<Result<Vec<_>, Error>>()?;
        let seed = Seed::new(options.seed);
        let count = options.phones.len();
        let phones = options.phones.iter().enumerate().zip(loaded.iter().cycle());
        let phones: Vec<Phone> =
            phones.map(|((index, ticket), (clip, media))| Phone::new(index, ticket, clip, Arc::clone(media), &seed, started, options)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let joined = Arc::new(AtomicUsize::new(0));
        // Each phone has at most one wish open.
        let (knocks, wishes) = queue::bounded(count, WhenFull::Refuse);
        let (answers, replies) = queue::bounded(count, WhenFull::Block);
        let signalling = spawn("signalling", {
            let (door, stop) = (door.clone(), Arc::clone(&stop));
            move || signal(&door, &wishes, &answers, &stop)
        })?;
        let pacing = spawn("phones", {
            let pace = Pace { phones, knocks, replies, truth, started: started.0, stop: Arc::clone(&stop), joined: Arc::clone(&joined), door };
            move || pace.run()
        })?;
        Ok(Self { stop, joined, pacing: Some(pacing), signalling: Some(signalling) })
    }

    /// Phones that have been live at least once.
    pub(crate) fn joined(&self) -> usize {
        self.joined.load(Ordering::Relaxed)
    }

    /// Whether the phones ended by themselves, which only an error makes them do.
    pub(crate) fn is_over(&self) -> bool {
        self.pacing.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets every phone say goodbye and tells what they did.
    pub(crate) fn stop(mut self) -> Result<Vec<PhoneSummary>, Error> {
        self.stop.store(true, Ordering::Relaxed);
        let failed = |name| Error::Thread { name, message: "it failed".into() };
        let summaries = self.pacing.take().map_or(Ok(Ok(Vec::new())), JoinHandle::join).map_err(|_| failed("phones"))?;
        self.signalling.take().map_or(Ok(()), JoinHandle::join).map_err(|_| failed("signalling"))?;
        summaries
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let pacing = self.pacing.take().is_some_and(|thread| thread.join().is_err());
        let signalling = self.signalling.take().is_some_and(|thread| thread.join().is_err());
        if pacing || signalling {
            tracing::error!("a thread of the phones failed");
        }
    }
}

fn spawn<T: Send + 'static>(name: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, Error> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(|error| Error::Thread { name, message: error.to_string() })
}

fn signal(door: &Door, wishes: &Receiver<Knock>, answers: &Sender<Reply>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match wishes.recv_timeout(Duration::from_millis(100)) {
            Received::Item(knock) => {
                let result = door.join(knock.slot, &knock.token, &knock.offer);
                if answers.send(Reply { phone: knock.phone, result }).is_err() {
                    return;
                }
            }
            Received::TimedOut => {}
            Received::Closed => return,
        }
    }
}

struct Pace {
    phones: Vec<Phone>,
    knocks: Sender<Knock>,
    replies: Receiver<Reply>,
    truth: truth::Writer,
    started: Instant,
    stop: Arc<AtomicBool>,
    joined: Arc<AtomicUsize>,
    door: Door,
}

impl Pace {
    fn run(mut self) -> Result<Vec<PhoneSummary>, Error> {
        let mut flush_at = self.started + FLUSH_EVERY;
        while !self.stop.load(Ordering::Relaxed) {
            while let Some(reply) = self.replies.try_recv() {
                if let Some(phone) = self.phones.get_mut(reply.phone) {
                    phone.answered(reply.result, Instant::now());
                }
            }
            let mut wake = Instant::now() + LONGEST_SLEEP;
            for phone in &mut self.phones {
                wake = wake.min(phone.step(Instant::now(), &self.knocks, &mut self.truth)?);
            }
            self.joined.store(self.phones.iter().filter(|phone| phone.was_live()).count(), Ordering::Relaxed);
            let now = Instant::now();
            if now >= flush_at {
                self.truth.flush()?;
                flush_at = now + FLUSH_EVERY;
            }
            std::thread::sleep(wake.saturating_duration_since(now));
        }
        self.truth.flush()?;
        let door = self.door;
        Ok(self.phones.into_iter().map(|phone| phone.leave(&door)).collect())
    }
}
