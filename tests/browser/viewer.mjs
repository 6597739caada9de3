// A viewer in a real browser: opens the watch page, plays for some seconds, and tells how far behind it was.
// usage: node viewer.mjs WATCH_URL SECONDS [hls|whep] [SCREENSHOT.png]   prints one JSON document
import { launch, percentile, until } from './browser.mjs';

const [url, secondsText, via = 'hls', screenshot] = process.argv.slice(2);
const seconds = Number(secondsText);
if (!url || !(seconds > 0)) {
  console.error('usage: node viewer.mjs WATCH_URL SECONDS [hls|whep] [SCREENSHOT.png]');
  process.exit(2);
}
const { browser, page, problems } = await launch();
try {
  await page.goto(url.replace('#', `?via=${via}#`));
  const started = Date.now();
  await until('the picture plays', 30, () => page.evaluate(() => {
    const video = document.querySelector('video');
    return video && video.currentTime > 0 && !video.paused && video.readyState >= 3 && window.__touchline?.latency?.();
  }));
  const first_picture_ms = Date.now() - started;
  // The player needs a moment to find its distance from the live edge.
  await page.waitForTimeout(Math.min(10_000, seconds * 200));
  const samples = [];
  let stalls = 0;
  let last = -1;
  const ways = new Set();
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const seen = await page.evaluate(() => {
      const video = document.querySelector('video');
      const behind = window.__touchline.latency();
      const quality = video.getVideoPlaybackQuality?.();
      return { behind: behind === null ? null : behind * 1000, time: video.currentTime, via: window.__touchline.via(), dropped: quality?.droppedVideoFrames ?? null };
    });
    if (seen.behind !== null) samples.push({ at: Date.now(), behind: seen.behind });
    ways.add(seen.via);
    if (seen.time === last) stalls += 1;
    last = seen.time;
    await page.waitForTimeout(500);
  }
  if (screenshot) await page.screenshot({ path: screenshot });
  const values = samples.map((sample) => sample.behind);
  const third = Math.max(1, Math.floor(values.length / 3));
  const mean = (list) => list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
  const drift_ms = mean(values.slice(-third)) - mean(values.slice(0, third));
  console.log(JSON.stringify({
    first_picture_ms, samples: values.length, stalls, p50: percentile(values, 0.5), p95: percentile(values, 0.95), min: percentile(values, 0), max: percentile(values, 1), drift_ms, via: [...ways], problems,
  }));
} finally {
  await browser.close();
}
