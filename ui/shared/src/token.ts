import { COMMENTARY, MOST_CAMERAS } from './wire';

// The secret that a link carries in its fragment: fragments never reach a server's log.

export interface Fragment {
  /** The key itself. */
  token: string | null;
  slot: number | null;
  /** A ticket that is traded for a key, once. */
  ticket: string | null;
  /** The crew's code, which only lets one ask; empty when the link leaves it to be typed. */
  code: string | null;
}

const secret = (text: string | null) => (text && /^[\w.~+/=-]{1,256}$/.test(text) ? text : null);

function slotOf(text: string | null): number | null {
  if (text === 'commentary') return COMMENTARY;
  const slot = Number(text);
  return Number.isInteger(slot) && slot >= 1 && slot <= MOST_CAMERAS ? slot : null;
}

/** Reads `#t=TOKEN&slot=3`, `#ticket=TICKET` or `#code=CODE`, the last two also by their first letters `j` (join) and `c`; what is not understood is left out. */
export function parseFragment(hash: string): Fragment {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const code = fields.get('code') ?? fields.get('c');
  return { token: secret(fields.get('t')), slot: slotOf(fields.get('slot')), ticket: secret(fields.get('ticket') ?? fields.get('j')), code: code === null ? null : (secret(code) ?? '') };
}

interface Place {
  hash: string;
  pathname: string;
  search: string;
}

/** Takes the secret out of the address bar and keeps it for this tab, so that a reload still knows it. */
export function claimFragment(page: string, place: Place = location, storage: Storage = sessionStorage, replace = (url: string) => history.replaceState(null, '', url)): Fragment {
  const fresh = parseFragment(place.hash);
  if (place.hash) replace(place.pathname + place.search);
  if (fresh.token) keepToken(page, fresh.token, fresh.slot, storage);
  if (fresh.token || fresh.ticket || fresh.code !== null) return fresh;
  try {
    const kept = JSON.parse(storage.getItem(`touchline.${page}`) ?? '{}') as Partial<Fragment>;
    return { token: kept.token ?? null, slot: kept.slot ?? null, ticket: null, code: null };
  } catch {
    return { token: null, slot: null, ticket: null, code: null };
  }
}

/** Keeps a key for this tab. */
export function keepToken(page: string, token: string, slot: number | null, storage: Storage = sessionStorage): void {
  storage.setItem(`touchline.${page}`, JSON.stringify({ token, slot }));
}
