type Entry = Record<string, unknown>;

/** Seconds from 1900, where network time begins, to 1970. */
const NTP_OFFSET_MS = 2_208_988_800_000;
/** A studio clock that is further off than this is another clock, not a late picture. */
const CLOCK_TRUST_MS = 30_000;

const number = (entry: Entry | undefined, name: string): number | null => (typeof entry?.[name] === 'number' ? (entry[name] as number) : null);
const shown = (value: number | null, unit: string, digits = 1): string => (value === null || !Number.isFinite(value) ? '–' : `${value.toFixed(digits)} ${unit}`);

/** Reads a viewer's connection: what it shows, and how far behind life it is. */
export class WhepStats {
  /** Seconds behind life by the connection's own reports; none until known. */
  behindS: number | null = null;
  /** Seconds that pictures are surely under way: held back here, and half the round trip. */
  heldS = 0;
  private before: { bytes: number; frames: number; atMs: number } | null = null;
  private delays: { sum: number; count: number } | null = null;

  take(report: Iterable<[string, Entry]> | RTCStatsReport, behind: number | null, stalls: number, nowMs = Date.now()): [string, string][] {
    let video: Entry | undefined;
    let pair: Entry | undefined;
    const look = (entry: Entry) => {
      if (entry.type === 'inbound-rtp' && entry.kind === 'video') video = entry;
      if (entry.type === 'candidate-pair' && entry.nominated === true && entry.state === 'succeeded') pair = entry;
    };
    if ('forEach' in report) report.forEach((entry: Entry) => look(entry));
    else for (const [, entry] of report) look(entry);
    const rtt = number(pair, 'currentRoundTripTime');
    this.behindS = this.estimate(video, rtt, nowMs);
    const { bitrate, fps } = this.rates(video);
    return [
      ['Way', 'Direct (WebRTC)'],
      ['Behind life', shown(behind ?? this.behindS, 's', 2)],
      ['Round trip', shown(rtt === null ? null : rtt * 1000, 'ms', 0)],
      ['Picture', video ? `${number(video, 'frameWidth') ?? 0}×${number(video, 'frameHeight') ?? 0}` : '–'],
      ['Pictures a second', shown(fps, 'fps', 0)],
      ['Network', shown(bitrate === null ? null : bitrate / 1e6, 'Mb/s')],
      ['Packets lost', String(number(video, 'packetsLost') ?? '–')],
      ['Pictures dropped', String(number(video, 'framesDropped') ?? '–')],
      ['Stops', String(stalls)],
    ];
  }

  /** By the studio's own stamp on the picture that plays; without one, what is held back here and half the way there. */
  private estimate(video: Entry | undefined, rtt: number | null, nowMs: number): number | null {
    const stamp = number(video, 'estimatedPlayoutTimestamp');
    const byStamp = stamp === null ? NaN : nowMs - (stamp - NTP_OFFSET_MS);
    const held = this.held(video, rtt);
    return byStamp > 0 && byStamp < CLOCK_TRUST_MS ? byStamp / 1000 : held;
  }

  private held(video: Entry | undefined, rtt: number | null): number | null {
    const sum = number(video, 'jitterBufferDelay');
    const count = number(video, 'jitterBufferEmittedCount');
    if (sum === null || count === null) return null;
    const last = this.delays;
    this.delays = { sum, count };
    if (!last || count <= last.count) return this.behindS;
    this.heldS = (sum - last.sum) / (count - last.count) + (rtt ?? 0) / 2;
    return this.heldS;
  }

  private rates(video: Entry | undefined): { bitrate: number | null; fps: number | null } {
    const bytes = number(video, 'bytesReceived');
    const frames = number(video, 'framesDecoded');
    const atMs = number(video, 'timestamp');
    if (bytes === null || frames === null || atMs === null) return { bitrate: null, fps: null };
    const last = this.before;
    this.before = { bytes, frames, atMs };
    const seconds = last ? (atMs - last.atMs) / 1000 : 0;
    return last && seconds > 0 ? { bitrate: ((bytes - last.bytes) * 8) / seconds, fps: (frames - last.frames) / seconds } : { bitrate: null, fps: null };
  }
}
