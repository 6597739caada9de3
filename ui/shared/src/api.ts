import { slotPath } from './wire';
import type { Action, AllRecordings, ChunkAnswer, DestinationReport, Destinations, Device, IssuedTicket, JoinAsked, Joined, Outcome, Refusal, Role, SessionRecordings, Slot, Snapshot, SourceSetting, TicketKind, TicketView, WatchGrant } from './wire';

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
const asJson = { 'Content-Type': 'application/json' };

/** A session of media: the answer to the offer, and where it is ended. */
export interface Session {
  sdp: string;
  location: string | null;
}

/** The studio's door. Requests carry the token themselves, so that two pages with two roles may live in one browser. */
export class Api {
  constructor(
    private readonly token: string | null,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  /** Trades the token for a cookie, which links and downloads need. */
  async login(): Promise<void> {
    if (this.token) await this.send('/api/v1/login', { method: 'POST', headers: asJson, body: JSON.stringify({ token: this.token }) });
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

  /** The recordings of every session on the studio's machine. */
  async recordings(): Promise<AllRecordings> {
    const body = (await (await this.send('/api/v1/recordings')).json()) as AllRecordings | SessionRecordings[];
    return Array.isArray(body) ? { sessions: body, free_bytes: null, left_s: null } : body;
  }

  ticket(role: Role, slot: Slot | null, kind?: TicketKind): Promise<IssuedTicket> {
    return this.post('/api/v1/tickets', { role, slot, ...(kind ? { kind } : {}) });
  }

  async tickets(): Promise<TicketView[]> {
    const body = (await (await this.send('/api/v1/tickets')).json()) as TicketView[] | { tickets: TicketView[] };
    return Array.isArray(body) ? body : body.tickets;
  }

  /** Trades a personal ticket for a key. */
  join(ticket: string): Promise<Joined> {
    return this.post('/api/v1/join', { ticket });
  }

  /** Asks to be let in with the crew's code. */
  joinCrew(code: string, name: string): Promise<JoinAsked> {
    return this.post('/api/v1/join', { code, name });
  }

  /** Waits a few seconds for the director's answer; null while there is none. */
  async joinAnswer(request: string, signal?: AbortSignal): Promise<Joined | null> {
    const answer = await this.send(`/api/v1/join/${encodeURIComponent(request)}`, { signal, cache: 'no-store' });
    return answer.status === 202 ? null : answer.json();
  }

  watch(): Promise<WatchGrant> {
    return this.post('/api/v1/watch', {});
  }

  async devices(): Promise<Device[]> {
    const body = (await (await this.send('/api/v1/devices')).json()) as Device[] | { devices: Device[] };
    return Array.isArray(body) ? body : body.devices;
  }

  async setSource(slot: Slot, setting: SourceSetting): Promise<void> {
    await this.put(`${session}/cameras/${slotPath(slot)}/source`, setting);
  }

  /** Gives a position back to whoever joins. */
  async clearSource(slot: Slot): Promise<void> {
    await this.send(`${session}/cameras/${slotPath(slot)}/source`, { method: 'DELETE' });
  }

  async destinations(): Promise<Destinations> {
    return (await this.send('/api/v1/destinations')).json();
  }

  async setDestination(name: string, setting: { kind: string; preset?: string; url?: string; key?: string }): Promise<void> {
    await this.put(`/api/v1/destinations/${encodeURIComponent(name)}`, setting);
  }

  async removeDestination(name: string): Promise<void> {
    await this.send(`/api/v1/destinations/${encodeURIComponent(name)}`, { method: 'DELETE' });
  }

  /** Sends to a destination for some seconds and says what came of it. */
  testDestination(name: string, seconds: number): Promise<DestinationReport> {
    return this.post(`/api/v1/destinations/${encodeURIComponent(name)}/test`, { seconds });
  }

  /** The studio's clock, microseconds. */
  async clock(signal?: AbortSignal): Promise<number> {
    const { clock_us } = (await (await this.send('/api/v1/clock', { signal, cache: 'no-store' })).json()) as { clock_us: number };
    return clock_us;
  }

  /** Uploads one piece of a recording. */
  async chunk(slot: Slot, query: URLSearchParams, mime: string, body: Blob, signal: AbortSignal): Promise<ChunkAnswer> {
    return (await this.send(`${session}/cameras/${slotPath(slot)}/chunks?${query}`, { method: 'POST', headers: { 'Content-Type': mime }, body, signal })).json();
  }

  async chunksEnd(slot: Slot): Promise<void> {
    await this.send(`${session}/cameras/${slotPath(slot)}/chunks`, { method: 'DELETE', keepalive: true });
  }

  async thumbnail(slot: Slot, signal?: AbortSignal): Promise<Blob> {
    return (await this.send(`${session}/cameras/${slot}/thumbnail.jpg`, { signal, cache: 'no-store' })).blob();
  }

  /** Offers picture or sound to a slot; the answer names the session by its Location. */
  whip(slot: Slot, sdp: string, signal?: AbortSignal): Promise<Session> {
    return this.offer(`/whip/${slotPath(slot)}`, sdp, signal);
  }

  /** Offers to take the programme by WebRTC. */
  whep(sdp: string, signal?: AbortSignal): Promise<Session> {
    return this.offer('/whep', sdp, signal);
  }

  /** Ends a WHIP or WHEP session. It outlives the page, because phones are closed without a word. */
  async endSession(location: string): Promise<void> {
    await this.send(location, { method: 'DELETE', keepalive: true });
  }

  private async offer(path: string, sdp: string, signal?: AbortSignal): Promise<Session> {
    const answer = await this.send(path, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: sdp, signal });
    return { sdp: await answer.text(), location: answer.headers.get('Location') };
  }

  private async post<T>(path: string, body: unknown): Promise<T> {
    return (await this.send(path, { method: 'POST', headers: asJson, body: JSON.stringify(body) })).json();
  }

  private put(path: string, body: unknown): Promise<Response> {
    return this.send(path, { method: 'PUT', headers: asJson, body: JSON.stringify(body) });
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
