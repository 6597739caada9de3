import { describe, expect, it } from 'vitest';
import { retryDelay } from './backoff';
import { readMessage, safeAdvice } from './messages';
import { signalSteps, StatsReader, type Measured } from './signal';

describe('coming back', () => {
  it('waits 0.5 s at first and never more than 5 s', () => {
    expect([0, 1, 2, 3, 4, 50].map((attempt) => retryDelay(attempt, () => 1))).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
    expect(retryDelay(0, () => 0)).toBe(375);
  });
});

describe('words of the studio', () => {
  it('are understood', () => {
    expect(readMessage('{"type":"ping","id":7}')).toEqual({ type: 'ping', id: 7 });
    expect(readMessage('{"type":"tally","state":"live"}')).toEqual({ type: 'tally', state: 'live' });
    expect(readMessage('{"type":"advice","bitrate_bps":800000,"scale_down_by":2,"max_fps":15,"more":1}')).toMatchObject({ scale_down_by: 2 });
  });
  it('are nothing when they are garbage', () => {
    const bad = ['', 'null', '[]', '{', '{"type":"ping"}', '{"type":"tally","state":"on"}', '{"type":"advice","bitrate_bps":0,"scale_down_by":1,"max_fps":30}', '{"type":"advice","bitrate_bps":"1e6","scale_down_by":1,"max_fps":30}', '{"type":"later"}', `{"type":"message","text":"${'x'.repeat(5000)}"}`];
    for (const text of bad) expect(readMessage(text)).toBeNull();
    expect(readMessage(new ArrayBuffer(4))).toBeNull();
  });
  it('never make a phone send what no radio carries', () => {
    expect(safeAdvice({ bitrate_bps: 1e12, scale_down_by: 0.1, max_fps: 1e9 })).toEqual({ bitrate_bps: 12_000_000, scale_down_by: 1, max_fps: 60 });
    expect(safeAdvice({ bitrate_bps: 1, scale_down_by: 99, max_fps: 0.5 })).toEqual({ bitrate_bps: 100_000, scale_down_by: 8, max_fps: 5 });
  });
});

describe('the signal', () => {
  const good: Measured = { fps: 30, wantedFps: 30, loss: 0, rttMs: 10, bitrate: 3e6, wantedBitrate: 3e6 };
  const check = (change: Partial<Measured>, steps: number) => expect(signalSteps({ ...good, ...change })).toBe(steps);
  it('falls step by step', () => {
    check({}, 4);
    check({ loss: 0.02 }, 3);
    check({ loss: 0.08 }, 2);
    check({ loss: 0.08, fps: 12 }, 1);
    check({ wantedBitrate: 600_000 }, 2);
    check({ fps: 0 }, 0);
    check({ fps: null }, 0);
  });
  it('comes from counts that grow', () => {
    const reader = new StatsReader();
    const report = (at: number, frames: number): [string, Record<string, unknown>][] => [
      ['o', { type: 'outbound-rtp', kind: 'video', timestamp: at, framesEncoded: frames, bytesSent: frames * 1000, qualityLimitationReason: 'bandwidth' }],
      ['r', { type: 'remote-inbound-rtp', kind: 'video', fractionLost: 0.5, roundTripTime: 0.02 }],
      ['s', { type: 'media-source', kind: 'video', frames: frames + 4 }],
    ];
    expect(reader.take(new Map(report(1000, 10)), 30, 3e6).fps).toBeNull();
    expect(reader.take(new Map(report(2000, 40)), 30, 3e6)).toMatchObject({ fps: 30, bitrate: 240_000, loss: 0.5, rttMs: 20 });
    expect([reader.dropped, reader.limitedBy]).toEqual([4, 'bandwidth']);
  });
});
