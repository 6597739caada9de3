import type { CameraView, SourceState } from './wire';

const positions: Record<string, string> = {
  center_ice: 'Centre ice',
  corner_cam_1: 'Corner 1',
  corner_cam_2: 'Corner 2',
  goal_line_1: 'Goal line 1',
  goal_line_2: 'Goal line 2',
  bench_side: 'Bench side',
};

export const positionNames = Object.keys(positions);

/** A position as people say it. */
export function positionWord(position: string): string {
  return positions[position] ?? position.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase());
}

type Named = Pick<CameraView, 'slot' | 'name' | 'position'>;

/** A camera's name, or where it stands, or its number. The studio calls a camera that nobody named by its number too. */
export function cameraName(camera: Named): string {
  const numbered = `Camera ${camera.slot}`;
  return camera.name && camera.name !== numbered ? camera.name : camera.position ? positionWord(camera.position) : numbered;
}

/** The same with the number that a key presses: `3 Goal line`, but `Camera 3`. */
export function numberedName(camera: Named): string {
  const name = cameraName(camera);
  return name === `Camera ${camera.slot}` ? name : `${camera.slot} ${name}`;
}

const states: Record<SourceState, string> = {
  empty: 'Nobody here yet',
  joining: 'Connecting',
  live: '',
  stale: 'Picture is late',
  lost: 'Lost, waiting for it',
  returning: 'Coming back',
};

/** What a tile says about its camera; empty when all is well. */
export function cameraTrouble(camera: CameraView): string {
  const { input } = camera;
  if (!canShow(camera) && input?.state === 'waiting') return `${camera.state === 'lost' ? 'Lost, t' : 'T'}${tryingAgain(input.retry_in_ms).slice(1)}`;
  if (!canShow(camera) && input?.state === 'refused') return sentence(input.detail) || 'Refused';
  const verdict = camera.state === 'empty' ? '' : verdictOf(camera);
  return verdict && camera.state === 'lost' ? `Not taken: ${verdict}` : verdict || states[camera.state];
}

/** Why the studio does not put a camera on air by itself; empty when it does. Whose verdict it is stands beside it already. */
export function verdictOf(camera: CameraView): string {
  if (!camera.admission || camera.admission.accepted) return '';
  const own = [`${camera.name}: `, `Camera ${camera.slot}: `].find((name) => camera.admission?.reason.startsWith(name)) ?? '';
  return camera.admission.reason.slice(own.length) || 'Not good enough for air';
}

/** A phrase of a machine's as a sentence. */
export function sentence(text: string): string {
  return text === '' ? '' : text.replace(/^[a-z]/, (letter) => letter.toUpperCase()) + (/[.!?]$/.test(text) ? '' : '.');
}

/** A countdown that a person can wait by. */
export function tryingAgain(millis: number | null | undefined): string {
  return millis === null || millis === undefined ? 'Trying again' : `Trying again in ${Math.max(1, Math.ceil(millis / 1000))}\u00a0s`;
}

const protocols: Record<string, string> = {
  webrtc: 'Phone',
  chunks: 'Phone, slower way',
  rtsp: 'RTSP camera',
  srt: 'SRT',
  rtmp: 'RTMP',
  mjpeg: 'MJPEG camera',
  file: 'File',
  device: 'This computer',
};

/** How a source comes in, as people say it. */
export const protocolWord = (protocol: string): string => protocols[protocol] ?? protocol.toUpperCase();

/** Whether a source's sender says nothing of its clock, so that a trim or a sync must place it in time. */
export const tellsNoTime = (protocol: string): boolean => !['webrtc', 'rtsp', 'file'].includes(protocol);

/** Whether a cut to this camera would show a picture. */
export function canShow(camera: CameraView): boolean {
  return camera.state === 'live' || camera.state === 'stale' || camera.state === 'returning';
}

/** A camera's network in four steps, 0 when it sends nothing. */
export function networkSteps(camera: CameraView): number {
  if (!canShow(camera)) return 0;
  const { fps, loss, rtt_ms } = camera.stats;
  let steps = 4;
  if ((loss ?? 0) > 0.01 || (rtt_ms ?? 0) > 100) steps -= 1;
  if ((loss ?? 0) > 0.04 || (rtt_ms ?? 0) > 250) steps -= 1;
  if (fps !== null && fps < 23.5) steps -= 1;
  return Math.max(1, steps);
}

export const transitionWords = { cut: 'Cut', dissolve: 'Dissolve', dip: 'Dip to black', wipe: 'Wipe' } as const;
