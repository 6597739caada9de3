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
//!
//! ```
//! use tl_base::MediaTime;
//! use tl_show::{Action, Show, Side};
//! let mut show = Show::new();
//! let facts = show.decide(&Action::AddScore { side: Side::Home, points: 1 }, "scorer", MediaTime::ZERO)?;
//! for (fact, seq) in facts.iter().zip(1..) {
//!     show.apply(fact, seq, MediaTime::ZERO);
//! }
//! assert_eq!(show.team(Side::Home).score, 1);
//! # Ok::<(), tl_show::Refusal>(())
//! ```

mod action;
mod decide;
mod fact;
mod fold;
mod model;
mod show;

pub use action::Action;
pub use decide::{
    DUCKING_DB, MAX_CLOCK_MS, MAX_DELAY_MS, MAX_LINE_CHARS, MAX_NAME_CHARS, MAX_PRIORITY, MAX_SCORE, MAX_SHORT_CHARS, POSITIONS, Refusal, RefusalKind,
    TRANSITION_MS, TRIM_MS,
};
pub use fact::Fact;
pub use model::{
    AccessChange, Fader, Graphic, GraphicState, Layout, MatchClock, Program, Side, SoundChoice, SoundProcessing, SourceState, SyncKind, Team, TransitionKind,
};
pub use show::{Camera, Show};
