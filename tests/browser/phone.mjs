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
  // The page leads a person by its main buttons; press each as it appears until its band says that it sends.
  const band = () => page.evaluate(() => document.querySelector('header strong')?.textContent?.trim() ?? null);
  const sending = ['READY', 'LIVE', 'NEXT'];
  await until('the phone sends', 45, async () => {
    const now = await band();
    if (sending.some((word) => now?.startsWith(word))) return true;
    for (const name of ['Allow the camera', 'Go live']) {
      const button = page.getByRole('button', { name });
      if (await button.count()) await button.first().click({ timeout: 1000 }).catch(() => {});
    }
    return false;
  });
  const bands = new Set();
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const now = await band();
    if (now) bands.add(now.split(/\s+/)[0]);
    await page.waitForTimeout(200);
  }
  if (screenshot) await page.screenshot({ path: screenshot });
  console.log(JSON.stringify({ bands: [...bands], last: await band(), problems }));
} finally {
  await browser.close();
}
