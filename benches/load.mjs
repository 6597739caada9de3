// Many at the door: 200 slow clients, 300 event streams and 50 low-latency viewers while a programme runs.
// usage: ./studio bench load [--seconds N] [--slow N] [--streams N] [--viewers N]
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import path from 'node:path';
import { slow } from './faults.mjs';
import { ask, beside, cost, machine, pause, percentile, scratch, show, table, touchline, until } from './parts.mjs';

const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? Number(process.argv[at + 1]) : usual;
};
const seconds = option('seconds', 60);
const [slowClients, streams, viewers] = [option('slow', 200), option('streams', 300), option('viewers', 50)];
const linksFile = path.join(scratch(), 'links.json');
console.log(machine());
const demo = beside(touchline, ['demo', '--headless', '--cameras', '4', '--links', linksFile]);
const agent = new Agent({ rejectUnauthorized: false, keepAlive: true, maxSockets: 2000 });

/** One event stream; the time from an event's own wall clock to its arrival. */
function listen(links, latencies) {
  const asked = request(`${links.base}/api/v1/sessions/current/events`, { agent, headers: { authorization: `Bearer ${links.owner_token}` } }, (answer) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (data) => {
      const now = Date.now();
      text += data;
      let end;
      while ((end = text.indexOf('\n\n')) >= 0) {
        const line = text.slice(0, end).split('\n').find((part) => part.startsWith('data:'));
        text = text.slice(end + 2);
        if (!line) continue;
        const event = JSON.parse(line.slice(5));
        // Only what happened while it listened: older events are told again at once.
        if (event.wall / 1000 > latencies.from) latencies.all.push(now - event.wall / 1000);
      }
    });
  });
  asked.on('error', () => { latencies.broken += 1; });
  asked.end();
  return asked;
}

const fetchText = (url) => new Promise((resolve, reject) => {
  const asked = request(url, { agent, timeout: 10_000 }, (answer) => {
    let length = 0;
    let text = '';
    answer.on('data', (data) => { length += data.length; if (text.length < 200_000) text += data; });
    answer.on('end', () => (answer.statusCode < 400 ? resolve({ text, length }) : reject(new Error(String(answer.statusCode)))));
  });
  asked.on('error', reject);
  asked.on('timeout', () => asked.destroy(new Error('timeout')));
  asked.end();
});

/** One low-latency viewer: asks for the next part, waits, fetches it. */
async function view(root, until, seen) {
  let playlist = (await fetchText(`${root}v0/media.m3u8`)).text;
  while (Date.now() < until) {
    const hint = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(playlist)?.[1];
    const number = /s(\d+)\.p(\d+)/.exec(hint ?? '');
    if (!number) throw new Error('a playlist without a hint');
    const part = fetchText(new URL(hint, `${root}v0/media.m3u8`).href).then((got) => { seen.parts += 1; seen.bytes += got.length; });
    const next = fetchText(`${root}v0/media.m3u8?_HLS_msn=${number[1]}&_HLS_part=${number[2]}`);
    playlist = (await Promise.all([next, part]))[0].text;
  }
}

try {
  await until('the demo is live', 120, () => demo.told.err.includes('Live: all') && existsSync(linksFile));
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const grant = await ask(links, 'POST', '/api/v1/watch', {});
  const root = new URL(grant.url ?? grant.path ?? grant.media, links.base).href.replace(/[^/]*$/, '');
  const before = { ...(await ask(links, 'GET', '/api/v1/sessions/current/snapshot')).output, ...cost(links.pid), at: Date.now() };
  const latencies = { all: [], from: Date.now() + 3000, broken: 0 };
  const open = Array.from({ length: streams }, () => listen(links, latencies));
  const seen = { parts: 0, bytes: 0, failed: 0 };
  const end = Date.now() + seconds * 1000;
  const watching = Array.from({ length: viewers }, () => view(root, end, seen).catch((error) => { seen.failed += 1; seen.why = error.message; }));
  const closing = slow(links.base, slowClients, 14);
  let score = 0;
  while (Date.now() < end) {
    await ask(links, 'POST', '/api/v1/sessions/current/commands', { id: `score-${Date.now()}`, command: { type: 'set_score', side: 'home', points: (score += 1) % 900 } });
    await pause(1000);
  }
  await Promise.all(watching);
  const after = { ...(await ask(links, 'GET', '/api/v1/sessions/current/snapshot')).output, ...cost(links.pid), at: Date.now() };
  open.forEach((stream) => stream.destroy());
  console.log(table([
    ['what', 'floor', 'aim', 'measured'],
    ['pictures dropped + repeated meanwhile', 'untouched', '0', `${after.dropped - before.dropped} + ${after.repeated - before.repeated} of ${after.frames - before.frames}`],
    [`events to ${streams} streams: p50`, '', '', show(percentile(latencies.all, 0.5), 1, ' ms')],
    ['  p99', '<= 100 ms', '20 ms', show(percentile(latencies.all, 0.99), 1, ' ms')],
    ['  received', '', '', `${latencies.all.length} (${latencies.broken} streams broken)`],
    [`${viewers} low-latency viewers: parts fetched`, '', '', `${seen.parts} (${seen.failed} viewers failed${seen.why ? `: ${seen.why}` : ''})`],
    [`${slowClients} slow clients closed by the door`, 'all', '', String(await closing)],
    ['CPU seconds per second, studio', '', '', show((after.cpu - before.cpu) / ((after.at - before.at) / 1000), 2)],
    ['memory, studio', '', '', show(after.rss_mb, 0, ' MB')],
  ]));
} finally {
  agent.destroy();
  await demo.stop();
}
