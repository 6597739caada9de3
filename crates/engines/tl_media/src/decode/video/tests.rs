//! Decoders that do not open, and then do.

use super::*;

/// Registered only in mid-test, as if memory were there again.
const LATE: &str = "tllatedec";

fn key() -> AccessUnit {
    let time = MediaTime::ZERO;
    let data = bytes::Bytes::from_static(&[0, 0, 0, 1, 0x65, 0x88]);
    AccessUnit {
        source: tl_base::SlotId(1),
        codec: Codec::H264,
        config_id: tl_frame::ConfigId(0),
        capture: time,
        pts: time,
        dts: time,
        arrival: time,
        key: true,
        data,
    }
}

/// As if the rest were over.
fn rested(decoder: &VideoDecoder) {
    lock(&decoder.state).failed_at = None;
}

#[test]
fn software_that_did_not_open_is_tried_again_at_a_later_key_picture() {
    let decoder = VideoDecoder::new(Video { source: tl_base::SlotId(1), codec: Codec::H264, max_queue: 4 }, |_| {}).expect("a decoder");
    {
        let mut state = lock(&decoder.state);
        state.line = None;
        state.candidates = ["tlneverdec", LATE].map(|name| Candidate { name, hardware: false }).into();
    }
    for _ in 0..3 {
        rested(&decoder);
        assert!(matches!(decoder.push(key()), Err(Error::Missing(_))));
        assert_eq!(lock(&decoder.state).candidates.len(), 2, "none leaves the list");
        // Without a rest nothing is tried, and nothing is refused but the picture.
        assert!(decoder.push(key()).is_ok());
        assert!(lock(&decoder.state).line.is_none());
    }
    let real = gst::ElementFactory::find("avdec_h264").and_then(|factory| factory.load().ok()).expect("a decoder");
    gst::Element::register(None, LATE, gst::Rank::NONE, real.element_type()).expect("registered");
    rested(&decoder);
    assert!(decoder.push(key()).is_ok());
    assert_eq!((decoder.stats().decoder, lock(&decoder.state).line.is_some()), (LATE, true));
}

#[test]
fn a_device_that_does_not_open_leaves_the_list() {
    let decoder = VideoDecoder::new(Video { source: tl_base::SlotId(1), codec: Codec::H264, max_queue: 4 }, |_| {}).expect("a decoder");
    {
        let mut state = lock(&decoder.state);
        state.line = None;
        state.candidates = [("tlneverdec", true), ("avdec_h264", false)].map(|(name, hardware)| Candidate { name, hardware }).into();
    }
    assert!(decoder.push(key()).is_ok());
    assert_eq!((decoder.stats().decoder, lock(&decoder.state).candidates.len()), ("avdec_h264", 1));
}
