// node dev/look.mjs OUT [BASE] [FILTER]: pictures of every state of the desk, the watch page and the phone's first pages, in both themes and several sizes.
import { chromium } from 'playwright-core';

const [out = '/tmp', base = 'http://127.0.0.1:5199', filter = ''] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] });

async function shot(name, path, [width, height], colorScheme, act = async () => {}, wait = 1300) {
  if (!name.includes(filter)) return;
  const phone = width < 760;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce', hasTouch: phone, isMobile: phone, permissions: ['camera', 'microphone'] });
  const page = await context.newPage();
  page.setDefaultTimeout(5000);
  page.on('pageerror', (error) => console.log(name, 'pageerror', error.message));
  await page.goto(base + path);
  await page.waitForTimeout(wait);
  await act(page).catch((error) => console.log(name, 'act failed', error.message.split('\n')[0]));
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: phone });
  // A browser of a phone widens its window to what sticks out, so the size asked for is what counts.
  const over = await page.evaluate(([across, down]) => [document.documentElement.scrollWidth - across, document.documentElement.scrollHeight - down], [width, height]);
  const cut = await page.evaluate(() => [...document.querySelectorAll('button, .button')].filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow === 'visible' && one.clientWidth > 0).map((one) => one.textContent.trim()));
  console.log(name, 'overflow', ...over, cut.length > 0 ? `words too wide: ${cut.join(' | ')}` : '');
  await context.close();
}

