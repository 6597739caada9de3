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

/** A camera's name, or where it stands, or its number. */
export function cameraName(camera: Pick<CameraView, 'slot' | 'name' | 'position'>): string {
  return camera.name || (camera.position ? positionWord(camera.position) : `Camera ${camera.slot}`);
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
  if (camera.admission && !camera.admission.accepted && camera.state !== 'empty') return camera.admission.reason || 'Not good enough for air';
  return states[camera.state];
}

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
