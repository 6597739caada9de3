//! The one UDP socket of the receiving side, and who a datagram is for.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::Error;

/// Kernel buffer asked for in each direction: a second of a dozen phones, so that a busy machine loses nothing.
const BUFFER_BYTES: usize = 8 << 20;
/// Waiting times that are really set, so that the option is not written for each packet.
const WAITS_MS: [u64; 8] = [500, 200, 100, 50, 20, 10, 4, 1];
/// Peers whose route is remembered.
const MAX_ROUTES: usize = 256;
/// The magic cookie of STUN (RFC 8489, section 5).
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// The attribute type USERNAME (RFC 8489, section 14.3).
const STUN_USERNAME: u16 = 0x0006;

/// The socket and the addresses that are offered for it.
pub(crate) struct Port {
    socket: UdpSocket,
    /// Every host candidate.
    pub locals: Vec<SocketAddr>,
    dual: bool,
    /// How long a read waits now, 0 for not at all.
    wait_ms: u64,
    /// The socket's own option, which stands even while reads do not wait.
    timeout_ms: u64,
    routes: HashMap<IpAddr, SocketAddr>,
}

impl Port {
    /// Binds `port` (0: any) for all of `addresses`.
    pub fn bind(addresses: &[IpAddr], port: u16) -> Result<Self, Error> {
        let mut unique: Vec<IpAddr> = Vec::new();
        for address in addresses.iter().filter(|address| !address.is_unspecified() && !address.is_multicast()) {
            if !unique.contains(address) {
                unique.push(*address);
            }
        }
        let dual = unique.iter().any(IpAddr::is_ipv6) && unique.len() > 1;
        let bind: IpAddr = match unique.as_slice() {
            [] => return Err(Error::NoAddress),
            [only] => *only,
            _ if dual => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        let socket = open(SocketAddr::new(bind, port), dual)?;
        let port = socket.local_addr()?.port();
        let locals = unique.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        socket.set_nonblocking(true)?;
        Ok(Self { socket, locals, dual, wait_ms: 0, timeout_ms: 0, routes: HashMap::new() })
    }

    /// A second handle that only wakes the thread that waits in [`Port::receive`].
    pub fn waker(&self) -> Result<Waker, Error> {
        let mut to = self.socket.local_addr()?;
        if to.ip().is_unspecified() {
            to.set_ip(if to.is_ipv6() { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() });
        }
        Ok(Waker { socket: self.socket.try_clone()?, to })
    }

    /// Waits at most about `wait` for a datagram, not at all when it is zero. An empty one is a call to look at the requests.
    pub fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<(usize, SocketAddr)>> {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.set_wait(if wait.is_zero() { 0 } else { WAITS_MS.into_iter().find(|step| *step <= wait_ms).unwrap_or(1) })?;
        match self.socket.recv_from(buffer) {
            Ok((length, from)) => Ok(Some((length, SocketAddr::new(from.ip().to_canonical(), from.port())))),
            // A refusal from a port that is closed by now concerns that phone, and its session will fall silent.
            Err(error) if transient(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_wait(&mut self, wait_ms: u64) -> io::Result<()> {
        if wait_ms == self.wait_ms {
            return Ok(());
        }
        if (wait_ms == 0) != (self.wait_ms == 0) {
            self.socket.set_nonblocking(wait_ms == 0)?;
        }
        if wait_ms > 0 && wait_ms != self.timeout_ms {
            self.socket.set_read_timeout(Some(Duration::from_millis(wait_ms)))?;
            self.timeout_ms = wait_ms;
        }
        self.wait_ms = wait_ms;
        Ok(())
    }

    /// Sends one datagram; what the network refuses is lost like any other packet.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let to = match to.ip() {
            IpAddr::V4(v4) if self.dual => SocketAddr::new(v4.to_ipv6_mapped().into(), to.port()),
            _ => to,
        };
        if let Err(error) = self.socket.send_to(bytes, to) {
            tracing::trace!(%error, "datagram not sent");
        }
    }

    /// The candidate at which `from` reaches this socket: the address that answers to it leave from.
    pub fn local_for(&mut self, from: SocketAddr) -> Option<SocketAddr> {
        let first = self.locals.first().copied()?;
        if self.locals.len() == 1 {
            return Some(first);
        }
        if let Some(known) = self.routes.get(&from.ip()) {
            return Some(*known);
        }
        if self.routes.len() >= MAX_ROUTES {
            self.routes.clear();
        }
        let routed = route(from).and_then(|ip| self.locals.iter().find(|local| local.ip() == ip).copied());
        let local = routed.or_else(|| self.locals.iter().find(|local| local.is_ipv4() == from.is_ipv4()).copied()).unwrap_or(first);
        self.routes.insert(from.ip(), local);
        Some(local)
    }
}

/// Ends another thread's wait for datagrams.
pub(crate) struct Waker {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Waker {
    /// Wakes it; when the network refuses, the wait ends by itself within half a second.
    pub fn wake(&self) {
        if let Err(error) = self.socket.send_to(&[], self.to) {
            tracing::trace!(%error, "not woken");
        }
    }
}

/// A UDP socket with large buffers.
pub(crate) fn open(bind: SocketAddr, dual: bool) -> Result<UdpSocket, Error> {
    let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
    if dual {
        socket.set_only_v6(false)?;
    }
    // The kernel grants what its limit allows; less is not a failure.
    for result in [socket.set_recv_buffer_size(BUFFER_BYTES), socket.set_send_buffer_size(BUFFER_BYTES)] {
        if let Err(error) = result {
            tracing::debug!(%error, "socket buffer stays small");
        }
    }
    socket.bind(&bind.into())?;
    Ok(socket.into())
}

/// Whether a failed call to a socket means no more than that nothing came.
pub(crate) fn transient(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable, TimedOut, WouldBlock};
    matches!(kind, WouldBlock | TimedOut | Interrupted | ConnectionReset | ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown)
}

/// The address that the system would send from.
fn route(to: SocketAddr) -> Option<IpAddr> {
    let bind: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let probe = UdpSocket::bind(SocketAddr::new(bind, 0)).ok()?;
    probe.connect(to).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

/// The receiving side's half of a STUN message's user name; none when this is not a STUN message that has one.
pub(crate) fn stun_ufrag(datagram: &[u8]) -> Option<&str> {
    let header = datagram.first_chunk::<20>()?;
    if header[0] > 1 || header[4..8] != STUN_COOKIE {
        return None;
    }
    let mut rest = datagram.get(20..)?;
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = tail.get(..length)?;
        if u16::from_be_bytes([head[0], head[1]]) == STUN_USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = tail.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stun_names_its_session_and_other_datagrams_none() {
        let mut message = vec![0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
        message.extend_from_slice(&[7; 12]);
        message.extend_from_slice(&[0x80, 0x22, 0, 1, b'x', 0, 0, 0, 0, 6, 0, 5]);
        message.extend_from_slice(b"ab:cd\0\0\0");
        assert_eq!(stun_ufrag(&message), Some("ab"));
        message[4] = 0;
        assert_eq!(stun_ufrag(&message), None);
        bolero::check!().for_each(|bytes: &[u8]| {
            stun_ufrag(bytes);
        });
    }

    #[test]
    fn one_address_is_bound_alone_and_several_share_a_port() {
        let one = Port::bind(&[Ipv4Addr::LOCALHOST.into()], 0).expect("a port");
        assert_eq!(one.locals.len(), 1);
        let both = [Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(127, 0, 0, 2).into(), Ipv4Addr::LOCALHOST.into()];
        let mut two = Port::bind(&both, 0).expect("a port");
        assert_eq!(two.locals.len(), 2);
        let from = SocketAddr::from(([127, 0, 0, 1], 9));
        assert_eq!(two.local_for(from).map(|local| local.ip()), Some(Ipv4Addr::LOCALHOST.into()));
        assert!(matches!(Port::bind(&[Ipv4Addr::UNSPECIFIED.into()], 0), Err(Error::NoAddress)));
    }
}
