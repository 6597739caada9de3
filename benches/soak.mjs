// Long games: memory, dropped and repeated pictures, drift of a viewer in a real browser; with --faults something goes wrong every two minutes.
// Exits with 1 when a floor is missed.
// usage: ./studio bench soak [--minutes N] [--cameras N] [--protocols a,b] [--seed N] [--no-viewer]
//        ./studio bench soak --faults [--minutes 60] [--every 120] [--cameras N] [--protocols a,b] [--seed N]
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drop, freeze, garbage, hog, junk, slow } from './faults.mjs';
import { ask, beside, chance, cost, machine, nginxRtmp, pause, root, run, scratch, show, table, text, touchline, until } from './parts.mjs';

const faulty = process.argv.includes('--faults');
const minutes = Number(text('minutes', faulty ? '60' : '10'));
const cameras = Number(text('cameras', '4'));
const protocols = text('protocols', 'webrtc');
const every = Number(text('every', '120'));
const seed = Number(text('seed', '7'));
const viewing = !process.argv.includes('--no-viewer') && !faulty;
const folder = scratch();
const linksFile = path.join(folder, 'links.json');
const json = path.join(folder, 'report.json');
console.log(machine());
const servers = faulty ? [await nginxRtmp(), await nginxRtmp()] : [];
const demo = beside(touchline, ['demo', '--headless', '--cameras', String(cameras), '--protocols', protocols, '--links', linksFile, '--json', json, ...servers.flatMap((server) => ['--rtmp', server.url])]);
const draw = chance(seed);
const told = [];
const failed = [];

const mediaPorts = (pid) => {
  const lines = execFileSync('ss', ['-lunpH']).toString().split('\n').filter((line) => line.includes(`pid=${pid},`));
  const ports = lines.map((line) => Number(/:(\d+)\s/.exec(line)?.[1])).filter(Boolean);
  if (ports.length === 0) throw new Error('the studio listens on no UDP port');
  return ports;
};

/** The process that plays every camera: the demo's other child. */
const phonesPid = () => {
  const children = execFileSync('ps', ['--ppid', String(demo.child.pid), '-o', 'pid=,args=']).toString().split('\n');
  const pid = Number(/^\s*(\d+)/.exec(children.find((line) => line.includes(' rehearse ')) ?? '')?.[1]);
  if (!pid) throw new Error('the phones have no process');
  return pid;
};

const cutOff = async (links, slot) => {
  const answer = await drop(links, slot);
  if (answer === null) throw new Error('the studio did not answer');
  if (typeof answer.seq !== 'number') throw new Error(`camera ${slot} was not cut off: ${JSON.stringify(answer)}`);
};

/** One of the faults, by name. Each fails when it could not be made. */
const faults = (links) => ({
  'destination killed, back after 5 s': () => servers[0].restart(5000),
  'destination hangs for 30 s': () => freeze(servers[1].now.child.pid, 30),
  'destination resets three times': async () => { for (let time = 0; time < 3; time += 1) { await servers[0].restart(500); await pause(8000); } },
  'a camera is cut off': () => cutOff(links, 1 + Math.floor(draw() * cameras)),
  'every camera is cut off': async () => { for (let slot = 1; slot <= cameras; slot += 1) await cutOff(links, slot); },
  'every camera stands still for 3 s': () => freeze(phonesPid(), 3),
  'junk on every UDP port for 5 s': async () => { for (const port of mediaPorts(links.pid).slice(0, 3)) await junk(port, 5, 5000); },
  'garbage on the RTMP port': () => {
    const rtmp = links.apps?.find((app) => app.rtmp)?.rtmp;
    if (!rtmp) throw new Error('the studio listens on no RTMP port');
    return garbage(Number(new URL(rtmp.replace('rtmp', 'http')).port));
  },
  '100 slow clients for 20 s': () => slow(links.base, 100, 20),
  'both cores busy for 15 s': () => hog(15, 2),
});

const missedPictures = (before, after) => (before && after ? after.output.dropped + after.output.repeated - before.output.dropped - before.output.repeated : null);

/** Makes one fault and tells what the show is like 20 s later. */
async function make(links, name, minute) {
  const snapshot = () => ask(links, 'GET', '/api/v1/sessions/current/snapshot');
  const before = await snapshot();
  try {
    await faults(links)[name]();
  } catch (error) {
    failed.push([minute, name, error.message]);
    console.error(`${minute} min  ${name}: NOT MADE: ${error.message}`);
    return;
  }
  await pause(20_000);
  const after = await snapshot();
  const live = after ? after.cameras.filter((camera) => camera.state === 'live').length : null;
  const outputs = after ? after.outputs.filter((output) => output.kind === 'rtmp').map((output) => output.state).join(', ') : 'no answer';
  const missed = missedPictures(before, after);
  told.push({ minute, name, live, missed, outputs });
  console.error(`${minute} min  ${name}: ${live ?? 'nobody knows how many'} of ${cameras} cameras live 20 s later, ${missed ?? '?'} pictures missed, destinations ${outputs}`);
}

