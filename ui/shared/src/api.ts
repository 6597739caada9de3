import type { Action, JoinTicket, Outcome, Recording, Refusal, Role, Slot, Snapshot, WatchGrant } from './wire';

/** A request that was not done, in words for a person. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const plainWords: Record<number, string> = {
  0: 'The studio cannot be reached. Check that you are on the same Wi-Fi.',
  401: 'This link is no longer valid. Ask the director for a fresh one.',
  403: 'This link may not do that. Ask the director for another one.',
  404: 'The studio does not know that any more. Load the page again.',
  409: 'That is taken or not possible right now.',
  410: 'That is gone.',
  429: 'Too much at once. Wait a moment and try again.',
  503: 'The studio is busy. Try again in a moment.',
};

const session = '/api/v1/sessions/current';

/** The studio's door. Requests carry the token themselves, so that two pages with two roles may live in one browser. */
export class Api {
  constructor(
    private readonly token: string | null,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  /** Trades the token for a cookie, which links and downloads need. */
  async login(): Promise<void> {
    if (this.token) await this.send('/api/v1/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: this.token }) });
  }

  async snapshot(signal?: AbortSignal): Promise<Snapshot> {
    return (await this.send(`${session}/snapshot`, { signal })).json();
  }

  /** The event stream from behind `after`. */
  events(after: number | null, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (after !== null) headers['Last-Event-ID'] = String(after);
    return this.send(`${session}/events`, { signal, headers });
  }

  /** Asks for something; a refusal is an answer, not an exception. */
  async command(command: Action): Promise<Outcome> {
    try {
      return await this.post<Outcome>(`${session}/commands`, { id: commandId(), command });
    } catch (error) {
      if (error instanceof ApiError) return { refused: { code: error.code as Refusal['code'], message: error.message } };
      throw error;
    }
  }

  recordings(): Promise<Recording[]> {
    return this.send(`${session}/recordings`).then((answer) => answer.json());
  }

  ticket(role: Role, slot: Slot | null): Promise<JoinTicket> {
    return this.post('/api/v1/tickets', { role, slot });
  }

  watch(): Promise<WatchGrant> {
    return this.post('/api/v1/watch', {});
  }

  async thumbnail(slot: Slot, signal?: AbortSignal): Promise<Blob> {
    return (await this.send(`${session}/cameras/${slot}/thumbnail.jpg`, { signal, cache: 'no-store' })).blob();
  }

  /** Offers a picture to a slot; the answer names the session by its Location. */
  async whip(slot: Slot, sdp: string, signal?: AbortSignal): Promise<{ sdp: string; location: string | null }> {
    const answer = await this.send(`/whip/${slot}`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: sdp, signal });
    return { sdp: await answer.text(), location: answer.headers.get('Location') };
  }

  /** Ends a WHIP session. It outlives the page, because phones are closed without a word. */
  async whipEnd(location: string): Promise<void> {
    await this.send(location, { method: 'DELETE', keepalive: true });
  }

  private async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.send(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })).json();
  }

  private async send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token) headers.set('Authorization', `Bearer ${this.token}`);
    let answer: Response;
    try {
      answer = await this.fetcher(path, { credentials: 'same-origin', ...init, headers });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new ApiError(0, 'unreachable', plainWords[0] ?? '');
    }
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }
}

async function refusalOf(answer: Response): Promise<ApiError> {
  const fallback = plainWords[answer.status] ?? 'The studio could not do that. Try again.';
  try {
    const body = (await answer.json()) as Partial<Refusal> & { refused?: Refusal };
    const refusal = body.refused ?? body;
    return new ApiError(answer.status, refusal.code ?? 'invalid', refusal.message || fallback);
  } catch {
    return new ApiError(answer.status, 'invalid', fallback);
  }
}

/** A fresh idempotency key. */
export function commandId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
