// Plausible shows, and a rough fold of the commands, for the mock.

const names = ['Centre', 'Corner left', 'Goal line', 'Bench', 'Stand', 'Corner right'];
const positions = ['center_ice', 'corner_cam_1', 'goal_line_1', 'bench_side', '', 'corner_cam_2'];

function camera(slot, change = {}) {
  return {
    slot, name: names[slot - 1] ?? '', position: positions[slot - 1] ?? '', protocol: 'webrtc', state: 'live', live: false, next: false,
    admission: { accepted: true, reason: '', suggested_adjustments: [], expected_bitrate: 3e6, expected_size: { width: 1280, height: 720 }, expected_rate: 30, processing_priority: 1 },
    size: { width: 1280, height: 720 }, codec: 'h264', stats: { bitrate_bps: 2.9e6, fps: 29.97, loss: 0.001, jitter_ms: 4, rtt_ms: 9, decode_ms: 3 },
    clock: { offset_ms: 1200, drift_ppm: 12, uncertainty_ms: 1.2, two_way: true }, locked: true, delay_ms: { p50: 62, p95: 88, p99: 104, max: 140 },
    frames: 74000, lost: 3, reconnects: 0, quality: 0.81, level_dbfs: -20, fader: { gain_db: 0, muted: false, delay_ms: 0 }, trim_ms: 0, trimmed: false, priority: slot, shed: 'none', hears: 'off',
    input: { state: 'connected', address: '', detail: '', retry_in_ms: null, decoder: 'avdec_h264' }, ...change,
  };
}

const empty = { state: 'empty', name: '', position: '', admission: null, size: null, codec: null, clock: null, delay_ms: null, stats: { bitrate_bps: null, fps: null, loss: null, jitter_ms: null, rtt_ms: null, decode_ms: null }, locked: false, input: { state: 'listening', address: '', detail: '', retry_in_ms: null, decoder: null } };

const guessed = { offset_ms: 0, drift_ppm: 0, uncertainty_ms: 120, two_way: false };
const recording = (source, change = {}) => ({ id: source ? `cam${source}` : 'programme', source, kind: source ? 'iso' : 'programme', path: null, parts: [`/data/recordings/${source ? `cam${source}` : 'programme'}-1.mp4`], seconds: 2472, playable: null, writing: true, bytes: source ? 0.9e9 : 1.4e9, verified: 'no', progress: null, problem: '', tracks: source ? ['video h264', 'sound camera', 'sound programme'] : ['video h264', 'sound programme'], ...change });
const output = (name, kind, url, change = {}) => ({ name, kind, url, state: 'live', detail: '', bytes: 1.2e9, reconnects: 0, bitrate_bps: 4.5e6, retry_in_ms: null, dropped: 0, ...change });

