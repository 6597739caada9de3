//! The self-made certificate: P-256, one year, for every name and address of this machine; kept and used again, so that
//! phones which accepted it once need not do so twice.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tl_base::Wall;
use tl_store::files::{self, Privacy};

use crate::Error;

const LIFE: Duration = Duration::from_secs(365 * 86_400);
const RENEW_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// By which names and addresses this machine may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Addresses.
    pub ips: BTreeSet<IpAddr>,
    /// Host names in lower case.
    pub hosts: BTreeSet<String>,
}

impl Names {
    /// This machine's addresses, `localhost`, its own name with and without `.local`, and more host names.
    pub fn of_this_machine(more: &[String]) -> Self {
        let mut ips: BTreeSet<IpAddr> = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].into();
        match if_addrs::get_if_addrs() {
            Ok(found) => ips.extend(found.into_iter().map(|interface| interface.ip()).filter(|ip| !is_link_local(*ip))),
            Err(error) => tracing::warn!("this machine's addresses cannot be listed: {error}"),
        }
        let mut hosts: BTreeSet<String> = more.iter().map(|name| name.to_ascii_lowercase()).collect();
        hosts.insert("localhost".to_owned());
        let own = gethostname::gethostname().to_string_lossy().to_ascii_lowercase();
        let short = own.split('.').next().unwrap_or_default();
        let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
        hosts.extend([own.clone(), short.to_owned()].into_iter().filter(|name| plain(name)));
        if plain(short) {
            hosts.insert(format!("{short}.local"));
        }
        Self { ips, hosts }
    }

    /// Addresses by which other machines in the network reach this one; IPv4 first.
    pub fn lan_ips(&self) -> Vec<IpAddr> {
        self.ips.iter().copied().filter(|ip| !ip.is_loopback()).collect()
    }

    fn covers(&self, other: &Self) -> bool {
        other.ips.is_subset(&self.ips) && other.hosts.is_subset(&self.hosts)
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Where certificate and key lie, and what people compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, mode 0600.
    pub key: PathBuf,
    /// SHA-256 of the certificate, 64 hexadecimal digits.
    pub certificate_sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Facts {
    names: Names,
    not_after: Wall,
}

impl TlsFiles {
    /// The certificate of this folder when it still holds for these names, else a new one with the same key.
    pub fn ensure(folder: &Path, names: &Names) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        let (certificate, key, facts) = (folder.join("cert.pem"), folder.join("key.pem"), folder.join("names.json"));
        let known = files::read_json::<Facts>(&facts).ok().flatten();
        let limit = Wall::now().0.saturating_add(micros(RENEW_BEFORE));
        let holds = known.as_ref().is_some_and(|known| known.names.covers(names) && known.not_after.0 > limit);
        if holds && let Ok(files) = Self::load(certificate.clone(), key.clone()) {
            return Ok(files);
        }
        // What was in the old certificate stays in the new one, so that a laptop between two networks does not change it twice.
        let mut all = names.clone();
        if let Some(known) = known {
            all.ips.extend(known.names.ips.into_iter().take(32));
            all.hosts.extend(known.names.hosts.into_iter().take(32));
        }
        let pair = match std::fs::read_to_string(&key).ok().and_then(|pem| KeyPair::from_pem(&pem).ok()) {
            Some(pair) => pair,
            None => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| failed(&key, &error))?,
        };
        let now = SystemTime::now();
        let made = parameters(&all, now).and_then(|parameters| parameters.self_signed(&pair)).map_err(|error| failed(&certificate, &error))?;
        files::write_atomic(&key, &[pair.serialize_pem().as_bytes()], Privacy::Private)?;
        files::write_atomic(&certificate, &[made.pem().as_bytes()], Privacy::Open)?;
        files::write_json(&facts, &Facts { names: all, not_after: Wall(Wall::now().0.saturating_add(micros(LIFE))) }, Privacy::Open)?;
        Self::load(certificate, key)
    }

    /// Certificate and key of one's own, for example from a public authority.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, Error> {
        let chain = read_chain(&certificate)?;
        let first = chain.first().ok_or_else(|| failed(&certificate, &"no certificate in this file"))?;
        let certificate_sha256 = hex(&Sha256::digest(first.as_ref()));
        let files = Self { certificate, key, certificate_sha256 };
        files.server_config()?;
        Ok(files)
    }

    /// TLS 1.2 and 1.3 by ring, HTTP/2 preferred.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| failed(&self.key, &error))?;
        let chain = read_chain(&self.certificate)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| failed(&self.certificate, &error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain = CertificateDer::pem_file_iter(path).map_err(|error| failed(path, &error))?;
    chain.collect::<Result<Vec<_>, _>>().map_err(|error| failed(path, &error))
}

fn parameters(names: &Names, now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "Touchline studio");
    parameters.distinguished_name = subject;
    // A phone's clock may be behind.
    parameters.not_before = (now - Duration::from_secs(86_400)).into();
    parameters.not_after = (now + LIFE).into();
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.subject_alt_names = names.ips.iter().copied().map(SanType::IpAddress).collect();
    for host in &names.hosts {
        parameters.subject_alt_names.push(SanType::DnsName(host.as_str().try_into()?));
    }
    Ok(parameters)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Certificate { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ips: &[&str]) -> Names {
        Names { ips: ips.iter().map(|ip| ip.parse().expect("an address")).collect(), hosts: ["localhost".to_owned()].into() }
    }

    #[test]
    fn the_certificate_is_kept_while_it_covers_this_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = TlsFiles::ensure(folder.path(), &names(&["127.0.0.1", "192.168.1.7"])).expect("made");
        assert_eq!(first.certificate_sha256.len(), 64);
        let again = TlsFiles::ensure(folder.path(), &names(&["127.0.0.1"])).expect("kept");
        assert_eq!(first, again);
        let key = std::fs::read(&first.key).expect("read");
        let moved = TlsFiles::ensure(folder.path(), &names(&["127.0.0.1", "10.0.0.3"])).expect("made anew");
        assert_ne!(first.certificate_sha256, moved.certificate_sha256);
        assert_eq!(key, std::fs::read(&moved.key).expect("read"));
        let back = TlsFiles::ensure(folder.path(), &names(&["192.168.1.7"])).expect("kept");
        assert_eq!(moved, back);
    }

    #[test]
    fn damaged_files_are_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = names(&["127.0.0.1"]);
        for file in ["cert.pem", "key.pem", "names.json"] {
            TlsFiles::ensure(folder.path(), &names).expect("made");
            std::fs::write(folder.path().join(file), b"-----BEGIN nonsense").expect("written");
            TlsFiles::ensure(folder.path(), &names).expect("made anew");
        }
        assert!(TlsFiles::load(folder.path().join("none.pem"), folder.path().join("key.pem")).is_err());
    }

    #[test]
    fn this_machine_has_a_name_and_an_address() {
        let names = Names::of_this_machine(&["Studio.Club.Example".to_owned()]);
        assert!(names.hosts.contains("localhost") && names.hosts.contains("studio.club.example"));
        assert!(names.ips.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
