// node dev/shot.mjs OUT.png URL [WIDTHxHEIGHT] [light|dark] [wait ms] [script]: one picture of a page.
import { chromium } from 'playwright-core';

const [out, url, size = '1280x720', scheme = 'dark', wait = '1200', script] = process.argv.slice(2);
const [width, height] = size.split('x').map(Number);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required'] });
const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, hasTouch: width < 700, isMobile: width < 700, permissions: ['camera', 'microphone'] });
const page = await context.newPage();
page.on('console', (message) => ['error', 'warning'].includes(message.type()) && console.log(message.type(), message.text()));
page.on('pageerror', (error) => console.log('pageerror', error.message));
await page.goto(url);
await page.waitForTimeout(Number(wait));
if (script) await eval(`(async () => { ${script} })()`);
await page.screenshot({ path: out, fullPage: process.env.FULL === '1' });
const overflow = await page.evaluate(() => ({ x: document.documentElement.scrollWidth - innerWidth, y: document.documentElement.scrollHeight - innerHeight }));
console.log(out, 'overflow', JSON.stringify(overflow));
await browser.close();
