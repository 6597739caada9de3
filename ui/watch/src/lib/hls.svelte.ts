import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData } from 'hls.js';
import type { Api } from '@shared/api';
import type { Engine, PlayerState } from './engine';
import { Pace } from './pace';

const TICK_MS = 250;
const UNSTICK_MS = 3000;
const RECOVER_MS = 8000;
const REBUILD_MS = 15_000;
const LONGEST_RETRY_MS = 5000;
/** A clock that disagrees by more than this with the playlist is wrong rather than the picture late. */
const CLOCK_TRUST_S = 4;

/** Plays the programme from pieces (LL-HLS), close to life, and gets going again by itself. */
export class HlsEngine implements Engine {
  readonly via = 'hls';
  state = $state<PlayerState>('starting');
  /** Seconds behind life; none until it plays. */
  behind = $state<number | null>(null);
  muted = $state(false);
  stats = $state.raw<[string, string][]>([]);
  stalls = 0;

  private hls: Hls | null = null;
  private video: HTMLVideoElement | null = null;
  private pace = new Pace();
  private timer: ReturnType<typeof setInterval> | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private attempt = 0;
  private lastTime = 0;
  private movedAt = 0;
  private unstuck = 0;
  /** Whether this device's clock agreed with the stream's dates while all was well; it does not change when the picture stops. */
  private clockAgrees = false;
  /** The grant in use; none asks for a fresh one. */
  private url: string | null = null;

  constructor(private readonly api: Api) {}

  start(video: HTMLVideoElement): void {
    this.video = video;
    this.muted = video.muted;
    video.addEventListener('playing', this.onPlaying);
    video.addEventListener('pause', this.onPause);
    video.addEventListener('ended', this.onEnded);
    video.addEventListener('volumechange', this.onVolume);
    document.addEventListener('visibilitychange', this.onVisible);
    addEventListener('online', this.onOnline);
    this.timer = setInterval(() => this.tick(), TICK_MS);
    void this.build();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    if (this.retry) clearTimeout(this.retry);
    document.removeEventListener('visibilitychange', this.onVisible);
    removeEventListener('online', this.onOnline);
    this.hls?.destroy();
    this.hls = null;
    const { video } = this;
    this.video = null;
    if (!video) return;
    video.removeEventListener('playing', this.onPlaying);
    video.removeEventListener('pause', this.onPause);
    video.removeEventListener('ended', this.onEnded);
    video.removeEventListener('volumechange', this.onVolume);
    video.playbackRate = 1;
    video.removeAttribute('src');
    video.load();
  }

