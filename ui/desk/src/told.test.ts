import { expect, it } from 'vitest';
import type { StudioEvent } from '@shared/wire';
import { told } from './told';

const event = (fields: Record<string, unknown>) => ({ seq: 1, actor: 'director', ...fields }) as unknown as StudioEvent;
const name = (slot: number) => `camera ${slot}`;

it('tells who cut where and why', () => {
  expect(told(event({ type: 'cut_made', to: 2, transition: 'cut', by: 'failover', reason: 'camera 1 is lost' }), name)).toBe('Cut to camera 2, by failover: camera 1 is lost');
  expect(told(event({ type: 'cut_made', to: null, transition: 'dip', by: 'director', reason: '' }), name)).toBe('Dip to black to the slate, by director');
});

it('keeps silent about what it does not know', () => {
  for (const fields of [{ type: 'new_thing' }, { type: 'era_opened' }, {}]) expect(told(event(fields), name)).toBe('');
});
