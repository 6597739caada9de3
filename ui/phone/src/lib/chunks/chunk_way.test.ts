import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, type Api } from '@shared/api';
import type { ChunkAnswer, ToPhone } from '@shared/wire';
import type { WayEvents } from '../way';
import { ChunkWay } from './chunk_way';

const HEAD = 'E'.repeat(100);
/** As long as a real piece at least is. */
const long = (text: string) => text.padEnd(100, '.');

/** A recorder whose pieces the test gives out. */
class FakeRecorder {
  static all: FakeRecorder[] = [];
  static isTypeSupported = (mime: string): boolean => mime.includes('vp8');
  state = 'inactive';
  mimeType: string;
  onstart: (() => void) | null = null;
  ondataavailable: ((event: { data: Blob }) => void) | null = null;
  onerror: (() => void) | null = null;
  onstop: (() => void) | null = null;
  constructor(_stream: unknown, readonly options: MediaRecorderOptions) {
    this.mimeType = options.mimeType ?? '';
    FakeRecorder.all.push(this);
  }
  start(): void {
    this.state = 'recording';
    this.onstart?.();
  }
  stop(): void {
    this.state = 'inactive';
    this.onstop?.();
  }
  give(text: string): void {
    this.ondataavailable?.({ data: new Blob([text]) });
  }
}

interface Sent {
  seq: number;
  query: URLSearchParams;
  text: string;
  mime: string;
}

const fine = (next: number, change: Partial<ChunkAnswer> = {}): ChunkAnswer => ({ next, advice: null, tally: 'idle', admission: null, ...change });

/** A phone against a studio that answers each piece by `answer`. */
function phone(answer: (sent: Sent, count: number) => ChunkAnswer) {
  const sent: Sent[] = [];
  const told: string[] = [];
  const messages: ToPhone[] = [];
  const refused: unknown[] = [];
  let ended = 0;
  const api = {
    clock: async () => 5_000_000_000,
    chunk: async (_slot: number, query: URLSearchParams, mime: string, body: Blob) => {
      const piece = { seq: Number(query.get('seq')), query, text: (await body.text()).replace(/\.+$/, ''), mime };
      sent.push(piece);
      return answer(piece, sent.length - 1);
    },
    chunksEnd: async () => void (ended += 1),
  } as unknown as Api;
  const events: WayEvents = {
    connected: () => told.push('connected'),
    message: (message) => messages.push(message),
    heard: () => told.push('heard'),
    lost: (reason, reached) => told.push(`lost ${reached}: ${reason}`),
    refused: (error) => refused.push(error),
  };
  const constraints: MediaTrackConstraints[] = [];
  const track = { applyConstraints: async (wish: MediaTrackConstraints) => void constraints.push(wish) };
  const stream = { getAudioTracks: () => [{}], getVideoTracks: () => [track] } as unknown as MediaStream;
  const way = new ChunkWay(api, 2, 'goal_line_1', stream, events);
  return { way, sent, told, messages, refused, constraints, ended: () => ended, recorder: () => FakeRecorder.all.at(-1) as FakeRecorder };
}

const turn = setImmediate;

/** Lets what was asked for be answered: time is the test's own, reading a blob is not. */
async function settle(ms = 1): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let at = 0; at < 8; at += 1) {
    await new Promise((resolve) => turn(resolve));
    await vi.advanceTimersByTimeAsync(0);
  }
}

