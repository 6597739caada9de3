// What crosses the border between studio and pages. Generated from the Rust types: `cargo xtask bless` writes it anew.
// Times of the show are nanoseconds since the session's epoch; a number holds a hundred days of them exactly.

/** Version of an event's form. */
export const SCHEMA_VERSION = 1;

/** What happened to a way into the studio. */
export type AccessChange = "issued" | "redeemed" | "asked" | "admitted" | "refused" | "revoked" | "locked_out";

/** Everything that may be asked. The same enum serves window, pages, command line and tests. */
export type Action = { "type": "cut",
  /** The camera. */
  slot: SlotId, } | { "type": "preview",
  /** The camera. */
  slot: SlotId, } | { "type": "take", } | { "type": "mix",
  /** How; none: as set. */
  kind?: TransitionKind,
  /** How long, 40 to 5,000 ms; none: as set. */
  duration_ms?: number, } | { "type": "set_transition",
  /** How. */
  kind: TransitionKind,
  /** How long, 40 to 5,000 ms. */
  duration_ms: number, } | { "type": "set_layout",
  /** The arrangement. */
  layout: Layout, } | { "type": "slate",
  /** Whether it shows. */
  on: boolean, } | { "type": "set_team",
  /** Which side. */
  side: Side,
  /** Up to 40 characters. */
  name: string,
  /** Up to 5 characters for the score bug. */
  short: string,
  /** `#rrggbb`. */
  colour: string, } | { "type": "add_score",
  /** Which side. */
  side: Side,
  /** Points, may be negative. */
  points: number, } | { "type": "set_score",
  /** Which side. */
  side: Side,
  /** Points. */
  points: number, } | { "type": "start_clock", } | { "type": "stop_clock", } | { "type": "set_clock",
  /** What it shows, milliseconds. */
  millis: number, } | { "type": "set_period",
  /** The period. */
  period: number, } | { "type": "graphic",
  /** Which one. */
  graphic: Graphic,
  /** Whether it shows. */
  on: boolean,
  /** First line; none: as it was. */
  title?: string,
  /** Second line; none: as it was. */
  subtitle?: string, } | { "type": "set_sound",
  /** The choice. */
  sound: SoundChoice, } | { "type": "set_fader",
  /** The camera. */
  slot: SlotId,
  /** -60 to +12 dB. */
  gain_db: number,
  /** Whether it is silent. */
  muted: boolean,
  /** 0 to 500 ms later. */
  delay_ms: number, } | { "type": "name_camera",
  /** The camera. */
  slot: SlotId,
  /** Up to 40 characters. */
  name: string,
  /** One of the positions of the sport, or empty. */
  position: string, } | { "type": "set_trim",
  /** The source. */
  slot: SlotId,
  /** -500 to 2,000 ms: what its encoder and its network hide. */
  trim_ms: number, } | { "type": "sync_sources",
  /** A flash or a clap. */
  by: SyncKind,
  /** The source to go by; none: the best clock there is. */
  reference?: SlotId, } | { "type": "set_priority",
  /** The source. */
  slot: SlotId,
  /** 0 is served first, 9 last. */
  priority: number, } | { "type": "set_sound_processing",
  /** 6 to 20 LU. */
  ducking_db: number,
  /** Whether the level is led towards -16 LUFS. */
  riding: boolean, } | { "type": "talk",
  /** The phone; none: all. */
  to?: SlotId,
  /** Whether the microphone is open. */
  on: boolean, } | { "type": "send_text",
  /** The phone; none: all. */
  to?: SlotId,
  /** 1 to 80 characters. */
  text: string, } | { "type": "disconnect",
  /** The source. */
  slot: SlotId, } | { "type": "admit_phone",
  /** The request's id. */
  request: string,
  /** Where. */
  slot: SlotId, } | { "type": "refuse_phone",
  /** The request's id. */
  request: string, } | { "type": "revoke_access",
  /** The label, as events name it. */
  label: string, } | { "type": "renew_crew_code", } | { "type": "verify_recording",
  /** Its id. */
  id: string, } | { "type": "repair_recording",
  /** Its id. */
  id: string, } | { "type": "delete_recording",
  /** Its id. */
  id: string, } | { "type": "undo", } | { "type": "destination",
  /** Its name. */
  name: string,
  /** Whether it sends. */
  on: boolean, } | { "type": "end_session", };

