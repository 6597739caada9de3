/** Where the studio's clock stands against this phone's. */
export interface Offset {
  /** Studio minus phone, milliseconds. */
  offsetMs: number;
  /** Round trip of the sample it comes from: the offset is wrong by at most half of it. */
  rttMs: number;
}

const SAMPLES = 8;

/** Asks several times and believes the quickest answer: what takes long was held up somewhere, and nobody knows on which way. */
export async function measureOffset(ask: () => Promise<number>, nowMs: () => number, samples = SAMPLES): Promise<Offset | null> {
  let best: Offset | null = null;
  for (let at = 0; at < samples; at += 1) {
    const sent = nowMs();
    const studioUs = await ask().catch(() => null);
    const came = nowMs();
    const rttMs = came - sent;
    if (studioUs === null || !Number.isFinite(studioUs) || rttMs < 0) continue;
    if (best === null || rttMs < best.rttMs) best = { offsetMs: studioUs / 1000 - (sent + came) / 2, rttMs };
  }
  return best;
}
