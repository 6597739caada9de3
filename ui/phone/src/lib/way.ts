import type { FromPhone, ToPhone } from '@shared/wire';

/** What a way to the studio tells the station. */
export interface WayEvents {
  connected(): void;
  message(message: ToPhone): void;
  /** Sound comes back from the studio. */
  heard(stream: MediaStream): void;
  /** It broke; `reached` says whether it had ever worked. */
  lost(reason: string, reached: boolean): void;
  /** The studio said no. */
  refused(error: unknown): void;
}

/** How well pictures get through. */
export interface Measure {
  steps: number;
  dropped: number;
  limitedBy: string | null;
}

/** One way of sending, from its start to its end. It does not come back by itself; a new one is made instead. */
export interface Way {
  readonly kind: 'webrtc' | 'chunks';
  /** Whether it works at the moment. */
  readonly up: boolean;
  start(): Promise<void>;
  send(message: FromPhone): void;
  /** Goes on with another camera or microphone. */
  replace(stream: MediaStream): Promise<void>;
  measure(): Promise<Measure>;
  close(): void;
}

export type Plan = 'auto' | 'chunks';

/** Connections by WebRTC that never came about before the other plan is taken. */
const UNREACHED_LIMIT = 2;

/** Which way is tried next. */
export function nextWay(plan: Plan, unreached: number, can: { webrtc: boolean; chunks: boolean }): Way['kind'] | null {
  if (!can.chunks) return can.webrtc ? 'webrtc' : null;
  if (!can.webrtc || plan === 'chunks' || unreached >= UNREACHED_LIMIT) return 'chunks';
  return 'webrtc';
}

/** The plan that an address asks for, or none. */
export function planOf(search: string): Plan | null {
  const asked = new URLSearchParams(search).get('plan');
  return asked === 'b' ? 'chunks' : asked === 'a' ? 'auto' : null;
}
