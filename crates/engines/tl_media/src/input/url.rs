//! Addresses with a user name and password in them, taken apart so that only the part without secrets travels on.

use std::fmt;

use tl_base::Secret;

use crate::Error;

/// The longest address taken.
const MAX_BYTES: usize = 2_048;

/// An address without its secrets, and these.
pub(super) struct Address {
    /// Scheme, host, port, path and query.
    pub(super) location: String,
    /// Host and port.
    pub(super) host: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.host)
    }
}

impl Address {
    /// Reads an address of one of these schemes.
    pub(super) fn parse(text: &str, schemes: &[&str]) -> Result<Self, Error> {
        let bad = |why: &str| Error::Unsupported(format!("{why} in an address that begins with {}://", schemes.first().copied().unwrap_or_default()));
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| bad("no scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        if !schemes.contains(&scheme.as_str()) || text.len() > MAX_BYTES || text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(bad("another scheme or forbidden characters"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // A password may hold an @ that somebody forgot to encode: the last one divides.
        let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(login, host)| (Some(login), host));
        if host.is_empty() || host.starts_with(':') {
            return Err(bad("no host"));
        }
        let (user, password) = match login {
            Some(login) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (Some(decode(user)), Some(Secret::new(decode(password))))
            }
            None => (None, None),
        };
        Ok(Self { location: format!("{scheme}://{host}{path}"), host: host.to_owned(), user, password })
    }
}

/// Undoes percent-encoding; what is none stays as it is.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        match (first, tail) {
            (b'%', [high, low, behind @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                let byte = hex(*high).unwrap_or_default() * 16 + hex(*low).unwrap_or_default();
                out.push(u8::try_from(byte).unwrap_or_default());
                rest = behind;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(String, Option<String>, Option<String>)> {
        let address = Address::parse(text, &["rtsp", "rtsps"]).ok()?;
        Some((address.location, address.user, address.password.map(|password| password.expose().to_owned())))
    }

    #[test]
    fn secrets_leave_the_address() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse("rtsp://10.0.0.5/s?x=1"), Some(("rtsp://10.0.0.5/s?x=1".to_owned(), None, None)));
        assert_eq!(parse("RTSP://a:b%40%3a@h:8554/x@y"), Some(("rtsp://h:8554/x@y".to_owned(), some("a"), some("b@:"))));
        assert_eq!(parse("rtsps://a:p@ss@[::1]:322"), Some(("rtsps://[::1]:322".to_owned(), some("a"), some("p@ss"))));
        for bad in ["", "http://a/b", "rtsp://", "rtsp:///x", "rtsp://a:b@/x", "rtsp://a b/c", "rtsp://:80/x"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn errors_hold_no_secret() {
        let error = Address::parse("rtsp://user:geheim@", &["rtsp"]).expect_err("no host");
        assert!(!error.to_string().contains("geheim"));
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        bolero::check!().with_type::<String>().for_each(|text: &String| {
            if let Ok(address) = Address::parse(&format!("rtsp://{text}"), &["rtsp"]) {
                assert!(!address.host.is_empty());
            }
            assert!(decode(text).len() <= 3 * text.len());
        });
    }
}
