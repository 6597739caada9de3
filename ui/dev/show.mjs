// Plausible shows, and a rough fold of the commands, for the mock.

const names = ['Centre', 'Corner left', 'Goal line', 'Bench', 'Stand', 'Corner right'];
const positions = ['center_ice', 'corner_cam_1', 'goal_line_1', 'bench_side', '', 'corner_cam_2'];

function camera(slot, change = {}) {
  return {
    slot, name: names[slot - 1] ?? '', position: positions[slot - 1] ?? '', protocol: 'webrtc', state: 'live', live: false, next: false,
    admission: { accepted: true, reason: '', suggested_adjustments: [], expected_bitrate: 3e6, expected_size: { width: 1280, height: 720 }, expected_rate: 30, processing_priority: 1 },
    size: { width: 1280, height: 720 }, codec: 'h264', stats: { bitrate_bps: 2.9e6, fps: 29.97, loss: 0.001, jitter_ms: 4, rtt_ms: 9, decode_ms: 3 },
    clock: { offset_ms: 1200, drift_ppm: 12, uncertainty_ms: 1.2, two_way: true }, locked: true, delay_ms: { p50: 62, p95: 88, p99: 104, max: 140 },
    frames: 74000, lost: 3, reconnects: 0, quality: 0.81, level_dbfs: -20, fader: { gain_db: 0, muted: false, delay_ms: 0 }, ...change,
  };
}

const empty = { state: 'empty', name: '', position: '', admission: null, size: null, codec: null, clock: null, delay_ms: null, stats: { bitrate_bps: null, fps: null, loss: null, jitter_ms: null, rtt_ms: null, decode_ms: null }, locked: false };

