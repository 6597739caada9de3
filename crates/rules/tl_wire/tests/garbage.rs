//! Bytes from outside are read or refused; nothing else happens.

use tl_testkit::Random;
use tl_wire::{Command, Event, JoinTicket, Outcome, Snapshot};

/// Reads bytes as everything that crosses the border; what is read must be the same after being written and read again.
fn read_all(bytes: &[u8]) {
    if let Ok(command) = serde_json::from_slice::<Command>(bytes) {
        let again = serde_json::to_vec(&command).expect("JSON");
        assert_eq!(serde_json::from_slice::<Command>(&again).expect("comes back"), command);
    }
    if let Ok(event) = serde_json::from_slice::<Event>(bytes) {
        let again = serde_json::to_vec(&event).expect("JSON");
        assert_eq!(serde_json::from_slice::<Event>(&again).expect("comes back"), event);
    }
    drop(serde_json::from_slice::<Snapshot>(bytes));
    drop(serde_json::from_slice::<Outcome>(bytes));
    drop(serde_json::from_slice::<JoinTicket>(bytes));
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    bolero::check!().for_each(|bytes: &[u8]| read_all(bytes));
}

#[test]
fn damaged_records_are_read_without_a_panic() {
    let lines = [include_str!("golden/commands.jsonl"), include_str!("golden/events.jsonl")].concat();
    let mut random = Random::new(11);
    for line in lines.lines() {
        read_all(line.as_bytes());
        for _ in 0..300 {
            let mut bytes = line.as_bytes().to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => drop(bytes.remove(at).min(u8::from(bytes.is_empty()))),
                    2 => bytes.insert(at, random.next_u64() as u8),
                    _ => bytes[at] = *random.pick(b"{}[]\",:0-9e.\\u\xff").expect("a byte"),
                }
                if bytes.is_empty() {
                    bytes.push(b' ');
                }
            }
            read_all(&bytes);
        }
    }
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    for (open, close) in [("[", "]"), (r#"{"command":"#, "}"), (r#"{"id":"a","command":{"type":"set_layout","layout":"#, "}}"), (r#"{"type":"#, "}")] {
        for depth in [100, 1_000, 300_000] {
            let closed = format!("{}{}{}", open.repeat(depth), "0", close.repeat(depth));
            let torn = open.repeat(depth);
            for text in [closed, torn] {
                assert!(serde_json::from_str::<Command>(&text).is_err());
                assert!(serde_json::from_str::<Event>(&text).is_err());
                assert!(serde_json::from_str::<Snapshot>(&text).is_err());
            }
        }
    }
}
