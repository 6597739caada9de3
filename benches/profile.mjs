// Where the studio's time goes: a headless demo is sampled by perf and drawn as a flame graph.
// usage: ./studio bench profile [--seconds 30] [--cameras 4] [--lean] [--out FILE.svg]
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import os from 'node:os';
import path from 'node:path';
import { beside, cost, machine, pause, root, run, scratch, table, text, touchline, until } from './parts.mjs';

const seconds = Number(text('seconds', 30));
const cameras = text('cameras', '4');
const out = path.resolve(text('out', path.join(root, 'benches/pictures/studio.svg')));
const lean = process.argv.includes('--lean');
const HZ = 199;

/** Draws folded stacks; installed once, beside everything else that this product caches. */
async function inferno() {
  const tools = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'touchline/tools');
  const program = process.env.TOUCHLINE_INFERNO ?? path.join(tools, 'bin/inferno-flamegraph');
  if (existsSync(program)) return program;
  console.error('Installing inferno, which draws flame graphs (once)');
  const done = await run('cargo', ['install', 'inferno', '--version', '^0.12', '--locked', '--no-default-features', '--features', 'cli', '--root', tools], { echo: true });
  if (done.code !== 0) throw new Error('inferno could not be installed: see the lines above');
  return program;
}

/** The process that runs the studio, among the demo's own. */
function studioOf(demo) {
  const children = readFileSync(`/proc/${demo}/task/${demo}/children`, 'utf8').trim().split(/\s+/);
  const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] === 'run');
  if (!found) throw new Error('the demo has no studio');
  return found;
}

/** A frame's name as people read it. Symbols far from any that a library exports say nothing: its name says more. */
function named(line) {
  const found = /^\s*[0-9a-f]+ (.+) \((.*)\)$/.exec(line);
  if (!found) return null;
  const [, symbol, file] = found;
  if (file.includes('kernel') || file === '[guest]') return '[kernel]';
  if (/\[JIT\]|perf-\d+\.map|anon/.test(file)) return '[shader]';
  // Its frames between two elements say nothing one by one.
  const carrier = /libgst(reamer|base|app)-1|libglib-2|libgobject-2/.test(file);
  const library = carrier ? '[gstreamer]' : `[${path.basename(file).replace(/\.so.*$/, '')}]`;
  if (carrier) return library;
  const [, name, offset] = /^(.*)\+0x([0-9a-f]+)$/.exec(symbol) ?? [null, symbol, '0'];
  if (name === '[unknown]' || parseInt(offset, 16) > 0x4000) return file.includes('[unknown]') ? null : library;
  if (/^(clone3?|start_thread|__libc_start|_start|main$)/.test(name) || /^(std::(thread|sys|panic|rt)|core::ops::function|<alloc::boxed::Box<F)/.test(name)) return null;
  return name.replace(/::h[0-9a-f]{16}$/, '').replace(/;/g, ':');
}

/** Folds what perf tells: stacks from the thread's name inwards, and how often each was seen. */
async function fold(data) {
  const stacks = new Map();
  const script = spawn('perf', ['script', '--no-inline', '-i', data, '-F', 'comm,ip,sym,symoff,dso'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let thread = null;
  let frames = [];
  const note = () => {
    if (thread === null) return;
    const seen = frames.reverse().filter((frame, index) => frame && frame !== frames[index - 1]);
    const key = [thread, ...seen].join(';');
    stacks.set(key, (stacks.get(key) ?? 0) + 1);
    thread = null;
    frames = [];
  };
  for await (const line of createInterface({ input: script.stdout })) {
    if (line.trim() === '') note();
    else if (/^\s+[0-9a-f]+ /.test(line)) frames.push(named(line));
    else thread = line.trim().replace(/:(s|sr|src)?$/, '').replace(/[-:]?[\dwk]*\d+$/, '').trim();
  }
  note();
  return stacks;
}

let spent = 0;

function shares(stacks, of, most) {
  const sums = new Map();
  let all = 0;
  for (const [stack, count] of stacks) {
    const key = of(stack.split(';'));
    all += count;
    if (key) sums.set(key, (sums.get(key) ?? 0) + count);
  }
  const rows = [...sums].sort((a, b) => b[1] - a[1]).slice(0, most);
  return rows.map(([name, count]) => [name, `${(count / all * 100).toFixed(2)} %`, `${(count / all * spent * 100).toFixed(2)} %`]);
}

try { execFileSync('perf', ['--version'], { stdio: 'ignore' }); } catch { throw new Error('perf is missing: install linux-perf'); }
const draw = await inferno();
console.log(machine());
const data = path.join(scratch(), 'perf.data');
const demo = beside(touchline, ['demo', '--headless', '--cameras', cameras, ...(lean ? ['--lean'] : [])]);
try {
  await until('the demo is live', 90, () => demo.told.err.includes('Live: all'));
  await pause(3000);
  // The kernel's own clock: counters of the processor are rare in virtual machines. Libraries are built without frame pointers.
  const studio = studioOf(demo.child.pid);
  const before = cost(studio).cpu;
  const recorded = await run('perf', ['record', '-q', '-e', 'cpu-clock', '-F', String(HZ), '--call-graph', 'dwarf,16384', '-p', studio, '-o', data, '--', 'sleep', String(seconds)]);
  // A busy machine loses samples: they tell shares, the kernel's own books tell how much.
  spent = (cost(studio).cpu - before) / seconds;
  if (!existsSync(data)) throw new Error(`perf recorded nothing: ${recorded.err}`);
} finally {
  await demo.stop();
}
const stacks = await fold(data);
const folded = path.join(scratch(), 'folded');
writeFileSync(folded, [...stacks].map(([stack, count]) => `${stack} ${count}`).join('\n'));
const total = [...stacks.values()].reduce((sum, count) => sum + count, 0);
const title = `The studio${lean ? ', lean' : ''}: ${cameras} cameras 720p30, ${spent.toFixed(2)} CPU seconds a second over ${seconds} s`;
const svg = execFileSync(draw, ['--title', title, '--countname', 'samples', '--minwidth', '0.25', '--fontsize', '11', '--width', '1600', '--truncate-text-right', folded], { maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });
mkdirSync(path.dirname(out), { recursive: true });
writeFileSync(out, svg);
const own = (frames) => frames.slice(1).reverse().find((frame) => /\btl_\w+::/.test(frame));
console.log(table([['thread', 'share', 'of a core'], ...shares(stacks, (frames) => frames[0], 24)]));
console.log(table([['where the time is spent', 'share', 'of a core'], ...shares(stacks, (frames) => { const last = frames.at(-1); return last.startsWith('[') ? last : '(own and other Rust, libc)'; }, 14)]));
console.log(table([['our function nearest to it', 'share', 'of a core'], ...shares(stacks, own, 40)]));
console.log(`${out}: ${(svg.length / 1024).toFixed(0)} kB, ${total} samples`);
