import { Api, ApiError } from '@shared/api';
import { COMMENTARY, type Admission, type Slot, type TallyState, type ToPhone } from '@shared/wire';
import { retryDelay } from './backoff';
import { buzz, patternFor } from './buzz';
import { CameraError } from './camera';
import { canRecord } from './chunks/recorder';
import { ChunkWay } from './chunks/chunk_way';
import { Devices } from './devices.svelte';
import { Ear } from './ear.svelte';
import { Peer } from './peer';
import { verdictOn } from './refusals';
import { nextWay, planOf, type Plan, type Way, type WayEvents } from './way';
import { WakeLock } from './wake';

export type Stage =
  | { name: 'hello' }
  | { name: 'asking' }
  | { name: 'ready' }
  | { name: 'connecting' }
  | { name: 'live' }
  | { name: 'waiting'; reason: string }
  | { name: 'stopped'; title: string; reason: string; again: boolean };

const PLAN_KEY = 'touchline.plan';
const STATS_EVERY_MS = 1000;
/** A slot that this phone itself still holds in the studio's eyes frees itself within this time. */
const OWN_GHOST_MS = 15_000;
/** How long a canned text stands large. */
const TEXT_MS = 8000;

/** The phone's whole life: camera or microphone, connection, coming back. The page draws it. */
export class Station {
  stage = $state<Stage>({ name: 'hello' });
  tally = $state<TallyState>('ready');
  steps = $state(0);
  message = $state('');
  /** A text of the desk's that stands large for a while. */
  text = $state('');
  admission = $state.raw<Admission | null>(null);
  battery = $state<number | null>(null);
  /** Whether the picture is taller than wide, which a broadcast cannot use well. */
  upright = $state(false);
  /** Which way is in use. */
  way = $state<Way['kind'] | null>(null);
  plan = $state<Plan>('auto');
  readonly wake = new WakeLock();
  readonly ear = new Ear();
  readonly devices: Devices;
  readonly commentary: boolean;
  /** Where it stands, `center_ice` and so on; empty until the studio says. */
  position = '';

