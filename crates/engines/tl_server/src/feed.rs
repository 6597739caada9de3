//! Events as messages of a stream. The newest are written once for each kind of listener, however many listen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use serde::Serialize;
use tl_base::SlotId;
use tl_wire::{Event, Role};

use crate::Actor;
use crate::backend::Backend;
use crate::projection::{own_slot, project_event, slot_of};

/// Messages that are kept written; who is further behind gets them written anew.
const KEPT: usize = 512;

/// Events taken from the log at a time.
pub(crate) const BATCH: usize = 128;

/// What one kind of listener gets of an event; none: nothing.
type Written = OnceLock<Option<Bytes>>;

struct Message {
    event: Event,
    crew: Written,
    camera: Written,
    commentator: Written,
    viewer: Written,
    /// For the sender of the source that it is about.
    own: Written,
}

/// The newest messages.
#[derive(Default)]
pub(crate) struct Feed(Mutex<VecDeque<Arc<Message>>>);

/// Messages behind a place, and the new place.
pub(crate) struct Page {
    pub(crate) seq: u64,
    pub(crate) messages: Vec<Bytes>,
}

impl Feed {
    /// What `actor` gets behind `seq`; none when there is nothing yet.
    pub(crate) async fn after(&self, backend: &dyn Backend, actor: &Actor, seq: u64) -> Option<Page> {
        if let Some(kept) = self.kept_after(backend, seq) {
            let last = kept.last()?.event.seq;
            return Some(Page { seq: last, messages: kept.iter().filter_map(|message| message.for_actor(actor)).collect() });
        }
        let mut events = backend.events_after(seq, BATCH);
        if events.is_empty() && backend.first_event() > seq.saturating_add(1) {
            events = backend.logged_events_after(seq, BATCH).await;
        }
        let last = events.last()?.seq;
        let messages = events.iter().filter_map(|event| project_event(event, actor)).filter_map(|event| message(event.seq, &event)).collect();
        Some(Page { seq: last.max(seq.saturating_add(1)), messages })
    }

    /// Messages behind `seq` where all of them are kept.
    fn kept_after(&self, backend: &dyn Backend, seq: u64) -> Option<Vec<Arc<Message>>> {
        let newest = *backend.event_version().borrow();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.back().map_or_else(|| newest.saturating_sub(KEPT as u64), |last| last.event.seq);
        if known < newest {
            for event in backend.events_after(known, KEPT) {
                // A gap would be one for every listener: what is older is asked for again.
                if kept.back().is_some_and(|last| last.event.seq + 1 != event.seq) {
                    kept.clear();
                }
                kept.push_back(Arc::new(Message::new(event)));
            }
            let surplus = kept.len().saturating_sub(KEPT);
            kept.drain(..surplus);
        }
        let from = kept.partition_point(|message| message.event.seq <= seq);
        let whole = kept.front().is_some_and(|first| first.event.seq <= seq.saturating_add(1));
        whole.then(|| kept.iter().skip(from).take(BATCH).cloned().collect())
    }
}

impl Message {
    fn new(event: Event) -> Self {
        let none = Written::new;
        Self { event, crew: none(), camera: none(), commentator: none(), viewer: none(), own: none() }
    }

    fn for_actor(&self, actor: &Actor) -> Option<Bytes> {
        let slot: Option<SlotId> = own_slot(&self.event.fact);
        let written = match actor.role {
            Role::Owner | Role::Director => &self.crew,
            _ if slot.is_some() && slot == slot_of(actor) => &self.own,
            Role::Camera => &self.camera,
            Role::Commentator => &self.commentator,
            Role::Viewer => &self.viewer,
        };
        written.get_or_init(|| project_event(&self.event, actor).and_then(|event| message(event.seq, &event))).clone()
    }
}

/// A message with its number.
pub(crate) fn message<T: Serialize>(seq: u64, event: &T) -> Option<Bytes> {
    match serde_json::to_string(event) {
        Ok(json) => Some(Bytes::from(format!("id: {seq}\ndata: {json}\n\n"))),
        Err(error) => {
            tl_base::never!("event {seq} cannot be written: {error}");
            None
        }
    }
}
