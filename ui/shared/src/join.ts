import { Api, ApiError } from './api';
import type { Joined, Role, Slot } from './wire';
import { COMMENTARY, slotPath } from './wire';
import { keepToken } from './token';

/** Which page is whose. */
export function pageOf(role: Role): 'phone' | 'watch' | 'desk' {
  return role === 'camera' || role === 'commentator' ? 'phone' : role === 'viewer' ? 'watch' : 'desk';
}

/** The place that a role stands at when its key names none. */
export function placeOf(joined: Joined): Slot | null {
  return joined.slot ?? (joined.role === 'commentator' ? COMMENTARY : null);
}

/** Where a key opens, as an address relative to any page. */
export function addressOf(joined: Joined): string {
  const slot = placeOf(joined);
  return `../${pageOf(joined.role)}/#t=${encodeURIComponent(joined.token)}${slot === null ? '' : `&slot=${slotPath(slot)}`}`;
}

/**
 * Trades a ticket. Stays on this page when the key is for it, else goes to the page that it is for. A ticket works once, so a
 * question that got no answer is asked again, but never one that was refused.
 */
export async function redeem(page: 'phone' | 'watch' | 'desk', ticket: string, api = new Api(null), wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))): Promise<Joined | 'elsewhere'> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const joined = await api.join(ticket);
      if (pageOf(joined.role) !== page) {
        location.replace(addressOf(joined));
        return 'elsewhere';
      }
      keepToken(page, joined.token, placeOf(joined));
      return joined;
    } catch (error) {
      if (!(error instanceof ApiError) || attempt >= 4 || (error.status !== 0 && error.status !== 503)) throw error;
      await wait(500 * 2 ** attempt);
    }
  }
}
