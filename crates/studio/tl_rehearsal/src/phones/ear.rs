//! A camera's TCP port: one caller at a time, nothing waits.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

/// Bytes that may wait for the network: some seconds of a camera. A caller that is slower is hung up on.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// Bytes of requests that may wait to be understood.
const MAX_INBOX_BYTES: usize = 64 << 10;

/// A listening port. Dropping it closes the port and the call.
pub(super) struct Ear {
    listener: TcpListener,
    address: SocketAddr,
    call: Option<Call>,
}

impl Ear {
    pub(super) fn open(bind: IpAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((bind, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, call: None })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The call, with what it said since the last look. The newest caller wins: a studio that comes back is not kept out by its own
    /// old call. `fresh` is true when it has just begun.
    pub(super) fn listen(&mut self) -> Option<(&mut Call, bool)> {
        let mut fresh = false;
        while let Ok((stream, _)) = self.listener.accept() {
            if let Some(call) = Call::new(stream) {
                (self.call, fresh) = (Some(call), true);
            }
        }
        if self.call.as_mut().is_some_and(|call| !call.step()) {
            self.call = None;
        }
        self.call.as_mut().map(|call| (call, fresh))
    }

    pub(super) fn call(&mut self) -> Option<&mut Call> {
        self.call.as_mut()
    }

    pub(super) fn hang_up(&mut self) {
        self.call = None;
    }

    /// As if nobody were there: whoever calls is hung up on.
    pub(super) fn refuse(&mut self) {
        self.hang_up();
        while self.listener.accept().is_ok() {}
    }
}

/// One caller.
pub(super) struct Call {
    stream: TcpStream,
    /// What was said and not yet understood.
    pub(super) inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// Bytes of `outbox` that have left.
    left: usize,
    broken: bool,
}

impl Call {
    fn new(stream: TcpStream) -> Option<Self> {
        stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).ok()?;
        Some(Self { stream, inbox: Vec::new(), outbox: Vec::new(), left: 0, broken: false })
    }

    /// Reads and writes what can be; false when the call is over.
    fn step(&mut self) -> bool {
        let mut piece = [0; 4_096];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return false,
                Ok(count) => self.inbox.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
            if self.inbox.len() > MAX_INBOX_BYTES {
                return false;
            }
        }
        self.flush();
        !self.broken
    }

    /// Says something; false when the call is over.
    pub(super) fn say(&mut self, bytes: &[u8]) -> bool {
        if self.outbox.len() - self.left + bytes.len() > MAX_WAITING_BYTES {
            self.broken = true;
        }
        if self.broken {
            return false;
        }
        self.outbox.extend_from_slice(bytes);
        self.flush();
        !self.broken
    }

    fn flush(&mut self) {
        while let Some(rest) = self.outbox.get(self.left..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => self.broken = true,
                Ok(count) => self.left += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.broken = true,
            }
            if self.broken {
                return;
            }
        }
        if self.left == self.outbox.len() {
            self.outbox.clear();
            self.left = 0;
        } else if self.left > MAX_WAITING_BYTES / 4 {
            self.outbox.drain(..self.left);
            self.left = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Looks until something was said.
    fn heard(ear: &mut Ear) -> Vec<u8> {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if let Some((call, _)) = ear.listen()
                && !call.inbox.is_empty()
            {
                return std::mem::take(&mut call.inbox);
            }
            std::thread::yield_now();
        }
        Vec::new()
    }

    #[test]
    fn the_newest_caller_is_heard_and_one_that_does_not_listen_is_hung_up_on() {
        let mut ear = Ear::open([127, 0, 0, 1].into()).expect("a port");
        let mut old = TcpStream::connect(ear.address()).expect("a call");
        old.write_all(b"old").expect("said");
        assert_eq!(heard(&mut ear), b"old");
        let mut new = TcpStream::connect(ear.address()).expect("a call");
        new.write_all(b"new").expect("said");
        assert_eq!(heard(&mut ear), b"new");
        let piece = vec![7; 1 << 20];
        let said = (0..64).take_while(|_| ear.call().is_some_and(|call| call.say(&piece))).count();
        assert!((8..64).contains(&said), "{said} MiB to a caller that does not listen");
        assert!(ear.listen().is_none());
    }
}
