import type { TallyState } from '@shared/wire';

// Felt without looking: long is on air, two short is next, three short is a replay, one short is off air.
const patterns: Record<TallyState, number[]> = { live: [300], next: [80, 80, 80], replay: [60, 60, 60, 60, 60], ready: [60], idle: [60] };

/** The pattern for a change of tally; none when nothing changed that a hand should know. */
export function patternFor(from: TallyState, to: TallyState): number[] | null {
  const quiet = (state: TallyState) => state === 'ready' || state === 'idle';
  return from === to || (quiet(from) && quiet(to)) ? null : patterns[to];
}

/** Shakes the phone where it can; browsers without it, and pages not yet touched, stay still. */
export function buzz(pattern: number[] | null): void {
  if (pattern && 'vibrate' in navigator) navigator.vibrate(pattern);
}
