// Reads `text/event-stream` from a fetch, because EventSource cannot carry a token.

export interface Message {
  id: string | null;
  event: string;
  data: string;
}

/** Takes text in pieces of any size and gives whole messages. Holds at most `limit` characters of an unfinished one. */
export class SseParser {
  private rest = '';
  private data: string[] = [];
  private event = '';
  private id: string | null = null;

  constructor(private readonly limit = 1_000_000) {}

  push(text: string): Message[] {
    this.rest += text;
    const out: Message[] = [];
    const lines = this.rest.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    if (this.rest.length > this.limit) this.rest = '';
    for (const line of lines) {
      if (line === '') {
        if (this.data.length > 0) out.push({ id: this.id, event: this.event || 'message', data: this.data.join('\n') });
        this.data = [];
        this.event = '';
      } else {
        this.field(line);
      }
    }
    return out;
  }

  private field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.data.push(value);
    else if (name === 'event') this.event = value;
    else if (name === 'id') this.id = value;
  }
}

/** Feeds every message of a stream to `take` until it ends. */
export async function readStream(answer: Response, take: (message: Message) => void): Promise<void> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parser = new SseParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const message of parser.push(decoder.decode(value, { stream: true }))) take(message);
  }
}
