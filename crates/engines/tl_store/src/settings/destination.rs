//! Where the programme goes. The address holds a key, so it stands in a file of its own unless it lies on this machine.

use std::path::Path;

use tl_base::Secret;
use toml::de::DeTable;

use super::reader::Reader;
use super::{Destination, DestinationKind};
use crate::{Error, files};

/// The most destinations of a show.
const MAX_DESTINATIONS: usize = 8;

/// The longest address, characters.
const MAX_URL_CHARS: usize = 1_024;

pub(super) fn read_all(reader: &mut Reader<'_>, root: &DeTable<'_>) -> Vec<Destination> {
    let mut destinations: Vec<Destination> = Vec::new();
    for (line, table) in reader.tables(root, "destination", MAX_DESTINATIONS) {
        let folder = reader.folder().to_owned();
        let mut at = reader.element("destination", line, table);
        let name = at.text("name", 40).map(|(_, name)| name);
        at.one_word("kind", &["rtmp"]);
        let url = at.text("url", MAX_URL_CHARS);
        let file = at.text("url_file", 1_024);
        let address = match (&url, &file) {
            (Some((_, url)), None) => url.strip_prefix('@').map_or_else(|| plain(url), |file| from_file(&folder.join(file))),
            (None, Some((_, file))) => from_file(&folder.join(file.strip_prefix('@').unwrap_or(file))),
            (Some(_), Some(_)) => Err("both url and url_file are given; keep one".to_owned()),
            (None, None) => Err("neither url nor url_file is given".to_owned()),
        };
        let taken = name.as_ref().is_some_and(|name| destinations.iter().any(|known| known.name == *name));
        match (name, address) {
            (None, _) => at.problem("name", "a destination needs a name of up to 40 characters; it is left out".to_owned()),
            (Some(name), _) if taken => at.problem("name", format!("there is another destination {name:?}; this one is left out")),
            (Some(name), Err(reason)) => at.problem(if file.is_some() { "url_file" } else { "url" }, format!("{reason}; destination {name:?} is left out")),
            (Some(name), Ok((url, warning))) => {
                if let Some(warning) = warning {
                    at.problem("url_file", warning);
                }
                destinations.push(Destination { name, kind: DestinationKind::Rtmp, url });
            }
        }
        at.finish();
    }
    if reader.known.is_empty() || !reader.known.contains("destination.name") {
        // The annotated file must name these keys although it holds no destination.
        reader.known.extend(["name", "kind", "url", "url_file"].map(|key| format!("destination.{key}")));
    }
    destinations
}

pub(super) fn from_argument(name: &str, argument: &str) -> Result<Destination, Error> {
    let address = argument.strip_prefix('@').map_or_else(|| plain(argument), |file| from_file(Path::new(file)));
    let (url, _) = address.map_err(|reason| Error::Refused(format!("destination {name:?}: {reason}")))?;
    Ok(Destination { name: name.to_owned(), kind: DestinationKind::Rtmp, url })
}

/// An address and what to warn about, or one phrase why not.
type Address = Result<(Secret, Option<String>), String>;

fn plain(url: &str) -> Address {
    let host = host_of(url)?;
    let here = matches!(host, "localhost" | "[::1]") || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
    if here {
        Ok((Secret::new(url), None))
    } else {
        Err("an address with a key does not stand here in plain text; write it into a file that only you may read and name that file".to_owned())
    }
}

fn from_file(path: &Path) -> Address {
    let told = |what: &str| format!("{what}: {}", path.display());
    let bytes = files::read_small(path).map_err(|error| error.to_string())?.ok_or_else(|| told("there is no such file"))?;
    let text = String::from_utf8(bytes).map_err(|_| told("the file is not text"))?;
    let url = text.trim();
    if url.chars().count() > MAX_URL_CHARS || url.chars().any(char::is_control) {
        return Err(told("the file does not hold one address on one line"));
    }
    host_of(url).map_err(|reason| told(&reason))?;
    Ok((Secret::new(url), is_open_to_others(path).then(|| told("others on this machine can read the key; make the file yours alone (chmod 600)"))))
}

fn host_of(url: &str) -> Result<&str, String> {
    let rest = url.strip_prefix("rtmp://").or_else(|| url.strip_prefix("rtmps://")).ok_or("the address does not begin with rtmp:// or rtmps://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(v6) => host_and_port.get(..v6.find(']').map_or(0, |at| at + 2)).unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    if host.is_empty() || rest.split('/').nth(1).is_none_or(str::is_empty) {
        return Err("the address lacks a host or an application, as in rtmp://host/live/key".to_owned());
    }
    Ok(host)
}

fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
