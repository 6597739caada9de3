// The secret that a link carries in its fragment: fragments never reach a server's log.

export interface Fragment {
  token: string | null;
  slot: number | null;
}

/** Reads `#t=TOKEN&slot=3`; what is not understood is left out. */
export function parseFragment(hash: string): Fragment {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const token = fields.get('t');
  const slot = Number(fields.get('slot'));
  return {
    token: token && /^[\w.~+/=-]{1,256}$/.test(token) ? token : null,
    slot: Number.isInteger(slot) && slot >= 1 && slot <= 32 ? slot : null,
  };
}

interface Place {
  hash: string;
  pathname: string;
  search: string;
}

/** Takes the secret out of the address bar and keeps it for this tab, so that a reload still knows it. */
export function claimFragment(page: string, place: Place = location, storage: Storage = sessionStorage, replace = (url: string) => history.replaceState(null, '', url)): Fragment {
  const key = `touchline.${page}`;
  const fresh = parseFragment(place.hash);
  if (place.hash) replace(place.pathname + place.search);
  if (fresh.token) {
    storage.setItem(key, JSON.stringify(fresh));
    return fresh;
  }
  try {
    const kept = JSON.parse(storage.getItem(key) ?? '{}') as Partial<Fragment>;
    return { token: kept.token ?? null, slot: kept.slot ?? null };
  } catch {
    return { token: null, slot: null };
  }
}
