import { describe, expect, it } from 'vitest';
import { SseParser } from './sse';

function check(pieces: string[], expected: [string | null, string][]) {
  const parser = new SseParser(100);
  expect(pieces.flatMap((piece) => parser.push(piece)).map(({ id, data }) => [id, data])).toEqual(expected);
}

describe('the event stream', () => {
  it('reads whole messages from pieces of any size', () => {
    check(['id: 7\ndata: {"a":1}\n\n'], [['7', '{"a":1}']]);
    check(['id: 7\nda', 'ta: {"a"', ':1}\n', '\n'], [['7', '{"a":1}']]);
    check(['data: one\ndata: two\n\n'], [[null, 'one\ntwo']]);
    check(['id: 1\r\ndata: x\r\n\r\n'], [['1', 'x']]);
    check(['id: 1\ndata: x\r', '\n\r\n'], [['1', 'x']]);
  });
  it('leaves out comments, unknown fields and empty messages', () => {
    check([': still here\n\nretry: 5\nwhat\n\ndata:x\n\n'], [[null, 'x']]);
  });
  it('does not grow without bound', () => {
    check([`data: ${'x'.repeat(500)}`, '\n\ndata: y\n\n'], [[null, 'y']]);
  });
});
