//! `touchline probe`.

use clap::Parser;

#[derive(Parser)]
pub struct Args {
    /// One JSON document on standard output
    #[arg(long)]
    json: bool,
}

pub fn main(args: &Args) -> anyhow::Result<()> {
    let found = tl_jobs::probe::machine();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    println!("Cores       {}", found.cores);
    match (&found.gpu, &found.gpu_problem) {
        (Some(gpu), _) => println!("Graphics    {} ({}{})", gpu.name, gpu.driver, if gpu.software { ", software" } else { "" }),
        (None, Some(problem)) => println!("Graphics    none: {problem}"),
        (None, None) => println!("Graphics    none"),
    }
    for encoder in &found.encoders {
        let state = if encoder.works { "works" } else { "not here" };
        println!("Encoder     {:<12} {}{state}", encoder.name, if encoder.hardware { "hardware, " } else { "" });
    }
    for decoder in &found.decoders {
        let state = if decoder.works { "works" } else { "not here" };
        println!("Decoder     {:<6} {:<14} {}{state}", decoder.codec, decoder.name, if decoder.hardware { "hardware, " } else { "" });
    }
    println!("Network     {}", found.address.map_or_else(|| "none".to_owned(), |address| address.to_string()));
    for problem in &found.problems {
        println!("▲ {problem}");
    }
    Ok(())
}
