import { describe, expect, it } from 'vitest';
import type { DestinationSetting, Preset } from '@shared/wire';
import { asked, filledFrom, keepsKey, missing, serversOf, type Filled } from './destination';

const presets: Preset[] = [
  { id: 'youtube', name: 'YouTube', servers: ['rtmps://a.example/live2', 'rtmps://c.example/live2', 'rtmps://b.example/live2?backup=1'], key_hint: '' },
  { id: 'custom', name: 'Another server', servers: [], key_hint: '' },
];
const setting = (change: Partial<DestinationSetting> = {}): DestinationSetting => ({ name: 'Ours', kind: 'rtmp', url: 'rtmps://a.example/live2/***', preset: 'youtube', has_key: true, in_settings: false, advice: [], ...change });
const own: Filled = { preset: 'custom', kind: 'rtmp', name: 'Club', server: '', url: 'rtmp://club.example/live', key: '' };

describe('the form of a destination', () => {
  it('opens with the first platform, or with what is set', () => {
    expect(filledFrom(presets, undefined, '')).toEqual({ preset: 'youtube', kind: 'rtmp', name: 'YouTube', server: '', url: '', key: '' });
    expect(filledFrom(presets, setting({ url: 'rtmps://c.example/live2/***' }), 'Ours')).toMatchObject({ name: 'Ours', server: 'rtmps://c.example/live2' });
  });
  it('never offers back an address with its secrets struck out', () => {
    expect(filledFrom(presets, setting({ preset: null, kind: 'srt', url: 'srt://club.example:9000?passphrase=***' }), 'Club')).toMatchObject({ preset: 'custom', kind: 'srt', url: '' });
  });
  it('leaves out servers that a key cannot stand behind', () => {
    expect(serversOf(presets[0])).toEqual(['rtmps://a.example/live2', 'rtmps://c.example/live2']);
  });
  it('says what is missing', () => {
    const filled = filledFrom(presets, undefined, '');
    expect(missing(presets, filled, undefined)).toMatch(/Paste the key/);
    expect(missing(presets, { ...filled, key: 'ab cd' }, undefined)).toMatch(/no spaces/);
    expect(missing(presets, { ...filled, key: ' abcd ' }, undefined)).toBe('');
    expect(missing(presets, { ...own, name: ' ' }, undefined)).toMatch(/name/);
    expect(missing(presets, own, undefined)).toBe('');
    for (const url of ['', 'club.example', 'http://club.example', 'srt://club.example:1', 'rtmp://']) expect(missing(presets, { ...own, url }, undefined)).toMatch(/rtmp:\/\//);
    expect(missing(presets, { ...own, kind: 'srt', url: 'srt://club.example:9000', key: 'short' }, undefined)).toMatch(/10 to 79/);
  });
  it('asks for no key again where the studio keeps it', () => {
    const filled = filledFrom(presets, setting(), 'Ours');
    expect(keepsKey(presets, filled, setting())).toBe(true);
    expect(missing(presets, filled, setting())).toBe('');
    expect(missing(presets, { ...filled, server: 'rtmps://c.example/live2' }, setting())).toMatch(/Paste the key/);
    expect(missing(presets, filled, setting({ has_key: false }))).toMatch(/Paste the key/);
  });
  it('asks the studio for no more than was filled in', () => {
    expect(asked(presets, filledFrom(presets, setting(), 'Ours'))).toEqual({ kind: 'rtmp', preset: 'youtube' });
    expect(asked(presets, { ...own, kind: 'srt', url: ' srt://club.example:9000 ', key: 'ten letters'.replace(' ', '-') })).toEqual({ kind: 'srt', preset: 'custom', url: 'srt://club.example:9000', key: 'ten-letters' });
    // A platform is reached by RTMP whatever stood in the form before.
    expect(asked(presets, { ...own, preset: 'youtube', kind: 'srt', key: 'k' })).toEqual({ kind: 'rtmp', preset: 'youtube', key: 'k' });
  });
});
