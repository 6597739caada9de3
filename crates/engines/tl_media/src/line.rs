//! One short pipeline: what is pushed in runs on one thread through a few elements into a callback.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::Error;

/// Starts the media library; cheap when it already runs.
pub fn init() -> Result<(), Error> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    STARTED.get_or_init(|| gst::init().map_err(|error| error.to_string())).clone().map_err(Error::Library)
}

/// Makes an element by its factory's name.
pub(crate) fn element(name: &str) -> Result<gst::Element, Error> {
    gst::ElementFactory::make(name).build().map_err(|_| Error::Missing(name.to_owned()))
}

/// Sets a property by its text form if the element has it: elements differ between versions and makers.
pub(crate) fn set(element: &gst::Element, name: &str, value: &str) {
    if element.find_property(name).is_some() {
        element.set_property_from_str(name, value);
    }
}

/// Locks what no panic of a callback can leave half done.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells whoever fills the buffers of `sink` that rows may be padded. Without this offer a decoder copies each picture.
pub(crate) fn accept_any_layout(sink: &gst::Element) {
    let Some(pad) = sink.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
        let Some(query) = info.query_mut() else { return gst::PadProbeReturn::Ok };
        if let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
            allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

#[derive(Default)]
struct Outcome {
    error: Option<String>,
    ended: bool,
}

/// How a pipeline fared: filled by its bus, which keeps no message.
#[derive(Default)]
pub(crate) struct Fate {
    outcome: Mutex<Outcome>,
    changed: Condvar,
}

impl Fate {
    /// The first error.
    pub(crate) fn error(&self) -> Option<String> {
        lock(&self.outcome).error.clone()
    }

    /// Waits until the end of stream or an error; false when neither came in time.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut outcome = lock(&self.outcome);
        while !outcome.ended && outcome.error.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            outcome = self.changed.wait_timeout(outcome, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// Watches a pipeline's bus. Nobody pops messages, so each is looked at and dropped where it is posted.
pub(crate) fn watch(pipeline: &gst::Pipeline) -> Arc<Fate> {
    let fate = Arc::new(Fate::default());
    let seen = Arc::clone(&fate);
    if let Some(bus) = pipeline.bus() {
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let mut outcome = lock(&seen.outcome);
                    outcome.error.get_or_insert_with(|| error.error().to_string());
                    drop(outcome);
                    seen.changed.notify_all();
                }
                gst::MessageView::Eos(_) => {
                    lock(&seen.outcome).ended = true;
                    seen.changed.notify_all();
                }
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }
    fate
}

/// What a line is made of.
pub(crate) struct Plan {
    /// Which engine, for errors.
    pub(crate) what: &'static str,
    /// What is pushed in.
    pub(crate) caps: gst::Caps,
    /// The elements between, in order.
    pub(crate) elements: Vec<gst::Element>,
    /// What may come out.
    pub(crate) out_caps: Option<gst::Caps>,
    /// Most buffers that wait.
    pub(crate) max_buffers: u64,
    /// Whether a full queue makes the pusher wait (files) or refuses (live).
    pub(crate) block: bool,
}

/// A running line. Its one thread belongs to the source element; dropping the line joins it.
pub(crate) struct Line {
    what: &'static str,
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    fate: Arc<Fate>,
    max_buffers: u64,
    block: bool,
}

impl Line {
    /// Builds and starts. `on_sample` runs on the line's own thread.
    pub(crate) fn start(plan: Plan, mut on_sample: impl FnMut(gst::Sample) + Send + 'static) -> Result<Self, Error> {
        let Plan { what, caps, elements, out_caps, max_buffers, block } = plan;
        // Its thread carries this name, so that whoever looks at a busy studio sees who is busy.
        let source = gst_app::AppSrc::builder().name(what).caps(&caps).format(gst::Format::Time).max_buffers(max_buffers).max_bytes(0).block(block).build();
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                on_sample(sink.pull_sample().map_err(|_| gst::FlowError::Eos)?);
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        let sink = gst_app::AppSink::builder().sync(false).qos(false).enable_last_sample(false).callbacks(callbacks);
        let sink = if let Some(caps) = &out_caps { sink.caps(caps).build() } else { sink.build() };

        accept_any_layout(sink.upcast_ref());

        let pipeline = gst::Pipeline::new();
        let fate = watch(&pipeline);
        let mut all = vec![source.upcast_ref::<gst::Element>().clone()];
        all.extend(elements);
        all.push(sink.upcast());
        pipeline.add_many(&all).map_err(Error::pipeline(what))?;
        gst::Element::link_many(&all).map_err(Error::pipeline(what))?;
        let line = Self { what, pipeline, source, fate, max_buffers, block };
        line.pipeline.set_state(gst::State::Playing).map_err(|error| line.failure(error.to_string()))?;
        Ok(line)
    }

    /// Hands a buffer to the line's thread.
    pub(crate) fn push(&self, buffer: gst::Buffer) -> Result<(), Error> {
        if let Some(detail) = self.fate.error() {
            return Err(Error::Pipeline { what: self.what, detail });
        }
        if !self.block && !self.has_room() {
            return Err(Error::Full);
        }
        self.source.push_buffer(buffer).map(|_| ()).map_err(|error| self.failure(error.to_string()))
    }

    /// Whether one more buffer fits.
    pub(crate) fn has_room(&self) -> bool {
        self.source.current_level_buffers() < self.max_buffers
    }

    /// Whether a full queue makes the pusher wait.
    pub(crate) fn is_blocking(&self) -> bool {
        self.block
    }

    /// The error by which it stopped.
    pub(crate) fn error(&self) -> Option<String> {
        self.fate.error()
    }

    /// Whether it stopped by an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.fate.error().is_some()
    }

    /// Sends an event up from the line's end.
    pub(crate) fn send_upstream(&self, element: &gst::Element, event: gst::Event) {
        // An encoder that does not know the event still encodes; the caller sees the missing key in the output.
        element.send_event(event);
    }

    /// Pushes what is still inside out to the callback and waits for it.
    pub(crate) fn drain(&self, limit: Duration) -> Result<(), Error> {
        self.source.end_of_stream().map_err(|error| self.failure(error.to_string()))?;
        if !self.fate.wait(limit) {
            return Err(self.failure(format!("it did not end within {} s", limit.as_secs())));
        }
        self.fate.error().map_or(Ok(()), |detail| Err(Error::Pipeline { what: self.what, detail }))
    }

    fn failure(&self, detail: String) -> Error {
        Error::Pipeline { what: self.what, detail: self.fate.error().unwrap_or(detail) }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(what = self.what, %error, "a pipeline did not stop");
        }
    }
}
