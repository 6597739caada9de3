// Things that go wrong in a hall, done to a studio from outside: each returns when it is over. Bounded in time and in number.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { ask, chance, pause } from './parts.mjs';

const portOf = (base) => Number(new URL(base).port);

/** Datagrams of nonsense to a UDP port; gives how many were sent. */
export async function junk(port, seconds, perSecond) {
  const socket = createSocket('udp4');
  let sent = 0;
  const end = Date.now() + seconds * 1000;
  const batch = Math.max(1, Math.round(perSecond / 200));
  while (Date.now() < end) {
    for (let index = 0; index < batch; index += 1) {
      const bytes = randomBytes(20 + (sent % 1100));
      bytes[0] = [0x80, 0x90, 0x16, 0x00, 0xff][sent % 5];
      socket.send(bytes, port, '127.0.0.1');
      sent += 1;
    }
    await pause(5);
  }
  await new Promise((done) => socket.close(done));
  return sent;
}

/** Nonsense to a TCP port, over several connections. */
export async function garbage(port, connections = 20) {
  const one = () => new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => { socket.write(randomBytes(4096)); setTimeout(() => socket.destroy(), 500); });
    socket.on('error', () => done());
    socket.on('close', () => done());
  });
  await Promise.all(Array.from({ length: connections }, one));
}

/** Clients that send one byte every ten seconds; resolves with how many the door closed by itself within `seconds`. */
export async function slow(base, count, seconds) {
  let closed = 0;
  const sockets = Array.from({ length: count }, () => {
    const socket = connectTls({ port: portOf(base), host: '127.0.0.1', rejectUnauthorized: false });
    socket.on('secureConnect', () => {
      socket.write('G');
      socket.drip = setInterval(() => socket.write('E'), 10_000);
    });
    socket.on('error', () => {});
    socket.on('close', () => { closed += 1; clearInterval(socket.drip); });
    return socket;
  });
  await pause(seconds * 1000);
  sockets.forEach((socket) => socket.destroy());
  return closed;
}

/** Every core is busy with something else. */
export async function hog(seconds, cores) {
  const hogs = Array.from({ length: cores }, () => spawn('timeout', [String(seconds), 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }));
  await Promise.all(hogs.map((child) => new Promise((done, failed) => child.on('exit', done).on('error', failed))));
}

/** A process stands still, as on a machine that was put to sleep, and goes on. */
export async function freeze(pid, seconds) {
  process.kill(pid, 'SIGSTOP');
  try {
    await pause(seconds * 1000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

/** The studio lets a camera go; it comes back by itself. */
export async function drop(links, slot) {
  const id = `drop-${Date.now()}`;
  return ask(links, 'POST', '/api/v1/sessions/current/commands', { id, command: { type: 'disconnect', slot } });
}

/** A UDP relay to `port` that loses datagrams and delays each by `delay` +- `jitter` milliseconds, both ways. */
export async function relay(port, { loss, delay, jitter }) {
  const draw = chance(11);
  const told = { all: 0, lost: 0 };
  const front = createSocket('udp4');
  let back = null;
  let caller = null;
  let open = true;
  const pass = (send) => {
    told.all += 1;
    if (draw() < loss) told.lost += 1;
    else setTimeout(() => { if (open) send(); }, Math.max(0, delay + (draw() * 2 - 1) * jitter));
  };
  front.on('message', (data, from) => {
    if (caller === null || caller.port !== from.port) {
      caller = from;
      back?.close();
      back = createSocket('udp4');
      back.on('message', (answer) => pass(() => front.send(answer, from.port, from.address)));
    }
    const to = back;
    pass(() => { if (to === back) to.send(data, port, '127.0.0.1'); });
  });
  await new Promise((done) => front.bind(0, '127.0.0.1', done));
  return { port: front.address().port, told, stop: () => new Promise((done) => { open = false; back?.close(); back = null; front.close(done); }) };
}
