import { expect, it } from 'vitest';
import { bestColumns } from './fit';

it('puts four tiles in one line and six in two', () => {
  expect(bestColumns(4, 868, 300, 8, 6, 26).columns).toBe(4);
  expect(bestColumns(6, 868, 310, 8, 6, 26).columns).toBe(4);
});

it('never asks for more room than there is', () => {
  for (let count = 1; count <= 32; count += 1) {
    const { columns, tileWidth } = bestColumns(count, 868, 300, 8, 6, 26);
    const rows = Math.ceil(count / columns);
    expect(columns * tileWidth + (columns - 1) * 8).toBeLessThanOrEqual(868);
    expect(rows * ((tileWidth - 6) * (9 / 16) + 32) + (rows - 1) * 8).toBeLessThanOrEqual(301);
  }
});

it('has an answer for no room at all', () => {
  expect(bestColumns(3, 0, 0, 8)).toEqual({ columns: 3, tileWidth: 0 });
});
