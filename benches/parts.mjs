// What the benchmarks share: processes with their cost, a real RTMP server, one studio with its phones, and how the machine is told.
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync, readFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { Agent, request } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const touchline = path.join(root, 'target/bin/touchline');
export const scratch = () => mkdtempSync(path.join(os.tmpdir(), 'touchline-bench-'));

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** CPU seconds and peak memory (MB) of a live process, from the kernel's own books. */
export function cost(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kb = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, rss_mb: kb('VmRSS') / 1024, peak_mb: kb('VmHWM') / 1024 };
}

/** Runs a program to its end; gives its exit code, its output and the CPU seconds of its whole tree. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; if (options.echo) process.stderr.write(data); });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve({ code, signal, out, err }));
  });
}

/** A program beside this one. `stop()` ends it politely and waits. */
export function beside(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const told = { out: '', err: '' };
  child.stdout.on('data', (data) => { told.out += data; });
  child.stderr.on('data', (data) => { told.err += data; });
  const gone = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  return { child, told, gone, stop: () => { child.stdin.end(); child.kill('SIGTERM'); return gone; }, kill: () => { child.kill('SIGKILL'); return gone; } };
}

export async function until(what, seconds, ask) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Bytes of all files of a folder. */
const bytesIn = (folder) => readdirSync(folder).reduce((sum, file) => sum + statSync(path.join(folder, file)).size, 0);

/** A real nginx-rtmp on a free port, with its own folder, that keeps what it gets. */
export async function nginxRtmp() {
  const port = await freePort();
  const folder = scratch();
  const kept = path.join(folder, 'rec');
  mkdirSync(kept);
  const modules = ['/usr/lib/nginx/modules/ngx_rtmp_module.so', '/usr/share/nginx/modules/ngx_rtmp_module.so'].find(existsSync);
  if (!modules) throw new Error('nginx has no RTMP module; install libnginx-mod-rtmp');
  const start = async ({ refuse = false } = {}) => {
    writeFileSync(path.join(folder, 'nginx.conf'), `load_module ${modules};
user root;
daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 64; }
rtmp { server { listen 127.0.0.1:${port}; chunk_size 4096; application live { live on; ${refuse ? 'deny publish all;' : ''} record all; record_path ${kept}; record_unique on; } } }
`);
    const nginx = beside('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', path.join(folder, 'error.log')]);
    await until('nginx listens', 10, () => execFileSync('ss', ['-ltn']).toString().includes(`:${port} `));
    return nginx;
  };
  const server = { port, folder, url: `rtmp://127.0.0.1:${port}/live/demo`, now: await start(), received: () => bytesIn(kept), stop: () => server.now.stop(), restart: async (after, how) => {
    await server.now.kill();
    await pause(after);
    server.now = await start(how);
  } };
  return server;
}

/** srt-live-transmit as an SRT destination that keeps what it gets. */
export async function srtReceiver() {
  const port = await freePort();
  const folder = scratch();
  const receiver = beside('srt-live-transmit', ['-q', `srt://127.0.0.1:${port}?mode=listener`, 'file://con'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let bytes = 0;
  receiver.child.stdout.removeAllListeners('data');
  receiver.child.stdout.on('data', (data) => { bytes += data.length; });
  return { port, folder, url: `srt://127.0.0.1:${port}`, received: () => bytes, stop: () => receiver.kill() };
}

/** One line on the machine and the versions that made the figures. */
export function machine() {
  const version = (command, args) => {
    try { return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString().split('\n')[0]; } catch { return 'not here'; }
  };
  const cpu = os.cpus()[0]?.model ?? 'unknown';
  return `${cpu}, ${os.cpus().length} cores, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB; ${version('gst-launch-1.0', ['--version'])}; ${version('rustc', ['--version'])}; node ${process.version}; ${os.type()} ${os.release()}`;
}

export const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** Numbers from a seed, 0 to 1 (mulberry32). */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const show = (value, digits = 1, unit = '') => (value === null || value === undefined ? '–' : `${Number(value).toFixed(digits)}${unit}`);

export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const line = (row) => `| ${row.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`;
  return [line(rows[0]), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.slice(1).map(line)].join('\n');
}

export const percentile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] : null;
};

/** Asks the studio's API as its owner; null when nobody answers. */
export function ask(links, method, route, body) {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${links.owner_token}`, ...(body ? { 'content-type': 'application/json' } : {}) };
    const asked = request(`${links.base}${route}`, { method, headers, agent: new Agent({ rejectUnauthorized: false }), timeout: 1000 }, (answer) => {
      let text = '';
      answer.on('data', (data) => { text += data; });
      answer.on('end', () => { try { resolve(JSON.parse(text)); } catch { resolve(null); } });
    });
    asked.on('error', () => resolve(null));
    asked.on('timeout', () => { asked.destroy(); resolve(null); });
    asked.end(body ? JSON.stringify(body) : undefined);
  });
}

/** An option of the command line. */
export const text = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : usual;
};

/** A text from the studio, whose certificate is its own. */
export const fetchText = (url) => new Promise((resolve, reject) => {
  const asked = request(url, { agent: new Agent({ rejectUnauthorized: false }), timeout: 5000 }, (answer) => {
    let got = '';
    answer.on('data', (data) => { got += data; });
    answer.on('end', () => resolve(got));
  });
  asked.on('error', reject);
  asked.on('timeout', () => asked.destroy(new Error('timeout')));
  asked.end();
});