export function makeShow(scenario) {
  const base = {
    session: 'mock', state: 'Running', era: 1, media_time: 0, seq: 41,
    program: { live: 1, next: 2, slate: false, layout: { type: 'full' }, transition: 'dissolve', transition_ms: 500 },
    output: { size: { width: 1280, height: 720 }, rate: { num: 30, den: 1 }, frames: 74160, dropped: 2, repeated: 11, black: 0, render_ms: { p50: 11, p95: 19, p99: 24, max: 40 }, encoder: { name: 'x264enc', bitrate_bps: 4.5e6 }, gpu: 'llvmpipe (LLVM 15)' },
    teams: [{ name: 'Lions', short: 'LIO', colour: '#1d4fd8', score: 2 }, { name: 'Bears', short: 'BEA', colour: '#e8ecf2', score: 1 }],
    clock: { millis: 754_000, since: 2_472_000e6, running: true, down: true, period: 2 }, clock_millis: 0,
    graphics: { score_bug: { on: true, title: '', subtitle: '' }, clock: { on: true, title: '', subtitle: '' }, lower_third: { on: false, title: '', subtitle: '' } },
    sound: { type: 'follow_video' }, sound_processing: { ducking_db: 15, riding: true },
    meter: { peak_dbfs: [-14, -15], short_term_lufs: -16.3, limiter_db: 0, momentary_lufs: -15.4, integrated_lufs: -16.1, true_peak_dbtp: -1.6, ride_db: 1.4, duck_db: 0 },
    cameras: [1, 2, 3, 4].map((slot) => camera(slot)), microphones: [], joins: [], load: { level: 0, shed: [] },
    outputs: [output('Watch page', 'hls', 'live.m3u8'), output('YouTube', 'rtmps', 'rtmps://a.rtmps.youtube.com/live2/***'), output('Watch page, WebRTC', 'whep', 'whep')],
    recordings: [recording(null), ...[1, 2, 3, 4].map((slot) => recording(slot))],
    budget: { now_ms: 118, target_ms: 118 },
    health: { cpu: 1.4, rss_bytes: 3.9e8, disk_free_bytes: 8.1e10, disk_left_s: 11_400, machine_cpu: 0.62, memory_free_bytes: 4.2e9, network_in_bps: 12.4e6, network_out_bps: 9.8e6, temperature_c: 61 }, warnings: [], viewers: 23, viewers_whep: 6,
  };
  if (scenario === 'empty') {
    return { ...base, program: { ...base.program, live: null, next: null }, cameras: [], outputs: [{ ...base.outputs[0], state: 'connecting', bitrate_bps: null }], recordings: [], viewers: 0, viewers_whep: 0, health: { ...base.health, network_in_bps: null, network_out_bps: null, temperature_c: null }, meter: { ...base.meter, peak_dbfs: [-120, -120], short_term_lufs: null, momentary_lufs: null, integrated_lufs: null, true_peak_dbtp: null, ride_db: 0 }, teams: [{ name: '', short: '', colour: '#1d4fd8', score: 0 }, { name: '', short: '', colour: '#e8ecf2', score: 0 }], clock: { millis: 1_200_000, since: 0, running: false, down: true, period: 1 } };
  }
  if (scenario === 'fresh') return { ...base, program: { ...base.program, live: null, next: null }, cameras: [1, 2, 3, 4].map((slot) => camera(slot, empty)), viewers: 0, recordings: [] };
  if (scenario === 'full' || scenario === 'trouble') {
    const long = 'Rheinland-Pfalz Eislöwen Jugend A';
    base.cameras = [1, 2, 3, 4, 5, 6].map((slot) => camera(slot));
    base.cameras[1].name = 'Katharina from the upper balcony';
    base.teams = [{ name: long, short: 'RPELJ', colour: '#0b6b3c', score: 12 }, { name: 'Schwenninger Wild Wings U17 Reserve', short: 'WWWWW', colour: '#ffe14d', score: 107 }];
    base.cameras[4] = camera(5, { locked: false, admission: { ...base.cameras[4].admission, accepted: false, reason: 'Picture too small: ask for landscape and 720p' } });
    base.cameras[5] = camera(6, { ...empty, state: 'joining', name: 'Camera 6' });
    base.warnings = [
      { about: 'camera 4', message: 'Bench is gone.', remedy: 'Ask who holds it to unlock the phone; it comes back by itself.' },
      { about: 'YouTube', message: 'YouTube cannot be reached.', remedy: 'Viewers there see a pause. It is tried again in 8 s; check the internet line.' },
    ];
    Object.assign(base.outputs[1], { state: 'waiting', detail: 'YouTube cannot be reached. Check the internet line.', bitrate_bps: null, reconnects: 3, retry_in_ms: 7400, dropped: 214 });
    base.outputs.push(output('Verbands-Livestream Nordwest', 'rtmp', 'rtmp://ingest-nordwest-2.livestream.verband.example.org:1935/hauptkanal/***', { state: 'refused', detail: 'The stream key is wrong. Copy it again from the platform, then change it here.', bytes: 0, bitrate_bps: null }));
    base.outputs.push(output('Club server', 'srt', 'srt://live.club.example:9000', { bitrate_bps: 4.6e6, reconnects: 1 }), output('Twitch', 'rtmp', 'rtmps://live.twitch.tv/app/***', { state: 'off', bitrate_bps: null }));
    base.cameras[2] = camera(3, { protocol: 'srt', clock: guessed, trim_ms: 120, trimmed: true, delay_ms: null });
    base.cameras[3] = camera(4, { protocol: 'rtsp', state: 'lost', locked: false, delay_ms: null, reconnects: 4, clock: null, input: { state: 'waiting', address: 'rtsp://192.168.178.60/stream1', detail: 'The camera does not answer. Check its cable and its power.', retry_in_ms: 6300, decoder: 'avdec_h265' } });
    base.microphones = [{ slot: 33, name: 'Birgit Sommer-Vandenhoek', protocol: 'webrtc', state: 'live', level_dbfs: -14, fader: { gain_db: 3, muted: false, delay_ms: 40 } }];
    base.meter.duck_db = 9;
    base.joins = [{ id: 'r1', name: 'Katharina from the upper balcony', digits: '204913', since: 0 }, { id: 'r2', name: 'Jo', digits: '771002', since: 0 }];
    base.load = { level: 2, shed: ['small pictures of cameras come less often', 'cameras that are off air show only a picture now and then'] };
    base.health.machine_cpu = 0.97;
    base.health.temperature_c = 88;
    base.sound = { type: 'mix' };
    base.health.disk_left_s = 1500;
  }
  if (scenario === 'trouble') {
    for (let at = 0; at < 6; at += 1) base.warnings.push({ about: `camera ${at}`, message: `The disk is filling up (${at}).`, remedy: 'Recording stops in 25 minutes. Free some space or plug in another drive.' });
    base.program = { ...base.program, slate: true };
    base.load = { level: 3, shed: [...base.load.shed, 'the programme is encoded less finely'] };
    base.recordings = [recording(null, { writing: false, path: '/data/programme.mp4', verified: 'saved' }), recording(1, { writing: false, verified: 'checking', progress: 0.42 }), recording(2, { writing: false, verified: 'damaged', problem: 'Its end is torn: the last 3 s cannot be read. Repair it.', parts: Array.from({ length: 9 }, (_, at) => `/data/cam2-${at + 1}.mp4`) }), recording(3, { writing: false, path: '/data/cam3.mp4' }), recording(4, { writing: false, verified: 'repairing', progress: 0.8 })];
  }
  if (scenario === 'soon') return { ...base, state: 'Starting', outputs: [{ ...base.outputs[0], state: 'connecting' }] };
  if (scenario === 'over') return { ...base, state: 'Completed', outputs: base.outputs.map((output) => ({ ...output, state: 'off' })), recordings: base.recordings.map((recording) => ({ ...recording, writing: false, playable: true, path: recording.parts[0], verified: 'saved' })) };
  return base;
}

