import { describe, expect, it } from 'vitest';
import type { CameraView, Snapshot } from '@shared/wire';
import { belongsToFocus, pressed, type Press } from './keys';

const show = { cameras: [1, 2].map((slot) => ({ slot })) as CameraView[], program: { slate: false } } as Snapshot;
const press = (code: string, change: Partial<Press> = {}): Press => ({ code, key: '', shift: false, modified: false, ...change });

describe('keys', () => {
  it('cut, choose, take, mix and slate', () => {
    expect(pressed(press('Digit2'), show)).toEqual({ act: { type: 'cut', slot: 2 } });
    expect(pressed(press('Numpad1'), show)).toEqual({ act: { type: 'cut', slot: 1 } });
    expect(pressed(press('Digit2', { shift: true, key: '"' }), show)).toEqual({ act: { type: 'preview', slot: 2 } });
    expect(pressed(press('Space'), show)).toEqual({ act: { type: 'take' } });
    expect(pressed(press('Enter'), show)).toEqual({ act: { type: 'mix' } });
    expect(pressed(press('KeyB'), show)).toEqual({ act: { type: 'slate', on: true } });
    expect(pressed(press('Minus', { key: '?', shift: true }), show)).toEqual({ help: true });
  });
  it('leave the rest to the browser', () => {
    for (const other of [press('Digit3'), press('Digit2', { modified: true }), press('KeyB', { shift: true }), press('KeyR')]) expect(pressed(other, show)).toBeNull();
  });
  it('belong to a field while one is written in, and to a button reached by keyboard', () => {
    expect(belongsToFocus(press('Digit1'), { tag: 'INPUT', type: 'text' })).toBe(true);
    expect(belongsToFocus(press('Space'), { tag: 'BUTTON', type: 'button' })).toBe(true);
    expect(belongsToFocus(press('Digit1'), { tag: 'BUTTON', type: 'button' })).toBe(false);
    expect(belongsToFocus(press('Digit1'), { tag: 'INPUT', type: 'range' })).toBe(false);
    expect(belongsToFocus(press('ArrowLeft'), { tag: 'INPUT', type: 'range' })).toBe(true);
    expect(belongsToFocus(press('Space'), null)).toBe(false);
  });
});
