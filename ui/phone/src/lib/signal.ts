/** What tells how well pictures get through. None: not measured yet. */
export interface Measured {
  fps: number | null;
  wantedFps: number;
  loss: number | null;
  rttMs: number | null;
  bitrate: number | null;
  wantedBitrate: number;
}

/** The signal in four steps; 0 when nothing gets through. */
export function signalSteps(measured: Measured): number {
  if (measured.fps === null) return 0;
  if (measured.fps < 1) return 0;
  let steps = 4;
  const { loss, rttMs, bitrate } = measured;
  if ((loss ?? 0) > 0.01 || (rttMs ?? 0) > 120) steps -= 1;
  if ((loss ?? 0) > 0.05 || (rttMs ?? 0) > 300) steps -= 1;
  if (measured.fps < measured.wantedFps * 0.8) steps -= 1;
  if (bitrate !== null && measured.wantedBitrate < 1_000_000 && steps > 2) steps = 2;
  return Math.max(1, steps);
}

interface Before {
  at: number;
  frames: number;
  bytes: number;
}

/** Turns a peer connection's growing counts into measurements. */
export class StatsReader {
  private before: Before | null = null;
  dropped = 0;
  /** Why the encoder holds back, in the browser's word. */
  limitedBy: string | null = null;

  take(report: Iterable<[string, Record<string, unknown>]> | RTCStatsReport, wantedFps: number, wantedBitrate: number): Measured {
    let now: Before | null = null;
    let loss: number | null = null;
    let rttMs: number | null = null;
    let captured: number | null = null;
    const take = (entry: Record<string, unknown>) => {
      const number = (name: string) => (typeof entry[name] === 'number' ? (entry[name] as number) : null);
      if (entry.type === 'outbound-rtp' && typeof entry.qualityLimitationReason === 'string') this.limitedBy = entry.qualityLimitationReason;
      if (entry.type === 'outbound-rtp' && entry.kind === 'video') now = { at: number('timestamp') ?? 0, frames: number('framesEncoded') ?? 0, bytes: number('bytesSent') ?? 0 };
      if (entry.type === 'remote-inbound-rtp' && entry.kind === 'video') {
        loss = number('fractionLost');
        const rtt = number('roundTripTime');
        rttMs = rtt === null ? null : rtt * 1000;
      }
      if (entry.type === 'media-source' && entry.kind === 'video') captured = number('frames');
    };
    if ('forEach' in report) report.forEach((entry: Record<string, unknown>) => take(entry));
    else for (const [, entry] of report) take(entry);
    const since = this.before;
    const newest = now as Before | null;
    this.before = newest;
    if (captured !== null && newest) this.dropped = Math.max(0, captured - newest.frames);
    const seconds = since && newest ? (newest.at - since.at) / 1000 : 0;
    const rates = since && newest && seconds > 0;
    return {
      fps: rates ? (newest.frames - since.frames) / seconds : null,
      bitrate: rates ? ((newest.bytes - since.bytes) * 8) / seconds : null,
      wantedFps,
      wantedBitrate,
      loss,
      rttMs,
    };
  }
}
