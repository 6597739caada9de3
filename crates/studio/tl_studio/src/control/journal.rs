//! What the control loop remembers: events on their way to the disk, the newest of them for pages, and answers to commands that may
//! come twice.

use std::collections::{HashMap, VecDeque};

use tl_base::MediaTime;
use tl_store::EventLog;
use tl_wire::{Event, Outcome};

/// How often events are flushed to the disk.
const SYNC: MediaTime = MediaTime::from_millis(800);
/// Events kept while the disk takes none; later ones are lost to the log, not to the show.
const MAX_UNSAVED: usize = 8_192;
/// Answers remembered for commands that are sent twice.
const REMEMBERED: usize = 1_024;
/// Events kept in memory for pages that reconnect; older ones are read from the log.
const RECENT_EVENTS: usize = 4_096;

/// The loop's memory.
pub struct Journal {
    log: EventLog,
    recent: VecDeque<Event>,
    /// Events that the disk has not taken yet, oldest first.
    unsaved: VecDeque<Event>,
    answers: HashMap<String, Outcome>,
    answer_order: VecDeque<String>,
    synced: MediaTime,
    seq: u64,
}

/// What a command's answer is kept under: ids are the sender's own.
fn key(actor: &str, id: &str) -> String {
    format!("{actor}\u{0}{id}")
}

impl Journal {
    /// Goes on behind the events of earlier runs, newest last.
    pub fn new(log: EventLog, past: &[Event], now: MediaTime) -> Self {
        let mut recent: VecDeque<Event> = past.iter().rev().take(RECENT_EVENTS).cloned().collect();
        recent.make_contiguous().reverse();
        let seq = past.last().map_or(0, |event| event.seq);
        // A command that is sent again after the studio died must not count twice.
        let commands = recent.iter().rev().filter_map(|event| Some((key(&event.actor, event.command_id.as_ref()?), Outcome::Seq(event.seq))));
        let answers: HashMap<String, Outcome> = commands.take(REMEMBERED).collect();
        Self { log, recent, unsaved: VecDeque::new(), answer_order: answers.keys().cloned().collect(), answers, synced: now, seq }
    }

    /// The number of the next event.
    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// The number of the newest event.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The newest events, oldest first.
    pub fn recent(&self) -> &VecDeque<Event> {
        &self.recent
    }

    /// Takes an event.
    pub fn note(&mut self, event: Event) {
        if self.unsaved.len() < MAX_UNSAVED {
            self.unsaved.push_back(event.clone());
            self.save();
        }
        if self.recent.len() == RECENT_EVENTS {
            self.recent.pop_front();
        }
        self.recent.push_back(event);
    }

    /// Writes what waits, in order. What a full disk refuses is tried again once a second.
    pub fn save(&mut self) {
        while let Some(event) = self.unsaved.front() {
            if let Err(error) = self.log.append(event) {
                if self.unsaved.len() == 1 {
                    tracing::error!(%error, "events are not written; the show goes on and they are kept");
                }
                return;
            }
            self.unsaved.pop_front();
        }
    }

    /// Flushes to the disk when that is due.
    pub fn sync_when_due(&mut self, now: MediaTime) {
        if now - self.synced >= SYNC {
            self.synced = now;
            self.sync();
        }
    }

    /// Flushes to the disk.
    pub fn sync(&mut self) {
        self.save();
        if let Err(error) = self.log.sync() {
            tracing::error!(%error, "the event log was not flushed");
        }
    }

    /// The answer that this command got before.
    pub fn answered(&self, actor: &str, id: &str) -> Option<Outcome> {
        self.answers.get(&key(actor, id)).cloned()
    }

    /// Remembers an answer; the oldest leaves.
    pub fn remember(&mut self, actor: &str, id: &str, outcome: &Outcome) {
        if self.answer_order.len() == REMEMBERED
            && let Some(oldest) = self.answer_order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        let key = key(actor, id);
        self.answer_order.push_back(key.clone());
        self.answers.insert(key, outcome.clone());
    }
}
