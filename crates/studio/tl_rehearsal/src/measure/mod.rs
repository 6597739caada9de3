//! Reads a run back: time codes out of the recordings, the studio's own trace, the phones' truth, joined into one report.

mod director;
mod files;
mod judged;
mod ledger;
mod picture;
mod protocols;
mod sound;
mod timing;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tl_base::{MediaTime, Percentiles, Protocol, SlotId};
use tl_wire::Snapshot;

use crate::report::{CameraReport, LatencyReport, OutputReport, ProcessResources, ProgramReport, RecordingReport, Report, ResourceReport, SoundReport, Tail};
use crate::truth::Truth;
use crate::{Error, Progress, Summary};
use files::Reading;
use judged::Judged;
use ledger::Ledger;
use timing::Skews;

/// What is known of a run beside its files.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The session's folder with `session.json`, `trace.jsonl`, `events.jsonl` and `recordings.json`.
    pub session: PathBuf,
    /// The phones' truth; none: nothing that needs it is measured.
    pub truth: Option<PathBuf>,
    /// What the phones did; its seed tells where the puck was.
    pub summary: Option<Summary>,
    /// The studio's last snapshot.
    pub snapshot: Option<Snapshot>,
    /// Figures count from this tick on; none: from the first.
    pub from: Option<MediaTime>,
    /// Figures count up to this tick; none: to the last.
    pub until: Option<MediaTime>,
    /// What the studio's process used.
    pub studio: Option<ProcessResources>,
    /// `{name, driver, busy_share}` of the graphics adapter.
    pub gpu: Option<serde_json::Value>,
    /// Measured by a viewer.
    pub program_to_viewer: Option<Tail>,
}

/// Measures a finished run. Recordings are decoded from end to end, two at a time; what is missing or damaged leaves its figures out.
pub fn measure(input: &Input, progress: &(dyn Fn(Progress) + Sync)) -> Result<Report, Error> {
    let ledger = Ledger::read(&input.session)?;
    let truth = input.truth.as_deref().map(Truth::read).transpose()?.unwrap_or_default();
    let readings = files::read_all(&ledger.recordings, progress);
    progress(Progress { what: "joining truth and trace".into(), share: 0.95 });
    let report = join(input, &ledger, &truth, &readings);
    progress(Progress { what: "measured".into(), share: 1.0 });
    Ok(report)
}

fn loudness(meter: &tl_wire::Meter) -> SoundReport {
    SoundReport { integrated_lufs: meter.integrated_lufs.map(f64::from), true_peak_dbtp: meter.true_peak_dbtp.map(f64::from) }
}

/// Pure: joins what was read.
fn join(input: &Input, ledger: &Ledger, truth: &Truth, readings: &[Reading]) -> Report {
    let ticks = ledger.ticks_between(input.from, input.until);
    let seconds = match (ticks.first(), ticks.last()) {
        (Some(first), Some(last)) => (last.pts - first.pts).0 as f64 / 1e9 + 1.0 / 30.0,
        _ => 0.0,
    };
    let span = (input.from.or(ticks.first().map(|tick| MediaTime(tick.pts.0))), input.until);
    let skews = Skews::measure(ledger, truth, readings, span, &unlocked(input), Judged::of(input, ledger));
    let claps = sound::claps(readings, span, ledger, truth, &skews);
    let summary = input.summary.as_ref();
    let mut program = picture::program(ledger, ticks, truth, &skews, readings, span);
    if let (Some(snapshot), None) = (&input.snapshot, program.width) {
        program.width = Some(snapshot.output.size.width);
        program.height = Some(snapshot.output.size.height);
    }
    let phones = summary.map(|summary| summary.resources).unwrap_or_default();
    let is_phone = |slot: SlotId| skews.judged().protocol(slot).is_none_or(|protocol| protocol == Protocol::Webrtc);
    let phone_to_program = timing::to_program(ledger, ticks, truth, &skews, is_phone);
    let parts = protocols::Parts { ledger, ticks, truth, skews: &skews, claps: &claps };
    let cameras = cameras(input, &parts);
    let studio = input.studio.unwrap_or_default();
    Report {
        version: env!("CARGO_PKG_VERSION").into(),
        seed: summary.map(|summary| summary.seed),
        seconds,
        latency_ms: LatencyReport { phone_to_program, program_to_viewer: input.program_to_viewer },
        skew_ms: Percentiles::of(skews.all()).map(Into::into),
        pair_skew_ms: timing::pair_skew(ledger, ticks, truth, &skews),
        lip_sync_ms: sound::lip_sync(claps.iter().map(|(_, ms)| *ms)),
        sound: input.snapshot.as_ref().map(|snapshot| loudness(&snapshot.meter)).unwrap_or_default(),
        protocols: protocols::by_protocol(&cameras, &parts),
        cameras,
        cuts: director::cuts(ledger, input.from, input.until),
        director: director::report(ledger, ticks, truth, &skews, summary.map(|summary| summary.seed), seconds),
        outputs: input.snapshot.iter().flat_map(|snapshot| &snapshot.outputs).map(output).collect(),
        recordings: readings.iter().map(recording).collect(),
        resources: ResourceReport { cpu_seconds: studio.cpu_seconds, rss_peak_mb: studio.rss_peak_mb, gpu: input.gpu.clone(), phones },
        program: ProgramReport { ..program },
    }
}

