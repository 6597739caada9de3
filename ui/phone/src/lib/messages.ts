import type { FromPhone, PictureAdvice, ToPhone } from '@shared/wire';

const LONGEST = 4096;

/** Reads a message of the studio's; what is too long, no JSON or unknown is nothing. */
export function readMessage(data: unknown): ToPhone | null {
  if (typeof data !== 'string' || data.length > LONGEST) return null;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const message = value as Record<string, unknown>;
  switch (message.type) {
    case 'ping':
      return typeof message.id === 'number' ? (value as ToPhone) : null;
    case 'tally':
      return ['idle', 'ready', 'next', 'live', 'replay'].includes(message.state as string) ? (value as ToPhone) : null;
    case 'admission':
      return typeof message.accepted === 'boolean' ? (value as ToPhone) : null;
    case 'advice':
      return isAdvice(message) ? (value as ToPhone) : null;
    case 'talk':
      return typeof message.from === 'string' && typeof message.on === 'boolean' ? (value as ToPhone) : null;
    case 'text':
    case 'message':
      return typeof message.text === 'string' ? (value as ToPhone) : null;
    default:
      return null;
  }
}

function isAdvice(message: Record<string, unknown>): boolean {
  return [message.bitrate_bps, message.scale_down_by, message.max_fps].every((field) => typeof field === 'number' && Number.isFinite(field) && field > 0);
}

/** This phone's clock, microseconds since 1970 as the browser stamps its RTCP reports. */
export function clockMicros(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

export function write(message: FromPhone): string {
  return JSON.stringify(message);
}

export const firstAdvice: PictureAdvice = { bitrate_bps: 3_000_000, scale_down_by: 1, max_fps: 30 };

/** Advice made safe: a phone never sends more than its camera gives or what a radio carries. */
export function safeAdvice(advice: PictureAdvice): PictureAdvice {
  return {
    bitrate_bps: Math.round(Math.min(12_000_000, Math.max(100_000, advice.bitrate_bps))),
    scale_down_by: Math.min(8, Math.max(1, advice.scale_down_by)),
    max_fps: Math.min(60, Math.max(5, advice.max_fps)),
  };
}
