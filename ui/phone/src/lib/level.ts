/** Peak of a microphone, dBFS, some times a second. */
export class Level {
  private context: AudioContext | null = null;
  private ear: MediaStream | null = null;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly take: (dbfs: number) => void) {}

  follow(stream: MediaStream): void {
    this.stop();
    if (stream.getAudioTracks().length === 0) return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    // A copy of its own, which muting does not silence: whoever is muted wants to see that the microphone works.
    this.ear = new MediaStream(stream.getAudioTracks().map((track) => track.clone()));
    for (const track of this.ear.getAudioTracks()) track.enabled = true;
    context.createMediaStreamSource(this.ear).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.context = context;
    this.timer = setInterval(() => {
      if (context.state === 'suspended') void context.resume().catch(() => undefined); // Until a tap allows it the meter rests.
      analyser.getFloatTimeDomainData(samples);
      this.take(peakDbfs(samples));
    }, 60);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    for (const track of this.ear?.getTracks() ?? []) track.stop();
    this.ear = null;
    void this.context?.close().catch(() => undefined); // It is gone either way.
    this.context = null;
  }
}

/** The largest sample, dBFS; -120 for silence. */
export function peakDbfs(samples: Float32Array): number {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak > 1e-6 ? 20 * Math.log10(peak) : -120;
}
