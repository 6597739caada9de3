// Cameras that each speak another protocol, everything going out: two RTMP destinations, SRT, HLS and a recording of each.
// usage: ./studio bench protocols [--seconds N] [--protocols webrtc,srt,rtmp,rtsp]
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { machine, nginxRtmp, run, scratch, show, srtReceiver, table, text, touchline } from './parts.mjs';

const seconds = Number(text('seconds', '60'));
const protocols = text('protocols', 'webrtc,srt,rtmp,rtsp');
const cameras = protocols.split(',').length;
const json = path.join(scratch(), 'report.json');
console.log(machine());
const servers = [await nginxRtmp(), await nginxRtmp()];
const srt = await srtReceiver();
const outputs = [...servers.flatMap((server) => ['--rtmp', server.url]), '--srt', srt.url];
try {
  const done = await run(touchline, ['demo', '--headless', '--seconds', String(seconds), '--cameras', String(cameras), '--protocols', protocols, ...outputs, '--json', json], { echo: true });
  const report = JSON.parse(readFileSync(json, 'utf8'));
  const { program } = report;
  const missed = (program.dropped + program.repeated) / Math.max(1, program.frames) * 100;
  console.log(table([
    ['what', 'floor', 'measured'],
    [`${cameras} cameras over ${protocols}: pictures a second`, '30', show(program.frames / report.seconds, 2)],
    ['dropped + repeated', '<= 1 %', show(missed, 2, ' %')],
    ['black pictures', '0', String(program.black)],
    ['recordings that play', 'all', `${report.recordings.filter((recording) => recording.playable).length} of ${report.recordings.length}`],
    ['RTMP destinations: bytes received', '', servers.map((server) => show(server.received() / 1e6, 1, ' MB')).join(', ')],
    ['SRT destination: bytes received', '', show(srt.received() / 1e6, 1, ' MB')],
    ['skew p95 / pairs p95', '<= 15 / 20 ms', `${show(report.skew_ms?.p95, 1)} / ${show(report.pair_skew_ms?.p95, 1, ' ms')}`],
    ['lip-sync p95', '<= 40 ms', show(report.lip_sync_ms?.p95, 1, ' ms')],
    ['programme, LUFS / true peak', '-16 +- 1 / <= -1 dBTP', `${show(report.sound?.integrated_lufs, 1)} / ${show(report.sound?.true_peak_dbtp, 1, ' dBTP')}`],
    ['CPU seconds per second, studio / phones', '', `${show(report.resources.cpu_seconds / report.seconds, 2)} / ${show(report.resources.phones?.cpu_seconds / report.seconds, 2)}`],
    ['memory, studio peak', '', show(report.resources.rss_peak_mb, 0, ' MB')],
  ]));
  process.exitCode = done.code;
} finally {
  await Promise.all([...servers, srt].map((server) => server.stop()));
}
