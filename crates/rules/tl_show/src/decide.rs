//! What a request leads to, or why not.

use tl_base::{MediaTime, SlotId};

use crate::{Action, Fact, Fader, Graphic, Layout, MatchClock, Show, Side, SoundChoice, SoundProcessing, SourceState, Team, TransitionKind};

/// Longest name of a team or camera, characters.
pub const MAX_NAME_CHARS: usize = 40;
/// Longest short name of a team, characters.
pub const MAX_SHORT_CHARS: usize = 5;
/// Longest line of a graphic, characters.
pub const MAX_LINE_CHARS: usize = 80;
/// Highest score of a side.
pub const MAX_SCORE: u32 = 999;
/// Latest time that the match clock can show, milliseconds.
pub const MAX_CLOCK_MS: u32 = 35_999_999;
/// Shortest and longest transition, milliseconds.
pub const TRANSITION_MS: std::ops::RangeInclusive<u32> = 40..=5_000;
/// Largest delay of a fader, milliseconds.
pub const MAX_DELAY_MS: u16 = 500;
/// How far a source's capture times may be trimmed, milliseconds.
pub const TRIM_MS: std::ops::RangeInclusive<i32> = -500..=2_000;
/// Last turn when time is short.
pub const MAX_PRIORITY: u8 = 9;
/// How much louder than everything else the commentator may be, LU.
pub const DUCKING_DB: std::ops::RangeInclusive<f32> = 6.0..=20.0;
/// Positions that a camera may have; the empty one is none.
pub const POSITIONS: [&str; 6] = ["center_ice", "corner_cam_1", "corner_cam_2", "goal_line_1", "goal_line_2", "bench_side"];

/// Whether the request itself is wrong, or only the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Out of range or not understood: it would be refused at any time.
    Invalid,
    /// The state of the show does not allow it now.
    Conflict,
}

/// Why a request leads to nothing: what is wrong and what to do, one sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which of the two.
    pub kind: RefusalKind,
    /// The sentence.
    pub message: String,
}

type Facts = Result<Vec<Fact>, Refusal>;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, message: message.into() }
}

fn conflict(message: impl Into<String>) -> Refusal {
    Refusal { kind: RefusalKind::Conflict, message: message.into() }
}

