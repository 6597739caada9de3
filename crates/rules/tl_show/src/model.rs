//! The nouns of a show.

use serde::{Deserialize, Serialize};
use tl_base::{MediaTime, SlotId};
use ts_rs::TS;

/// Which team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Home, or the fencer on the left.
    Home,
    /// Away, or the fencer on the right.
    Away,
}

/// How one picture follows another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// At once.
    #[default]
    Cut,
    /// One fades into the other.
    Dissolve,
    /// Through black.
    Dip,
    /// A soft edge moves from left to right.
    Wipe,
}

/// How cameras fill the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Layout {
    /// The live camera alone.
    #[default]
    Full,
    /// The live camera with another in a corner.
    PictureInPicture {
        /// The small one.
        inset: SlotId,
    },
    /// The live camera at the left, another at the right.
    SideBySide {
        /// The right one.
        right: SlotId,
    },
}

/// A graphic on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Graphic {
    /// Teams and score, top left.
    ScoreBug,
    /// Period and time beside the score.
    Clock,
    /// Two lines at the bottom.
    LowerThird,
}

/// Which sound the programme carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SoundChoice {
    /// The live camera's.
    #[default]
    FollowVideo,
    /// One camera's, whatever is live.
    Fixed {
        /// Whose.
        slot: SlotId,
    },
    /// All faders together.
    Mix,
}

/// A camera's fader.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Fader {
    /// -60 to +12 dB.
    pub gain_db: f32,
    /// Whether it is silent.
    pub muted: bool,
    /// Milliseconds later, 0 to 500.
    pub delay_ms: u16,
}

impl Default for Fader {
    fn default() -> Self {
        Self { gain_db: 0.0, muted: false, delay_ms: 0 }
    }
}

/// A team as graphics show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Team {
    /// Full name.
    pub name: String,
    /// For the score bug.
    pub short: String,
    /// `#rrggbb`.
    pub colour: String,
    /// Points.
    pub score: u32,
}

/// The match clock. It counts down or up from `millis` since `since` while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct MatchClock {
    /// What it showed at `since`, milliseconds.
    pub millis: u32,
    /// When it was last started, stopped or set.
    pub since: MediaTime,
    /// Whether it runs.
    pub running: bool,
    /// Whether it counts down.
    pub down: bool,
    /// 1 is the first.
    pub period: u8,
}

impl MatchClock {
    /// What it shows at `now`, milliseconds; never below zero or past the day's end.
    pub fn millis_at(&self, now: MediaTime) -> u32 {
        if !self.running {
            return self.millis;
        }
        let passed = (now - self.since).0.max(0) / 1_000_000;
        let shown = if self.down { i64::from(self.millis) - passed } else { i64::from(self.millis) + passed };
        u32::try_from(shown.clamp(0, 35_999_999)).unwrap_or(0)
    }
}

/// Life of a source. WHIP answers at once with `joining`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Nobody has joined yet.
    Empty,
    /// Connecting, or not yet admitted.
    Joining,
    /// Pictures arrive in time.
    Live,
    /// Connected, but its newest picture is too old.
    Stale,
    /// Gone.
    Lost,
    /// Back, not yet steady.
    Returning,
}

/// What the programme shows and what comes next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Program {
    /// On air; none shows the slate.
    pub live: Option<SlotId>,
    /// Next.
    pub next: Option<SlotId>,
    /// Whether the slate was asked for.
    pub slate: bool,
    /// Arrangement.
    pub layout: Layout,
    /// What `mix` does.
    pub transition: TransitionKind,
    /// Milliseconds.
    pub transition_ms: u32,
}

/// Words of a graphic and whether it shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GraphicState {
    /// Whether it shows.
    pub on: bool,
    /// First line.
    pub title: String,
    /// Second line.
    pub subtitle: String,
}

/// How the programme's sound is finished.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct SoundProcessing {
    /// How much louder the commentator is than everything else while he speaks, 6 to 20 LU.
    pub ducking_db: f32,
    /// Whether the level is led towards -16 LUFS.
    pub riding: bool,
}

impl Default for SoundProcessing {
    fn default() -> Self {
        Self { ducking_db: 15.0, riding: true }
    }
}

/// What several cameras see or hear at once, to set their clocks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum SyncKind {
    /// A flash of light.
    Flash,
    /// A clap or a whistle.
    Clap,
}

/// What happened to a way into the studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AccessChange {
    /// A ticket was made.
    Issued,
    /// A ticket was used and is void.
    Redeemed,
    /// Somebody with the crew code waits for the director.
    Asked,
    /// The director let somebody in.
    Admitted,
    /// The director sent somebody away.
    Refused,
    /// A ticket, code or link was made void.
    Revoked,
    /// An address tried too many wrong tokens.
    LockedOut,
}
