//! Plausible shows.

use tl_base::clock_sync::ClockState;
use tl_base::{Admission, EraId, MediaTime, Percentiles, Rate, Size, SlotId, SourceStats, Wall};
use tl_show::{Fader, GraphicState, Layout, MatchClock, Program, SoundChoice, SoundProcessing, SourceState, Team, TransitionKind};
use tl_wire::{
    BudgetView, CameraView, Encoder, Health, InputView, JoinRequest, Load, Meter, OutputView, ProgramView, Recording, SessionState, Snapshot, Warning,
};

const NAMES: [&str; 12] =
    ["Centre", "Corner left", "Goal line", "Bench", "Stand", "Corner right", "Penalty box", "Tunnel", "Scoreboard", "Goal line 2", "Roof", "Coach"];

/// A camera that is well.
pub fn camera(slot: u16) -> CameraView {
    let swing = f64::from(slot % 4);
    CameraView {
        slot: SlotId(slot),
        name: NAMES.get(usize::from(slot) - 1).map_or_else(String::new, |name| (*name).to_owned()),
        position: String::new(),
        protocol: "webrtc".into(),
        input: InputView { state: "connected".into(), ..InputView::default() },
        state: SourceState::Live,
        live: false,
        next: false,
        admission: None,
        size: Some(Size::new(1280, 720)),
        codec: Some("h264".into()),
        stats: SourceStats {
            bitrate_bps: Some(2.9e6),
            fps: Some(29.97),
            loss: Some(if slot == 3 { 0.02 } else { 0.001 }),
            jitter_ms: Some(4.0),
            rtt_ms: Some(if slot == 5 { 180.0 } else { 9.0 }),
            decode_ms: Some(3.0),
        },
        clock: Some(ClockState { offset_ms: 1200.0, drift_ppm: 12.0, uncertainty_ms: 1.2, two_way: true }),
        locked: true,
        delay_ms: Some(Percentiles { p50: 62.0 + swing, p95: 88.0 + 11.0 * swing, p99: 104.0, max: 140.0 }),
        frames: 74_000,
        lost: Some(3),
        reconnects: 0,
        quality: Some(0.81),
        level_dbfs: Some(-18.0 - 5.0 * swing as f32),
        fader: Fader::default(),
        trim_ms: 0,
        trimmed: false,
        priority: 0,
        shed: "none".into(),
        hears: "off".into(),
    }
}

/// A place that is known and at which nobody stands.
pub fn empty_camera(slot: u16) -> CameraView {
    CameraView {
        name: String::new(),
        input: InputView { state: "listening".into(), ..InputView::default() },
        state: SourceState::Empty,
        size: None,
        codec: None,
        stats: SourceStats::default(),
        clock: None,
        locked: false,
        delay_ms: None,
        quality: None,
        level_dbfs: None,
        ..camera(slot)
    }
}

/// A verdict that keeps a camera off air.
pub fn refused(reason: &str) -> Option<Admission> {
    Some(Admission {
        accepted: false,
        reason: reason.into(),
        suggested_adjustments: Vec::new(),
        expected_bitrate: 3_000_000,
        expected_size: Size::new(1280, 720),
        expected_rate: 30.0,
        processing_priority: 1,
    })
}

/// A destination that takes the programme.
pub fn output(name: &str, kind: &str) -> OutputView {
    OutputView {
        name: name.into(),
        kind: kind.into(),
        url: format!("{kind}://live.example.org/app/***"),
        state: "live".into(),
        detail: String::new(),
        bytes: 1_200_000_000,
        reconnects: 0,
        bitrate_bps: Some(4.5e6),
        retry_in_ms: None,
        dropped: 0,
    }
}

fn recording(source: Option<SlotId>) -> Recording {
    let id = source.map_or_else(|| "programme".to_owned(), |slot| format!("cam{slot}"));
    Recording {
        kind: if source.is_some() { "iso" } else { "programme" }.into(),
        parts: vec![format!("{id}-1.mp4")],
        id,
        source,
        path: None,
        seconds: 2472.0,
        playable: None,
        writing: true,
        bytes: 900_000_000,
        verified: "no".into(),
        progress: None,
        problem: String::new(),
        tracks: vec!["video h264".into(), "sound camera".into()],
    }
}

/// Something that needs attention.
pub fn warning(about: &str, message: &str, remedy: &str) -> Warning {
    Warning { about: about.into(), message: message.into(), remedy: remedy.into() }
}

/// Somebody at the door.
pub fn request(id: &str, name: &str, digits: &str) -> JoinRequest {
    JoinRequest { id: id.into(), name: name.into(), digits: digits.into(), since: Wall(0) }
}

/// A game on air, with this many cameras that are all well; camera 1 is live and camera 2 next.
pub fn on_air(cameras: u16) -> Snapshot {
    let team = |name: &str, short: &str, colour: &str, score| Team { name: name.into(), short: short.into(), colour: colour.into(), score };
    let sources = || (1..=cameras).map(SlotId);
    Snapshot {
        session: "a game".into(),
        state: SessionState::Running,
        era: EraId(1),
        media_time: MediaTime::from_secs(2472),
        seq: 41,
        program: Program {
            live: (cameras > 0).then_some(SlotId(1)),
            next: (cameras > 1).then_some(SlotId(2)),
            slate: false,
            layout: Layout::Full,
            transition: TransitionKind::Dissolve,
            transition_ms: 500,
        },
        output: ProgramView {
            size: Size::new(1280, 720),
            rate: Rate::new(30, 1).expect("a rate"),
            frames: 74_160,
            dropped: 2,
            repeated: 11,
            black: 0,
            render_ms: None,
            encoder: Encoder { name: "x264enc".into(), bitrate_bps: 4_500_000 },
            gpu: Some("llvmpipe".into()),
        },
        teams: [team("Lions", "LIO", "#1d4fd8", 2), team("Bears", "BEA", "#e8ecf2", 1)],
        clock: MatchClock { millis: 754_000, since: MediaTime::ZERO, running: true, down: true, period: 2 },
        clock_millis: 754_000,
        graphics: ["score_bug", "clock"].map(|name| (name.to_owned(), GraphicState { on: true, ..GraphicState::default() })).into(),
        sound: SoundChoice::FollowVideo,
        sound_processing: SoundProcessing::default(),
        meter: Meter { peak_dbfs: [-12.0, -14.0], short_term_lufs: Some(-16.3), momentary_lufs: Some(-15.4), ..Meter::default() },
        cameras: sources().map(|slot| camera(slot.0)).collect(),
        microphones: Vec::new(),
        joins: Vec::new(),
        outputs: vec![output("Watch page", "hls"), output("YouTube", "rtmp")],
        recordings: std::iter::once(None).chain(sources().map(Some)).map(recording).collect(),
        budget: BudgetView { now_ms: 118.0, target_ms: 118.0 },
        health: Health { disk_left_s: Some(11_400.0), disk_free_bytes: Some(81_000_000_000), ..Health::default() },
        load: Load::default(),
        warnings: Vec::new(),
        viewers: 23,
        viewers_whep: 6,
    }
}

/// Before the first phone.
pub fn nobody_yet() -> Snapshot {
    let mut show = on_air(0);
    show.recordings.clear();
    show.outputs.truncate(1);
    show.cameras = (1..=4).map(empty_camera).collect();
    (show.viewers, show.viewers_whep, show.meter) = (0, 0, Meter { peak_dbfs: [-120.0, -120.0], ..Meter::default() });
    show.media_time = MediaTime::from_secs(95);
    show
}
