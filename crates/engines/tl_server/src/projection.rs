//! What each role may see, decided before anything is serialised.

use tl_base::SlotId;
use tl_wire::{Encoder, Event, Fact, Health, Load, Meter, Recording, Role, Snapshot};

use crate::Actor;

/// The snapshot as this person may see it. Owner: all. Director: all, without this machine's folders. Camera: score,
/// clock, programme and its own camera. Commentator: the same with their own microphone. Viewer: score, clock, and what is on
/// air.
pub fn project_snapshot(snapshot: &Snapshot, actor: &Actor) -> Snapshot {
    let mut seen = snapshot.clone();
    match actor.role {
        Role::Owner => {}
        Role::Director => seen.recordings.iter_mut().for_each(hide_folders),
        Role::Camera => {
            hide_the_studio(&mut seen);
            seen.cameras.retain(|camera| Some(camera.slot) == actor.slot);
        }
        Role::Commentator => {
            hide_the_studio(&mut seen);
            seen.cameras.clear();
            seen.microphones = snapshot.microphones.iter().filter(|microphone| microphone.slot == SlotId::COMMENTARY).cloned().collect();
        }
        Role::Viewer => {
            hide_the_studio(&mut seen);
            seen.cameras.clear();
            seen.program.next = None;
        }
    }
    seen
}

/// The event as this person may see it; none when it is not for them.
pub fn project_event(event: &Event, actor: &Actor) -> Option<Event> {
    match actor.role {
        Role::Owner | Role::Director => return Some(event.clone()),
        Role::Camera | Role::Commentator | Role::Viewer => {}
    }
    let seen = is_for_all(&event.fact)
        || (matches!(event.fact, Fact::NextChosen { .. }) && actor.role != Role::Viewer)
        || own_slot(&event.fact).is_some_and(|slot| slot_of(actor) == Some(slot));
    seen.then(|| Event { actor: String::new(), command_id: None, fact: without_persons(&event.fact), ..event.clone() })
}

/// The one source that somebody with this token may send.
pub(crate) fn slot_of(actor: &Actor) -> Option<SlotId> {
    match actor.role {
        Role::Camera => actor.slot,
        Role::Commentator => Some(SlotId::COMMENTARY),
        Role::Owner | Role::Director | Role::Viewer => None,
    }
}

/// Whose camera or microphone an event is about, where its sender may know.
pub(crate) fn own_slot(fact: &Fact) -> Option<SlotId> {
    match fact {
        Fact::SourceChanged { slot, .. } | Fact::CameraNamed { slot, .. } | Fact::FaderSet { slot, .. } | Fact::TrimSet { slot, .. } => Some(*slot),
        _ => None,
    }
}

/// Every kind of event stands here, so that a new one must be thought about.
fn is_for_all(fact: &Fact) -> bool {
    match fact {
        Fact::CutMade { .. } | Fact::LayoutSet { .. } | Fact::SlateSet { .. } | Fact::TeamSet { .. } | Fact::ClockSet { .. } => true,
        Fact::GraphicSet { .. } | Fact::EraOpened { .. } | Fact::SessionEnded {} => true,
        Fact::NextChosen { .. } | Fact::SourceChanged { .. } | Fact::CameraNamed { .. } | Fact::FaderSet { .. } | Fact::TrimSet { .. } => false,
        Fact::TransitionSet { .. } | Fact::SoundSet { .. } | Fact::Undone { .. } | Fact::DestinationChanged { .. } | Fact::RecordingChanged { .. } => false,
        Fact::PrioritySet { .. } | Fact::SoundProcessingSet { .. } | Fact::SourceSet { .. } | Fact::DestinationSet { .. } => false,
        Fact::DestinationRemoved { .. } | Fact::AccessChanged { .. } | Fact::LoadShed { .. } | Fact::EncoderChanged { .. } => false,
        Fact::SegmentMended { .. } => false,
    }
}

/// A recording without the folders of this machine: its path becomes the name to fetch it by.
pub(crate) fn hide_folders(recording: &mut Recording) {
    let name = |path: &mut String| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        *path = name;
    };
    recording.path.iter_mut().for_each(name);
    recording.parts.iter_mut().for_each(name);
}

fn hide_the_studio(seen: &mut Snapshot) {
    seen.outputs.clear();
    seen.joins.clear();
    seen.microphones.clear();
    seen.load = Load::default();
    seen.recordings.clear();
    seen.warnings.clear();
    seen.health = Health::default();
    seen.meter = Meter::default();
    seen.output.encoder = Encoder::default();
    seen.output.gpu = None;
    seen.output.render_ms = None;
    seen.viewers = 0;
    seen.viewers_whep = 0;
}

fn without_persons(fact: &Fact) -> Fact {
    match fact.clone() {
        Fact::CutMade { from, to, transition, duration_ms, .. } => {
            Fact::CutMade { from, to, transition, duration_ms, by: String::new(), reason: String::new() }
        }
        other => other,
    }
}
