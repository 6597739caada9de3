import { describe, expect, it } from 'vitest';
import { Delayed } from './delayed';
import { Pace } from './pace';

const HOLD_BACK = 0.65;

/** Plays a viewer for `seconds` against a live edge; `hiccup` takes playing time away. Returns how far behind it ends and its extremes. */
function play(pace: Pace, seconds: number, start: number, hiccup: (now: number) => number = () => 0) {
  let behind = start;
  let jumps = 0;
  const rates: number[] = [];
  for (let now = 0; now < seconds; now += 0.25) {
    const order = pace.decide({ behind, holdBack: HOLD_BACK, buffered: Math.max(0, behind - 0.1) }, now);
    if ('jump' in order) {
      behind = pace.target(HOLD_BACK);
      jumps += 1;
      continue;
    }
    rates.push(order.rate);
    const lost = hiccup(now);
    if (lost > 0) pace.stalled(now);
    behind += lost - 0.25 * (order.rate - 1);
  }
  return { behind, jumps, fastest: Math.max(...rates), slowest: Math.min(...rates), last: rates.at(-1) };
}

describe('the pace', () => {
  it('plays at life speed where it should be', () => {
    expect(play(new Pace(), 60, HOLD_BACK)).toMatchObject({ fastest: 1, slowest: 1, jumps: 0 });
  });
  it('comes back from two seconds late without a jump, and not faster than an ear bears', () => {
    const end = play(new Pace(), 120, HOLD_BACK + 2);
    expect(end.behind).toBeLessThan(HOLD_BACK + 0.16);
    expect(end.fastest).toBeLessThanOrEqual(1.08);
    expect(end).toMatchObject({ jumps: 0, last: 1 });
  });
  it('jumps when it is hopelessly late', () => {
    expect(play(new Pace(), 60, 30).jumps).toBe(1);
  });
  it('buys distance by stalls and gives it back in quiet', () => {
    const pace = new Pace();
    for (let stall = 0; stall < 3; stall += 1) pace.stalled(0);
    expect(pace.target(HOLD_BACK)).toBeCloseTo(HOLD_BACK + 0.75);
    for (let stall = 0; stall < 50; stall += 1) pace.stalled(0);
    expect(pace.target(HOLD_BACK)).toBeCloseTo(HOLD_BACK + 2);
    expect(play(pace, 900, HOLD_BACK + 2).behind).toBeLessThan(HOLD_BACK + 0.2);
  });
  it('does not fall behind over an hour of small hiccups', () => {
    const end = play(new Pace(), 3600, HOLD_BACK, (now) => (now > 0 && now % 120 === 0 ? 0.2 : 0));
    expect(end.behind).toBeLessThan(HOLD_BACK + 0.6);
    expect(end.jumps).toBe(0);
  });
  it('does not hurry with nothing to play', () => {
    expect(new Pace().decide({ behind: 5, holdBack: HOLD_BACK, buffered: 0.05 }, 0)).toEqual({ rate: 0.96 });
  });
});

describe('the score line', () => {
  it('waits for the picture', () => {
    const line = new Delayed<string>();
    expect(line.at(0, 1000)).toBeNull();
    line.push('1:0', 0);
    line.push('2:0', 5000);
    expect([line.at(100, 1000), line.at(5500, 1000), line.at(6000, 1000), line.at(9000, 1000)]).toEqual(['1:0', '1:0', '2:0', '2:0']);
  });
});
