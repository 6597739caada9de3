//! The thread that looks after the encoder in use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tl_base::never;

use crate::encode::supervised::circuit::{Circuit, Verdict};
use crate::encode::supervised::{Event, OnEvent, Shared};
use crate::encode::{Health, VideoEncoder};
use crate::line::lock;

/// Between two looks at the encoder.
const LOOK: Duration = Duration::from_millis(100);
/// Between two attempts when no encoder starts at all.
const REST: Duration = Duration::from_secs(1);
/// How long an encoder that is well may take to give out what it holds when another takes over.
const HANDOVER: Duration = Duration::from_millis(500);
/// How long stuck encoders may take to let go when everything ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Stuck encoders that may wait for their end; with more than that no hardware is begun until one of them lets go. Software is:
/// a show without pictures is worse than one more thread.
pub(super) const MAX_STUCK: usize = 16;

/// Work on a thread of its own, because it may take for ever, and whether it has ended.
pub(super) struct Aside {
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Aside {
    /// None when there is no thread for it; the work is dropped then.
    pub(super) fn run(name: &str, work: impl FnOnce() + Send + 'static) -> Option<Self> {
        let done = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&done);
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            work();
            told.store(true, Ordering::Release);
        });
        match spawned {
            Ok(thread) => Some(Self { done, thread }),
            Err(error) => {
                tracing::error!(%error, name, "no thread for an encoder");
                None
            }
        }
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire) || self.thread.is_finished()
    }

    fn join(self) {
        if self.thread.join().is_err() {
            never!("an encoder's thread panicked");
        }
    }
}

/// A better encoder that is tried beside the one in use.
struct Trial {
    answer: mpsc::Receiver<bool>,
    until: Instant,
}