function change(show, id, fields) {
  const found = show.recordings.find((one) => one.id === id);
  if (!found) return 'There is no such recording.';
  Object.assign(found, fields);
  const timer = setInterval(() => {
    found.progress += 0.1;
    if (found.progress < 1) return;
    clearInterval(timer);
    Object.assign(found, { verified: 'saved', progress: null });
  }, 300);
  return null;
}

/** Applies a command to a show; returns why not when it is refused. */
export function apply(show, command, now) {
  const { program } = show;
  const known = (slot) => show.cameras.find((one) => one.slot === slot && one.state === 'live');
  switch (command.type) {
    case 'cut':
      if (!known(command.slot)) return `Camera ${command.slot} sends no picture. Choose another one.`;
      if (program.live !== command.slot) Object.assign(program, { next: program.live, live: command.slot });
      program.slate = false;
      return null;
    case 'preview':
      if (!known(command.slot)) return `Camera ${command.slot} sends no picture. Choose another one.`;
      program.next = command.slot;
      return null;
    case 'take': case 'mix':
      [program.live, program.next] = [program.next, program.live];
      program.slate = false;
      return null;
    case 'set_transition': Object.assign(program, { transition: command.kind, transition_ms: command.duration_ms }); return null;
    case 'set_layout': program.layout = command.layout; return null;
    case 'slate': program.slate = command.on; return null;
    case 'add_score': {
      const team = show.teams[command.side === 'home' ? 0 : 1];
      team.score = Math.max(0, team.score + command.points);
      return null;
    }
    case 'set_team': Object.assign(show.teams[command.side === 'home' ? 0 : 1], { name: command.name, short: command.short, colour: command.colour }); return null;
    case 'start_clock': Object.assign(show.clock, { running: true, since: now }); return null;
    case 'stop_clock': Object.assign(show.clock, { millis: Math.max(0, show.clock.millis - Math.floor((now - show.clock.since) / 1e6)), running: false, since: now }); return null;
    case 'set_clock': Object.assign(show.clock, { millis: command.millis, since: now }); return null;
    case 'set_period': show.clock.period = command.period; return null;
    case 'graphic': show.graphics[command.graphic] = { on: command.on, title: command.title ?? '', subtitle: command.subtitle ?? '' }; return null;
    case 'set_sound': show.sound = command.sound; return null;
    case 'set_fader': Object.assign([...show.cameras, ...show.microphones].find((one) => one.slot === command.slot).fader, { gain_db: command.gain_db, muted: command.muted, delay_ms: command.delay_ms }); return null;
    case 'name_camera': Object.assign(show.cameras.find((one) => one.slot === command.slot), { name: command.name, position: command.position }); return null;
    case 'set_trim': Object.assign(show.cameras.find((one) => one.slot === command.slot), { trim_ms: command.trim_ms, trimmed: true }); return null;
    case 'set_priority': show.cameras.find((one) => one.slot === command.slot).priority = command.priority; return null;
    case 'set_sound_processing': show.sound_processing = { ducking_db: command.ducking_db, riding: command.riding }; return null;
    case 'sync_sources': return command.by === 'flash' ? 'No flash was seen. Flash a light where all cameras look, then press again.' : null;
    case 'talk': for (const one of show.cameras) if (!command.to || one.slot === command.to) one.hears = command.on ? 'director' : 'off'; return null;
    case 'send_text': case 'renew_crew_code': case 'revoke_access': return null;
    case 'disconnect': Object.assign(show.cameras.find((one) => one.slot === command.slot) ?? show.microphones.find((one) => one.slot === command.slot), { state: 'empty' }); return null;
    case 'admit_phone': case 'refuse_phone': show.joins = show.joins.filter((one) => one.id !== command.request); return null;
    case 'verify_recording': return change(show, command.id, { verified: 'checking', progress: 0 });
    case 'repair_recording': return change(show, command.id, { verified: 'repairing', progress: 0, problem: '' });
    case 'delete_recording': show.recordings = show.recordings.filter((one) => one.id !== command.id); return null;
    case 'undo': return 'There is nothing to take back.';
    case 'destination': Object.assign(show.outputs.find((one) => one.name === command.name), { state: command.on ? 'live' : 'off', detail: '' }); return null;
    default: show.state = 'Completed'; return null;
  }
}

