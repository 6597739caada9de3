// One destination after another goes wrong beside two that are well: it dies, hangs, refuses, and hangs up every 20 seconds.
// usage: ./studio bench destinations
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ask, beside, cost, fetchText, machine, nginxRtmp, pause, scratch, show, srtReceiver, table, touchline, until } from './parts.mjs';

const linksFile = path.join(scratch(), 'links.json');
console.log(machine());
const [good, bad] = [await nginxRtmp(), await nginxRtmp()];
const srt = await srtReceiver();
const demo = beside(touchline, ['demo', '--headless', '--cameras', '4', '--links', linksFile, '--rtmp', good.url, '--rtmp', bad.url, '--srt', srt.url]);
try {
  await until('the demo is live', 120, () => demo.told.err.includes('Live: all') && existsSync(linksFile));
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const snapshot = () => ask(links, 'GET', '/api/v1/sessions/current/snapshot');
  const outputs = async () => (await snapshot()).outputs.filter((output) => output.kind !== 'hls');
  await until('all three are live', 30, async () => (await outputs()).filter((output) => output.state === 'live').length === 3);
  const name = (await outputs()).find((output) => (output.address ?? output.url ?? '').includes(`:${bad.port}`))?.name ?? (await outputs())[1].name;
  const state = async () => (await outputs()).find((output) => output.name === name)?.state;
  const grant = await ask(links, 'POST', '/api/v1/watch', {});
  const playlist = new URL('v0/media.m3u8', new URL(grant.url ?? grant.path ?? grant.media, links.base)).href;

  /** The longest time without a new part of HLS, and without new bytes at the good ones, while `during` runs. */
  async function beside(during) {
    let running = true;
    const gaps = { part: 0, rtmp: 0, srt: 0, rss: 0 };
    const watch = async (key, every, ask) => {
      let [last, at] = [await ask(), Date.now()];
      while (running) {
        await pause(every);
        const now = await ask();
        if (now !== last) [last, at] = [now, Date.now()];
        gaps[key] = Math.max(gaps[key], Date.now() - at);
      }
    };
    const hint = async () => /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(await fetchText(playlist))?.[1];
    const watching = [watch('part', 50, hint), watch('rtmp', 100, () => good.received()), watch('srt', 100, () => srt.received())];
    const memory = async () => { while (running) { gaps.rss = Math.max(gaps.rss, cost(links.pid).rss_mb); await pause(500); } };
    const detected = await during(memory());
    running = false;
    await Promise.all(watching);
    return { ...gaps, detected };
  }
  const detect = async () => { const begun = Date.now(); await until('the fault is told', 30, async () => (await state()) !== 'live'); return Date.now() - begun; };
  const heal = () => until('it is live again', 90, async () => (await state()) === 'live');
  const quiet = cost(links.pid).rss_mb;
  const rows = [['destination', 'told after (<= 10 s)', 'HLS: longest between parts', 'other RTMP: longest without bytes', 'SRT: the same', 'memory more (<= 64 MB)']];
  const faults = {
    'nothing (for comparison)': async () => { await pause(20_000); return null; },
    dies: async () => { const down = bad.restart(10_000); const found = await detect(); await down; await heal(); return found; },
    hangs: async () => { bad.now.child.kill('SIGSTOP'); try { const found = await detect(); await pause(10_000); return found; } finally { bad.now.child.kill('SIGCONT'); await heal(); } },
    refuses: async () => { const down = bad.restart(0, { refuse: true }); const found = await detect(); await down; await pause(15_000); await bad.restart(0); await heal(); return found; },
    'hangs up every 20 s, three times': async () => { let worst = 0; for (let time = 0; time < 3; time += 1) { await pause(20_000); const down = bad.restart(200); worst = Math.max(worst, await detect()); await down; await heal(); } return worst; },
  };
  for (const [fault, during] of Object.entries(faults)) {
    const seen = await beside(during);
    rows.push([fault, seen.detected === null ? '–' : show(seen.detected / 1000, 2, ' s'), show(seen.part, 0, ' ms'), show(seen.rtmp, 0, ' ms'), show(seen.srt, 0, ' ms'), show(seen.rss - quiet, 0, ' MB')]);
    console.error(rows.at(-1).join('  '));
  }
  const end = await snapshot();
  console.log(table(rows));
  console.log(`programme: ${end.output.frames} pictures, ${end.output.dropped} dropped, ${end.output.repeated} repeated`);
} finally {
  await demo.stop();
  await Promise.all([good, bad, srt].map((server) => server.stop()));
}
