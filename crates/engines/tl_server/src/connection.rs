//! Connections: counted by address, closed when they are slow to begin or silent for long.

use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use crate::app::{Counted, Place};
use crate::config::Limits;

/// Lets a connection in, or not. Sits below TLS, so that a handshake counts as well.
#[derive(Clone)]
pub(crate) struct Gatekeeper {
    limits: Limits,
    all: Arc<AtomicUsize>,
    by_ip: Arc<Counted<IpAddr>>,
}

impl Gatekeeper {
    pub(crate) fn new(limits: Limits, all: Arc<AtomicUsize>) -> Self {
        Self { limits, all, by_ip: Arc::new(Counted::new(limits.connections_per_ip)) }
    }

    fn admit(&self, stream: TcpStream) -> io::Result<Connection> {
        let ip = stream.peer_addr()?.ip().to_canonical();
        stream.set_nodelay(true)?;
        let most = if ip.is_loopback() { self.limits.connections_from_loopback } else { self.limits.connections_per_ip };
        let full = || io::Error::new(io::ErrorKind::ConnectionRefused, "too many connections");
        let place = self.by_ip.take_of(ip, most).ok_or_else(full)?;
        let all = Arc::clone(&self.all);
        if all.fetch_add(1, Ordering::AcqRel) >= self.limits.connections {
            all.fetch_sub(1, Ordering::AcqRel);
            return Err(full());
        }
        // The alarm looks again at what is allowed when it rings.
        let deadline = Instant::now() + self.limits.header_time.min(self.limits.idle_time);
        Ok(Connection {
            stream,
            began: Arc::new(AtomicBool::new(false)),
            opened: Instant::now(),
            active: Instant::now(),
            limits: self.limits,
            alarm: Box::pin(sleep_until(deadline)),
            all,
            _place: place,
        })
    }
}

impl<S> Accept<TcpStream, S> for Gatekeeper {
    type Stream = Connection;
    type Service = Began<S>;
    type Future = Ready<io::Result<(Connection, Began<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.admit(stream).map(|connection| {
            let began = Began { service, began: Arc::clone(&connection.began) };
            (connection, began)
        }))
    }
}

/// Notes that a connection's first whole request arrived.
#[derive(Clone)]
pub(crate) struct Began<S> {
    service: S,
    began: Arc<AtomicBool>,
}

impl<S: Service<R>, R> Service<R> for Began<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.began.store(true, Ordering::Release);
        self.service.call(request)
    }
}

/// A counted connection. Until its first whole request it has `header_time` in all; later `idle_time` without a byte.
pub(crate) struct Connection {
    stream: TcpStream,
    began: Arc<AtomicBool>,
    opened: Instant,
    active: Instant,
    limits: Limits,
    alarm: Pin<Box<Sleep>>,
    all: Arc<AtomicUsize>,
    _place: Place<IpAddr>,
}

impl Connection {
    /// Wakes the task when time may be up; an error when it is.
    fn check_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let began = self.began.load(Ordering::Acquire);
            let (since, allowed): (Instant, Duration) = if began { (self.active, self.limits.idle_time) } else { (self.opened, self.limits.header_time) };
            let deadline = since + allowed;
            if deadline <= Instant::now() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "silent for too long"));
            }
            self.alarm.as_mut().reset(deadline);
        }
        Ok(())
    }

    fn after<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(done) => {
                self.active = Instant::now();
                Poll::Ready(done)
            }
            Poll::Pending => match self.check_time(cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // One byte now and then must not keep a connection that never asks anything.
        if !self.began.load(Ordering::Acquire) {
            self.check_time(cx)?;
        }
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.after(cx, polled)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after(cx, polled)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.after(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
