import type { CameraView, Slot } from '@shared/wire';
import { canShow } from '@shared/words';

const PERIOD_MS = 500;

/**
 * The newest small picture of each camera. One request per camera at a time, so a slow network gets fewer pictures
 * instead of a queue; a camera that is gone keeps its last one.
 */
export class Thumbnails {
  urls = $state<Record<Slot, string>>({});
  private readonly running = new Set<Slot>();
  private wanted = new Set<Slot>();

  constructor(private readonly fetchOne: (slot: Slot) => Promise<Blob>) {}

  /** Says which cameras exist now. */
  follow(cameras: CameraView[]): void {
    this.wanted = new Set(cameras.filter(canShow).map((camera) => camera.slot));
    for (const slot of this.wanted) if (!this.running.has(slot)) void this.run(slot);
  }

  stop(): void {
    this.wanted = new Set();
  }

  private async run(slot: Slot): Promise<void> {
    this.running.add(slot);
    while (this.wanted.has(slot)) {
      const started = performance.now();
      if (!document.hidden) await this.renew(slot);
      await new Promise((resolve) => setTimeout(resolve, Math.max(50, PERIOD_MS - (performance.now() - started))));
    }
    this.running.delete(slot);
  }

  private async renew(slot: Slot): Promise<void> {
    try {
      const url = URL.createObjectURL(await this.fetchOne(slot));
      const image = new Image();
      image.src = url;
      await image.decode();
      const old = this.urls[slot];
      this.urls[slot] = url;
      // The old picture may still be painted in this frame.
      if (old) setTimeout(() => URL.revokeObjectURL(old), PERIOD_MS);
    } catch {
      // No picture yet, or a passing fault: the tile keeps what it has and its state says why.
    }
  }
}
