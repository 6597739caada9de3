//! Virtual phones: each films its clip by its own clock, joins over its protocol, suffers its faults and comes back by itself.
//!
//! All of them live on two threads: `phones` paces and sends, `signalling` does what may take a while, so that a slow answer delays
//! nobody's pictures. Apps and uploads have a thread of their own behind that. A phone that is late skips to the next key picture rather than sending a burst; one that hears nothing from the
//! studio for two seconds joins anew.

mod app;
mod camera;
mod clock;
mod ear;
mod faults;
mod file;
mod line;
mod muxing;
mod phone;
mod pieces;
mod requests;
mod rtp;
mod sending;
mod webrtc;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_base::queue::{self, Received, Receiver, Sender, WhenFull};
use tl_base::{Protocol, Wall};

pub use faults::{Fault, FaultKind, Faults};
pub(crate) use sending::unit_of;

use crate::clips::Loaded;
use crate::signalling::Door;
use crate::{ClipSet, Error, Options, PhoneSummary, Seed, truth};
use line::{Answer, Errand, Reply, What};
use phone::Phone;

/// The longest sleep of the pacing thread.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
/// How often the truth is handed to the system.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Errands of one phone that may wait: a wish, and a few lines that end.
const ERRANDS_EACH: usize = 4;

type ErrandQueue = Sender<Errand>;
/// By camera and protocol; none where the studio reads for itself.
type Media = HashMap<(u8, Protocol), Option<Arc<Loaded>>>;

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
        tl_media::init().map_err(Error::media("the media library"))?;
        let media = load(options, set)?;
        let started = (Instant::now(), Wall::now());
        let seed = Seed::new(options.seed);
        let count = options.phones.len();
        let phones = options.phones.iter().enumerate().zip(set.cameras.iter().cycle());
        let phones: Vec<Phone> = phones
            .map(|((index, ticket), clip)| {
                let media = media.get(&(clip.camera, ticket.way.protocol())).cloned().flatten();
                Phone::new(index, ticket, (clip, media), &seed, started, options, door.clone())
            })
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let joined = Arc::new(AtomicUsize::new(0));
        let (errands, wishes) = queue::bounded(count * ERRANDS_EACH, WhenFull::Refuse);
        let (answers, replies) = queue::bounded(count * ERRANDS_EACH, WhenFull::Block);
        let signalling = spawn("signalling", {
            let (door, stop) = (door.clone(), Arc::clone(&stop));
            move || signal(&door, &wishes, &answers, &stop)
        })?;
        let pacing = spawn("phones", {
            let pace = Pace { phones, errands, replies, truth, started: started.0, stop: Arc::clone(&stop), joined: Arc::clone(&joined), door };
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

/// What each phone sends, by camera and protocol; phones with the same share it.
fn load(options: &Options, set: &ClipSet) -> Result<Media, Error> {
    let mut media = Media::new();
    for (ticket, clip) in options.phones.iter().zip(set.cameras.iter().cycle()) {
        let key = (clip.camera, ticket.way.protocol());
        if let Entry::Vacant(place) = media.entry(key) {
            place.insert(clip.load(key.1)?.map(Arc::new));
        }
    }
    Ok(media)
}

fn spawn<T: Send + 'static>(name: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, Error> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(|error| Error::Thread { name, message: error.to_string() })
}

fn signal(door: &Door, wishes: &Receiver<Errand>, answers: &Sender<Reply>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Errand { phone, what } = match wishes.recv_timeout(Duration::from_millis(100)) {
            Received::Item(errand) => errand,
            Received::TimedOut => continue,
            Received::Closed => return,
        };
        let result = match what {
            What::Offer { slot, token, sdp } => door.join(slot, &token, &sdp).map(Answer::Joined),
            What::Source { slot, token, setup } => door.set_source(slot, &token, &setup).map(|()| Answer::SourceSet),
            What::Bury(line) => {
                drop(line);
                continue;
            }
        };
        if answers.send(Reply { phone, result }).is_err() {
            return;
        }
    }
}

struct Pace {
    phones: Vec<Phone>,
    errands: ErrandQueue,
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
                wake = wake.min(phone.step(Instant::now(), &self.errands, &mut self.truth)?);
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
