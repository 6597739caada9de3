import { describe, expect, it } from 'vitest';
import { claimFragment, parseFragment } from './token';

describe('the link', () => {
  it('gives token and slot, and refuses what is neither', () => {
    expect(parseFragment('#t=aB-_9&slot=3')).toEqual({ token: 'aB-_9', slot: 3, ticket: null, code: null });
    expect(parseFragment('#t=a&slot=commentary').slot).toBe(33);
    for (const bad of ['', '#', '#t=', '#t=a b', `#t=${'x'.repeat(300)}`, '#t=<script>']) expect(parseFragment(bad).token).toBeNull();
    for (const bad of ['#slot=0', '#slot=33', '#slot=1.5', '#slot=x', '#slot=-1']) expect(parseFragment(bad).slot).toBeNull();
  });
  it('gives tickets and crew codes by their long and short names', () => {
    for (const link of ['#ticket=Zk3&slot=2', '#j=Zk3&slot=2']) expect(parseFragment(link)).toEqual({ token: null, slot: 2, ticket: 'Zk3', code: null });
    for (const link of ['#code=K7QM2X01', '#c=K7QM2X01']) expect(parseFragment(link).code).toBe('K7QM2X01');
    for (const typed of ['#c', '#code=', '#code=<b>']) expect(parseFragment(typed).code).toBe('');
    for (const bad of ['#ticket=', '#ticket=a b', '#j=<script>']) expect(parseFragment(bad).ticket).toBeNull();
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
    // A link that lets one ask does not open the place that this tab stood at before.
    expect(claimFragment('desk', place('#c'), storage, () => undefined)).toEqual({ token: null, slot: null, ticket: null, code: '' });
    kept.set('touchline.desk', '{broken');
    expect(claimFragment('desk', place(''), storage, () => undefined).token).toBeNull();
  });
});
