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
    let problem = problem(args, &report);
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
    problem.map_or(Ok(()), |problem| Err(anyhow::anyhow!(problem)))
}

/// What makes a demo fail although it came to its end, whatever the machine's speed: a recording that does not play, or a camera
/// that came in another way than it was asked to.
fn problem(args: &Args, report: &Report) -> Option<String> {
    if let Some(recording) = report.recordings.iter().find(|recording| !recording.playable) {
        return Some(format!("a recording does not play: {}", recording.path));
    }
    if args.lean {
        return None;
    }
    let wanted = args.protocols.iter().cycle().zip(1..=args.cameras);
    wanted.into_iter().find_map(|(protocol, slot)| {
        let camera = report.cameras.iter().find(|camera| camera.id == slot)?;
        let came = camera.protocol.as_deref().unwrap_or("nothing");
        (came != protocol.trim()).then(|| format!("camera {slot} was to come over {protocol} and came over {came}"))
    })
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
    println!("Loudness     {}, true peak {}", number(report.sound.integrated_lufs, " LUFS"), number(report.sound.true_peak_dbtp, " dBTP"));
    for protocol in &report.protocols {
        print_protocol(protocol);
    }
    println!("Studio       {} CPU seconds, {} MB at most", number(report.resources.cpu_seconds, ""), number(report.resources.rss_peak_mb, ""));
    println!("Phones       {} CPU seconds, {} MB at most", number(report.resources.phones.cpu_seconds, ""), number(report.resources.phones.rss_peak_mb, ""));
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

/// One line about all cameras of one way in.
fn print_protocol(protocol: &tl_rehearsal::ProtocolReport) {
    let slots: Vec<String> = protocol.cameras.iter().map(u16::to_string).collect();
    let skew = match (&protocol.skew_ms, protocol.synced) {
        (Some(skew), _) => format!("skew p95 {:.1} ms", skew.p95),
        // What is known by arrivals alone is not held against the truth before somebody set it.
        (None, Some(false)) => "clock not set".to_owned(),
        (None, _) => "clock not judged".to_owned(),
    };
    let latency = protocol.latency_ms.map_or_else(|| "not on air".to_owned(), |tail| format!("to programme p50 {:.0} ms", tail.p50));
    let lips = protocol.lip_sync_ms.map_or_else(String::new, |lips| format!(", lip sync p95 {:.1} ms", lips.p95));
    let count = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    println!(
        "{:<12} camera {}: {} pictures, {} lost, {skew}, {latency}{lips}",
        protocol.protocol,
        slots.join(", "),
        count(protocol.frames),
        count(protocol.lost)
    );
}