/// Cameras outside the show's budget do not count for skew.
fn unlocked(input: &Input) -> Vec<SlotId> {
    let cameras = input.snapshot.iter().flat_map(|snapshot| &snapshot.cameras);
    cameras.filter(|camera| !camera.locked && camera.clock.is_none()).map(|camera| camera.slot).collect()
}

fn output(view: &tl_wire::OutputView) -> OutputReport {
    OutputReport { kind: view.kind.clone(), url: view.url.clone(), state: view.state.clone(), bytes: view.bytes, reconnects: u64::from(view.reconnects) }
}

fn recording(reading: &Reading) -> RecordingReport {
    let text = |path: &PathBuf| path.display().to_string();
    RecordingReport {
        source: reading.source.map(|slot| slot.0),
        kind: reading.kind.clone(),
        path: text(&reading.path),
        parts: reading.parts.iter().map(|part| text(&part.path)).collect(),
        seconds: reading.seconds,
        playable: reading.playable,
    }
}

fn cameras(input: &Input, parts: &protocols::Parts<'_>) -> Vec<CameraReport> {
    let mut cameras: BTreeMap<SlotId, CameraReport> = BTreeMap::new();
    let entry = |slot: SlotId| CameraReport {
        id: slot.0,
        position: None,
        protocol: None,
        frames: None,
        lost: None,
        quality: None,
        offset_ms: None,
        uncertainty_ms: None,
        reconnects: None,
        trim_ms: None,
        synced: parts.skews.judged().synced(slot),
        skew_ms: parts.skew(|other| other == slot),
        latency_ms: parts.latency(|other| other == slot),
        lip_sync_ms: parts.lip_sync(|other| other == slot),
    };
    for slot in parts.truth.slots() {
        cameras.insert(slot, entry(slot));
    }
    for phone in input.summary.iter().flat_map(|summary| &summary.phones) {
        let camera = cameras.entry(phone.slot).or_insert_with(|| entry(phone.slot));
        camera.position = Some(phone.position.clone());
        camera.protocol = Some(phone.protocol.to_string());
    }
    for view in input.snapshot.iter().flat_map(|snapshot| &snapshot.cameras) {
        if view.frames == 0 && !cameras.contains_key(&view.slot) {
            continue;
        }
        let camera = cameras.entry(view.slot).or_insert_with(|| entry(view.slot));
        if !view.position.is_empty() {
            camera.position = Some(view.position.clone());
        }
        camera.protocol = Some(view.protocol.clone());
        camera.frames = Some(view.frames);
        camera.lost = view.lost;
        camera.quality = view.quality;
        camera.offset_ms = view.clock.map(|clock| clock.offset_ms);
        camera.uncertainty_ms = view.clock.map(|clock| clock.uncertainty_ms);
        camera.trim_ms = view.trimmed.then_some(view.trim_ms);
        camera.reconnects = Some(u64::from(view.reconnects));
    }
    cameras.into_values().collect()
}

#[cfg(test)]
mod tests;
