//! `touchline store`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read every stored segment and compare it with its name
    Fsck {
        /// The studio's data folder
        #[arg(long, default_value_os_t = tl_studio::default_data_dir())]
        data_dir: PathBuf,
        /// Set damaged segments aside
        #[arg(long)]
        mend: bool,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}

pub fn main(args: &Args) -> anyhow::Result<()> {
    let Command::Fsck { data_dir, mend, json } = &args.command;
    if !data_dir.is_dir() {
        return Err(crate::usage::bad(format!("there is no data folder here; name one with --data-dir: {}", data_dir.display())));
    }
    let mut told = 0;
    let report = tl_jobs::fsck::fsck(data_dir, *mend, |done, total| {
        let percent = done * 100 / total.max(1);
        if percent >= told + 10 {
            told = percent;
            eprintln!("{percent} %");
        }
    })?;
    if *json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{} segments, {:.1} MB read, {} damaged, {} set aside", report.checked, report.bytes as f64 / 1e6, report.damaged.len(), report.set_aside);
        for path in &report.damaged {
            println!("damaged: {}", path.display());
        }
    }
    if report.is_clean() || *mend {
        Ok(())
    } else {
        Err(anyhow::anyhow!("{} stored segments are damaged; run again with --mend to set them aside", report.damaged.len()))
    }
}
