//! `touchline`: the studio without a screen, and every tool by name; a library, so that the desktop runs the same studio with the same
//! words, and a demo can be its child in either form.
//!
//! This room refuses to open windows and to know what a picture is made of.
//!
//! Invariant: exit 0 when the job was done, 2 for bad usage or input, 1 when it failed; the last line on standard error says why.

mod demo;
mod devices;
pub mod links;
mod memory;
mod output;
mod probe;
mod rehearse;
pub mod run;
mod store;
pub mod usage;
pub mod watchers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "touchline", version, about = "Phones in, a directed and scored programme out", propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the studio until it is ended
    Run(run::Args),
    /// A rehearsed game: the studio and, as a second process, virtual phones
    Demo(demo::Args),
    /// Virtual phones for a studio that runs already
    Rehearse(rehearse::Args),
    /// What this machine can do
    Probe(probe::Args),
    /// Cameras and microphones of this machine
    Devices(devices::Args),
    /// Look after stored segments
    Store(store::Args),
}

/// The program `touchline`.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::refuse(&error),
    };
    tl_base::log::init("warn,tl_studio=info");
    let done = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Demo(args) => demo::main(&args),
        Command::Rehearse(args) => rehearse::main(&args),
        Command::Probe(args) => probe::main(&args),
        Command::Devices(args) => devices::main(&args),
        Command::Store(args) => store::main(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => usage::fail(&error),
    }
}
