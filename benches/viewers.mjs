// How far behind the programme a viewer in a real browser is, over WHEP and over low-latency HLS.
// usage: ./studio bench viewers [--seconds 60]
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beside, machine, root, run, scratch, show, table, text, touchline, until } from './parts.mjs';

const seconds = text('seconds', '60');
const folder = scratch();
const linksFile = path.join(folder, 'links.json');
const json = path.join(folder, 'report.json');
console.log(machine());
const demo = beside(touchline, ['demo', '--headless', '--cameras', '2', '--links', linksFile, '--json', json]);
try {
  await until('the demo is live', 120, () => demo.told.err.includes('Live: all') && existsSync(linksFile));
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const watch = links.watch.replace(/https:\/\/[^/]+/, links.base);
  const seen = {};
  for (const via of ['whep', 'hls']) {
    const viewed = await run('node', [path.join(root, 'tests/browser/viewer.mjs'), watch, seconds, via]);
    if (viewed.code !== 0) throw new Error(`the viewer failed: ${viewed.err}`);
    seen[via] = JSON.parse(viewed.out);
  }
  await demo.stop();
  const report = JSON.parse(readFileSync(json, 'utf8'));
  const lens = report.latency_ms.phone_to_program;
  console.log(table([
    ['what', 'floor', 'aim', 'measured'],
    ['programme to WHEP viewer, p50', '', '150 ms', show(seen.whep.p50, 0, ' ms')],
    ['  p95', '<= 500 ms', '', show(seen.whep.p95, 0, ' ms')],
    ['  way really taken, stalls', 'whep, 0', '', `${seen.whep.via.join(', ')}, ${seen.whep.stalls}`],
    ['phone lens to WHEP viewer, p50 (sum of both p50)', '', '400 ms', show(lens.p50 + seen.whep.p50, 0, ' ms')],
    ['  p95 (sum of both p95)', '<= 1000 ms', '', show(lens.p95 + seen.whep.p95, 0, ' ms')],
    ['first picture of WHEP', '', '', show(seen.whep.first_picture_ms, 0, ' ms')],
    ['programme to LL-HLS viewer, p50 / p95', '<= 2000 ms', '1200 ms', `${show(seen.hls.p50, 0)} / ${show(seen.hls.p95, 0, ' ms')}`],
    ['first picture of LL-HLS', '', '', show(seen.hls.first_picture_ms, 0, ' ms')],
  ]));
} finally {
  await demo.stop();
}
