import type { PictureAdvice } from '@shared/wire';
import { clockMicros } from '../messages';
import type { Piece } from './pieces';

const PIECE_MS = 100;
const KEY_EVERY_MS = 2000;
const LEAST_BYTES = 64;
const SOUND_BPS = 128_000;

// H.264 is recorded by the studio as it comes. MP4 stands first for phones by Apple, whose only form it is.
const forms = [
  'video/mp4;codecs=avc1.42E01F,mp4a.40.2',
  'video/webm;codecs=h264,opus',
  'video/webm;codecs=vp8,opus',
];
const silentForms = ['video/mp4;codecs=avc1.42E01F', 'video/webm;codecs=h264', 'video/webm;codecs=vp8'];

/** The form in which this browser records, or null when it cannot. `streamsMp4` says whether MP4 leaves the recorder piece by piece. */
export function bestForm(sound: boolean, streamsMp4: boolean, supports: (mime: string) => boolean): string | null {
  const [mp4 = '', ...webm] = sound ? forms : silentForms;
  const order = streamsMp4 ? [mp4, ...webm] : [...webm, mp4];
  return order.find((mime) => supports(mime)) ?? null;
}

/** Whether this browser can record at all. */
export function canRecord(): boolean {
  return typeof MediaRecorder !== 'undefined' && bestForm(false, true, (mime) => MediaRecorder.isTypeSupported(mime)) !== null;
}

type Options = MediaRecorderOptions & { videoKeyFrameIntervalDuration?: number };

/** A running recording in pieces of a tenth of a second. A new one begins with its own head and a key picture. */
export class PieceRecorder {
  readonly mime: string;
  private readonly recorder: MediaRecorder;
  private over = false;
  private startMs = 0;
  private head: Blob | null = null;

  constructor(stream: MediaStream, advice: PictureAdvice, private readonly take: (piece: Piece) => void, private readonly broke: (reason: string) => void) {
    // Chromium closes an MP4 fragment only at the next key picture, two seconds late; its WebM comes at once.
    const streamsMp4 = !('userAgentData' in navigator) && !/Chrom(e|ium)\//.test(navigator.userAgent);
    const form = bestForm(stream.getAudioTracks().length > 0, streamsMp4, (mime) => MediaRecorder.isTypeSupported(mime));
    if (!form) throw new DOMException('This browser cannot record.', 'NotSupportedError');
    const options: Options = { mimeType: form, videoBitsPerSecond: advice.bitrate_bps, audioBitsPerSecond: SOUND_BPS, videoKeyFrameIntervalDuration: KEY_EVERY_MS };
    this.recorder = new MediaRecorder(stream, options);
    this.mime = this.recorder.mimeType || form;
    this.recorder.onstart = () => (this.startMs ||= clockMicros() / 1000);
    this.recorder.ondataavailable = ({ data }) => this.onData(data);
    this.recorder.onerror = () => this.stop() && this.broke('The camera stopped recording.');
    this.recorder.onstop = () => this.stop() && this.broke('The camera stopped.');
    this.recorder.start(PIECE_MS);
  }

  private onData(data: Blob): void {
    if (this.over || data.size === 0) return;
    const endMs = clockMicros() / 1000;
    // Chromium's first piece is a single byte; alone it would not tell that a recording begins.
    const blob = this.head ? new Blob([this.head, data]) : data;
    this.head = blob.size < LEAST_BYTES ? blob : null;
    if (this.head) return;
    this.take({ blob, startMs: this.startMs || endMs - PIECE_MS, endMs });
    this.startMs = endMs;
  }

  /** Ends it; what it still holds is thrown away. False when it was over already. */
  stop(): boolean {
    if (this.over) return false;
    this.over = true;
    if (this.recorder.state !== 'inactive') this.recorder.stop();
    return true;
  }
}
