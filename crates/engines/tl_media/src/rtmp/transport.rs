//! A connection that never blocks: plain TCP, or TLS on it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};

use crate::push::{End, Link, Reached};
use crate::rtmp::address::Address;
use crate::unit_queue::UnitQueue;

/// How long one address may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a name may take to be found.
const RESOLVE_LIMIT: Duration = Duration::from_secs(8);
/// Bytes that the system may hold for us. A server that reads nothing is noticed when they are full.
const SEND_BUFFER: usize = 256 << 10;
/// Between two looks at a connection that is being made.
const LOOK: Duration = Duration::from_millis(2);

/// Bytes both ways; `WouldBlock` where there is nothing to do.
pub(super) trait Transport: Read + Write + Send {}

impl Transport for TcpStream {}
impl Transport for StreamOwned<ClientConnection, TcpStream> {}

/// Connects to the first address that answers. Ends early when the queue is closed.
pub(super) fn connect(address: &Address, extra_roots: &[Vec<u8>], link: &Link<'_>) -> Result<Box<dyn Transport>, End> {
    let mut last = End::Lost("the server's name has no address".to_owned());
    for one in resolve(&address.host, address.port, link.queue)? {
        link.reached(Reached::Resolved);
        let begun = Instant::now();
        match connect_one(one, link.queue) {
            Ok(stream) => {
                // The system answers once the server's first packet is here.
                link.note_rtt(begun.elapsed());
                link.reached(Reached::Connected);
                return if address.tls { Ok(Box::new(secure(stream, address, extra_roots)?)) } else { Ok(Box::new(stream)) };
            }
            Err(End::Stopped) => return Err(End::Stopped),
            Err(end) => last = end,
        }
    }
    Err(last)
}

/// The addresses behind a name. The system's resolver cannot be stopped, so it is asked on a thread that outlives an early
/// end by what the resolver itself takes; it holds nothing but the name.
pub(crate) fn resolve(host: &str, port: u16, queue: &UnitQueue) -> Result<Vec<SocketAddr>, End> {
    let unknown = || End::Lost("the server's name is not known".to_owned());
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    let asked = std::thread::Builder::new().name("resolve".to_owned()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(|found| found.take(16).collect());
        if sender.send(found).is_err() {
            tracing::debug!("a name was found too late");
        }
    });
    asked.map_err(|_| unknown())?;
    let deadline = Instant::now() + RESOLVE_LIMIT;
    loop {
        match receiver.try_recv() {
            Ok(found) => return found.map_err(|_| unknown()),
            Err(mpsc::TryRecvError::Disconnected) => return Err(unknown()),
            Err(mpsc::TryRecvError::Empty) if Instant::now() >= deadline => return Err(unknown()),
            Err(mpsc::TryRecvError::Empty) if queue.wait_closed(LOOK) => return Err(End::Stopped),
            Err(mpsc::TryRecvError::Empty) => {}
        }
    }
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
        Some(rustls::Error::InvalidCertificate(why)) => End::Refused(format!("the server's certificate is not trusted: {}", distrust(why))),
        Some(rustls::Error::InvalidMessage(_)) => {
            End::Refused("the server does not speak TLS, so the address may begin with rtmp:// instead of rtmps://".to_owned())
        }
        Some(other) => End::Refused(format!("TLS failed: {other}")),
        None => End::Lost(reason_of(error)),
    }
}

fn distrust(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::UnknownIssuer => "nobody whom this machine trusts has signed it",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "it was made for a server of another name",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its time is over",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "its time has not come, or this machine's clock is wrong",
        CertificateError::Revoked => "it was revoked",
        _ => "it is not in order",
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
