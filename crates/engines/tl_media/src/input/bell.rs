//! A port that costs nothing while nobody calls.
//!
//! libsrt's threads look for a caller a hundred times a second on each port. So a plain socket waits for the first datagram in its
//! place, asleep in the kernel, and is closed when one comes. That one is lost: SRT callers say the first thing every 250 ms until they
//! are answered.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::input::knock::reachable;
use crate::input::wake::{End, Wake};

/// It looks up by itself this often, should the datagram that wakes it at the end get lost.
const LOOK: Duration = Duration::from_secs(5);

/// A socket that waits.
pub(super) struct Bell(UdpSocket);

impl Bell {
    /// Takes the port; none when it cannot be had, which the listener then says better.
    pub(super) fn hang(bind: SocketAddr) -> Option<Self> {
        let open = || {
            let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, None)?;
            socket.bind(&bind.into())?;
            socket.set_read_timeout(Some(LOOK))?;
            std::io::Result::Ok(Self(socket.into()))
        };
        open().inspect_err(|error| tracing::debug!(%error, "no caller is waited for cheaply")).ok()
    }

    /// Waits for somebody; tells the end of everything, if that comes first.
    pub(super) fn wait(self, wake: &Wake) -> Option<End> {
        let own = self.0.local_addr().ok()?;
        let _stopping = wake.rings(reachable(own));
        loop {
            if wake.sleep(Duration::ZERO) {
                return Some(End::Stopped);
            }
            match self.0.recv_from(&mut [0; 16]) {
                Ok(_) => return wake.sleep(Duration::ZERO).then_some(End::Stopped),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut | std::io::ErrorKind::Interrupted) => {}
                // What is wrong with the port the listener finds out, and says.
                Err(error) => {
                    tracing::debug!(%error, "waiting for a caller failed");
                    return None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    fn hung() -> (Bell, SocketAddr) {
        let bell = Bell::hang((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let own = bell.0.local_addr().expect("its address");
        (bell, own)
    }

    #[test]
    fn a_datagram_rings() {
        let (bell, own) = hung();
        let caller = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        caller.send_to(b"hello", own).expect("it is sent");
        assert_eq!(bell.wait(&Wake::default()), None);
    }

    #[test]
    fn a_port_is_not_shared() {
        let (_bell, own) = hung();
        assert!(Bell::hang(own).is_none());
    }

    #[test]
    fn the_end_is_not_waited_for() {
        let (bell, _) = hung();
        let wake = Arc::new(Wake::default());
        let stopper = Arc::clone(&wake);
        let waiting = std::thread::spawn(move || bell.wait(&wake));
        let begun = Instant::now();
        while !stopper.is_ringing() {
            assert!(begun.elapsed() < LOOK, "it never slept");
            std::thread::yield_now();
        }
        stopper.stop();
        assert_eq!(waiting.join().expect("it ends"), Some(End::Stopped));
        assert!(begun.elapsed() < LOOK, "it slept on");
    }
}
