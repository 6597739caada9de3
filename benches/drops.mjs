// Cameras are cut off again and again while they are recorded: do all come back into their own place, and how soon is their time right again?
// Right again: live, inside the show's budget if it was before the cut (a slow SRT camera may lie beyond it all the time), and the median of
// capture to decoded within 20 ms of what it was. `locked` alone says for SRT and RTMP only that their pictures arrive in time.
// usage: ./studio bench drops [--times 100] [--protocols webrtc,srt,rtmp,rtsp]
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { drop } from './faults.mjs';
import { ask, beside, machine, pause, percentile, scratch, show, table, text, touchline, until } from './parts.mjs';

/** How far the median delay of a camera that is back may be from what it was, milliseconds. */
const NEAR_MS = 20;

const times = Number(text('times', '100'));
const protocols = text('protocols', 'webrtc,srt,rtmp,rtsp').split(',');
const folder = scratch();
const linksFile = path.join(folder, 'links.json');
const json = path.join(folder, 'report.json');
console.log(machine());
const demo = beside(touchline, ['demo', '--headless', '--cameras', String(protocols.length), '--protocols', protocols.join(','), '--links', linksFile, '--json', json]);
try {
  await until('the demo is live', 180, () => demo.told.err.includes('Live: all') && existsSync(linksFile));
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const camera = async (slot) => (await ask(links, 'GET', '/api/v1/sessions/current/snapshot'))?.cameras.find((one) => one.slot === slot);
  await pause(10_000);
  const back = protocols.map(() => []);
  const off = protocols.map(() => []);
  let lost = 0;
  for (let time = 0; time < times; time += 1) {
    const slot = 1 + (time % protocols.length);
    let [was, seen] = [null, null];
    try {
      const before = await until(`camera ${slot} is measured`, 30, async () => {
        const now = await camera(slot);
        return now?.delay_ms ? now : null;
      });
      was = before;
      const begun = Date.now();
      await drop(links, slot);
      const after = await until(`camera ${slot} is back, and its time is right`, 30, async () => {
        const now = await camera(slot);
        seen = now;
        const right = now?.delay_ms && Math.abs(now.delay_ms.p50 - before.delay_ms.p50) <= NEAR_MS;
        return now?.state === 'live' && (now.locked || !before.locked) && now.reconnects > before.reconnects && right ? now : null;
      });
      back[slot - 1].push(Date.now() - begun);
      off[slot - 1].push(Math.abs(after.delay_ms.p50 - before.delay_ms.p50));
    } catch (error) {
      lost += 1;
      const told = (one) => one && `${one.state}, ${one.locked ? 'locked' : 'not locked'}, ${one.reconnects} returns, delay ${show(one.delay_ms?.p50)} / ${show(one.delay_ms?.p95)} ms`;
      console.error(`${error.message} (${protocols[slot - 1]}; before: ${told(was)}; now: ${told(seen)})`);
    }
    await pause(500);
  }
  const last = await ask(links, 'GET', '/api/v1/sessions/current/snapshot');
  await demo.stop();
  const report = existsSync(json) ? JSON.parse(readFileSync(json, 'utf8')) : null;
  const seconds = (millis) => (millis === null ? null : millis / 1000);
  console.log(table([
    ['what', 'floor', 'aim', 'measured'],
    [`returns into the same place, of ${times}`, String(times), '', String(times - lost)],
    [`cut off until live, inside the budget as before, and its median delay within ${NEAR_MS} ms of before, worst`, '<= 5 s', '2 s', show(seconds(percentile(back.flat(), 1)), 2, ' s')],
    ...protocols.map((protocol, at) => [`  ${protocol}, p50 / worst`, '', '', `${show(seconds(percentile(back[at], 0.5)), 2)} / ${show(seconds(percentile(back[at], 1)), 2, ' s')}`]),
    ['median delay by then against before the cut, p95 / worst', '', '', `${show(percentile(off.flat(), 0.95), 1)} / ${show(percentile(off.flat(), 1), 1, ' ms')}`],
    ['pictures, dropped, repeated, black', '', '', `${last.output.frames}, ${last.output.dropped}, ${last.output.repeated}, ${last.output.black}`],
    ...(report ? [['skew p95 over the whole run', '<= 15 ms', '', show(report.skew_ms?.p95, 1, ' ms')], ['recordings that play', 'all', '', `${report.recordings.filter((recording) => recording.playable).length} of ${report.recordings.length}`]] : []),
  ]));
} finally {
  await demo.stop();
}