  /** Whether the studio has ever taken this picture. */
  private admitted = false;
  private wanted = false;
  private wasLive = 0;
  private attempt = 0;
  private unreached = 0;
  private run = 0;
  private link: Way | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private textTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    readonly slot: Slot,
    readonly name: string,
  ) {
    this.commentary = slot === COMMENTARY;
    this.devices = new Devices(this.commentary ? 'audio' : 'video', () => this.onReturn(), () => void this.reopen());
    this.plan = planOf(location.search) ?? (localStorage.getItem(PLAN_KEY) === 'chunks' ? 'chunks' : 'auto');
    document.addEventListener('visibilitychange', () => this.onReturn());
    addEventListener('online', () => this.onReturn());
    addEventListener('pagehide', () => this.link?.close());
    addEventListener('pageshow', () => this.onReturn());
    setInterval(() => void this.measure(), STATS_EVERY_MS);
    void this.watchBattery();
  }

  /** Asks for camera or microphone; a person pressed. */
  async allow(): Promise<void> {
    this.stage = { name: 'asking' };
    await this.opening(async () => {
      await this.devices.open();
      this.mute(this.commentary);
      this.stage = { name: 'ready' };
    });
  }

  /** Takes another device, before or during the show. */
  choose(id: string): Promise<void> {
    const muted = this.muted;
    return this.opening(async () => {
      const stream = await this.devices.choose(id);
      this.mute(muted);
      await this.link?.replace(stream);
    });
  }

  setPlan(plan: Plan): void {
    this.plan = plan;
    localStorage.setItem(PLAN_KEY, plan);
  }

  goLive(): void {
    this.wanted = true;
    this.attempt = 0;
    this.unreached = 0;
    void this.wake.hold();
    void this.ear.play();
    void this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.drop();
    this.wake.release();
    this.stage = { name: 'ready' };
  }

  /** Whether the studio hears nothing from here. */
  muted = $state(false);

  mute(muted: boolean): void {
    this.muted = muted;
    for (const track of this.devices.stream?.getAudioTracks() ?? []) track.enabled = !muted;
    if (this.commentary) this.link?.send({ type: 'talk', on: !muted });
  }

  /** Hears the programme, or no longer. */
  listen(on: boolean): void {
    this.ear.listen(on);
    this.link?.send({ type: 'listen', on });
  }

  private async opening(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.stopFor(error);
    }
  }

  private reopen(): Promise<void> {
    const muted = this.muted;
    return this.opening(async () => {
      const stream = await this.devices.reopen();
      this.mute(muted);
      await this.link?.replace(stream);
    });
  }

  private async connect(): Promise<void> {
    this.drop();
    if (!this.wanted) return;
    const run = ++this.run;
    if (this.stage.name !== 'waiting') this.stage = { name: 'connecting' };
    try {
      if (!this.devices.alive) await this.devices.open();
      this.mute(this.muted);
    } catch (error) {
      if (run === this.run) this.stopFor(error);
      return;
    }
    if (run === this.run) this.link = this.begin(run);
    void this.link?.start();
  }

  private begin(run: number): Way | null {
    const { stream } = this.devices;
    // A microphone alone has no other plan: the studio takes recordings of pictures only.
    const kind = nextWay(this.plan, this.unreached, { webrtc: typeof RTCPeerConnection !== 'undefined', chunks: !this.commentary && canRecord() });
    this.way = kind;
    if (!stream || kind === null) {
      this.end('This browser does not fit', 'It can neither connect nor record. Open the link in Chrome, Safari or Firefox.', false);
      return null;
    }
    const now = (act: () => void) => {
      if (run === this.run) act();
    };
    const events: WayEvents = {
      connected: () => now(() => this.onConnected()),
      message: (message) => now(() => this.onMessage(message)),
      heard: (back) => now(() => this.ear.attach(back)),
      lost: (reason, reached) => now(() => this.onLost(reason, reached)),
      refused: (error) => now(() => this.onRefused(error)),
    };
    return kind === 'chunks' ? new ChunkWay(this.api, this.slot, this.position, stream, events) : new Peer(this.api, this.slot, this.name, stream, events);
  }

  private onConnected(): void {
    this.attempt = 0;
    this.unreached = 0;
    this.wasLive = Date.now();
    this.stage = { name: 'live' };
    if (this.ear.listening) this.link?.send({ type: 'listen', on: true });
    void this.wake.hold();
  }

  private onMessage(message: ToPhone): void {
    if (message.type === 'tally') {
      buzz(patternFor(this.tally, message.state));
      this.tally = message.state;
    } else if (message.type === 'message') this.message = message.text;
    else if (message.type === 'admission') {
      this.admission = message;
      this.admitted ||= message.accepted;
    }
    else if (message.type === 'talk') this.ear.spoken(message.from, message.on);
    else if (message.type === 'text') this.showText(message.text);
  }

  private showText(text: string): void {
    this.text = text;
    buzz([150, 100, 150]);
    if (this.textTimer) clearTimeout(this.textTimer);
    this.textTimer = setTimeout(() => (this.text = ''), TEXT_MS);
  }

  private onRefused(error: unknown): void {
    if (!(error instanceof ApiError)) return this.onLost('This browser could not start the connection.', false);
    const ghost = this.wasLive > 0 && Date.now() - this.wasLive < OWN_GHOST_MS;
    const verdict = verdictOn(error, this.commentary, ghost);
    if (verdict) return this.end(verdict.title, verdict.reason, verdict.again);
    this.lost(error.message);
  }

  private onLost(reason: string, reached: boolean): void {
    if (!reached && this.way === 'webrtc') this.unreached += 1;
    this.lost(reason);
  }

  private lost(reason: string): void {
    if (this.stage.name === 'live') this.wasLive = Date.now();
    this.drop();
    if (!this.wanted) return;
    // At a first join the studio says what is wrong and hangs up: coming back unchanged would only be refused again. A phone that
    // was on the show is never hung up on for its picture, so it comes back whatever was said.
    const verdict = this.admission;
    if (verdict && !verdict.accepted && !this.admitted && this.way === 'webrtc') {
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
    this.link?.close();
    this.link = null;
    this.ear.detach();
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
    const denied = error instanceof CameraError && error.kind === 'denied';
    const title = this.commentary ? (denied ? 'The microphone is not allowed' : 'There is no sound') : denied ? 'The camera is not allowed' : 'There is no picture';
    this.end(title, reason, true);
  }

  /** The phone was unlocked, the page shown, the network back: what is broken is made anew at once. */
  private onReturn(): void {
    if (!this.wanted || document.hidden) return;
    void this.wake.hold();
    const whole = this.link?.up === true;
    if (whole && this.devices.alive) return;
    if (whole) {
      void this.reopen();
      return;
    }
    if (this.link && this.stage.name === 'connecting') return;
    this.attempt = 0;
    void this.connect();
  }

  private async measure(): Promise<void> {
    const { link } = this;
    if (!link || this.stage.name !== 'live') return;
    const { steps, dropped, limitedBy } = await link.measure();
    if (link !== this.link) return;
    this.steps = steps;
    const { width, height, frameRate } = this.devices.track?.getSettings() ?? {};
    link.send({ type: 'phone', battery: this.battery, dropped, width: width ?? null, height: height ?? null, fps: frameRate ?? null, limited_by: limitedBy, visible: !document.hidden });
  }

  private async watchBattery(): Promise<void> {
    const manager = await (navigator as Navigator & { getBattery?: () => Promise<EventTarget & { level: number }> }).getBattery?.().catch(() => null);
    if (!manager) return;
    const read = () => (this.battery = manager.level);
    read();
    manager.addEventListener('levelchange', read);
  }
}
