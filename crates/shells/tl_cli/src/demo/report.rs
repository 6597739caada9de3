//! The report of a demo: measured from its files, shown to a person, written for programs.

use tl_rehearsal::{ClipSet, Input, ProcessResources, Report, Summary, measure};

use crate::demo::{Args, Observed, session_dir, span};
use crate::links::LinksFile;
use crate::output::number;

fn resources(cost: &super::child::Cost) -> ProcessResources {
    ProcessResources { cpu_seconds: cost.cpu_seconds, rss_peak_mb: cost.rss_peak_mb }
}

/// Measures the finished run, prints it and writes the file that was asked for.
pub fn write(args: &Args, links: &LinksFile, observed: Observed, summary: Option<Summary>, clips: &ClipSet) -> anyhow::Result<()> {
    let (from, until) = span(&observed);
    let folder = session_dir(links);
    let truth = folder.parent().and_then(|sessions| sessions.parent()).map(|data| data.join("truth.jsonl")).filter(|path| path.is_file());
    let input = Input {
        session: folder.clone(),
        truth,
        summary,
        snapshot: Some(observed.last.clone()),
        from: Some(from),
        until: Some(until),
        studio: Some(resources(&observed.studio)),
        gpu: None,
        program_to_viewer: None,
    };
    let mut told = -1.0;
    let progress = std::sync::Mutex::new(&mut told);
    let mut report = measure(&input, &|step| {
        if let Ok(mut told) = progress.lock()
            && step.share >= **told + 0.25
        {
            **told = step.share;
            eprintln!("Measuring: {} ({:.0} %)", step.what, step.share * 100.0);
        }
    })?;
    let before = &observed.first.output;
    let after = &observed.last.output;
    report.seed.get_or_insert(args.seed);
    // A studio that was started again counts anew; then the trace of ticks alone tells.
    if observed.first.era == observed.last.era {
        report.program.frames = Some(after.frames.saturating_sub(before.frames));
        report.program.dropped = Some(after.dropped.saturating_sub(before.dropped));
        report.program.repeated = Some(after.repeated.saturating_sub(before.repeated));
        report.program.black = Some(after.black.saturating_sub(before.black));
    }
    if let Some(phones) = &observed.phones {
        report.resources.phones = resources(phones);
    }
    print(&report, &folder);
    if let Some(path) = &args.json {
        let mut json = serde_json::to_value(&report)?;
        if args.lean
            && let Some(object) = json.as_object_mut()
        {
            let files: Vec<String> = clips.cameras.iter().map(|clip| clip.video.display().to_string()).collect();
            object.insert("clips".into(), serde_json::to_value(files)?);
        }
        std::fs::write(path, serde_json::to_vec_pretty(&json)?)?;
    }
    Ok(())
}

fn print(report: &Report, folder: &std::path::Path) {
    let program = &report.program;
    let count = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    println!();
    println!(
        "Programme    {} s, {} pictures, dropped {}, repeated {}, black {}",
        number(Some(report.seconds), ""),
        count(program.frames),
        count(program.dropped),
        count(program.repeated),
        count(program.black)
    );
    let latency = report.latency_ms.phone_to_program.as_ref();
    println!("Latency      phone to programme p50 {} p95 {}", number(latency.map(|tail| tail.p50), " ms"), number(latency.map(|tail| tail.p95), " ms"));
    let spread = |spread: &Option<tl_rehearsal::Spread>| number(spread.as_ref().map(|spread| spread.p95), " ms");
    println!("Clocks       skew p95 {}, pairs p95 {}", spread(&report.skew_ms), spread(&report.pair_skew_ms));
    if let Some(lips) = &report.lip_sync_ms {
        println!("Lip sync     p95 {:.1} ms over {} claps", lips.p95, lips.claps);
    }
    println!("Studio       {} CPU seconds, {} MB at most", number(report.resources.cpu_seconds, ""), number(report.resources.rss_peak_mb, ""));
    println!("Cuts         {}", report.cuts.len());
    for output in &report.outputs {
        println!("Output       {:<5} {:<10} {:.1} MB  {}", output.kind, output.state, output.bytes as f64 / 1e6, output.url);
    }
    for recording in &report.recordings {
        let plays = if recording.playable { "plays" } else { "does not play" };
        println!("Recording    {:.1} s, {plays}: {}", recording.seconds, recording.path);
    }
    println!("Files        {}", folder.display());
}
