//! What is: an immutable picture of the show, projected for a role before it is serialised.

use serde::{Deserialize, Serialize};
use tl_base::clock_sync::ClockState;
use tl_base::{Admission, EraId, MediaTime, Percentiles, Rate, Size, SlotId, SourceStats};
use tl_show::{Fader, GraphicState, MatchClock, Program, SoundChoice, SoundProcessing, SourceState, Team};
use ts_rs::TS;

/// Life of a session (the states of the streaming design).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub enum SessionState {
    /// Being set up.
    Starting,
    /// On.
    Running,
    /// Ended, files being finalised.
    Completed,
    /// Ended, all files whole.
    Stored,
    /// Could not go on.
    Failed,
}

/// Everything a page needs to draw the show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// Session id.
    pub session: String,
    /// Its state.
    pub state: SessionState,
    /// Run of the studio.
    pub era: EraId,
    /// Show time when it was taken.
    pub media_time: MediaTime,
    /// Sequence number of the newest event it contains.
    pub seq: u64,
    /// Live and next.
    pub program: Program,
    /// The picture that leaves.
    pub output: ProgramView,
    /// Home and away.
    pub teams: [Team; 2],
    /// Match clock.
    pub clock: MatchClock,
    /// What the clock shows at `media_time`, milliseconds.
    pub clock_millis: u32,
    /// By name: `score_bug`, `clock`, `lower_third`.
    pub graphics: std::collections::BTreeMap<String, GraphicState>,
    /// Which sound.
    pub sound: SoundChoice,
    /// How it is finished.
    pub sound_processing: SoundProcessing,
    /// The programme's meter.
    pub meter: Meter,
    /// By slot.
    pub cameras: Vec<CameraView>,
    /// Microphones without a picture: the commentator's, the director's.
    pub microphones: Vec<MicrophoneView>,
    /// Who came with the crew code and waits for the director.
    pub joins: Vec<JoinRequest>,
    /// Where it goes.
    pub outputs: Vec<OutputView>,
    /// What is being recorded.
    pub recordings: Vec<Recording>,
    /// The show's delay budget.
    pub budget: BudgetView,
    /// This machine.
    pub health: Health,
    /// What is shed because time is short.
    pub load: Load,
    /// What needs attention, worst first.
    pub warnings: Vec<Warning>,
    /// Watching now, by every way.
    pub viewers: u32,
    /// Of these, by WebRTC.
    pub viewers_whep: u32,
}

/// One camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct CameraView {
    /// Its slot.
    pub slot: SlotId,
    /// Its name.
    pub name: String,
    /// Its position, `center_ice` and so on, or empty.
    pub position: String,
    /// How it comes in: `webrtc`, `rtsp`, `srt`, `rtmp`, `mjpeg`, `chunks`, `file`, `device`.
    pub protocol: String,
    /// The way in, as it is supervised.
    pub input: InputView,
    /// Its state.
    pub state: SourceState,
    /// On air.
    pub live: bool,
    /// Next.
    pub next: bool,
    /// The verdict at its join.
    pub admission: Option<Admission>,
    /// Picture size as it comes.
    pub size: Option<Size>,
    /// Codec as it comes: `h264`, `vp8`.
    pub codec: Option<String>,
    /// Measured.
    pub stats: SourceStats,
    /// Its clock.
    pub clock: Option<ClockState>,
    /// Whether it is inside the show's budget.
    pub locked: bool,
    /// Capture to arrival, milliseconds; none where the sender's clock is not known.
    pub delay_ms: Option<Percentiles>,
    /// Pictures received since the session's start.
    pub frames: u64,
    /// Pictures known to be lost since the session's start; none where nothing counts them: only WebRTC's way in does. What share of
    /// the packets is lost before repair stands in `stats.loss`.
    pub lost: Option<u64>,
    /// Times it came back.
    pub reconnects: u32,
    /// 0 to 1; none: not judged.
    pub quality: Option<f64>,
    /// Peak of its sound over the last 100 ms, dBFS.
    pub level_dbfs: Option<f32>,
    /// Its fader.
    pub fader: Fader,
    /// What is taken off its capture times, milliseconds.
    pub trim_ms: i32,
    /// Whether somebody or a sync set that.
    pub trimmed: bool,
    /// 0 is served first when time is short.
    pub priority: u8,
    /// What it has to do without for now: `none`, `keys_only`.
    pub shed: String,
    /// Whether it hears the director or the programme at the moment: `off`, `programme`, `director`.
    pub hears: String,
}

/// How a source is reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct InputView {
    /// `listening`, `connecting`, `connected`, `waiting`, `refused`, `off`.
    pub state: String,
    /// Where, without secrets; empty when it takes whoever comes.
    pub address: String,
    /// One sentence for a person; empty when all is well.
    pub detail: String,
    /// Until the next attempt, milliseconds.
    pub retry_in_ms: Option<u32>,
    /// Which decoder, by its element's name.
    pub decoder: Option<String>,
}

/// A microphone without a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct MicrophoneView {
    /// [`SlotId::COMMENTARY`] or [`SlotId::TALKBACK`].
    pub slot: SlotId,
    /// Who speaks.
    pub name: String,
    /// `webrtc` or `device`.
    pub protocol: String,
    /// Its state.
    pub state: SourceState,
    /// Peak over the last 100 ms, dBFS.
    pub level_dbfs: Option<f32>,
    /// Its fader.
    pub fader: Fader,
}

