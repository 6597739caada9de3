// A phone in a real browser: opens the phone page with a made-up camera, goes live, and stays for some seconds.
// usage: node phone.mjs PHONE_URL SECONDS [SCREENSHOT.png]   prints one JSON document
import { launch, until } from './browser.mjs';

const [url, secondsText, screenshot] = process.argv.slice(2);
const seconds = Number(secondsText);
if (!url || !(seconds > 0)) {
  console.error('usage: node phone.mjs PHONE_URL SECONDS [SCREENSHOT.png]');
  process.exit(2);
}
const { browser, page, problems } = await launch({ width: 412, height: 915 });
try {
  await page.goto(url);
  // The page leads a person by its main buttons; press each as it appears until it says that it sends.
  const state = () => page.evaluate(() => window.__touchline?.state?.() ?? null);
  await until('the phone sends', 45, async () => {
    const now = await state();
    if (now && ['live', 'next', 'ready'].includes(now.band)) return true;
    const button = page.locator('button[data-main]:visible').first();
    if (await button.count()) await button.click({ timeout: 1000 }).catch(() => {});
    return false;
  });
  const bands = new Set();
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const now = await state();
    if (now) bands.add(now.band);
    await page.waitForTimeout(200);
  }
  if (screenshot) await page.screenshot({ path: screenshot });
  console.log(JSON.stringify({ bands: [...bands], last: await state(), problems }));
} finally {
  await browser.close();
}
