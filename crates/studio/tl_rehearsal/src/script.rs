//! The script that directs a rehearsal: cuts every five to eight seconds, now and then a transition, goals, the clock and a name
//! at the bottom, all through the same API that a person's page uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tl_base::{Protocol, Secret, SlotId, Wall};
use tl_show::{Action, Graphic, Side, SyncKind, TransitionKind};

use crate::Seed;
use crate::signalling::{Door, Refusal};

/// The script looks at its stop flag at least this often.
const STEP: Duration = Duration::from_millis(50);

/// A clap must have been heard by every camera before clocks are set by it: one comes every five seconds.
const FIRST_SYNC: Duration = Duration::from_secs(6);
/// What was not clear is tried again after this long, with another clap.
const SYNC_AGAIN: Duration = Duration::from_millis(2_500);

/// What the script did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Changes of camera that the studio took.
    pub(crate) cuts: u64,
    /// Commands that it refused.
    pub(crate) refused: u64,
    /// Commands that it could not be asked.
    pub(crate) unreachable: u64,
    /// Whether all clocks that need it were set; none where none does.
    pub(crate) synced: Option<bool>,
}

/// Whether a director has to set this source's clock by a clap: it has sound, and no clock that the studio can ask or be told.
pub(crate) fn needs_sync(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Srt | Protocol::Rtmp)
}

/// The director's way to set the clocks: have everybody hear a clap, say so, and look whether it took.
pub(crate) struct Claps {
    needy: Vec<SlotId>,
    next: Duration,
    tries: u32,
    done: bool,
}

impl Claps {
    pub(crate) fn new(needy: Vec<SlotId>) -> Self {
        Self { done: needy.is_empty(), needy, next: FIRST_SYNC, tries: 0 }
    }

    fn outcome(&self) -> Option<bool> {
        (!self.needy.is_empty()).then_some(self.done)
    }

    fn step(&mut self, elapsed: Duration, run: i64, door: &Door, token: &Secret) {
        if self.done || elapsed < self.next {
            return;
        }
        self.next = elapsed + SYNC_AGAIN;
        let id = format!("sync-{run:x}-{}", self.tries);
        self.tries += 1;
        // A camera without sound makes the studio say no although the others' clocks are set: what it shows is what counts.
        if let Err(refusal) = door.command(token, &id, &Action::SyncSources { by: SyncKind::Clap, reference: None }) {
            tracing::debug!(%refusal, "not every clock was set");
        }
        match door.snapshot(token) {
            Ok(snapshot) => self.done = self.needy.iter().all(|slot| is_trimmed(&snapshot, *slot)),
            Err(refusal) => tracing::debug!(%refusal, "the studio shows nothing"),
        }
        if self.done {
            tracing::info!(tries = self.tries, "clocks are set by a clap");
        }
    }
}

fn is_trimmed(snapshot: &Value, slot: SlotId) -> bool {
    let cameras = snapshot.get("cameras").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_slot = |camera: &&Value| camera.get("slot").and_then(Value::as_u64) == Some(u64::from(slot.0));
    cameras.iter().find(of_slot).and_then(|camera| camera.get("trimmed")?.as_bool()).unwrap_or(false)
}

/// One line of the script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cue {
    /// Since the start.
    pub(crate) at: Duration,
    pub(crate) actions: Vec<Action>,
}

/// The endless script of a seed.
pub(crate) struct Script {
    chance: Seed,
    slots: Vec<SlotId>,
    on_air: Option<SlotId>,
    at: f64,
    count: u64,
}

impl Script {
    pub(crate) fn new(seed: u64, slots: &[SlotId]) -> Self {
        Self { chance: Seed::new(seed).child("script"), slots: slots.to_vec(), on_air: None, at: 0.0, count: 0 }
    }

    fn other_slot(&mut self) -> Option<SlotId> {
        let on_air = self.on_air;
        let others: Vec<SlotId> = self.slots.iter().copied().filter(|slot| Some(*slot) != on_air).collect();
        let chosen = others.get(self.chance.below(others.len())).copied().or_else(|| self.slots.first().copied());
        self.on_air = chosen;
        chosen
    }

    fn opening(&mut self) -> Vec<Action> {
        let team = |side, name: &str, short: &str, colour: &str| Action::SetTeam { side, name: name.into(), short: short.into(), colour: colour.into() };
        let show = |graphic| Action::Graphic { graphic, on: true, title: None, subtitle: None };
        let mut actions = vec![
            team(Side::Home, "Riverside Lions", "LIO", "#eea81a"),
            team(Side::Away, "Harbour Bears", "BEA", "#1f55b5"),
            Action::SetScore { side: Side::Home, points: 2 },
            Action::SetScore { side: Side::Away, points: 1 },
            Action::SetPeriod { period: 2 },
            show(Graphic::ScoreBug),
            show(Graphic::Clock),
            Action::StartClock {},
        ];
        actions.extend(self.other_slot().map(|slot| Action::Cut { slot }));
        actions
    }

