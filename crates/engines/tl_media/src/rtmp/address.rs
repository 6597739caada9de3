//! The parts of a destination's address.

use tl_base::Secret;

/// Where to connect and what to say there.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) app: String,
    pub(super) key: Secret,
}

impl Address {
    /// Reads `rtmp[s]://HOST[:PORT]/APP/KEY`; what is wrong is told without repeating any of it.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if url.len() > 2_048 || url.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return Err("an address that is too long or holds spaces");
        }
        let (scheme, rest) = url.split_once("://").ok_or("an address without rtmp:// or rtmps://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err("an address without rtmp:// or rtmps://"),
        };
        let (authority, path) = rest.split_once('/').ok_or("an address without a stream key")?;
        if authority.contains('@') {
            return Err("an address with a user name");
        }
        let (host, port) = split_port(authority)?;
        // A key may carry a query; slashes in that are not the path's.
        let before_query = path.find('?').unwrap_or(path.len());
        let slash = path.get(..before_query).and_then(|path| path.rfind('/')).ok_or("an address without a stream key")?;
        let (app, key) = (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default());
        if host.is_empty() || app.is_empty() || key.is_empty() {
            return Err("an address without a host, an application or a stream key");
        }
        let port = port.unwrap_or(if tls { 443 } else { 1_935 });
        Ok(Self { tls, host: host.to_owned(), port, app: app.to_owned(), key: Secret::new(key) })
    }

    /// The address of the application, which holds no key.
    pub(super) fn application_url(&self) -> String {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}/{}", self.port, self.app)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let wrong = "an address with a wrong port";
    let parse = |port: &str| port.parse::<u16>().ok().filter(|port| *port != 0).ok_or(wrong);
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("an address with half a bracket")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(parse(port)?))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(wrong),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Ok((host, Some(parse(port)?))),
        None => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_falls_into_its_parts() {
        let check = |url: &str, app_url: &str, key: &str| {
            let address = Address::parse(url).expect(url);
            assert_eq!((address.application_url().as_str(), address.key.expose()), (app_url, key));
        };
        check("rtmp://a.example/live2/abcd-1234", "rtmp://a.example:1935/live2", "abcd-1234");
        check("RTMPS://b.example/rtmp/FB-1?s_bl=1/2&x", "rtmps://b.example:443/rtmp", "FB-1?s_bl=1/2&x");
        check("rtmp://[::1]:19350/one/two/key", "rtmp://[::1]:19350/one/two", "key");
    }

    #[test]
    fn a_wrong_address_is_refused_and_not_repeated() {
        for url in [
            "",
            "http://a/live/sesame",
            "rtmp://a/sesame",
            "rtmp://a/live/",
            "rtmp:///live/sesame",
            "rtmp://a:0/live/sesame",
            "rtmp://a:x/live/sesame",
            "rtmp://me:sesame@a/live/x",
            "rtmp://[::1/live/sesame",
            "rtmp://a/li ve/sesame",
        ] {
            let reason = Address::parse(url).expect_err(url);
            assert!(!reason.contains("sesame"));
        }
        let shown = format!("{:?}", Address::parse("rtmp://a/live/sesame"));
        assert!(!shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let text = format!("rtmps://{}", String::from_utf8_lossy(bytes));
            if let Ok(address) = Address::parse(&text) {
                assert!(address.port > 0 && !address.host.is_empty() && !address.application_url().is_empty());
            }
        });
    }
}
