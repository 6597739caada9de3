import { describe, expect, it } from 'vitest';
import { MOST_WAITING_MS, PieceQueue, type Piece } from './pieces';
import { bestForm } from './recorder';
import { measureOffset } from './studio_clock';

const piece = (at: number, bytes = 10): Piece => ({ blob: new Blob(['x'.repeat(bytes)]), startMs: at * 100, endMs: at * 100 + 100 });

describe('pieces that wait', () => {
  it('go in order, joined while one request carries them', () => {
    const queue = new PieceQueue();
    expect(queue.take()).toBeNull();
    for (const at of [0, 1, 2]) queue.push(piece(at));
    expect(queue.waitingMs()).toBe(300);
    expect(queue.take()).toMatchObject({ startMs: 0, body: { size: 30 } });
    expect(queue.take()).toBeNull();
    for (const at of [3, 4]) queue.push(piece(at, 1_000_000));
    expect([queue.take()?.startMs, queue.take()?.startMs]).toEqual([300, 400]);
    queue.push(piece(5, 3_000_000));
    expect(queue.take()?.body.size, 'one piece goes however large it is').toBe(3_000_000);
  });
  it('are thrown away when they wait too long', () => {
    const queue = new PieceQueue();
    const most = MOST_WAITING_MS / 100;
    for (let at = 0; at < most; at += 1) expect(queue.push(piece(at))).toBe(true);
    expect(queue.push(piece(most))).toBe(false);
    expect(queue.waitingMs()).toBe(0);
  });
});

describe('the form of a recording', () => {
  const only = (...known: string[]) => (mime: string) => known.some((part) => mime.includes(part));
  it('is H.264 where the browser has it, in what leaves it piece by piece', () => {
    expect(bestForm(true, true, only('mp4', 'webm'))).toBe('video/mp4;codecs=avc1.42E01F,mp4a.40.2');
    expect(bestForm(true, false, only('mp4', 'webm'))).toBe('video/webm;codecs=h264,opus');
    expect(bestForm(true, false, only('vp8'))).toBe('video/webm;codecs=vp8,opus');
    expect(bestForm(false, true, only('vp8'))).toBe('video/webm;codecs=vp8');
    expect(bestForm(true, true, () => false)).toBeNull();
  });
});

describe("the studio's clock", () => {
  it('is believed by the quickest of several answers', async () => {
    let now = 0;
    const trips = [80, 10, 300];
    const ask = async () => {
      const trip = trips.shift() ?? 100;
      now += trip;
      // The slow ones were held up on their way back, so their middle is wrong.
      return (now - trip + 5 + 4000) * 1000;
    };
    expect(await measureOffset(ask, () => now, 3)).toEqual({ offsetMs: 4000, rttMs: 10 });
  });
  it('stays unknown when nobody answers or the answer is no number', async () => {
    expect(await measureOffset(async () => Promise.reject(new Error('no')), () => 0)).toBeNull();
    expect(await measureOffset(async () => NaN, () => 0)).toBeNull();
  });
});