pub(super) struct Watch {
    shared: Arc<Shared>,
    circuit: Circuit,
    try_out: fn(&str) -> bool,
    trial: Option<Trial>,
    /// The thread of the last trial while it has not ended, which may be long after the trial was given up.
    trying: Option<Aside>,
    on_event: OnEvent,
    /// Threads that have not ended yet.
    stuck: Vec<Aside>,
    /// Whether it was told that there are too many of them.
    crowded: bool,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, circuit: Circuit, try_out: fn(&str) -> bool, on_event: OnEvent, stuck: Vec<Aside>) -> Self {
        Self { shared, circuit, try_out, trial: None, trying: None, on_event, stuck, crowded: false }
    }

    pub(super) fn run(mut self) {
        while !self.shared.wait_stopped(LOOK) {
            let encoder = lock(&self.shared.current).encoder.clone();
            let reason = match encoder.as_ref().map(|encoder| encoder.health()) {
                Some(Health::Well) => None,
                Some(Health::Hung { silent }) => Some(format!("no picture came out of it for {:.1} s", silent.as_secs_f64())),
                Some(Health::Failed { detail }) => Some(detail),
                None => Some("it does not start".to_owned()),
            };
            drop(encoder);
            match reason {
                Some(reason) => self.replace(&reason),
                None => self.look_up(),
            }
            self.join_those_done();
        }
        let last = lock(&self.shared.current).encoder.take();
        if let Some(encoder) = last {
            self.bury(encoder, Duration::ZERO);
        }
        self.wait_for_the_stuck();
    }

    /// Begins the same anew, or goes on with less.
    fn replace(&mut self, reason: &str) {
        let rung = lock(&self.shared.current).rung;
        let crowded = self.stuck.len() >= MAX_STUCK;
        if crowded && self.shared.software_from(rung).is_none() {
            if !std::mem::replace(&mut self.crowded, true) {
                tracing::error!(reason, "too many encoders are stuck");
                (self.on_event)(Event::StartFailed { reason: "too many encoders are stuck".to_owned() });
            }
            return;
        }
        self.crowded = false;
        self.shared.silence();
        let old = lock(&self.shared.current).encoder.take();
        if let Some(old) = old {
            self.bury(old, Duration::ZERO);
        }
        let next = self.next_rung(rung, crowded);
        let given_up = next != rung;
        if given_up {
            // What is on trial is no longer the next better one.
            self.trial = None;
        }
        let begun = self.shared.begin(next, &mut self.stuck);
        let (from, to) = (self.shared.quality(rung), self.shared.quality(next));
        if given_up {
            tracing::error!(from = from.encoder, to = to.encoder, reason, "the encoder is given up for another");
            (self.on_event)(Event::CircuitOpened { from, to: to.clone(), reason: reason.to_owned() });
        }
        match begun {
            Err(error) => {
                // The rung stays the one that fails, so that the next try goes on from it.
                lock(&self.shared.current).rung = next;
                self.start_failed(&error);
                self.shared.wait_stopped(REST);
            }
            Ok(_) => {
                self.shared.restarts.fetch_add(1, Ordering::Relaxed);
                if !given_up {
                    tracing::warn!(encoder = to.encoder, reason, "the encoder was started anew");
                    (self.on_event)(Event::Restarted { encoder: to.encoder, reason: reason.to_owned() });
                }
            }
        }
    }

    /// What the circuit says; while too many are stuck nothing but software.
    fn next_rung(&mut self, rung: usize, crowded: bool) -> usize {
        let now = Instant::now();
        let next = match self.circuit.fault(now) {
            Verdict::Again => rung,
            Verdict::Lower(next) => next,
        };
        match self.shared.software_from(next).filter(|software| crowded && *software != next) {
            Some(software) => {
                self.circuit.give_up_for(software, now);
                software
            }
            None => next,
        }
    }

    fn start_failed(&mut self, error: &crate::Error) {
        tracing::error!(%error, "an encoder did not start");
        (self.on_event)(Event::StartFailed { reason: error.to_string() });
    }

    /// All is well: is it time for the better one?
    fn look_up(&mut self) {
        let now = Instant::now();
        if self.circuit.held(now) {
            let quality = self.shared.quality(lock(&self.shared.current).rung);
            tracing::info!(encoder = quality.encoder, "the encoder has held");
            (self.on_event)(Event::CircuitClosed { quality });
        }
        if let Some(rung) = self.circuit.due(now) {
            self.begin_trial(rung, now);
        }
        let Some(trial) = &self.trial else { return };
        let well = match trial.answer.try_recv() {
            Ok(well) => well,
            Err(mpsc::TryRecvError::Empty) if now < trial.until => return,
            Err(_) => false,
        };
        self.trial = None;
        match self.circuit.tried(well, now) {
            Some(rung) => self.step_up(rung),
            None => tracing::info!("the better encoder is still out of order"),
        }
    }

    fn begin_trial(&mut self, rung: usize, now: Instant) {
        if self.trying.is_some() {
            // The driver that hung then would hang again, and each that hangs keeps a thread.
            tracing::debug!("the last trial has not ended");
            self.circuit.tried(false, now);
            return;
        }
        let (name, try_out) = (self.shared.quality(rung).encoder, self.try_out);
        let (sender, answer) = mpsc::sync_channel(1);
        self.trying = Aside::run("encoder-trial", move || {
            if sender.send(try_out(&name)).is_err() {
                tracing::debug!("a trial ended too late");
            }
        });
        self.trial = Some(Trial { answer, until: now + self.circuit.trial_limit() });
    }

    /// Takes the better one into use while the other still works.
    fn step_up(&mut self, rung: usize) {
        let to = self.shared.quality(rung);
        match self.shared.begin(rung, &mut self.stuck) {
            Ok(old) => {
                if let Some(old) = old {
                    self.bury(old, HANDOVER);
                }
                self.shared.restarts.fetch_add(1, Ordering::Relaxed);
                tracing::info!(encoder = to.encoder, "the better encoder is used again");
                (self.on_event)(Event::HalfOpen { to });
            }
            Err(error) => {
                // The other one is still in use; the circuit goes back to it.
                self.circuit.fault(Instant::now());
                self.start_failed(&error);
            }
        }
    }

    /// Ends an encoder on a thread of its own: a stuck one may take for ever, and the show must not wait for it. One that is
    /// well gets so long to give out what it holds.
    fn bury(&mut self, encoder: Arc<VideoEncoder>, handover: Duration) {
        let buried = Aside::run("encoder-end", move || {
            if !handover.is_zero()
                && let Err(error) = encoder.drain(handover)
            {
                tracing::debug!(%error, "an encoder kept its last pictures");
            }
            drop(encoder);
        });
        self.stuck.extend(buried);
    }

    fn join_those_done(&mut self) {
        if let Some(ended) = self.trying.take_if(|trying| trying.is_done()) {
            ended.join();
        }
        for at in (0..self.stuck.len()).rev() {
            if self.stuck.get(at).is_some_and(Aside::is_done) {
                self.stuck.swap_remove(at).join();
            }
        }
    }

    fn wait_for_the_stuck(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        for aside in self.stuck.drain(..).chain(self.trying.take()) {
            while !aside.is_done() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            if aside.is_done() {
                aside.join();
            } else {
                tracing::error!("an encoder never let go of its thread");
            }
        }
    }
}
