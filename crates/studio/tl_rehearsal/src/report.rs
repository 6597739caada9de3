//! The report of a run: the one place that names its fields. What was not measured is none, never 0.

use serde::{Deserialize, Serialize};

/// Middle and tail of a delay, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

/// Middle, tail and worst of a distance, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// Largest.
    pub max: f64,
}

impl From<tl_base::Percentiles> for Tail {
    fn from(found: tl_base::Percentiles) -> Self {
        Self { p50: found.p50, p95: found.p95 }
    }
}

impl From<tl_base::Percentiles> for Spread {
    fn from(found: tl_base::Percentiles) -> Self {
        Self { p50: found.p50, p95: found.p95, max: found.max }
    }
}

/// Everything measured in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the product.
    pub version: String,
    /// Seed of the rehearsal.
    pub seed: Option<u64>,
    /// Length of what was measured.
    pub seconds: f64,
    /// The programme.
    pub program: ProgramReport,
    /// Delays.
    pub latency_ms: LatencyReport,
    /// |estimated - true capture time| over all pictures of locked cameras; those of a camera that is known by arrivals alone count
    /// from its first trim or sync on.
    pub skew_ms: Option<Spread>,
    /// Distance of each camera's chosen picture from the on-air camera's.
    pub pair_skew_ms: Option<Spread>,
    /// Sound against picture, by the rehearsal's claps.
    pub lip_sync_ms: Option<LipSyncReport>,
    /// The programme's loudness.
    #[serde(default)]
    pub sound: SoundReport,
    /// By slot.
    pub cameras: Vec<CameraReport>,
    /// The same figures over all cameras of one way in, by its name.
    #[serde(default)]
    pub protocols: Vec<ProtocolReport>,
    /// What was on air when.
    pub cuts: Vec<CutReport>,
    /// How well it was directed.
    pub director: DirectorReport,
    /// Where it went.
    pub outputs: Vec<OutputReport>,
    /// What was recorded.
    pub recordings: Vec<RecordingReport>,
    /// What it cost.
    pub resources: ResourceReport,
}

/// The programme's pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgramReport {
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Pictures a second that left.
    pub fps: Option<f64>,
    /// Pictures that left.
    pub frames: Option<u64>,
    /// Ticks that were not encoded.
    pub dropped: Option<u64>,
    /// Ticks that showed the picture before once more while its camera had a newer one.
    pub repeated: Option<u64>,
    /// Pictures with mean luma below 20 that nobody asked for.
    pub black: Option<u64>,
    /// Pictures in the programme file whose time code differs from the picture's before.
    pub distinct: Option<u64>,
}

/// Delays, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// From a WebRTC camera's light to the encoded programme picture.
    pub phone_to_program: Option<Tail>,
    /// From the encoded programme picture to a viewer's screen.
    pub program_to_viewer: Option<Tail>,
}

/// The programme's loudness from its first picture on, as EBU R 128 counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SoundReport {
    /// LUFS, gated.
    pub integrated_lufs: Option<f64>,
    /// Largest true peak, dBTP.
    pub true_peak_dbtp: Option<f64>,
}

/// Sound minus picture at claps, milliseconds; positive: sound is late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LipSyncReport {
    /// Median distance without its sign.
    pub p50: f64,
    /// 95th percentile of the distance without its sign.
    pub p95: f64,
    /// Largest distance without its sign.
    pub max: f64,
    /// Mean with its sign.
    pub mean: f64,
    /// Claps seen and heard.
    pub claps: u64,
}

/// One camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraReport {
    /// Its slot.
    pub id: u16,
    /// Where it stands.
    pub position: Option<String>,
    /// How it comes in.
    pub protocol: Option<String>,
    /// Pictures received.
    pub frames: Option<u64>,
    /// Pictures lost.
    pub lost: Option<u64>,
    /// 0 to 1.
    pub quality: Option<f64>,
    /// Its clock minus the studio's, milliseconds, as the studio estimates it.
    pub offset_ms: Option<f64>,
    /// Half-width of what that may be off, milliseconds.
    pub uncertainty_ms: Option<f64>,
    /// Times it came back.
    pub reconnects: Option<u64>,
    /// What is taken off its capture times, milliseconds.
    #[serde(default)]
    pub trim_ms: Option<i32>,
    /// Whether its clock was set by a sync or by hand; none where it tells itself.
    #[serde(default)]
    pub synced: Option<bool>,
    /// Its share of `skew_ms`.
    pub skew_ms: Option<Spread>,
    /// From its light to the encoded programme picture, while it is on air.
    #[serde(default)]
    pub latency_ms: Option<Tail>,
    /// Its share of `lip_sync_ms`.
    #[serde(default)]
    pub lip_sync_ms: Option<LipSyncReport>,
}

/// All cameras of one way in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtocolReport {
    /// `webrtc`, `srt` and so on.
    pub protocol: String,
    /// Their slots.
    pub cameras: Vec<u16>,
    /// Pictures received.
    pub frames: Option<u64>,
    /// Pictures lost.
    pub lost: Option<u64>,
    /// Times they came back.
    pub reconnects: Option<u64>,
    /// Their share of `skew_ms`.
    pub skew_ms: Option<Spread>,
    /// From their light to the encoded programme picture, while on air.
    pub latency_ms: Option<Tail>,
    /// Their share of `lip_sync_ms`.
    pub lip_sync_ms: Option<LipSyncReport>,
    /// Whether all their clocks were set by a sync or by hand; none where they tell themselves.
    pub synced: Option<bool>,
}

/// One change of the picture on air.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutReport {
    /// Show time, seconds.
    pub t: f64,
    /// Slot before; none: the slate.
    pub from: Option<u16>,
    /// Slot after; none: the slate.
    pub to: Option<u16>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// How well it was directed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DirectorReport {
    /// Share of programme pictures in which the true puck is inside the central 90 %.
    pub action_in_frame: Option<f64>,
    /// Changes of camera a minute.
    pub cuts_per_minute: Option<f64>,
    /// Shortest time between two changes, seconds.
    pub shortest_shot_s: Option<f64>,
    /// From the last good picture of a camera that died on air to the first of another, milliseconds, worst.
    pub failover_ms: Option<f64>,
}

/// Something that left the studio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputReport {
    /// `hls`, `rtmp`, `recording`.
    pub kind: String,
    /// Address without key.
    pub url: String,
    /// Its state at the end.
    pub state: String,
    /// Bytes sent.
    pub bytes: u64,
    /// Times it was reached again.
    pub reconnects: u64,
}

/// One recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingReport {
    /// The camera; none: the programme.
    pub source: Option<u16>,
    /// `iso` or `programme`.
    pub kind: String,
    /// Absolute, one playable file.
    pub path: String,
    /// Its parts.
    pub parts: Vec<String>,
    /// Length as decoded.
    pub seconds: f64,
    /// Whether it decoded to its end.
    pub playable: bool,
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessResources {
    /// CPU time, user and system.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory, MiB.
    pub rss_peak_mb: Option<f64>,
}

/// What the run used: the studio's process, and the phones' apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourceReport {
    /// CPU time, user and system.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory, MiB.
    pub rss_peak_mb: Option<f64>,
    /// `{name, driver, busy_share}`.
    pub gpu: Option<serde_json::Value>,
    /// The virtual phones' process.
    pub phones: ProcessResources,
}
