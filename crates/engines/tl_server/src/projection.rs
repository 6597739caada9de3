//! What each role may see, decided before anything is serialised.

use tl_base::SlotId;
use tl_wire::{Encoder, Event, Fact, Health, Meter, Recording, Role, Snapshot};

use crate::Actor;

/// The snapshot as this person may see it. Owner: all. Director: all, without this machine's folders. Camera: score,
/// clock, programme and its own camera. Viewer: score, clock, and what is on air.
pub fn project_snapshot(snapshot: &Snapshot, actor: &Actor) -> Snapshot {
    let mut seen = snapshot.clone();
    match actor.role {
        Role::Owner => {}
        Role::Director => seen.recordings.iter_mut().for_each(hide_folders),
        Role::Camera => {
            hide_the_studio(&mut seen);
            seen.cameras = snapshot.cameras.iter().filter(|camera| Some(camera.slot) == actor.slot).cloned().collect();
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
    let own = |slot: &SlotId| actor.role == Role::Camera && actor.slot == Some(*slot);
    let seen = match actor.role {
        Role::Owner | Role::Director => return Some(event.clone()),
        Role::Camera | Role::Viewer => match &event.fact {
            Fact::CutMade { .. } | Fact::LayoutSet { .. } | Fact::SlateSet { .. } | Fact::TeamSet { .. } | Fact::ClockSet { .. } => true,
            Fact::GraphicSet { .. } | Fact::EraOpened { .. } | Fact::SessionEnded {} => true,
            Fact::NextChosen { .. } => actor.role == Role::Camera,
            Fact::SourceChanged { slot, .. } | Fact::CameraNamed { slot, .. } | Fact::FaderSet { slot, .. } => own(slot),
            Fact::TransitionSet { .. } | Fact::SoundSet { .. } | Fact::Undone { .. } | Fact::DestinationChanged { .. } | Fact::RecordingChanged { .. } => false,
        },
    };
    seen.then(|| Event { actor: String::new(), command_id: None, fact: without_persons(&event.fact), ..event.clone() })
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
    seen.recordings.clear();
    seen.warnings.clear();
    seen.health = Health::default();
    seen.meter = Meter::default();
    seen.output.encoder = Encoder::default();
    seen.output.gpu = None;
    seen.output.render_ms = None;
    seen.viewers = 0;
}

fn without_persons(fact: &Fact) -> Fact {
    match fact.clone() {
        Fact::CutMade { from, to, transition, duration_ms, .. } => {
            Fact::CutMade { from, to, transition, duration_ms, by: String::new(), reason: String::new() }
        }
        other => other,
    }
}
