//! `touchline`: see the library.

fn main() -> std::process::ExitCode {
    tl_cli::main()
}
