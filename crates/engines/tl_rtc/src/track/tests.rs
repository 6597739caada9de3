//! What becomes of packets that come late, twice, out of order or not at all.

use super::*;

struct Bench {
    track: Track,
    began: Instant,
    clock: PhoneClock,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let began = Instant::now();
        Self { track: Track::new(SourceId::parse("1").expect("a slot"), false, 90_000), began, clock: PhoneClock::default(), now: began }
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = self.began + Duration::from_millis(millis);
        self
    }

    /// Packet `sequence` of picture `picture`: `k`ey or `d`elta, `b`egin, `c`ontinued, `e`nd or `w`hole; `p` only pads.
    fn push(&mut self, sequence: u64, picture: u32, what: &str) -> &mut Self {
        let begins = what.contains('b') || what.contains('w');
        let mut payload = vec![if begins { 0x10 } else { 0x00 }];
        if begins && what.contains('k') {
            payload.extend_from_slice(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02, picture as u8]);
        } else {
            payload.extend_from_slice(&[0x11, picture as u8, 3]);
        }
        if what == "p" {
            payload.clear();
        }
        self.track.push(Packet {
            sequence,
            rtp: picture * 3_000,
            marker: what.contains('e') || what.contains('w'),
            ssrc: 7,
            codec: Codec::Vp8,
            received: self.now,
            payload: payload.into(),
        });
        self
    }

    /// What comes out by now, as picture numbers; key pictures are marked.
    fn out(&mut self) -> String {
        let (now, began) = (self.now, self.began);
        let mut out = Vec::new();
        while let Some(unit) = self.track.pop(now, |at| MediaTime::from(at - began), &self.clock) {
            let number = unit.data.get(if unit.key { 10 } else { 1 }).copied().unwrap_or_default();
            out.push(format!("{number}{}", if unit.key { "k" } else { "" }));
        }
        out.join(" ")
    }
}

#[test]
fn pictures_come_out_whole_and_in_order() {
    let mut bench = Bench::new();
    assert_eq!(bench.push(10, 1, "kb").out(), "");
    assert_eq!(bench.push(11, 1, "e").out(), "1k");
    assert_eq!(bench.push(13, 3, "dw").out(), "");
    assert_eq!(bench.push(12, 2, "dw").out(), "2 3", "an early packet waits");
    assert_eq!(bench.push(12, 2, "dw").push(13, 3, "dw").out(), "", "nothing comes twice");
    assert_eq!(bench.push(14, 3, "p").push(15, 4, "dw").push(16, 4, "p").push(17, 5, "dw").out(), "4 5", "padding takes a number and nothing else");
    assert_eq!(bench.push(18, 6, "db").push(19, 6, "dc").push(20, 7, "dw").out(), "6 7", "a picture also ends where the next begins");
    assert_eq!(bench.track.counts(), (7, 0));
}

#[test]
fn a_hole_is_waited_for_and_then_skipped_until_a_key() {
    let mut bench = Bench::new();
    bench.push(1, 1, "kw").out();
    assert_eq!(bench.at(33).push(3, 3, "dw").out(), "");
    assert_eq!(bench.at(90).push(2, 2, "dw").out(), "2 3", "sent again in time");
    bench.at(100).push(5, 5, "dw");
    assert_eq!(bench.at(199).out(), "");
    assert!(!bench.track.take_wants_key());
    assert_eq!(bench.track.deadline(), Some(bench.began + Duration::from_millis(200)));
    assert_eq!(bench.at(200).out(), "", "what builds on a lost picture stays away");
    assert!(bench.track.take_wants_key() && bench.track.counts().1 >= 1);
    assert_eq!(bench.push(6, 6, "dw").out(), "");
    assert_eq!(bench.push(4, 4, "dw").out(), "", "too late");
    assert_eq!(bench.push(7, 7, "kw").push(8, 8, "dw").out(), "7k 8");
    assert_eq!(bench.track.counts(), (5, 3), "pictures 4, 5 and 6");
}

