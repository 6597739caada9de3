const FIRST_MS = 500;
const LONGEST_MS = 5000;

/** How long to wait before try number `attempt` (from 0): 0.5 s doubling to 5 s, spread so that phones do not return in step. */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full * (0.75 + 0.25 * random()));
}
