// Reads one playlist from standard input and prints what hls-parser makes of it in strict mode, as one JSON line:
// {"ok":true,"type":"media","segments":…,"parts":…} with exit code 0, or {"ok":false,"error":"…"} with exit code 1.
import { readFileSync } from 'node:fs';

import HLS from 'hls-parser';

HLS.setOptions({ strictMode: true });

try {
  const playlist = HLS.parse(readFileSync(0, 'utf8'));
  const found = playlist.isMasterPlaylist
    ? { type: 'multivariant', variants: playlist.variants.length }
    : {
        type: 'media',
        segments: playlist.segments.filter((segment) => segment.uri).length,
        parts: playlist.segments.reduce((sum, segment) => sum + segment.parts.length, 0),
        hints: playlist.prefetchSegments.length + playlist.segments.flatMap((segment) => segment.parts).filter((part) => part.hint).length,
        skipped: playlist.skip,
        ended: playlist.endlist,
      };
  console.log(JSON.stringify({ ok: true, ...found }));
} catch (error) {
  console.log(JSON.stringify({ ok: false, error: error.message }));
  process.exitCode = 1;
}
