import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api } from './api';
import { addressOf, pageOf, redeem } from './join';
import type { Joined } from './wire';

afterEach(() => vi.unstubAllGlobals());

/** A studio that answers questions to join with these, one after the other. */
function studio(...answers: { status: number; body?: unknown }[]) {
  let asked = 0;
  const fetcher = (async () => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    if (!answer || answer.status === 0) throw new TypeError('no network');
    return new Response(JSON.stringify(answer.body ?? {}), { status: answer.status });
  }) as typeof fetch;
  return { api: new Api(null, fetcher), asked: () => asked };
}

function tab() {
  const kept = new Map<string, string>();
  const places: string[] = [];
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) });
  vi.stubGlobal('location', { replace: (url: string) => places.push(url) });
  return { kept, places };
}

const camera: Joined = { token: 'new', role: 'camera', slot: 2 };

describe('a ticket', () => {
  it('becomes a key of this tab', async () => {
    const { kept } = tab();
    expect(await redeem('phone', 'once', studio({ status: 200, body: camera }).api)).toEqual(camera);
    expect(kept.get('touchline.phone')).toBe('{"token":"new","slot":2}');
  });
  it('for another page opens that page', async () => {
    const { places } = tab();
    expect(await redeem('phone', 'once', studio({ status: 200, body: { token: 'd', role: 'director', slot: null } }).api)).toBe('elsewhere');
    expect(places).toEqual(['../desk/#t=d']);
    expect(addressOf({ token: 'v', role: 'commentator', slot: null })).toBe('../phone/#t=v&slot=commentary');
    expect(pageOf('viewer')).toBe('watch');
  });
  it('is asked about again when nobody answered, never when it was refused', async () => {
    tab();
    const waits: number[] = [];
    const slow = studio({ status: 0 }, { status: 503 }, { status: 200, body: camera });
    expect(await redeem('phone', 'once', slow.api, async (ms) => void waits.push(ms))).toEqual(camera);
    expect(waits).toEqual([500, 1000]);
    const used = studio({ status: 410 });
    await expect(redeem('phone', 'once', used.api, async () => undefined)).rejects.toMatchObject({ status: 410 });
    expect(used.asked()).toBe(1);
    const away = studio({ status: 0 });
    await expect(redeem('phone', 'once', away.api, async () => undefined)).rejects.toMatchObject({ status: 0 });
    expect(away.asked()).toBe(5);
  });
});
