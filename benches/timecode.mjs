// Reads a rehearsal's time code back out of a file, with other eyes than the studio's: ffmpeg decodes, this looks at the cells.
// What the cells mean stands in crates/studio/tl_rehearsal/src/timecode.rs.
import { spawn } from 'node:child_process';

const [COLUMNS, ROWS, CELL] = [16, 2, 16];
const [LEFT, TOP] = [976, 48];

/** CRC-8 with the polynomial 0x2f, most significant bit first, from 0xff. */
function crc8(bytes) {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 0x2f) & 0xff : (crc << 1) & 0xff;
  }
  return crc;
}

/** The camera of one picture's cells (a byte of luma for each pixel); null where none can be trusted. */
function cameraIn(luma) {
  const width = COLUMNS * CELL;
  const cells = Array.from({ length: ROWS * COLUMNS }, (_, index) => {
    const [row, column] = [Math.floor(index / COLUMNS), index % COLUMNS];
    let sum = 0;
    for (let y = 4; y < 12; y += 1) for (let x = 4; x < 12; x += 1) sum += luma[(row * CELL + y) * width + column * CELL + x];
    return sum / 64 > 124 ? 1 : 0;
  });
  let word = 0;
  cells.forEach((cell, index) => { if (index % COLUMNS >= 2 && index % COLUMNS <= 13) word = (word << 1) | cell; });
  const [high, middle, low] = [(word >> 16) & 0xff, (word >> 8) & 0xff, word & 0xff];
  return crc8([high, middle]) === low ? high >> 4 : null;
}

/** The cameras that a file shows one after the other, by camera number; a shot counts from three pictures on. */
export function camerasOf(file) {
  return new Promise((resolve, reject) => {
    const bytes = COLUMNS * CELL * ROWS * CELL;
    const ffmpeg = spawn('ffmpeg', ['-v', 'error', '-i', file, '-an', '-vf', `scale=1280:720,crop=${COLUMNS * CELL}:${ROWS * CELL}:${LEFT}:${TOP},format=gray`, '-f', 'rawvideo', '-'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let rest = Buffer.alloc(0);
    const shots = [];
    let [candidate, count] = [null, 0];
    ffmpeg.stdout.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (; rest.length >= bytes; rest = rest.subarray(bytes)) {
        const camera = cameraIn(rest);
        if (camera === null) continue;
        count = camera === candidate ? count + 1 : 1;
        candidate = camera;
        if (count === 3 && shots.at(-1) !== camera) shots.push(camera);
      }
    });
    ffmpeg.on('error', reject);
    ffmpeg.on('close', (code) => (code === 0 ? resolve(shots) : reject(new Error(`ffmpeg ended with ${code}: ${file}`))));
  });
}
