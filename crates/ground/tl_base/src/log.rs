//! The one log set-up and the one redactor.

use std::io::{self, Write};
use std::ops::Range;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging to standard error. `filter` has the form of `RUST_LOG`, which wins when it is set. A second call does nothing.
pub fn init(filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let started = tracing_subscriber::fmt().with_env_filter(filter).with_writer(RedactedStderr).with_ansi(false).try_init();
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// Takes out of a text what no log may hold: what follows `rtmp(s)://host/app/`, user data in any address, viewer grants
/// (`/v/…`), bearer tokens, what the pages read from their fragments (`#ticket=`, `#code=`, `#t=`), and the values of
/// `token=`, `ticket=`, `key=`, `password=`, `passphrase=` and `streamid=`. Upper and lower case are one.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets(text) {
        if secret.end > at {
            out.push_str(text.get(at..secret.start.max(at)).unwrap_or_default());
            out.push_str("***");
            at = secret.end;
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn is_end(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '&' | '<' | '>' | ')' | ']' | '}' | ',' | ';')
}

fn until_end(text: &str, from: usize) -> usize {
    text.get(from..).and_then(|tail| tail.find(is_end)).map_or(text.len(), |at| from + at)
}

/// Marks behind which a secret stands, in lower case.
const AFTER: [&str; 15] = [
    "token=",
    "ticket=",
    "key=",
    "password=",
    "passphrase=",
    "streamid=",
    "bearer ",
    "authorization: basic ",
    "/v/",
    "#t=",
    "?t=",
    "&t=",
    "#code=",
    "?code=",
    "&code=",
];

/// Where secrets stand, in order, none of them empty.
fn secrets(text: &str) -> Vec<Range<usize>> {
    // Only ASCII changes its case here, so places stay where they are.
    let lower = text.to_ascii_lowercase();
    let after = |mark: &'static str| lower.match_indices(mark).map(move |(at, _)| at + mark.len());
    let mut found: Vec<Range<usize>> = Vec::new();
    for mark in AFTER {
        found.extend(after(mark).map(|start| start..if mark == "/v/" { until(text, start, '/') } else { until_end(text, start) }));
    }
    for start in after("rtmp://").chain(after("rtmps://")) {
        let end = until_end(text, start);
        // Host and application stay readable; the stream key behind them does not.
        let second = text.get(start..end).and_then(|address| address.match_indices('/').nth(1));
        found.extend(second.map(|(at, _)| start + at + 1..end));
    }
    found.extend(after("://").filter_map(|start| user_data(text, start)));
    found.retain(|secret| !secret.is_empty());
    found.sort_by_key(|secret| secret.start);
    found
}

/// The end of a secret that a mark ends too.
fn until(text: &str, from: usize, mark: char) -> usize {
    let end = until_end(text, from);
    text.get(from..end).and_then(|secret| secret.find(mark)).map_or(end, |at| from + at)
}

/// `user:password` in front of the host of an address. A password that is not encoded may hold what ends an address elsewhere,
/// so it reaches up to the last `@` before the path.
fn user_data(text: &str, start: usize) -> Option<Range<usize>> {
    let authority = text.get(start..)?.split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"')).next()?;
    authority.rfind('@').map(|at| start..start + at)
}

#[derive(Clone, Copy)]
struct RedactedStderr;

impl<'a> MakeWriter<'a> for RedactedStderr {
    type Writer = Line;
    fn make_writer(&'a self) -> Line {
        Line(Vec::with_capacity(256))
    }
}

/// One log line, redacted when it is complete.
struct Line(Vec<u8>);

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = redact(&String::from_utf8_lossy(&self.0));
        // Where standard error is closed there is nobody left to tell.
        io::stderr().write_all(text.as_bytes()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expect: &str) {
        assert_eq!(redact(input), expect);
    }

    #[test]
    fn secrets_leave_and_the_rest_stays() {
        check("push to rtmp://a.example/live2/abcd-1234 failed", "push to rtmp://a.example/live2/*** failed");
        check("rtmps://user:pw@host/app/key", "rtmps://***@host/app/***");
        check("GET /v/9f8e7d/v0.m3u8 200", "GET /v/***/v0.m3u8 200");
        check("Authorization: Bearer abc.def", "Authorization: Bearer ***");
        check("?token=abc&x=1 key=\"k\"", "?token=***&x=1 key=\"k\"");
        check("nothing to hide: rtmp://127.0.0.1:1935/live", "nothing to hide: rtmp://127.0.0.1:1935/live");
        check("open https://10.0.0.2:7443/phone/#ticket=aB3-_x and go", "open https://10.0.0.2:7443/phone/#ticket=*** and go");
        check("/phone/#code=K7M2-Q9 /desk/#t=abc&slot=3", "/phone/#code=*** /desk/#t=***&slot=3");
        check("POST /api/v1/join?ticket=abc&code=def&t=ghi", "POST /api/v1/join?ticket=***&code=***&t=***");
        check("rtsp://anna:s3cret@10.0.0.9:554/live, next", "rtsp://***@10.0.0.9:554/live, next");
        check("http://u:p,w;x@cam/ srt://h:9000?Passphrase=abc&StreamID=x", "http://***@cam/ srt://h:9000?Passphrase=***&StreamID=***");
        check("AUTHORIZATION: BEARER abc; Authorization: Basic dTpw", "AUTHORIZATION: BEARER ***; Authorization: Basic ***");
        check("RTMP://a.example/live2/abcd", "RTMP://a.example/live2/***");
        check("exit code=3 by anna@example.org", "exit code=3 by anna@example.org");
        check("two rtmp://a/b/c and rtmp://d/e/f", "two rtmp://a/b/*** and rtmp://d/e/***");
    }

    #[test]
    fn any_text_passes_and_a_secret_never_does() {
        for text in ["rtmp://", "rtmp:///", "/v/", "token=", "ü/v/ä/ö", "rtmps://@/", "Bearer ", "#ticket=", "://@", "x://ü@"] {
            assert!(redact(text).len() <= text.len() + 12);
        }
        bolero::check!().with_iterations(5_000).with_type::<(String, String, u8)>().for_each(|(before, behind, which)| {
            let mark = AFTER[usize::from(*which) % AFTER.len()];
            let told = redact(&format!("{before} {mark}s3cr3t-s3cr3t {behind}"));
            assert!(!told.contains("s3cr3t") || before.contains("s3cr3t") || behind.contains("s3cr3t"), "{told}");
        });
    }
}