#[test]
fn a_large_picture_may_take_its_time() {
    let mut bench = Bench::new();
    bench.push(1, 1, "kb").out();
    for packet in 2..100 {
        assert_eq!(bench.at(packet * 20).push(packet, 1, "c").out(), "");
    }
    assert_eq!(bench.at(2_000).push(100, 1, "e").out(), "1k");
    assert_eq!(bench.track.counts(), (1, 0));
    // A hole in it is noticed when something comes behind it, and is given the same time as any other.
    bench.at(3_000).push(101, 2, "db");
    assert_eq!(bench.at(3_090).push(103, 2, "c").out(), "");
    assert_eq!(bench.at(3_189).push(102, 2, "c").push(104, 2, "e").out(), "2");
    bench.at(4_000).push(105, 3, "db");
    assert_eq!(bench.at(4_099).out(), "");
    assert!(!bench.track.take_wants_key());
    assert_eq!(bench.at(4_100).out(), "", "one that stops in the middle is given up");
    assert!(bench.track.take_wants_key());
}

#[test]
fn a_key_is_not_kept_waiting_by_what_is_thrown_away_anyhow() {
    let mut bench = Bench::new();
    bench.push(1, 1, "kw").out();
    bench.at(100).push(3, 3, "dw");
    assert_eq!(bench.at(200).out(), "");
    assert!(bench.track.take_wants_key());
    bench.at(210).push(5, 5, "dw").push(7, 7, "kb");
    assert_eq!(bench.at(215).push(8, 7, "e").push(9, 8, "dw").out(), "7k 8", "the hole before the key is not waited for");
    assert_eq!(bench.track.counts(), (3, 5), "pictures 2 to 6");
}

#[test]
fn a_way_that_breaks_down_is_given_up_soon() {
    let mut bench = Bench::new();
    bench.push(1, 1, "kw").out();
    assert_eq!(bench.at(33).push(30, 4, "db").push(31, 4, "e").out(), "");
    assert_eq!(bench.track.deadline(), Some(bench.began + Duration::from_millis(63)));
    assert_eq!(bench.at(62).out(), "");
    assert!(!bench.track.take_wants_key(), "they may have been overtaken");
    assert_eq!(bench.at(63).out(), "");
    assert!(bench.track.take_wants_key(), "28 packets are missing and two came");
    assert_eq!(bench.at(64).push(29, 3, "e").push(32, 5, "dw").push(33, 6, "kw").out(), "6k");
    assert_eq!(bench.track.counts().1, 4);
    assert_eq!(bench.at(90).push(44, 8, "dw").out(), "");
    assert_eq!(bench.at(140).out(), "");
    assert!(!bench.track.take_wants_key(), "a few are waited for");
}

#[test]
fn a_large_picture_in_disorder_is_no_breakdown() {
    let mut bench = Bench::new();
    bench.push(1, 1, "kw").out();
    bench.at(33).push(25, 2, "kc");
    for sequence in (3..25).chain(26..31) {
        assert_eq!(bench.at(34 + sequence % 4).push(sequence, 2, "c").out(), "");
    }
    assert_eq!(bench.at(38).push(2, 2, "kb").push(31, 2, "e").out(), "2k");
    assert_eq!(bench.track.counts(), (2, 0));
}

#[test]
fn a_long_way_is_given_more_time() {
    let hold = |sound: bool, rtt_ms: f64, jitter_ms: f64| {
        let mut track = Track::new(SourceId::parse("1").expect("a slot"), sound, 90_000);
        track.note_way(Some(rtt_ms), Some(jitter_ms));
        track.hold.as_millis()
    };
    assert_eq!(hold(false, 0.0, 0.0), 100);
    assert_eq!(hold(false, 4.0, 2.0), 113);
    assert_eq!(hold(false, 100.0, 10.0), 265);
    assert_eq!(hold(false, 2_000.0, f64::NAN), 400);
    assert_eq!((hold(true, 100.0, 2.0), hold(true, 100.0, 15.0), hold(true, 0.0, 500.0)), (40, 60, 100));
}

