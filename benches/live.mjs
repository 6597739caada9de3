// The table of a live programme: a whole demo, like with like beside a hand-wired GStreamer pipeline, and a viewer in a real browser.
// usage: ./studio bench live [--seconds N] [--cameras N]
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beside, cost, machine, nginxRtmp, root, run, scratch, show, table, touchline, until } from './parts.mjs';

const option = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? Number(process.argv[at + 1]) : usual;
};
const seconds = option('seconds', 60);
const cameras = option('cameras', 4);

async function demo(extra, name, env = {}) {
  const json = path.join(scratch(), `${name}.json`);
  const lasting = extra.includes('--seconds') ? [] : ['--seconds', String(seconds)];
  const done = await run(touchline, ['demo', '--headless', ...lasting, ...extra, '--json', json], { echo: true, env: { ...process.env, ...env } });
  if (done.code !== 0) throw new Error(`the demo "${name}" ended with ${done.code}`);
  return JSON.parse(readFileSync(json, 'utf8'));
}

/** The peer: every clip decoded in real time into a compositor that shows one of them, the same encoder, one file out. */
async function peer(clips) {
  const folder = scratch();
  const branches = clips.map((clip, index) => `filesrc location=${clip} ! qtdemux ! h264parse ! avdec_h264 max-threads=1 ! clocksync ! queue ! mix.sink_${index}`).join(' ');
  const alphas = clips.map((_, index) => `sink_${index}::alpha=${index === 0 ? 1 : 0}`).join(' ');
  const line = `compositor name=mix background=black ${alphas} ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! x264enc tune=zerolatency speed-preset=veryfast bitrate=3000 key-int-max=60 threads=1 ! h264parse ! flvmux ! filesink location=${folder}/out.flv ${branches}`;
  const pipeline = beside('gst-launch-1.0', ['-q', ...line.split(' ')]);
  const from = Date.now();
  let last = null;
  // A clip is played once: what is compared is CPU per second of it.
  while (pipeline.child.exitCode === null && Date.now() - from < 60_000) {
    try { last = { ...cost(pipeline.child.pid), wall: (Date.now() - from) / 1000 }; } catch { break; }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await pipeline.stop();
  return last;
}

/** A first rehearsal in an empty cache, then the same again: until every camera is drawn, and until every camera is live. */
async function firstAndAgain() {
  const cache = scratch();
  const time = async () => {
    const studio = beside(touchline, ['demo', '--headless', '--cameras', String(cameras)], { env: { ...process.env, XDG_CACHE_HOME: cache } });
    const from = Date.now();
    await until('the studio prints its links', 180, () => studio.told.out.includes('Watch page'));
    const drawn = (Date.now() - from) / 1000;
    await until('the demo is live', 90, () => studio.told.err.includes('Live: all'));
    const live = (Date.now() - from) / 1000;
    await studio.stop();
    return { drawn, live };
  };
  return { first: await time(), again: await time() };
}

async function browserViewer() {
  const folder = scratch();
  const links = path.join(folder, 'links.json');
  const studio = beside(touchline, ['demo', '--headless', '--cameras', '2', '--links', links]);
  try {
    await until('the demo is live', 90, () => studio.told.err.includes('Live: all') || studio.told.out.includes('Live: all'));
    const { watch } = JSON.parse(readFileSync(links, 'utf8'));
    const local = watch.replace(/https:\/\/[^/]+/, JSON.parse(readFileSync(links, 'utf8')).base);
    const viewed = await run('node', [path.join(root, 'tests/browser/viewer.mjs'), local, String(Math.min(seconds, 60))]);
    if (viewed.code !== 0) throw new Error(`the viewer failed: ${viewed.err}`);
    return JSON.parse(viewed.out);
  } finally {
    await studio.stop();
  }
}

console.log(machine());
const nginx = await nginxRtmp();
const full = await demo(['--cameras', String(cameras), '--rtmp', nginx.url], 'full');
await nginx.stop();
const lean = await demo(['--cameras', String(cameras), '--lean'], 'lean');
const other = await peer(lean.clips);
const viewer = await browserViewer();
const draw = await firstAndAgain();

const program = full.program;
const faults = (program.dropped + program.repeated) / Math.max(1, program.frames) * 100;
const leanCost = lean.resources.cpu_seconds / lean.seconds;
const peerCost = other.cpu / other.wall;
console.log(table([
  ['what', 'floor', 'aim', 'measured'],
  [`${cameras} cameras, HLS + RTMP + recordings: pictures a second`, '30', '30', show(program.frames / full.seconds, 2)],
  ['dropped + repeated', '<= 1 %', '<= 1 %', show(faults, 2, ' %')],
  ['black pictures', '0', '0', String(program.black)],
  ['recordings that play', 'all', 'all', `${full.recordings.filter((recording) => recording.playable).length} of ${full.recordings.length}`],
  ['CPU seconds per programme second, lean', `<= ${show(peerCost * 1.5, 2)} (1.5x)`, `<= ${show(peerCost, 2)} (1.0x)`, `${show(leanCost, 2)} (${show(leanCost / peerCost, 2)}x)`],
  ['  beside it: GStreamer compositor pipeline', '', '', show(peerCost, 2)],
  ['  full demo, studio alone', '', '', show(full.resources.cpu_seconds / full.seconds, 2)],
  ['  full demo, phones', '', '', show(full.resources.phones.cpu_seconds / full.seconds, 2)],
  ['skew p95', '<= 15 ms', '<= 5 ms', show(full.skew_ms?.p95, 2, ' ms')],
  ['pair skew p95', '<= 20 ms', '<= 17 ms', show(full.pair_skew_ms?.p95, 2, ' ms')],
  ['lip-sync p95, by claps', '<= 40 ms', '', show(full.lip_sync_ms?.p95, 1, ' ms')],
  ['phone to programme p50', '<= 200 ms', '<= 120 ms', show(full.latency_ms.phone_to_program?.p50, 1, ' ms')],
  ['phone to programme p95', '<= 300 ms', '', show(full.latency_ms.phone_to_program?.p95, 1, ' ms')],
  ['programme to viewer in Chromium p50', '<= 2000 ms', '1200 ms', show(viewer.p50, 0, ' ms')],
  ['  its drift over the run', '< 100 ms', '', show(viewer.drift_ms, 0, ' ms')],
  [`first rehearsal of ${cameras} cameras drawn and encoded, studio up`, '<= 60 s', '20 s', show(draw.first.drawn, 1, ' s')],
  ['  the same again, from the cache', '', '', show(draw.again.drawn, 2, ' s')],
  ['  the same again, until every camera is live', '<= 3 s', '1.5 s', show(draw.again.live, 2, ' s')],
  ['memory, studio peak', '<= 600 MB', '400 MB', show(full.resources.rss_peak_mb, 0, ' MB')],
]));
