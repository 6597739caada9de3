import { describe, expect, it } from 'vitest';
import { claimFragment, parseFragment } from './token';

describe('the link', () => {
  it('gives token and slot, and refuses what is neither', () => {
    expect(parseFragment('#t=aB-_9&slot=3')).toEqual({ token: 'aB-_9', slot: 3 });
    for (const bad of ['', '#', '#t=', '#t=a b', `#t=${'x'.repeat(300)}`, '#t=<script>']) expect(parseFragment(bad).token).toBeNull();
    for (const bad of ['#slot=0', '#slot=33', '#slot=1.5', '#slot=x', '#slot=-1']) expect(parseFragment(bad).slot).toBeNull();
  });
  it('leaves the address bar at once and survives a reload', () => {
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) } as Storage;
    const shown: string[] = [];
    const place = (hash: string) => ({ hash, pathname: '/desk/', search: '' });
    expect(claimFragment('desk', place('#t=abc'), storage, (url) => shown.push(url)).token).toBe('abc');
    expect(shown).toEqual(['/desk/']);
    expect(claimFragment('desk', place(''), storage, (url) => shown.push(url)).token).toBe('abc');
    expect(claimFragment('watch', place(''), storage, () => undefined).token).toBeNull();
    kept.set('touchline.desk', '{broken');
    expect(claimFragment('desk', place(''), storage, () => undefined).token).toBeNull();
  });
});
