import { Api, ApiError } from '@shared/api';
import type { Admission, ChunkAnswer, FromPhone, PictureAdvice, Slot, TallyState } from '@shared/wire';
import { clockMicros, firstAdvice, safeAdvice } from '../messages';
import type { Measure, Way, WayEvents } from '../way';
import { PieceQueue, MOST_WAITING_MS, type Upload } from './pieces';
import { PieceRecorder } from './recorder';
import { measureOffset, type Offset } from './studio_clock';

const REQUEST_TIMEOUT_MS = 4000;
const GIVE_UP_MS = 8000;
const AGAIN_MS = 250;
const CLOCK_EVERY_MS = 20_000;
/** Advice that changes less than this is not worth the gap of a new recording, nor is any so soon after the last. */
const WORTH_IT = 0.2;
const ADVICE_EVERY_MS = 4000;

const nowMs = () => clockMicros() / 1000;

/** Plan B: the picture as a recording, uploaded piece by piece, for networks and browsers where WebRTC finds no way. */
export class ChunkWay implements Way {
  readonly kind = 'chunks';
  up = false;
  private readonly queue = new PieceQueue();
  private readonly abort = new AbortController();
  private recorder: PieceRecorder | null = null;
  private offset: Offset | null = null;
  private clockTimer: ReturnType<typeof setInterval> | null = null;
  private wake: (() => void) | null = null;
  private over = false;
  private sequence = 0;
  private reached = false;
  private lastAnswer = performance.now();
  private advice = firstAdvice;
  private advisedAt = -Infinity;
  private tally: TallyState | null = null;
  private admission = '';
  private restarts = 0;

  constructor(
    private readonly api: Api,
    private readonly slot: Slot,
    private readonly position: string,
    private stream: MediaStream,
    private readonly events: WayEvents,
  ) {}

  async start(): Promise<void> {
    await this.setClock();
    if (this.over) return;
    this.clockTimer = setInterval(() => void this.setClock(), CLOCK_EVERY_MS);
    this.lastAnswer = performance.now();
    if (this.record()) void this.pump();
  }

  send(_message: FromPhone): void {
    // Uploads carry pieces only; what the phone has to say of itself travels as their quality.
  }

  async replace(stream: MediaStream): Promise<void> {
    this.stream = stream;
    this.record();
  }

  async measure(): Promise<Measure> {
    const waiting = this.queue.waitingMs();
    return { steps: !this.up ? 0 : waiting < 400 ? 4 : waiting < 1200 ? 3 : waiting < 2500 ? 2 : 1, dropped: this.restarts, limitedBy: waiting < 1200 ? 'none' : 'bandwidth' };
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.up = false;
    if (this.clockTimer) clearInterval(this.clockTimer);
    this.recorder?.stop();
    this.queue.clear();
    this.abort.abort();
    this.wake?.();
    if (this.reached) void this.api.chunksEnd(this.slot).catch(() => undefined); // The studio ends a silent upload by itself.
  }

  private async setClock(): Promise<void> {
    this.offset = (await measureOffset(async () => this.api.clock(AbortSignal.timeout(1000)), nowMs)) ?? this.offset;
  }

  /** Starts the recording anew: what waits would be of no use to it. */
  private record(): boolean {
    this.recorder?.stop();
    this.queue.clear();
    try {
      this.recorder = new PieceRecorder(this.stream, this.advice, (piece) => {
        if (!this.queue.push(piece)) this.behind();
        this.wake?.();
      }, (reason) => this.fail(reason));
      return true;
    } catch {
      this.fail('This browser cannot record. Try another browser.');
      return false;
    }
  }

  /** The network is slower than the camera: the newest picture is worth more than every old one. */
  private behind(): void {
    if (this.over) return;
    this.restarts += 1;
    this.record();
    this.events.message({ type: 'message', text: 'The network is too slow for the picture. What was late is left out.' });
  }

