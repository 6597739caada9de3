import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { tokensPlugin } from './scripts/tokens.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const pages = ['phone', 'watch', 'desk'];

export function pageConfig(page) {
  return {
    configFile: false,
    root: here(page),
    base: './',
    logLevel: 'warn',
    plugins: [tokensPlugin(), svelte({ configFile: here('svelte.config.js') })],
    resolve: { alias: { '@shared': here('shared/src') } },
    build: {
      outDir: here(`dist/${page}`),
      emptyOutDir: true,
      // Phones of the last five years; older ones cannot send H.264 by WebRTC well enough anyway.
      target: ['es2021', 'chrome94', 'safari15', 'firefox100'],
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 700,
      rolldownOptions: { checks: { pluginTimings: false } },
    },
  };
}

export default {
  plugins: [tokensPlugin(), svelte({ configFile: here('svelte.config.js') })],
  resolve: { alias: { '@shared': here('shared/src') } },
  test: { include: ['{phone,watch,desk,shared}/**/*.test.ts', 'scripts/**/*.test.mjs'], environment: 'node' },
};
