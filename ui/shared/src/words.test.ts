import { describe, expect, it } from 'vitest';
import type { CameraView } from './wire';
import { cameraName, cameraTrouble, numberedName, sentence, tellsNoTime, tryingAgain } from './words';

const camera = (change: object) => ({ slot: 3, name: 'Camera 3', position: '', state: 'live', admission: null, input: { state: 'connected', address: '', detail: '', retry_in_ms: null, decoder: null }, ...change }) as CameraView;

describe('a camera', () => {
  it('is called by its name, else by its place, else by its number', () => {
    expect([camera({}), camera({ position: 'goal_line_1' }), camera({ name: 'Anna' })].map(cameraName)).toEqual(['Camera 3', 'Goal line 1', 'Anna']);
    expect([camera({}), camera({ name: 'Anna' })].map(numberedName)).toEqual(['Camera 3', '3 Anna']);
  });
  it('counts down until it is tried again, in whole seconds and never to nothing', () => {
    expect([null, undefined, 6300, 1000, 999, 0].map(tryingAgain)).toEqual(['Trying again', 'Trying again', 'Trying again in 7\u00a0s', 'Trying again in 1\u00a0s', 'Trying again in 1\u00a0s', 'Trying again in 1\u00a0s']);
    const waiting = { state: 'waiting', address: '', detail: 'no route', retry_in_ms: 2400, decoder: null };
    expect(cameraTrouble(camera({ state: 'lost', input: waiting }))).toBe('Lost, trying again in 3\u00a0s');
    expect(cameraTrouble(camera({ state: 'empty', input: waiting }))).toBe('Trying again in 3\u00a0s');
  });
  it('says what is wrong, and nothing when nothing is', () => {
    expect(cameraTrouble(camera({}))).toBe('');
    expect(cameraTrouble(camera({ state: 'lost' }))).toBe('Lost, waiting for it');
    expect(cameraTrouble(camera({ state: 'lost', input: { state: 'refused', detail: 'the password is wrong' } }))).toBe('The password is wrong.');
    expect(cameraTrouble(camera({ admission: { accepted: false, reason: 'Too small', suggested_adjustments: [] } }))).toBe('Too small');
    expect(cameraTrouble(camera({ state: 'empty', admission: { accepted: false, reason: 'Too small', suggested_adjustments: [] } }))).toBe('Nobody here yet');
  });
  it('has its verdict told without its own name, and what it waits for told first', () => {
    const admission = { accepted: false, reason: 'Camera 3: 20 pictures a second arrive, 24 are needed.', suggested_adjustments: [] };
    expect(cameraTrouble(camera({ admission }))).toBe('20 pictures a second arrive, 24 are needed.');
    expect(cameraTrouble(camera({ admission, name: 'Anna' }))).toBe('20 pictures a second arrive, 24 are needed.');
    expect(cameraTrouble(camera({ admission, state: 'lost' }))).toBe('Not taken: 20 pictures a second arrive, 24 are needed.');
    expect(cameraTrouble(camera({ admission, state: 'lost', input: { state: 'waiting', retry_in_ms: 900 } }))).toBe('Lost, trying again in 1\u00a0s');
    expect([sentence('the connection was refused'), sentence('Done.'), sentence('')]).toEqual(['The connection was refused.', 'Done.', '']);
  });
  it('tells its time or has to be placed in it', () => {
    expect(['webrtc', 'rtsp', 'file', 'srt', 'rtmp', 'mjpeg', 'chunks', 'device'].filter(tellsNoTime)).toEqual(['srt', 'rtmp', 'mjpeg', 'chunks', 'device']);
  });
});
