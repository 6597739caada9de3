export type PlayerState = 'starting' | 'playing' | 'stalled' | 'paused' | 'ended';

export type Via = 'whep' | 'hls';

/** One way of getting the programme into the picture. */
export interface Engine {
  readonly via: Via;
  readonly state: PlayerState;
  /** Seconds behind life; none until it plays. */
  readonly behind: number | null;
  readonly muted: boolean;
  readonly stats: [string, string][];
  readonly stalls: number;
  start(video: HTMLVideoElement): void;
  stop(): void;
  /** Back to life, because a person asked. */
  jump(): void;
  setMuted(muted: boolean): void;
  latency(): number | null;
  /** Wall-clock time of the picture that shows, milliseconds since 1970. */
  playingDate(): number | null;
}
