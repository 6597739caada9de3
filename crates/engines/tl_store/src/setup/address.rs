//! Addresses with a scheme and a host, read with care: they come from outside and carry secrets.

use tl_base::Secret;

/// The longest address, characters.
pub(crate) const MAX_URL_CHARS: usize = 1_024;

/// Checks that a text is an address of one of these schemes with a host, and nothing that hides; tells what is wrong.
pub(crate) fn check(url: &str, schemes: &[&str]) -> Result<(), String> {
    let known = schemes.join(", ");
    if url.chars().count() > MAX_URL_CHARS {
        return Err(format!("an address has at most {MAX_URL_CHARS} characters"));
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("an address has no spaces and no control characters".to_owned());
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("an address begins with one of {known} and ://"))?;
    if !schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(format!("this address begins with none of {known}"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host_of(authority);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']' | b'%');
    if host.is_empty() || !host.bytes().all(plain) {
        return Err("there is no host in this address".to_owned());
    }
    let port = authority.rsplit('@').next().unwrap_or_default().strip_prefix(host).unwrap_or_default();
    if !port.is_empty() && port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
        return Err("the port in this address is not a number from 1 to 65535".to_owned());
    }
    Ok(())
}

/// The host of `user:password@host:port`.
pub(crate) fn host_of(authority: &str) -> &str {
    let place = authority.rsplit('@').next().unwrap_or_default();
    match place.strip_prefix('[').and_then(|v6| v6.find(']')) {
        Some(end) => place.get(..end + 2).unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    }
}

/// Scheme, host and port alone: cameras carry passwords in paths and queries too.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}", authority.rsplit('@').next().unwrap_or_default())
}

/// The same address with a user and a password in it, percent-encoded; one that has a user already is left as it is.
pub(crate) fn with_user(url: &Secret, user: Option<&str>, password: Option<&Secret>) -> Secret {
    let Some((scheme, rest)) = url.expose().split_once("://") else { return url.clone() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some(user) = user.filter(|_| !authority.contains('@')) else { return url.clone() };
    let password = password.map_or_else(String::new, |password| format!(":{}", encoded(password.expose())));
    Secret::new(format!("{scheme}://{}{password}@{rest}", encoded(user)))
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else if write!(out, "%{byte:02X}").is_err() {
            tl_base::never!("a text in memory takes what is written");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_a_host_and_nothing_that_hides() {
        for good in ["rtsp://10.0.0.9/stream1", "RTSP://cam.local:554", "rtsp://u:p%40@[fe80::1]:8554/x?y=z", "rtsps://a_b-c.example/"] {
            assert_eq!(check(good, &["rtsp", "rtsps"]), Ok(()), "{good}");
        }
        let long = format!("rtsp://{}", "a".repeat(MAX_URL_CHARS));
        for bad in [
            "",
            "rtsp",
            "rtsp://",
            "rtsp:///x",
            "file:///etc/passwd",
            "rtsp://a b/",
            "rtsp://a\n/",
            "rtsp://a:0/",
            "rtsp://a:99999/",
            "rtsp://a\\b/",
            "rtsp://u:p@/",
            &long,
        ] {
            assert!(check(bad, &["rtsp", "rtsps"]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_goes_in_encoded_and_only_once() {
        let with =
            |url: &str, user: Option<&str>, password: Option<&str>| with_user(&Secret::new(url), user, password.map(Secret::new).as_ref()).expose().to_owned();
        assert_eq!(with("rtsp://h/x", Some("a b"), Some("p@ss:/?")), "rtsp://a%20b:p%40ss%3A%2F%3F@h/x");
        assert_eq!(with("rtsp://u:p@h/x", Some("v"), Some("w")), "rtsp://u:p@h/x");
        assert_eq!(with("rtsp://h/x@y", Some("u"), None), "rtsp://u@h/x@y");
        assert_eq!(with("rtsp://h/x", None, Some("w")), "rtsp://h/x");
        assert_eq!(with("nonsense", Some("u"), None), "nonsense");
    }

    #[test]
    fn any_text_is_an_address_or_refused() {
        bolero::check!().with_iterations(5_000).with_type::<(String, String, String)>().for_each(|(text, user, password)| {
            for url in [text.clone(), format!("rtsp://{text}")] {
                if check(&url, &["rtsp"]).is_ok() {
                    assert!(!host_of(url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default())).is_empty());
                    let full = with_user(&Secret::new(&url), Some(user), Some(&Secret::new(password)));
                    assert!(check(full.expose(), &["rtsp"]).is_ok() || full.expose().chars().count() > MAX_URL_CHARS, "{url}");
                }
            }
        });
    }
}
