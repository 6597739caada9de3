//! Where the programme goes. A key stands in a file of its own, or in the environment, unless the address lies on this machine.

use std::path::Path;

use tl_base::Secret;
use toml::de::DeTable;

use super::Destination;
use super::reader::{Reader, Section};
use super::secret_file;
use crate::Error;
use crate::setup::{DestinationKind, DestinationSetup, MAX_URL_CHARS, PRESETS, host_of, secret_from_environment};

/// The most destinations of a show.
const MAX_DESTINATIONS: usize = 8;

pub(super) fn read_all(reader: &mut Reader<'_>, root: &DeTable<'_>) -> Vec<Destination> {
    let mut destinations: Vec<Destination> = Vec::new();
    for (line, table) in reader.tables(root, "destination", MAX_DESTINATIONS) {
        let folder = reader.folder().to_owned();
        let mut at = reader.element("destination", line, table);
        let name = at.text("name", 40).map(|(_, name)| name);
        let setup = read_setup(&mut at, &folder, name.as_deref().unwrap_or_default());
        let taken = name.as_ref().is_some_and(|name| destinations.iter().any(|known| known.name == *name));
        match (name, setup) {
            (None, _) => at.problem("name", "a destination needs a name of up to 40 characters; it is left out".to_owned()),
            (Some(name), _) if taken => at.problem("name", format!("there is another destination {name:?}; this one is left out")),
            (Some(name), Err((key, reason))) => at.problem(key, format!("{reason}; destination {name:?} is left out")),
            (Some(name), Ok(setup)) => destinations.push(destination(name, setup)),
        }
        at.finish();
    }
    // The annotated file must name these keys although it holds no destination.
    reader.known.extend(["name", "kind", "preset", "url", "url_file", "key_file"].map(|key| format!("destination.{key}")));
    destinations
}

/// A setup, or the key that is wrong and why.
fn read_setup(at: &mut Section<'_, '_, '_>, folder: &Path, name: &str) -> Result<DestinationSetup, (&'static str, String)> {
    let kind = if at.one_word("kind", &["rtmp", "srt"]) == "srt" { DestinationKind::Srt } else { DestinationKind::Rtmp };
    let preset = at.text("preset", 40).map(|(_, preset)| preset);
    let url = at.text("url", MAX_URL_CHARS).map(|(_, url)| url);
    let url_file = at.text("url_file", 1_024).map(|(_, file)| file);
    let key_file = at.text("key_file", 1_024).map(|(_, file)| file);
    if preset.as_ref().is_some_and(|preset| !PRESETS.contains(&preset.as_str())) {
        return Err(("preset", format!("there is no such preset; the presets are {}", PRESETS.join(", "))));
    }
    let mut read = |key: &'static str, file: &str| -> Result<Secret, (&'static str, String)> {
        let (secret, warning) = secret_file::read(&folder.join(file.strip_prefix('@').unwrap_or(file))).map_err(|reason| (key, reason))?;
        if let Some(warning) = warning {
            at.problem(key, warning);
        }
        Ok(secret)
    };
    let key = key_file.as_ref().map(|file| read("key_file", file)).transpose()?;
    let key = secret_from_environment(name).or(key);
    let url = match (url, url_file) {
        (Some(_), Some(_)) => return Err(("url", "both url and url_file are given; keep one".to_owned())),
        (None, Some(file)) => Some(read("url_file", &file)?),
        (Some(url), None) => match url.strip_prefix('@') {
            Some(file) => Some(read("url", file)?),
            None => {
                plain(&url, kind, key.is_some()).map_err(|reason| ("url", reason))?;
                Some(Secret::new(url))
            }
        },
        (None, None) if preset.as_deref().is_some_and(|preset| preset != "custom") => None,
        (None, None) => return Err(("name", "neither url nor url_file is given".to_owned())),
    };
    let setup = DestinationSetup { kind, preset, url, key };
    check(&setup).map_err(|reason| ("url", reason))?;
    Ok(setup)
}

pub(super) fn from_argument(name: &str, argument: &str) -> Result<Destination, Error> {
    let is_srt = |url: &str| url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("srt://"));
    let kind = |url: &str| if is_srt(url) { DestinationKind::Srt } else { DestinationKind::Rtmp };
    let url = match argument.strip_prefix('@') {
        Some(file) => secret_file::read(Path::new(file)).map(|(url, _)| url),
        None => plain(argument, kind(argument), false).map(|()| Secret::new(argument)),
    };
    let setup = url.map(|url| DestinationSetup { kind: kind(url.expose()), preset: None, url: Some(url), key: None });
    let setup = setup.and_then(|setup| check(&setup).map(|()| setup));
    setup.map(|setup| destination(name.to_owned(), setup)).map_err(|reason| Error::Refused(format!("destination {name:?}: {reason}")))
}

fn destination(name: String, setup: DestinationSetup) -> Destination {
    Destination { name, url: setup.full_url(None).unwrap_or_default(), setup }
}

/// What may stand in plain text: an address without its key, or one on this machine.
fn plain(url: &str, kind: DestinationKind, has_key: bool) -> Result<(), String> {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or_default();
    let host = host_of(authority);
    let here = !authority.contains('@') && (matches!(host, "localhost" | "[::1]") || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback()));
    let open = match kind {
        DestinationKind::Rtmp => has_key && !authority.contains('@'),
        DestinationKind::Srt => !["passphrase", "streamid"].iter().any(|secret| url.to_ascii_lowercase().contains(secret)),
    };
    if here || open {
        return Ok(());
    }
    Err("an address with a key does not stand here in plain text; write it into a file that only you may read and name that file".to_owned())
}

fn check(setup: &DestinationSetup) -> Result<(), String> {
    setup.check()?;
    let whole = setup.full_url(None);
    let Some(rest) = whole.as_ref().filter(|_| setup.kind == DestinationKind::Rtmp).and_then(|url| url.expose().split_once("://")) else { return Ok(()) };
    if rest.1.split('/').nth(1).is_none_or(str::is_empty) {
        return Err("the address lacks an application, as in rtmp://host/live/key".to_owned());
    }
    Ok(())
}
