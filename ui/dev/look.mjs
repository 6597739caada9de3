// node dev/look.mjs OUT [BASE]: pictures of every state of the desk and the watch page, in both themes and two sizes.
import { chromium } from 'playwright-core';

const [out = '/tmp', base = 'http://127.0.0.1:5199'] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'] });

async function shot(name, path, [width, height], colorScheme, act = async () => {}, wait = 1300) {
  const phone = width < 700;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, hasTouch: phone, isMobile: phone });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.log(name, 'pageerror', error.message));
  await page.goto(base + path);
  await page.waitForTimeout(wait);
  await act(page);
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: phone });
  const over = await page.evaluate(() => [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]);
  console.log(name, 'overflow', ...over);
  await context.close();
}

const big = [1280, 720];
const small = [360, 740];
const tab = (name) => async (page) => {
  await page.getByRole('tab', { name }).click();
  await page.waitForTimeout(300);
};
await shot('d-game', '/desk/#t=game', big, 'dark', async (page) => {
  await page.keyboard.press('2');
  await page.keyboard.press('Shift+3');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(900);
});
await shot('d-full', '/desk/#t=full', big, 'light');
await shot('d-trouble', '/desk/#t=trouble', big, 'dark', tab('Files'));
await shot('d-empty', '/desk/#t=empty', big, 'dark', tab('Cameras'));
await shot('d-fresh', '/desk/#t=fresh', big, 'light', async (page) => {
  await tab('Cameras')(page);
  await page.getByRole('button', { name: 'Code', exact: true }).first().click();
  await page.waitForTimeout(300);
});
await shot('d-graphics', '/desk/#t=game', big, 'dark', async (page) => {
  await tab('Graphics')(page);
  await page.getByRole('button', { name: 'Corner', exact: true }).click();
  await page.waitForTimeout(600);
});
await shot('d-outputs', '/desk/#t=full', big, 'dark', tab('Outputs'));
await shot('d-run', '/desk/#t=game', big, 'light', async (page) => {
  await tab('Run')(page);
  await page.getByRole('button', { name: 'End the session' }).click();
  await page.keyboard.press('?');
  await page.waitForTimeout(300);
});
await shot('d-cameras', '/desk/#t=full', big, 'dark', async (page) => {
  await tab('Cameras')(page);
  await page.getByRole('button', { name: 'Name', exact: true }).nth(1).click();
  await page.keyboard.press('4');
  await page.waitForTimeout(400);
});
await shot('d-lost', '/desk/#t=game2', big, 'dark', async (page) => {
  await page.route('**/api/**', (route) => route.abort());
  await page.waitForTimeout(2500);
});
await shot('d-denied', '/desk/#t=bad', big, 'light');
await shot('d-phone', '/desk/#t=full', small, 'dark');
await shot('d-phone-light', '/desk/#t=game', small, 'light', tab('Graphics'));
await shot('d-1080', '/desk/#t=full', [1920, 1080], 'dark');
await shot('w-wide', '/watch/#t=game', big, 'light', undefined, 4500);
await shot('w-phone', '/watch/#t=full', small, 'dark', undefined, 4500);
await shot('w-land', '/watch/#t=game', [690, 330], 'dark', undefined, 4500);
await shot('w-over', '/watch/#t=over', small, 'dark', async (page) => page.route('**/v/**', (route) => route.abort()), 2500);
await shot('w-soon', '/watch/#t=soon', small, 'light');
await shot('p-hello', '/phone/#t=game&slot=2', small, 'dark');
await shot('p-none', '/phone/', small, 'dark');
await browser.close();
