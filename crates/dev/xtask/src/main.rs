//! One command for every check: `cargo xtask check` runs what continuous integration runs, the others run parts of it.
//!
//! This room refuses to build or run the product; `./studio` does.
//!
//! Invariant: a rule that is not checked here is not a rule.
//!
//! ```text
//! cargo xtask check           everything
//! cargo xtask tidy            arrows between rooms, manifests, files
//! cargo xtask licences        licences and bans
//! cargo xtask bless           golden files and generated types, written anew
//! cargo xtask icons           the product's icon in every size, from its drawings
//! cargo xtask notices FILE P  licences and notices of all that the programs of these packages ship
//! cargo xtask rooms           the table of rooms, as ARCHITECTURE.md holds it
//! cargo xtask fuzz            the fuzz targets and how to run one
//! ```

mod bless;
mod check;
mod files;
mod icons;
mod licences;
mod notices;
mod rooms;
mod spdx;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "One command for every check")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format, lints, tidy, licences, tests and the pages' checks.
    Check {
        /// Leave out the tests.
        #[arg(long)]
        no_tests: bool,
    },
    /// Arrows between rooms, manifests and files.
    Tidy,
    /// Licences of all that is linked, and what may not be linked.
    Licences,
    /// Write golden files and generated types anew, to be looked at.
    Bless {
        /// Only these packages; all with golden files when none is named.
        packages: Vec<String>,
    },
    /// Write the product's icon in every size, from its drawings.
    Icons,
    /// Write licences and notices of all that these packages' programs and the pages ship.
    Notices {
        /// The file to write.
        file: PathBuf,
        /// Packages whose programs are shipped.
        packages: Vec<String>,
    },
    /// Print the table of rooms.
    Rooms,
    /// List the fuzz targets.
    Fuzz,
}

fn main() -> ExitCode {
    let root = root();
    let done = match Arguments::parse().task {
        Task::Check { no_tests } => check::run(&root, !no_tests),
        Task::Tidy => tidy::run(&root),
        Task::Licences => licences::run(&root),
        Task::Bless { packages } => bless::run(&root, packages),
        Task::Icons => icons::run(&root),
        Task::Notices { file, packages } => notices::run(&root, &file, &packages),
        Task::Rooms => {
            print!("{}", rooms::markdown(rooms::ROOMS));
            Ok(())
        }
        Task::Fuzz => files::print_fuzz_targets(&root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).map_or(here.clone(), PathBuf::from)
}
