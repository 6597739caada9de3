//! The show as a state machine: sources, preview and programme, score, clock, graphics and sound. Glossary below.
//!
//! | word | means |
//! |---|---|
//! | source | what gives pictures and sound: today a camera in a slot |
//! | feed | one encoded stream of a source |
//! | preview, next | what a take would put on air |
//! | program, live | what viewers get |
//! | cut | one picture follows another at once |
//! | overlay, graphic | score bug, clock, lower third |
//! | slate | the picture shown when there is no other |
//! | viewer | who watches the programme |
//!
//! This room refuses to know time by itself: `now` comes in.
//!
//! Invariant: a [`Show`] is the fold of its facts; nothing else changes it.

mod action;
mod fact;
mod model;

pub use action::Action;
pub use fact::Fact;
pub use model::{Fader, Graphic, GraphicState, Layout, MatchClock, Program, Side, SoundChoice, SourceState, Team, TransitionKind};
