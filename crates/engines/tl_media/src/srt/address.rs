//! The parts of an SRT destination's address.

use tl_base::Secret;

/// Delay that repairs of lost packets may take where the address names none, milliseconds.
const DEFAULT_LATENCY_MS: i32 = 250;

/// Whom to call and what to say there.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) stream_id: Option<Secret>,
    pub(super) passphrase: Option<Secret>,
    pub(super) key_bytes: Option<u8>,
    pub(super) latency_ms: i32,
}

impl Address {
    /// Reads `srt://HOST:PORT[?streamid=…&passphrase=…&pbkeylen=…&latency=…]`, latency in milliseconds; other members are
    /// left out. What is wrong is told without repeating any of it.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if url.len() > 2_048 || url.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return Err("an address that is too long or holds spaces");
        }
        let (scheme, rest) = url.split_once("://").ok_or("an address without srt://")?;
        if !scheme.eq_ignore_ascii_case("srt") {
            return Err("an address without srt://");
        }
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = split_port(authority.trim_end_matches('/'))?;
        let mut address = Self { host, port, stream_id: None, passphrase: None, key_bytes: None, latency_ms: DEFAULT_LATENCY_MS };
        for (name, value) in query.split('&').filter_map(|member| member.split_once('=')) {
            address.take(name, &decoded(value).ok_or("an address with a broken escape")?)?;
        }
        Ok(address)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            // Lengths by libsrt's API documentation, SRTO_STREAMID and SRTO_PASSPHRASE.
            "streamid" if value.len() <= 512 => self.stream_id = Some(Secret::new(value)),
            "streamid" => return Err("an address with a stream id of more than 512 bytes"),
            "passphrase" if (10..=79).contains(&value.len()) => self.passphrase = Some(Secret::new(value)),
            "passphrase" => return Err("an address with a passphrase that is not 10 to 79 characters long"),
            "pbkeylen" => self.key_bytes = Some(value.parse().ok().filter(|bytes| [16, 24, 32].contains(bytes)).ok_or("an address with a wrong key length")?),
            "latency" => self.latency_ms = value.parse().ok().filter(|ms| (0..=10_000).contains(ms)).ok_or("an address with a wrong latency")?,
            "mode" if value != "caller" => return Err("an address that does not ask to call"),
            _ => {}
        }
        Ok(())
    }
}

fn split_port(authority: &str) -> Result<(String, u16), &'static str> {
    if authority.contains(['@', '/']) {
        return Err("an address with a user name or a path");
    }
    let (host, port) = authority.rsplit_once(':').ok_or("an address without a port")?;
    let port = port.parse::<u16>().ok().filter(|port| *port != 0).ok_or("an address with a wrong port")?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or("an address with half a bracket")?,
        None if host.contains(':') => return Err("an address without brackets"),
        None => host,
    };
    if host.is_empty() { Err("an address without a host") } else { Ok((host.to_owned(), port)) }
}

/// Undoes percent-encoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_falls_into_its_parts() {
        let address = Address::parse("srt://a.example:9000?streamid=%23!::r=live,m=publish&passphrase=open-sesame-1&latency=800&pbkeylen=32").expect("read");
        assert_eq!((address.host.as_str(), address.port, address.latency_ms, address.key_bytes), ("a.example", 9_000, 800, Some(32)));
        assert_eq!(address.stream_id.as_ref().map(Secret::expose), Some("#!::r=live,m=publish"));
        assert_eq!(address.passphrase.as_ref().map(Secret::expose), Some("open-sesame-1"));
        let address = Address::parse("srt://a.example:9000?passphrase=100%25secure-pass&streamid=abc%26def12345").expect("read");
        assert_eq!(address.passphrase.as_ref().map(Secret::expose), Some("100%secure-pass"));
        assert_eq!(address.stream_id.as_ref().map(Secret::expose), Some("abc&def12345"));
        let address = Address::parse("SRT://[::1]:10/?mode=caller&x=y").expect("read");
        assert_eq!((address.host.as_str(), address.port, address.latency_ms), ("::1", 10, DEFAULT_LATENCY_MS));
    }

    #[test]
    fn a_wrong_address_is_refused_and_not_repeated() {
        for url in [
            "",
            "rtmp://a/b/sesame",
            "srt://a?passphrase=open-sesame-1",
            "srt://a:0?streamid=sesame",
            "srt://:9000?streamid=sesame",
            "srt://me:sesame@a:9000",
            "srt://a:9000?passphrase=sesame",
            "srt://a:9000?passphrase=open-sesame-%zz",
            "srt://a:9000?latency=-1&streamid=sesame",
            "srt://a:9000?mode=listener&streamid=sesame",
            "srt://::1:9000?streamid=sesame",
        ] {
            let reason = Address::parse(url).expect_err(url);
            assert!(!reason.contains("sesame"));
        }
        let shown = format!("{:?}", Address::parse("srt://a:1?streamid=sesame&passphrase=sesame-sesame"));
        assert!(!shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let text = format!("srt://{}", String::from_utf8_lossy(bytes));
            if let Ok(address) = Address::parse(&text) {
                assert!(address.port > 0 && !address.host.is_empty());
            }
        });
    }
}
