//! What a person, a script or the studio asks of the show.

use serde::{Deserialize, Serialize};
use tl_base::SlotId;
use ts_rs::TS;

use crate::{Layout, Side, TransitionKind};

/// Everything that may be asked. The same enum serves window, pages, command line and tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Put a camera on air at once.
    Cut {
        /// The camera.
        slot: SlotId,
    },
    /// Make a camera the next one.
    Preview {
        /// The camera.
        slot: SlotId,
    },
    /// Cut to the next camera; next and live change places.
    Take {},
    /// Go to the next camera with a transition; without fields, with the one that is set.
    Mix {
        /// How; none: as set.
        #[serde(default)]
        #[ts(optional)]
        kind: Option<TransitionKind>,
        /// How long, 40 to 5,000 ms; none: as set.
        #[serde(default)]
        #[ts(optional)]
        duration_ms: Option<u32>,
    },
    /// Set the transition that `mix` uses.
    SetTransition {
        /// How.
        kind: TransitionKind,
        /// How long, 40 to 5,000 ms.
        duration_ms: u32,
    },
    /// Arrange the picture: full, picture in picture or side by side.
    SetLayout {
        /// The arrangement.
        layout: Layout,
    },
    /// Show the slate, or leave it.
    Slate {
        /// Whether it shows.
        on: bool,
    },
    /// Name a team and give it its colour.
    SetTeam {
        /// Which side.
        side: Side,
        /// Up to 40 characters.
        name: String,
        /// Up to 5 characters for the score bug.
        short: String,
        /// `#rrggbb`.
        colour: String,
    },
    /// Add to a side's score; the result stays within 0 to 999.
    AddScore {
        /// Which side.
        side: Side,
        /// Points, may be negative.
        points: i32,
    },
    /// Set a side's score, 0 to 999.
    SetScore {
        /// Which side.
        side: Side,
        /// Points.
        points: u32,
    },
    /// Let the match clock run.
    StartClock {},
    /// Stop the match clock.
    StopClock {},
    /// Set the match clock, running or not, to 0 to 35,999,999 ms.
    SetClock {
        /// What it shows, milliseconds.
        millis: u32,
    },
    /// Go to a period, 1 to 99.
    SetPeriod {
        /// The period.
        period: u8,
    },
    /// Show or hide a graphic, with its words where it has some (each up to 80 characters).
    Graphic {
        /// Which one.
        graphic: crate::Graphic,
        /// Whether it shows.
        on: bool,
        /// First line; none: as it was.
        #[serde(default)]
        #[ts(optional)]
        title: Option<String>,
        /// Second line; none: as it was.
        #[serde(default)]
        #[ts(optional)]
        subtitle: Option<String>,
    },
    /// Which sound the programme carries.
    SetSound {
        /// The choice.
        sound: crate::SoundChoice,
    },
    /// One camera's fader.
    SetFader {
        /// The camera.
        slot: SlotId,
        /// -60 to +12 dB.
        gain_db: f32,
        /// Whether it is silent.
        muted: bool,
        /// 0 to 500 ms later.
        delay_ms: u16,
    },
    /// Name a camera and its position.
    NameCamera {
        /// The camera.
        slot: SlotId,
        /// Up to 40 characters.
        name: String,
        /// One of the positions of the sport, or empty.
        position: String,
    },
    /// Take a source's hidden delay off its capture times.
    SetTrim {
        /// The source.
        slot: SlotId,
        /// -500 to 2,000 ms: what its encoder and its network hide.
        trim_ms: i32,
    },
    /// Set the trims of all sources without a clock of their own by something that all of them see or hear within the last
    /// seconds.
    SyncSources {
        /// A flash or a clap.
        by: crate::SyncKind,
        /// The source to go by; none: the best clock there is.
        #[serde(default)]
        #[ts(optional)]
        reference: Option<SlotId>,
    },
    /// Which source is served first when time is short.
    SetPriority {
        /// The source.
        slot: SlotId,
        /// 0 is served first, 9 last.
        priority: u8,
    },
    /// How the programme's sound is finished.
    SetSoundProcessing {
        /// 6 to 20 LU.
        ducking_db: f32,
        /// Whether the level is led towards -16 LUFS.
        riding: bool,
    },
    /// Speak to one phone, or to all, instead of the programme that they hear.
    Talk {
        /// The phone; none: all.
        #[serde(default)]
        #[ts(optional)]
        to: Option<SlotId>,
        /// Whether the microphone is open.
        on: bool,
    },
    /// Show a short text on a phone.
    SendText {
        /// The phone; none: all.
        #[serde(default)]
        #[ts(optional)]
        to: Option<SlotId>,
        /// 1 to 80 characters.
        text: String,
    },
    /// Let a source go: its sender is disconnected and may come back.
    Disconnect {
        /// The source.
        slot: SlotId,
    },
    /// Let somebody in who came with the crew code.
    AdmitPhone {
        /// The request's id.
        request: String,
        /// Where.
        slot: SlotId,
    },
    /// Send somebody away who came with the crew code.
    RefusePhone {
        /// The request's id.
        request: String,
    },
    /// Make every link and ticket with this label void; whoever uses one is disconnected.
    RevokeAccess {
        /// The label, as events name it.
        label: String,
    },
    /// Make the crew code void and a new one.
    RenewCrewCode {},
    /// Read a recording back; it is called saved only after this.
    VerifyRecording {
        /// Its id.
        id: String,
    },
    /// Mend a recording that is torn.
    RepairRecording {
        /// Its id.
        id: String,
    },
    /// Delete a recording with all its parts. This cannot be undone.
    DeleteRecording {
        /// Its id.
        id: String,
    },
    /// Take back the last change of score, clock, period, teams or graphics.
    Undo {},
    /// Start sending to a destination of the settings, or stop.
    Destination {
        /// Its name.
        name: String,
        /// Whether it sends.
        on: bool,
    },
    /// End the session: off air, files finalised.
    EndSession {},
}
