import { MOST_CAMERAS, type CameraView, type Slot } from '@shared/wire';

/** Places offered beyond those that cameras stand at. */
const MOST_OFFERED = 3;

/** The next camera positions at which nobody stands and to which nobody was invited just now. */
export function freePlaces(cameras: Pick<CameraView, 'slot'>[], invited: readonly Slot[], most = MOST_OFFERED): Slot[] {
  const taken = new Set([...cameras.map(({ slot }) => slot), ...invited]);
  return Array.from({ length: MOST_CAMERAS }, (_, at) => at + 1)
    .filter((slot) => !taken.has(slot))
    .slice(0, most);
}

/** The place that a director most likely wants next: a known one that is empty, else a new one. */
export function likelyPlace(cameras: Pick<CameraView, 'slot' | 'state'>[], invited: readonly Slot[]): Slot {
  const empty = cameras.filter(({ slot, state }) => state === 'empty' && !invited.includes(slot)).map(({ slot }) => slot);
  return Math.min(...empty, Infinity) < Infinity ? Math.min(...empty) : (freePlaces(cameras, invited)[0] ?? 1);
}
