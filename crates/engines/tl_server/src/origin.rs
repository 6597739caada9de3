//! Which hosts and origins are ours: against DNS rebinding and forged requests.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

use crate::Names;

/// The host that a request names, with its port: HTTP/2 says it in the address, HTTP/1.1 in a header.
pub(crate) fn host_of<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() {
        return None;
    }
    uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| header.and_then(|host| host.to_str().ok()))
}

/// Whether a host is this machine: one of its names, or any plain address. Rebinding needs a name, so addresses are safe,
/// and a laptop that changes networks stays reachable.
pub(crate) fn is_our_host(host: &str, names: &Names) -> bool {
    let bare = without_port(host);
    let is_ip = bare.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')).unwrap_or(bare).parse::<IpAddr>().is_ok();
    is_ip || names.hosts.contains(bare.trim_end_matches('.').to_ascii_lowercase().as_str())
}

/// Whether an `Origin` header is this very server as the request calls it.
pub(crate) fn is_same_origin(origin: &str, scheme: &str, host: &str) -> bool {
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let plain = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")).is_some_and(|rest| plain(rest) == plain(host))
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(v6) => host.get(..v6.find(']').map_or(host.len(), |at| at + 2)).unwrap_or(host),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_ours_and_addresses_are_ours() {
        let names = Names { hosts: ["localhost".to_owned(), "rink.local".to_owned()].into(), ..Names::default() };
        for ours in ["localhost", "localhost:7443", "RINK.local:1", "127.0.0.1:80", "192.168.1.2", "[::1]:443", "[fe80::1]", "rink.local."] {
            assert!(is_our_host(ours, &names), "{ours}");
        }
        for foreign in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7443", "[::1", "rink", "localhost@evil", "1.2.3"] {
            assert!(!is_our_host(foreign, &names), "{foreign}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(is_same_origin("https://10.0.0.2:7443", "https", "10.0.0.2:7443"));
        assert!(is_same_origin("https://Rink.local", "https", "rink.local:443"));
        for foreign in
            ["null", "", "http://10.0.0.2:7443", "https://10.0.0.2", "https://10.0.0.2:7444", "https://evil.example", "https://10.0.0.2:7443.evil.example"]
        {
            assert!(!is_same_origin(foreign, "https", "10.0.0.2:7443"), "{foreign}");
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let mut headers = HeaderMap::new();
        let uri: Uri = "/".parse().expect("a path");
        assert_eq!(host_of(&uri, &headers), None);
        headers.append(header::HOST, "a".parse().expect("a value"));
        assert_eq!(host_of(&uri, &headers), Some("a"));
        headers.append(header::HOST, "b".parse().expect("a value"));
        assert_eq!(host_of(&uri, &headers), None);
    }

    #[test]
    fn any_host_is_ours_by_its_name_or_by_no_other_means() {
        let names = Names { hosts: ["rink.local".to_owned()].into(), ..Names::default() };
        bolero::check!().with_iterations(5_000).with_type::<(String, String)>().for_each(|(host, origin)| {
            for host in [host.clone(), format!("rink.local{host}"), format!("{host}rink.local"), format!("127.0.0.1{host}"), format!("[::1]{host}")] {
                if is_our_host(&host, &names) {
                    let bare = without_port(&host).trim_end_matches('.').trim_matches(['[', ']']).to_ascii_lowercase();
                    assert!(bare == "rink.local" || bare.parse::<IpAddr>().is_ok(), "{host}");
                }
                // A page of another host never counts as ours.
                let foreign = format!("https://evil.example{origin}");
                assert!(!is_same_origin(&foreign, "https", &host) || host.to_ascii_lowercase().starts_with("evil.example"), "{foreign} {host}");
            }
        });
    }
}
