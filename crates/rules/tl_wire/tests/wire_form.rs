//! The JSON of commands and events is a contract: one line of each kind stands in `tests/golden`.

use serde_json::{Value, json};
use tl_base::{EraId, MediaTime, SlotId, Wall};
use tl_show::{
    AccessChange, Action, Fact, Fader, Graphic, GraphicState, Layout, MatchClock, Side, SoundChoice, SoundProcessing, SourceState, SyncKind, Team,
    TransitionKind,
};
use tl_testkit::assert_golden_text;
use tl_wire::{Command, Event, Outcome, Refusal, RefusalCode, SCHEMA_VERSION};

const ONE: SlotId = SlotId(1);
const TWO: SlotId = SlotId(2);

/// One of each kind; the match makes a new kind fail to compile until it stands here.
fn actions() -> Vec<Action> {
    let all = vec![
        Action::Cut { slot: ONE },
        Action::Preview { slot: TWO },
        Action::Take {},
        Action::Mix { kind: None, duration_ms: None },
        Action::Mix { kind: Some(TransitionKind::Wipe), duration_ms: Some(800) },
        Action::SetTransition { kind: TransitionKind::Dip, duration_ms: 500 },
        Action::SetLayout { layout: Layout::PictureInPicture { inset: TWO } },
        Action::SetLayout { layout: Layout::SideBySide { right: TWO } },
        Action::SetLayout { layout: Layout::Full },
        Action::Slate { on: true },
        Action::SetTeam { side: Side::Home, name: "Home".into(), short: "HOME".into(), colour: "#1f4e9e".into() },
        Action::AddScore { side: Side::Away, points: -1 },
        Action::SetScore { side: Side::Away, points: 3 },
        Action::StartClock {},
        Action::StopClock {},
        Action::SetClock { millis: 1_200_000 },
        Action::SetPeriod { period: 2 },
        Action::Graphic { graphic: Graphic::LowerThird, on: true, title: Some("Anna Berg".into()), subtitle: None },
        Action::SetSound { sound: SoundChoice::FollowVideo },
        Action::SetSound { sound: SoundChoice::Fixed { slot: ONE } },
        Action::SetFader { slot: ONE, gain_db: -6.0, muted: false, delay_ms: 40 },
        Action::NameCamera { slot: ONE, name: "Centre".into(), position: "center_ice".into() },
        Action::SetTrim { slot: TWO, trim_ms: 180 },
        Action::SyncSources { by: SyncKind::Clap, reference: Some(ONE) },
        Action::SyncSources { by: SyncKind::Flash, reference: None },
        Action::SetPriority { slot: TWO, priority: 3 },
        Action::SetSoundProcessing { ducking_db: 12.0, riding: true },
        Action::Talk { to: Some(ONE), on: true },
        Action::SendText { to: None, text: "Two minutes".into() },
        Action::Disconnect { slot: TWO },
        Action::AdmitPhone { request: "r1".into(), slot: TWO },
        Action::RefusePhone { request: "r1".into() },
        Action::RevokeAccess { label: "camera 2".into() },
        Action::RenewCrewCode {},
        Action::VerifyRecording { id: "cam1".into() },
        Action::RepairRecording { id: "cam1".into() },
        Action::DeleteRecording { id: "20261121-101500-abcd/programme".into() },
        Action::Undo {},
        Action::Destination { name: "club".into(), on: true },
        Action::EndSession {},
    ];
    for action in &all {
        match action {
            Action::Cut { .. } | Action::Preview { .. } | Action::Take {} | Action::Mix { .. } | Action::SetTransition { .. } | Action::SetLayout { .. } => {}
            Action::Slate { .. }
            | Action::SetTeam { .. }
            | Action::AddScore { .. }
            | Action::SetScore { .. }
            | Action::StartClock {}
            | Action::StopClock {} => {}
            Action::SetClock { .. } | Action::SetPeriod { .. } | Action::Graphic { .. } | Action::SetSound { .. } | Action::SetFader { .. } => {}
            Action::SetTrim { .. } | Action::SyncSources { .. } | Action::SetPriority { .. } | Action::SetSoundProcessing { .. } | Action::Talk { .. } => {}
            Action::SendText { .. } | Action::Disconnect { .. } | Action::AdmitPhone { .. } | Action::RefusePhone { .. } => {}
            Action::RevokeAccess { .. } | Action::RenewCrewCode {} => {}
            Action::VerifyRecording { .. } | Action::RepairRecording { .. } | Action::DeleteRecording { .. } => {}
            Action::NameCamera { .. } | Action::Undo {} | Action::Destination { .. } | Action::EndSession {} => {}
        }
    }
    all
}