try {
  await until('the demo is live', 180, () => demo.told.err.includes('Live: all') && existsSync(linksFile));
  let links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const viewer = viewing ? run('node', [path.join(root, 'tests/browser/viewer.mjs'), links.watch.replace(/https:\/\/[^/]+/, links.base), String(minutes * 60 - 15)]) : null;
  const samples = [];
  const begun = Date.now();
  const end = begun + minutes * 60_000;
  let nextFault = begun + every * 1000;
  let running = Promise.resolve();
  let bag = [];
  while (Date.now() < end) {
    // A studio that was started again has another process; one that is just dying has none.
    try {
      links = JSON.parse(readFileSync(linksFile, 'utf8'));
      samples.push({ at: Date.now(), pid: links.pid, ...cost(links.pid) });
    } catch (error) {
      console.error(`no figures of the studio: ${error.message}`);
    }
    if (faulty && Date.now() >= nextFault && Date.now() < end - 60_000) {
      nextFault += every * 1000;
      if (bag.length === 0) bag = Object.keys(faults(links)).sort(() => draw() - 0.5);
      const name = bag.pop();
      const minute = Math.round((Date.now() - begun) / 60_000);
      running = running.then(() => make(links, name, minute));
    }
    await pause(5000);
  }
  await running;
  const last = await ask(links, 'GET', '/api/v1/sessions/current/snapshot');
  const settled = samples.filter((sample) => sample.at - begun >= Math.min(10, minutes / 2) * 60_000);
  const mean = (list) => list.reduce((sum, sample) => sum + sample.rss_mb, 0) / list.length;
  const grown = mean(settled.slice(-12)) - mean(settled.slice(0, 12));
  const restarts = (demo.told.err.match(/The studio died/g) ?? []).length;
  const [first, newest] = [samples[0], samples.at(-1)];
  const cpu = first.pid === newest.pid ? (newest.cpu - first.cpu) / ((newest.at - first.at) / 1000) : null;
  const growthFloor = faulty ? 50 : 10;
  const well = told.filter((one) => one.live === cameras).length;
  const rows = [
    ['what', 'floor', 'aim', 'measured'],
    ['restarts of the studio', '0', '0', String(restarts)],
    [`memory, ${minutes} minutes, ${cameras} cameras (${protocols}), peak`, '<= 600 MB', '400 MB', show(newest.peak_mb, 0, ' MB')],
    [faulty ? 'growth after minute 10' : 'growth over the second half', `<= ${growthFloor} MB`, '', show(grown, 1, ' MB')],
    ['pictures, dropped, repeated', '', '', last ? `${last.output.frames}, ${last.output.dropped}, ${last.output.repeated}` : 'no answer'],
    ['CPU seconds per second, studio', '', '', show(cpu, 2)],
  ];
  const missed = [
    [restarts > 0, 'restarts of the studio'],
    [!(newest.peak_mb <= 600), 'peak memory'],
    [!(grown <= growthFloor), 'growth of memory'],
  ];
  if (faulty) {
    rows.push(['faults made, and all cameras live 20 s later', 'all', '', `${told.length}, ${well}`], ['faults that could not be made', '0', '', String(failed.length)]);
    missed.push([well < told.length, 'cameras live 20 s after a fault'], [failed.length > 0, 'faults made']);
  }
  if (viewer) {
    const seen = JSON.parse((await viewer).out);
    rows.push(['viewer behind, p50', '<= 2000 ms', '1200 ms', show(seen.p50, 0, ' ms')], ['viewer drift', '< 100 ms', '', show(seen.drift_ms, 0, ' ms')]);
    missed.push([!(seen.p50 <= 2000), 'viewer behind'], [!(Math.abs(seen.drift_ms) < 100), 'viewer drift']);
  }
  console.log(table(rows));
  if (faulty) console.log(`\n${table([['minute', 'fault', 'cameras live 20 s later', 'pictures missed', 'destinations'], ...told.map((one) => [one.minute, one.name, one.live ?? '–', one.missed ?? '–', one.outputs])])}`);
  if (failed.length > 0) console.log(`\n${table([['minute', 'fault that could not be made', 'why'], ...failed])}`);
  const names = missed.filter(([is]) => is).map(([, name]) => name);
  if (names.length > 0) {
    console.error(`floors missed: ${names.join(', ')}`);
    process.exitCode = 1;
  }
  writeFileSync(path.join(folder, 'samples.json'), JSON.stringify(samples));
} finally {
  await demo.stop();
  for (const server of servers) await server.stop();
}
