// The mock's routes for joining, sources, destinations, recordings and uploaded pieces.
import { appendFileSync, createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join as joined } from 'node:path';

const key = 'Zk3vQ8sLr0d2W7nYp5uXj1cB6hG4mTaE9iKoVqRfDwS';
const pageOf = (role) => (role === 'camera' || role === 'commentator' ? 'phone' : role === 'viewer' ? 'watch' : 'desk');
let asked = 0;
let crew = 'K7QM2XPD';

function ticket({ role, slot = null, kind = 'personal' }) {
  const fragment = kind === 'crew' ? `code=${crew}` : kind === 'link' ? `t=${key}` : `ticket=${key}`;
  const address = (host) => `https://${host}:8443/${pageOf(role)}/#${fragment}${slot && kind !== 'crew' ? `&slot=${slot}` : ''}`;
  const apps = role === 'camera' && kind !== 'crew';
  return {
    kind, role, slot, page: address('192.168.178.41'), other_pages: [address('touchline.local'), address('10.0.0.7')], token: kind === 'crew' ? crew : key, certificate_sha256: '',
    expires: kind === 'personal' ? (Date.now() + 120_000) * 1000 : null,
    srt: apps ? { url: `srt://192.168.178.41:${9000 + slot}`, stream_id: `touchline/cam${slot}`, passphrase: 'brisk-otter-lantern-42', latency_ms: 200 } : null,
    rtmp: apps ? { url: 'rtmp://192.168.178.41:1935/live', key: `cam${slot}-Zk3vQ8sLr0d2` } : null,
  };
}

/** Handles what it knows; false leaves the request to others. */
export async function setUp(show, request, response, path, rest, { json, body, announce }) {
  const { extras, state } = show;
  const done = () => {
    response.writeHead(204);
    response.end();
    return true;
  };
  const answer = (value) => {
    json(response, 200, value);
    return true;
  };
  if (path === '/api/v1/tickets' && request.method === 'GET') return answer(extras.tickets);
  if (path === '/api/v1/tickets') {
    const wanted = JSON.parse(await body(request));
    if (wanted.kind === 'crew') crew = [...'ABCDEFGH'].map(() => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[Math.floor(Math.random() * 32)]).join('');
    // A phone comes in a moment later, so that "used" can be seen.
    if (show.name === 'game' && !wanted.kind?.startsWith('c')) setTimeout(() => announce(show, { type: 'access_changed', what: 'redeemed', label: `${wanted.role} ${wanted.slot ?? ''}`.trim(), role: wanted.role }), 4000);
    return answer(ticket(wanted));
  }
  if (path === '/api/v1/clock') return answer({ clock_us: Math.round(performance.now() * 1000) });
  if (path === '/api/v1/devices') return answer(extras.devices);
  if (path === '/api/v1/destinations') return answer({ presets: extras.presets, destinations: extras.destinations });
  const destination = /^\/api\/v1\/destinations\/([^/]+)(\/test)?$/.exec(path);
  if (destination) return await place(show, request, decodeURIComponent(destination[1]), Boolean(destination[2]), { answer, done, body });
  if (path === '/api/v1/recordings') return answer({ sessions: [{ session: state.session, created: 0, recordings: state.recordings }, ...extras.earlier], free_bytes: 8.1e10, left_s: 11_400 });
  if (/^\/api\/v1\/sessions\/[^/]+\/recordings\/[^/]+\.mp4$/.test(path)) return film(response);
  const source = /^\/cameras\/(\w+)\/source$/.exec(rest);
  if (source) return feed(show, request, source[1], { json, response, done, body });
  return false;
}

async function place(show, request, name, test, { answer, done, body }) {
  const { extras, state } = show;
  if (test) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return answer(name === 'Twitch' ? { accepted: true, verdict: 'ok', headroom: 1.5, throughput_bps: 6.9e6, rtt_ms: 24, message: 'The key is taken and there is room to spare: 6.9 Mb/s of 4.6 needed.' } : { accepted: false, verdict: 'refused', headroom: 0, throughput_bps: 0, rtt_ms: null, message: 'The server refuses the stream: the key is not known.' });
  }
  extras.destinations = extras.destinations.filter((one) => one.name !== name);
  if (request.method === 'DELETE') {
    state.outputs = state.outputs.filter((one) => one.name !== name);
    return done();
  }
  const { kind, preset, url, key } = JSON.parse(await body(request));
  const known = extras.presets.find((one) => one.id === preset);
  const shown = `${url ?? known?.servers[0] ?? ''}${key ? '/***' : ''}`;
  extras.destinations.push({ name, kind, url: shown, preset: preset ?? null, has_key: Boolean(key) || preset !== 'custom', in_settings: false, advice: [] });
  if (!state.outputs.some((one) => one.name === name)) state.outputs.push({ name, kind, url: shown, state: 'off', detail: '', bytes: 0, reconnects: 0, bitrate_bps: null, retry_in_ms: null, dropped: 0 });
  return done();
}

