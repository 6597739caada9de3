import type { Action, Slot, Snapshot } from '@shared/wire';

/** The part of a keyboard event that matters; `code` names the key's place, so that Shift+1 is 1 on every layout. */
export interface Press {
  code: string;
  key: string;
  shift: boolean;
  modified: boolean;
}

export type Pressed = { act: Action } | { help: true } | null;

/** What a key asks for; null leaves the key to the browser. */
export function pressed(press: Press, show: Pick<Snapshot, 'cameras' | 'program'>): Pressed {
  if (press.modified) return null;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(press.code);
  if (digit) {
    const slot: Slot = Number(digit[1]);
    if (!show.cameras.some((camera) => camera.slot === slot)) return null;
    return { act: press.shift ? { type: 'preview', slot } : { type: 'cut', slot } };
  }
  if (press.key === '?') return { help: true };
  if (press.shift) return null;
  if (press.code === 'Space') return { act: { type: 'take' } };
  if (press.code === 'Enter' || press.code === 'NumpadEnter') return { act: { type: 'mix' } };
  if (press.code === 'KeyB') return { act: { type: 'slate', on: !show.program.slate } };
  return null;
}

/** Whether a key belongs to what has the focus: words to a field, Space and Enter to a button reached by keyboard. */
export function belongsToFocus(press: Press, focus: { tag: string; type: string } | null): boolean {
  if (!focus) return false;
  if (focus.tag === 'TEXTAREA' || focus.tag === 'SELECT') return true;
  if (focus.tag === 'INPUT') return focus.type !== 'range' || press.code.startsWith('Arrow');
  const presses = press.code === 'Space' || press.code === 'Enter' || press.code === 'NumpadEnter';
  return presses && (focus.tag === 'BUTTON' || focus.tag === 'A' || focus.tag === 'SUMMARY');
}
