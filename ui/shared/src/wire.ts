// What crosses the border, by the names that pages use. The types themselves are generated from the studio's own;
// below stand only those that no Rust type of the wire describes: the data channel's words and the answers of single routes.

export type {
  AccessChange,
  Action,
  Admission,
  CameraView,
  ClockState,
  Command,
  Event as StudioEvent,
  Fader,
  Graphic as GraphicName,
  GraphicState,
  Health,
  InputView,
  JoinRequest,
  JoinTicket,
  Layout,
  Load,
  MatchClock,
  MediaTime,
  Meter,
  MicrophoneView,
  Outcome,
  OutputView,
  PictureAdvice,
  Program,
  Recording,
  Refusal,
  RefusalCode,
  Role,
  SessionState,
  Side,
  SlotId as Slot,
  Snapshot,
  SoundChoice,
  SoundProcessing,
  SourceState,
  SourceStats,
  SyncKind,
  Team,
  TicketKind,
  TransitionKind,
  Warning,
} from './generated/wire';

import type { Admission, JoinTicket, PictureAdvice, Recording, Role, SlotId, TicketKind } from './generated/wire';

/** Last camera position; behind it come the two microphones without a picture. */
export const MOST_CAMERAS = 32;
export const COMMENTARY: SlotId = 33;
export const TALKBACK: SlotId = 34;

/** A slot as paths name it. */
export const slotPath = (slot: SlotId): string => (slot === COMMENTARY ? 'commentary' : slot === TALKBACK ? 'talkback' : String(slot));

/** Leave to watch: a path with the grant in it, and when it ends. */
export interface WatchGrant {
  url: string;
  expires: string | null;
}

/** What a ticket or an admitted request is traded for. */
export interface Joined {
  token: string;
  role: Role;
  slot: SlotId | null;
}

/** The first answer to a crew code. */
export interface JoinAsked {
  request: string;
  digits: string;
}

/** One thing that lets people in, without its secret. */
export interface TicketView {
  label: string;
  role: Role;
  slot: SlotId | null;
  kind: TicketKind | 'token';
  issued: number;
  expires: number | null;
}

/** A ticket together with the label by which it is revoked, where the studio says it. */
export type IssuedTicket = JoinTicket & { label?: string };

/** A camera or microphone of the studio's own machine. */
export interface Device {
  id: string;
  label: string;
  kind: 'video' | 'audio';
  modes?: string[];
}

/** What feeds a position. Secrets go in and never come back. */
export interface SourceSetting {
  protocol: 'rtsp' | 'mjpeg' | 'file' | 'device' | 'srt' | 'rtmp' | 'webrtc';
  url?: string;
  user?: string;
  password?: string;
  transport?: 'tcp' | 'udp';
  path?: string;
  device?: string;
  microphone?: string;
}

/** A platform that the studio knows. */
export interface Preset {
  id: string;
  name: string;
  /** Its servers without the key, the preferred one first; none where the owner gives a whole address. */
  servers: string[];
  key_hint: string;
}

/** A destination of the settings, without its key. */
export interface DestinationSetting {
  name: string;
  kind: string;
  url: string;
  preset: string | null;
  has_key: boolean;
  /** Whether the settings file names it. */
  in_settings: boolean;
  /** What does not fit what the platform takes, one sentence each. */
  advice: string[];
}

export interface Destinations {
  presets: Preset[];
  destinations: DestinationSetting[];
}

/** What a test of a destination found. */
export interface DestinationReport {
  accepted: boolean;
  rtt_ms: number | null;
  throughput_bps: number;
  headroom: number;
  verdict: string;
  message: string;
}

/** The recordings of one session on this machine. */
export interface SessionRecordings {
  session: string;
  created: number | string | null;
  recordings: Recording[];
}

export interface AllRecordings {
  sessions: SessionRecordings[];
  free_bytes: number | null;
  left_s: number | null;
}

export type TallyState = 'idle' | 'ready' | 'next' | 'live' | 'replay';

/** The answer to one piece of a recording that a phone uploads. */
export interface ChunkAnswer {
  next: number;
  advice: PictureAdvice | null;
  tally: TallyState;
  admission: Admission | null;
}

/** What the studio says to a phone over the data channel. */
export type ToPhone =
  | { type: 'ping'; id: number }
  | { type: 'tally'; state: TallyState }
  | ({ type: 'admission' } & Admission)
  | ({ type: 'advice' } & PictureAdvice)
  | { type: 'message'; text: string }
  | { type: 'talk'; from: string; on: boolean }
  | { type: 'text'; text: string };

/** What a phone says to the studio. */
export type FromPhone =
  | { type: 'hello'; name: string; user_agent: string }
  | { type: 'pong'; id: number; clock_us: number }
  | { type: 'phone'; battery: number | null; dropped: number; width: number | null; height: number | null; fps: number | null; limited_by: string | null; visible: boolean }
  | { type: 'listen'; on: boolean }
  | { type: 'talk'; on: boolean };