/// One of each kind, as above.
fn facts() -> Vec<Fact> {
    let all = vec![
        Fact::EraOpened { era: EraId(2), wall_anchor: Wall(1_700_000_000_000_000), offset: MediaTime::from_secs(90) },
        Fact::CutMade {
            from: None,
            to: Some(ONE),
            transition: TransitionKind::Dissolve,
            duration_ms: 500,
            by: "failover".into(),
            reason: "Camera 2 was lost.".into(),
        },
        Fact::NextChosen { slot: Some(TWO) },
        Fact::TransitionSet { kind: TransitionKind::Cut, duration_ms: 40 },
        Fact::LayoutSet { layout: Layout::Full },
        Fact::SlateSet { on: false },
        Fact::TeamSet { side: Side::Home, team: Team { name: "Home".into(), short: "HOME".into(), colour: "#1f4e9e".into(), score: 4 } },
        Fact::ClockSet { clock: MatchClock { millis: 1_200_000, since: MediaTime::from_millis(1_500), running: true, down: true, period: 1 } },
        Fact::GraphicSet { graphic: Graphic::ScoreBug, state: GraphicState { on: true, ..GraphicState::default() } },
        Fact::SoundSet { sound: SoundChoice::Mix },
        Fact::FaderSet { slot: TWO, fader: Fader { gain_db: 3.5, muted: true, delay_ms: 0 } },
        Fact::CameraNamed { slot: ONE, name: "Centre".into(), position: "center_ice".into() },
        Fact::SourceChanged { slot: ONE, from: SourceState::Live, to: SourceState::Stale, reason: "No picture for 500 ms.".into() },
        Fact::TrimSet { slot: TWO, trim_ms: 180 },
        Fact::PrioritySet { slot: TWO, priority: 3 },
        Fact::SoundProcessingSet { processing: SoundProcessing { ducking_db: 12.0, riding: false } },
        Fact::SourceSet { slot: TWO, protocol: "rtsp".into(), address: "rtsp://192.168.1.20/stream1".into() },
        Fact::DestinationSet { name: "club".into(), kind: "srt".into(), address: "srt://example.org:9000".into() },
        Fact::DestinationRemoved { name: "club".into() },
        Fact::AccessChanged { what: AccessChange::Revoked, label: "camera 2".into(), role: "camera".into() },
        Fact::LoadShed { level: 1, shed: vec!["preview pictures come half as often".into()], reason: "the processor is busy".into() },
        Fact::EncoderChanged { encoder: "openh264enc".into(), reason: "x264enc stood still three times".into() },
        Fact::SegmentMended { name: "v0/s123.m4s".into(), how: "remade".into(), reason: "a sample's size was wrong".into() },
        Fact::Undone { seq: 41 },
        Fact::DestinationChanged { name: "club".into(), state: "live".into(), reason: String::new() },
        Fact::RecordingChanged { file: "programme.mp4".into(), state: "started".into(), reason: String::new() },
        Fact::SessionEnded {},
    ];
    for fact in &all {
        match fact {
            Fact::EraOpened { .. } | Fact::CutMade { .. } | Fact::NextChosen { .. } | Fact::TransitionSet { .. } | Fact::LayoutSet { .. } => {}
            Fact::SlateSet { .. } | Fact::TeamSet { .. } | Fact::ClockSet { .. } | Fact::GraphicSet { .. } | Fact::SoundSet { .. } => {}
            Fact::FaderSet { .. } | Fact::CameraNamed { .. } | Fact::SourceChanged { .. } | Fact::Undone { .. } => {}
            Fact::TrimSet { .. } | Fact::PrioritySet { .. } | Fact::SoundProcessingSet { .. } | Fact::SourceSet { .. } | Fact::DestinationSet { .. } => {}
            Fact::DestinationRemoved { .. } | Fact::AccessChanged { .. } | Fact::LoadShed { .. } | Fact::EncoderChanged { .. } | Fact::SegmentMended { .. } => {
            }
            Fact::DestinationChanged { .. } | Fact::RecordingChanged { .. } | Fact::SessionEnded {} => {}
        }
    }
    all
}

