// Pictures of the window for the README and for a designer's eye: a real show with virtual phones on a display of its own.
// usage: ./studio bench pictures [--into assets/readme] [--all]
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ask, pause, root, scratch, text, until } from './parts.mjs';
import { openDesk, phones, stage } from './stage.mjs';

const all = process.argv.includes('--all');
const into = path.resolve(root, text('into', all ? 'target/pictures' : 'assets/readme'));
const CAMERAS = 6;
mkdirSync(into, { recursive: true });

let number = 0;
const tell = async (links, command) => {
  number += 1;
  const answer = await ask(links, 'POST', '/api/v1/sessions/current/commands', { id: `pictures-${Date.now()}-${number}`, command });
  if (typeof answer?.seq !== 'number') throw new Error(`${command.type}: ${JSON.stringify(answer)}`);
};
const snapshotOf = (links) => ask(links, 'GET', '/api/v1/sessions/current/snapshot');
const live = (links) => async () => (await snapshotOf(links))?.cameras.filter((camera) => camera.state === 'live').length === CAMERAS;

async function game(links) {
  await tell(links, { type: 'set_team', side: 'home', name: 'Lions', short: 'LIO', colour: '#1d4ed8' });
  await tell(links, { type: 'set_team', side: 'away', name: 'Bears', short: 'BEA', colour: '#b45309' });
  await tell(links, { type: 'set_score', side: 'home', points: 2 });
  await tell(links, { type: 'set_score', side: 'away', points: 1 });
  await tell(links, { type: 'set_period', period: 2 });
  await tell(links, { type: 'set_clock', millis: 754_000 });
  await tell(links, { type: 'start_clock' });
  await tell(links, { type: 'graphic', graphic: 'score_bug', on: true });
}

async function shots(width, height, name) {
  const on = await stage(width, height + 40);
  const data = scratch();
  const desk = await openDesk(on, { data, size: [width, height], words: ['--software-gpu', '--cameras', String(CAMERAS)] });
  const keep = (state) => on.shot(desk.window, path.join(into, all ? `${name}-${state}.png` : 'window.png'));
  await until('the first picture', 30, () => desk.first.console !== null);
  await pause(3000);
  if (all) keep('empty');
  const company = await phones(desk.linksFile, CAMERAS, live(desk.links));
  await game(desk.links);
  on.xdotool('windowfocus', '--sync', desk.window);
  on.xdotool('mousemove', width - 4, 60);
  on.xdotool('key', '1');
  await pause(500);
  on.xdotool('key', 'shift+2');
  await pause(3000);
  keep('live');
  if (all) {
    on.xdotool('key', 'question');
    await pause(1000);
    keep('help');
    on.xdotool('key', 'Escape');
    on.xdotool('key', 'b');
    await pause(1500);
    keep('slate');
    on.xdotool('key', 'b');
    await pause(500);
    on.xdotool('windowsize', desk.window, 960, 540);
    await pause(2500);
    keep('small');
    on.xdotool('windowsize', desk.window, width, height);
    await pause(1500);
    on.xdotool('key', '--clearmodifiers', 'alt+F4');
    await pause(1500);
    keep('closing');
    on.xdotool('key', 'Escape');
    await company.stop();
    await pause(4000);
    keep('cameras-gone');
  } else {
    await company.stop();
  }
  await desk.stop();
  await on.stop();
}

await shots(1280, 720, '1280x720');
if (all) await shots(1920, 1040, '1920x1040');
console.log(`pictures are in ${into}`);
