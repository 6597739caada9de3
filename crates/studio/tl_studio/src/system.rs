//! The few things that a shell needs of the system, so that it names no engine.

use std::path::{Path, PathBuf};

use crate::Error;

/// This system's place for a user's sessions.
pub fn default_data_dir() -> PathBuf {
    tl_store::settings::default_data_folder()
}

/// Writes a file that holds secrets for its owner alone, in one step.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Ok(tl_store::files::write_atomic(path, &[bytes], tl_store::files::Privacy::Private)?)
}

/// 128 random bits in letters and digits, for a name or a secret that nobody guesses.
pub fn random_name() -> Result<String, Error> {
    Ok(tl_store::random_token(16)?)
}

/// Calls `then` once when a person or the system asks this process to end. The thread that waits for it ends with the process.
pub fn on_interrupt(then: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        runtime.block_on(asked_to_end());
        then();
    })?;
    Ok(())
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(error) => tracing::warn!(%error, "a request to end cannot be heard"),
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "a request to end cannot be heard");
    }
}