export function makeShow(scenario) {
  const base = {
    session: 'mock', state: 'Running', era: 1, media_time: 0, seq: 41,
    program: { live: 1, next: 2, slate: false, layout: { type: 'full' }, transition: 'dissolve', transition_ms: 500 },
    output: { size: { width: 1280, height: 720 }, rate: { num: 30, den: 1 }, frames: 74160, dropped: 2, repeated: 11, black: 0, render_ms: { p50: 11, p95: 19, p99: 24, max: 40 }, encoder: { name: 'x264enc', bitrate_bps: 4.5e6 }, gpu: 'llvmpipe (LLVM 15)' },
    teams: [{ name: 'Lions', short: 'LIO', colour: '#1d4fd8', score: 2 }, { name: 'Bears', short: 'BEA', colour: '#e8ecf2', score: 1 }],
    clock: { millis: 754_000, since: 2_472_000e6, running: true, down: true, period: 2 }, clock_millis: 0,
    graphics: { score_bug: { on: true, title: '', subtitle: '' }, clock: { on: true, title: '', subtitle: '' }, lower_third: { on: false, title: '', subtitle: '' } },
    sound: { type: 'follow_video' }, meter: { peak_dbfs: [-14, -15], short_term_lufs: -16.3, limiter_db: 0 },
    cameras: [1, 2, 3, 4].map((slot) => camera(slot)),
    outputs: [
      { name: 'hls', kind: 'hls', url: 'https://192.168.178.41:8443/watch/', state: 'live', detail: '', bytes: 1.2e9, reconnects: 0, bitrate_bps: 4.6e6 },
      { name: 'YouTube', kind: 'rtmp', url: 'rtmps://a.rtmps.youtube.com/live2', state: 'live', detail: '', bytes: 1.2e9, reconnects: 0, bitrate_bps: 4.5e6 },
    ],
    recordings: [
      { source: null, kind: 'programme', path: null, parts: ['/data/recordings/programme-1.mp4'], seconds: 2472, playable: null, writing: true, bytes: 1.4e9 },
      ...[1, 2, 3, 4].map((slot) => ({ source: slot, kind: 'iso', path: null, parts: [`/data/recordings/cam${slot}-1.mp4`], seconds: 2470, playable: null, writing: true, bytes: 0.9e9 })),
    ],
    budget: { now_ms: 118, target_ms: 118 }, health: { cpu: 1.4, rss_bytes: 3.9e8, disk_free_bytes: 8.1e10, disk_left_s: 11_400 }, warnings: [], viewers: 23,
  };
  if (scenario === 'empty') {
    return { ...base, program: { ...base.program, live: null, next: null }, cameras: [], outputs: [{ ...base.outputs[0], state: 'connecting', bitrate_bps: null }], recordings: [], viewers: 0, meter: { peak_dbfs: [null, null], short_term_lufs: null, limiter_db: 0 }, teams: [{ name: '', short: '', colour: '#1d4fd8', score: 0 }, { name: '', short: '', colour: '#e8ecf2', score: 0 }], clock: { millis: 1_200_000, since: 0, running: false, down: true, period: 1 } };
  }
  if (scenario === 'fresh') return { ...base, program: { ...base.program, live: null, next: null }, cameras: [1, 2, 3, 4].map((slot) => camera(slot, empty)), viewers: 0, recordings: [] };
  if (scenario === 'full' || scenario === 'trouble') {
    const long = 'Rheinland-Pfalz Eislöwen Jugend A';
    base.cameras = [1, 2, 3, 4, 5, 6].map((slot) => camera(slot));
    base.cameras[1].name = 'Katharina from the upper balcony';
    base.teams = [{ name: long, short: 'RPELJ', colour: '#0b6b3c', score: 12 }, { name: 'Schwenninger Wild Wings U17 Reserve', short: 'WWWWW', colour: '#ffe14d', score: 107 }];
    base.cameras[2].stats = { ...base.cameras[2].stats, loss: 0.03, rtt_ms: 140 };
    base.cameras[3] = camera(4, { state: 'lost', locked: false });
    base.cameras[4] = camera(5, { locked: false, admission: { ...base.cameras[4].admission, accepted: false, reason: 'Picture too small: ask for landscape and 720p' } });
    base.cameras[5] = camera(6, { ...empty, state: 'joining', name: 'Corner right' });
    base.warnings = [
      { about: 'camera 4', message: 'Bench is gone.', remedy: 'Ask who holds it to unlock the phone; it comes back by itself.' },
      { about: 'YouTube', message: 'YouTube cannot be reached.', remedy: 'Viewers there see a pause. It is tried again in 8 s; check the internet line.' },
    ];
    base.outputs[1] = { ...base.outputs[1], state: 'waiting', detail: 'YouTube cannot be reached. The next try is in 8 s.', bitrate_bps: null, reconnects: 3 };
    base.outputs.push({ name: 'Verbands-Livestream Nordwest', kind: 'rtmp', url: 'rtmp://ingest.example.org:1935/app/with/a/long/path/that/does/not/end', state: 'refused', detail: 'The stream key is wrong. Copy it again from the platform and restart this destination.', bytes: 0, reconnects: 0, bitrate_bps: null });
    base.sound = { type: 'mix' };
    base.health.disk_left_s = 1500;
  }
  if (scenario === 'trouble') {
    for (let at = 0; at < 6; at += 1) base.warnings.push({ about: `camera ${at}`, message: `The disk is filling up (${at}).`, remedy: 'Recording stops in 25 minutes. Free some space or plug in another drive.' });
    base.program = { ...base.program, slate: true };
    base.recordings = base.recordings.map((recording, at) => ({ ...recording, writing: false, playable: at !== 2, path: at % 2 ? null : `/data/recordings/file${at}.mp4`, parts: [`/data/a${at}-1.mp4`, `/data/a${at}-2.mp4`] }));
  }
  if (scenario === 'soon') return { ...base, state: 'Starting', outputs: [{ ...base.outputs[0], state: 'connecting' }] };
  if (scenario === 'over') return { ...base, state: 'Completed', outputs: base.outputs.map((output) => ({ ...output, state: 'off' })), recordings: base.recordings.map((recording) => ({ ...recording, writing: false, playable: true, path: recording.parts[0] })) };
  return base;
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
    case 'set_fader': Object.assign(show.cameras.find((one) => one.slot === command.slot).fader, { gain_db: command.gain_db, muted: command.muted, delay_ms: command.delay_ms }); return null;
    case 'name_camera': Object.assign(show.cameras.find((one) => one.slot === command.slot), { name: command.name, position: command.position }); return null;
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
  return { type: command.type };
}
