// A small studio to look at the pages with; it is not shipped. The token names the scenario: #t=game, empty, full, trouble, over.
// `node dev/mock.mjs [PORT]`, then open http://127.0.0.1:PORT/desk/#t=game
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apply, factOf, makeExtras, makeShow } from './show.mjs';
import { chunk, join as comeIn, setUp } from './routes.mjs';
import { drawCamera } from './rink.mjs';
import { Hls } from './hls.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2', '.svg': 'image/svg+xml' };
const started = Date.now();
const shows = new Map();
const hls = new Hls();

function showOf(request) {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const cookie = /tl=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  const name = bearer ?? cookie;
  if (!name || name === 'bad') return null;
  if (!shows.has(name)) shows.set(name, { name, state: makeShow(name), extras: makeExtras(name), streams: new Set(), uploads: new Map() });
  return shows.get(name);
}

const mediaTime = () => (Date.now() - started + 2_472_000) * 1e6;

function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function snapshot(show) {
  const { state } = show;
  state.media_time = mediaTime();
  const wobble = () => -18 + 12 * Math.sin(Date.now() / 400 + Math.random()) - Math.random() * 6;
  if (state.cameras.some((one) => one.state === 'live')) Object.assign(state.meter, { peak_dbfs: [wobble(), wobble()], short_term_lufs: -16.2 + Math.random(), momentary_lufs: -15.4 + 2 * Math.random() });
  for (const microphone of state.microphones) microphone.level_dbfs = microphone.state === 'live' ? wobble() : null;
  for (const waits of [...state.outputs, ...state.cameras.map((one) => one.input)]) if (waits.retry_in_ms !== null) waits.retry_in_ms = waits.retry_in_ms <= 250 ? 9000 : waits.retry_in_ms - 250;
  for (const camera of state.cameras) {
    camera.level_dbfs = camera.state === 'live' ? (camera.slot === 3 && show.name === 'full' ? -1 : wobble()) : null;
    camera.live = state.program.live === camera.slot;
    camera.next = state.program.next === camera.slot;
  }
  return state;
}

/** Writes an event to everybody who listens. */
function announce(show, fact, id = null) {
  show.state.seq += 1;
  const event = { seq: show.state.seq, session: 'mock', era: 1, media_time: mediaTime(), wall: Date.now() * 1000, actor: 'director', command_id: id, schema_version: 1, ...fact };
  for (const stream of show.streams) stream.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
}

async function body(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}

async function api(request, response, path, query) {
  if (path === '/api/v1/join' || path.startsWith('/api/v1/join/')) return comeIn(request, response, path, { json, body });
  if (path === '/api/v1/login') {
    const { token } = JSON.parse(await body(request));
    return token === 'bad' ? json(response, 401, { code: 'unauthenticated', message: 'This link is no longer valid. Ask the director for a fresh one.' }) : json(response, 200, {}, { 'Set-Cookie': `tl=${token}; Path=/; HttpOnly; SameSite=Strict` });
  }
  const show = showOf(request);
  if (!show) return json(response, 401, { code: 'unauthenticated', message: '' });
  const rest = path.replace('/api/v1/sessions/current', '');
  if (rest === '/snapshot') return json(response, 200, snapshot(show));
  if (rest === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(': here\n\n');
    show.streams.add(response);
    return response.on('close', () => show.streams.delete(response));
  }
  if (rest === '/commands') {
    const { id, command } = JSON.parse(await body(request));
    const refused = apply(show.state, command, mediaTime());
    if (refused) return json(response, 409, { refused: { code: 'conflict', message: refused } });
    announce(show, factOf(command, show.state), id);
    return json(response, 200, { seq: show.state.seq });
  }
  const thumbnail = /^\/cameras\/(\d+)\/thumbnail\.jpg$/.exec(rest);
  if (thumbnail) {
    response.writeHead(200, { 'Content-Type': 'image/svg+xml' });
    return response.end(drawCamera(Number(thumbnail[1]), (Date.now() - started) / 1000));
  }
  if (rest.endsWith('/chunks')) return chunk(show, request, response, rest, query, json);
  if (await setUp(show, request, response, path, rest, { json, body, announce, now: mediaTime })) return undefined;
  if (path === '/api/v1/watch') return show.name === 'soon' ? json(response, 409, { code: 'conflict', message: 'The show has not started.' }) : json(response, 200, { url: '/v/mock/live.m3u8', expires: null });
  return json(response, 404, { code: 'not_found', message: '' });
}

function file(response, path) {
  const asked = normalize(join(dist, path.endsWith('/') ? `${path}index.html` : path));
  if (!asked.startsWith(dist) || !existsSync(asked) || !statSync(asked).isFile()) return json(response, 404, { code: 'not_found', message: '' });
  response.writeHead(200, { 'Content-Type': types[extname(asked)] ?? 'application/octet-stream', 'Content-Security-Policy': "default-src 'none'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" });
  createReadStream(asked).pipe(response);
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://mock');
  if (pathname.startsWith('/v/mock/')) return hls.serve(response, pathname.slice('/v/mock/'.length), searchParams);
  if (pathname === '/whep' || pathname.startsWith('/whip/')) return json(response, 503, { code: 'busy', message: 'The mock speaks no WebRTC.' });
  if (pathname.startsWith('/api/')) return api(request, response, pathname, searchParams).catch((error) => json(response, 500, { code: 'busy', message: String(error) }));
  file(response, pathname);
});
server.listen(Number(process.argv[2] ?? 5199), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/desk/#t=game`));
