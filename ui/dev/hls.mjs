// A live low-latency stream from ffmpeg for the watch page: 0.2 s pieces become parts, ten parts a segment, blocking reload and preload hints.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PARTS = 10;
const PART_S = 0.2;

export class Hls {
  folder = null;
  waiting = [];

  start() {
    this.folder = mkdtempSync(join(tmpdir(), 'tl-mock-'));
    this.born = Date.now() + 250;
    const args = ['-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30', '-vf', "drawtext=text='%{localtime}':fontsize=40:x=20:y=20:fontcolor=white:box=1:boxcolor=black", '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-sc_threshold', '0', '-bf', '0', '-threads', '1', '-f', 'hls', '-hls_segment_type', 'fmp4', '-hls_time', String(PART_S), '-hls_flags', 'split_by_time+temp_file+delete_segments', '-hls_list_size', '200', '-hls_delete_threshold', '10', '-hls_fmp4_init_filename', 'init.mp4', '-hls_segment_filename', join(this.folder, 'p%06d.m4s'), join(this.folder, 'x.m3u8')];
    this.child = spawn('ffmpeg', args, { stdio: ['ignore', 'inherit', 'inherit'] });
    this.timer = setInterval(() => this.look(), 20);
    const end = () => {
      this.child.kill();
      rmSync(this.folder, { recursive: true, force: true });
      process.exit(0);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
  }

  look() {
    const files = readdirSync(this.folder).filter((name) => name.endsWith('.m4s')).sort();
    this.parts = files.length > 0 ? Number(files.at(-1).slice(1, 7)) + 1 : 0;
    this.first = files.length > 0 ? Number(files[0].slice(1, 7)) : 0;
    for (const wait of this.waiting.splice(0)) if (!wait()) this.waiting.push(wait);
  }

  when(ready, then) {
    const wait = () => ready() && (then(), true);
    if (!wait()) this.waiting.push(wait);
  }

  playlist() {
    const segments = Math.floor(this.parts / PARTS);
    const start = Math.max(Math.ceil(this.first / PARTS), segments - 8);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:9', '#EXT-X-TARGETDURATION:2', `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${(PART_S * 3).toFixed(3)}`, `#EXT-X-PART-INF:PART-TARGET=${PART_S}`, `#EXT-X-MEDIA-SEQUENCE:${start}`, '#EXT-X-MAP:URI="init.mp4"'];
    for (let segment = start; segment <= segments; segment += 1) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(this.born + segment * PARTS * PART_S * 1000).toISOString()}`);
      for (let part = segment * PARTS; segment >= segments - 2 && part < Math.min(this.parts, (segment + 1) * PARTS); part += 1) lines.push(`#EXT-X-PART:DURATION=${PART_S},URI="p${part}.m4s"${part % PARTS === 0 ? ',INDEPENDENT=YES' : ''}`);
      if (segment < segments) lines.push(`#EXTINF:${(PARTS * PART_S).toFixed(3)},`, `s${segment}.m4s`);
    }
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p${this.parts}.m4s"`);
    return `${lines.join('\n')}\n`;
  }

  send(response, type, body) {
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache' });
    response.end(body);
  }

  serve(response, path, query) {
    if (!this.folder) this.start();
    if (path === 'live.m3u8') return this.send(response, 'application/vnd.apple.mpegurl', '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1500000,CODECS="avc1.42c01e",RESOLUTION=640x360,FRAME-RATE=30\nmedia.m3u8\n');
    if (path === 'media.m3u8') {
      const asked = query.has('_HLS_msn') ? Number(query.get('_HLS_msn')) * PARTS + Number(query.get('_HLS_part') ?? PARTS - 1) + 1 : 15;
      return this.when(() => this.parts >= asked, () => this.send(response, 'application/vnd.apple.mpegurl', this.playlist()));
    }
    if (path === 'init.mp4') return this.when(() => existsSync(join(this.folder, 'init.mp4')), () => this.send(response, 'video/mp4', readFileSync(join(this.folder, 'init.mp4'))));
    const [, kind, number] = /^([ps])(\d+)\.m4s$/.exec(path) ?? [];
    const wanted = kind === 'p' ? [Number(number)] : Array.from({ length: PARTS }, (_, at) => Number(number) * PARTS + at);
    const file = (part) => join(this.folder, `p${String(part).padStart(6, '0')}.m4s`);
    if (!kind || wanted.some((part) => part < this.first)) {
      response.writeHead(404);
      return response.end();
    }
    return this.when(() => this.parts > wanted.at(-1), () => this.send(response, 'video/mp4', Buffer.concat(wanted.map((part) => readFileSync(file(part))))));
  }
}
