import { expect, it } from 'vitest';
import { bitrate, bytes, elapsed, meterShare, roughly, wordsOn } from './format';

it('writes numbers with their units, and a dash for what was not measured', () => {
  expect([bitrate(4_520_000), bitrate(640_000), bitrate(null)]).toEqual(['4.5 Mb/s', '640 kb/s', '–']);
  expect([bytes(0), bytes(999), bytes(1_000), bytes(1.25e9), bytes(null)]).toEqual(['0 B', '999 B', '1.0 kB', '1.3 GB', '–']);
  expect([roughly(11_400), roughly(725), roughly(40), roughly(null), roughly(Infinity)]).toEqual(['3 h 10', '12 min', '40 s', '–', '–']);
  expect(elapsed(2472)).toBe('00:41:12');
});

it('keeps a meter inside its scale', () => {
  expect([meterShare(-60), meterShare(-30), meterShare(6), meterShare(-200), meterShare(null), meterShare(NaN)]).toEqual([0, 0.5, 1, 0, 0, 0]);
});

it('picks black or white words by contrast', () => {
  expect([wordsOn('#1d4fd8'), wordsOn('#e8ecf2'), wordsOn('#ffe14d'), wordsOn('#000000'), wordsOn('nonsense')]).toEqual(['light', 'dark', 'dark', 'light', 'light']);
});
