//! Ends TCP connections that an element of the media library holds and does not let go of.
//!
//! A reader that is flooded never comes to look whether it should stop. Its socket belongs to the library, so it is found by
//! the far end's address among this process's own.

use std::net::SocketAddr;

/// Ends every connection of this process with one of `far`. Another input of the same camera loses its connection too, and
/// calls again.
#[cfg(target_os = "linux")]
pub(super) fn cut(far: &[SocketAddr]) {
    use std::os::fd::BorrowedFd;

    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    for number in open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok()).filter(|number| *number > 2) {
        // SAFETY: the number is not -1 and is borrowed for the two calls below alone; should it be closed meanwhile, they fail.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = socket2::SockRef::from(&borrowed);
        let peer = socket.peer_addr().ok().and_then(|address| address.as_socket());
        if peer.is_some_and(|peer| far.contains(&peer))
            && let Err(error) = socket.shutdown(std::net::Shutdown::Both)
        {
            tracing::debug!(%error, "a connection was gone before it was cut");
        }
    }
}

/// Elsewhere sockets cannot be found this way; the library's own timeouts must do.
#[cfg(not(target_os = "linux"))]
pub(super) fn cut(_far: &[SocketAddr]) {}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn connections_with_one_far_end_are_cut_and_others_stay() {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let (flooding, other) = (listen(), listen());
        let address = |listener: &TcpListener| listener.local_addr().expect("an address");
        let (mut held, kept) = (TcpStream::connect(address(&flooding)).expect("open"), TcpStream::connect(address(&other)).expect("open"));
        cut(&[address(&flooding)]);
        assert_eq!(held.read(&mut [0; 8]).expect("an end"), 0);
        kept.set_nonblocking(true).expect("a socket");
        assert!((&kept).read(&mut [0; 8]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    }
}
