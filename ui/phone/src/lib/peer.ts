import type { Api } from '@shared/api';
import type { FromPhone, PictureAdvice, Slot, ToPhone } from '@shared/wire';
import { clockMicros, firstAdvice, readMessage, safeAdvice, write } from './messages';

const CONNECT_TIMEOUT_MS = 8000;

export interface PeerEvents {
  connected(): void;
  message(message: ToPhone): void;
  lost(reason: string): void;
}

/** One WHIP session: from the offer to the end. It does not come back by itself; a new one is made instead. */
export class Peer {
  readonly connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  private readonly channel = this.connection.createDataChannel('studio');
  private readonly abort = new AbortController();
  private readonly timeout: ReturnType<typeof setTimeout>;
  private location: string | null = null;
  private over = false;
  private advice = firstAdvice;

  constructor(
    private readonly api: Api,
    private readonly slot: Slot,
    private readonly name: string,
    private readonly stream: MediaStream,
    private readonly events: PeerEvents,
  ) {
    this.connection.onconnectionstatechange = () => this.onState();
    this.connection.oniceconnectionstatechange = () => this.onState();
    this.channel.onopen = () => this.send({ type: 'hello', name: this.name, user_agent: navigator.userAgent.slice(0, 300) });
    this.channel.onmessage = ({ data }) => this.onMessage(data);
    this.channel.onclose = () => this.fail('The studio ended the connection.');
    this.timeout = setTimeout(() => this.fail('No way to the studio was found. Check that this phone is on the same Wi-Fi.'), CONNECT_TIMEOUT_MS);
  }

  /** Offers the picture. Throws what the studio refuses. */
  async start(): Promise<void> {
    for (const track of this.stream.getTracks()) {
      if (track.kind === 'video') track.contentHint = 'motion';
      const transceiver = this.connection.addTransceiver(track, { direction: 'sendonly', streams: [this.stream], sendEncodings: track.kind === 'video' ? [{ maxBitrate: firstAdvice.bitrate_bps, maxFramerate: firstAdvice.max_fps }] : undefined });
      if (track.kind === 'video') preferH264(transceiver);
    }
    await this.connection.setLocalDescription(await this.connection.createOffer());
    await gathered(this.connection);
    const { sdp, location } = await this.api.whip(this.slot, this.connection.localDescription?.sdp ?? '', this.abort.signal);
    this.location = location;
    if (this.over) return this.bye();
    await this.connection.setRemoteDescription({ type: 'answer', sdp });
    await this.follow(this.advice);
  }

  /** Sends as the studio advises: bitrate, then size, then rate. */
  async follow(advice: PictureAdvice): Promise<void> {
    this.advice = safeAdvice(advice);
    const sender = this.videoSender();
    if (!sender) return;
    const parameters = sender.getParameters();
    const encoding = parameters.encodings[0];
    if (!encoding) return;
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

  videoSender(): RTCRtpSender | null {
    return this.connection.getSenders().find((sender) => sender.track?.kind === 'video') ?? null;
  }

  get advised(): PictureAdvice {
    return this.advice;
  }

  send(message: FromPhone): void {
    if (this.channel.readyState === 'open' && this.channel.bufferedAmount < 65_536) this.channel.send(write(message));
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
    if (location) void this.api.whipEnd(location).catch(() => undefined); // The studio ends a silent session by itself.
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
      if (!this.over) this.events.connected();
    } else if (connectionState === 'failed' || iceConnectionState === 'failed' || iceConnectionState === 'disconnected') {
      this.fail('The connection broke.');
    }
  }

  private fail(reason: string): void {
    if (this.over) return;
    this.close();
    this.events.lost(reason);
  }
}

/** Puts H.264 first: every phone has it in hardware, and the studio records it as it comes. */
function preferH264(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const isH264 = (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === 'video/h264';
  const whole = (codec: RTCRtpCodec) => (codec.sdpFmtpLine ?? '').includes('packetization-mode=1');
  const rank = (codec: RTCRtpCodec) => (isH264(codec) ? (whole(codec) ? 0 : 1) : 2);
  try {
    transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
  } catch {
    // The browser's own order stands; the studio takes VP8 too.
  }
}

/** Waits for the local addresses, because a WHIP offer is sent once; not for long, since some networks never finish. */
function gathered(connection: RTCPeerConnection): Promise<void> {
  if (connection.iceGatheringState === 'complete') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000);
    connection.addEventListener('icegatheringstatechange', () => {
      if (connection.iceGatheringState !== 'complete') return;
      clearTimeout(timer);
      resolve();
    });
  });
}