fn event(seq: u64, fact: Fact) -> Event {
    let (media_time, wall) = (MediaTime::from_millis(12_345), Wall(1_700_000_000_123_456));
    Event {
        seq,
        session: "s1".into(),
        era: EraId(1),
        media_time,
        wall,
        actor: "director".into(),
        command_id: Some("c7".into()),
        schema_version: SCHEMA_VERSION,
        fact,
    }
}

#[test]
fn commands_keep_their_form() {
    let mut lines = String::new();
    for (action, n) in actions().into_iter().zip(1..) {
        let command = Command { id: format!("c{n}"), command: action };
        let line = serde_json::to_string(&command).expect("JSON");
        assert_eq!(serde_json::from_str::<Command>(&line).expect("comes back"), command, "{line}");
        lines.push_str(&line);
        lines.push('\n');
    }
    assert_golden_text(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/commands.jsonl"), &lines);
}

#[test]
fn events_keep_their_form() {
    let mut lines = String::new();
    for (fact, seq) in facts().into_iter().zip(1..) {
        let event = event(seq, fact);
        let line = serde_json::to_string(&event).expect("JSON");
        assert_eq!(serde_json::from_str::<Event>(&line).expect("comes back"), event, "{line}");
        lines.push_str(&line);
        lines.push('\n');
    }
    assert_golden_text(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events.jsonl"), &lines);
}

#[test]
fn outcomes_keep_their_form() {
    let refused = Outcome::Refused(Refusal { code: RefusalCode::NotFound, message: "There is no camera 9.".into() });
    assert_eq!(serde_json::to_value(Outcome::Seq(7)).expect("JSON"), json!({"seq": 7}));
    assert_eq!(serde_json::to_value(&refused).expect("JSON"), json!({"refused": {"code": "not_found", "message": "There is no camera 9."}}));
}

#[track_caller]
fn refused(command: Value) {
    assert!(serde_json::from_value::<Command>(command.clone()).is_err(), "{command}");
    assert!(serde_json::from_str::<Command>(&command.to_string()).is_err(), "{command}");
}

#[test]
fn what_is_not_a_command_is_refused() {
    refused(json!({"id": "a"}));
    refused(json!({"id": "a", "command": {}}));
    refused(json!({"id": "a", "command": {"type": "explode"}}));
    refused(json!({"id": "a", "command": {"type": "cut"}}));
    refused(json!({"id": "a", "command": {"type": "cut", "slot": -1}}));
    refused(json!({"id": "a", "command": {"type": "cut", "slot": 70_000}}));
    refused(json!({"id": "a", "command": {"type": "cut", "slot": "1"}}));
    refused(json!({"id": "a", "command": {"type": "cut", "slot": 1, "extra": true}}));
    refused(json!({"id": "a", "command": {"type": "cut", "slot": 1}, "extra": true}));
    refused(json!({"id": 5, "command": {"type": "undo"}}));
    refused(json!({"id": "a", "command": {"type": "set_score", "side": "home", "points": -1}}));
    refused(json!([]));
    refused(Value::Null);
}
