import { describe, expect, it } from 'vitest';
import type { CameraView, OutputView, Recording } from '@shared/wire';
import { clockLine, loadLine, outputLine, recordingFacts, recordingFiles, savedWord, sourceLine, trimWord, untilWall } from './saying';

const recording = (change: Partial<Recording> = {}): Recording => ({ id: 'cam2', source: 2, kind: 'iso', path: null, parts: ['/data/cam2-1.mp4', '/data/cam2-2.mp4'], seconds: 62, playable: null, writing: false, bytes: 9e8, verified: 'no', progress: null, problem: '', tracks: ['video h264', 'sound camera', 'sound programme'], ...change });
const output = (change: Partial<OutputView> = {}): OutputView => ({ name: 'YouTube', kind: 'rtmps', url: '', state: 'live', detail: '', bytes: 0, reconnects: 0, bitrate_bps: 4.5e6, retry_in_ms: null, dropped: 0, ...change });
const camera = (change: object = {}) => ({ slot: 3, name: 'Goal', position: '', protocol: 'srt', state: 'live', admission: null, size: { width: 1280, height: 720 }, shed: 'none', trimmed: false, clock: { offset_ms: 0, drift_ppm: 0, uncertainty_ms: 120, two_way: false }, stats: { fps: 30 }, input: { state: 'connected', detail: '', retry_in_ms: null }, ...change }) as CameraView;

describe('a recording', () => {
  it('is called saved only once it was read back', () => {
    const words = (change: Partial<Recording>) => savedWord(recording(change));
    expect(words({})).toEqual({ word: 'Not checked yet', well: null });
    expect(words({ writing: true, verified: 'saved' })).toEqual({ word: 'Being recorded', well: null });
    expect(words({ verified: 'checking', progress: 0.416 })).toEqual({ word: 'Checking 42 %', well: null });
    expect(words({ verified: 'repairing' })).toEqual({ word: 'Repairing', well: null });
    expect(words({ verified: 'saved' })).toEqual({ word: 'Saved', well: true });
    expect(words({ verified: 'damaged' })).toEqual({ word: 'Damaged', well: false });
    // Something this page does not know is nothing to promise.
    expect(words({ verified: 'saved_maybe' }).well).toBeNull();
    for (const verified of ['no', 'checking', 'repairing', 'damaged', '']) expect(words({ verified, playable: true }).word).not.toMatch(/saved/i);
  });
  it('names its files by the session that it belongs to', () => {
    expect(recordingFiles('s/1', recording()).map(({ href }) => href)).toEqual(['/api/v1/sessions/s%2F1/recordings/cam2-1.mp4', '/api/v1/sessions/s%2F1/recordings/cam2-2.mp4']);
    expect(recordingFiles('s', recording({ path: 'C:\\films\\cam 2.mp4' }))).toEqual([{ href: '/api/v1/sessions/s/recordings/cam%202.mp4', file: 'cam 2.mp4' }]);
    // A director sees plain names; what is being written is not offered.
    expect(recordingFiles('s', recording({ parts: ['cam2-1.mkv'] }))[0]?.file).toBe('cam2-1.mkv');
    expect(recordingFiles('s', recording({ writing: true }))).toEqual([]);
  });
  it('tells length, size, parts and sounds', () => {
    expect(recordingFacts(recording())).toBe('00:01:02, 900 MB, 2 parts, 2 sound tracks');
    expect(recordingFacts(recording({ path: '/data/cam2.mp4', tracks: [] }))).toBe('00:01:02, 900 MB');
  });
});

describe('a destination', () => {
  it('counts down, and tells what was left out', () => {
    expect(outputLine(output())).toBe('On air, 4.5 Mb/s');
    expect(outputLine(output({ state: 'waiting', retry_in_ms: 7400, dropped: 214, reconnects: 1 }))).toBe('Trying again in 8\u00a0s, 214 left out, reached again once');
    expect(outputLine(output({ state: 'refused', bitrate_bps: null }))).toBe('Refused');
  });
});

describe('a source', () => {
  it('says what comes, or what is wrong', () => {
    expect(sourceLine(camera())).toBe('SRT, 1280×720, 30 fps');
    expect(sourceLine(camera({ shed: 'keys_only' }))).toMatch(/few pictures for now/);
    expect(sourceLine(camera({ state: 'lost', input: { state: 'waiting', retry_in_ms: 1200 } }))).toBe('Lost, trying again in 2\u00a0s');
  });
  it('says how sure its time is', () => {
    expect(clockLine(camera())).toBe('Guessed, within 120 ms. Sync or trim it');
    expect(clockLine(camera({ trimmed: true }))).toBe('Trimmed, within 120 ms');
    expect(clockLine(camera({ clock: { uncertainty_ms: 1.24, two_way: true } }))).toBe('Measured, within 1.2 ms');
    expect(clockLine(camera({ clock: null }))).toBe('Not known yet');
    expect([-40, 0, 120].map(trimWord)).toEqual(['−40 ms', '0 ms', '+120 ms']);
  });
});

it('says of an overload whether viewers see it', () => {
  expect(loadLine(undefined)).toBe('All is done in time. Nothing is left out.');
  expect([0, 1, 2, 3, 4].map((level) => /simpler/.test(loadLine({ level, shed: [] })))).toEqual([false, false, false, true, true]);
});

it('counts a ticket down to nothing', () => {
  const now = 1_700_000_000_000;
  expect([120_000, 400, 0, -5000].map((left) => untilWall((now + left) * 1000, now))).toEqual([120, 1, null, null]);
  expect(untilWall(null, now)).toBeNull();
});
