import { Api, ApiError } from '@shared/api';
import type { Admission, Slot, TallyState, ToPhone } from '@shared/wire';
import { retryDelay } from './backoff';
import { CameraError, close, isAlive, listCameras, openCamera } from './camera';
import { Peer } from './peer';
import { signalSteps, StatsReader } from './signal';
import { WakeLock } from './wake';

export type Stage =
  | { name: 'hello' }
  | { name: 'asking' }
  | { name: 'ready' }
  | { name: 'connecting' }
  | { name: 'live' }
  | { name: 'waiting'; reason: string }
  | { name: 'stopped'; title: string; reason: string; again: boolean };

const CAMERA_KEY = 'touchline.camera';
const STATS_EVERY_MS = 1000;
/** A slot that this phone itself still holds in the studio's eyes frees itself within this time. */
const OWN_GHOST_MS = 15_000;
/** A camera that iOS paused for a call gives pictures again by itself; after this it is opened anew. */
const MUTED_MS = 3000;

/** The phone's whole life: camera, connection, coming back. The page draws it. */
export class Station {
  stage = $state<Stage>({ name: 'hello' });
  stream = $state.raw<MediaStream | null>(null);
  cameras = $state.raw<{ id: string; label: string }[]>([]);
  chosen = $state<string | null>(localStorage.getItem(CAMERA_KEY));
  tally = $state<TallyState>('ready');
  steps = $state(0);
  message = $state('');
  admission = $state.raw<Admission | null>(null);
  battery = $state<number | null>(null);
  /** Whether the picture is taller than wide, which a broadcast cannot use well. */
  upright = $state(false);
  readonly wake = new WakeLock();

