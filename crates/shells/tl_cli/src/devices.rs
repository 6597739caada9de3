//! `touchline devices`.

use clap::Parser;

#[derive(Parser)]
pub struct Args {
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args) -> anyhow::Result<()> {
    let found = tl_jobs::devices::list().map_err(|error| anyhow::anyhow!("cameras and microphones cannot be listed: {error}"))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    if found.is_empty() {
        println!("No camera and no microphone is connected to this computer.");
    }
    for device in found {
        let kind = if device.kind == "video" { "Camera" } else { "Microphone" };
        println!("{kind:<11} {}\n            id {}", device.label, device.id);
        for mode in device.modes {
            println!("            {mode}");
        }
    }
    Ok(())
}
