// Looks at the watch page with a browser as the studio: a second page answers its WHEP offers with a moving picture. Prints what it saw, saves pictures under OUT.
import { chromium } from 'playwright-core';

const out = process.argv[2] ?? '/tmp';
const base = process.argv[3] ?? 'http://127.0.0.1:5199';
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding'] });
const context = await browser.newContext({ viewport: { width: 390, height: 844 }, permissions: ['camera', 'microphone'], isMobile: true, hasTouch: true });
const studio = await context.newPage();
await studio.goto(`${base}/watch/#t=soon`);
await studio.evaluate(async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 30 }, audio: true });
  window.stream = stream;
  window.answer = async (sdp) => {
    const peer = new RTCPeerConnection();
    window.peer = peer;
    await peer.setRemoteDescription({ type: 'offer', sdp });
    for (const transceiver of peer.getTransceivers()) {
      transceiver.direction = 'sendonly';
      await transceiver.sender.replaceTrack(stream.getTracks().find(({ kind }) => kind === transceiver.receiver.track.kind));
    }
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((resolve) => (peer.iceGatheringState === 'complete' ? resolve() : peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && resolve())));
    return peer.localDescription.sdp;
  };
});
let refuse = 0;
let offers = 0;
await context.route('**/whep**', async (route) => {
  if (route.request().method() === 'DELETE') return route.fulfill({ status: 200 });
  offers += 1;
  if (refuse) return route.fulfill({ status: refuse, contentType: 'application/json', body: '{"code":"busy","message":""}' });
  const sdp = await studio.evaluate((offer) => window.answer(offer), route.request().postData());
  await route.fulfill({ status: 201, contentType: 'application/sdp', headers: { Location: `/whep/s${offers}` }, body: sdp });
});
const page = await context.newPage();
page.on('pageerror', (error) => console.log('pageerror', error.message));
const pill = () => page.locator('.pill').innerText().then((text) => text.replace(/\s+/g, ' '));
const plays = (via, seconds = 20) => page.waitForFunction((wanted) => window.__touchline?.via() === wanted && window.__touchline.state() === 'playing', via, { timeout: seconds * 1000 });
const still = () => studio.evaluate(() => Promise.all(window.peer.getSenders().filter((sender) => sender.track?.kind === 'video').map((sender) => sender.replaceTrack(null))));
await page.goto(`${base}/watch/#t=game`);
const began = Date.now();
await plays('whep');
console.log('direct picture after ms', Date.now() - began);
await page.waitForTimeout(3000);
await page.getByRole('button', { name: 'Statistics' }).click();
await page.waitForTimeout(1500);
console.log(await pill(), await page.evaluate(() => ({ latency: window.__touchline.latency(), date: Date.now() - window.__touchline.playingDate() })), (await page.locator('.stats').innerText()).replaceAll('\n', ' '));
await page.screenshot({ path: `${out}/watch-direct.png` });
// The picture stands twice for more than three seconds: a new connection, then pieces.
await still();
await page.waitForFunction(() => window.__touchline.state() === 'stalled', undefined, { timeout: 5000 });
await page.screenshot({ path: `${out}/watch-stalled.png` });
const stood = Date.now();
while (offers < 2 && Date.now() - stood < 10_000) await page.waitForTimeout(50);
console.log('new connection after ms', Date.now() - stood, 'offers', offers);
await plays('whep');
await still();
await plays('hls', 25);
console.log('then', await page.evaluate(() => window.__touchline.via()), await pill(), await page.locator('.way').getAttribute('title'));
// All direct places are taken.
refuse = 503;
offers = 0;
await page.reload();
await plays('hls');
console.log('when full', await pill(), await page.locator('.way').getAttribute('title'), 'offers', offers);
await page.setViewportSize({ width: 360, height: 640 });
await page.waitForTimeout(2500);
await page.screenshot({ path: `${out}/watch-buffered.png` });
// By force.
refuse = 0;
for (const via of ['hls', 'whep']) {
  offers = 0;
  await page.goto(`${base}/watch/?via=${via}#t=game`);
  await plays(via);
  console.log('forced', via, await pill(), 'offers', offers);
}
await browser.close();
