// Kills the studio at random moments while four cameras record, starts it again, and looks what was lost.
// usage: ./studio bench kill [--times N] [--cameras N]
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ask, beside, freePort, machine, nginxRtmp, percentile, scratch, show, table, touchline, until } from './parts.mjs';

const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? Number(process.argv[at + 1]) : usual;
};
const times = option('times', 20);
const cameras = option('cameras', 4);
let seed = 12345;
const random = () => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed / 0x7fffffff; };

const folder = scratch();
const linksFile = path.join(folder, 'links.json');
const nginx = await nginxRtmp();
const start = () => beside(touchline, ['run', '--data-dir', path.join(folder, 'data'), '--links', linksFile, '--address', '127.0.0.1', '--port', String(port), '--cameras', String(cameras), '--rtmp', nginx.url, '--until-stdin-closes', '--quiet']);
const port = await freePort();
const links = () => JSON.parse(readFileSync(linksFile, 'utf8'));

const snapshot = async () => { try { return await ask(links(), 'GET', '/api/v1/sessions/current/snapshot'); } catch { return null; } };

const lengthOf = (file) => Number(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', file]).toString());
const decodes = (file) => { try { return execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-map', '0:v', '-f', 'null', '-'], { stdio: ['ignore', 'pipe', 'pipe'] }).toString() === ''; } catch { return false; } };

console.log(machine());
let studio = start();
await until('the studio answers', 30, async () => existsSync(linksFile) && await snapshot());
const phones = beside(touchline, ['rehearse', '--links', linksFile, '--cameras', String(cameras)]);
const all = (view) => view && view.cameras.filter((camera) => camera.state === 'live').length === cameras;
await until('every camera is live', 90, async () => all(await snapshot()));
const losses = [];
const starts = [];
const returns = [];
let broken = 0;
for (let round = 1; round <= times; round += 1) {
  await new Promise((resolve) => setTimeout(resolve, 3000 + random() * 3000));
  const dir = path.join(links().session_dir, 'recordings');
  const before = new Set(readdirSync(dir));
  const manifest = JSON.parse(readFileSync(path.join(links().session_dir, 'recordings.json'), 'utf8'));
  const open = manifest.flatMap((entry) => entry.parts.filter((part) => part.end_ns === null).map((part) => ({ ...part, source: entry.source })));
  const view = await snapshot();
  const era = JSON.parse(readFileSync(path.join(links().session_dir, 'session.json'), 'utf8')).eras.at(-1);
  const killedMedia = era.offset + (Date.now() * 1000 - era.wall_anchor) * 1000;
  await studio.kill();
  const from = Date.now();
  studio = start();
  await until('a programme picture after the start', 30, async () => { const now = await snapshot(); return now && now.era > view.era && now.output.frames > 0; });
  starts.push(Date.now() - from);
  await until('phones and RTMP are back', 60, async () => { const now = await snapshot(); return all(now) && now.outputs.some((output) => output.kind === 'rtmp' && output.state === 'live'); });
  returns.push(Date.now() - from);
  for (const part of open.filter((part) => before.has(path.basename(part.path)))) {
    const length = lengthOf(part.path);
    if (!decodes(part.path)) broken += 1;
    losses.push((killedMedia - part.start_ns) / 1e9 - length);
  }
  process.stderr.write(`round ${round}: programme after ${starts.at(-1)} ms, all back after ${returns.at(-1)} ms, worst loss ${show(Math.max(...losses), 2)} s\n`);
}
await phones.stop();
await studio.stop();
await nginx.stop();
console.log(table([
  ['what', 'floor', 'aim', 'measured'],
  [`files after ${times} kills that do not play`, '0', '0', `${broken} of ${losses.length}`],
  ['loss at the end, worst', '<= 1.0 s', '0.5 s', show(Math.max(...losses), 2, ' s')],
  ['loss at the end, median', '', '', show(percentile(losses, 0.5), 2, ' s')],
  ['start to first programme picture, worst', '<= 3 s', '1.5 s', show(Math.max(...starts) / 1000, 2, ' s')],
  ['phones and RTMP back, worst', 'unaided', '', show(Math.max(...returns) / 1000, 2, ' s')],
]));
if (broken > 0) process.exit(1);
