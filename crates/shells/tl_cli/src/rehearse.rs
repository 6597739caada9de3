//! `touchline rehearse`: virtual phones for a studio that runs already.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use tl_base::{Protocol, Secret, SlotId};
use tl_rehearsal::{Faults, Options, PhoneTicket, Way};

use crate::links::LinksFile;
use crate::usage::bad;
use crate::watchers;

/// Faults are planned for this long when nobody says how long the rehearsal takes.
const FAULTS_FOR_SECS: f64 = 600.0;

#[derive(Parser)]
pub struct Args {
    /// The file that `touchline run --links` wrote
    #[arg(long, value_name = "FILE")]
    links: PathBuf,
    /// How many phones
    #[arg(long, value_name = "N", default_value_t = 4)]
    cameras: u16,
    /// The first of these phones takes this camera position
    #[arg(long, value_name = "SLOT", default_value_t = 1)]
    first: u16,
    /// Game, clocks, network and cuts follow from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// One protocol per phone, repeated when shorter: webrtc, rtsp, srt, rtmp, mjpeg, chunks, file
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', default_value = "webrtc")]
    protocols: Vec<String>,
    /// Stop by itself after this many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Let things go wrong, by the seed
    #[arg(long)]
    faults: bool,
    /// Nobody directs
    #[arg(long)]
    no_script: bool,
    /// Where to write what really happened, JSON lines
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Write what was done into this file
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
    /// End when standard input is closed
    #[arg(long)]
    until_stdin_closes: bool,
}

pub fn main(args: &Args) -> anyhow::Result<()> {
    if args.seconds.is_some_and(|seconds| !(1.0..=86_400.0).contains(&seconds)) {
        return Err(bad("--seconds must be 1 to 86400"));
    }
    let read = LinksFile::read(&args.links);
    let links =
        read.map_err(|error| bad(format!("the links file cannot be read ({error}); start `touchline run --links FILE` first: {}", args.links.display())))?;
    let protocols = protocols(&args.protocols)?;
    let wanted = usize::from(args.cameras);
    let free = links.camera_tokens.iter().filter(|(slot, _)| slot.0 >= args.first);
    let ticket = |((slot, token), protocol): (&(SlotId, String), &Protocol)| {
        Ok(PhoneTicket { slot: *slot, token: Secret::new(token.clone()), way: way(*slot, *protocol, &links)? })
    };
    let phones = free.take(wanted).zip(protocols.iter().cycle()).map(ticket).collect::<anyhow::Result<Vec<_>>>()?;
    if phones.len() < wanted || wanted == 0 {
        return Err(bad(format!("the studio has {} camera positions from {} on; correct --cameras {wanted} or --first", phones.len(), args.first)));
    }
    let slots: Vec<_> = phones.iter().map(|phone| phone.slot).collect();
    let options = Options {
        studio: links.base,
        certificate_pem: std::fs::read_to_string(&links.certificate)
            .map_err(|error| bad(format!("the studio's certificate cannot be read ({error}): {}", links.certificate.display())))?,
        phones,
        director: (!args.no_script).then(|| Secret::new(links.script_token)),
        seed: args.seed,
        seconds: args.seconds,
        faults: if args.faults { Faults::seeded(args.seed, &slots, args.seconds.unwrap_or(FAULTS_FOR_SECS)) } else { Faults::none() },
        truth: args.truth.clone().unwrap_or_else(|| links.session_dir.join("truth.jsonl")),
        cache: None,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let stop = Arc::new(AtomicBool::new(false));
    watchers::person_interrupts(&stop)?;
    let _parent = if args.until_stdin_closes { Some(watchers::stdin_closes(&stop)?) } else { None };
    let summary = tl_rehearsal::rehearse(options, stop, &|progress| eprintln!("{} ({:.0} %)", progress.what, progress.share * 100.0))?;
    if let Some(path) = &args.summary {
        std::fs::write(path, serde_json::to_vec_pretty(&summary)?)?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        let frames: u64 = summary.phones.iter().map(|phone| phone.frames).sum();
        eprintln!("{} phones sent {frames} pictures in {:.1} s; the script cut {} times", summary.phones.len(), summary.seconds, summary.cuts);
    }
    Ok(())
}

/// The protocols that were asked for by their words.
pub fn protocols(words: &[String]) -> anyhow::Result<Vec<Protocol>> {
    let known = || Protocol::ALL.map(Protocol::as_str).join(", ");
    let read = |word: &String| match Protocol::parse(word.trim()) {
        Some(Protocol::Device) => Err(bad("--protocols: a device of this machine cannot be rehearsed; leave device out")),
        Some(protocol) => Ok(protocol),
        None => Err(bad(format!("--protocols: there is no protocol called '{word}'; choose from {}", known()))),
    };
    let protocols = words.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    if protocols.is_empty() { Err(bad(format!("--protocols names none; choose from {}", known()))) } else { Ok(protocols) }
}

/// What a phone of this protocol must know of the studio.
fn way(slot: SlotId, protocol: Protocol, links: &LinksFile) -> anyhow::Result<Way> {
    let app = links.apps.iter().find(|app| app.slot == slot.0);
    let closed =
        || bad(format!("this studio does not listen for {protocol} on camera {slot}; switch it on in the settings, or leave {protocol} out of --protocols"));
    let director = || Secret::new(links.script_token.clone());
    Ok(match protocol {
        Protocol::Webrtc => Way::Webrtc,
        Protocol::Srt => {
            let app = app.ok_or_else(closed)?;
            let address = app.srt.as_ref().ok_or_else(closed)?;
            // The studio's own latency is the larger one and holds.
            Way::Srt { url: Secret::new(format!("{address}?streamid={}&passphrase={}&latency=20", app.srt_stream_id, app.srt_passphrase)) }
        }
        Protocol::Rtmp => {
            let app = app.ok_or_else(closed)?;
            Way::Rtmp { url: Secret::new(format!("{}/{}", app.rtmp.as_ref().ok_or_else(closed)?, app.rtmp_key)) }
        }
        Protocol::Rtsp => Way::Rtsp { director: director() },
        Protocol::Mjpeg => Way::Mjpeg { director: director() },
        Protocol::Chunks => Way::Chunks,
        Protocol::File => Way::File { owner: Secret::new(links.owner_token.clone()) },
        Protocol::Device => return Err(bad("a device of this machine cannot be rehearsed; leave device out of --protocols")),
    })
}