/** The verdict on a camera that joined. The names are a contract with phones and scripts. */
export type Admission = {
  /** Whether the camera takes part. */
  accepted: boolean,
  /** One sentence for a person; empty when there is nothing to say. */
  reason: string,
  /** What the person or the phone can do about it. */
  suggested_adjustments: Array<string>,
  /** What the studio wants the phone to send, bits a second. */
  expected_bitrate: number,
  /** What the studio wants the phone to send, pixels. */
  expected_size: Size,
  /** What the studio wants the phone to send, pictures a second. */
  expected_rate: number,
  /** 0 is served first when time is short. */
  processing_priority: number, };

/** The delay that the show allows for pictures to arrive. */
export type BudgetView = {
  /** Milliseconds now. */
  now_ms: number,
  /** Where it is going. */
  target_ms: number, };

/** One camera. */
export type CameraView = {
  /** Its slot. */
  slot: SlotId,
  /** Its name. */
  name: string,
  /** Its position, `center_ice` and so on, or empty. */
  position: string,
  /** How it comes in: `webrtc`, `rtsp`, `srt`, `rtmp`, `mjpeg`, `chunks`, `file`, `device`. */
  protocol: string,
  /** The way in, as it is supervised. */
  input: InputView,
  /** Its state. */
  state: SourceState,
  /** On air. */
  live: boolean,
  /** Next. */
  next: boolean,
  /** The verdict at its join. */
  admission: Admission | null,
  /** Picture size as it comes. */
  size: Size | null,
  /** Codec as it comes: `h264`, `vp8`. */
  codec: string | null,
  /** Measured. */
  stats: SourceStats,
  /** Its clock. */
  clock: ClockState | null,
  /** Whether it is inside the show's budget. */
  locked: boolean,
  /** Capture to arrival, milliseconds; none where the sender's clock is not known. */
  delay_ms: Percentiles | null,
  /** Pictures received since the session's start. */
  frames: number,
  /** Pictures known to be lost since the session's start; none where nothing counts them: only WebRTC's way in does. What share of
   * the packets is lost before repair stands in `stats.loss`. */
  lost: number | null,
  /** Times it came back. */
  reconnects: number,
  /** 0 to 1; none: not judged. */
  quality: number | null,
  /** Peak of its sound over the last 100 ms, dBFS. */
  level_dbfs: number | null,
  /** Its fader. */
  fader: Fader,
  /** What is taken off its capture times, milliseconds. */
  trim_ms: number,
  /** Whether somebody or a sync set that. */
  trimmed: boolean,
  /** 0 is served first when time is short. */
  priority: number,
  /** What it has to do without for now: `none`, `keys_only`. */
  shed: string,
  /** Whether it hears the director or the programme at the moment: `off`, `programme`, `director`. */
  hears: string, };

/** What is known of a remote clock. */
export type ClockState = {
  /** Remote minus studio, milliseconds, at the newest sample. */
  offset_ms: number,
  /** Parts per million that the remote clock runs fast. */
  drift_ppm: number,
  /** Half-width of what the offset may be off, milliseconds. */
  uncertainty_ms: number,
  /** Whether round trips decided it. */
  two_way: boolean, };

/** A command as it comes through the door. */
export type Command = {
  /** Idempotency key of the sender's, 1 to 64 characters: the same id gets the same answer and acts once. */
  id: string,
  /** What is asked. */
  command: Action, };

/** A destination of the settings, without its key. */
export type Destination = {
  /** Its name. */
  name: string,
  /** `rtmp` or `srt`. */
  kind: string,
  /** Address without key. */
  url: string, };

/** The encoder in use. */
export type Encoder = {
  /** GStreamer element name. */
  name: string,
  /** Bits a second asked for. */
  bitrate_bps: number, };

/** One run of the studio within a session, counted from 1. */
export type EraId = number;

