//! Opening and closing the door.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tl_base::Secret;
use tl_playlist::GzipMemo;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::api;
use crate::app::{Answered, App, Counted, Door};
use crate::backend::Backend;
use crate::config::{Config, Limits};
use crate::connection::Gatekeeper;
use crate::error::Error;
use crate::feed::Feed;
use crate::grants::Grants;
use crate::lockout::Lockout;
use crate::manifests::Manifests;

/// How long open requests may take to end when the door closes.
const GRACE: Duration = Duration::from_secs(1);

/// Threads that serve; media comes from memory and commands wait elsewhere.
const WORKERS: usize = 2;

/// An open door. Closing it, or dropping it, ends its thread.
pub struct Server {
    /// Where HTTPS listens.
    pub https_addr: SocketAddr,
    /// Where plain HTTP listens on this machine.
    pub http_addr: Option<SocketAddr>,
    /// SHA-256 of the certificate, 64 hexadecimal digits.
    pub certificate_sha256: String,
    door_token: Secret,
    grants: Arc<Grants>,
    streams: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    closing: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What comes and goes through the door now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Viewers who fetched media in the last ten seconds.
    pub viewers: u32,
    /// Open connections.
    pub connections: usize,
    /// Open event streams.
    pub event_streams: usize,
}

impl Server {
    /// Opens the door; it answers when this returns.
    pub fn start(config: Config, backend: Arc<dyn Backend>) -> Result<Self, Error> {
        let https = listen(config.https)?;
        let http = config.loopback_http.then(|| listen((Ipv4Addr::LOCALHOST, 0).into())).transpose()?;
        let https_addr = address_of(&https, config.https)?;
        let http_addr = http.as_ref().map(|http| address_of(http, config.https)).transpose()?;
        let tls = config.tls.server_config()?;
        let certificate_sha256 = config.tls.certificate_sha256.clone();
        let door_token = Secret::new(tl_store::random_token(32)?);
        let (closing, watcher) = watch::channel(false);
        let grants = Arc::new(Grants::open(config.grants_file.clone(), config.grant_life, config.limits.grants));
        let (streams, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let limits = config.limits;
        let app = Arc::new(App {
            backend,
            grants: Arc::clone(&grants),
            lockout: Lockout::new(limits.wrong_tokens, limits.lock_time),
            door_token: door_token.clone(),
            cookie_port: https_addr.port(),
            closing: watcher.clone(),
            access: watch::channel(0).0,
            waiting: Counted::new(limits.waiting),
            uploads: Counted::new(limits.uploads_per_ip),
            followers: Counted::new(limits.event_streams_per_ip),
            trials: Counted::new(1),
            feed: Feed::default(),
            manifests: Manifests::default(),
            packed: Mutex::new(GzipMemo::new()),
            streams: Arc::clone(&streams),
            connections: Arc::clone(&connections),
            answered: Answered::default(),
            config,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(16)
            .thread_name("server")
            .enable_all()
            .build()
            .map_err(Error::Thread)?;
        let gatekeeper = Gatekeeper::new(limits, Arc::clone(&connections));
        let doors = Doors { https, http, tls: RustlsConfig::from_config(tls), gatekeeper, limits, app };
        let thread = std::thread::Builder::new().name("server".to_owned()).spawn(move || run(runtime, doors, watcher)).map_err(Error::Thread)?;
        Ok(Self { https_addr, http_addr, certificate_sha256, door_token, grants, streams, connections, closing, thread: Some(thread) })
    }

    /// Opens the plain door as the owner: as bearer token, or as `?door=` in a page's address. New at each start.
    pub fn door_token(&self) -> &Secret {
        &self.door_token
    }

    /// Address of a page on the plain door with the token in it, for the window and for tools of this machine; a secret.
    pub fn local_page(&self, page: &str) -> Option<Secret> {
        self.http_addr.map(|address| Secret::new(format!("http://{address}/{page}/?door={}", self.door_token.expose())))
    }

    /// What comes and goes now.
    pub fn traffic(&self) -> Traffic {
        Traffic { viewers: self.grants.watching(), connections: self.connections.load(Ordering::Relaxed), event_streams: self.streams.load(Ordering::Relaxed) }
    }

    /// Closes the door: no new requests, streams end, open requests get a second.
    pub fn shutdown(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.closing.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server's thread ended by a panic");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

struct Doors {
    https: TcpListener,
    http: Option<TcpListener>,
    tls: RustlsConfig,
    gatekeeper: Gatekeeper,
    limits: Limits,
    app: Arc<App>,
}

fn run(runtime: Runtime, doors: Doors, mut closing: watch::Receiver<bool>) {
    runtime.block_on(async move {
        let handle = Handle::new();
        let close = async {
            // The sender lives as long as the server does.
            closing.wait_for(|closing| *closing).await.map(|_| ()).unwrap_or_default();
            handle.graceful_shutdown(Some(GRACE));
            std::future::pending::<()>().await;
        };
        let serve = async {
            let https = serve_https(&doors, handle.clone());
            let http = serve_http(&doors, handle.clone());
            tokio::join!(https, http)
        };
        tokio::select! {
            () = close => {}
            (https, http) = serve => {
                for (door, ended) in [("HTTPS", https), ("plain HTTP", http)] {
                    if let Err(error) = ended {
                        tracing::error!("{door} ended: {error}");
                    }
                }
            }
        }
    });
    // What still blocks on a disk must not hold the studio.
    runtime.shutdown_timeout(GRACE);
}

async fn serve_https(doors: &Doors, handle: Handle<SocketAddr>) -> std::io::Result<()> {
    let listener = doors.https.try_clone()?;
    let acceptor = RustlsAcceptor::new(doors.tls.clone()).handshake_timeout(doors.limits.header_time).acceptor(doors.gatekeeper.clone());
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle);
    set_limits(server.http_builder(), doors.limits);
    server.serve(service(api::router(&doors.app, Door::Https))).await
}

async fn serve_http(doors: &Doors, handle: Handle<SocketAddr>) -> std::io::Result<()> {
    let Some(listener) = &doors.http else { return Ok(()) };
    let mut server = axum_server::from_tcp(listener.try_clone()?)?.acceptor(doors.gatekeeper.clone()).handle(handle);
    set_limits(server.http_builder(), doors.limits);
    server.serve(service(api::router(&doors.app, Door::Loopback))).await
}

fn service(router: Router) -> axum::extract::connect_info::IntoMakeServiceWithConnectInfo<Router, SocketAddr> {
    router.into_make_service_with_connect_info::<SocketAddr>()
}

fn set_limits(builder: &mut Builder<TokioExecutor>, limits: Limits) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_time).max_buf_size(32 << 10);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(limits.idle_time / 3).keep_alive_timeout(limits.idle_time / 3);
    http2.max_concurrent_streams(128).max_header_list_size(16 << 10).max_send_buf_size(256 << 10);
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listening = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listening.map_err(|source| Error::Listen { address, source })
}

fn address_of(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Listen { address: asked, source })
}
