import type { TallyState } from '@shared/wire';
import type { Stage } from './station.svelte';

/** How the band looks: its colour and its shape. */
export type Look = 'live' | 'next' | 'replay' | 'ready' | 'plain' | 'connecting' | 'waiting';

export interface Said {
  look: Look;
  word: string;
  hint: string;
}

/** What a phone says of itself, largest first: one word, then what it means for the person. */
export function bandOf(stage: Stage, tally: TallyState, upright: boolean, chunks: boolean): Said {
  const turn = upright ? 'Turn the phone: wide side down.' : null;
  if (stage.name === 'ready') return { look: 'plain', word: 'NOT LIVE YET', hint: turn ?? 'This is your picture. Nobody else sees it yet.' };
  if (stage.name === 'waiting') return { look: 'waiting', word: 'COMING BACK', hint: stage.reason };
  if (stage.name !== 'live') return { look: 'connecting', word: 'CONNECTING', hint: chunks ? 'Taking the slower way through this network.' : 'Looking for the studio.' };
  if (tally === 'live') return { look: 'live', word: 'LIVE', hint: turn ?? 'You are on air. Hold still.' };
  if (tally === 'next') return { look: 'next', word: 'NEXT', hint: turn ?? 'You go on air soon. Frame the play.' };
  if (tally === 'replay') return { look: 'replay', word: 'REPLAY', hint: turn ?? 'Your last scene is on air. Keep filming.' };
  return { look: 'ready', word: 'READY', hint: turn ?? (tally === 'idle' ? 'The studio sees you. The show is not running.' : 'The studio sees you. Leave the phone like this.') };
}
