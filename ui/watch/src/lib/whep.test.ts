import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Api, ApiError } from '@shared/api';
import type { Failure } from './choice';
import { WhepEngine } from './whep.svelte';
import { WhepStats } from './whep_stats';

/** A connection that does what the test says. */
class FakeConnection extends EventTarget {
  static newest: FakeConnection;
  connectionState = 'new';
  iceGatheringState = 'complete';
  localDescription = { sdp: 'offer' };
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: object) => void) | null = null;
  kinds: string[] = [];
  answer = '';
  constructor() {
    super();
    FakeConnection.newest = this;
  }
  addTransceiver(kind: string): void {
    this.kinds.push(kind);
  }
  async createOffer(): Promise<object> {
    return {};
  }
  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    this.answer = sdp;
  }
  async getStats(): Promise<Map<string, object>> {
    return new Map();
  }
  close(): void {
    this.connectionState = 'closed';
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

class FakeVideo extends EventTarget {
  muted = false;
  paused = false;
  srcObject: unknown = null;
  frames = 0;
  getVideoPlaybackQuality = () => ({ totalVideoFrames: this.frames });
  play = async (): Promise<void> => undefined;
}

function watching(whep: () => Promise<{ sdp: string; location: string | null }>) {
  const failures: [Failure, number][] = [];
  const ended: string[] = [];
  const api = { whep, endSession: async (location: string) => void ended.push(location) } as unknown as Api;
  const video = new FakeVideo();
  const engine = new WhepEngine(api, (failure, stalls) => failures.push([failure, stalls]));
  engine.start(video as unknown as HTMLVideoElement);
  return { engine, video, failures, ended };
}

const answered = async () => ({ sdp: 'answer', location: '/whep/s1' });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('RTCPeerConnection', FakeConnection);
  vi.stubGlobal('MediaStream', class { addTrack(): void {} });
  vi.stubGlobal('document', { hidden: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Pictures come for a while. */
async function play(video: FakeVideo, seconds: number): Promise<void> {
  for (let at = 0; at < seconds * 4; at += 1) {
    video.frames += 7;
    await pass(250);
  }
}

describe('the direct way', () => {
  it('offers to take picture and sound, plays, and ends its session', async () => {
    const { engine, video, failures, ended } = watching(answered);
    await pass(10);
    expect([FakeConnection.newest.kinds, FakeConnection.newest.answer]).toEqual([['video', 'audio'], 'answer']);
    FakeConnection.newest.become('connected');
    await play(video, 2);
    expect(engine.state).toBe('playing');
    engine.stop();
    await pass(20_000);
    expect([failures, ended, video.srcObject]).toEqual([[], ['/whep/s1'], null]);
  });
  it('tells full from closed and from silent', async () => {
    const cases: [number, Failure][] = [[503, 'full'], [429, 'full'], [401, 'refused'], [403, 'refused'], [404, 'refused'], [0, 'busy'], [409, 'busy']];
    for (const [status, failure] of cases) {
      const { failures, ended } = watching(async () => Promise.reject(new ApiError(status, 'x', '')));
      await pass(10);
      expect([failures, ended], String(status)).toEqual([[[failure, 0]], []]);
    }
  });
  it('gives up on a connection that never comes about, or breaks', async () => {
    const never = watching(answered);
    await pass(5100);
    expect(never.failures).toEqual([['unreached', 0]]);
    expect(never.ended).toEqual(['/whep/s1']);
    const breaks = watching(answered);
    await pass(10);
    FakeConnection.newest.become('connected');
    await play(breaks.video, 1);
    FakeConnection.newest.become('disconnected');
    expect(breaks.failures).toEqual([['broke', 0]]);
  });
  it('says that the picture stands, and gives up when it stands for three seconds', async () => {
    const { engine, video, failures } = watching(answered);
    await pass(10);
    FakeConnection.newest.become('connected');
    await play(video, 2);
    await pass(1000);
    expect([engine.state, engine.stalls, failures]).toEqual(['stalled', 1, []]);
    await play(video, 1);
    expect(engine.state).toBe('playing');
    await pass(3500);
    expect(failures).toEqual([['stalled', 2]]);
  });
  it('does not call a pause, a hidden page or a first wait a stall', async () => {
    for (const calm of ['paused', 'hidden'] as const) {
      const { engine, video, failures } = watching(answered);
      await pass(10);
      FakeConnection.newest.become('connected');
      await play(video, 1);
      if (calm === 'paused') video.paused = true;
      else (document as { hidden: boolean }).hidden = true;
      await pass(10_000);
      expect([engine.stalls, failures], calm).toEqual([0, []]);
      engine.stop();
    }
  });
  it('ends a session whose answer comes after it was left', async () => {
    let answer = () => {};
    const { engine, ended } = watching(() => new Promise((resolve) => (answer = () => resolve({ sdp: 'answer', location: '/whep/late' }))));
    await pass(10);
    engine.stop();
    answer();
    await pass(10);
    expect(ended).toEqual(['/whep/late']);
  });
});

describe('how far behind life it is', () => {
  const report = (change: object): [string, Record<string, unknown>][] => [
    ['v', { type: 'inbound-rtp', kind: 'video', timestamp: 1000, framesDecoded: 30, bytesReceived: 1e6, ...change }],
    ['p', { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.04 }],
  ];
  it("goes by the studio's stamp where the clocks agree", () => {
    const stats = new WhepStats();
    stats.take(new Map(report({ estimatedPlayoutTimestamp: 2_208_988_800_000 + 10_000 })), null, 0, 10_180);
    expect(stats.behindS).toBeCloseTo(0.18);
  });
  it('goes by what is held back and half the round trip where they do not', () => {
    const stats = new WhepStats();
    const strange = { estimatedPlayoutTimestamp: 5, jitterBufferDelay: 1, jitterBufferEmittedCount: 100 };
    stats.take(new Map(report(strange)), null, 0, 10_000);
    stats.take(new Map(report({ ...strange, jitterBufferDelay: 3, jitterBufferEmittedCount: 120 })), null, 0, 11_000);
    expect(stats.behindS).toBeCloseTo(0.12);
  });
});