async function begun(answer: (sent: Sent, count: number) => ChunkAnswer) {
  const one = phone(answer);
  await one.way.start();
  one.recorder().give(HEAD);
  await settle();
  return one;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeRecorder.all = [];
  vi.stubGlobal('MediaRecorder', FakeRecorder);
  vi.stubGlobal('navigator', { userAgent: 'test' });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a phone that uploads its recording', () => {
  it('sends pieces in order with all that the studio needs to place them in time', async () => {
    const { way, sent, told, recorder } = await begun(({ seq }) => fine(seq + 1));
    await settle(100);
    recorder().give(long('second'));
    await settle();
    expect(sent.map(({ seq, text }) => [seq, text])).toEqual([[0, HEAD], [1, 'second']]);
    expect(told).toEqual(['connected']);
    expect(way.up).toBe(true);
    const { query, mime } = sent[1] as Sent;
    expect(mime).toBe('video/webm;codecs=vp8,opus');
    expect([...query.keys()]).toEqual(['seq', 'timestamp', 'sent', 'position', 'quality', 'offset', 'rtt']);
    expect(query.get('position')).toBe('goal_line_1');
    expect(Number(query.get('sent')) - Number(query.get('timestamp'))).toBeLessThan(150);
    expect(Number(query.get('rtt'))).toBeGreaterThanOrEqual(0);
    way.close();
  });
  it('keeps the first byte back until it tells that a recording begins', async () => {
    const { sent, recorder, way } = phone(({ seq }) => fine(seq + 1));
    await way.start();
    recorder().give('E');
    await settle(50);
    expect(sent).toEqual([]);
    recorder().give(HEAD);
    await settle();
    expect(sent[0]?.text).toBe(`E${HEAD}`);
    way.close();
  });
  it('begins anew, with a head of its own and the same number, when the studio has lost the thread (410)', async () => {
    const { sent, told, recorder, way } = await begun(({ seq, text }, count) => {
      if (count === 1) throw new ApiError(410, 'gone', 'Begin a new recording.');
      expect(count < 2 || text.startsWith('E')).toBe(true);
      return fine(seq + 1);
    });
    recorder().give(long('of the old recording'));
    await settle(300);
    expect(FakeRecorder.all).toHaveLength(2);
    expect(FakeRecorder.all[0]?.state).toBe('inactive');
    recorder().give(HEAD);
    await settle();
    expect(sent.map(({ seq }) => seq)).toEqual([0, 1, 1]);
    expect(told).toEqual(['connected']);
    way.close();
  });
  it('gives up when every new recording is refused too', async () => {
    const { told, recorder, way } = await begun(({ seq }, count) => {
      if (count > 0) throw new ApiError(410, 'gone', '');
      return fine(seq + 1);
    });
    for (let at = 0; at < 20 && !told.some((word) => word.startsWith('lost')); at += 1) {
      recorder().give(HEAD);
      await settle(500);
    }
    expect(told.at(-1)).toBe('lost true: The studio takes no pictures now.');
    expect(way.up).toBe(false);
  });
  it('goes on at the number that the studio wants, with a new recording', async () => {
    const { sent, recorder, way } = await begun(({ seq }, count) => fine(count === 1 ? 40 : seq + 1));
    recorder().give(long('second'));
    await settle();
    expect(FakeRecorder.all).toHaveLength(2);
    recorder().give(HEAD);
    await settle();
    expect(sent.map(({ seq }) => seq)).toEqual([0, 1, 40]);
    way.close();
  });
  it('leaves the place to whoever stands there (409)', async () => {
    const taken = new ApiError(409, 'conflict', 'Camera 2 is taken by another phone.');
    const { refused, told, recorder, way, ended } = await begun(() => {
      throw taken;
    });
    expect(refused).toEqual([taken]);
    expect(recorder().state).toBe('inactive');
    recorder().give(long('late'));
    await settle(1000);
    expect([told, way.up, ended()]).toEqual([[], false, 0]);
  });
  it('sends the same bytes again when the network drops or the studio is busy, and gives up after seconds', async () => {
    const { sent, told, recorder, way } = await begun(({ seq }, count) => {
      if (count === 1) throw new ApiError(0, 'unreachable', 'No network.');
      if (count === 2) throw new ApiError(503, 'busy', '');
      if (count > 3) throw new ApiError(0, 'unreachable', 'No network.');
      return fine(seq + 1);
    });
    recorder().give(long('second'));
    await settle(1000);
    expect(sent.map(({ seq, text }) => [seq, text])).toEqual([[0, HEAD], [1, 'second'], [1, 'second'], [1, 'second']]);
    recorder().give(long('third'));
    await settle(10_000);
    expect(told.at(-1)).toBe('lost true: The studio cannot be reached.');
    expect(way.up).toBe(false);
  });
  it('leaves out what is late and says so when the network is slower than the camera', async () => {
    let open = () => {};
    const { messages, recorder, way } = phone(({ seq }) => fine(seq + 1));
    const slow = way as unknown as { upload: () => Promise<ChunkAnswer> };
    slow.upload = () => new Promise((resolve) => (open = () => resolve(fine(1))));
    await way.start();
    const first = recorder();
    for (let at = 0; at < 60; at += 1) {
      recorder().give(HEAD);
      await settle(100);
    }
    expect(recorder()).not.toBe(first);
    expect(messages).toEqual([{ type: 'message', text: 'The network is too slow for the picture. What was late is left out.' }]);
    expect((await way.measure()).limitedBy).toBe('none');
    open();
    way.close();
  });
  it('shows tally and verdict once per change, and a camera that waits as ready', async () => {
    const verdict = { accepted: false, reason: 'Too small', suggested_adjustments: [], expected_bitrate: 1, expected_size: { width: 1, height: 1 }, expected_rate: 30, processing_priority: 1 };
    const { messages, recorder, way } = await begun(({ seq }, count) => fine(seq + 1, { tally: count < 2 ? 'idle' : 'live', admission: count === 0 ? null : verdict }));
    for (const text of ['a', 'b', 'c']) {
      recorder().give(long(text));
      await settle();
    }
    expect(messages.map((message) => (message.type === 'tally' ? message.state : message.type))).toEqual(['ready', 'admission', 'live']);
    way.close();
  });
  it('follows advice with a smaller recording, but not every whim', async () => {
    const advised = (bitrate_bps: number) => ({ bitrate_bps, scale_down_by: 2, max_fps: 15 });
    const { recorder, constraints, way } = await begun(({ seq }, count) => fine(seq + 1, { advice: count === 0 ? advised(800_000) : advised(500_000) }));
    expect(FakeRecorder.all).toHaveLength(2);
    expect(recorder().options.videoBitsPerSecond).toBe(800_000);
    expect(constraints).toEqual([{ width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 15 } }]);
    recorder().give(HEAD);
    await settle();
    expect(FakeRecorder.all, 'too soon after the last').toHaveLength(2);
    await settle(4000);
    recorder().give(long('more'));
    await settle();
    expect(recorder().options.videoBitsPerSecond).toBe(500_000);
    way.close();
  });
  it('tells the studio when it stops', async () => {
    const { way, ended, recorder } = await begun(({ seq }) => fine(seq + 1));
    way.close();
    way.close();
    expect([ended(), recorder().state]).toEqual([1, 'inactive']);
  });
  it('says that the camera broke', async () => {
    const { told, recorder } = await begun(({ seq }) => fine(seq + 1));
    recorder().stop();
    expect(told.at(-1)).toBe('lost true: The camera stopped.');
  });
});
