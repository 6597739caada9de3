//! How this program says no: one line, then exit 2 for bad input and 1 for what failed.

use std::fmt;
use std::process::ExitCode;

/// Bad usage or input: which file or argument, what is wrong, what to do.
#[derive(Debug)]
pub struct Bad(pub String);

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Bad {}

/// Says a line to whoever watches. A terminal that went away, with the display it was on, costs the line and nothing else.
pub fn say(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{line}").ok();
}

/// A bad-input error from a sentence.
pub fn bad(message: impl Into<String>) -> anyhow::Error {
    Bad(message.into()).into()
}

/// Shows help and version as asked, and any other complaint about arguments as one last line.
pub fn refuse(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    let text = error.to_string();
    match error.kind() {
        DisplayHelp | DisplayVersion => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{text}");
            ExitCode::from(2)
        }
        _ => {
            let first = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" ");
            let line = first.trim_start_matches("error: ");
            eprintln!("touchline: {line}; see --help");
            ExitCode::from(2)
        }
    }
}

/// Says what went wrong and gives the exit code.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(tell(error))
}

/// What went wrong, without secrets, in one line.
pub fn line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors tell their cause themselves.
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    tl_base::log::redact(&line).replace('\n', " ")
}

/// Says it; gives the exit code as a number.
pub fn tell(error: &anyhow::Error) -> u8 {
    say(&format!("touchline: {}", line(error)));
    if error.downcast_ref::<Bad>().is_some() { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    #[test]
    fn a_cause_stands_once_in_the_line() {
        let io = || std::io::Error::other("no room");
        let telling = tl_studio::Error::from(io());
        assert_eq!(super::line(&anyhow::Error::from(telling)), "no room");
        let silent = Err::<(), _>(io()).context("cannot keep\nthe log").expect_err("an error");
        assert_eq!(super::line(&silent), "cannot keep the log: no room");
    }
}
