use std::time::{Duration, Instant};

use tl_base::SlotId;
use tl_show::{Fact, SourceState};

use crate::client::{Ask, Stream};
use crate::fake::{CAMERA, COMMENTATOR, DIRECTOR, Door, OWNER, VIEWER, WINDOW};

const EVENTS: &str = "/api/v1/sessions/current/events";

#[test]
fn a_client_that_comes_back_loses_nothing() {
    let door = Door::open();
    for _ in 0..300 {
        door.fake.slate();
    }
    let mut stream = Stream::open(Ask::get(door.http, EVENTS).token(DIRECTOR).header("Last-Event-ID", "10"));
    assert_eq!(stream.next().as_deref(), Some("retry: 2000\n"));
    for expect in 11..=300 {
        assert_eq!(stream.seq(), Some(expect));
    }
    assert_eq!(door.fake.slate(), 301);
    let block = stream.next().unwrap();
    assert!(block.starts_with("id: 301\ndata: {") && block.contains("\"type\":\"slate_set\""), "{block}");
    let mut all = Stream::open(Ask::get(door.http, &format!("{EVENTS}?after=0")).token(DIRECTOR));
    assert_eq!(all.seq(), Some(1));
}

#[test]
fn who_was_away_for_long_gets_the_rest_from_the_log() {
    let door = Door::open();
    for _ in 0..WINDOW + 700 {
        door.fake.slate();
    }
    let newest = WINDOW as u64 + 700;
    let mut stream = Stream::open(Ask::get(door.http, EVENTS).token(DIRECTOR).header("Last-Event-ID", "3"));
    for expect in 4..=newest {
        assert_eq!(stream.seq(), Some(expect));
    }
    assert_eq!((door.fake.slate(), stream.seq()), (newest + 1, Some(newest + 1)));
    assert!(door.fake.asked.lock().unwrap().iter().any(|asked| asked == "log 3"));
    // A place behind the newest event is no place: nothing comes twice, and what happens next is heard.
    let mut ahead = Stream::open(Ask::get(door.http, EVENTS).token(DIRECTOR).header("Last-Event-ID", &(newest + 1).to_string()));
    assert_eq!((door.fake.slate(), ahead.seq()), (newest + 2, Some(newest + 2)));
}

#[test]
fn live_delivery_is_followed_by_the_crew() {
    let door = Door::open();
    let path = EVENTS.replace("/events", "/streaming/events");
    let what = || tl_server::Streaming::TranscodeFailed { kind: "video".to_owned(), reason: "no pictures".to_owned() };
    door.fake.streaming.push(tl_base::Wall(1), what());
    let mut stream = Stream::open(Ask::get(door.http, &format!("{path}?after=0")).token(DIRECTOR));
    stream.next();
    let block = stream.next().unwrap();
    assert!(block.starts_with("id: 1\n") && block.contains("\"type\":\"TranscodeFailed\""), "{block}");
    door.fake.streaming.push(tl_base::Wall(2), what());
    assert_eq!(stream.seq(), Some(2));
}

#[test]
fn without_a_place_the_stream_begins_now_and_beats() {
    let door = Door::limited(|limits| limits.heartbeat = Duration::from_millis(50));
    door.fake.slate();
    let mut stream = Stream::open(Ask::get(door.http, EVENTS).token(OWNER));
    assert_eq!(stream.next().as_deref(), Some("retry: 2000\n"));
    assert_eq!(stream.next().as_deref(), Some(": still here\n"));
    door.fake.slate();
    assert_eq!(stream.seq(), Some(2));
}

