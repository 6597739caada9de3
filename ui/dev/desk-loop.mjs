// Looks at what the desk does with the hands: talking to phones by a real connection, keys beside it, names of all controls. Prints what it saw.
import { chromium } from 'playwright-core';

const base = process.argv[2] ?? 'http://127.0.0.1:5199';
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required'] });
const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, permissions: ['camera', 'microphone'] });
const studio = await context.newPage();
await studio.goto(`${base}/watch/#t=soon`);
await studio.evaluate(() => {
  window.answer = async (sdp) => {
    const peer = new RTCPeerConnection();
    window.peer = peer;
    peer.ontrack = ({ streams }) => void Object.assign(new Audio(), { srcObject: streams[0] }).play();
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((resolve) => (peer.iceGatheringState === 'complete' ? resolve() : peer.addEventListener('icegatheringstatechange', () => peer.iceGatheringState === 'complete' && resolve())));
    return peer.localDescription.sdp;
  };
  window.energy = async () => [...(await window.peer.getStats()).values()].find((entry) => entry.type === 'inbound-rtp')?.totalAudioEnergy ?? 0;
});
await context.route('**/whip/**', async (route) => {
  if (route.request().method() === 'DELETE') return route.fulfill({ status: 200 });
  const sdp = await studio.evaluate((offer) => window.answer(offer), route.request().postData());
  await route.fulfill({ status: 201, contentType: 'application/sdp', headers: { Location: '/whip/talkback/s1' }, body: sdp });
});
const desk = await context.newPage();
const commands = [];
desk.on('pageerror', (error) => console.log('pageerror', error.message));
desk.on('request', (request) => request.url().endsWith('/commands') && commands.push(JSON.parse(request.postData()).command));
await desk.goto(`${base}/desk/#t=loop`);
await desk.getByRole('tab', { name: 'Talk' }).click();
await desk.locator('#panel').getByRole('button', { name: 'Corner left' }).click();
const talk = desk.locator('.talk');
await talk.focus();
await desk.keyboard.down('Space');
await desk.waitForFunction(() => document.querySelector('.talk.on') !== null, undefined, { timeout: 8000 });
await desk.waitForTimeout(1500);
const during = await studio.evaluate(() => window.energy());
console.log('talking', await talk.innerText(), 'energy', during.toFixed(4));
await desk.keyboard.up('Space');
await desk.waitForTimeout(500);
const after = await studio.evaluate(() => window.energy());
await desk.waitForTimeout(1500);
console.log('silent after', (await studio.evaluate(() => window.energy())) - after < 1e-6, JSON.stringify(commands));
commands.length = 0;
await desk.locator('h1').click();
await desk.keyboard.press('Space');
await desk.keyboard.press('2');
await desk.waitForTimeout(300);
console.log('keys', JSON.stringify(commands));
for (const word of ['Sound', 'Graphics', 'Talk', 'Sources', 'Joining', 'Destinations', 'Recordings', 'Studio']) {
  await desk.getByRole('tab', { name: word }).click();
  await desk.waitForTimeout(300);
  for (const closed of await desk.locator('#panel [aria-expanded=false]').all()) await closed.click().catch(() => undefined);
  await desk.waitForTimeout(300);
  const nameless = await desk.evaluate(() => [...document.querySelectorAll('button, input, select, a, summary, [role=meter], video')].filter((one) => {
    const words = one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent || (one.getAttribute('aria-labelledby') && document.getElementById(one.getAttribute('aria-labelledby'))?.textContent);
    return !words?.trim();
  }).map((one) => one.outerHTML.slice(0, 120)));
  let reached = 0;
  await desk.getByRole('tab', { name: word }).focus();
  const controls = await desk.locator('#panel').locator('button:enabled, input:enabled, select:enabled, a[href], summary').count();
  for (let at = 0; at < controls + 2; at += 1) {
    await desk.keyboard.press('Tab');
    if (await desk.evaluate(() => document.activeElement?.closest('#panel') !== null)) reached += 1;
  }
  console.log(word, 'controls', controls, 'reached by Tab', reached, nameless.length > 0 ? nameless : 'all named');
}
await browser.close();
