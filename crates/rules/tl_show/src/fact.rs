//! What happened: facts that a person would undo or a court would ask for. Show state = fold(facts).

use serde::{Deserialize, Serialize};
use tl_base::{EraId, MediaTime, SlotId, Wall};
use ts_rs::TS;

use crate::{AccessChange, Fader, Graphic, GraphicState, Layout, MatchClock, Side, SoundChoice, SoundProcessing, SourceState, Team, TransitionKind};

/// One fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    /// A run of the studio began.
    EraOpened {
        /// Its number. An event has an `era` of its own, so this one needs another name beside it.
        #[serde(rename = "opened_era")]
        era: EraId,
        /// The wall clock at `media_time`.
        wall_anchor: Wall,
        /// The session's time at its start.
        offset: MediaTime,
    },
    /// The picture on air changed.
    CutMade {
        /// What was live; none: the slate.
        from: Option<SlotId>,
        /// What is live; none: the slate.
        to: Option<SlotId>,
        /// How.
        transition: TransitionKind,
        /// Milliseconds.
        duration_ms: u32,
        /// Who: `director`, `script`, `failover`…
        by: String,
        /// Why, one sentence; empty when a person did it.
        reason: String,
    },
    /// Another camera is next.
    NextChosen {
        /// The camera.
        slot: Option<SlotId>,
    },
    /// `mix` will do this.
    TransitionSet {
        /// How.
        kind: TransitionKind,
        /// Milliseconds.
        duration_ms: u32,
    },
    /// The arrangement changed.
    LayoutSet {
        /// The arrangement.
        layout: Layout,
    },
    /// The slate was called or left.
    SlateSet {
        /// Whether it shows.
        on: bool,
    },
    /// A team was named or its score changed: the whole team as it is now.
    TeamSet {
        /// Which side.
        side: Side,
        /// The team.
        team: Team,
    },
    /// The clock was started, stopped or set, or the period changed: the whole clock as it is now.
    ClockSet {
        /// The clock.
        clock: MatchClock,
    },
    /// A graphic was shown, hidden or reworded.
    GraphicSet {
        /// Which.
        graphic: Graphic,
        /// As it is now.
        state: GraphicState,
    },
    /// Another sound.
    SoundSet {
        /// The choice.
        sound: SoundChoice,
    },
    /// A fader moved.
    FaderSet {
        /// Whose.
        slot: SlotId,
        /// As it is now.
        fader: Fader,
    },
    /// A camera was named.
    CameraNamed {
        /// Which.
        slot: SlotId,
        /// Its name.
        name: String,
        /// Its position.
        position: String,
    },
    /// A source came, went or faltered.
    SourceChanged {
        /// Which.
        slot: SlotId,
        /// Before.
        from: SourceState,
        /// Now.
        to: SourceState,
        /// One sentence.
        reason: String,
    },
    /// A source's hidden delay was set.
    TrimSet {
        /// Which.
        slot: SlotId,
        /// Milliseconds taken off its capture times.
        trim_ms: i32,
    },
    /// A source's turn when time is short.
    PrioritySet {
        /// Which.
        slot: SlotId,
        /// 0 is served first.
        priority: u8,
    },
    /// The programme's sound is finished another way.
    SoundProcessingSet {
        /// As it is now.
        processing: SoundProcessing,
    },
    /// A source was told where its pictures come from.
    SourceSet {
        /// Which.
        slot: SlotId,
        /// `rtsp`, `mjpeg`, `file`, `device`; `webrtc` when it takes whoever comes.
        protocol: String,
        /// Where, without secrets.
        address: String,
    },
    /// A destination was added or given another address.
    DestinationSet {
        /// Its name.
        name: String,
        /// `rtmp` or `srt`.
        kind: String,
        /// Where, without its key.
        address: String,
    },
    /// A destination was taken out of the list.
    DestinationRemoved {
        /// Its name.
        name: String,
    },
    /// Somebody was let in, sent away or locked out.
    AccessChanged {
        /// What happened.
        what: AccessChange,
        /// Whose: a label, or an address that was locked out.
        label: String,
        /// What they may do; empty when nothing.
        role: String,
    },
    /// The studio shed work, or took it up again.
    LoadShed {
        /// 0 when nothing is shed, up to 3.
        level: u8,
        /// What is shed now, one phrase each.
        shed: Vec<String>,
        /// Why.
        reason: String,
    },
    /// The programme's encoder was started anew or replaced.
    EncoderChanged {
        /// The encoder now in use.
        encoder: String,
        /// Why.
        reason: String,
    },
    /// A segment of the live playlist was bad and was made again, or is a gap.
    SegmentMended {
        /// Its name.
        name: String,
        /// `remade` or `gap`.
        how: String,
        /// What was wrong.
        reason: String,
    },
    /// The last change was taken back; the facts that follow restore what was.
    Undone {
        /// Sequence number of the undone event; the event that tells of it has a `seq` of its own.
        #[serde(rename = "undone_seq")]
        seq: u64,
    },
    /// A destination was started, stopped, lost or reached.
    DestinationChanged {
        /// Its name.
        name: String,
        /// `connecting`, `live`, `waiting`, `refused`, `off`.
        state: String,
        /// One sentence, no secret.
        reason: String,
    },
    /// A recording began or ended.
    RecordingChanged {
        /// File name within the session's folder.
        file: String,
        /// `started`, `finished`, `repaired`, `verified`, `deleted`, `failed`.
        state: String,
        /// One sentence.
        reason: String,
    },
    /// The session ended.
    SessionEnded {},
}