impl Show {
    /// The facts that `action` by `actor` leads to at `now`; none when it is already so. The state is left as it is: the
    /// caller logs the facts and applies each. Destinations and the end of the session are checked here, but their facts
    /// come from the studio once they have happened.
    pub fn decide(&self, action: &Action, actor: &str, now: MediaTime) -> Facts {
        if self.ended {
            return Err(conflict("The session has ended; start a new one."));
        }
        match action {
            Action::Cut { slot } => {
                self.on_air_able(*slot)?;
                Ok(self.go_to(*slot, TransitionKind::Cut, 0, actor))
            }
            Action::Preview { slot } => {
                self.on_air_able(*slot)?;
                Ok(changed(self.program.next != Some(*slot), Fact::NextChosen { slot: Some(*slot) }))
            }
            Action::Take {} => self.take_next(TransitionKind::Cut, 0, actor),
            Action::Mix { kind, duration_ms } => {
                let (kind, duration_ms) = (kind.unwrap_or(self.program.transition), duration_ms.unwrap_or(self.program.transition_ms));
                check_transition(duration_ms)?;
                self.take_next(kind, if kind == TransitionKind::Cut { 0 } else { duration_ms }, actor)
            }
            Action::SetTransition { kind, duration_ms } => {
                check_transition(*duration_ms)?;
                let same = (self.program.transition, self.program.transition_ms) == (*kind, *duration_ms);
                Ok(changed(!same, Fact::TransitionSet { kind: *kind, duration_ms: *duration_ms }))
            }
            Action::SetLayout { layout } => self.set_layout(*layout),
            Action::Slate { on } => Ok(changed(self.program.slate != *on, Fact::SlateSet { on: *on })),
            Action::SetTeam { side, name, short, colour } => self.set_team(*side, name, short, colour),
            Action::AddScore { side, points } => {
                let score = i64::from(self.team(*side).score) + i64::from(*points);
                self.set_score(*side, u32::try_from(score).map_err(|_| score_range())?)
            }
            Action::SetScore { side, points } => self.set_score(*side, *points),
            Action::StartClock {} => self.start_clock(now),
            Action::StopClock {} => {
                Ok(self.set_clock(MatchClock { millis: self.clock.millis_at(now), since: now, running: false, ..self.clock }, self.clock.running))
            }
            Action::SetClock { millis } => {
                if *millis > MAX_CLOCK_MS {
                    return Err(invalid("The clock goes up to 9:59:59; give at most 35,999,999 ms."));
                }
                let same = self.clock.millis_at(now) == *millis && !self.clock.running;
                Ok(self.set_clock(MatchClock { millis: *millis, since: now, ..self.clock }, !same))
            }
            Action::SetPeriod { period } => {
                if !(1..=99).contains(period) {
                    return Err(invalid("Periods count from 1 to 99."));
                }
                Ok(self.set_clock(MatchClock { period: *period, ..self.clock }, self.clock.period != *period))
            }
            Action::Graphic { graphic, on, title, subtitle } => self.set_graphic(*graphic, *on, title.as_deref(), subtitle.as_deref()),
            Action::SetSound { sound } => {
                if let SoundChoice::Fixed { slot } = sound {
                    self.joined(*slot)?;
                }
                Ok(changed(self.sound != *sound, Fact::SoundSet { sound: *sound }))
            }
            Action::SetFader { slot, gain_db, muted, delay_ms } => self.set_fader(*slot, Fader { gain_db: *gain_db, muted: *muted, delay_ms: *delay_ms }),
            Action::NameCamera { slot, name, position } => self.name_camera(*slot, name, position),
            Action::SetTrim { slot, trim_ms } => {
                self.exists(*slot)?;
                if !TRIM_MS.contains(trim_ms) {
                    return Err(invalid("A source is trimmed by -500 to 2,000 ms."));
                }
                Ok(changed(self.trim_ms(*slot) != *trim_ms, Fact::TrimSet { slot: *slot, trim_ms: *trim_ms }))
            }
            Action::SyncSources { reference, .. } => {
                if let Some(slot) = reference {
                    self.joined(*slot)?;
                }
                Ok(Vec::new())
            }
            Action::SetPriority { slot, priority } => {
                self.exists(*slot)?;
                if *priority > MAX_PRIORITY {
                    return Err(invalid("Priorities go from 0, first, to 9, last."));
                }
                Ok(changed(self.priority(*slot) != *priority, Fact::PrioritySet { slot: *slot, priority: *priority }))
            }
            Action::SetSoundProcessing { ducking_db, riding } => {
                if !DUCKING_DB.contains(ducking_db) {
                    return Err(invalid("The commentator may be 6 to 20 LU louder than everything else."));
                }
                let processing = SoundProcessing { ducking_db: *ducking_db, riding: *riding };
                Ok(changed(self.processing != processing, Fact::SoundProcessingSet { processing }))
            }
            Action::Talk { to, .. } => to.map_or(Ok(()), |slot| self.joined_source(slot)).map(|()| Vec::new()),
            Action::SendText { to, text } => {
                to.map_or(Ok(()), |slot| self.joined_source(slot))?;
                check_line("A text", text, MAX_LINE_CHARS)?;
                if text.trim().is_empty() { Err(invalid("Say what the phone should show.")) } else { Ok(Vec::new()) }
            }
            Action::Disconnect { slot } => self.joined_source(*slot).map(|()| Vec::new()),
            Action::AdmitPhone { request, slot } => {
                self.exists(*slot)?;
                check_id("The request", request).map(|()| Vec::new())
            }
            Action::RefusePhone { request } => check_id("The request", request).map(|()| Vec::new()),
            Action::RevokeAccess { label } => check_id("The label", label).map(|()| Vec::new()),
            Action::RenewCrewCode {} => Ok(Vec::new()),
            Action::VerifyRecording { id } | Action::RepairRecording { id } | Action::DeleteRecording { id } => {
                check_id("The recording", id).map(|()| Vec::new())
            }
            Action::Undo {} => self.undo(),
            Action::Destination { name, .. } => {
                check_line("The destination's name", name, MAX_LINE_CHARS)?;
                if name.trim().is_empty() { Err(invalid("Say which destination is meant.")) } else { Ok(Vec::new()) }
            }
            Action::EndSession {} => Ok(Vec::new()),
        }
    }

