import type { Api } from '@shared/api';
import type { FromPhone, PictureAdvice, Slot } from '@shared/wire';
import { clockMicros, firstAdvice, readMessage, safeAdvice, write } from './messages';
import { gathered, preferH264 } from '@shared/offer';
import { signalSteps, StatsReader } from './signal';
import type { Measure, Way, WayEvents } from './way';

const CONNECT_TIMEOUT_MS = 6000;

/** One WHIP session. Its sound line goes both ways, so that the studio can speak. */
export class Peer implements Way {
  readonly kind = 'webrtc';
  private readonly connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  private readonly channel = this.connection.createDataChannel('studio');
  private readonly abort = new AbortController();
  private readonly timeout: ReturnType<typeof setTimeout>;
  private readonly stats = new StatsReader();
  private location: string | null = null;
  private over = false;
  private reached = false;
  private advice = firstAdvice;

  constructor(
    private readonly api: Api,
    private readonly slot: Slot,
    private readonly name: string,
    private readonly stream: MediaStream,
    private readonly events: WayEvents,
  ) {
    this.connection.onconnectionstatechange = () => this.onState();
    this.connection.oniceconnectionstatechange = () => this.onState();
    this.connection.ontrack = ({ track, streams }) => track.kind === 'audio' && this.events.heard(streams[0] ?? new MediaStream([track]));
    this.channel.onopen = () => this.send({ type: 'hello', name: this.name, user_agent: navigator.userAgent.slice(0, 300) });
    this.channel.onmessage = ({ data }) => this.onMessage(data);
    this.channel.onclose = () => this.fail('The studio ended the connection.');
    this.timeout = setTimeout(() => this.fail('No way to the studio was found. Check that this phone is on the same Wi-Fi.'), CONNECT_TIMEOUT_MS);
  }

  get up(): boolean {
    return this.connection.connectionState === 'connected';
  }

  async start(): Promise<void> {
    try {
      await this.offer();
    } catch (error) {
      if (this.over || (error instanceof DOMException && error.name === 'AbortError')) return;
      this.close();
      this.events.refused(error);
    }
  }

  private async offer(): Promise<void> {
    for (const track of this.stream.getTracks()) this.add(track);
    if (this.stream.getAudioTracks().length === 0) this.connection.addTransceiver('audio', { direction: 'recvonly' });
    await this.connection.setLocalDescription(await this.connection.createOffer());
    await gathered(this.connection);
    const { sdp, location } = await this.api.whip(this.slot, this.connection.localDescription?.sdp ?? '', this.abort.signal);
    this.location = location;
    if (this.over) return this.bye();
    await this.connection.setRemoteDescription({ type: 'answer', sdp });
    await this.follow(this.advice);
  }

  private add(track: MediaStreamTrack): void {
    if (track.kind === 'audio') {
      this.connection.addTransceiver(track, { direction: 'sendrecv', streams: [this.stream] });
      return;
    }
    track.contentHint = 'motion';
    preferH264(this.connection.addTransceiver(track, { direction: 'sendonly', streams: [this.stream], sendEncodings: [{ maxBitrate: firstAdvice.bitrate_bps, maxFramerate: firstAdvice.max_fps }] }));
  }

  /** Sends as the studio advises: bitrate, then size, then rate. */
  private async follow(advice: PictureAdvice): Promise<void> {
    this.advice = safeAdvice(advice);
    const sender = this.connection.getSenders().find((one) => one.track?.kind === 'video');
    const parameters = sender?.getParameters();
    const encoding = parameters?.encodings[0];
    if (!sender || !parameters || !encoding) return;
    parameters.degradationPreference = 'maintain-resolution';
    encoding.maxBitrate = this.advice.bitrate_bps;
    encoding.scaleResolutionDownBy = this.advice.scale_down_by;
    encoding.maxFramerate = this.advice.max_fps;
    // Some browsers refuse one field and would then ignore all of them; the bitrate alone is worth asking again.
    await sender.setParameters(parameters).catch(async () => {
      const plain = sender.getParameters();
      if (plain.encodings[0]) plain.encodings[0].maxBitrate = this.advice.bitrate_bps;
      await sender.setParameters(plain).catch(() => undefined); // Then it sends as it likes; the studio sees what comes.
    });
  }

  send(message: FromPhone): void {
    if (this.channel.readyState === 'open' && this.channel.bufferedAmount < 65_536) this.channel.send(write(message));
  }

  async replace(stream: MediaStream): Promise<void> {
    for (const sender of this.connection.getSenders()) {
      const track = stream.getTracks().find((candidate) => candidate.kind === sender.track?.kind);
      if (track) await sender.replaceTrack(track).catch(() => this.fail('The camera changed.'));
    }
  }

  async measure(): Promise<Measure> {
    const measured = this.stats.take(await this.connection.getStats(), this.advice.max_fps, this.advice.bitrate_bps);
    return { steps: signalSteps(measured), dropped: this.stats.dropped, limitedBy: this.stats.limitedBy };
  }

  /** Ends it and tells the studio. */
  close(): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.timeout);
    this.abort.abort();
    this.connection.close();
    this.bye();
  }

  private bye(): void {
    const location = this.location;
    this.location = null;
    if (location) void this.api.endSession(location).catch(() => undefined); // The studio ends a silent session by itself.
  }

  private onMessage(data: unknown): void {
    const message = readMessage(data);
    if (message?.type === 'ping') this.send({ type: 'pong', id: message.id, clock_us: clockMicros() });
    else if (message?.type === 'advice') void this.follow(message);
    else if (message && !this.over) this.events.message(message);
  }

  private onState(): void {
    const { connectionState, iceConnectionState } = this.connection;
    if (connectionState === 'connected') {
      clearTimeout(this.timeout);
      this.reached = true;
      if (!this.over) this.events.connected();
    } else if (connectionState === 'failed' || iceConnectionState === 'failed' || iceConnectionState === 'disconnected') {
      this.fail('The connection broke.');
    }
  }

  private fail(reason: string): void {
    if (this.over) return;
    this.close();
    this.events.lost(reason, this.reached);
  }
}
