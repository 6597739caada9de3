//! Virtual phones in a thread of the test.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tl_base::Secret;
use tl_rehearsal::{Faults, Options, PhoneTicket, Summary, Way};
use tl_studio::Links;

/// Phones that send until they are finished.
pub struct Phones {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Summary, tl_rehearsal::Error>>>,
    /// What really happened, JSON lines.
    pub truth: PathBuf,
}

impl Phones {
    /// `count` phones for the studio at `links`; with `script` somebody directs.
    pub fn start(links: &Links, truth: PathBuf, count: usize, faults: Faults, script: bool) -> anyhow::Result<Self> {
        let phones =
            links.camera_tokens.iter().take(count).map(|(slot, token)| PhoneTicket { slot: *slot, token: Secret::new(token.clone()), way: Way::Webrtc });
        let options = Options {
            studio: links.base.clone(),
            certificate_pem: std::fs::read_to_string(&links.certificate)?,
            phones: phones.collect(),
            director: script.then(|| Secret::new(links.script_token.clone())),
            seed: 1,
            seconds: None,
            faults,
            truth: truth.clone(),
            cache: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("phones".into()).spawn(move || tl_rehearsal::rehearse(options, stopped, &|_| {}))?;
        Ok(Self { stop, thread: Some(thread), truth })
    }

    /// Ends them politely.
    pub fn finish(mut self) -> anyhow::Result<Summary> {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.take().ok_or_else(|| anyhow::anyhow!("they are gone"))?;
        Ok(thread.join().map_err(|_| anyhow::anyhow!("the phones failed"))??)
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