/** One entry of the append-only log. */
export type Event = {
  /** Gap-free from 1 within the session. */
  seq: number,
  /** The session's id. */
  session: string,
  /** The run of the studio. */
  era: EraId,
  /** When, in show time. */
  media_time: MediaTime,
  /** When, by the wall clock. */
  wall: Wall,
  /** Who: a token's label, `studio`, `failover`. */
  actor: string,
  /** The command that led to it. */
  command_id: string | null,
  /** [`SCHEMA_VERSION`] of the writer. */
  schema_version: number, } & ({ "type": "era_opened",
  /** Its number. An event has an `era` of its own, so this one needs another name beside it. */
  opened_era: EraId,
  /** The wall clock at `media_time`. */
  wall_anchor: Wall,
  /** The session's time at its start. */
  offset: MediaTime, } | { "type": "cut_made",
  /** What was live; none: the slate. */
  from: SlotId | null,
  /** What is live; none: the slate. */
  to: SlotId | null,
  /** How. */
  transition: TransitionKind,
  /** Milliseconds. */
  duration_ms: number,
  /** Who: `director`, `script`, `failover`… */
  by: string,
  /** Why, one sentence; empty when a person did it. */
  reason: string, } | { "type": "next_chosen",
  /** The camera. */
  slot: SlotId | null, } | { "type": "transition_set",
  /** How. */
  kind: TransitionKind,
  /** Milliseconds. */
  duration_ms: number, } | { "type": "layout_set",
  /** The arrangement. */
  layout: Layout, } | { "type": "slate_set",
  /** Whether it shows. */
  on: boolean, } | { "type": "team_set",
  /** Which side. */
  side: Side,
  /** The team. */
  team: Team, } | { "type": "clock_set",
  /** The clock. */
  clock: MatchClock, } | { "type": "graphic_set",
  /** Which. */
  graphic: Graphic,
  /** As it is now. */
  state: GraphicState, } | { "type": "sound_set",
  /** The choice. */
  sound: SoundChoice, } | { "type": "fader_set",
  /** Whose. */
  slot: SlotId,
  /** As it is now. */
  fader: Fader, } | { "type": "camera_named",
  /** Which. */
  slot: SlotId,
  /** Its name. */
  name: string,
  /** Its position. */
  position: string, } | { "type": "source_changed",
  /** Which. */
  slot: SlotId,
  /** Before. */
  from: SourceState,
  /** Now. */
  to: SourceState,
  /** One sentence. */
  reason: string, } | { "type": "trim_set",
  /** Which. */
  slot: SlotId,
  /** Milliseconds taken off its capture times. */
  trim_ms: number, } | { "type": "priority_set",
  /** Which. */
  slot: SlotId,
  /** 0 is served first. */
  priority: number, } | { "type": "sound_processing_set",
  /** As it is now. */
  processing: SoundProcessing, } | { "type": "source_set",
  /** Which. */
  slot: SlotId,
  /** `rtsp`, `mjpeg`, `file`, `device`; `webrtc` when it takes whoever comes. */
  protocol: string,
  /** Where, without secrets. */
  address: string, } | { "type": "destination_set",
  /** Its name. */
  name: string,
  /** `rtmp` or `srt`. */
  kind: string,
  /** Where, without its key. */
  address: string, } | { "type": "destination_removed",
  /** Its name. */
  name: string, } | { "type": "access_changed",
  /** What happened. */
  what: AccessChange,
  /** Whose: a label, or an address that was locked out. */
  label: string,
  /** What they may do; empty when nothing. */
  role: string, } | { "type": "load_shed",
  /** 0 when nothing is shed, up to 3. */
  level: number,
  /** What is shed now, one phrase each. */
  shed: Array<string>,
  /** Why. */
  reason: string, } | { "type": "encoder_changed",
  /** The encoder now in use. */
  encoder: string,
  /** Why. */
  reason: string, } | { "type": "segment_mended",
  /** Its name. */
  name: string,
  /** `remade` or `gap`. */
  how: string,
  /** What was wrong. */
  reason: string, } | { "type": "undone",
  /** Sequence number of the undone event; the event that tells of it has a `seq` of its own. */
  undone_seq: number, } | { "type": "destination_changed",
  /** Its name. */
  name: string,
  /** `connecting`, `live`, `waiting`, `refused`, `off`. */
  state: string,
  /** One sentence, no secret. */
  reason: string, } | { "type": "recording_changed",
  /** File name within the session's folder. */
  file: string,
  /** `started`, `finished`, `repaired`, `verified`, `deleted`, `failed`. */
  state: string,
  /** One sentence. */
  reason: string, } | { "type": "session_ended", });

/** A camera's fader. */
export type Fader = {
  /** -60 to +12 dB. */
  gain_db: number,
  /** Whether it is silent. */
  muted: boolean,
  /** Milliseconds later, 0 to 500. */
  delay_ms: number, };

/** A graphic on air. */
export type Graphic = "score_bug" | "clock" | "lower_third";

/** Words of a graphic and whether it shows. */
export type GraphicState = {
  /** Whether it shows. */
  on: boolean,
  /** First line. */
  title: string,
  /** Second line. */
  subtitle: string, };

