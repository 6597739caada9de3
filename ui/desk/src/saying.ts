import { bitrate, bytes, count, elapsed } from '@shared/format';
import { cameraTrouble, protocolWord, tryingAgain } from '@shared/words';
import type { CameraView, Load, OutputView, Recording } from '@shared/wire';

// What the panels say, apart from how they draw it.

/** A source in one line: what is wrong with it, or what comes. */
export function sourceLine(camera: CameraView): string {
  const trouble = cameraTrouble(camera);
  if (trouble) return trouble;
  const parts = [protocolWord(camera.protocol)];
  if (camera.size) parts.push(`${camera.size.width}×${camera.size.height}`);
  parts.push(count(camera.stats.fps, 'fps'));
  if (camera.shed === 'keys_only') parts.push('few pictures for now, to save time');
  return parts.join(', ');
}

/** How sure the studio is of a source's time. */
export function clockLine(camera: CameraView): string {
  if (!camera.clock) return 'Not known yet';
  const sure = `within ${count(camera.clock.uncertainty_ms, 'ms', camera.clock.uncertainty_ms < 10 ? 1 : 0)}`;
  if (camera.clock.two_way) return `Measured, ${sure}`;
  return camera.trimmed ? `Trimmed, ${sure}` : `Guessed, ${sure}. Sync or trim it`;
}

/** A trim with its sign, in milliseconds. */
export const trimWord = (millis: number): string => `${millis > 0 ? '+' : millis < 0 ? '−' : ''}${Math.abs(millis)} ms`;

const outputStates: Record<string, string> = { connecting: 'Connecting', live: 'On air', waiting: 'Trying again', refused: 'Refused', off: 'Off' };

/** A destination in one line. */
export function outputLine(output: OutputView): string {
  const parts = [output.state === 'waiting' ? tryingAgain(output.retry_in_ms) : (outputStates[output.state] ?? output.state)];
  if (output.state === 'live' && output.bitrate_bps !== null) parts.push(bitrate(output.bitrate_bps));
  if (output.dropped > 0) parts.push(`${output.dropped} left out`);
  if (output.reconnects > 0) parts.push(output.reconnects === 1 ? 'reached again once' : `reached again ${output.reconnects} times`);
  return parts.join(', ');
}

/** Whether a recording may be called saved; nothing else may use the word. */
export function savedWord(recording: Recording): { word: string; well: boolean | null } {
  if (recording.writing) return { word: 'Being recorded', well: null };
  const share = recording.progress === null ? '' : ` ${Math.round(recording.progress * 100)} %`;
  switch (recording.verified) {
    case 'saved':
      return { word: 'Saved', well: true };
    case 'checking':
      return { word: `Checking${share}`, well: null };
    case 'repairing':
      return { word: `Repairing${share}`, well: null };
    case 'damaged':
      return { word: 'Damaged', well: false };
    default:
      return { word: 'Not checked yet', well: null };
  }
}

/** Length, size and tracks of a recording. */
export function recordingFacts(recording: Recording): string {
  const parts = [elapsed(recording.seconds), bytes(recording.bytes)];
  if (recording.parts.length > 1 && !recording.path) parts.push(`${recording.parts.length} parts`);
  const sounds = recording.tracks?.filter((track) => track.startsWith('sound')).length ?? 0;
  if (sounds > 1) parts.push(`${sounds} sound tracks`);
  return parts.join(', ');
}

/** The files of a recording, each with the address that serves it. */
export function recordingFiles(session: string, recording: Recording): { href: string; file: string }[] {
  const paths = recording.path ? [recording.path] : recording.writing ? [] : recording.parts;
  return paths.map((path) => {
    const file = path.split(/[\\/]/).pop() ?? path;
    return { href: `/api/v1/sessions/${encodeURIComponent(session)}/recordings/${encodeURIComponent(file)}`, file };
  });
}

/** From this level on the programme itself is made with less care; what is shed before it only the desk sees. */
const QUALITY_LEVEL = 3;

/** What an overloaded studio leaves out, for a person. */
export function loadLine(load: Load | undefined): string {
  if (!load || load.level === 0) return 'All is done in time. Nothing is left out.';
  const last = load.level >= QUALITY_LEVEL ? 'Viewers see a simpler picture.' : 'Viewers see no difference.';
  return `This computer is short of time. ${last}`;
}

/** Minutes and seconds until `wall` (microseconds since 1970), or null once it is over. */
export function untilWall(wall: number | null, nowMs: number): number | null {
  if (wall === null) return null;
  const seconds = Math.ceil(wall / 1e6 - nowMs / 1000);
  return seconds > 0 ? seconds : null;
}
