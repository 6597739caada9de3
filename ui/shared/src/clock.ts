import type { MatchClock, MediaTime, Snapshot } from './wire';

const LONGEST_MS = 35_999_999;

/** What the match clock shows at `now`, milliseconds; the same rule as the studio's. */
export function millisAt(clock: MatchClock, now: MediaTime): number {
  if (!clock.running) return clock.millis;
  const passed = Math.floor(Math.max(0, now - clock.since) / 1e6);
  return Math.min(LONGEST_MS, Math.max(0, clock.down ? clock.millis - passed : clock.millis + passed));
}

/** 12:34; the last minute of a clock that counts down shows tenths, as rinks do. */
export function formatClock(millis: number, down = false): string {
  const tenths = Math.floor(millis / 100);
  if (down && millis < 60_000) return `${Math.floor(tenths / 10)}.${tenths % 10}`;
  const seconds = down ? Math.ceil(millis / 1000) : Math.floor(millis / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}` : `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}

/** Reads 12:34, 1:02:03 or 45.6 as milliseconds; none when it is no time. */
export function parseClock(text: string): number | null {
  const match = /^(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,2})(?:[.,](\d))?$/.exec(text.trim());
  if (!match) return null;
  const [, hours = '0', minutes, seconds = '0', tenth = '0'] = match;
  if (minutes !== undefined && Number(seconds) > 59) return null;
  const millis = ((Number(hours) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds)) * 1000 + Number(tenth) * 100;
  return millis <= LONGEST_MS ? millis : null;
}

/** The show's time as this page knows it: each snapshot was taken before it came, so the freshest one is the best. */
export class ShowTime {
  private base: { media: number; local: number } | null = null;

  take(snapshot: Pick<Snapshot, 'media_time'>, local = performance.now()): void {
    const guess = this.at(local);
    const late = guess === null ? Infinity : snapshot.media_time - guess;
    // Slow answers look old: creep towards them, jump only when the show itself jumped.
    if (guess === null || late > 0 || late < -1e9) this.base = { media: snapshot.media_time, local };
    else if (this.base) this.base = { media: guess + late * 0.02, local };
  }

  /** Nanoseconds of the show, or none before the first snapshot. */
  at(local = performance.now()): MediaTime | null {
    return this.base === null ? null : this.base.media + (local - this.base.local) * 1e6;
  }
}
