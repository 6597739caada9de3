/** Why there is no picture, in words for the person who holds the phone. */
export class CameraError extends Error {
  constructor(
    readonly kind: 'denied' | 'none' | 'busy' | 'insecure',
    message: string,
  ) {
    super(message);
  }
}

const soundWords = {
  denied: 'The browser may not use the microphone. Allow it for this page in the browser’s settings, then try again.',
  none: 'No microphone was found on this device.',
  busy: 'Another app holds the microphone. Close it, then try again.',
};

const words = {
  denied: 'The browser may not use the camera. Allow camera and microphone for this page in the browser’s settings, then try again.',
  none: 'No camera was found on this device. Join with a phone that has one.',
  busy: 'Another app holds the camera. Close it, then try again.',
  insecure: 'The camera needs a secure address. Open the link that starts with https.',
};

export function cameraError(error: unknown, says: { denied: string; none: string; busy: string } = words): CameraError {
  const name = error instanceof DOMException ? error.name : '';
  const kind = name === 'NotAllowedError' || name === 'SecurityError' ? 'denied' : name === 'NotFoundError' || name === 'OverconstrainedError' ? 'none' : 'busy';
  return new CameraError(kind, says[kind]);
}

// A rink's sound is what viewers should hear, so the telephone's helpers are off.
const audio: MediaTrackConstraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

function video(deviceId: string | null): MediaTrackConstraints {
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: 'environment' } };
  return { ...which, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
}

/** Opens camera and microphone; a phone without a microphone still gives its picture. */
export async function openCamera(deviceId: string | null): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError('insecure', words.insecure);
  try {
    return await navigator.mediaDevices.getUserMedia({ video: video(deviceId), audio });
  } catch (first) {
    if (first instanceof DOMException && (first.name === 'NotFoundError' || first.name === 'NotReadableError')) {
      try {
        return await navigator.mediaDevices.getUserMedia({ video: video(deviceId) });
      } catch (second) {
        throw cameraError(second);
      }
    }
    // A camera that was chosen earlier may be gone.
    if (deviceId && first instanceof DOMException && first.name === 'OverconstrainedError') return openCamera(null);
    throw cameraError(first);
  }
}

/**
 * Opens a microphone for a voice on air. Echo is taken out, because not every commentator wears headphones; the rest of the
 * telephone's helpers would pump.
 */
export async function openMicrophone(deviceId: string | null): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError('insecure', 'The microphone needs a secure address. Open the link that starts with https.');
  const helpers = { echoCancellation: true, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: deviceId ? { ...helpers, deviceId: { exact: deviceId } } : helpers });
  } catch (error) {
    // One that was chosen earlier may be unplugged.
    if (deviceId && error instanceof DOMException && error.name === 'OverconstrainedError') return openMicrophone(null);
    throw cameraError(error, soundWords);
  }
}

export interface Choice {
  id: string;
  label: string;
}

/** The cameras or microphones to choose from; their names are known once one was allowed. */
export async function listDevices(kind: 'videoinput' | 'audioinput'): Promise<Choice[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  // Chromium names the standard microphone a second time under "default".
  const own = devices.filter((device) => device.kind === kind && device.deviceId !== 'communications');
  return own.map((device, at) => ({ id: device.deviceId, label: device.label || `${kind === 'videoinput' ? 'Camera' : 'Microphone'} ${at + 1}` }));
}

/** Whether a stream still gives what it is for; iOS ends tracks when the phone is locked. */
export function isAlive(stream: MediaStream | null, kind: 'video' | 'audio'): boolean {
  return stream?.getTracks().find((track) => track.kind === kind)?.readyState === 'live';
}

export function close(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
