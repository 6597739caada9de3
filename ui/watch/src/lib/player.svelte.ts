import type { Api } from '@shared/api';
import { Choice, forcedVia, type Failure } from './choice';
import type { Engine, PlayerState, Via } from './engine';
import { HlsEngine } from './hls.svelte';
import { WhepEngine } from './whep.svelte';

const LONGEST_RETRY_MS = 4000;

/** Shows the programme by the best way there is, and takes another one when that fails. */
export class Player {
  private engine = $state.raw<Engine | null>(null);
  /** Why it is not the direct way; empty when it is. */
  why = $state('');
  private readonly choice: Choice;
  private video: HTMLVideoElement | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private attempt = 0;
  private earlierStalls = 0;

  constructor(private readonly api: Api, search = location.search) {
    this.choice = new Choice(forcedVia(search), typeof RTCPeerConnection !== 'undefined');
  }

  get via(): Via | null {
    return this.engine?.via ?? null;
  }

  get state(): PlayerState {
    // Between two tries of the direct way the last picture stands.
    return this.engine?.state ?? (this.attempt > 0 ? 'stalled' : 'starting');
  }

  get behind(): number | null {
    return this.engine?.behind ?? null;
  }

  get muted(): boolean {
    return this.engine?.muted ?? this.video?.muted ?? false;
  }

  get stats(): [string, string][] {
    return this.engine?.stats ?? [];
  }

  get stalls(): number {
    return this.earlierStalls + (this.engine?.stalls ?? 0);
  }

  start(video: HTMLVideoElement): void {
    this.video = video;
    this.take(this.choice.first());
  }

  stop(): void {
    if (this.retry) clearTimeout(this.retry);
    this.engine?.stop();
    this.engine = null;
    this.video = null;
  }

  /** The studio was started anew. */
  restarted(): void {
    if (!this.video) return;
    const via = this.choice.again();
    // Pieces go on over a restart by themselves and need no new player.
    if (via === 'hls' && this.via === 'hls') return;
    this.attempt = 0;
    this.take(via);
  }

  jump = (): void => this.engine?.jump();

  setMuted(muted: boolean): void {
    this.engine?.setMuted(muted);
  }

  latency(): number | null {
    return this.engine?.latency() ?? null;
  }

  playingDate(): number | null {
    return this.engine?.playingDate() ?? null;
  }

  private take(via: Via): void {
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    if (!this.video) return;
    this.engine?.stop();
    this.why = via === 'hls' ? this.choice.why : '';
    this.engine = via === 'whep' ? new WhepEngine(this.api, (failure, stalls) => this.failed(failure, stalls)) : new HlsEngine(this.api);
    this.engine.start(this.video);
  }

  private failed(failure: Failure, stalls: number): void {
    this.earlierStalls += stalls;
    if (this.engine?.state !== 'starting') this.attempt = 0;
    this.engine = null;
    const via = this.choice.after(failure, performance.now());
    const wait = via === 'hls' ? 0 : Math.min(LONGEST_RETRY_MS, 250 * 2 ** this.attempt);
    this.attempt += 1;
    this.retry = setTimeout(() => this.take(via), wait);
  }
}
