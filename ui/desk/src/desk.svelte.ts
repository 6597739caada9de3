import { Api } from '@shared/api';
import { StudioLink } from '@shared/link.svelte';
import type { Action, CameraView, DestinationReport, Slot, Snapshot, StudioEvent } from '@shared/wire';
import { Talkback } from './talkback.svelte';
import { Thumbnails } from './thumbnails.svelte';

export interface Toast {
  id: number;
  text: string;
}

const TOAST_MS = 6000;
/** How long a personal ticket holds. */
const TICKET_MS = 120_000;
const MOST_TOASTS = 3;

/** What the parts of the desk share: the studio's link, its pictures, and a way to ask for things. */
export class Desk {
  readonly link: StudioLink;
  readonly thumbnails: Thumbnails;
  readonly talkback: Talkback;
  /** Which panel of the rail is open. */
  panel = $state('sound');
  /** Whether the panel has the whole rail to itself. */
  roomy = $state(false);
  /** What the last test of each destination found; null while it runs. */
  tests = $state<Record<string, DestinationReport | null>>({});
  toasts = $state<Toast[]>([]);
  help = $state(false);
  /** Newest first. */
  happened = $state.raw<StudioEvent[]>([]);
  /** Whom the joining panel should offer to invite first; empty leaves it to that panel. */
  inviting = '';
  /** Places to which somebody was invited so lately that the ticket still holds. */
  invited = $state.raw<readonly Slot[]>([]);
  private nextToast = 1;

  constructor(readonly api: Api) {
    this.link = new StudioLink(api, 250);
    this.thumbnails = new Thumbnails((slot) => api.thumbnail(slot, AbortSignal.timeout(4000)));
    this.talkback = new Talkback(api, (action) => this.act(action));
  }

  get show(): Snapshot | null {
    return this.link.snapshot;
  }

  camera(slot: Slot | null): CameraView | null {
    return this.show?.cameras.find((camera) => camera.slot === slot) ?? null;
  }

  /** Asks the studio; a refusal becomes a line on the screen. Returns whether it was done. */
  act = async (action: Action): Promise<boolean> => {
    try {
      const outcome = await this.api.command(action);
      if ('refused' in outcome) {
        this.say(outcome.refused.message);
        return false;
      }
      this.link.refresh();
      return true;
    } catch (error) {
      this.say(error instanceof Error && error.message ? error.message : 'The studio does not answer. Try again.');
      return false;
    }
  };

  /** Asks for something that is no command; what goes wrong becomes a line on the screen. */
  async ask<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.say(error instanceof Error && error.message ? error.message : 'That did not work. Try again.');
      return null;
    }
  }

  noteInvited(slot: Slot): void {
    this.invited = [...this.invited.filter((one) => one !== slot), slot];
    setTimeout(() => (this.invited = this.invited.filter((one) => one !== slot)), TICKET_MS);
  }

  say(text: string): void {
    const id = this.nextToast++;
    this.toasts = [...this.toasts.filter((toast) => toast.text !== text), { id, text }].slice(-MOST_TOASTS);
    setTimeout(() => this.dismiss(id), TOAST_MS);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }
}