#[test]
fn each_role_hears_what_is_for_it() {
    let door = Door::open();
    let cut = Fact::CutMade {
        from: None,
        to: Some(SlotId(1)),
        transition: tl_show::TransitionKind::Cut,
        duration_ms: 0,
        by: "Anna".to_owned(),
        reason: "secret plan".to_owned(),
    };
    let source = |slot: u16| Fact::SourceChanged { slot: SlotId(slot), from: SourceState::Live, to: SourceState::Lost, reason: String::new() };
    let push = Fact::DestinationChanged { name: "club".to_owned(), state: "live".to_owned(), reason: String::new() };
    for fact in [push, source(1), source(2), cut, Fact::SlateSet { on: false }] {
        door.fake.happen(fact);
    }
    let heard = |token: &str| {
        let mut stream = Stream::open(Ask::get(door.http, &format!("{EVENTS}?after=0")).token(token));
        let mut seqs = Vec::new();
        while seqs.last() != Some(&5) {
            seqs.push(stream.seq().expect("an event"));
        }
        seqs
    };
    assert_eq!(heard(DIRECTOR), [1, 2, 3, 4, 5]);
    assert_eq!(heard(CAMERA), [2, 4, 5]);
    assert_eq!(heard(COMMENTATOR), [4, 5]);
    assert_eq!(heard(VIEWER), [4, 5]);
    let mut stream = Stream::open(Ask::get(door.http, &format!("{EVENTS}?after=3")).token(VIEWER));
    stream.next();
    let block = stream.next().unwrap();
    for hidden in ["Anna", "secret plan", "the director", "\"c1\""] {
        assert!(!block.contains(hidden), "{block}");
    }
}

#[test]
fn a_revoked_token_stops_hearing() {
    let door = Door::limited(|limits| limits.heartbeat = Duration::from_millis(50));
    let mut stream = Stream::open(Ask::get(door.http, EVENTS).token(VIEWER));
    stream.next();
    door.fake.revoked.lock().unwrap().push(VIEWER.to_owned());
    let mut beats = 0;
    while stream.next().is_some() {
        beats += 1;
        assert!(beats < 10, "the stream goes on");
    }
}

#[test]
fn three_hundred_clients_hear_at_once_and_more_than_the_limit_are_told() {
    let door = Door::limited(|limits| limits.event_streams = 300);
    let mut streams: Vec<Stream> = (0..300).map(|_| Stream::open(Ask::get(door.http, EVENTS).token(VIEWER))).collect();
    for stream in &mut streams {
        assert_eq!(stream.next().as_deref(), Some("retry: 2000\n"));
    }
    let refused = Ask::get(door.http, EVENTS).token(VIEWER).send();
    assert_eq!((refused.status, refused.refusal().as_str()), (429, "too_many"));
    assert_eq!(door.server.traffic().event_streams, 300);
    let start = Instant::now();
    door.fake.slate();
    for stream in &mut streams {
        assert_eq!(stream.seq(), Some(1));
    }
    let took = start.elapsed();
    eprintln!("300 event streams heard one event within {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(streams);
    let deadline = Instant::now() + Duration::from_secs(10);
    while door.server.traffic().event_streams > 0 {
        assert!(Instant::now() < deadline, "closed streams are kept");
        door.fake.slate();
        std::thread::yield_now();
    }
}

#[test]
fn one_address_does_not_take_every_place() {
    let door = Door::limited(|limits| limits.event_streams_from_loopback = 3);
    let mut streams: Vec<Stream> = (0..3).map(|_| Stream::open(Ask::get(door.http, EVENTS).token(VIEWER))).collect();
    for path in [EVENTS, "/api/v1/sessions/current/streaming/events"] {
        let refused = Ask::get(door.http, path).token(DIRECTOR).send();
        assert_eq!((refused.status, refused.header("retry-after")), (429, "5"), "{path}");
    }
    assert_eq!(streams[0].next().as_deref(), Some("retry: 2000\n"), "the others go on");
    assert_eq!(door.server.traffic().event_streams, 3, "who was refused holds no place");
    drop(streams);
    let deadline = Instant::now() + Duration::from_secs(10);
    while Ask::get(door.http, EVENTS).token(DIRECTOR).send().status != 200 {
        assert!(Instant::now() < deadline, "places do not come back");
        door.fake.slate();
    }
}

#[test]
fn closing_the_door_ends_streams_and_joins() {
    let door = Door::open();
    let mut stream = Stream::open(Ask::get(door.http, EVENTS).token(OWNER));
    stream.next();
    let start = Instant::now();
    let (address, server) = (door.http, door.server);
    server.shutdown();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(stream.next(), None);
    assert!(std::net::TcpStream::connect(address).is_err());
}