const big = [1280, 720];
const wide = [1920, 1080];
const small = [360, 640];
const tall = [390, 844];
/** Opens a panel and presses what the words name, one after the other. */
const tab = (name, ...presses) => async (page) => {
  await page.getByRole('tab', { name }).click();
  await page.waitForTimeout(400);
  for (const press of presses) {
    if (typeof press === 'number') await page.locator('#panel').evaluate((panel, y) => panel.scrollTo(0, y), press);
    else await page.getByRole('tabpanel').getByRole('button', { name: press }).first().click();
    await page.waitForTimeout(500);
  }
};
await shot('d-game', '/desk/#t=game', big, 'dark', async (page) => {
  await page.keyboard.press('2');
  await page.keyboard.press('Shift+3');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(900);
});
await shot('d-sound-full', '/desk/#t=full', big, 'light');
await shot('d-sound-full2', '/desk/#t=full', big, 'dark', tab('Sound', 2000));
await shot('d-sound-empty', '/desk/#t=empty', big, 'dark');
await shot('d-sound-delay', '/desk/#t=game3', big, 'dark', tab('Sound', 'Delay of Centre', 100));
await shot('d-sound-voice', '/desk/#t=game3', big, 'dark', tab('Sound', 'Microphone here', 2000));
await shot('d-sound-invite', '/desk/#t=quiet', big, 'light', tab('Sound', 'Invite a phone', 2000));
await shot('d-graphics', '/desk/#t=game', big, 'dark', tab('Graphics'));
await shot('d-talk', '/desk/#t=game', big, 'dark', tab('Talk', 'Zoom out a little'));
await shot('d-talk-full', '/desk/#t=full', big, 'light', async (page) => {
  await tab('Talk')(page);
  await page.getByRole('button', { name: 'Hold to talk' }).dispatchEvent('pointerdown', { button: 0, pointerId: 1 });
  await page.waitForTimeout(1500);
});
await shot('d-talk-empty', '/desk/#t=empty', big, 'dark', tab('Talk'));
await shot('d-sources', '/desk/#t=full', big, 'dark', tab('Sources'));
await shot('d-sources-lost', '/desk/#t=full', big, 'dark', tab('Sources', /^4 Bench/, 200));
await shot('d-sources-srt', '/desk/#t=full', big, 'light', tab('Sources', /^3 Goal/, 130));
await shot('d-sources-form', '/desk/#t=game', big, 'dark', tab('Sources', /^2 Corner/, 'Source', 300));
await shot('d-sources-apps', '/desk/#t=game', big, 'light', tab('Sources', /^2 Corner/, 'Apps', 300));
await shot('d-sources-add', '/desk/#t=empty', big, 'dark', tab('Sources', 'Add another camera', 'Connect'));
await shot('d-sources-sync', '/desk/#t=full', big, 'dark', tab('Sources', 'Sync by flash', 2000));
await shot('d-joining', '/desk/#t=full', big, 'dark', tab('Joining'));
const room = (name, ...presses) => async (page) => {
  await page.getByRole('button', { name: 'More room' }).click();
  await tab(name, ...presses)(page);
};
await shot('d-room-sources', '/desk/#t=full', big, 'dark', room('Sources', /^3 Goal/));
await shot('d-room-destinations', '/desk/#t=full', big, 'light', room('Destinations'));
await shot('d-room-recordings', '/desk/#t=trouble', big, 'dark', room('Recordings'));
await shot('d-room-joining', '/desk/#t=full', big, 'light', room('Joining', 'Show crew code', 'Show code'));
await shot('d-room-sound', '/desk/#t=full', big, 'dark', room('Sound'));
await shot('d-room-talk', '/desk/#t=full', big, 'dark', room('Talk'));
await shot('d-room-studio', '/desk/#t=full', big, 'light', room('Studio'));
await shot('d-recordings-earlier', '/desk/#t=trouble', big, 'dark', tab('Recordings', 9999));
await shot('d-recordings-delete', '/desk/#t=trouble', big, 'light', tab('Recordings', 'Delete Programme'));
await shot('d-destinations-change', '/desk/#t=full', big, 'dark', tab('Destinations', 9999, 'Change'));
await shot('d-load', '/desk/#t=trouble', big, 'dark', tab('Studio'));
await shot('d-joining-crew', '/desk/#t=quiet', big, 'light', tab('Joining', 'Show crew code', 2000));
await shot('d-joining-ticket', '/desk/#t=quiet', big, 'dark', tab('Joining', 'Show code'));
await shot('d-joining-used', '/desk/#t=game', big, 'light', async (page) => {
  await tab('Joining', 'Show code')(page);
  await page.waitForTimeout(4000);
});
await shot('d-destinations', '/desk/#t=full', big, 'dark', tab('Destinations'));
await shot('d-destinations2', '/desk/#t=full', big, 'light', async (page) => {
  await tab('Destinations')(page);
  await page.getByRole('button', { name: 'Test' }).last().click();
  await page.waitForTimeout(2600);
  await page.locator('#panel').evaluate((panel) => panel.scrollTo(0, 9999));
});
await shot('d-destinations-form', '/desk/#t=game', big, 'dark', tab('Destinations', 'Add a destination', 2000));
await shot('d-destinations-srt', '/desk/#t=game', big, 'light', tab('Destinations', 'Add a destination', 'Other', 'SRT', 'Add', 2000));
await shot('d-destinations-empty', '/desk/#t=empty', big, 'dark', tab('Destinations'));
await shot('d-recordings', '/desk/#t=trouble', big, 'dark', tab('Recordings'));
await shot('d-recordings2', '/desk/#t=trouble', big, 'light', tab('Recordings', 'more parts of 2', 400));
await shot('d-recordings-play', '/desk/#t=over', big, 'dark', async (page) => {
  await tab('Recordings', 'Play of Programme')(page);
  await page.waitForTimeout(1500);
});
await shot('d-recordings-empty', '/desk/#t=empty', big, 'dark', tab('Recordings'));
await shot('d-studio', '/desk/#t=full', big, 'dark', tab('Studio'));
await shot('d-studio-well', '/desk/#t=game', big, 'light', tab('Studio', 2000, 'End the session'));
await shot('d-keys', '/desk/#t=game', big, 'light', async (page) => {
  await page.keyboard.press('?');
  await page.waitForTimeout(300);
});
await shot('d-empty', '/desk/#t=empty', big, 'light', tab('Joining'));
await shot('d-lost', '/desk/#t=game2', big, 'dark', async (page) => {
  await page.route('**/api/**', (route) => route.abort());
  await page.waitForTimeout(2500);
});
await shot('d-denied', '/desk/#t=bad', big, 'light');
await shot('d-phone', '/desk/#t=full', tall, 'dark', tab('Sources', /^3 Goal/));
await shot('d-1080', '/desk/#t=full', wide, 'dark', tab('Sources', /^4 Bench/));
await shot('d-1080-rec', '/desk/#t=trouble', wide, 'light', tab('Recordings'));
await shot('w-wide', '/watch/#t=game', big, 'light', undefined, 4500);
await shot('w-phone', '/watch/#t=full', tall, 'dark', undefined, 4500);
await shot('w-small', '/watch/#t=game', small, 'light', async (page) => page.getByRole('button', { name: 'Statistics' }).click(), 4500);
await shot('w-land', '/watch/#t=game', [640, 360], 'dark', undefined, 4500);
await shot('w-over', '/watch/#t=over', small, 'dark', async (page) => page.route('**/v/**', (route) => route.abort()), 2500);
await shot('w-soon', '/watch/#t=soon', small, 'light');
await shot('w-spent', '/watch/#ticket=used', small, 'dark', undefined, 2000);
await shot('p-hello', '/phone/#t=game&slot=2', small, 'dark');
await shot('p-voice', '/phone/#t=game&slot=commentary', tall, 'dark');
await shot('p-join', '/phone/', small, 'dark');
await shot('p-join-wrong', '/phone/#code=XXXX9999', tall, 'dark', async (page) => {
  await page.getByLabel('Your name').fill('Katharina');
  await page.getByRole('button', { name: 'Ask to join' }).click();
  await page.waitForTimeout(500);
});
await shot('p-wait', '/phone/#code=ABCD2345', small, 'dark', async (page) => {
  await page.getByLabel('Your name').fill('Katharina');
  await page.getByRole('button', { name: 'Ask to join' }).click();
  await page.waitForTimeout(700);
});
await shot('p-over', '/phone/#ticket=used', small, 'dark');
for (const [size, name] of [[[320, 568], 'tiny'], [[568, 320], 'lying'], [[740, 360], 'broad']]) {
  await shot(`p-hello-${name}`, '/phone/#t=game&slot=2', size, 'dark');
  await shot(`p-voice-${name}`, '/phone/#t=game&slot=commentary', size, 'dark');
  await shot(`p-join-${name}`, '/phone/', size, 'dark');
  await shot(`p-wait-${name}`, '/phone/#code=ABCD2345', size, 'dark', async (page) => {
    await page.getByLabel('Your name').fill('Katharina');
    await page.getByRole('button', { name: 'Ask to join' }).click();
    await page.waitForTimeout(700);
  });
  await shot(`p-over-${name}`, '/phone/#ticket=used', size, 'dark');
  await shot(`w-${name}`, '/watch/#t=full', size, 'light', undefined, 4500);
  await shot(`w-over-${name}`, '/watch/#t=over', size, 'dark', undefined, 2500);
}
await browser.close();
