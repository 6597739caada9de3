import { describe, expect, it } from 'vitest';
import { formatClock, millisAt, parseClock, ShowTime } from './clock';

describe('the match clock', () => {
  const clock = { millis: 60_000, since: 5e9, running: true, down: true, period: 1 };
  it('counts down, stops at zero and stands when stopped', () => {
    expect(millisAt(clock, 6e9)).toBe(59_000);
    expect(millisAt(clock, 500e9)).toBe(0);
    expect(millisAt({ ...clock, running: false }, 500e9)).toBe(60_000);
    expect(millisAt({ ...clock, down: false }, 6.5e9)).toBe(61_500);
    expect(millisAt(clock, 4e9)).toBe(60_000);
  });
  it('is written as rinks write it', () => {
    expect(formatClock(754_000, true)).toBe('12:34');
    expect(formatClock(753_001, true)).toBe('12:34');
    expect(formatClock(59_940, true)).toBe('59.9');
    expect(formatClock(754_999)).toBe('12:34');
    expect(formatClock(3_723_000)).toBe('1:02:03');
  });
  it('is read back, and nonsense is refused', () => {
    for (const [text, millis] of [['12:34', 754_000], ['1:02:03', 3_723_000], ['45.6', 45_600], [' 0:05 ', 5000]] as const) expect(parseClock(text)).toBe(millis);
    for (const bad of ['', '12:', '12:60', 'noon', '-1:00', '12:34:56:78', '99:59:59', '1e3']) expect(parseClock(bad)).toBeNull();
  });
});

describe('show time', () => {
  it('believes the freshest snapshot and creeps towards slow ones', () => {
    const time = new ShowTime();
    expect(time.at(0)).toBeNull();
    time.take({ media_time: 100e9 }, 1000);
    expect(time.at(2000)).toBe(101e9);
    time.take({ media_time: 101.05e9 }, 2000);
    expect(time.at(2000)).toBe(101.05e9);
    time.take({ media_time: 101.95e9 }, 3000);
    expect(time.at(3000)).toBeCloseTo(102.048e9, -6);
    time.take({ media_time: 5e9 }, 4000);
    expect(time.at(4000)).toBe(5e9);
  });
});
