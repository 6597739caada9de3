//! A connection that never blocks: plain TCP, or TLS on it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};

use crate::rtmp::address::Address;
use crate::rtmp::client::End;
use crate::unit_queue::UnitQueue;

/// How long one address may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Bytes that the system may hold for us. A server that reads nothing is noticed when they are full.
const SEND_BUFFER: usize = 256 << 10;
/// Between two looks at a connection that is being made.
const LOOK: Duration = Duration::from_millis(5);

/// Bytes both ways; `WouldBlock` where there is nothing to do.
pub(super) trait Transport: Read + Write + Send {}

impl Transport for TcpStream {}
impl Transport for StreamOwned<ClientConnection, TcpStream> {}

/// Connects to the first address that answers. Ends early when `queue` is closed.
pub(super) fn connect(address: &Address, extra_roots: &[Vec<u8>], queue: &UnitQueue) -> Result<Box<dyn Transport>, End> {
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map_err(|_| End::Lost("the server's name is not known".to_owned()))?.collect();
    let mut last = End::Lost("the server's name has no address".to_owned());
    for one in found {
        match connect_one(one, queue) {
            Ok(stream) if address.tls => return Ok(Box::new(secure(stream, address, extra_roots)?)),
            Ok(stream) => return Ok(Box::new(stream)),
            Err(End::Stopped) => return Err(End::Stopped),
            Err(end) => last = end,
        }
    }
    Err(last)
}

fn connect_one(address: SocketAddr, queue: &UnitQueue) -> Result<TcpStream, End> {
    let lost = |error: io::Error| End::Lost(reason_of(&error));
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(lost)?;
    socket.set_nonblocking(true).map_err(lost)?;
    socket.set_send_buffer_size(SEND_BUFFER).map_err(lost)?;
    socket.set_tcp_nodelay(true).map_err(lost)?;
    let deadline = Instant::now() + CONNECT_LIMIT;
    // The answer comes later: refused or made is seen below.
    if let Err(error) = socket.connect(&address.into())
        && !is_pending(&error)
    {
        return Err(lost(error));
    }
    loop {
        if let Some(error) = socket.take_error().map_err(lost)? {
            return Err(lost(error));
        }
        if socket.peer_addr().is_ok() {
            return Ok(socket.into());
        }
        if Instant::now() >= deadline {
            return Err(End::Lost("the server does not answer".to_owned()));
        }
        if queue.wait_closed(LOOK) {
            return Err(End::Stopped);
        }
    }
}

#[cfg(unix)]
fn is_pending(error: &io::Error) -> bool {
    /// EINPROGRESS on Linux and on the BSD family.
    const IN_PROGRESS: [i32; 2] = [115, 36];
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error().is_some_and(|code| IN_PROGRESS.contains(&code))
}

#[cfg(not(unix))]
fn is_pending(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn secure(stream: TcpStream, address: &Address, extra_roots: &[Vec<u8>]) -> Result<StreamOwned<ClientConnection, TcpStream>, End> {
    let refused = |error: rustls::Error| End::Refused(format!("TLS cannot be used: {error}"));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(extra_roots.iter().map(|der| CertificateDer::from_slice(der)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(refused)?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(address.host.clone()).map_err(|_| End::Refused("the server's name cannot be used with TLS".to_owned()))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(refused)?;
    Ok(StreamOwned::new(connection, stream))
}

/// A system's or TLS's error as an end: what TLS does not trust will not be trusted the next time either.
pub(super) fn end_of(error: &io::Error) -> End {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => End::Refused(format!("the server's certificate is not trusted: {why:?}")),
        Some(other) => End::Refused(format!("TLS failed: {other}")),
        None => End::Lost(reason_of(error)),
    }
}

fn reason_of(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => "the connection was cut".to_owned(),
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => "there is no way to the server".to_owned(),
        _ => format!("the network failed: {error}"),
    }
}
