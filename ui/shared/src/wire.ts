// What crosses the border, by the names that pages use. The types themselves are generated from the studio's own;
// below stand only those that no Rust type of the wire describes: the data channel's words and the watch grant.

export type {
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
  JoinTicket,
  Layout,
  MatchClock,
  MediaTime,
  Meter,
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
  SourceState,
  SourceStats,
  Team,
  TransitionKind,
  Warning,
} from './generated/wire';

import type { Admission, PictureAdvice } from './generated/wire';

/** Leave to watch: a path with the grant in it, and when it ends. */
export interface WatchGrant {
  url: string;
  expires: string | null;
}

export type TallyState = 'live' | 'next' | 'ready';

/** What the studio says to a phone over the data channel. */
export type ToPhone =
  | { type: 'ping'; id: number }
  | { type: 'tally'; state: TallyState }
  | ({ type: 'admission' } & Admission)
  | ({ type: 'advice' } & PictureAdvice)
  | { type: 'message'; text: string };

/** What a phone says to the studio. */
export type FromPhone =
  | { type: 'hello'; name: string; user_agent: string }
  | { type: 'pong'; id: number; clock_us: number }
  | { type: 'phone'; battery: number | null; dropped: number; width: number | null; height: number | null; fps: number | null; limited_by: string | null; visible: boolean };
