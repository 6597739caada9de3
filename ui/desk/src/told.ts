import { transitionWords } from '@shared/words';
import type { StudioEvent } from '@shared/wire';

const because = (reason: string) => (reason ? `: ${reason}` : '');

/** One event as a person would tell it; empty when it is not worth a line. */
export function told(event: StudioEvent, nameOf: (slot: number) => string): string {
  switch (event.type) {
    case 'cut_made':
      return `${transitionWords[event.transition]} to ${event.to === null ? 'the slate' : nameOf(event.to)}, by ${event.by}${because(event.reason)}`;
    case 'slate_set':
      return event.on ? 'Slate on' : 'Slate off';
    case 'team_set':
      return `${event.team.name || (event.side === 'home' ? 'Home' : 'Away')}: ${event.team.score}`;
    case 'source_changed':
      return `${nameOf(event.slot)} is ${event.to}${because(event.reason)}`;
    case 'destination_changed':
      return `${event.name} is ${event.state}${because(event.reason)}`;
    case 'recording_changed':
      return event.state === 'failed' || event.state === 'repaired' ? `${event.file} ${event.state}${because(event.reason)}` : '';
    case 'undone':
      return 'Last change taken back';
    case 'session_ended':
      return 'The session ended';
    default:
      return '';
  }
}
