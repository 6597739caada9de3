import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from '@shared/api';
import { Choice, forcedVia, type Failure } from './choice';
import type { Engine, PlayerState, Via } from './engine';

/** An engine whose fate the test decides. */
class FakeEngine implements Engine {
  static made: FakeEngine[] = [];
  state: PlayerState = 'starting';
  behind = null;
  muted = false;
  stats = [];
  stalls = 0;
  running = false;
  constructor(readonly via: Via, readonly failed: (failure: Failure, stalls: number) => void = () => undefined) {
    FakeEngine.made.push(this);
  }
  start(): void {
    this.running = true;
  }
  stop(): void {
    this.running = false;
  }
  jump(): void {}
  setMuted(): void {}
  latency(): null {
    return null;
  }
  playingDate(): null {
    return null;
  }
}

vi.mock('./whep.svelte', () => ({ WhepEngine: class { constructor(_api: unknown, failed: (failure: Failure, stalls: number) => void) { return new FakeEngine('whep', failed); } } }));
vi.mock('./hls.svelte', () => ({ HlsEngine: class { constructor() { return new FakeEngine('hls'); } } }));
const { Player } = await import('./player.svelte');

describe('the choice of a way', () => {
  const after = (...failures: [Failure, number][]) => {
    const choice = new Choice(null, true);
    const ways = failures.map(([failure, atMs]) => choice.after(failure, atMs));
    return [...ways, choice.why];
  };
  it('is direct where the browser can', () => {
    expect(new Choice(null, true).first()).toBe('whep');
    expect(new Choice(null, false).first()).toBe('hls');
    expect(['?via=hls', '?via=whep', '?via=x', ''].map(forcedVia)).toEqual(['hls', 'whep', null, null]);
  });
  it('leaves a direct way that is full or closed at once', () => {
    expect(after(['full', 0])).toEqual(['hls', 'All direct places are taken.']);
    expect(after(['refused', 0])).toEqual(['hls', 'The direct way is not open here.']);
  });
  it('gives a direct way that breaks one more chance', () => {
    expect(after(['stalled', 0], ['broke', 5000])).toEqual(['whep', 'hls', 'The direct way did not hold here.']);
    expect(after(['unreached', 0], ['unreached', 5000])).toEqual(['whep', 'hls', 'The direct way is not open here.']);
    expect(after(['broke', 0], ['broke', 100_000], ['broke', 200_000]), 'after a minute of peace all is forgiven').toEqual(['whep', 'whep', 'whep', '']);
  });
  it('waits for a studio that does not answer, and for the way that was forced', () => {
    expect(after(['busy', 0], ['busy', 100], ['busy', 200])).toEqual(['whep', 'whep', 'whep', '']);
    const forced = new Choice('whep', true);
    expect([forced.after('full', 0), forced.after('refused', 0)]).toEqual(['whep', 'whep']);
  });
});

describe('the player', () => {
  const video = {} as HTMLVideoElement;
  const player = (search = '') => {
    const made = new Player({} as Api, search);
    made.start(video);
    return made;
  };
  const newest = () => FakeEngine.made.at(-1) as FakeEngine;
  beforeEach(() => {
    FakeEngine.made = [];
    vi.useFakeTimers();
    vi.stubGlobal('RTCPeerConnection', class {});
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('goes to pieces at once when all direct places are taken, and says why', async () => {
    const one = player();
    newest().failed('full', 0);
    await vi.advanceTimersByTimeAsync(0);
    expect([one.via, one.why]).toEqual(['hls', 'All direct places are taken.']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeEngine.made).toHaveLength(2);
  });
  it('tries the direct way once more after a break, then pieces, and counts the stops of all', async () => {
    const one = player();
    newest().state = 'playing';
    newest().failed('stalled', 2);
    expect([one.via, one.state, one.stalls]).toEqual([null, 'stalled', 2]);
    await vi.advanceTimersByTimeAsync(250);
    expect(one.via).toBe('whep');
    newest().failed('broke', 1);
    await vi.advanceTimersByTimeAsync(0);
    expect([one.via, one.stalls]).toEqual(['hls', 3]);
  });
  it('asks a silent studio with pauses that grow to four seconds', async () => {
    player();
    const pauses: number[] = [];
    for (let at = 0; at < 7; at += 1) {
      const before = FakeEngine.made.length;
      const began = performance.now();
      newest().failed('busy', 0);
      while (FakeEngine.made.length === before) await vi.advanceTimersByTimeAsync(50);
      pauses.push(performance.now() - began);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
  });
  it('tries the direct way again when the studio was started anew', () => {
    const one = player();
    newest().failed('full', 0);
    vi.advanceTimersByTime(0);
    const pieces = newest();
    one.restarted();
    expect([one.via, one.why, pieces.running]).toEqual(['whep', '', false]);
  });
  it('leaves pieces running over a restart where they were forced', () => {
    const one = player('?via=hls');
    one.restarted();
    expect(FakeEngine.made).toHaveLength(1);
    one.stop();
    expect(newest().running).toBe(false);
  });
  it('tries nothing more once it was stopped', async () => {
    const one = player();
    newest().failed('broke', 0);
    one.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeEngine.made).toHaveLength(1);
  });
});