/** The event that a command would leave in the log, roughly. */
export function factOf(command, show) {
  if (['cut', 'take', 'mix'].includes(command.type)) return { type: 'cut_made', from: show.program.next, to: show.program.live, transition: command.type === 'mix' ? show.program.transition : 'cut', duration_ms: 0, by: 'director', reason: '' };
  if (command.type === 'slate') return { type: 'slate_set', on: command.on };
  if (command.type === 'add_score') return { type: 'team_set', side: command.side, team: show.teams[command.side === 'home' ? 0 : 1] };
  if (command.type === 'set_trim') return { type: 'trim_set', slot: command.slot, trim_ms: command.trim_ms };
  return { type: command.type };
}

/** What the mock's other routes know. */
export function makeExtras(scenario) {
  const full = scenario === 'full' || scenario === 'trouble';
  return {
    presets: [
      { id: 'youtube', name: 'YouTube', servers: ['rtmps://a.rtmps.youtube.com/live2', 'rtmps://b.rtmps.youtube.com/live2?backup=1'], key_hint: 'YouTube Studio, Go live, Stream key', limits: {} },
      { id: 'twitch', name: 'Twitch', servers: ['rtmps://live.twitch.tv/app'], key_hint: 'Twitch, Creator Dashboard, Settings, Stream', limits: {} },
      { id: 'facebook', name: 'Facebook', servers: ['rtmps://live-api-s.facebook.com:443/rtmp'], key_hint: 'Facebook, Live Producer, Streaming software', limits: {} },
      { id: 'custom', name: 'Another server', servers: [], key_hint: 'An address that the server’s owner gives you', limits: {} },
    ],
    destinations: [{ name: 'Club server', kind: 'srt', url: 'srt://live.club.example:9000?passphrase=***', preset: null, has_key: true, in_settings: false, advice: [] }, { name: 'YouTube', kind: 'rtmp', url: 'rtmps://a.rtmps.youtube.com/live2/***', preset: 'youtube', has_key: true, in_settings: true, advice: full ? ['YouTube asks for a key picture every 4 s at most.'] : [] }],
    devices: scenario === 'empty' ? [] : [{ id: '/dev/video0', label: 'Integrated Camera', kind: 'video', modes: ['1280x720 at 30'] }, { id: 'default', label: 'The system’s microphone', kind: 'audio', modes: [] }, { id: 'usb-1', label: 'Focusrite Scarlett Solo USB Analogue Stereo', kind: 'audio', modes: [] }],
    tickets: full ? [{ label: 'camera 2', role: 'camera', slot: 2, kind: 'token', issued: 1, expires: null }, { label: 'viewers', role: 'viewer', slot: null, kind: 'link', issued: 2, expires: null }] : [],
    earlier: scenario === 'empty' ? [] : [{ session: 'old1', created: (Date.now() - 7 * 864e5) * 1000, recordings: [recording(null, { id: 'old1/programme', writing: false, path: '/old/programme.mp4', verified: 'saved' }), ...[1, 2, 3].map((slot) => recording(slot, { id: `old1/cam${slot}`, writing: false, path: `/old/cam${slot}.mp4` }))] }, { session: 'old0', created: (Date.now() - 14 * 864e5) * 1000, recordings: [1, 2, 3].map((slot) => recording(slot, { id: `old0/cam${slot}`, writing: false, path: `/old/0/cam${slot}.mkv`, verified: 'saved' })) }],
  };
}
