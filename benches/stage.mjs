// A display of the benchmarks' own with a window manager, the desktop's program on it, and a person who types and clicks there.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beside, pause, root, scratch, touchline, until } from './parts.mjs';

export const desktop = path.join(root, 'target/bin/touchline-desktop');

/** Xvfb with openbox on it. */
export async function stage(width = 1280, height = 760) {
  const server = spawn('Xvfb', ['-displayfd', '1', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp', '-noreset'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  server.stdout.on('data', (data) => { said += data; });
  const number = await until('the display', 15, () => /^(\d+)\n/.exec(said)?.[1]);
  const env = { ...process.env, DISPLAY: `:${number}`, WAYLAND_DISPLAY: '' };
  const manager = spawn('openbox', { env, stdio: 'ignore' });
  const xdotool = (...words) => {
    try { return execFileSync('xdotool', words.map(String), { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim(); } catch { return null; }
  };
  // One that stays, for what is timed.
  const hand = spawn('xdotool', ['-'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
  return {
    env,
    server,
    xdotool,
    /** Presses a key at once. */
    press: (key) => hand.stdin.write(`key --delay 0 ${key}\n`),
    /** The number of the visible window with this title. */
    window: (title) => xdotool('search', '--onlyvisible', '--name', `^${title}$`)?.split('\n').pop() || null,
    shot: (window, file) => execFileSync('import', ['-silent', '-window', window, file], { env }),
    stop: async () => { hand.kill(); manager.kill(); server.kill(); await pause(100); },
  };
}

/** The desktop's program on a stage, with the control page closed unless it is asked for. */
export async function openDesk(on, { data = scratch(), words = [], size = [1280, 720], page = false, log = 'warn,touchline_desktop=debug' } = {}) {
  mkdirSync(data, { recursive: true });
  const remembered = { multiview: { at: [0, 20], size, maximised: false }, full_screen: false, desk_open: page, console: {} };
  writeFileSync(path.join(data, 'window.json'), JSON.stringify(remembered));
  const linksFile = path.join(data, 'links.json');
  const from = performance.now();
  const program = beside(desktop, ['run', '--data-dir', data, '--links', linksFile, '--port', '0', '--any-ports', '--until-stdin-closes', ...words], { env: { ...on.env, RUST_LOG: log } });
  const seconds = () => (performance.now() - from) / 1000;
  const first = { console: null, camera: null };
  program.child.stderr.on('data', () => {
    if (first.console === null && program.told.err.includes('the first picture is shown')) first.console = seconds();
    if (first.camera === null && program.told.err.includes('the first picture with a camera')) first.camera = seconds();
  });
  await until('the studio', 60, () => existsSync(linksFile) || program.child.exitCode !== null);
  if (program.child.exitCode !== null) throw new Error(`the desktop's program ended: ${program.told.err}`);
  const links = JSON.parse(readFileSync(linksFile, 'utf8'));
  const window = await until('the window', 30, () => on.window('Touchline'));
  /** Pictures a second by the window's own book, of the reports since the call. */
  const rates = () => {
    const at = program.told.err.length;
    return () => [...program.told.err.slice(at).matchAll(/window: ([\d.]+) pictures a second, each waited ([\d.]+) ms, took ([\d.]+) ms, shown in ([\d.]+) ms/g)].map((found) => found.slice(1, 5).map(Number));
  };
  return { ...program, data, links, linksFile, window, first, rates };
}

/** Virtual phones that nobody directs. */
export async function phones(linksFile, cameras, live) {
  const company = beside(touchline, ['rehearse', '--links', linksFile, '--cameras', String(cameras), '--no-script', '--until-stdin-closes']);
  await until('every camera is live', 120, live);
  return company;
}
