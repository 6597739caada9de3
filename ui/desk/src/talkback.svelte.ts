import type { Api } from '@shared/api';
import { gathered } from '@shared/offer';
import { TALKBACK, type Action, type Slot } from '@shared/wire';

const CONNECT_TIMEOUT_MS = 6000;
/** A microphone that nobody uses is let go, so that the browser's red mark goes out. */
const IDLE_MS = 120_000;

/** The director's voice to the phones: opened with the first word, sent only while the button is held. */
export class Talkback {
  state = $state<'off' | 'opening' | 'ready' | 'failed'>('off');
  /** Whether phones hear this microphone now. */
  talking = $state(false);
  reason = $state('');

  private held = false;
  private to: Slot | undefined;
  private stream: MediaStream | null = null;
  private connection: RTCPeerConnection | null = null;
  private location: string | null = null;
  private idle: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly api: Api,
    private readonly act: (action: Action) => Promise<boolean>,
  ) {}

  /** The button goes down, for one phone or, with none, for all. */
  press(to: Slot | null): void {
    if (this.held) return;
    this.held = true;
    this.to = to ?? undefined;
    if (this.state === 'ready') void this.speak();
    else if (this.state !== 'opening') void this.open();
  }

  /** The button goes up. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    this.enable(false);
    if (this.talking) void this.act(this.asked(false));
    this.talking = false;
    if (this.idle) clearTimeout(this.idle);
    this.idle = setTimeout(() => this.close(), IDLE_MS);
  }

  close(): void {
    this.release();
    if (this.idle) clearTimeout(this.idle);
    this.shut();
    if (this.state !== 'failed') this.state = 'off';
  }

  private asked(on: boolean): Action {
    return this.to === undefined ? { type: 'talk', on } : { type: 'talk', to: this.to, on };
  }

  private enable(on: boolean): void {
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = on;
  }

  private async speak(): Promise<void> {
    if (this.idle) clearTimeout(this.idle);
    if (!(await this.act(this.asked(true)))) return;
    // The button may have been let go while the studio answered.
    if (!this.held) {
      void this.act(this.asked(false));
      return;
    }
    this.enable(true);
    this.talking = true;
  }

  private async open(): Promise<void> {
    this.state = 'opening';
    this.reason = '';
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
      this.enable(false);
      await this.connect(this.stream);
      this.state = 'ready';
      if (this.held) await this.speak();
    } catch (error) {
      this.shut();
      this.held = false;
      this.state = 'failed';
      const name = error instanceof DOMException ? error.name : '';
      this.reason = name === 'NotAllowedError' ? 'The browser may not use the microphone. Allow it for this page, then press again.' : name === 'NotFoundError' ? 'This computer has no microphone. Plug one in, then press again.' : error instanceof Error && error.message ? error.message : 'The microphone did not start. Press again.';
    }
  }

  private async connect(stream: MediaStream): Promise<void> {
    const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.connection = connection;
    for (const track of stream.getAudioTracks()) connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    const { sdp, location } = await this.api.whip(TALKBACK, connection.localDescription?.sdp ?? '');
    this.location = location;
    await connection.setRemoteDescription({ type: 'answer', sdp });
    await connected(connection);
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === 'failed' || connection.connectionState === 'disconnected') this.broke();
    };
  }

  private broke(): void {
    this.release();
    this.shut();
    this.state = 'failed';
    this.reason = 'The connection to the studio broke. Press again.';
  }

  private shut(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.connection?.close();
    this.connection = null;
    const { location } = this;
    this.location = null;
    if (location) void this.api.endSession(location).catch(() => undefined); // The studio ends a silent session by itself.
  }
}

function connected(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('No way to the studio was found for your voice. Check this device’s Wi-Fi.')), CONNECT_TIMEOUT_MS);
    const look = () => {
      if (connection.connectionState !== 'connected') return;
      clearTimeout(timer);
      resolve();
    };
    connection.addEventListener('connectionstatechange', look);
    look();
  });
}