  private async pump(): Promise<void> {
    let upload: Upload | null = null;
    let from: PieceRecorder | null = null;
    while (!this.over) {
      // Bytes of a recording that was given up are of no use behind a new one's head.
      if (from !== this.recorder) upload = null;
      from = this.recorder;
      upload ??= this.queue.take();
      if (!upload || !from) {
        await this.pieces();
        continue;
      }
      try {
        const answer = await this.upload(upload, from.mime);
        upload = null;
        this.onAnswer(answer);
      } catch (error) {
        if (this.over) return;
        if (!(await this.again(error))) upload = null;
      }
    }
  }

  private upload({ body, startMs }: Upload, mime: string): Promise<ChunkAnswer> {
    const quality = Math.max(0, 1 - this.queue.waitingMs() / MOST_WAITING_MS);
    const query = new URLSearchParams({ seq: String(this.sequence), timestamp: startMs.toFixed(3), sent: nowMs().toFixed(3), position: this.position, quality: quality.toFixed(2) });
    if (this.offset) {
      query.set('offset', this.offset.offsetMs.toFixed(3));
      query.set('rtt', this.offset.rttMs.toFixed(3));
    }
    const signal = AbortSignal.any ? AbortSignal.any([this.abort.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]) : this.abort.signal;
    return this.api.chunk(this.slot, query, mime, body, signal);
  }

  private onAnswer(answer: ChunkAnswer): void {
    this.lastAnswer = performance.now();
    const expected = this.sequence + 1;
    this.sequence = Number.isSafeInteger(answer.next) && answer.next >= 0 ? answer.next : expected;
    // The studio counts otherwise: it has lost the recording's head or a piece of it.
    if (this.sequence !== expected) this.record();
    if (!this.up) {
      this.up = true;
      this.reached = true;
      this.events.connected();
    }
    // A piece's answer has no word of its own for a camera that waits its turn.
    const tally = answer.tally === 'idle' ? 'ready' : answer.tally;
    if (tally && tally !== this.tally) this.events.message({ type: 'tally', state: (this.tally = tally) });
    const verdict = answer.admission ? JSON.stringify(answer.admission) : '';
    if (verdict !== this.admission) this.onAdmission(answer.admission, verdict);
    if (answer.advice) this.follow(answer.advice);
  }

  private onAdmission(admission: Admission | null, verdict: string): void {
    this.admission = verdict;
    if (admission) this.events.message({ type: 'admission', ...admission });
  }

  private follow(advice: PictureAdvice): void {
    const next = safeAdvice(advice);
    const smaller = Math.abs(next.scale_down_by / this.advice.scale_down_by - 1) > WORTH_IT || Math.abs(next.max_fps / this.advice.max_fps - 1) > WORTH_IT;
    if (!smaller && Math.abs(next.bitrate_bps / this.advice.bitrate_bps - 1) <= WORTH_IT) return;
    if (performance.now() - this.advisedAt < ADVICE_EVERY_MS) return;
    this.advisedAt = performance.now();
    this.advice = next;
    const track = this.stream.getVideoTracks()[0];
    const size = { width: { ideal: Math.round(1280 / next.scale_down_by) }, height: { ideal: Math.round(720 / next.scale_down_by) }, frameRate: { ideal: next.max_fps } };
    // A camera that cannot be set keeps its size; the bitrate below still holds.
    void (smaller ? track?.applyConstraints(size).catch(() => undefined) : undefined);
    this.record();
  }

  /** After a request that failed: whether the same bytes are sent again. */
  private async again(error: unknown): Promise<boolean> {
    const status = error instanceof ApiError ? error.status : 0;
    if (status !== 0 && status !== 410 && status !== 429 && status < 500) {
      this.close();
      this.events.refused(error);
      return false;
    }
    // Also where each new recording is refused like the one before: whoever comes back does so with pauses.
    if (performance.now() - this.lastAnswer > GIVE_UP_MS) {
      this.fail(status === 0 ? 'The studio cannot be reached.' : 'The studio takes no pictures now.');
      return false;
    }
    if (status === 410) {
      this.record();
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    return true;
  }

  private pieces(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = null;
        resolve();
      };
    });
  }

  private fail(reason: string): void {
    if (this.over) return;
    const { reached } = this;
    this.close();
    this.events.lost(reason, reached);
  }
}
