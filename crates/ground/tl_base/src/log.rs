//! The one log set-up and the one redactor.

use std::io::{self, Write};

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

/// Takes out of a text what no log may hold: what follows `rtmp(s)://host/app/`, user data in addresses, viewer grants
/// (`/v/…`), bearer tokens, and the values of `token=`, `key=`, `passphrase=` and `streamid=`.
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

/// Where secrets stand, in order, none of them empty.
fn secrets(text: &str) -> Vec<std::ops::Range<usize>> {
    const AFTER: [&str; 9] = ["token=", "key=", "passphrase=", "streamid=", "Bearer ", "bearer ", "/v/", "#t=", "?t="];
    let after = |mark: &'static str| text.match_indices(mark).map(move |(at, _)| at + mark.len());
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for mark in AFTER {
        let slash_ends = mark == "/v/";
        found.extend(after(mark).map(|start| {
            let end = until_end(text, start);
            let slash = text.get(start..end).and_then(|secret| secret.find('/')).filter(|_| slash_ends);
            start..slash.map_or(end, |slash| start + slash)
        }));
    }
    for start in after("rtmp://").chain(after("rtmps://")) {
        let end = until_end(text, start);
        let address = text.get(start..end).unwrap_or_default();
        found.extend(address.find('@').map(|at| start..start + at));
        // Host and application stay readable; the stream key behind them does not.
        found.extend(address.match_indices('/').nth(1).map(|(at, _)| start + at + 1..end));
    }
    found.retain(|secret| !secret.is_empty());
    found.sort_by_key(|secret| secret.start);
    found
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
        check("two rtmp://a/b/c and rtmp://d/e/f", "two rtmp://a/b/*** and rtmp://d/e/***");
    }

    #[test]
    fn any_text_passes_without_a_panic() {
        for text in ["rtmp://", "rtmp:///", "/v/", "token=", "ü/v/ä/ö", "rtmps://@/", "Bearer "] {
            assert!(redact(text).len() <= text.len() + 12);
        }
    }
}
