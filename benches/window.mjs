// The desktop's window on a display of its own (Xvfb, openbox, the software driver): how often it is drawn, what it costs over the same show
// without it, how soon a key is on air, and what the programme notices of a display that stands still.
// usage: ./studio bench window [--seconds 40] [--cameras 4] [--keys 20] [--full]
//        ./studio bench window --direct MINUTES [--seed N]     a rehearsal directed by keys; the recording must show each cut
//        ./studio bench window --clicks MINUTES [--seed N]     seeded random clicks and keys
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ask, beside, chance, cost, machine, pause, percentile, scratch, show, table, text, touchline, until } from './parts.mjs';
import { camerasOf } from './timecode.mjs';
import { openDesk, phones, stage } from './stage.mjs';

const seconds = Number(text('seconds', 40));
const cameras = Number(text('cameras', 4));
const keys = Number(text('keys', 20));
const draw = chance(Number(text('seed', 7)));
const size = process.argv.includes('--full') ? [1920, 1040] : [1280, 720];
const screen = [size[0], size[1] + 40];
const FRAME_MS = 1000 / 30;

const rows = [['what', 'floor', 'aim', 'measured']];
const missed = [];
function tell(what, floor, aim, measured, met = true) {
  rows.push([what, floor, aim, measured]);
  if (!met) missed.push(what);
}

const snapshotOf = (links) => ask(links, 'GET', '/api/v1/sessions/current/snapshot');
const liveCount = async (links) => (await snapshotOf(links))?.cameras.filter((camera) => camera.state === 'live').length ?? 0;
const allLive = (links) => async () => (await liveCount(links)) === cameras;
const onAir = async (links) => (await snapshotOf(links))?.program.live ?? null;
const bad = (snapshot) => snapshot.output.dropped + snapshot.output.repeated;

/** What a session wrote: one JSON document a line, the events' behind their checksum. */
const lines = (links, name) => readFileSync(path.join(links.session_dir, name), 'utf8').split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line.slice(line.indexOf('{'))));

/** CPU seconds a second of the studio over a while, and what its programme missed meanwhile. */
async function measure(links, whileSeconds, server) {
  const display = () => (server ? cost(server.pid).cpu : 0);
  const [before, shown, from, first] = [cost(links.pid), display(), performance.now(), await snapshotOf(links)];
  await pause(whileSeconds * 1000);
  const [after, shownAfter, last] = [cost(links.pid), display(), await snapshotOf(links)];
  const passed = (performance.now() - from) / 1000;
  return { cpu: (after.cpu - before.cpu) / passed, display: (shownAfter - shown) / passed, frames: last.output.frames - first.output.frames, missed: bad(last) - bad(first), rss: after.rss_mb };
}

/** The same show without a window. */
async function headless() {
  const data = scratch();
  const linksFile = path.join(data, 'links.json');
  const studio = beside(touchline, ['run', '--data-dir', data, '--links', linksFile, '--port', '0', '--any-ports', '--until-stdin-closes', '--software-gpu']);
  await until('the studio', 60, () => existsSync(linksFile));
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const company = await phones(linksFile, cameras, allLive(links));
  await pause(5000);
  const found = await measure(links, seconds);
  await company.stop();
  await studio.stop();
  return found;
}

/** Presses a camera's key; when, by the wall clock: milliseconds before the key was sent. */
function press(on, camera) {
  const before = Date.now();
  on.press(camera);
  return { camera, before };
}

/** From each key to the first tick that shows its camera, in programme frames: the tick trace against the wall clock. */
function framesToAir(links, sent) {
  const events = lines(links, 'events.jsonl');
  const era = events.filter((event) => event.type === 'era_opened').at(-1);
  const cuts = events.filter((event) => event.type === 'cut_made' && event.by === 'window').map((event) => event.to);
  if (String(cuts) !== String(sent.map((one) => one.camera))) throw new Error(`the window cut to ${cuts} instead of ${sent.map((one) => one.camera)}`);
  const wallMs = (tick) => (era.wall_anchor + (tick.pts - era.offset) / 1000) / 1000;
  const ticks = lines(links, 'trace.jsonl').map((tick) => ({ at: wallMs(tick), source: tick.source, seq: tick.seq }));
  return sent.map(({ camera, before }) => {
    const first = ticks.find((tick) => tick.at >= before && tick.source === camera);
    return first ? (first.at - before) / FRAME_MS : Infinity;
  });
}

