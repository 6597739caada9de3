// What a studio costs that nobody uses: no cameras, no viewers; and how soon it stands.
// usage: ./studio bench idle [--seconds 60]
import { readFileSync, readdirSync } from 'node:fs';
import { beside, machine, pause, scratch, show, table, text, touchline, until } from './parts.mjs';

const seconds = Number(text('seconds', 60));

/** Nanoseconds on a processor, and turns there, of each thread: the scheduler's own books. */
function threads(pid) {
  const read = new Map();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [nanos, , turns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      read.set(thread, { name: readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim().replace(/[\dw:]*\d+$/, ''), nanos, turns });
    } catch { /* It has ended. */ }
  }
  return read;
}

const begun = Date.now();
const studio = beside(touchline, ['run', '--data-dir', scratch(), '--port', '0', '--any-ports', '--new']);
await until('the studio prints its links', 30, () => studio.told.out.includes('Recordings'));
const stands = (Date.now() - begun) / 1000;
await pause(6000);
const before = threads(studio.child.pid);
const from = performance.now();
await pause(seconds * 1000);
const after = threads(studio.child.pid);
const passed = (performance.now() - from) / 1000;
await studio.stop();

const sums = new Map();
let all = { nanos: 0, turns: 0 };
for (const [thread, { name, nanos, turns }] of after) {
  const earlier = before.get(thread) ?? { nanos: 0, turns: 0 };
  const sum = sums.get(name) ?? { nanos: 0, turns: 0 };
  const add = (to) => ({ nanos: to.nanos + nanos - earlier.nanos, turns: to.turns + turns - earlier.turns });
  sums.set(name, add(sum));
  all = add(all);
}
const row = (name, { nanos, turns }) => [name, show(nanos / 1e7 / passed, 3, ' %'), show(turns / passed, 1)];
console.log(machine());
console.log(table([['thread', 'of a core', 'wake-ups a second'], ...[...sums].filter(([, sum]) => sum.turns > 0).sort((a, b) => b[1].nanos - a[1].nanos).map(([name, sum]) => row(name, sum)), row('all', all)]));
const share = all.nanos / 1e7 / passed;
console.log(table([['what', 'floor', 'aim', 'measured'], ['idle without cameras, of a core', '<= 2 %', '0.5 %', show(share, 2, ' %')], ['from the start until the links are there', '<= 3 s', '1.5 s', show(stands, 2, ' s')]]));
if (share > 2) process.exitCode = 1;