/** This machine. */
export type Health = {
  /** Cores' worth of CPU in use by the studio. */
  cpu: number | null,
  /** Resident memory, bytes. */
  rss_bytes: number | null,
  /** Free disk where recordings go, bytes. */
  disk_free_bytes: number | null,
  /** Recording time left at the present rate, seconds. */
  disk_left_s: number | null,
  /** Share of all cores in use by everything on this machine, 0 to 1. */
  machine_cpu: number | null,
  /** Memory that is still free, bytes. */
  memory_free_bytes: number | null,
  /** Received by this machine, bits a second. */
  network_in_bps: number | null,
  /** Sent by this machine, bits a second. */
  network_out_bps: number | null,
  /** Hottest sensor, degrees Celsius; none where there is none to read. */
  temperature_c: number | null, };

/** How a source is reached. */
export type InputView = {
  /** `listening`, `connecting`, `connected`, `waiting`, `refused`, `off`. */
  state: string,
  /** Where, without secrets; empty when it takes whoever comes. */
  address: string,
  /** One sentence for a person; empty when all is well. */
  detail: string,
  /** Until the next attempt, milliseconds. */
  retry_in_ms: number | null,
  /** Which decoder, by its element's name. */
  decoder: string | null, };

/** Somebody with the crew code. */
export type JoinRequest = {
  /** Names the request. */
  id: string,
  /** What they called themselves. */
  name: string,
  /** Six digits that their phone shows too. */
  digits: string,
  /** When they asked, microseconds since 1970. */
  since: Wall, };

/** An invitation. It holds secrets: never log it. */
export type JoinTicket = {
  /** How often it can be used. */
  kind: TicketKind,
  /** What the holder may do. */
  role: Role,
  /** The camera position, for a camera. */
  slot: SlotId | null,
  /** The page to open, with the token in its fragment. */
  page: string,
  /** The same page by every other address of this machine: never depend on a name being found. */
  other_pages: Array<string>,
  /** The token itself; a crew code is short enough to be typed. */
  token: string,
  /** When it becomes void, microseconds since 1970; none: when somebody makes it so. */
  expires: Wall | null,
  /** SHA-256 of the server's certificate, hexadecimal. */
  certificate_sha256: string,
  /** For apps that speak SRT, where the ticket is a camera's. */
  srt: SrtInvitation | null,
  /** For apps that speak RTMP, where the ticket is a camera's. */
  rtmp: RtmpInvitation | null, };

/** How cameras fill the picture. */
export type Layout = { "type": "full" } | { "type": "picture_in_picture",
  /** The small one. */
  inset: SlotId, } | { "type": "side_by_side",
  /** The right one. */
  right: SlotId, };

/** What is shed because time is short: the preview's rate first, then the decoding of cameras that are off air, then the
 * programme's every other picture. Never sound, score or recordings. */
export type Load = {
  /** 0 when nothing is shed, up to 3. */
  level: number,
  /** What is shed, one phrase each. */
  shed: Array<string>, };

/** The match clock. It counts down or up from `millis` since `since` while it runs. */
export type MatchClock = {
  /** What it showed at `since`, milliseconds. */
  millis: number,
  /** When it was last started, stopped or set. */
  since: MediaTime,
  /** Whether it runs. */
  running: boolean,
  /** Whether it counts down. */
  down: boolean,
  /** 1 is the first. */
  period: number, };

/** Signed nanoseconds since the session's epoch, or a distance between two such times. */
export type MediaTime = number;

/** Programme loudness. */
export type Meter = {
  /** Peak of each channel over the last 100 ms, dBFS. */
  peak_dbfs: [number, number],
  /** EBU R 128 short-term loudness, LUFS. */
  short_term_lufs: number | null,
  /** Reduction by the limiter, dB. */
  limiter_db: number,
  /** EBU R 128 momentary loudness, LUFS. */
  momentary_lufs: number | null,
  /** EBU R 128 integrated loudness since the start, LUFS. */
  integrated_lufs: number | null,
  /** Highest true peak since the start, dBTP. */
  true_peak_dbtp: number | null,
  /** Gain by which the level is led, dB. */
  ride_db: number,
  /** How far everything else steps back for the commentator now, dB. */
  duck_db: number, };

/** A microphone without a picture. */
export type MicrophoneView = {
  /** [`SlotId::COMMENTARY`] or [`SlotId::TALKBACK`]. */
  slot: SlotId,
  /** Who speaks. */
  name: string,
  /** `webrtc` or `device`. */
  protocol: string,
  /** Its state. */
  state: SourceState,
  /** Peak over the last 100 ms, dBFS. */
  level_dbfs: number | null,
  /** Its fader. */
  fader: Fader, };

