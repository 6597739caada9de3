import { describe, expect, it } from 'vitest';
import { Api, ApiError, commandId } from './api';

function answering(status: number, body: string, seen: { path: string; init: RequestInit }[] = []) {
  const fetcher = async (path: RequestInfo | URL, init: RequestInit = {}) => {
    seen.push({ path: String(path), init });
    return new Response(status === 204 ? null : body, { status, headers: { Location: '/whip/2/abc' } });
  };
  return new Api('secret', fetcher as typeof fetch);
}

describe('the door', () => {
  it('carries the token and a fresh key with each command', async () => {
    const seen: { path: string; init: RequestInit }[] = [];
    expect(await answering(200, '{"seq":7}', seen).command({ type: 'cut', slot: 2 })).toEqual({ seq: 7 });
    const { id, command } = JSON.parse(String(seen[0]?.init.body));
    expect(command).toEqual({ type: 'cut', slot: 2 });
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    expect(new Headers(seen[0]?.init.headers).get('Authorization')).toBe('Bearer secret');
    expect(commandId()).not.toBe(commandId());
  });
  it('gives a refusal as an answer, however it is wrapped', async () => {
    for (const body of ['{"refused":{"code":"conflict","message":"Taken."}}', '{"code":"conflict","message":"Taken."}']) {
      expect(await answering(409, body).command({ type: 'take' })).toEqual({ refused: { code: 'conflict', message: 'Taken.' } });
    }
  });
  it('says it plainly when the answer is no JSON or there is none', async () => {
    await expect(answering(401, '<html>').snapshot()).rejects.toThrow(/fresh one/);
    const silent = new Api(null, (async () => { throw new TypeError('failed'); }) as typeof fetch);
    await expect(silent.snapshot()).rejects.toMatchObject({ status: 0 } satisfies Partial<ApiError>);
  });
  it('gives the location of a WHIP session', async () => {
    expect(await answering(201, 'v=0').whip(2, 'v=0')).toEqual({ sdp: 'v=0', location: '/whip/2/abc' });
  });
});