/// Somebody with the crew code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JoinRequest {
    /// Names the request.
    pub id: String,
    /// What they called themselves.
    pub name: String,
    /// Six digits that their phone shows too.
    pub digits: String,
    /// When they asked, microseconds since 1970.
    pub since: tl_base::Wall,
}

/// What is shed because time is short: the preview's rate first, then the decoding of cameras that are off air, then the
/// programme's every other picture. Never sound, score or recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Load {
    /// 0 when nothing is shed, up to 3.
    pub level: u8,
    /// What is shed, one phrase each.
    pub shed: Vec<String>,
}

impl CameraView {
    /// Whether its pictures arrive in time.
    pub fn is_live(&self) -> bool {
        self.state == SourceState::Live
    }
}

/// The programme's picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct ProgramView {
    /// Canvas.
    pub size: Size,
    /// Pictures a second.
    pub rate: Rate,
    /// Ticks encoded.
    pub frames: u64,
    /// Ticks not encoded.
    pub dropped: u64,
    /// Ticks that showed a picture twice while the camera had a new one.
    pub repeated: u64,
    /// Black pictures that nobody asked for.
    pub black: u64,
    /// Time from tick to finished picture, milliseconds.
    pub render_ms: Option<Percentiles>,
    /// Which encoder.
    pub encoder: Encoder,
    /// Graphics adapter in use.
    pub gpu: Option<String>,
}

/// The encoder in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Encoder {
    /// GStreamer element name.
    pub name: String,
    /// Bits a second asked for.
    pub bitrate_bps: u32,
}

/// Programme loudness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Meter {
    /// Peak of each channel over the last 100 ms, dBFS.
    pub peak_dbfs: [f32; 2],
    /// EBU R 128 short-term loudness, LUFS.
    pub short_term_lufs: Option<f32>,
    /// Reduction by the limiter, dB.
    pub limiter_db: f32,
    /// EBU R 128 momentary loudness, LUFS.
    pub momentary_lufs: Option<f32>,
    /// EBU R 128 integrated loudness since the start, LUFS.
    pub integrated_lufs: Option<f32>,
    /// Highest true peak since the start, dBTP.
    pub true_peak_dbtp: Option<f32>,
    /// Gain by which the level is led, dB.
    pub ride_db: f32,
    /// How far everything else steps back for the commentator now, dB.
    pub duck_db: f32,
}

/// A destination of the settings, without its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Destination {
    /// Its name.
    pub name: String,
    /// `rtmp` or `srt`.
    pub kind: String,
    /// Address without key.
    pub url: String,
}

/// Something that leaves the studio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct OutputView {
    /// Its name.
    pub name: String,
    /// `hls`, `whep`, `rtmp`, `srt`.
    pub kind: String,
    /// Address without key.
    pub url: String,
    /// `connecting`, `live`, `waiting`, `refused`, `off`.
    pub state: String,
    /// One sentence for a person; empty when all is well.
    pub detail: String,
    /// Sent and, where the protocol says, acknowledged.
    pub bytes: u64,
    /// Times it was reached again.
    pub reconnects: u32,
    /// Bits a second over the last seconds.
    pub bitrate_bps: Option<f64>,
    /// Until the next attempt, milliseconds.
    pub retry_in_ms: Option<u32>,
    /// Pictures and sound that were left out because it was slow or away.
    pub dropped: u64,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Recording {
    /// Names it in commands: `cam1`, `programme`; of an earlier session with the session's id and `/` in front.
    pub id: String,
    /// The camera; none: the programme.
    pub source: Option<SlotId>,
    /// `iso` or `programme`.
    pub kind: String,
    /// Absolute path of the one playable file, once there is one.
    pub path: Option<String>,
    /// Absolute paths of its parts.
    pub parts: Vec<String>,
    /// Length.
    pub seconds: f64,
    /// Whether it was read back and plays; none: not tried.
    pub playable: Option<bool>,
    /// Whether it is being written.
    pub writing: bool,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether it may be called saved: `no` (not read back yet), `checking`, `repairing`, `saved`, `damaged`.
    pub verified: String,
    /// How far a check or repair is, 0 to 1.
    pub progress: Option<f64>,
    /// What is wrong with it; empty when nothing is.
    pub problem: String,
    /// Its tracks: `video h264`, `sound camera`, `sound programme`.
    pub tracks: Vec<String>,
}

/// The delay that the show allows for pictures to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct BudgetView {
    /// Milliseconds now.
    pub now_ms: f64,
    /// Where it is going.
    pub target_ms: f64,
}

/// This machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Health {
    /// Cores' worth of CPU in use by the studio.
    pub cpu: Option<f64>,
    /// Resident memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Free disk where recordings go, bytes.
    pub disk_free_bytes: Option<u64>,
    /// Recording time left at the present rate, seconds.
    pub disk_left_s: Option<f64>,
    /// Share of all cores in use by everything on this machine, 0 to 1.
    pub machine_cpu: Option<f64>,
    /// Memory that is still free, bytes.
    pub memory_free_bytes: Option<u64>,
    /// Received by this machine, bits a second.
    pub network_in_bps: Option<f64>,
    /// Sent by this machine, bits a second.
    pub network_out_bps: Option<f64>,
    /// Hottest sensor, degrees Celsius; none where there is none to read.
    pub temperature_c: Option<f64>,
}

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Warning {
    /// What it is about: `camera 2`, `disk`, a destination's name.
    pub about: String,
    /// What it means for the show.
    pub message: String,
    /// What to do.
    pub remedy: String,
}
