// Builds each page into a folder of its own with relative addresses, so that a folder can be served under any path.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { pageConfig, pages } from '../vite.config.mjs';

const asked = process.argv.slice(2);
if (asked.length === 0) rmSync(fileURLToPath(new URL('../dist', import.meta.url)), { recursive: true, force: true });
for (const page of asked.length > 0 ? asked : pages) await build(pageConfig(page));
