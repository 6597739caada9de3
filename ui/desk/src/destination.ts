import type { DestinationSetting, Preset } from '@shared/wire';

/** What the hand has filled in. */
export interface Filled {
  /** A preset's id; `custom` for an address of one's own. */
  preset: string;
  kind: string;
  name: string;
  /** One of the preset's servers; empty takes its usual one. */
  server: string;
  url: string;
  key: string;
}

/** What the studio is asked to set. */
export interface Asked {
  kind: 'rtmp' | 'srt';
  preset: string;
  url?: string;
  key?: string;
}

export const knownPreset = (presets: Preset[], id: string): Preset | undefined => presets.find((preset) => preset.id === id && preset.servers.length > 0);

/** The servers of a preset that a plain key can be put behind. */
export const serversOf = (preset: Preset | undefined): string[] => preset?.servers.filter((server) => !server.includes('?')) ?? [];

/** The form as it opens. An address of one's own is never filled in: what is secret in it is struck out and could not be sent back. */
export function filledFrom(presets: Preset[], setting: DestinationSetting | undefined, name: string): Filled {
  const preset = setting ? (setting.preset ?? 'custom') : (presets[0]?.id ?? 'custom');
  const [, ...others] = serversOf(knownPreset(presets, preset));
  const server = others.find((one) => setting?.url.startsWith(one)) ?? '';
  return { preset, kind: setting?.kind === 'srt' ? 'srt' : 'rtmp', name: name || (knownPreset(presets, preset)?.name ?? ''), server, url: '', key: '' };
}

export const isSrt = (presets: Preset[], filled: Filled): boolean => !knownPreset(presets, filled.preset) && filled.kind === 'srt';

/** Whether the studio keeps the key that is set when none is typed: it belongs to its address. */
export function keepsKey(presets: Preset[], filled: Filled, setting: DestinationSetting | undefined): boolean {
  if (!setting?.has_key || filled.preset !== (setting.preset ?? 'custom')) return false;
  return knownPreset(presets, filled.preset) === undefined || filled.server === filledFrom(presets, setting, '').server;
}

/** What still has to be filled in or mended, one sentence; empty when all is well. */
export function missing(presets: Preset[], filled: Filled, setting: DestinationSetting | undefined): string {
  const srt = isSrt(presets, filled);
  const custom = knownPreset(presets, filled.preset) === undefined;
  const key = filled.key.trim();
  if (filled.name.trim() === '') return 'Give it a name.';
  if (custom && !(srt ? /^srt:\/\/./i : /^rtmps?:\/\/./i).test(filled.url.trim())) return srt ? 'The address begins with srt:// and names a port.' : 'The address begins with rtmp:// or rtmps://.';
  if (/\s/.test(key)) return 'A key has no spaces. Paste it again.';
  if (srt && key !== '' && (key.length < 10 || key.length > 79)) return 'A passphrase of SRT has 10 to 79 characters.';
  return !custom && key === '' && !keepsKey(presets, filled, setting) ? 'Paste the key. Without it the platform refuses the picture.' : '';
}

export function asked(presets: Preset[], filled: Filled): Asked {
  const custom = knownPreset(presets, filled.preset) === undefined;
  const url = custom ? filled.url.trim() : filled.server;
  const key = filled.key.trim();
  return { kind: isSrt(presets, filled) ? 'srt' : 'rtmp', preset: filled.preset, ...(url ? { url } : {}), ...(key ? { key } : {}) };
}