/** The answer to a command. */
export type Outcome = { "seq": number } | { "refused": Refusal };

/** Something that leaves the studio. */
export type OutputView = {
  /** Its name. */
  name: string,
  /** `hls`, `whep`, `rtmp`, `srt`. */
  kind: string,
  /** Address without key. */
  url: string,
  /** `connecting`, `live`, `waiting`, `refused`, `off`. */
  state: string,
  /** One sentence for a person; empty when all is well. */
  detail: string,
  /** Sent and, where the protocol says, acknowledged. */
  bytes: number,
  /** Times it was reached again. */
  reconnects: number,
  /** Bits a second over the last seconds. */
  bitrate_bps: number | null,
  /** Until the next attempt, milliseconds. */
  retry_in_ms: number | null,
  /** Pictures and sound that were left out because it was slow or away. */
  dropped: number, };

/** The middle and the tail of a set of values. */
export type Percentiles = {
  /** Median. */
  p50: number,
  /** 95th percentile. */
  p95: number,
  /** 99th percentile. */
  p99: number,
  /** Largest. */
  max: number, };

/** What a sender should send from now on; a phone steps bitrate first, then size, then rate. */
export type PictureAdvice = {
  /** Bits a second. */
  bitrate_bps: number,
  /** Divide both sides by this, at least 1. */
  scale_down_by: number,
  /** Pictures a second at most. */
  max_fps: number, };

/** What the programme shows and what comes next. */
export type Program = {
  /** On air; none shows the slate. */
  live: SlotId | null,
  /** Next. */
  next: SlotId | null,
  /** Whether the slate was asked for. */
  slate: boolean,
  /** Arrangement. */
  layout: Layout,
  /** What `mix` does. */
  transition: TransitionKind,
  /** Milliseconds. */
  transition_ms: number, };

/** The programme's picture. */
export type ProgramView = {
  /** Canvas. */
  size: Size,
  /** Pictures a second. */
  rate: Rate,
  /** Ticks encoded. */
  frames: number,
  /** Ticks not encoded. */
  dropped: number,
  /** Ticks that showed a picture twice while the camera had a new one. */
  repeated: number,
  /** Black pictures that nobody asked for. */
  black: number,
  /** Time from tick to finished picture, milliseconds. */
  render_ms: Percentiles | null,
  /** Which encoder. */
  encoder: Encoder,
  /** Graphics adapter in use. */
  gpu: string | null, };

/** Pictures a second, as a fraction. */
export type Rate = {
  /** Pictures in [`Rate::den`] seconds. */
  num: number,
  /** Seconds, at least 1. */
  den: number, };

/** A recording. */
export type Recording = {
  /** Names it in commands: `cam1`, `programme`; of an earlier session with the session's id and `/` in front. */
  id: string,
  /** The camera; none: the programme. */
  source: SlotId | null,
  /** `iso` or `programme`. */
  kind: string,
  /** Absolute path of the one playable file, once there is one. */
  path: string | null,
  /** Absolute paths of its parts. */
  parts: Array<string>,
  /** Length. */
  seconds: number,
  /** Whether it was read back and plays; none: not tried. */
  playable: boolean | null,
  /** Whether it is being written. */
  writing: boolean,
  /** Bytes on disk. */
  bytes: number,
  /** Whether it may be called saved: `no` (not read back yet), `checking`, `repairing`, `saved`, `damaged`. */
  verified: string,
  /** How far a check or repair is, 0 to 1. */
  progress: number | null,
  /** What is wrong with it; empty when nothing is. */
  problem: string,
  /** Its tracks: `video h264`, `sound camera`, `sound programme`. */
  tracks: Array<string>, };

/** Why a request was not done. */
export type Refusal = {
  /** For programs. */
  code: RefusalCode,
  /** For people: what is wrong and what to do, one sentence. */
  message: string, };

/** Kinds of refusal; each has one HTTP status. */
export type RefusalCode = "invalid" | "unauthenticated" | "forbidden" | "not_found" | "conflict" | "gone" | "too_large" | "too_many" | "busy";

/** A role that a token carries. */
export type Role = "owner" | "director" | "camera" | "commentator" | "viewer";

/** What an RTMP app is set to. */
export type RtmpInvitation = {
  /** `rtmp://host:port/live`. */
  url: string,
  /** Stream key. */
  key: string, };

