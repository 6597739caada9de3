import { Api, ApiError } from './api';
import { ShowTime } from './clock';
import { readStream } from './sse';
import type { Snapshot, StudioEvent } from './wire';

export type LinkState = 'connecting' | 'connected' | 'lost' | 'denied';

const SNAPSHOT_TIMEOUT_MS = 4000;
/** A token that is refused is seldom asked about again: the studio counts wrong ones and locks the door. */
const DENIED_WAIT_MS = 10_000;

/**
 * Keeps a page and the studio together: the snapshot is asked for every `pollMs` and at once after each event.
 * Measurements live in snapshots only, so the stream alone would not do.
 */
export class StudioLink {
  snapshot = $state.raw<Snapshot | null>(null);
  state = $state<LinkState>('connecting');
  reason = $state('');
  readonly time = new ShowTime();
  readonly listeners = new Set<(event: StudioEvent) => void>();

  private readonly closed = new AbortController();
  private wake: (() => void) | null = null;
  private again = false;
  private failures = 0;
  private newestSeq: number | null = null;

  constructor(
    readonly api: Api,
    private readonly pollMs: number,
  ) {}

  start(): void {
    void this.pollLoop();
    void this.eventLoop();
    document.addEventListener('visibilitychange', this.refresh);
    addEventListener('online', this.refresh);
  }

  stop(): void {
    this.closed.abort();
    this.wake?.();
    document.removeEventListener('visibilitychange', this.refresh);
    removeEventListener('online', this.refresh);
  }

  /** Asks for a snapshot now. */
  refresh = (): void => {
    // A question already on its way may have been answered before what we want to know happened.
    if (this.wake) this.wake();
    else this.again = true;
  };

  private async pollLoop(): Promise<void> {
    await this.api.login().catch(() => undefined); // The first snapshot says what is wrong, in the same words.
    while (!this.closed.signal.aborted) {
      await this.poll();
      await this.pause(this.waitMs());
    }
  }

  private waitMs(): number {
    if (this.state === 'denied') return DENIED_WAIT_MS;
    if (this.failures > 0) return Math.min(3000, 250 * 2 ** this.failures);
    return this.pollMs * (document.hidden ? 4 : 1);
  }

  private async poll(): Promise<void> {
    try {
      const snapshot = await this.api.snapshot(AbortSignal.any ? AbortSignal.any([this.closed.signal, AbortSignal.timeout(SNAPSHOT_TIMEOUT_MS)]) : this.closed.signal);
      this.time.take(snapshot);
      this.snapshot = snapshot;
      this.failures = 0;
      this.state = 'connected';
    } catch (error) {
      if (this.closed.signal.aborted) return;
      this.failures += 1;
      this.reason = error instanceof ApiError ? error.message : 'The studio does not answer.';
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) this.state = 'denied';
      else if (this.failures >= 2) this.state = 'lost';
    }
  }

  private async eventLoop(): Promise<void> {
    while (!this.closed.signal.aborted) {
      try {
        const answer = await this.api.events(this.newestSeq ?? this.snapshot?.seq ?? null, this.closed.signal);
        await readStream(answer, ({ data }) => this.takeEvent(data));
      } catch {
        // The poll loop reports a lost studio; the stream only has to come back.
      }
      await new Promise((resolve) => setTimeout(resolve, this.state === 'denied' ? DENIED_WAIT_MS : 1000));
    }
  }

  private takeEvent(data: string): void {
    try {
      const event = JSON.parse(data) as StudioEvent;
      if (typeof event.seq !== 'number') return;
      this.newestSeq = event.seq;
      if (event.seq > (this.snapshot?.seq ?? 0)) this.refresh();
      for (const listener of this.listeners) listener(event);
    } catch {
      // A message this page does not understand changes nothing: the snapshot holds the truth.
    }
  }

  private pause(millis: number): Promise<void> {
    if (this.again) {
      this.again = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, millis);
      this.wake = done;
    });
  }
}