  private wanted = false;
  private wasLive = 0;
  private attempt = 0;
  private run = 0;
  private peer: Peer | null = null;
  private stats = new StatsReader();
  private retry: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    readonly slot: Slot | null,
    readonly position: string,
  ) {
    document.addEventListener('visibilitychange', () => this.onReturn());
    addEventListener('online', () => this.onReturn());
    addEventListener('pagehide', () => this.peer?.close());
    addEventListener('pageshow', () => this.onReturn());
    setInterval(() => void this.measure(), STATS_EVERY_MS);
    void this.watchBattery();
  }

  /** Asks for the camera; a person pressed. */
  async allow(): Promise<void> {
    this.stage = { name: 'asking' };
    try {
      await this.openCamera();
      this.stage = { name: 'ready' };
    } catch (error) {
      this.stopFor(error);
    }
  }

  /** Takes another camera, before or during the show. */
  async choose(id: string): Promise<void> {
    this.chosen = id;
    localStorage.setItem(CAMERA_KEY, id);
    try {
      await this.openCamera();
    } catch (error) {
      this.stopFor(error);
    }
  }

  goLive(): void {
    this.wanted = true;
    this.attempt = 0;
    void this.wake.hold();
    void this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.drop();
    this.wake.release();
    this.stage = { name: 'ready' };
  }

  private async openCamera(): Promise<void> {
    // Phones give a camera to one holder, so the old one is let go first.
    if (this.chosen !== this.stream?.getVideoTracks()[0]?.getSettings().deviceId) close(this.stream);
    const stream = await openCamera(this.chosen);
    this.stream = stream;
    const track = stream.getVideoTracks()[0];
    track?.addEventListener('ended', () => this.onReturn());
    track?.addEventListener('mute', () => setTimeout(() => track.muted && !document.hidden && this.stream === stream && void this.reopen(), MUTED_MS));
    this.cameras = await listCameras();
    await this.replaceTracks(stream);
  }

  /** Gives a running connection the new camera's tracks, without a new session. */
  private async replaceTracks(stream: MediaStream): Promise<void> {
    for (const sender of this.peer?.connection.getSenders() ?? []) {
      const track = stream.getTracks().find((candidate) => candidate.kind === sender.track?.kind);
      if (track) await sender.replaceTrack(track).catch(() => this.lost('The camera changed.'));
    }
  }

  private async reopen(): Promise<void> {
    try {
      close(this.stream);
      await this.openCamera();
    } catch (error) {
      this.stopFor(error);
    }
  }

  private async connect(): Promise<void> {
    this.drop();
    if (!this.wanted || this.slot === null) return;
    const run = ++this.run;
    if (this.stage.name !== 'waiting') this.stage = { name: 'connecting' };
    try {
      if (!isAlive(this.stream)) await this.openCamera();
      if (!this.stream || run !== this.run) return;
      this.stats = new StatsReader();
      const peer = new Peer(this.api, this.slot, this.position, this.stream, {
        connected: () => run === this.run && this.onConnected(),
        message: (message) => run === this.run && this.onMessage(message),
        lost: (reason) => run === this.run && this.lost(reason),
      });
      this.peer = peer;
      await peer.start();
    } catch (error) {
      if (run !== this.run || (error instanceof DOMException && error.name === 'AbortError')) return;
      this.onRefused(error);
    }
  }

  private onConnected(): void {
    this.attempt = 0;
    this.wasLive = Date.now();
    this.stage = { name: 'live' };
    void this.wake.hold();
  }

  private onMessage(message: ToPhone): void {
    if (message.type === 'tally') this.tally = message.state;
    else if (message.type === 'message') this.message = message.text;
    else if (message.type === 'admission') this.admission = message;
  }

  private onRefused(error: unknown): void {
    if (error instanceof CameraError) return this.stopFor(error);
    if (!(error instanceof ApiError)) return this.lost('This browser could not start the connection.');
    const again = this.wasLive > 0 && Date.now() - this.wasLive < OWN_GHOST_MS;
    if (error.status === 409 && !again) return this.end('This place is taken', error.message || 'Another phone already stands here. Ask the director for another place, or try again when it is free.', true);
    if (error.status === 401 || error.status === 410) return this.end('This link is over', 'Ask the director for a fresh code and scan it.', false);
    if (error.status === 403) return this.end('This link is not for a camera', error.message, false);
    if (error.status === 404) return this.end('This place does not exist', 'Ask the director for another code and scan it.', false);
    if (error.status === 400 || error.status === 413) return this.end('This browser does not fit', error.message, true);
    this.lost(error.message);
  }

  private lost(reason: string): void {
    if (this.stage.name === 'live') this.wasLive = Date.now();
    this.drop();
    if (!this.wanted) return;
    // The studio said what is wrong before it hung up: coming back unchanged would only be refused again.
    const verdict = this.admission;
    if (verdict && !verdict.accepted) {
      this.admission = null;
      return this.end('The studio cannot use this picture yet', [verdict.reason, ...verdict.suggested_adjustments].join(' '), true);
    }
    this.stage = { name: 'waiting', reason };
    // A hidden page gets no camera; it starts again when it is looked at.
    this.retry = setTimeout(() => void this.connect(), retryDelay(this.attempt++));
  }

  private drop(): void {
    this.run += 1;
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    this.peer?.close();
    this.peer = null;
    this.steps = 0;
    this.tally = 'ready';
  }

  private end(title: string, reason: string, again: boolean): void {
    this.wanted = false;
    this.drop();
    this.wake.release();
    this.stage = { name: 'stopped', title, reason, again };
  }

  private stopFor(error: unknown): void {
    const reason = error instanceof Error ? error.message : 'The camera did not start. Try again.';
    const title = error instanceof CameraError && error.kind === 'denied' ? 'The camera is not allowed' : 'There is no picture';
    this.end(title, reason, true);
  }

  /** The phone was unlocked, the page shown, the network back: what is broken is made anew at once. */
  private onReturn(): void {
    if (!this.wanted || document.hidden) return;
    void this.wake.hold();
    const whole = this.peer?.connection.connectionState === 'connected';
    if (whole && isAlive(this.stream)) return;
    if (whole) {
      void this.reopen();
      return;
    }
    if (this.peer && this.stage.name === 'connecting') return;
    this.attempt = 0;
    void this.connect();
  }

  private async measure(): Promise<void> {
    const peer = this.peer;
    if (!peer || this.stage.name !== 'live') return;
    const report = await peer.connection.getStats();
    if (peer !== this.peer) return;
    this.steps = signalSteps(this.stats.take(report, peer.advised.max_fps, peer.advised.bitrate_bps));
    const { width, height, frameRate } = this.stream?.getVideoTracks()[0]?.getSettings() ?? {};
    peer.send({ type: 'phone', battery: this.battery, dropped: this.stats.dropped, width: width ?? null, height: height ?? null, fps: frameRate ?? null, limited_by: this.stats.limitedBy, visible: !document.hidden });
  }

  private async watchBattery(): Promise<void> {
    const manager = await (navigator as Navigator & { getBattery?: () => Promise<EventTarget & { level: number }> }).getBattery?.().catch(() => null);
    if (!manager) return;
    const read = () => (this.battery = manager.level);
    read();
    manager.addEventListener('levelchange', read);
  }
}
