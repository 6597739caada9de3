//! Why the door does not open.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What can go wrong when the server starts. Later faults cost one request and are answered there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken or not allowed.
    #[error("cannot listen at {address}: {source}; choose another port with server.https_port")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate could not be made or read.
    #[error("certificate: {reason}: {}", path.display())]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be kept.
    #[error(transparent)]
    Store(#[from] tl_store::Error),
    /// The system gave no thread.
    #[error("cannot start the server's thread: {0}")]
    Thread(std::io::Error),
}