    /// Whether a slot exists.
    fn exists(&self, slot: SlotId) -> Result<(), Refusal> {
        if (1..=SlotId::MAX).contains(&slot.0) { Ok(()) } else { Err(invalid(format!("There is no camera {slot}: slots count from 1 to {}.", SlotId::MAX))) }
    }

    /// As [`Show::joined`], for microphones too, whose coming and going is no fact.
    fn joined_source(&self, slot: SlotId) -> Result<(), Refusal> {
        if slot.is_source() && !slot.is_camera() { Ok(()) } else { self.joined(slot) }
    }

    /// Whether someone has joined in a slot.
    fn joined(&self, slot: SlotId) -> Result<(), Refusal> {
        self.exists(slot)?;
        if self.source_state(slot) == SourceState::Empty {
            return Err(conflict(format!("{} has no phone yet: let one join with its code.", self.call(slot))));
        }
        Ok(())
    }

    /// Whether a camera's picture may go on air.
    fn on_air_able(&self, slot: SlotId) -> Result<(), Refusal> {
        self.joined(slot)?;
        match self.source_state(slot) {
            SourceState::Joining => Err(conflict(format!("{} is still joining: wait until it is live.", self.call(slot)))),
            SourceState::Lost => Err(conflict(format!("{} is lost: choose another until it is back.", self.call(slot)))),
            _ => Ok(()),
        }
    }

    fn go_to(&self, slot: SlotId, transition: TransitionKind, duration_ms: u32, actor: &str) -> Vec<Fact> {
        let cut = Fact::CutMade { from: self.program.live, to: Some(slot), transition, duration_ms, by: actor.to_owned(), reason: String::new() };
        changed(self.program.live != Some(slot), cut)
    }

    /// Next goes live and live becomes next, so that a second take goes back.
    fn take_next(&self, transition: TransitionKind, duration_ms: u32, actor: &str) -> Facts {
        let Some(next) = self.program.next else { return Err(conflict("No camera is next: choose one first.")) };
        self.on_air_able(next)?;
        let mut facts = self.go_to(next, transition, duration_ms, actor);
        if !facts.is_empty() && self.program.live.is_some() {
            facts.push(Fact::NextChosen { slot: self.program.live });
        }
        Ok(facts)
    }

    fn set_layout(&self, layout: Layout) -> Facts {
        if let Layout::PictureInPicture { inset: other } | Layout::SideBySide { right: other } = layout {
            self.on_air_able(other)?;
            if self.program.live == Some(other) {
                return Err(conflict(format!("{} is already the main picture: choose another beside it.", self.call(other))));
            }
        }
        Ok(changed(self.program.layout != layout, Fact::LayoutSet { layout }))
    }

    fn set_team(&self, side: Side, name: &str, short: &str, colour: &str) -> Facts {
        let (name, short) = (name.trim(), short.trim());
        check_line("A team's name", name, MAX_NAME_CHARS)?;
        check_line("A team's short name", short, MAX_SHORT_CHARS)?;
        if name.is_empty() || short.is_empty() {
            return Err(invalid("A team needs a name and a short name."));
        }
        let hex = colour.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if hex.is_none() {
            return Err(invalid("A colour is written #rrggbb, for example #1f4e9e."));
        }
        let team = Team { name: name.to_owned(), short: short.to_owned(), colour: colour.to_ascii_lowercase(), score: self.team(side).score };
        Ok(changed(*self.team(side) != team, Fact::TeamSet { side, team }))
    }

