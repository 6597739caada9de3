import { ApiError } from '@shared/api';

/** Why this phone cannot stand where it wants to, in words for the person. */
export interface Verdict {
  title: string;
  reason: string;
  /** Whether trying again makes sense. */
  again: boolean;
}

/** What a refusal of the studio's means; null when it passes by itself. `ghost`: this phone's own last session may still hold the place. */
export function verdictOn(error: ApiError, commentary: boolean, ghost: boolean): Verdict | null {
  const { status, message } = error;
  if (status === 409) return ghost ? null : { title: 'This place is taken', reason: message || 'Another phone already stands here. Ask the director for another place, or try again when it is free.', again: true };
  if (status === 401 || status === 410) return { title: 'This link is over', reason: 'Ask the director for a fresh code and scan it.', again: false };
  if (status === 403) return { title: `This link is not for a ${commentary ? 'commentator' : 'camera'}`, reason: message, again: false };
  if (status === 404) return { title: 'This place does not exist', reason: 'Ask the director for another code and scan it.', again: false };
  if (status === 400 || status === 413 || status === 415) return { title: 'This browser does not fit', reason: message, again: true };
  return null;
}