/** Life of a session (the states of the streaming design). */
export type SessionState = "Starting" | "Running" | "Completed" | "Stored" | "Failed";

/** Which team. */
export type Side = "home" | "away";

/** Width and height in pixels. */
export type Size = {
  /** Columns. */
  width: number,
  /** Rows. */
  height: number, };

/** One camera position of a session, counted from 1: what a person presses on the keyboard, and the `{slot}` of the API. */
export type SlotId = number;

/** Everything a page needs to draw the show. */
export type Snapshot = {
  /** Session id. */
  session: string,
  /** Its state. */
  state: SessionState,
  /** Run of the studio. */
  era: EraId,
  /** Show time when it was taken. */
  media_time: MediaTime,
  /** Sequence number of the newest event it contains. */
  seq: number,
  /** Live and next. */
  program: Program,
  /** The picture that leaves. */
  output: ProgramView,
  /** Home and away. */
  teams: [Team, Team],
  /** Match clock. */
  clock: MatchClock,
  /** What the clock shows at `media_time`, milliseconds. */
  clock_millis: number,
  /** By name: `score_bug`, `clock`, `lower_third`. */
  graphics: { [key in string]: GraphicState },
  /** Which sound. */
  sound: SoundChoice,
  /** How it is finished. */
  sound_processing: SoundProcessing,
  /** The programme's meter. */
  meter: Meter,
  /** By slot. */
  cameras: Array<CameraView>,
  /** Microphones without a picture: the commentator's, the director's. */
  microphones: Array<MicrophoneView>,
  /** Who came with the crew code and waits for the director. */
  joins: Array<JoinRequest>,
  /** Where it goes. */
  outputs: Array<OutputView>,
  /** What is being recorded. */
  recordings: Array<Recording>,
  /** The show's delay budget. */
  budget: BudgetView,
  /** This machine. */
  health: Health,
  /** What is shed because time is short. */
  load: Load,
  /** What needs attention, worst first. */
  warnings: Array<Warning>,
  /** Watching now, by every way. */
  viewers: number,
  /** Of these, by WebRTC. */
  viewers_whep: number, };

/** Which sound the programme carries. */
export type SoundChoice = { "type": "follow_video" } | { "type": "fixed",
  /** Whose. */
  slot: SlotId, } | { "type": "mix" };

/** How the programme's sound is finished. */
export type SoundProcessing = {
  /** How much louder the commentator is than everything else while he speaks, 6 to 20 LU. */
  ducking_db: number,
  /** Whether the level is led towards -16 LUFS. */
  riding: boolean, };

/** Life of a source. WHIP answers at once with `joining`. */
export type SourceState = "empty" | "joining" | "live" | "stale" | "lost" | "returning";

/** What is measured of a source over the last seconds. A value that was not measured is none. */
export type SourceStats = {
  /** Video and sound together, as received, bits a second. */
  bitrate_bps: number | null,
  /** Complete pictures a second. */
  fps: number | null,
  /** Share of packets lost before repair, 0 to 1. */
  loss: number | null,
  /** Inter-arrival jitter, milliseconds (RFC 3550, section 6.4.1). */
  jitter_ms: number | null,
  /** Round trip, milliseconds. */
  rtt_ms: number | null,
  /** Time to decode one picture, milliseconds, mean. */
  decode_ms: number | null, };

/** What an SRT app is set to. */
export type SrtInvitation = {
  /** `srt://host:port` of the slot's own port, caller mode. */
  url: string,
  /** Stream id. */
  stream_id: string,
  /** Passphrase, AES-128. */
  passphrase: string,
  /** Latency to set, milliseconds. */
  latency_ms: number, };

/** What several cameras see or hear at once, to set their clocks by. */
export type SyncKind = "flash" | "clap";

/** A team as graphics show it. */
export type Team = {
  /** Full name. */
  name: string,
  /** For the score bug. */
  short: string,
  /** `#rrggbb`. */
  colour: string,
  /** Points. */
  score: number, };

/** How often a ticket can be used. */
export type TicketKind = "personal" | "crew" | "link";

/** How one picture follows another. */
export type TransitionKind = "cut" | "dissolve" | "dip" | "wipe";

/** Wall-clock time: microseconds since 1970-01-01 UTC. For records and people, never for media. */
export type Wall = number;

/** Something that needs attention. */
export type Warning = {
  /** What it is about: `camera 2`, `disk`, a destination's name. */
  about: string,
  /** What it means for the show. */
  message: string,
  /** What to do. */
  remedy: string, };