    fn set_score(&self, side: Side, score: u32) -> Facts {
        if score > MAX_SCORE {
            return Err(score_range());
        }
        let team = Team { score, ..self.team(side).clone() };
        Ok(changed(self.team(side).score != score, Fact::TeamSet { side, team }))
    }

    fn start_clock(&self, now: MediaTime) -> Facts {
        if self.clock.running {
            return Ok(Vec::new());
        }
        let end = if self.clock.down { 0 } else { MAX_CLOCK_MS };
        if self.clock.millis == end {
            return Err(conflict("The clock has run out: set it first."));
        }
        Ok(self.set_clock(MatchClock { since: now, running: true, ..self.clock }, true))
    }

    fn set_clock(&self, clock: MatchClock, really: bool) -> Vec<Fact> {
        changed(really, Fact::ClockSet { clock })
    }

    fn set_graphic(&self, graphic: Graphic, on: bool, title: Option<&str>, subtitle: Option<&str>) -> Facts {
        let before = self.graphic(graphic);
        let mut state = before.clone();
        for (line, word) in [(&mut state.title, title), (&mut state.subtitle, subtitle)] {
            if let Some(text) = word {
                check_line("A line of a graphic", text, MAX_LINE_CHARS)?;
                line.replace_range(.., text.trim());
            }
        }
        if on && graphic == Graphic::LowerThird && state.title.is_empty() {
            return Err(invalid("The lower third needs a first line."));
        }
        state.on = on;
        Ok(changed(state != before, Fact::GraphicSet { graphic, state }))
    }

    fn set_fader(&self, slot: SlotId, fader: Fader) -> Facts {
        if !slot.is_source() {
            self.exists(slot)?;
        }
        if !(-60.0..=12.0).contains(&fader.gain_db) {
            return Err(invalid("A fader goes from -60 to +12 dB."));
        }
        if fader.delay_ms > MAX_DELAY_MS {
            return Err(invalid("Sound can be delayed by 0 to 500 ms."));
        }
        Ok(changed(self.fader(slot) != fader, Fact::FaderSet { slot, fader }))
    }

    fn name_camera(&self, slot: SlotId, name: &str, position: &str) -> Facts {
        self.exists(slot)?;
        let name = name.trim();
        check_line("A camera's name", name, MAX_NAME_CHARS)?;
        if !position.is_empty() && !POSITIONS.contains(&position) {
            return Err(invalid(format!("A position is empty or one of {}.", POSITIONS.join(", "))));
        }
        let camera = self.camera(slot);
        let same = camera.name == name && camera.position == position;
        Ok(changed(!same, Fact::CameraNamed { slot, name: name.to_owned(), position: position.to_owned() }))
    }

    fn undo(&self) -> Facts {
        let Some(change) = self.changes.back() else { return Err(conflict("There is nothing to undo.")) };
        Ok(vec![Fact::Undone { seq: change.seq }, change.before.clone()])
    }
}

/// One fact, or none when it would change nothing.
fn changed(really: bool, fact: Fact) -> Vec<Fact> {
    if really { vec![fact] } else { Vec::new() }
}

fn score_range() -> Refusal {
    invalid("A score stays between 0 and 999.")
}

fn check_transition(duration_ms: u32) -> Result<(), Refusal> {
    if TRANSITION_MS.contains(&duration_ms) { Ok(()) } else { Err(invalid("A transition takes 40 to 5,000 ms.")) }
}

/// An id or label that somebody was given.
fn check_id(what: &str, id: &str) -> Result<(), Refusal> {
    check_line(what, id, MAX_LINE_CHARS)?;
    if id.trim().is_empty() { Err(invalid(format!("{what} is not named."))) } else { Ok(()) }
}

/// One line of plain text. Control and direction marks would break the graphic or hide what it says.
fn check_line(what: &str, text: &str, max_chars: usize) -> Result<(), Refusal> {
    if text.chars().count() > max_chars {
        return Err(invalid(format!("{what} has at most {max_chars} characters.")));
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(invalid(format!("{what} is one line of plain text.")));
    }
    Ok(())
}
