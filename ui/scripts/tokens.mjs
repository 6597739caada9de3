// Turns assets/tokens.json into CSS variables. A token that is missing stops the build: a page without its colours is not a page.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const tokensPath = fileURLToPath(new URL('../../assets/tokens.json', import.meta.url));

export function readTokens() {
  return JSON.parse(readFileSync(tokensPath, 'utf8'));
}

const dashed = (name) => name.replaceAll('_', '-');

function need(value, path) {
  if (value === undefined || value === null) throw new Error(`${tokensPath}: ${path} is missing`);
  return value;
}

function theme(tokens, name) {
  const lines = Object.entries(need(tokens.colour?.[name], `colour.${name}`)).map(([key, value]) => `  --${dashed(key)}: ${value};`);
  for (const meaning of ['on_air', 'next', 'attention']) {
    // Words in a meaning's colour need a shade that the ground carries; fills keep the one colour.
    const ink = need(tokens.colour.meaning[`${meaning}_on_${name}`], `colour.meaning.${meaning}_on_${name}`);
    lines.push(`  --${dashed(meaning)}-ink: ${ink};`);
  }
  return lines.join('\n');
}

function shared(tokens) {
  const lines = [];
  for (const meaning of ['on_air', 'next', 'attention']) {
    lines.push(`  --${dashed(meaning)}: ${need(tokens.colour.meaning[meaning], meaning)};`);
    lines.push(`  --${dashed(meaning)}-text: ${need(tokens.colour.meaning[`${meaning}_text`], `${meaning}_text`)};`);
  }
  lines.push(`  --picture: ${need(tokens.colour.dark.ground, 'colour.dark.ground')};`);
  lines.push(`  --picture-text: ${need(tokens.colour.dark.text, 'colour.dark.text')};`);
  lines.push(`  --graphic-text: ${need(tokens.colour.on_air_graphics.text, 'on_air_graphics.text')};`);
  lines.push(`  --graphic-text-dark: ${need(tokens.colour.on_air_graphics.text_on_light, 'on_air_graphics.text_on_light')};`);
  const { family, fallback, size_px, line_height, weight } = need(tokens.type, 'type');
  lines.push(`  --font-interface: '${family.interface}', ${fallback.interface};`);
  lines.push(`  --font-numbers: '${family.numbers}', ${fallback.numbers};`);
  for (const [key, value] of Object.entries(size_px)) lines.push(`  --size-${key}: ${value / 16}rem;`);
  for (const [key, value] of Object.entries(line_height)) lines.push(`  --line-${key}: ${value};`);
  for (const [key, value] of Object.entries(weight)) lines.push(`  --weight-${key}: ${value};`);
  for (const [key, value] of Object.entries(need(tokens.space_px, 'space_px'))) lines.push(`  --space-${key}: ${value}px;`);
  for (const [key, value] of Object.entries(need(tokens.target_px, 'target_px'))) lines.push(`  --target-${key}: ${value}px;`);
  for (const [key, value] of Object.entries(need(tokens.radius_px, 'radius_px'))) lines.push(`  --radius-${key}: ${value}px;`);
  lines.push(`  --lift: 0 ${tokens.shadow.offset_y_px}px ${tokens.shadow.blur_px}px var(--shadow);`);
  lines.push(`  --motion-fast: ${tokens.motion.fast_ms}ms;`, `  --motion-normal: ${tokens.motion.normal_ms}ms;`, `  --easing: ${tokens.motion.easing};`);
  return lines.join('\n');
}

export function tokensCss(tokens = readTokens()) {
  const dark = theme(tokens, 'dark');
  return `:root {
  color-scheme: light dark;
${shared(tokens)}
${theme(tokens, 'light')}
}
@media (prefers-color-scheme: dark) {
:root {
${dark}
}
}
:root[data-theme='dark'] {
  color-scheme: dark;
${dark}
}
@media (prefers-reduced-motion: reduce) {
:root {
  --motion-fast: 0ms;
  --motion-normal: 0ms;
}
}
`;
}

/** Vite plugin: \`import 'virtual:tokens.css'\` gives the variables; \`%ground%\` and \`%ground-dark%\` in HTML the theme colours. */
export function tokensPlugin() {
  const id = 'virtual:tokens.css';
  return {
    name: 'touchline-tokens',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(source) {
      if (source !== `\0${id}`) return undefined;
      this.addWatchFile(tokensPath);
      return tokensCss();
    },
    transformIndexHtml(html) {
      const { colour } = readTokens();
      return html.replaceAll('%ground-dark%', colour.dark.ground).replaceAll('%ground-light%', colour.light.ground);
    },
  };
}
