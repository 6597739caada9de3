//! A whole show whose threads are watched for what they take from the heap.

pub mod counter;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tl_base::{Protocol, SlotId};
use tl_rehearsal::{ClipOptions, clips};
use tl_studio::Source;
use tl_tests::{Client, Stage, until};

use counter::Taken;

/// Cameras that play.
const CAMERAS: usize = 4;
/// What a thread allocates for the first time with each arrangement and each driver's shader has happened by then.
const WARM_UP: u64 = 90;

/// What was counted over some ticks.
pub struct Counted {
    /// Ticks that were encoded.
    pub ticks: u64,
    /// By the threads' names.
    pub by_thread: BTreeMap<String, Taken>,
}

impl Counted {
    /// What threads of this name took; nothing when they took none.
    pub fn of(&self, name: &str) -> Taken {
        self.by_thread.get(name).copied().unwrap_or_default()
    }
}

/// Both parts of a show.
pub struct Report {
    /// One camera on air, with score and clock.
    pub steady: Counted,
    /// Every arrangement and transition, one a second.
    pub directed: Counted,
}

/// What a director does, over and over: the commands of one second each.
fn script() -> Vec<Vec<Value>> {
    let cut = |slot: u16| vec![json!({ "type": "cut", "slot": slot })];
    let mix = |slot: u16, kind: &str| vec![json!({ "type": "preview", "slot": slot }), json!({ "type": "mix", "kind": kind, "duration_ms": 600 })];
    let arrange = |layout: Value| vec![json!({ "type": "set_layout", "layout": layout })];
    vec![
        cut(2),
        mix(3, "dissolve"),
        arrange(json!({ "type": "picture_in_picture", "inset": 1 })),
        mix(4, "wipe"),
        arrange(json!({ "type": "side_by_side", "right": 2 })),
        mix(1, "dip"),
        arrange(json!({ "type": "full" })),
        vec![json!({ "type": "slate", "on": true })],
        cut(1),
    ]
}

/// Runs a studio with files as cameras and everything that a show has (sound, graphics, live playlist, recordings, pages), and counts
/// over `ticks` ticks of either part.
pub fn watch(ticks: u64) -> anyhow::Result<Report> {
    let options = ClipOptions { cameras: CAMERAS, protocols: vec![Protocol::File], ..ClipOptions::default() };
    let set = clips(&options, &|_| {})?;
    let stage = Stage::open(|config| {
        let slots = (1..).map(SlotId);
        config.sources = set.cameras.iter().zip(slots).map(|(clip, slot)| Source::file(slot, clip.film.clone())).collect();
        // A busy machine would have the studio shed work: then there is less to count.
        config.overload.on = false;
    })?;
    let owner = stage.owner()?;
    until("every camera is live and one is on air", 60.0, || {
        let snapshot = stage.studio.snapshot();
        let live = snapshot.cameras.iter().filter(|camera| camera.is_live()).count();
        live >= CAMERAS && snapshot.program.live.is_some() && snapshot.output.frames > 0
    })?;
    let begin = [json!({ "type": "graphic", "graphic": "score_bug", "on": true }), json!({ "type": "start_clock" })];
    order(&owner, "begin", begin)?;
    let mut scene = 0;
    direct(&stage, &owner, script().len() as u64 * 30, &mut scene)?;
    pass(&stage, WARM_UP)?;
    // Its own start is what a thread takes at least; one that is not found here would not be found below either.
    let start = counter::read().since(&counter::Reading::default());
    anyhow::ensure!(start.contains_key("programme"), "there is no programme thread");
    let steady = count(&stage, || pass(&stage, ticks))?;
    let directed = count(&stage, || direct(&stage, &owner, ticks, &mut scene))?;
    stage.close()?;
    Ok(Report { steady, directed })
}

fn count(stage: &Stage, meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Counted> {
    let (before, frames) = (counter::read(), stage.studio.snapshot().output.frames);
    meanwhile()?;
    let (after, ticks) = (counter::read(), stage.studio.snapshot().output.frames - frames);
    Ok(Counted { ticks, by_thread: after.since(&before) })
}

/// Waits for so many ticks.
fn pass(stage: &Stage, ticks: u64) -> anyhow::Result<()> {
    let frames = || stage.studio.snapshot().output.frames;
    let end = frames() + ticks;
    until("the programme goes on", 10.0 + ticks as f64 / 3.0, || frames() >= end)
}

/// The same while somebody directs.
fn direct(stage: &Stage, owner: &Client, ticks: u64, scene: &mut usize) -> anyhow::Result<()> {
    let script = script();
    for _ in 0..ticks.div_ceil(30) {
        let commands = script.get(*scene % script.len()).cloned().unwrap_or_default();
        *scene += 1;
        order(owner, &format!("scene {scene}"), commands)?;
        pass(stage, 30)?;
    }
    Ok(())
}

fn order(owner: &Client, id: &str, commands: impl IntoIterator<Item = Value>) -> anyhow::Result<()> {
    for (index, command) in commands.into_iter().enumerate() {
        let (status, answer) = owner.command(&format!("{id}.{index}"), command)?;
        anyhow::ensure!(status == 200, "a command was refused: {status} {answer}");
    }
    Ok(())
}
