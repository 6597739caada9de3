//! Runs a file through a demultiplexer (and decoders) and hands every sample to the caller's own thread.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::line::{accept_any_layout, element, set, watch};
use crate::{Error, init};

/// Samples that may wait for the caller.
const MAX_QUEUE: usize = 8;
/// A file that gives nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a stream of a file is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Video,
    Audio,
}

/// What a stream runs through on its way out.
pub(crate) struct Branch {
    pub(crate) kind: Kind,
    pub(crate) elements: Vec<gst::Element>,
    pub(crate) out_caps: Option<gst::Caps>,
}

/// Reads `path` through `bin` (`parsebin` or `decodebin`). `branch` says for each stream what to do with it; streams that it
/// declines, and a second one of the same kind, are thrown away.
pub(crate) fn read(
    path: &Path,
    bin: &str,
    branch: impl Fn(&gst::CapsRef) -> Result<Option<Branch>, Error> + Send + Sync + 'static,
    mut on_sample: impl FnMut(Kind, gst::Sample) -> Result<(), Error>,
) -> Result<(), Error> {
    init()?;
    std::fs::File::open(path).map_err(Error::file("open", path))?;
    let location = path.to_str().ok_or_else(|| Error::Content { what: "the file's name is no text".to_owned(), path: path.to_path_buf() })?;
    let source = element("filesrc")?;
    source.set_property("location", location);
    let reader = element(bin)?;
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &reader]).map_err(Error::pipeline("file reader"))?;
    source.link(&reader).map_err(Error::pipeline("file reader"))?;
    if let Some(bin) = reader.dynamic_cast_ref::<gst::Bin>() {
        bin.connect_deep_element_added(|_, _, element| {
            set(element, "max-threads", "2");
            set(element, "qos", "false");
            keep_through_rate_changes(element);
        });
    }

    let (sender, receiver) = mpsc::sync_channel(MAX_QUEUE);
    let failures = sender.clone();
    let weak = pipeline.downgrade();
    let taken = std::sync::Mutex::new(Vec::new());
    reader.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if let Err(error) = attach(&pipeline, pad, &branch, &taken, &sender)
            && failures.try_send(Err(error)).is_err()
        {
            tracing::debug!("a reader's caller already left");
        }
    });

    let fate = watch(&pipeline);
    let guard = Running(pipeline);
    guard.0.set_state(gst::State::Playing).map_err(|error| content(path, fate.error().unwrap_or_else(|| error.to_string())))?;
    let mut last = Instant::now();
    loop {
        // Asked before the channel: once the end is known everything before it lies in the channel.
        let ended = fate.wait(Duration::ZERO);
        match receiver.recv_timeout(Duration::from_millis(if ended { 0 } else { 20 })) {
            Ok(Ok((kind, sample))) => {
                on_sample(kind, sample)?;
                last = Instant::now();
            }
            Ok(Err(error)) => return Err(error),
            Err(RecvTimeoutError::Timeout) if ended => break,
            Err(RecvTimeoutError::Timeout) if last.elapsed() < PATIENCE => {}
            Err(_) => return Err(content(path, "the reader stands still".to_owned())),
        }
    }
    fate.error().map_or(Ok(()), |detail| Err(content(path, detail)))
}

/// Hides the picture rate from VP8 and VP9 decoders. The demultiplexer tells another one whenever the pictures' distances
/// change, and these decoders forget everything at any change of what they are told, up to the next key picture.
fn keep_through_rate_changes(element: &gst::Element) {
    let name = element.factory().map(|factory| factory.name().to_string());
    let Some(pad) = element.static_pad("sink").filter(|_| matches!(name.as_deref(), Some("vp8dec" | "vp9dec"))) else { return };
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        let Some(gst::PadProbeData::Event(event)) = &info.data else { return gst::PadProbeReturn::Ok };
        let gst::EventView::Caps(caps) = event.view() else { return gst::PadProbeReturn::Ok };
        let mut quiet = caps.caps_owned();
        for structure in quiet.make_mut().iter_mut() {
            structure.remove_field("framerate");
        }
        info.data = Some(gst::PadProbeData::Event(gst::event::Caps::builder(&quiet).seqnum(event.seqnum()).build()));
        gst::PadProbeReturn::Ok
    });
}

fn content(path: &Path, what: String) -> Error {
    Error::Content { what, path: path.to_path_buf() }
}

type Item = Result<(Kind, gst::Sample), Error>;

fn attach(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    branch: &impl Fn(&gst::CapsRef) -> Result<Option<Branch>, Error>,
    taken: &std::sync::Mutex<Vec<Kind>>,
    sender: &SyncSender<Item>,
) -> Result<(), Error> {
    let failed = Error::pipeline("file reader");
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let mut taken = crate::line::lock(taken);
    let wanted = branch(&caps)?.filter(|branch| !taken.contains(&branch.kind));
    let elements = match wanted {
        Some(branch) => {
            taken.push(branch.kind);
            let mut elements = branch.elements;
            elements.push(sink_into(branch.kind, branch.out_caps.as_ref(), sender.clone()).upcast());
            elements
        }
        None => {
            let sink = element("fakesink")?;
            set(&sink, "sync", "false");
            set(&sink, "async", "false");
            vec![sink]
        }
    };
    let link = || {
        pipeline.add_many(&elements)?;
        gst::Element::link_many(&elements)?;
        let entry = elements.first().and_then(|first| first.static_pad("sink")).ok_or_else(|| gst::glib::bool_error!("no entry"))?;
        pad.link(&entry).map_err(|error| gst::glib::bool_error!("{error}"))?;
        elements.iter().try_for_each(gst::Element::sync_state_with_parent)
    };
    link().map_err(failed)
}

fn sink_into(kind: Kind, caps: Option<&gst::Caps>, sender: SyncSender<Item>) -> gst_app::AppSink {
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            sender.send(Ok((kind, sample))).map(|()| gst::FlowSuccess::Ok).map_err(|_| gst::FlowError::Eos)
        })
        .build();
    let sink = gst_app::AppSink::builder().sync(false).qos(false).enable_last_sample(false).callbacks(callbacks);
    // Without `async` a file with one short stream does not wait for the other to begin.
    let sink = if let Some(caps) = caps { sink.caps(caps).build() } else { sink.build() };
    sink.set_property("async", false);
    accept_any_layout(sink.upcast_ref());
    sink
}

/// Stops the pipeline however the reader is left.
struct Running(gst::Pipeline);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.set_state(gst::State::Null) {
            tracing::warn!(%error, "a file reader did not stop");
        }
    }
}