async function directed(on, desk, cuts, least, most) {
  const sent = [];
  for (let cut = 0; cut < cuts; cut += 1) {
    const now = await onAir(desk.links);
    const others = Array.from({ length: cameras }, (_, at) => at + 1).filter((camera) => camera !== now);
    sent.push(press(on, others[Math.floor(draw() * others.length)]));
    await until('the cut', 10, async () => (await onAir(desk.links)) === sent.at(-1).camera);
    await pause((least + draw() * (most - least)) * 1000);
  }
  return sent;
}

/** What the programme missed while `during` happened and for three seconds after. */
async function undisturbed(links, during) {
  const before = await snapshotOf(links);
  await during();
  await pause(3000);
  const after = await snapshotOf(links);
  return { missed: bad(after) - bad(before), frames: after.output.frames - before.output.frames };
}

async function whole() {
  const plain = await headless();
  const on = await stage(...screen);
  const desk = await openDesk(on, { size, words: ['--software-gpu'] });
  const company = await phones(desk.linksFile, cameras, allLive(desk.links));
  on.xdotool('windowfocus', '--sync', desk.window);
  await pause(5000);
  const reports = desk.rates();
  const shown = await measure(desk.links, seconds, on.server);
  const each = reports();
  const mean = (at) => each.reduce((sum, report) => sum + report[at], 0) / each.length;
  const fps = mean(0);
  const share = (100 * shown.missed) / shown.frames;
  tell(`window of ${size.join(' x ')}, ${cameras} cameras and the programme: pictures a second`, '>= 10', '20', show(fps, 1), fps >= 9.95);
  tell('  each waits for the programme / takes / goes to the display', '', '', `${show(mean(1), 1)} / ${show(mean(2), 1)} / ${show(mean(3), 1)} ms`);
  tell('programme meanwhile, dropped + repeated', '<= 1 %', '0', `${show(share, 2, ' %')} (${shown.missed} of ${shown.frames})`, share <= 1);
  tell('CPU of the window over the same show without it', '<= 40 %', '20 %', `${show((shown.cpu - plain.cpu) * 100, 0, ' %')} (${show(shown.cpu, 2)} - ${show(plain.cpu, 2)})`, shown.cpu - plain.cpu <= 0.4);
  tell('  the display server beside it, of a core', '', '', show(shown.display * 100, 0, ' %'));
  const sent = await directed(on, desk, keys, 0.5, 0.9);
  const still = await undisturbed(desk.links, async () => { on.server.kill('SIGSTOP'); await pause(2000); on.server.kill('SIGCONT'); });
  tell('display stands still for 2 s: programme dropped + repeated', '0', '', `${still.missed} of ${still.frames}`, still.missed === 0);
  const small = await undisturbed(desk.links, async () => { on.xdotool('windowminimize', '--sync', desk.window); await pause(2000); on.xdotool('windowactivate', '--sync', desk.window); });
  tell('minimised and back: the same', '0', '', `${small.missed} of ${small.frames}`, small.missed === 0);
  await company.stop();
  await desk.stop();
  const frames = framesToAir(desk.links, sent);
  tell('key to that camera in the programme, frames: p50 / worst', '<= 2', '1', `${show(percentile(frames, 0.5), 2)} / ${show(Math.max(...frames), 2)}`, Math.max(...frames) <= 2);
  // Alone: the console without a show.
  const alone = await openDesk(on, { size, words: ['--software-gpu'] });
  await until('its first picture', 30, () => alone.first.console !== null);
  await pause(8000);
  const idle = await measure(alone.links, 20);
  tell('warm start: until the first picture in the window', '<= 3 s', '1.5 s', show(alone.first.console, 2, ' s'), alone.first.console <= 3);
  tell('idle without cameras, of a core, window open', '<= 2 %', '0.5 %', show(idle.cpu * 100, 2, ' %'), idle.cpu <= 0.02);
  await alone.stop();
  await on.stop();
}

