//! The state itself and how it is read.

use std::collections::{BTreeMap, VecDeque};

use tl_base::{EraId, MediaTime, SlotId};

use crate::{Fact, Fader, Graphic, GraphicState, Layout, MatchClock, Program, Side, SoundChoice, SoundProcessing, SourceState, Team, TransitionKind};

/// Changes that can be taken back; the oldest leaves when there are more.
pub(crate) const UNDO_DEPTH: usize = 100;

/// A camera as the show knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Camera {
    /// Its name; empty until someone names it.
    pub name: String,
    /// Its position of the sport, or empty.
    pub position: String,
    /// Life of its source.
    pub state: SourceState,
}

impl Default for Camera {
    fn default() -> Self {
        Self { name: String::new(), position: String::new(), state: SourceState::Empty }
    }
}

impl Camera {
    /// Whether its picture may go on air.
    pub fn usable(&self) -> bool {
        matches!(self.state, SourceState::Live | SourceState::Stale | SourceState::Returning)
    }
}

/// One change that can be taken back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// Sequence number of the event that made it.
    pub(crate) seq: u64,
    /// The fact that restores what was before it.
    pub(crate) before: Fact,
}

/// The whole show. [`Show::apply`] is the one way to change it, [`Show::decide`] says what a request would lead to.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    pub(crate) era: EraId,
    pub(crate) program: Program,
    /// What was live when the slate was called, to return to.
    pub(crate) behind_slate: Option<SlotId>,
    pub(crate) home: Team,
    pub(crate) away: Team,
    pub(crate) clock: MatchClock,
    pub(crate) graphics: BTreeMap<Graphic, GraphicState>,
    pub(crate) sound: SoundChoice,
    pub(crate) faders: BTreeMap<SlotId, Fader>,
    pub(crate) processing: SoundProcessing,
    pub(crate) trims_ms: BTreeMap<SlotId, i32>,
    pub(crate) priorities: BTreeMap<SlotId, u8>,
    pub(crate) cameras: BTreeMap<SlotId, Camera>,
    pub(crate) destinations: BTreeMap<String, String>,
    pub(crate) changes: VecDeque<Change>,
    pub(crate) seq: u64,
    pub(crate) ended: bool,
}

impl Default for Show {
    fn default() -> Self {
        Self::new()
    }
}

impl Show {
    /// A show before its first fact: no camera, 0:0, twenty minutes on a stopped clock that counts down, no graphic on air.
    pub fn new() -> Self {
        let team = |name: &str, short: &str, colour: &str| Team { name: name.into(), short: short.into(), colour: colour.into(), score: 0 };
        Self {
            era: EraId(0),
            program: Program { live: None, next: None, slate: false, layout: Layout::Full, transition: TransitionKind::Dissolve, transition_ms: 500 },
            behind_slate: None,
            home: team("Home", "HOME", "#1f4e9e"),
            away: team("Away", "AWAY", "#5b6470"),
            clock: MatchClock { millis: 20 * 60 * 1_000, since: MediaTime::ZERO, running: false, down: true, period: 1 },
            graphics: [Graphic::ScoreBug, Graphic::Clock, Graphic::LowerThird].map(|graphic| (graphic, GraphicState::default())).into(),
            sound: SoundChoice::FollowVideo,
            faders: BTreeMap::new(),
            processing: SoundProcessing::default(),
            trims_ms: BTreeMap::new(),
            priorities: BTreeMap::new(),
            cameras: BTreeMap::new(),
            destinations: BTreeMap::new(),
            changes: VecDeque::new(),
            seq: 0,
            ended: false,
        }
    }

    /// The run of the studio that the newest facts belong to; 0 before the first.
    pub fn era(&self) -> EraId {
        self.era
    }

    /// Sequence number of the newest fact applied; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// What is on air and what comes next.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// One team.
    pub fn team(&self, side: Side) -> &Team {
        match side {
            Side::Home => &self.home,
            Side::Away => &self.away,
        }
    }

    /// Home, then away.
    pub fn teams(&self) -> [&Team; 2] {
        [&self.home, &self.away]
    }

    /// The match clock; what it shows at a time is [`MatchClock::millis_at`].
    pub fn clock(&self) -> &MatchClock {
        &self.clock
    }

    /// Every graphic with its words.
    pub fn graphics(&self) -> &BTreeMap<Graphic, GraphicState> {
        &self.graphics
    }

    /// One graphic with its words.
    pub fn graphic(&self, graphic: Graphic) -> GraphicState {
        self.graphics.get(&graphic).cloned().unwrap_or_default()
    }

    /// Which sound the programme carries.
    pub fn sound(&self) -> SoundChoice {
        self.sound
    }

    /// A camera's fader; one that was never moved stands at 0 dB.
    pub fn fader(&self, slot: SlotId) -> Fader {
        self.faders.get(&slot).copied().unwrap_or_default()
    }

    /// How the programme's sound is finished.
    pub fn processing(&self) -> SoundProcessing {
        self.processing
    }

    /// What is taken off a source's capture times, milliseconds.
    pub fn trim_ms(&self, slot: SlotId) -> i32 {
        self.trims_ms.get(&slot).copied().unwrap_or_default()
    }

    /// A source that was trimmed by hand or by a sync.
    pub fn is_trimmed(&self, slot: SlotId) -> bool {
        self.trims_ms.contains_key(&slot)
    }

    /// A source's turn when time is short: 0 is served first. Without a word it goes by its number.
    pub fn priority(&self, slot: SlotId) -> u8 {
        self.priorities.get(&slot).copied().unwrap_or(5)
    }

    /// A camera; one that nobody named and that never joined is the default one.
    pub fn camera(&self, slot: SlotId) -> Camera {
        self.cameras.get(&slot).cloned().unwrap_or_default()
    }

    /// Cameras that were named or have joined, by slot.
    pub fn cameras(&self) -> impl Iterator<Item = (SlotId, &Camera)> {
        self.cameras.iter().map(|(slot, camera)| (*slot, camera))
    }

    /// Life of a source.
    pub fn source_state(&self, slot: SlotId) -> SourceState {
        self.cameras.get(&slot).map_or(SourceState::Empty, |camera| camera.state)
    }

    /// Destinations by name, each with the state it was last reported in.
    pub fn destinations(&self) -> &BTreeMap<String, String> {
        &self.destinations
    }

    /// Whether the session has ended.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// How a person calls a camera: its name, else its number.
    pub(crate) fn call(&self, slot: SlotId) -> String {
        match self.cameras.get(&slot) {
            Some(camera) if !camera.name.is_empty() => format!("Camera {slot} ({})", camera.name),
            _ => format!("Camera {slot}"),
        }
    }
}
