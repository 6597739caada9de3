/** What this phone hears of the studio. It is silent until the person listens or the director speaks. */
export class Ear {
  /** Whether the person wants to hear the programme. */
  listening = $state(false);
  /** Who speaks to this phone now; empty when nobody does. */
  speaker = $state('');
  /** Whether the studio sends sound back at all. */
  ready = $state(false);
  /** The browser waits for a tap before it plays sound. */
  blocked = $state(false);
  private readonly element = new Audio();

  constructor() {
    this.element.autoplay = true;
    this.element.muted = true;
  }

  attach(stream: MediaStream): void {
    this.element.srcObject = stream;
    this.ready = true;
    void this.play();
  }

  detach(): void {
    this.element.srcObject = null;
    this.ready = false;
    this.speaker = '';
  }

  listen(on: boolean): void {
    this.listening = on;
    this.open();
  }

  spoken(from: string, on: boolean): void {
    this.speaker = on ? from || 'director' : '';
    this.open();
  }

  /** A tap allows sound in browsers that held it back. */
  async play(): Promise<void> {
    if (!this.element.srcObject) return;
    try {
      await this.element.play();
      this.blocked = false;
    } catch (error) {
      this.blocked = error instanceof DOMException && error.name === 'NotAllowedError';
    }
  }

  private open(): void {
    this.element.muted = !this.listening && this.speaker === '';
    if (!this.element.muted) void this.play();
  }
}