/** A rehearsal directed by keys, and the programme's recording read back: which camera each picture shows. */
async function rehearsal(minutes) {
  const on = await stage(...screen);
  const desk = await openDesk(on, { size, words: ['--software-gpu'] });
  const company = await phones(desk.linksFile, cameras, allLive(desk.links));
  on.xdotool('windowfocus', '--sync', desk.window);
  const until_ = Date.now() + minutes * 60_000;
  const sent = [];
  while (Date.now() < until_) sent.push(...await directed(on, desk, 1, 2, 6));
  const last = await snapshotOf(desk.links);
  await company.stop();
  await desk.stop();
  await on.stop();
  const folder = path.join(desk.links.session_dir, 'recordings');
  const file = readdirSync(folder, { recursive: true }).map(String).filter((name) => /programme.*\.mp4$/.test(name)).map((name) => path.join(folder, name)).at(-1);
  const seen = await camerasOf(file);
  const frames = framesToAir(desk.links, sent);
  const wanted = sent.map((one) => one.camera);
  // What was on air before the first key is not of interest.
  const tail = seen.slice(-wanted.length);
  tell(`${minutes} minutes directed by keys: keys pressed, each one a cut in the log`, 'all', '', String(wanted.length));
  tell('  shots of the recording, by the time code in its pictures', 'the same', '', String(tail) === String(wanted) ? `the same ${tail.length}` : `${tail.length}, differing`, String(tail) === String(wanted));
  tell('  key to that camera, frames: p50 / worst', '<= 2', '1', `${show(percentile(frames, 0.5), 2)} / ${show(Math.max(...frames), 2)}`, Math.max(...frames) <= 2);
  tell('  programme: dropped + repeated', '<= 1 %', '', `${bad(last)} of ${last.output.frames}`, bad(last) <= last.output.frames / 100);
}

/** Somebody leans on the keyboard and slaps the touchpad. */
async function clicks(minutes) {
  const on = await stage(...screen);
  const desk = await openDesk(on, { size, words: ['--software-gpu'] });
  const company = await phones(desk.linksFile, cameras, allLive(desk.links));
  const wild = ['1', '2', '3', '4', '5', '9', 'shift+1', 'shift+2', 'shift+3', 'space', 'Return', 'b', 'a', 'question', 'Escape', 'Tab', 'shift+Tab', 'Up', 'Down', 'Left', 'Right', 'F11', 'ctrl+c', 'x', 'Delete', 'Page_Down'];
  const samples = [];
  const from = Date.now();
  let [pressed, clicked] = [0, 0];
  const there = () => desk.child.exitCode === null && desk.child.signalCode === null;
  while (Date.now() - from < minutes * 60_000 && there()) {
    for (let turn = 0; turn < 20; turn += 1) {
      if (draw() < 0.5) {
        on.xdotool('key', '--delay', '0', wild[Math.floor(draw() * wild.length)]);
        pressed += 1;
      } else {
        const button = draw() < 0.85 ? 1 : [2, 3, 4, 5][Math.floor(draw() * 4)];
        on.xdotool('mousemove', Math.floor(draw() * size[0]), Math.floor(30 + draw() * (size[1] - 10)), 'click', button);
        clicked += 1;
      }
      await pause(20 + draw() * 120);
    }
    if (there()) samples.push({ at: Date.now() - from, rss: cost(desk.links.pid).rss_mb });
    // A person would bring back what was clicked away.
    on.xdotool('windowactivate', desk.window);
  }
  // It lives when it draws, not only while its process is there.
  const drawn = desk.rates();
  await pause(12_000);
  const alive = there() && !desk.told.err.includes('panicked') && drawn().some(([fps]) => fps > 1);
  const last = there() ? await snapshotOf(desk.links) : null;
  const settled = samples.filter((sample) => sample.at > minutes * 60_000 / 3);
  const quarter = Math.max(1, Math.floor(settled.length / 8));
  const mean = (list) => list.reduce((sum, sample) => sum + sample.rss, 0) / list.length;
  const grown = mean(settled.slice(-quarter)) - mean(settled.slice(0, quarter));
  tell(`${minutes} minutes of seeded random clicks and keys: crashes`, '0', '', alive ? `0 (${pressed} keys, ${clicked} clicks)` : 'it ended, panicked or draws no more', alive);
  tell('  growth of memory over the last two thirds', '<= 20 MB', '', show(grown, 1, ' MB'), grown <= 20);
  const inMinute = (minute) => samples.filter((sample) => Math.floor(sample.at / 60_000) === minute);
  const each = Array.from({ length: Math.ceil(minutes) }, (_, minute) => inMinute(minute)).filter((list) => list.length > 0);
  console.log(`memory by minute, MB: ${each.map((list) => Math.round(mean(list))).join(' ')}`);
  if (last) tell('  programme: dropped + repeated', '', '', `${bad(last)} of ${last.output.frames}`);
  await company.stop();
  await desk.stop();
  await on.stop();
}

console.log(machine());
const [direct, wildly] = [Number(text('direct', 0)), Number(text('clicks', 0))];
if (direct > 0) await rehearsal(direct);
else if (wildly > 0) await clicks(wildly);
else await whole();
console.log(table(rows));
if (missed.length > 0) {
  console.error(`floors missed: ${missed.join(', ')}`);
  process.exitCode = 1;
}
