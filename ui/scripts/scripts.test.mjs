import { expect, it } from 'vitest';
import { literalColours } from './lint.mjs';
import { readTokens, tokensCss } from './tokens.mjs';

it('finds literal colours and leaves tokens and Svelte blocks alone', () => {
  expect(literalColours('a { color: #fff; }\nb { color: rgb(1 2 3); }')).toEqual(['1: #fff', '2: rgb(']);
  expect(literalColours('a { color: var(--text); }\n{#each x as y}\n<a href="#t=abc">\n&#160;')).toEqual([]);
});

it('knows every colour the pages use, in both themes', () => {
  const css = tokensCss();
  for (const name of ['ground', 'surface', 'text', 'press', 'on-air', 'on-air-ink', 'next-ink', 'attention-ink', 'lift', 'size-lead', 'space-3']) expect(css).toContain(`--${name}:`);
  expect(css.match(/--ground:/g)).toHaveLength(3);
});

it('stops when a token is missing', () => {
  const tokens = readTokens();
  delete tokens.colour.meaning.next_on_dark;
  expect(() => tokensCss(tokens)).toThrow(/next_on_dark/);
});