#[test]
fn what_is_sent_again_through_a_queue_is_given_the_time_for_it() {
    let mut track = Track::new(SourceId::parse("1").expect("a slot"), false, 90_000);
    track.note_queue(Duration::from_millis(120));
    assert_eq!(track.hold.as_millis(), 220);
    track.note_queue(Duration::from_secs(2));
    assert_eq!(track.hold.as_millis(), 400);
    track.note_way(Some(0.0), Some(0.0));
    assert_eq!(track.hold.as_millis(), 100, "until it is measured again");
}

#[test]
fn opus_has_the_time_of_what_a_decoder_makes_of_it() {
    let capture = |codec: Codec, payload: &[u8]| {
        let mut bench = Bench::new();
        let received = bench.at(50).now;
        let packet = Packet { sequence: 1, rtp: 90_000, marker: true, ssrc: 7, codec, received, payload: payload.into() };
        bench.track = Track::new(SourceId::parse("1").expect("a slot"), codec.is_audio(), 90_000);
        bench.track.push(packet);
        let (now, began) = (bench.now, bench.began);
        bench.track.pop(now, |at| MediaTime::from(at - began), &bench.clock).expect("a unit").capture
    };
    // A key picture of VP8, 2 x 2 pixels.
    let picture = capture(Codec::Vp8, &[0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 2, 0, 2, 0]);
    assert_eq!(picture - capture(Codec::Opus, &[0xfc, 1, 2, 3]), MediaTime::from_micros(6_500));
}

#[test]
fn a_picture_with_a_hole_inside_is_lost_alone() {
    let mut bench = Bench::new();
    bench.push(1, 1, "kw").out();
    bench.push(2, 2, "db").push(4, 2, "e").push(5, 3, "kw");
    assert_eq!(bench.at(99).out(), "");
    assert_eq!(bench.at(100).out(), "3k", "the key behind it needs nothing from before");
    assert_eq!(bench.track.counts(), (2, 1));
}

#[test]
fn another_ssrc_begins_anew_with_a_key() {
    let mut bench = Bench::new();
    bench.push(1_000, 1, "kw").out();
    bench.track.ssrc = Some(8);
    assert_eq!(bench.push(5, 2, "dw").out(), "");
    assert!(bench.track.take_wants_key());
    assert_eq!(bench.push(6, 3, "kw").out(), "3k");
}

#[test]
fn any_packets_keep_within_memory_and_time() {
    let generator = bolero::produce::<Vec<(u8, u8, bool, u8, Vec<u8>)>>().with().len(0_usize..200);
    bolero::check!().with_generator(generator).for_each(|packets| {
        for codec in [Codec::H264, Codec::Vp8, Codec::Opus] {
            let mut bench = Bench::new();
            let mut last = None;
            for (index, (sequence, rtp, marker, ssrc, payload)) in packets.iter().enumerate() {
                let received = bench.at(index as u64 * 7).now;
                bench.track.push(Packet {
                    sequence: u64::from(*sequence),
                    rtp: u32::from(*rtp) << 20,
                    marker: *marker,
                    ssrc: u32::from(ssrc / 250),
                    codec,
                    received,
                    payload: payload.as_slice().into(),
                });
                let (now, began) = (bench.now, bench.began);
                while let Some(unit) = bench.track.pop(now, |at| MediaTime::from(at - began), &bench.clock) {
                    assert!(!unit.data.is_empty() && last != Some(unit.capture));
                    last = Some(unit.capture);
                }
            }
            let held: usize = bench.track.queue.iter().map(|packet| packet.payload.len()).sum();
            assert_eq!(held, bench.track.queued_bytes);
        }
    });
}

#[test]
fn a_flood_without_an_end_is_cut_off() {
    let mut bench = Bench::new();
    for sequence in 0..10_000 {
        bench.push(sequence, 1, if sequence == 0 { "kb" } else { "c" });
        assert!(bench.track.queue.len() <= MAX_PACKETS && bench.track.queued_bytes <= MAX_BYTES);
    }
    assert!(bench.track.counts().1 > 0 && bench.track.take_wants_key());
}
