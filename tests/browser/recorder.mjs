// Records a moving canvas and a tone with the browser's own MediaRecorder and keeps every piece as it was handed out.
// usage: node recorder.mjs FOLDER MIME SECONDS [TIMESLICE_MS]   prints one JSON document {mime, pieces: [{file, timestamp_ms, bytes}]}
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './browser.mjs';

const [folder, mime, secondsText, sliceText] = process.argv.slice(2);
const seconds = Number(secondsText);
if (!folder || !mime || !(seconds > 0)) {
  console.error('usage: node recorder.mjs FOLDER MIME SECONDS [TIMESLICE_MS]');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const { browser, page } = await launch({ width: 640, height: 480 });
try {
  await page.goto('about:blank');
  const recorded = await page.evaluate(async ({ mime, seconds, slice }) => {
    if (!MediaRecorder.isTypeSupported(mime)) return { supported: false };
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const context = canvas.getContext('2d');
    const started = performance.now();
    const draw = () => {
      const at = performance.now() - started;
      context.fillStyle = '#204060';
      context.fillRect(0, 0, 640, 360);
      context.fillStyle = '#ffd040';
      context.fillRect((at / 5) % 600, 100 + 80 * Math.sin(at / 300), 40, 40);
    };
    const timer = setInterval(draw, 33);
    const sound = new AudioContext();
    const tone = sound.createOscillator();
    const out = sound.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    const stream = new MediaStream([...canvas.captureStream(30).getVideoTracks(), ...out.stream.getAudioTracks()]);
    const recorder = new MediaRecorder(stream, { mimeType: mime, videoBitsPerSecond: 800000, videoKeyFrameIntervalDuration: 1000 });
    const pieces = [];
    const pending = [];
    let began = Date.now();
    recorder.ondataavailable = (event) => {
      const piece = { timestamp_ms: began };
      began = Date.now();
      if (event.data.size === 0) return;
      pieces.push(piece);
      pending.push(event.data.arrayBuffer().then((buffer) => {
        let text = '';
        const bytes = new Uint8Array(buffer);
        for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
        piece.data = btoa(text);
      }));
    };
    const ended = new Promise((resolve) => { recorder.onstop = resolve; });
    recorder.start(slice);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    recorder.stop();
    await ended;
    await Promise.all(pending);
    clearInterval(timer);
    return { supported: true, mime: recorder.mimeType, pieces };
  }, { mime, seconds, slice: Number(sliceText ?? 100) });
  const pieces = (recorded.pieces ?? []).map((piece, at) => {
    const file = join(folder, `${String(at).padStart(4, '0')}.bin`);
    const bytes = Buffer.from(piece.data, 'base64');
    writeFileSync(file, bytes);
    return { file, timestamp_ms: piece.timestamp_ms, bytes: bytes.length };
  });
  console.log(JSON.stringify({ supported: recorded.supported, mime: recorded.mime ?? null, pieces }));
} finally {
  await browser.close();
}
