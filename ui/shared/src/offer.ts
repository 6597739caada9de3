/** Puts H.264 first: every phone has it in hardware, and the studio records it as it comes. */
export function preferH264(transceiver: RTCRtpTransceiver): void {
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

/** Waits for the local addresses, because an offer is sent once; not for long, since some networks never finish. */
export function gathered(connection: RTCPeerConnection): Promise<void> {
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
