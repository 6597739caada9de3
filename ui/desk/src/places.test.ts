import { expect, it } from 'vitest';
import { freePlaces, likelyPlace } from './places';

const at = (slot: number, state: 'live' | 'empty' | 'lost' = 'live') => ({ slot, state });

it('offers the next places, and not one that somebody is on the way to', () => {
  expect(freePlaces([], [])).toEqual([1, 2, 3]);
  expect(freePlaces([at(1), at(3)], [2])).toEqual([4, 5, 6]);
  expect(freePlaces(Array.from({ length: 32 }, (_, slot) => at(slot + 1)), [])).toEqual([]);
});

it('proposes a known place that is empty before a new one', () => {
  expect(likelyPlace([at(1), at(4, 'empty'), at(2, 'empty')], [])).toBe(2);
  expect(likelyPlace([at(1), at(2, 'empty')], [2])).toBe(3);
  expect(likelyPlace([at(1, 'lost')], [])).toBe(2);
});
