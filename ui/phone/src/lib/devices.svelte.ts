import { close, isAlive, listDevices, openCamera, openMicrophone, type Choice } from './camera';

/** A camera that iOS paused for a call gives pictures again by itself; after this it is opened anew. */
const MUTED_MS = 3000;

/** The camera or the microphone that this phone gives, and the choice among them. */
export class Devices {
  stream = $state.raw<MediaStream | null>(null);
  choices = $state.raw<Choice[]>([]);
  chosen = $state<string | null>(null);
  private readonly key: string;

  /** `ended` is called when the device stops by itself, `stuck` when it gives nothing any more. */
  constructor(readonly kind: 'video' | 'audio', private readonly ended: () => void, private readonly stuck: () => void) {
    this.key = kind === 'video' ? 'touchline.camera' : 'touchline.microphone';
    this.chosen = localStorage.getItem(this.key);
  }

  get alive(): boolean {
    return isAlive(this.stream, this.kind);
  }

  /** The device in use, as the choices name it. */
  get current(): string {
    return this.track?.getSettings().deviceId ?? this.chosen ?? '';
  }

  /** The track that this phone is here for. */
  get track(): MediaStreamTrack | null {
    return this.stream?.getTracks().find((track) => track.kind === this.kind) ?? null;
  }

  async choose(id: string): Promise<MediaStream> {
    this.chosen = id;
    localStorage.setItem(this.key, id);
    return this.open();
  }

  async open(): Promise<MediaStream> {
    // Phones give a camera to one holder, so the old one is let go first.
    if (this.chosen !== this.track?.getSettings().deviceId) close(this.stream);
    const stream = await (this.kind === 'video' ? openCamera(this.chosen) : openMicrophone(this.chosen));
    this.stream = stream;
    const track = this.track;
    track?.addEventListener('ended', this.ended);
    track?.addEventListener('mute', () => setTimeout(() => track.muted && !document.hidden && this.stream === stream && this.stuck(), MUTED_MS));
    this.choices = await listDevices(this.kind === 'video' ? 'videoinput' : 'audioinput');
    return stream;
  }

  async reopen(): Promise<MediaStream> {
    close(this.stream);
    return this.open();
  }
}
