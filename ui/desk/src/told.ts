import { transitionWords } from '@shared/words';
import type { AccessChange, StudioEvent } from '@shared/wire';

const because = (reason: string) => (reason ? `: ${reason}` : '');

const accessWords: Partial<Record<AccessChange, string>> = { asked: 'asks to come in', admitted: 'was let in', refused: 'was sent away', revoked: 'may not come in any more', locked_out: 'was locked out after wrong codes' };

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
      return ['failed', 'repaired', 'verified', 'deleted'].includes(event.state) ? `${event.file} ${event.state}${because(event.reason)}` : '';
    case 'trim_set':
      return `${nameOf(event.slot)} trimmed to ${event.trim_ms} ms`;
    case 'source_set':
      return event.protocol === 'webrtc' ? `${nameOf(event.slot)} takes whoever joins` : `${nameOf(event.slot)} comes from ${event.address || event.protocol}`;
    case 'destination_set':
      return `${event.name} set`;
    case 'destination_removed':
      return `${event.name} taken out`;
    case 'access_changed':
      return accessWords[event.what] ? `${event.label} ${accessWords[event.what]}` : '';
    case 'load_shed':
      return event.level === 0 ? 'Everything is done in time again' : `Short of time: ${event.shed.join(', ')}`;
    case 'encoder_changed':
      return `Encoder is now ${event.encoder}${because(event.reason)}`;
    case 'undone':
      return 'Last change taken back';
    case 'session_ended':
      return 'The session ended';
    default:
      return '';
  }
}
