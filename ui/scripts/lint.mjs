// Fails on a colour that does not come from the tokens, so that red stays "on air" and nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['phone', 'watch', 'desk', 'shared'];
const colour = /#[0-9a-f]{3,8}\b(?![\w-])|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\s*\(/gi;

/** Literal colours of a text as `line: literal`. Svelte's own `{#each` and `{#if` and private fields have no hexadecimal form that matters. */
export function literalColours(text) {
  const found = [];
  text.split('\n').forEach((line, at) => {
    if (line.includes('lint-allow-colour')) return;
    for (const match of line.matchAll(colour)) {
      if (/[{&]$/.test(line.slice(0, match.index))) continue;
      found.push(`${at + 1}: ${match[0]}`);
    }
  });
  return found;
}

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (/\.(svelte|ts|css|html|svg)$/.test(entry.name) && !/\.test\.ts$/.test(entry.name)) yield path;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = folders.flatMap((folder) =>
    [...files(join(root, folder))].flatMap((path) => literalColours(readFileSync(path, 'utf8')).map((problem) => `${path.slice(root.length)}:${problem}`)),
  );
  for (const problem of problems) console.error(`literal colour, use a token of assets/tokens.json: ${problem}`);
  process.exit(problems.length > 0 ? 1 : 0);
}