    fn change(&mut self) -> Vec<Action> {
        let Some(slot) = self.other_slot() else { return Vec::new() };
        match self.count % 5 {
            2 => {
                let kind = [TransitionKind::Dissolve, TransitionKind::Wipe, TransitionKind::Dip].get(self.chance.below(3)).copied().unwrap_or_default();
                vec![Action::Preview { slot }, Action::Mix { kind: Some(kind), duration_ms: Some(500) }]
            }
            4 => vec![Action::Preview { slot }, Action::Take {}],
            _ => vec![Action::Cut { slot }],
        }
    }

    fn colour_of_the_game(&mut self) -> Vec<Action> {
        let words = |on: bool, title: &str, subtitle: &str| Action::Graphic {
            graphic: Graphic::LowerThird,
            on,
            title: Some(title.into()),
            subtitle: Some(subtitle.into()),
        };
        match self.count % 8 {
            1 => vec![words(true, "Riverside Lions v Harbour Bears", "Club league, round 7")],
            2 => vec![words(false, "", "")],
            4 => vec![Action::AddScore { side: if self.chance.chance(0.5) { Side::Home } else { Side::Away }, points: 1 }],
            5 => vec![words(true, "Goal", "Assisted from behind the net")],
            6 => vec![words(false, "", "")],
            _ => Vec::new(),
        }
    }
}

impl Iterator for Script {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        let at = Duration::from_secs_f64(self.at);
        let actions = if self.count == 0 {
            self.opening()
        } else {
            let mut actions = self.change();
            actions.extend(self.colour_of_the_game());
            actions
        };
        self.count += 1;
        self.at += self.chance.range(5.0, 8.0);
        Some(Cue { at, actions })
    }
}

/// Plays the script until told to stop. Each command goes out under an id of its own, so that a repeated one acts once.
pub(crate) fn play(script: Script, mut sync: Claps, door: &Door, token: &Secret, stop: &Arc<AtomicBool>) -> Done {
    let start = Instant::now();
    let run = Wall::now().0;
    let mut done = Done::default();
    for (line, cue) in script.enumerate() {
        while start.elapsed() < cue.at {
            if stop.load(Ordering::Relaxed) {
                return Done { synced: sync.outcome(), ..done };
            }
            sync.step(start.elapsed(), run, door, token);
            std::thread::sleep(STEP.min(cue.at.saturating_sub(start.elapsed())));
        }
        for (number, action) in cue.actions.iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Done { synced: sync.outcome(), ..done };
            }
            match door.command(token, &format!("script-{run:x}-{line}-{number}"), action) {
                Ok(_) => done.cuts += u64::from(matches!(action, Action::Cut { .. } | Action::Mix { .. } | Action::Take {})),
                Err(Refusal::Unreachable(why)) => {
                    done.unreachable += 1;
                    tracing::debug!(why, "the studio does not hear the script");
                }
                Err(refusal) => {
                    done.refused += 1;
                    tracing::debug!(%refusal, ?action, "the studio refused the script");
                }
            }
        }
    }
    Done { synced: sync.outcome(), ..done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_cuts_every_five_to_eight_seconds_and_never_to_the_same_camera() {
        let slots = [SlotId(1), SlotId(2), SlotId(3)];
        let cues: Vec<Cue> = Script::new(3, &slots).take(60).collect();
        assert_eq!(cues, Script::new(3, &slots).take(60).collect::<Vec<_>>());
        for pair in cues.windows(2) {
            let gap = (pair[1].at - pair[0].at).as_secs_f64();
            assert!((5.0..=8.0).contains(&gap), "{gap}");
        }
        let targets: Vec<SlotId> = cues
            .iter()
            .flat_map(|cue| &cue.actions)
            .filter_map(|action| match action {
                Action::Cut { slot } | Action::Preview { slot } => Some(*slot),
                _ => None,
            })
            .collect();
        assert_eq!(targets.len(), 60);
        assert!(targets.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn clocks_that_cannot_be_asked_are_set_and_looked_at() {
        let needy: Vec<Protocol> = Protocol::ALL.into_iter().filter(|protocol| needs_sync(*protocol)).collect();
        assert_eq!(needy, [Protocol::Srt, Protocol::Rtmp]);
        let snapshot = serde_json::json!({"cameras": [{"slot": 1, "trimmed": false}, {"slot": 2, "trimmed": true}]});
        assert_eq!([1, 2, 3].map(|slot| is_trimmed(&snapshot, SlotId(slot))), [false, true, false]);
        assert_eq!((Claps::new(Vec::new()).outcome(), Claps::new(vec![SlotId(1)]).outcome()), (None, Some(false)));
    }

    #[test]
    fn one_camera_or_none_is_no_trouble() {
        assert!(
            Script::new(1, &[SlotId(4)])
                .take(5)
                .all(|cue| cue.actions.iter().any(|action| matches!(action, Action::Cut { slot } | Action::Preview { slot } if *slot == SlotId(4))))
        );
        assert_eq!(Script::new(1, &[]).take(5).count(), 5);
    }
}
