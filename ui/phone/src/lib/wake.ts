/** Keeps the screen on. The browser lets it go whenever the page is hidden, so it is asked for again on return. */
export class WakeLock {
  private sentinel: WakeLockSentinel | null = null;
  private wanted = false;

  get supported(): boolean {
    return 'wakeLock' in navigator;
  }

  async hold(): Promise<void> {
    this.wanted = true;
    if (!this.supported || document.hidden || (this.sentinel && !this.sentinel.released)) return;
    try {
      const sentinel = await navigator.wakeLock.request('screen');
      if (this.wanted) this.sentinel = sentinel;
      else await sentinel.release();
    } catch {
      // Battery saver says no; the page tells the person to keep the screen on.
    }
  }

  release(): void {
    this.wanted = false;
    void this.sentinel?.release().catch(() => undefined); // It is gone either way.
    this.sentinel = null;
  }
}