async function feed(show, request, slot, { json, response, done, body }) {
  const { state } = show;
  const setting = request.method === 'DELETE' ? { protocol: 'webrtc' } : JSON.parse(await body(request));
  if (setting.protocol === 'file' && show.name !== 'owner') {
    json(response, 403, { code: 'forbidden', message: 'Only the owner of this machine may play its files; ask there.' });
    return true;
  }
  if (slot === 'commentary') {
    state.microphones = request.method === 'DELETE' ? [] : [{ slot: 33, name: '', protocol: 'device', state: 'live', level_dbfs: -20, fader: { gain_db: 0, muted: false, delay_ms: 0 } }];
    return done();
  }
  const camera = state.cameras.find((one) => one.slot === Number(slot));
  if (camera) Object.assign(camera, { protocol: setting.protocol, input: { ...camera.input, address: setting.url ?? setting.device ?? '' } });
  return done();
}

/** A short film for every recording. */
function film(response) {
  const path = joined(tmpdir(), 'tl-mock-recording.mp4');
  if (!existsSync(path)) execFileSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30:duration=4', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-movflags', '+faststart', path]);
  response.writeHead(200, { 'Content-Type': 'video/mp4', 'Content-Length': statSync(path).size, 'Accept-Ranges': 'none' });
  createReadStream(path).pipe(response);
  return true;
}

/** Tickets `used` and codes other than ABCD2345 are refused; the third question about a request is answered. */
export async function join(request, response, path, { json, body }) {
  if (request.method === 'GET') {
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (path.endsWith('/no')) return json(response, 403, { code: 'forbidden', message: 'The director said no.' });
    return asked < 4 ? json(response, 202, { request: 'r', digits: '204913' }) : json(response, 200, { token: 'game', role: 'camera', slot: 2, label: 'camera 2' });
  }
  const { ticket: shown, code } = JSON.parse(await body(request));
  if (shown === 'used' || (code && !/^abcd.?2345$/i.test(code))) return json(response, 410, { code: 'gone', message: 'That ticket is over.' });
  asked = 0;
  if (code) return json(response, 202, { request: 'r', digits: '204913' });
  return json(response, 200, { token: 'game', role: shown === 'voice' ? 'commentator' : shown === 'desk' ? 'director' : 'camera', slot: shown === 'voice' || shown === 'desk' ? null : 2, label: 'x' });
}

/** Takes pieces in order and writes them to a file per upload; `faults` in the address of the mock's own test switch says how it misbehaves. */
export async function chunk(show, request, response, rest, query, json) {
  const slot = rest.split('/')[2];
  if (request.method === 'DELETE') {
    show.uploads.delete(slot);
    response.writeHead(204);
    return response.end();
  }
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const sequence = Number(query.get('seq'));
  const upload = show.uploads.get(slot) ?? { next: sequence, files: 0, log: [] };
  show.uploads.set(slot, upload);
  if (sequence === 0) upload.next = 0;
  if (sequence !== upload.next) return json(response, 410, { code: 'gone', message: 'Begin anew.' });
  const path = joined(tmpdir(), `tl-mock-${show.name}-${slot}.bin`);
  if (sequence === 0) rmSync(path, { force: true });
  appendFileSync(path, Buffer.concat(pieces));
  upload.next = sequence + 1;
  upload.log.push({ sequence, bytes: Buffer.concat(pieces).length, type: request.headers['content-type'], query: Object.fromEntries(query) });
  if (upload.log.length > 50) upload.log.shift();
  const { program, cameras } = show.state;
  const number = Number(slot);
  return json(response, 200, { next: upload.next, advice: show.advice ?? null, tally: program.live === number ? 'live' : program.next === number ? 'next' : 'idle', admission: cameras.find((one) => one.slot === number)?.admission ?? null });
}
