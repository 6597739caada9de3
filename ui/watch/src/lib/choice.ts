import type { Via } from './engine';

/** Why the direct way is left, or what became of it. */
export type Failure = 'refused' | 'full' | 'unreached' | 'broke' | 'stalled' | 'busy';

/** Breaks or stalls of the direct way after which pieces are the better way: the network does not carry it. */
const MOST_FAILURES = 2;
/** A direct way that held for so long starts with a clean sheet. */
const FORGIVEN_MS = 60_000;

/** Which way a page may take, by its address. */
export function forcedVia(search: string): Via | null {
  const asked = new URLSearchParams(search).get('via');
  return asked === 'hls' || asked === 'whep' ? asked : null;
}

/** Decides between the direct way and pieces. Directly is nearer to life; pieces get through everywhere and serve any number. */
export class Choice {
  private failures = 0;
  private lastMs = -Infinity;
  /** Why the direct way was left, for a person; empty while it is in use. */
  why = '';

  constructor(
    private readonly forced: Via | null,
    private readonly supported: boolean,
  ) {}

  first(): Via {
    if (this.forced) return this.forced;
    if (!this.supported) this.why = 'This browser has no direct way.';
    return this.supported ? 'whep' : 'hls';
  }

  /** The way after a failure of the direct one. */
  after(failure: Failure, nowMs: number): Via {
    if (nowMs - this.lastMs > FORGIVEN_MS) this.failures = 0;
    this.lastMs = nowMs;
    if (this.forced === 'whep') return 'whep';
    // Nobody answers: no other way would do better, and coming back directly is quickest.
    if (failure === 'busy') return 'whep';
    this.failures += failure === 'refused' || failure === 'full' ? MOST_FAILURES : 1;
    if (this.failures < MOST_FAILURES) return 'whep';
    this.why = failure === 'full' ? 'All direct places are taken.' : failure === 'stalled' || failure === 'broke' ? 'The direct way did not hold here.' : 'The direct way is not open here.';
    return 'hls';
  }

  /** The studio was started anew: what it refused before may be possible now. */
  again(): Via {
    this.failures = 0;
    this.why = '';
    return this.first();
  }
}
