import { describe, expect, it } from 'vitest';
import { ApiError } from '@shared/api';
import type { Stage } from './station.svelte';
import { bandOf } from './band';
import { patternFor } from './buzz';
import { peakDbfs } from './level';
import { verdictOn } from './refusals';
import { nextWay, planOf } from './way';

describe('the way to the studio', () => {
  const both = { webrtc: true, chunks: true };
  it('is direct, until that was tried twice in vain', () => {
    expect([0, 1, 2, 9].map((unreached) => nextWay('auto', unreached, both))).toEqual(['webrtc', 'webrtc', 'chunks', 'chunks']);
  });
  it('is what the browser can and the person wants', () => {
    expect(nextWay('chunks', 0, both)).toBe('chunks');
    expect(nextWay('auto', 0, { webrtc: false, chunks: true })).toBe('chunks');
    expect(nextWay('chunks', 5, { webrtc: true, chunks: false })).toBe('webrtc');
    expect(nextWay('auto', 0, { webrtc: false, chunks: false })).toBeNull();
    expect(['?plan=b', '?plan=a', '?plan=x', ''].map(planOf)).toEqual(['chunks', 'auto', null, null]);
  });
});

describe('a refusal', () => {
  const verdict = (status: number, ghost = false) => verdictOn(new ApiError(status, 'x', ''), false, ghost);
  it('ends it or passes', () => {
    expect(verdict(409)).toMatchObject({ title: 'This place is taken', again: true });
    expect(verdict(409, true), "this phone's own ghost frees the place").toBeNull();
    expect([401, 410, 403, 404].map((status) => verdict(status)?.again)).toEqual([false, false, false, false]);
    expect([0, 429, 500, 503].map((status) => verdict(status))).toEqual([null, null, null, null]);
    expect(verdictOn(new ApiError(403, 'x', ''), true, false)?.title).toBe('This link is not for a commentator');
  });
});

describe('the band', () => {
  const live: Stage = { name: 'live' };
  it('says the largest thing first', () => {
    expect((['live', 'next', 'replay', 'ready', 'idle'] as const).map((tally) => bandOf(live, tally, false, false).word)).toEqual(['LIVE', 'NEXT', 'REPLAY', 'READY', 'READY']);
    expect(bandOf({ name: 'waiting', reason: 'Why' }, 'live', false, false)).toEqual({ look: 'waiting', word: 'COMING BACK', hint: 'Why' });
    expect(bandOf({ name: 'connecting' }, 'ready', false, true).hint).toMatch(/slower way/);
    expect(bandOf(live, 'live', true, false).hint).toMatch(/wide side down/);
  });
  it('is felt when it changes, and only then', () => {
    expect(patternFor('ready', 'live')).toEqual([300]);
    expect([patternFor('live', 'live'), patternFor('idle', 'ready')]).toEqual([null, null]);
    expect(patternFor('live', 'ready')).toEqual([60]);
  });
});

it('reads a level', () => {
  expect(peakDbfs(new Float32Array(8))).toBe(-120);
  expect(peakDbfs(new Float32Array([0, -0.5, 0.25]))).toBeCloseTo(-6.02, 2);
});
