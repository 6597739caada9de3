// Looks at the phone page with a browser as the studio: a second page answers its WHIP offers. Prints what it saw, saves pictures under OUT.
import { chromium } from 'playwright-core';

const out = process.argv[2] ?? '/tmp';
const base = process.argv[3] ?? 'http://127.0.0.1:5199';
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] });
const context = await browser.newContext({ viewport: { width: 360, height: 740 }, permissions: ['camera', 'microphone'], isMobile: true, hasTouch: true });
const studio = await context.newPage();
await studio.goto(`${base}/watch/#t=soon`);
await studio.evaluate(() => {
  window.answer = async (sdp) => {
    const peer = new RTCPeerConnection();
    Object.assign(window, { peer, said: [], tracks: [] });
    peer.ontrack = ({ track, streams }) => {
      window.tracks.push(track.kind);
      const element = document.createElement('video');
      Object.assign(element, { muted: true, autoplay: true, srcObject: streams[0] });
      if (track.kind === 'video') window.video = element;
      void element.play();
    };
    peer.ondatachannel = ({ channel }) => {
      window.channel = channel;
      channel.onmessage = ({ data }) => window.said.push(JSON.parse(data));
    };
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((resolve) => (peer.iceGatheringState === 'complete' ? resolve() : peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && resolve())));
    return peer.localDescription.sdp;
  };
});
const phone = await context.newPage();
phone.on('pageerror', (error) => console.log('pageerror', error.message));
let refuse = 0;
let offers = 0;
const deleted = [];
await context.route('**/whip/**', async (route) => {
  const request = route.request();
  if (request.method() === 'DELETE') {
    deleted.push(request.url());
    return route.fulfill({ status: 200 });
  }
  offers += 1;
  if (refuse) return route.fulfill({ status: refuse, contentType: 'application/json', body: JSON.stringify({ code: 'conflict', message: refuse === 409 ? 'Another phone already stands here.' : '' }) });
  const sdp = await studio.evaluate((offer) => window.answer(offer), request.postData());
  await route.fulfill({ status: 201, contentType: 'application/sdp', headers: { Location: `/whip/2/s${offers}` }, body: sdp });
});
const say = (message) => studio.evaluate((text) => window.channel.send(text), JSON.stringify(message));
const shot = (name) => phone.screenshot({ path: `${out}/${name}.png` });
const band = () => phone.locator('header strong').textContent();
await phone.goto(`${base}/phone/#t=game&slot=2`);
console.log('address after', phone.url());
await phone.getByRole('button', { name: 'Allow' }).click();
await phone.getByRole('button', { name: 'Go live' }).click();
await phone.waitForFunction(() => document.querySelector('header strong')?.textContent === 'READY', undefined, { timeout: 15000 });
await phone.waitForTimeout(3000);
console.log('video as received', await studio.evaluate(async () => [window.tracks, window.video.videoWidth, window.video.videoHeight, [...(await window.peer.getStats()).values()].filter((s) => s.type === 'codec' && s.mimeType.startsWith('video')).map((s) => s.mimeType)]));
await shot('phone-live-ready');
await say({ type: 'ping', id: 7 });
await say({ type: 'tally', state: 'live' });
await say({ type: 'message', text: 'A little more to the left, please' });
await phone.waitForTimeout(500);
console.log('band', await band(), 'pong', await studio.evaluate(() => [window.said[0], window.said.find((m) => m.type === 'pong'), Date.now() * 1000 - window.said.find((m) => m.type === 'pong').clock_us, window.said.filter((m) => m.type === 'phone').at(-1)]));
await shot('phone-live-live');
await say({ type: 'tally', state: 'next' });
await say({ type: 'admission', accepted: false, reason: 'The picture is too small.', suggested_adjustments: ['Turn the phone so that its wide side is down.'], expected_bitrate: 3e6, expected_size: { width: 1280, height: 720 }, expected_rate: 30, processing_priority: 1 });
await say({ type: 'advice', bitrate_bps: 800000, scale_down_by: 2, max_fps: 15 });
await phone.waitForTimeout(3000);
console.log('after advice', await studio.evaluate(() => [window.video.videoWidth, window.video.videoHeight]));
await shot('phone-live-next');
await phone.setViewportSize({ width: 740, height: 360 });
await phone.waitForTimeout(400);
await shot('phone-land-next');
await phone.setViewportSize({ width: 360, height: 740 });
await studio.evaluate(() => window.peer.close());
await phone.waitForFunction(() => document.querySelector('header strong')?.textContent === 'COMING BACK', undefined, { timeout: 20000 });
await shot('phone-back');
const lost = Date.now();
await phone.waitForFunction(() => document.querySelector('header strong')?.textContent === 'READY', undefined, { timeout: 20000 });
console.log('back after ms', Date.now() - lost, 'offers', offers, 'deleted', deleted.length);
refuse = 503;
await studio.evaluate(() => window.peer.close());
await phone.waitForTimeout(6000);
console.log('while refused', await band(), offers);
refuse = 0;
await phone.waitForFunction(() => document.querySelector('header strong')?.textContent === 'READY', undefined, { timeout: 20000 });
refuse = 409;
await phone.reload();
await phone.getByRole('button', { name: 'Allow' }).click();
await phone.getByRole('button', { name: 'Go live' }).click();
await phone.waitForTimeout(1000);
await shot('phone-taken');
console.log('taken', await phone.locator('h1').textContent());
await browser.close();
