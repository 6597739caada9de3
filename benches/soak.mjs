// Ten minutes of four cameras: memory, drift of a viewer in a real browser, dropped and repeated pictures.
// usage: ./studio bench soak [--minutes N] [--cameras N] [--no-viewer]
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beside, cost, machine, root, run, scratch, show, table, touchline, until } from './parts.mjs';

const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? Number(process.argv[at + 1]) : usual;
};
const minutes = option('minutes', 10);
const cameras = option('cameras', 4);
const viewing = !process.argv.includes('--no-viewer');
const links = path.join(scratch(), 'links.json');
console.log(machine());
const demo = beside(touchline, ['demo', '--headless', '--cameras', String(cameras), '--links', links]);
try {
  await until('the demo is live', 120, () => demo.told.err.includes('Live: all') && existsSync(links));
  const { pid, watch, base } = JSON.parse(readFileSync(links, 'utf8'));
  const viewer = viewing ? run('node', [path.join(root, 'tests/browser/viewer.mjs'), watch.replace(/https:\/\/[^/]+/, base), String(minutes * 60 - 15)]) : null;
  const samples = [];
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) {
    samples.push({ at: Date.now(), ...cost(pid) });
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (list) => list.reduce((sum, sample) => sum + sample.rss_mb, 0) / list.length;
  const grown = mean(half.slice(-6)) - mean(half.slice(0, 6));
  const rows = [
    ['what', 'floor', 'aim', 'measured'],
    [`memory, ${minutes} minutes, ${cameras} cameras, peak`, '<= 600 MB', '400 MB', show(samples.at(-1).peak_mb, 0, ' MB')],
    ['growth over the second half', '<= 10 MB', '', show(grown, 1, ' MB')],
    ['CPU seconds per second, studio', '', '', show((samples.at(-1).cpu - samples[0].cpu) / ((samples.at(-1).at - samples[0].at) / 1000), 2)],
  ];
  if (viewer) {
    const seen = JSON.parse((await viewer).out);
    rows.push(['viewer behind, p50', '<= 2000 ms', '1200 ms', show(seen.p50, 0, ' ms')], ['viewer drift', '< 100 ms', '', show(seen.drift_ms, 0, ' ms')]);
  }
  console.log(table(rows));
} finally {
  await demo.stop();
}
