//! A running pipeline whose end wakes the supervisor.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gst::prelude::*;

use crate::Error;
use crate::input::cut::cut;
use crate::input::wake::{End, Wake};

/// What a far end says that lets nobody in for now.
const FORBIDDEN: &str = "access forbidden";
/// A pipeline that takes longer to stop has its connections cut.
const STOP: Duration = Duration::from_secs(1);

/// Stops when it is dropped.
pub(super) struct Watched {
    pipeline: gst::Pipeline,
    /// Who may hold up its end: `host:port` or `host`, and the protocol's usual port.
    far: Option<(String, u16)>,
}

impl Watched {
    /// Looks at a pipeline's messages from now on. `judge` says what an error means.
    pub(super) fn new(pipeline: gst::Pipeline, wake: &Arc<Wake>, over: End, judge: impl Fn(&gst::glib::Error) -> End + Send + Sync + 'static) -> Self {
        let wake = Arc::clone(wake);
        if let Some(bus) = pipeline.bus() {
            bus.set_sync_handler(move |_, message| {
                match message.view() {
                    gst::MessageView::Error(error) => {
                        // Addresses and passwords stand in these texts, so they stay below what is logged by default.
                        tracing::trace!(error = %error.error(), "a pipeline of an input failed");
                        wake.end(if is_forbidden(error) { End::Barred(FORBIDDEN.to_owned()) } else { judge(&error.error()) });
                    }
                    gst::MessageView::Eos(_) => wake.end(over.clone()),
                    _ => {}
                }
                gst::BusSyncReply::Drop
            });
        }
        Self { pipeline, far: None }
    }

    /// Remembers the far end (`host:port`, or `host` with the protocol's usual port), so that it cannot hold up the end.
    pub(super) fn with_far_end(mut self, host: &str, usual_port: u16) -> Self {
        self.far = Some((host.to_owned(), usual_port));
        self
    }

    /// The far end's addresses. A name that is not known has no connection either.
    fn far_ends(host: &str, usual_port: u16) -> Vec<SocketAddr> {
        host.to_socket_addrs().or_else(|_| (host, usual_port).to_socket_addrs()).map(Iterator::collect).unwrap_or_default()
    }

    /// Starts; what keeps it from starting ends the connection by its own message, if it has one.
    pub(super) fn play(&self, wake: &Wake, what: &'static str) {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            wake.end(End::Lost(format!("{what} does not start")));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some((host, usual_port)) = &self.far else { return stop(&self.pipeline) };
        let (told, ended) = mpsc::sync_channel::<()>(0);
        let pipeline = self.pipeline.clone();
        let stopping = std::thread::Builder::new().name("in stop".to_owned()).spawn(move || {
            // Dropped when it is done, which is what the other end waits for.
            let _told = told;
            stop(&pipeline);
        });
        let Ok(stopping) = stopping else { return stop(&self.pipeline) };
        while ended.recv_timeout(STOP) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::debug!("an input is flooded while it stops; its connection is cut");
            cut(&Self::far_ends(host, *usual_port));
        }
        if stopping.join().is_err() {
            tl_base::never!("stopping an input panicked");
        }
    }
}

fn stop(pipeline: &gst::Pipeline) {
    if let Err(error) = pipeline.set_state(gst::State::Null) {
        tracing::warn!(%error, "an input did not stop");
    }
}

/// Whether the far end understood who asks and says no (RFC 9110, section 15.5.4; RFC 2326, section 11.3). Cameras say so while they
/// restart or have too many viewers too, so it may pass. `souphttpsrc` adds the status to its errors; `rtspsrc` ends what it says for
/// those who search for faults with it.
fn is_forbidden(error: &gst::message::Error) -> bool {
    let status = error.details().and_then(|details| details.get::<u32>("http-status-code").ok());
    status == Some(403) || error.debug().is_some_and(|text| text.trim_end().ends_with("(403)"))
}

/// What a network element's error means for a person. Its own text may hold an address, so it is not passed on.
pub(super) fn judge_network(error: &gst::glib::Error) -> End {
    use gst::ResourceError as R;
    if let Some(kind) = error.kind::<R>() {
        return match kind {
            R::NotAuthorized => End::Refused("user name or password refused".to_owned()),
            R::NotFound => End::Lost("there is no such stream".to_owned()),
            R::OpenRead | R::OpenReadWrite | R::OpenWrite => End::Lost("it cannot be reached".to_owned()),
            R::Read | R::Close | R::Sync | R::Seek => End::Lost("the connection broke off".to_owned()),
            R::Settings => End::Lost("it refuses what was asked of it".to_owned()),
            _ => End::Lost("the connection failed".to_owned()),
        };
    }
    if matches!(error.kind::<gst::CoreError>(), Some(gst::CoreError::MissingPlugin)) {
        return End::Refused("this machine cannot read the stream".to_owned());
    }
    End::Lost("the stream cannot be read".to_owned())
}

/// Adds and links elements behind a pad and lets them run.
pub(super) fn link_behind(pipeline: &gst::Pipeline, pad: &gst::Pad, elements: &[gst::Element]) -> Result<(), Error> {
    let link = || {
        pipeline.add_many(elements)?;
        gst::Element::link_many(elements)?;
        let entry = elements.first().and_then(|first| first.static_pad("sink")).ok_or_else(|| gst::glib::bool_error!("no entry"))?;
        pad.link(&entry).map_err(|error| gst::glib::bool_error!("{error}"))?;
        elements.iter().try_for_each(gst::Element::sync_state_with_parent)
    };
    link().map_err(Error::pipeline("input"))
}

/// A sink that hands each sample to `on_sample`.
pub(super) fn sample_sink(caps: Option<&gst::Caps>, mut on_sample: impl FnMut(gst::Sample) + Send + 'static) -> gst::Element {
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            on_sample(sink.pull_sample().map_err(|_| gst::FlowError::Eos)?);
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    let sink = gst_app::AppSink::builder().sync(false).async_(false).qos(false).enable_last_sample(false).callbacks(callbacks);
    if let Some(caps) = caps { sink.caps(caps).build().upcast() } else { sink.build().upcast() }
}
