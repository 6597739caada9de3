//! What each fact does to the state. Nothing is judged here: a fact has happened.

use tl_base::{MediaTime, SlotId};

use crate::show::{Change, UNDO_DEPTH};
use crate::{Fact, Show, Side, SourceState};

/// Destinations remembered; settings hold far fewer, and a log from elsewhere must not grow the state.
const MAX_DESTINATIONS: usize = 64;

impl Show {
    /// Takes one fact that happened at `now` as event `seq`. The same facts in the same order always give the same show.
    pub fn apply(&mut self, fact: &Fact, seq: u64, now: MediaTime) {
        self.seq = seq;
        match fact {
            Fact::EraOpened { era, .. } => self.open_era(*era),
            Fact::CutMade { to, .. } => {
                self.program.live = *to;
                if to.is_some() {
                    self.program.slate = false;
                    self.behind_slate = None;
                }
            }
            Fact::NextChosen { slot } => self.program.next = *slot,
            Fact::TransitionSet { kind, duration_ms } => {
                self.program.transition = *kind;
                self.program.transition_ms = *duration_ms;
            }
            Fact::LayoutSet { layout } => self.program.layout = *layout,
            Fact::SlateSet { on } => self.set_slate(*on),
            Fact::TeamSet { .. } | Fact::ClockSet { .. } | Fact::GraphicSet { .. } => self.change(fact, seq),
            Fact::SoundSet { sound } => self.sound = *sound,
            Fact::FaderSet { slot, fader } => {
                if slot.is_source() {
                    self.faders.insert(*slot, *fader);
                }
            }
            Fact::CameraNamed { slot, name, position } => {
                if known(*slot) {
                    let camera = self.cameras.entry(*slot).or_default();
                    camera.name.clone_from(name);
                    camera.position.clone_from(position);
                }
            }
            Fact::SourceChanged { slot, to, .. } => {
                if known(*slot) {
                    self.cameras.entry(*slot).or_default().state = *to;
                }
            }
            Fact::TrimSet { slot, trim_ms } => {
                if known(*slot) {
                    self.trims_ms.insert(*slot, *trim_ms);
                }
            }
            Fact::PrioritySet { slot, priority } => {
                if known(*slot) {
                    self.priorities.insert(*slot, *priority);
                }
            }
            Fact::SoundProcessingSet { processing } => self.processing = *processing,
            Fact::DestinationRemoved { name } => {
                self.destinations.remove(name);
            }
            Fact::SourceSet { .. } | Fact::DestinationSet { .. } | Fact::AccessChanged { .. } => {}
            Fact::LoadShed { .. } | Fact::EncoderChanged { .. } | Fact::SegmentMended { .. } => {}
            Fact::Undone { seq } => self.take_back(*seq),
            Fact::DestinationChanged { name, state, .. } => {
                if self.destinations.len() < MAX_DESTINATIONS || self.destinations.contains_key(name) {
                    self.destinations.insert(name.clone(), state.clone());
                }
            }
            Fact::RecordingChanged { .. } => {}
            Fact::SessionEnded {} => {
                self.ended = true;
                self.clock.millis = self.clock.millis_at(now);
                self.clock.since = now;
                self.clock.running = false;
            }
        }
    }

    /// A new run of the studio: no phone is connected to it yet.
    fn open_era(&mut self, era: tl_base::EraId) {
        self.era = era;
        for camera in self.cameras.values_mut().filter(|camera| camera.state != SourceState::Empty) {
            camera.state = SourceState::Lost;
        }
    }

    fn set_slate(&mut self, on: bool) {
        if on && !self.program.slate {
            self.behind_slate = self.program.live.take();
        } else if !on && self.program.slate {
            // A camera that went away meanwhile would be a frozen picture; the studio finds another one.
            self.program.live = self.behind_slate.take().filter(|slot| self.camera(*slot).usable());
        }
        self.program.slate = on;
    }

    /// A change that can be taken back. One that changes nothing is not remembered, so that the facts that follow an
    /// [`Fact::Undone`] leave no trace of their own.
    fn change(&mut self, fact: &Fact, seq: u64) {
        let before = match fact {
            Fact::TeamSet { side, .. } => Fact::TeamSet { side: *side, team: self.team(*side).clone() },
            Fact::ClockSet { .. } => Fact::ClockSet { clock: self.clock },
            Fact::GraphicSet { graphic, .. } => Fact::GraphicSet { graphic: *graphic, state: self.graphic(*graphic) },
            _ => return,
        };
        if before == *fact {
            return;
        }
        if self.changes.len() == UNDO_DEPTH {
            self.changes.pop_front();
        }
        self.changes.push_back(Change { seq, before });
        self.set(fact);
    }

    /// Restores by itself what the following facts say again, so that a log torn between them is still right.
    fn take_back(&mut self, seq: u64) {
        let Some(at) = self.changes.iter().rposition(|change| change.seq == seq) else { return };
        if let Some(change) = self.changes.remove(at) {
            self.set(&change.before);
        }
    }

    fn set(&mut self, fact: &Fact) {
        match fact {
            Fact::TeamSet { side: Side::Home, team } => self.home = team.clone(),
            Fact::TeamSet { side: Side::Away, team } => self.away = team.clone(),
            Fact::ClockSet { clock } => self.clock = *clock,
            Fact::GraphicSet { graphic, state } => {
                self.graphics.insert(*graphic, state.clone());
            }
            _ => {}
        }
    }
}

/// Whether a slot can exist; a log that says otherwise must not grow the state.
fn known(slot: SlotId) -> bool {
    (1..=SlotId::MAX).contains(&slot.0)
}
