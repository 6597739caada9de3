// The phone on air is killed without a word; how long its last picture stands, and what follows: another camera, then the slate.
// usage: ./studio bench failover [--times N]
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ask, beside, freePort, machine, percentile, scratch, show, table, touchline, until } from './parts.mjs';

const at = process.argv.indexOf('--times');
const times = at > 0 ? Number(process.argv[at + 1]) : 10;
const folder = scratch();
const file = path.join(folder, 'links.json');
const studio = beside(touchline, ['run', '--data-dir', path.join(folder, 'data'), '--links', file, '--address', '127.0.0.1', '--port', String(await freePort()), '--cameras', '2', '--until-stdin-closes', '--quiet']);
await until('the studio says where it is', 30, () => existsSync(file));
const links = JSON.parse(readFileSync(file, 'utf8'));
const phone = (slot) => beside(touchline, ['rehearse', '--links', file, '--cameras', '1', '--first', String(slot), '--no-script', '--truth', path.join(folder, `truth-${slot}-${Math.random()}.jsonl`)]);
const snapshot = () => ask(links, 'GET', '/api/v1/sessions/current/snapshot');
const live = async (slot) => (await snapshot())?.cameras.find((camera) => camera.slot === slot)?.state === 'live';

console.log(machine());
for (let round = 1; round <= times; round += 1) {
  const [one, two] = [phone(1), phone(2)];
  await until('both phones are live', 90, async () => await live(1) && await live(2));
  await ask(links, 'POST', '/api/v1/sessions/current/commands', { id: `round ${round}`, command: { type: 'cut', slot: 1 } });
  await until('camera 1 is on air for a while', 10, async () => (await snapshot()).program.live === 1);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await one.kill();
  await until('camera 2 took over', 10, async () => (await snapshot()).program.live === 2);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await two.kill();
  await until('the slate took over', 10, async () => (await snapshot()).program.live === null);
}
const black = (await snapshot()).output.black;
await studio.stop();

// How many ticks in a row showed the dead camera's last picture before something else came.
const ticks = readFileSync(path.join(links.session_dir, 'trace.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const [toCamera, toSlate] = [[], []];
for (let index = 1; index < ticks.length; index += 1) {
  const [before, now] = [ticks[index - 1], ticks[index]];
  if (before.source === null || now.source === before.source) continue;
  let standing = 1;
  while (index - 1 - standing >= 0 && ticks[index - 1 - standing].seq === before.seq && ticks[index - 1 - standing].source === before.source) standing += 1;
  if (standing > 2) (now.source === null ? toSlate : toCamera).push((now.pts - ticks[index - standing].pts) / 1e6);
}
console.log(table([
  ['what', 'floor', 'aim', 'measured'],
  [`on-air phone dies: other camera, worst of ${toCamera.length}`, '<= 700 ms', '300 ms', show(Math.max(...toCamera), 0, ' ms')],
  ['  median', '', '', show(percentile(toCamera, 0.5), 0, ' ms')],
  [`last phone dies: slate, worst of ${toSlate.length}`, '<= 700 ms', '300 ms', show(Math.max(...toSlate), 0, ' ms')],
  ['  median', '', '', show(percentile(toSlate, 0.5), 0, ' ms')],
  ['black pictures', '0', '0', String(black)],
]));
