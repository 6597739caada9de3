interface Entry<T> {
  at: number;
  value: T;
}

const MOST = 600;

/** Holds values back until the picture has come to the same moment, so that the score line does not tell the goal before it falls. */
export class Delayed<T> {
  private entries: Entry<T>[] = [];

  push(value: T, nowMs: number): void {
    this.entries.push({ at: nowMs, value });
    if (this.entries.length > MOST) this.entries.shift();
  }

  /** The newest value that is at least `delayMs` old; the oldest known when none is. */
  at(nowMs: number, delayMs: number): T | null {
    let shown: Entry<T> | null = null;
    let passed = 0;
    for (const entry of this.entries) {
      if (entry.at > nowMs - delayMs && shown) break;
      shown = entry;
      passed += 1;
    }
    if (passed > 1) this.entries.splice(0, passed - 1);
    return shown?.value ?? null;
  }
}
