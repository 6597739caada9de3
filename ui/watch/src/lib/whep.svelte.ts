import { Api, ApiError } from '@shared/api';
import { gathered } from '@shared/offer';
import type { Failure } from './choice';
import type { Engine, PlayerState } from './engine';
import { WhepStats } from './whep_stats';

const TICK_MS = 250;
const CONNECT_TIMEOUT_MS = 5000;
const STALL_MS = 700;
/** A picture that stands for so long is given up and asked for anew. */
const STALL_LIMIT_MS = 3000;
const STATS_EVERY = 4;
/** A figure beyond this is a clock that was set, not a late picture. */
const MOST_BEHIND_MS = 30_000;

type Frame = VideoFrameCallbackMetadata & { captureTime?: number };

/** Plays the programme straight from the studio by WebRTC. It makes one connection; what follows a failure is decided elsewhere. */
export class WhepEngine implements Engine {
  readonly via = 'whep';
  state = $state<PlayerState>('starting');
  behind = $state<number | null>(null);
  muted = $state(false);
  stats = $state.raw<[string, string][]>([]);
  stalls = 0;

  private readonly connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  private readonly stream = new MediaStream();
  private readonly abort = new AbortController();
  private readonly reader = new WhepStats();
  private video: HTMLVideoElement | null = null;
  private location: string | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;
  private timeout: ReturnType<typeof setTimeout> | null = null;
  private over = false;
  private ticks = 0;
  private frames = 0;
  private movedAt = 0;
  private seen: { behindS: number; atMs: number } | null = null;

  constructor(
    private readonly api: Api,
    private readonly failed: (failure: Failure, stalls: number) => void,
  ) {}

  start(video: HTMLVideoElement): void {
    this.video = video;
    this.muted = video.muted;
    this.movedAt = performance.now();
    video.addEventListener('volumechange', this.onVolume);
    video.addEventListener('pause', this.onPause);
    this.connection.onconnectionstatechange = () => this.onState();
    this.connection.ontrack = ({ track, receiver }) => {
      // Nothing is held back for safety: who wants that takes the pieces.
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
      this.stream.addTrack(track);
    };
    video.srcObject = this.stream;
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timeout = setTimeout(() => this.fail('unreached'), CONNECT_TIMEOUT_MS);
    this.nextFrame();
    void this.connect();
  }

  stop(): void {
    if (this.over) return;
    this.over = true;
    if (this.timer) clearInterval(this.timer);
    if (this.timeout) clearTimeout(this.timeout);
    this.abort.abort();
    this.connection.close();
    this.bye();
    const { video } = this;
    this.video = null;
    if (!video) return;
    video.removeEventListener('volumechange', this.onVolume);
    video.removeEventListener('pause', this.onPause);
    video.srcObject = null;
  }

  jump = (): void => {
    void this.play();
  };

  setMuted(muted: boolean): void {
    if (!this.video) return;
    this.video.muted = muted;
    if (this.video.paused) void this.play();
  }

  latency(): number | null {
    const fresh = this.seen !== null && performance.now() - this.seen.atMs < 2000;
    return fresh && this.seen ? Math.max(this.seen.behindS, this.reader.heldS) : this.reader.behindS;
  }

  playingDate(): number | null {
    const behind = this.state === 'starting' ? null : this.latency();
    return behind === null ? null : Date.now() - behind * 1000;
  }

  private async connect(): Promise<void> {
    try {
      this.connection.addTransceiver('video', { direction: 'recvonly' });
      this.connection.addTransceiver('audio', { direction: 'recvonly' });
      await this.connection.setLocalDescription(await this.connection.createOffer());
      await gathered(this.connection);
      const { sdp, location } = await this.api.whep(this.connection.localDescription?.sdp ?? '', this.abort.signal);
      this.location = location;
      if (this.over) return this.bye();
      await this.connection.setRemoteDescription({ type: 'answer', sdp });
      await this.play();
    } catch (error) {
      const status = error instanceof ApiError ? error.status : -1;
      this.fail(status === 503 || status === 429 ? 'full' : status === 0 || status === 409 ? 'busy' : 'refused');
    }
  }

  private async play(): Promise<void> {
    const { video } = this;
    if (!video) return;
    try {
      await video.play();
    } catch {
      // Sound needs a tap first; the picture does not.
      if (this.over || video.muted) return;
      video.muted = true;
      await video.play().catch(() => this.over || (this.state = 'paused'));
    }
  }

  private onState(): void {
    const { connectionState } = this.connection;
    if (connectionState === 'connected' && this.timeout) clearTimeout(this.timeout);
    if (connectionState === 'connected') this.movedAt = performance.now();
    if (connectionState === 'failed' || connectionState === 'disconnected') this.fail('broke');
  }

  /** Each picture tells when it was taken, as far as the studio's reports and the round trip let the browser know. */
  private nextFrame(): void {
    this.video?.requestVideoFrameCallback?.((_now, frame: Frame) => {
      if (this.over) return;
      const behindMs = frame.captureTime === undefined ? NaN : frame.expectedDisplayTime - frame.captureTime;
      // One picture's figure jitters by what a screen and a clock's steps cost: a running mean stands still enough to be read.
      if (behindMs > 0 && behindMs < MOST_BEHIND_MS) this.seen = { behindS: (this.seen?.behindS ?? behindMs / 1000) * 0.9 + behindMs / 10_000, atMs: performance.now() };
      this.nextFrame();
    });
  }

  private tick(): void {
    const { video } = this;
    if (!video || this.over) return;
    const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? Math.floor(video.currentTime * 30);
    const now = performance.now();
    const moved = frames !== this.frames;
    this.frames = frames;
    if (moved || video.paused || document.hidden || this.connection.connectionState !== 'connected') {
      if (moved && !video.paused) this.state = 'playing';
      this.movedAt = now;
    } else if (this.state !== 'starting' || now - this.movedAt > STALL_LIMIT_MS) {
      this.stood(now - this.movedAt);
    }
    if (this.over) return;
    this.behind = this.state === 'playing' || this.state === 'stalled' ? this.latency() : null;
    if (this.ticks++ % STATS_EVERY === 0) void this.measure();
  }

  private stood(forMs: number): void {
    if (forMs > STALL_MS && this.state === 'playing') {
      this.state = 'stalled';
      this.stalls += 1;
    }
    if (forMs > STALL_LIMIT_MS) this.fail('stalled');
  }

  private async measure(): Promise<void> {
    const report = await this.connection.getStats();
    if (this.over) return;
    this.stats = this.reader.take(report, this.behind, this.stalls);
  }

  private onVolume = (): void => {
    this.muted = this.video?.muted ?? false;
  };

  private onPause = (): void => {
    this.state = 'paused';
  };

  private bye(): void {
    const { location } = this;
    this.location = null;
    if (location) void this.api.endSession(location).catch(() => undefined); // The studio ends a silent session by itself.
  }

  private fail(failure: Failure): void {
    if (this.over) return;
    this.stop();
    this.failed(failure, this.stalls);
  }
}
