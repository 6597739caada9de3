// A camera over SRT through a bad network: a relay in between loses datagrams and delays each by its own time, both ways.
// usage: ./studio bench impaired [--seconds 60] [--loss 5] [--delay 50] [--jitter 20]
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { relay } from './faults.mjs';
import { ask, beside, machine, pause, scratch, show, table, text, touchline, until } from './parts.mjs';

const [seconds, loss, delay, jitter] = [['seconds', '60'], ['loss', '5'], ['delay', '50'], ['jitter', '20']].map(([name, usual]) => Number(text(name, usual)));
const slot = 4;
const linksFile = path.join(scratch(), 'links.json');
console.log(machine());
const demo = beside(touchline, ['demo', '--headless', '--cameras', '3', '--links', linksFile]);
let shim;
let camera;
try {
  await until('the demo is live', 120, () => demo.told.err.includes('Live: all') && existsSync(linksFile));
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const { srt } = await ask(links, 'POST', '/api/v1/tickets', { role: 'camera', slot, kind: 'link' });
  const port = srt.port ?? Number(/:(\d+)/.exec(srt.url ?? srt.address)[1]);
  shim = await relay(port, { loss: loss / 100, delay, jitter });
  const address = `srt://127.0.0.1:${shim.port}?streamid=${srt.stream_id}&passphrase=${srt.passphrase}&latency=${4 * 2 * delay * 1000}`;
  camera = beside('ffmpeg', ['-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30', '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-b:v', '2500k', '-g', '30', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'mpegts', address]);
  const snapshot = () => ask(links, 'GET', '/api/v1/sessions/current/snapshot');
  const view = async () => (await snapshot()).cameras.find((one) => one.slot === slot);
  await until('the camera is live through the relay', 60, async () => (await view())?.state === 'live');
  await pause(5000);
  let usable = 0;
  let before = await snapshot();
  const first = before;
  for (let second = 0; second < seconds; second += 1) {
    await pause(1000);
    const now = await snapshot();
    const [was, is] = [before, now].map((one) => one.cameras.find((found) => found.slot === slot));
    // Usable: shown as live, and five pictures of six arrived whole in this second.
    if (is?.state === 'live' && is.frames - was.frames >= 25) usable += 1;
    before = now;
  }
  const others = before.cameras.filter((one) => one.slot !== slot).map((one) => (one.frames - first.cameras.find((found) => found.slot === one.slot).frames) / seconds);
  console.log(table([
    ['what', 'floor', 'aim', 'measured'],
    [`SRT through ${loss} % loss, ${delay} +- ${jitter} ms each way: usable seconds`, '>= 95 %', '99 %', show(usable / seconds * 100, 1, ' %')],
    ['datagrams lost on purpose', '', '', `${shim.told.lost} of ${shim.told.all}`],
    ['other cameras, pictures a second, least', '30', '', show(Math.min(...others), 1)],
    ['programme: dropped + repeated meanwhile', '0', '', String(before.output.dropped + before.output.repeated - first.output.dropped - first.output.repeated)],
  ]));
} finally {
  await camera?.kill();
  await shim?.stop();
  await demo.stop();
}
