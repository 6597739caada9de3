// Keeps a viewer at the same distance from life for hours: a little faster when behind, never by a jump that can be seen.

export interface Pacing {
  /** Seconds behind the newest media that the playlist names. */
  behind: number;
  /** Seconds that the stream asks players to stay behind. */
  holdBack: number;
  /** Seconds of media ready to play. */
  buffered: number;
}

export type Order = { rate: number } | { jump: true };

/** Above this the picture is late enough for a jump to be kinder than minutes of hurry. */
const JUMP_BEHIND_S = 8;
const FASTEST = 1.08;
const SLOWEST = 0.96;
/** Hurry begins when this late and ends when back: two thresholds, so that the rate does not flutter. */
const BEGIN_S = 0.15;
const END_S = 0.03;
/** Less than this ready to play: no hurry, or the picture stops. */
const LEAST_BUFFER_S = 0.3;
const STALL_COST_S = 0.25;
const MOST_EXTRA_S = 2;
const FORGIVE_AFTER_S = 20;
const FORGIVE_STEP_S = 0.1;

/**
 * Decides the playing rate. A stall buys distance, quiet time gives it back: hls.js alone never gives it back, and asks for
 * more than a second of buffer before it hurries, which a low-latency stream does not have.
 */
export class Pace {
  private extra = 0;
  private quietSince = 0;
  private hurrying = false;
  private easing = false;

  /** Seconds behind that are wanted now. */
  target(holdBack: number): number {
    return holdBack + this.extra;
  }

  /** The picture stopped for want of media. */
  stalled(nowSecs: number): void {
    this.extra = Math.min(MOST_EXTRA_S, this.extra + STALL_COST_S);
    this.quietSince = nowSecs;
  }

  decide({ behind, holdBack, buffered }: Pacing, nowSecs: number): Order {
    if (nowSecs - this.quietSince > FORGIVE_AFTER_S && this.extra > 0) {
      this.extra = Math.max(0, this.extra - FORGIVE_STEP_S);
      this.quietSince = nowSecs;
    }
    const late = behind - this.target(holdBack);
    if (late > JUMP_BEHIND_S) return { jump: true };
    this.hurrying = buffered > LEAST_BUFFER_S && late > (this.hurrying ? END_S : BEGIN_S);
    // Nearer to life than wanted, or almost dry: slow down a little before the picture has to stop.
    this.easing = !this.hurrying && (late < (this.easing ? -END_S : -BEGIN_S) || buffered < 0.1);
    if (this.hurrying) return { rate: round(Math.min(FASTEST, 1.02 + late * 0.06)) };
    return { rate: this.easing ? SLOWEST : 1 };
  }
}

const round = (rate: number) => Math.round(rate * 100) / 100;