  /** Back to life, because a person asked. */
  jump = (): void => {
    const { video } = this;
    if (!video) return;
    const position = this.hls?.liveSyncPosition ?? (video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) - 2 : null);
    if (position !== null && Number.isFinite(position)) video.currentTime = position;
    void this.play();
  };

  setMuted(muted: boolean): void {
    if (!this.video) return;
    this.video.muted = muted;
    if (this.video.paused) void this.play();
  }

  /** Wall-clock time of the picture that shows, milliseconds since 1970, by the stream's own date. */
  playingDate(): number | null {
    const date = this.hls?.playingDate?.getTime() ?? this.nativeDate();
    return date !== null && Number.isFinite(date) ? date : null;
  }

  /** Seconds behind life: by date where this device's clock can be believed, else behind the newest media. */
  latency(): number | null {
    const edge = this.hls && this.hls.latency > 0 ? this.hls.latency : null;
    const date = this.playingDate();
    const byDate = date === null ? null : (Date.now() - date) / 1000;
    if (byDate === null) return edge;
    if (edge === null) return byDate > 0 && byDate < 60 ? byDate : null;
    if (this.state === 'playing') this.clockAgrees = byDate >= edge - 0.5 && byDate - edge < CLOCK_TRUST_S;
    return this.clockAgrees ? byDate : edge;
  }

  private nativeDate(): number | null {
    const video = this.video as (HTMLVideoElement & { getStartDate?: () => Date }) | null;
    const start = this.hls ? null : (video?.getStartDate?.().getTime() ?? null);
    return start === null || !video ? null : start + video.currentTime * 1000;
  }

  private async build(): Promise<void> {
    try {
      this.url ??= (await this.api.watch()).url;
    } catch {
      return this.later();
    }
    const { url } = this;
    if (!this.video) return;
    this.movedAt = performance.now();
    this.unstuck = 0;
    // Native players hold further back and cannot be paced, so they are the last resort (iOS without Media Source).
    if (Hls.isSupported()) return this.buildHls(url, this.video);
    this.video.src = url;
    void this.play();
  }

  private buildHls(url: string, video: HTMLVideoElement): void {
    this.hls?.destroy();
    this.pace = new Pace();
    const hls = new Hls({
      lowLatencyMode: true,
      backBufferLength: 10,
      // The pace is ours: see Pace. The distance is the stream's own PART-HOLD-BACK.
      maxLiveSyncPlaybackRate: 1,
      liveSyncOnStallIncrease: 0,
      maxBufferLength: 12,
      // Fragments come as fragmented MP4, so there is nothing to convert that a worker would be worth.
      enableWorker: false,
    });
    this.hls = hls;
    hls.on(Events.ERROR, (_, data) => this.onError(data));
    hls.on(Events.MANIFEST_PARSED, () => void this.play());
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  private async play(): Promise<void> {
    const { video } = this;
    if (!video) return;
    try {
      await video.play();
    } catch {
      // Sound needs a tap first; the picture does not.
      if (video.muted) return;
      video.muted = true;
      await video.play().catch(() => (this.state = 'paused'));
    }
  }

  private tick(): void {
    const { video, hls } = this;
    if (!video) return;
    this.behind = this.latency();
    const now = performance.now();
    if (video.currentTime !== this.lastTime || video.paused || document.hidden) {
      if (video.currentTime !== this.lastTime) this.unstuck = 0;
      this.lastTime = video.currentTime;
      this.movedAt = now;
    } else {
      this.unstick(now - this.movedAt);
    }
    const details = hls?.latestLevelDetails;
    if (!hls || !details?.live || video.paused || video.seeking) return;
    const holdBack = details.partHoldBack || details.holdBack || 3 * details.targetduration;
    const order = this.pace.decide({ behind: hls.latency, holdBack, buffered: this.buffered() }, now / 1000);
    if ('jump' in order) this.jump();
    else if (video.playbackRate !== order.rate) video.playbackRate = order.rate;
    this.stats = this.readStats(hls, video, holdBack);
  }

  /** Seconds of media behind the picture that shows. */
  private buffered(): number {
    const { video } = this;
    if (!video) return 0;
    for (let at = 0; at < video.buffered.length; at += 1) {
      if (video.buffered.start(at) <= video.currentTime + 0.1 && video.currentTime < video.buffered.end(at)) return video.buffered.end(at) - video.currentTime;
    }
    return 0;
  }

  /** Three helps for a picture that stands, each stronger than the one before. */
  private unstick(stoodMs: number): void {
    if (stoodMs > 700 && this.state === 'playing') this.state = 'stalled';
    if (stoodMs > REBUILD_MS && this.unstuck < 3) {
      this.rebuildNow();
    } else if (stoodMs > RECOVER_MS && this.unstuck < 2) {
      this.unstuck = 2;
      this.hls?.recoverMediaError();
      void this.play();
    } else if (stoodMs > UNSTICK_MS && this.unstuck < 1) {
      this.unstuck = 1;
      this.hls?.startLoad();
      this.jump();
    }
  }

  private onError(data: ErrorData): void {
    if (data.details === ErrorDetails.BUFFER_STALLED_ERROR) {
      this.stalls += 1;
      this.pace.stalled(performance.now() / 1000);
    }
    if (!data.fatal) return;
    if ([401, 403, 404, 410].includes(data.response?.code ?? 0)) this.url = null;
    if (data.type === ErrorTypes.MEDIA_ERROR && this.unstuck < 2) {
      this.unstuck = 2;
      this.hls?.recoverMediaError();
    } else {
      this.state = 'stalled';
      this.later();
    }
  }

  private later(): void {
    if (this.retry || !this.video) return;
    const wait = Math.min(LONGEST_RETRY_MS, 500 * 2 ** this.attempt++);
    this.retry = setTimeout(() => {
      this.retry = null;
      void this.build();
    }, wait);
  }

  /** A fresh grant and a fresh player. */
  private rebuildNow = (): void => {
    this.unstuck = 3;
    this.movedAt = performance.now();
    this.later();
  };

  private onOnline = (): void => {
    if (this.state === 'stalled' || this.state === 'starting') this.rebuildNow();
  };

  private onPlaying = (): void => {
    this.attempt = 0;
    this.state = 'playing';
  };

  private onPause = (): void => {
    if (this.video?.ended) return;
    this.state = 'paused';
  };

  private onEnded = (): void => {
    this.state = 'ended';
  };

  private onVolume = (): void => {
    this.muted = this.video?.muted ?? false;
  };

  private onVisible = (): void => {
    // A hidden page is held up by the browser: what it shows on return is old.
    if (!document.hidden && this.state !== 'ended' && (this.latency() ?? 0) > 5) this.jump();
  };

  private readStats(hls: Hls, video: HTMLVideoElement, holdBack: number): [string, string][] {
    const level = hls.levels[hls.currentLevel >= 0 ? hls.currentLevel : 0];
    const quality = video.getVideoPlaybackQuality?.();
    const number = (value: number | null | undefined, unit: string, digits = 1) => (value === null || value === undefined || !Number.isFinite(value) ? '–' : `${value.toFixed(digits)} ${unit}`);
    return [
      ['Way', 'Buffered (LL-HLS)'],
      ['Behind life', number(this.behind, 's', 2)],
      ['Behind the newest piece', number(hls.latency, 's', 2)],
      ['Wanted distance', number(this.pace.target(holdBack), 's', 2)],
      ['Ready to play', number(this.buffered(), 's', 2)],
      ['Speed', `×${video.playbackRate.toFixed(2)}`],
      ['Picture', `${video.videoWidth}×${video.videoHeight}`],
      ['Quality', level ? number(level.bitrate / 1e6, 'Mb/s') : '–'],
      ['Network', number(hls.bandwidthEstimate / 1e6, 'Mb/s')],
      ['Pictures dropped', quality ? `${quality.droppedVideoFrames} of ${quality.totalVideoFrames}` : '–'],
      ['Stops', String(this.stalls)],
    ];
  }
}
