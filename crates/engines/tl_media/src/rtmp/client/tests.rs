use std::io;

use tl_base::{Rate, SlotId};
use tl_frame::ConfigId;

use crate::push::Counters;
use crate::unit_queue::WhenFull;

use super::*;

/// A server that says the one and then the other, whatever it hears, and hangs up.
struct Server(io::Cursor<Vec<u8>>, Option<Vec<u8>>);

impl Read for Server {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match (self.0.read(into)?, &mut self.1) {
            (0, next @ Some(_)) => {
                self.0 = io::Cursor::new(next.take().unwrap_or_default());
                Err(ErrorKind::WouldBlock.into())
            }
            (count, _) => Ok(count),
        }
    }
}

impl Write for Server {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Server {}

/// C0, C1 and C2 have so many bytes, and so have their answers.
const HANDSHAKE: usize = 1 + 2 * 1_536;

fn open(mut bytes: Vec<u8>) -> Result<(), End> {
    let rest = bytes.split_off(HANDSHAKE.min(bytes.len()));
    let queue = UnitQueue::new(1_000, WhenFull::DropAll);
    let (counters, mut on_live) = (Counters::default(), || {});
    let link = Link::alone(&queue, &counters, &mut on_live);
    let address = Address::parse("rtmp://127.0.0.1/live/sesame").expect("an address");
    Client::new(Box::new(Server(io::Cursor::new(bytes), Some(rest))), &queue, MediaTime::ZERO).open(&address, &link)
}

fn status(code: &str) -> Vec<u8> {
    let members = [("level", if code.ends_with("Start") { "status" } else { "error" }), ("code", code)];
    let info = Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), Value::string(value))).collect());
    amf::write(&[Value::string("onStatus"), Value::Number(0.0), Value::Null, info])
}

/// A server's side of a start: handshake, two results and its word.
fn start(word: &str) -> Vec<u8> {
    let mut out = [&[3][..], &[7; HANDSHAKE - 1]].concat();
    let result = |transaction, value| amf::write(&[Value::string("_result"), Value::Number(transaction), Value::Null, value]);
    for payload in [result(1.0, Value::Null), result(4.0, Value::Number(1.0)), status(word)] {
        chunk::write(&mut out, COMMANDS, &Message { kind: kind::COMMAND, stream: 0, timestamp: 0, payload }, 128);
    }
    out
}

#[test]
fn a_server_says_yes_or_no() {
    assert_eq!(open(start("NetStream.Publish.Start")), Ok(()));
    let Err(End::Refused(reason)) = open(start("NetStream.Publish.BadName")) else { panic!("taken") };
    assert!(reason.contains("key"), "{reason}");
}

/// Whatever a server answers at whichever step, the attempt ends, and with a reason that holds no key.
#[test]
fn any_answer_is_survived_at_every_step() {
    let whole = start("NetStream.Publish.Start");
    bolero::check!().with_type::<(u16, Vec<u8>)>().for_each(|(at, noise)| {
        let at = usize::from(*at) % (whole.len() + 1);
        let answers = [[whole.get(..at).unwrap_or_default(), noise].concat(), {
            // The right answers with some of their bytes changed.
            let mut changed = whole.clone();
            noise.iter().enumerate().for_each(|(place, byte)| changed[HANDSHAKE + (at + place * 7) % (whole.len() - HANDSHAKE)] ^= byte);
            changed
        }];
        for answer in answers {
            if let Err(end) = open(answer) {
                assert!(!format!("{end:?}").contains("sesame"));
            }
        }
    });
}

/// The kind, time and width of the time field of each message, read without our own reader.
fn walk(mut bytes: &[u8]) -> Vec<(u8, u32, bool)> {
    let mut found = Vec::new();
    while let [first, a, b, c, d, e, f, kind, _, _, _, _, rest @ ..] = bytes {
        assert_eq!(first >> 6, 0, "a full header");
        let (short, length) = (u32::from_be_bytes([0, *a, *b, *c]), u32::from_be_bytes([0, *d, *e, *f]) as usize);
        let is_long = short == 0x00ff_ffff;
        let long = |rest: &[u8]| u32::from_be_bytes(*rest.first_chunk().expect("a long time"));
        let at = if is_long { long(rest) } else { short };
        bytes = &rest[if is_long { 4 } else { 0 }..];
        let mut left = length;
        loop {
            let piece = left.min(OUT_CHUNK);
            bytes = &bytes[piece..];
            left -= piece;
            if left == 0 {
                break;
            }
            assert_eq!(bytes[0], 0xc0 | first, "the same message goes on");
            assert!(!is_long || long(&bytes[1..]) == at, "the long time is repeated");
            bytes = &bytes[if is_long { 5 } else { 1 }..];
        }
        found.push((*kind, at, is_long));
    }
    assert!(bytes.is_empty());
    found
}

/// Times of pictures on the wire of a stream that begins at `begin`.
fn times(begin: MediaTime) -> Vec<(u32, bool)> {
    let queue = UnitQueue::new(1_000, WhenFull::DropAll);
    let mut client = Client::new(Box::new(Server(io::Cursor::new(Vec::new()), None)), &queue, begin);
    let pps = [0x68, 0xce, 0x3c, 0x80];
    // As x264 writes it for 1280x720.
    let sps = [0x67, 0x64, 0, 0x1f, 0xac, 0xb4, 2, 0x80, 0x2d, 0xd8, 8, 0x80, 0, 0, 3, 0, 0x80, 0, 0, 0x1e, 0x47, 0x8c, 0x19, 0x50];
    for number in 0..4 {
        let key = number == 0;
        let picture = [&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }][..], &[0x88; 9_000]].concat();
        let sets = [&[0, 0, 0, 1][..], &sps, &[0, 0, 0, 1], &pps].concat();
        let data = if key { [sets, picture].concat() } else { picture };
        let at = MediaTime::from_secs(7) + Rate::FPS_30.tick_start(number);
        let base =
            AccessUnit { source: SlotId(0), codec: Codec::H264, config_id: ConfigId(0), capture: at, pts: at, dts: at, arrival: at, key, data: data.into() };
        client.send(&base, true);
        client.send(&AccessUnit { codec: Codec::Aac, data: vec![7; 300].into(), ..base }, true);
    }
    let found = walk(&client.out);
    assert_eq!(found.iter().filter(|(kind, ..)| *kind == kind::AUDIO).count(), 5);
    found.into_iter().filter(|(kind, ..)| *kind == kind::VIDEO).map(|(_, at, is_long)| (at, is_long)).collect()
}

/// The stream's own words for its configuration carry the time of the picture behind them.
#[test]
fn times_on_the_wire_go_on_for_days() {
    let hours = |hours: i64| MediaTime::from_secs(3_600 * hours);
    assert_eq!(times(MediaTime::ZERO), [(0, false), (0, false), (33, false), (66, false), (100, false)]);
    let at = 48 * 3_600_000;
    assert_eq!(times(hours(48)), [(at, true), (at, true), (at + 33, true), (at + 66, true), (at + 100, true)]);
    // The short field ends after 4.7 hours, the long one after 49.7 days.
    let border = times(MediaTime::from_millis(0x00ff_ffff - 40));
    assert_eq!(border, [(0x00ff_ffd7, false), (0x00ff_ffd7, false), (0x00ff_fff8, false), (0x0100_0019, true), (0x0100_003b, true)]);
    let wrap = times(MediaTime::from_millis((1 << 32) - 40));
    assert_eq!(wrap, [(0xffff_ffd8, true), (0xffff_ffd8, true), (0xffff_fff9, true), (26, false), (60, false)]);
}
