import { Api } from '@shared/api';
import { StudioLink } from '@shared/link.svelte';
import type { Action, CameraView, Slot, Snapshot, StudioEvent } from '@shared/wire';
import { Thumbnails } from './thumbnails.svelte';

export interface Toast {
  id: number;
  text: string;
}

const TOAST_MS = 6000;
const MOST_TOASTS = 3;

/** What the parts of the desk share: the studio's link, its pictures, and a way to ask for things. */
export class Desk {
  readonly link: StudioLink;
  readonly thumbnails: Thumbnails;
  toasts = $state<Toast[]>([]);
  help = $state(false);
  /** Newest first. */
  happened = $state.raw<StudioEvent[]>([]);
  private nextToast = 1;

  constructor(readonly api: Api) {
    this.link = new StudioLink(api, 250);
    this.thumbnails = new Thumbnails((slot) => api.thumbnail(slot, AbortSignal.timeout(4000)));
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

  say(text: string): void {
    const id = this.nextToast++;
    this.toasts = [...this.toasts.filter((toast) => toast.text !== text), { id, text }].slice(-MOST_TOASTS);
    setTimeout(() => this.dismiss(id), TOAST_MS);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }
}
