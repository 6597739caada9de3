use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

#[test]
fn a_token_opens_its_role_and_survives_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let (tokens, _) = Tokens::open(data.path()).expect("tokens");
    let camera = tokens.issue(Role::Camera, "camera 2", Some(SlotId(2))).expect("a token");
    let desk = tokens.issue_lasting(Role::Director, "desk", None).expect("a token");
    drop(tokens);
    let (tokens, problems) = Tokens::open(data.path()).expect("tokens");
    assert!(problems.is_empty());
    assert_eq!(tokens.authenticate(camera.expose()), Some(Actor { role: Role::Camera, label: "camera 2".to_owned(), slot: Some(SlotId(2)) }));
    assert_eq!(tokens.authenticate(desk.expose()).map(|actor| actor.role), Some(Role::Director));
    assert_eq!(tokens.issue_lasting(Role::Director, "desk", None).expect("a token"), desk);
    assert_eq!(tokens.links().len(), 1);
    let text = std::fs::read_to_string(data.path().join("tokens.json")).expect("read");
    assert!(!text.contains(camera.expose()), "only the hash is kept");
}

#[test]
fn other_words_open_nothing_and_a_revoked_token_neither() {
    let data = tempfile::tempdir().expect("a folder");
    let (tokens, _) = Tokens::open(data.path()).expect("tokens");
    let token = tokens.issue(Role::Viewer, "guest", None).expect("a token");
    let long = "a".repeat(10_000);
    for wrong in ["", " ", "a", &long, &token.expose()[..42], &format!("{} ", token.expose()), &token.expose().to_lowercase()] {
        assert_eq!(tokens.authenticate(wrong), None);
    }
    assert_eq!(tokens.revoke("guest").expect("revoked"), 1);
    assert_eq!(tokens.authenticate(token.expose()), None);
}

#[test]
fn a_damaged_file_is_set_aside_and_told() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::write(data.path().join("tokens.json"), b"{not json").expect("written");
    let (tokens, problems) = Tokens::open(data.path()).expect("tokens");
    assert_eq!(problems.len(), 1);
    assert!(data.path().join("tokens.damaged.json").exists());
    tokens.issue(Role::Owner, "owner", None).expect("a token");
}

#[test]
fn tokens_and_labels_are_bounded() {
    let data = tempfile::tempdir().expect("a folder");
    let (tokens, _) = Tokens::open(data.path()).expect("tokens");
    for bad in ["", "a\nb", &"x".repeat(65)] {
        assert!(tokens.issue(Role::Viewer, bad, None).is_err());
    }
    let entry = Entry { role: Role::Viewer, label: "v".to_owned(), slot: None, sha256: Hash::of(&[]), issued: Wall(0), expires: None, token: None };
    tokens.lock().entries.resize(MAX_TOKENS, entry);
    assert!(tokens.issue(Role::Viewer, "one more", None).is_err());
}

/// A disk that stands still keeps nobody out, and what was changed meanwhile is written in its order.
#[test]
fn a_disk_that_stands_still_keeps_nobody_out() {
    let data = tempfile::tempdir().expect("a folder");
    let (mut tokens, _) = Tokens::open(data.path()).expect("tokens");
    let camera = tokens.issue(Role::Camera, "camera 2", Some(SlotId(2))).expect("a token");
    let old = tokens.issue(Role::Viewer, "guest", None).expect("a token");
    let (begun, seen) = std::sync::mpsc::sync_channel(8);
    let (go_on, wait) = std::sync::mpsc::sync_channel(8);
    let wait = Mutex::new(wait);
    tokens.write = Box::new(move |path, written| {
        begun.send(()).expect("the test listens");
        wait.lock().expect("no panic").recv_timeout(Duration::from_secs(10)).expect("let go");
        files::write_json(path, written, Privacy::Private)
    });
    std::thread::scope(|scope| {
        let tokens = &tokens;
        let issued = scope.spawn(|| tokens.issue(Role::Viewer, "late", None).expect("a token"));
        seen.recv_timeout(Duration::from_secs(10)).expect("it writes");
        let revoked = scope.spawn(|| tokens.revoke("guest").expect("revoked"));
        let asked = scope.spawn(|| (tokens.authenticate(camera.expose()).is_some(), tokens.list().len(), tokens.issue_ticket(Role::Viewer, "t", None)));
        // The disk still stands.
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while !asked.is_finished() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        let is_answered = asked.is_finished();
        for _ in 0..2 {
            go_on.send(()).expect("it waits");
        }
        assert!(is_answered, "the disk kept them out");
        let (is_in, _, ticket) = asked.join().expect("no panic");
        assert!(is_in && ticket.is_ok());
        assert_eq!(revoked.join().expect("no panic"), 1);
        assert!(tokens.authenticate(issued.join().expect("no panic").expose()).is_some());
        assert_eq!(tokens.authenticate(old.expose()), None);
        assert_eq!(tokens.list().iter().filter(|view| view.kind == TokenKind::Personal).count(), 1, "the ticket is still there");
    });
    drop(tokens);
    let (tokens, _) = Tokens::open(data.path()).expect("tokens");
    let labels: Vec<String> = tokens.list().into_iter().map(|view| view.label).collect();
    assert_eq!(labels, ["camera 2", "late"]);
    assert_eq!(tokens.authenticate(old.expose()), None);
}

/// A change that cannot be written is not made.
#[test]
fn what_cannot_be_kept_is_not_changed() {
    let data = tempfile::tempdir().expect("a folder");
    let (mut tokens, _) = Tokens::open(data.path()).expect("tokens");
    let guest = tokens.issue(Role::Viewer, "guest", None).expect("a token");
    tokens.write = Box::new(|path, _| Err(Error::io("write", path)(std::io::Error::other("full"))));
    assert!(tokens.revoke("guest").is_err() && tokens.issue(Role::Viewer, "late", None).is_err());
    assert!(tokens.authenticate(guest.expose()).is_some());
    assert_eq!(tokens.list().len(), 1);
}

/// A clock that is set by hand: seconds of the run, and of the wall.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicI64>, Arc<AtomicI64>);

impl Hands {
    fn at(run: i64, wall: i64) -> Self {
        let hands = Self::default();
        hands.set(run, wall);
        hands
    }

    fn set(&self, run: i64, wall: i64) {
        self.0.store(run, Ordering::Relaxed);
        self.1.store(wall, Ordering::Relaxed);
    }

    fn open(&self, data: &Path) -> Tokens {
        let hands = self.clone();
        let now: Now = Arc::new(move || (Duration::from_secs(hands.0.load(Ordering::Relaxed) as u64), Wall(hands.1.load(Ordering::Relaxed) * 1_000_000)));
        Tokens::open_with(data, now).expect("tokens").0
    }
}

const HOUR: i64 = 3_600;
const START: i64 = 500_000 * HOUR;

#[test]
fn a_ticket_opens_once_within_120_seconds() {
    let data = tempfile::tempdir().expect("a folder");
    let hands = Hands::at(0, START);
    let tokens = hands.open(data.path());
    let (ticket, expires) = tokens.issue_ticket(Role::Camera, "camera 2", Some(SlotId(2))).expect("a ticket");
    assert_eq!((ticket.expose().len(), expires), (22, Wall((START + 120) * 1_000_000)));
    assert_eq!(tokens.authenticate(ticket.expose()), None, "a ticket is no token");
    let redeemed = tokens.redeem(ticket.expose()).expect("answered").expect("let in");
    assert_eq!((redeemed.token.expose().len(), redeemed.actor.slot), (43, Some(SlotId(2))));
    assert_eq!(tokens.authenticate(redeemed.token.expose()), Some(redeemed.actor));
    assert_eq!(tokens.redeem(ticket.expose()).expect("answered"), Err(Void::Used));
    let (old, _) = tokens.issue_ticket(Role::Camera, "camera 3", Some(SlotId(3))).expect("a ticket");
    hands.set(121, START + 121);
    assert_eq!(tokens.redeem(old.expose()).expect("answered"), Err(Void::Expired));
    for wrong in ["", "x", &"y".repeat(1_000), redeemed.token.expose()] {
        assert_eq!(tokens.redeem(wrong).expect("answered"), Err(Void::Unknown));
    }
}

#[test]
fn a_wall_clock_that_jumps_within_a_run_changes_nothing() {
    let data = tempfile::tempdir().expect("a folder");
    for jump in [-HOUR, HOUR] {
        let hands = Hands::at(0, START);
        let tokens = hands.open(data.path());
        let (ticket, _) = tokens.issue_ticket(Role::Viewer, "v", None).expect("a ticket");
        let (late, _) = tokens.issue_ticket(Role::Viewer, "v", None).expect("a ticket");
        let token = tokens.let_in(Role::Viewer, "v", None).expect("let in").token;
        hands.set(119, START + 119 + jump);
        assert!(tokens.redeem(ticket.expose()).expect("answered").is_ok());
        hands.set(120, START + 120 + jump);
        assert_eq!(tokens.redeem(late.expose()).expect("answered"), Err(Void::Expired));
        hands.set(72 * HOUR - 1, START + jump);
        assert!(tokens.authenticate(token.expose()).is_some());
        hands.set(72 * HOUR, START + jump);
        assert!(tokens.authenticate(token.expose()).is_none());
        tokens.revoke("v").expect("revoked");
    }
}

#[test]
fn a_wall_clock_that_is_set_between_runs_revives_nothing_and_gives_no_time() {
    let data = tempfile::tempdir().expect("a folder");
    let hands = Hands::at(0, START);
    let tokens = hands.open(data.path());
    let (ticket, _) = tokens.issue_ticket(Role::Camera, "c", Some(SlotId(1))).expect("a ticket");
    let token = tokens.let_in(Role::Camera, "c", Some(SlotId(1))).expect("let in").token;
    hands.set(71 * HOUR, START + 71 * HOUR);
    tokens.keep_time().expect("kept");
    drop(tokens);
    // Set back by a day: what had an hour left has an hour left.
    hands.set(0, START + 47 * HOUR);
    let tokens = hands.open(data.path());
    assert_eq!(tokens.redeem(ticket.expose()).expect("answered"), Err(Void::Unknown), "a restart makes tickets void");
    assert!(tokens.authenticate(token.expose()).is_some());
    hands.set(HOUR - 1, START + 48 * HOUR - 1);
    assert!(tokens.authenticate(token.expose()).is_some());
    hands.set(HOUR, START + 48 * HOUR);
    assert!(tokens.authenticate(token.expose()).is_none());
    tokens.keep_time().expect("kept");
    drop(tokens);
    hands.set(0, START);
    assert!(hands.open(data.path()).authenticate(token.expose()).is_none(), "it does not revive");
}

#[test]
fn a_wall_clock_that_was_ahead_gives_no_more_than_a_life() {
    let data = tempfile::tempdir().expect("a folder");
    let hands = Hands::at(0, START);
    let tokens = hands.open(data.path());
    let token = tokens.let_in(Role::Camera, "c", Some(SlotId(1))).expect("let in").token;
    drop(tokens);
    let path = data.path().join("tokens.json");
    let text = std::fs::read_to_string(&path).expect("read");
    let far = (START + 9_000 * HOUR) * 1_000_000;
    let ahead = text.replace(&((START + 72 * HOUR) * 1_000_000).to_string(), &far.to_string());
    assert_ne!(text, ahead);
    std::fs::write(&path, ahead).expect("written");
    let tokens = hands.open(data.path());
    hands.set(72 * HOUR, START);
    assert!(tokens.authenticate(token.expose()).is_none());
}

#[test]
fn the_crew_code_is_the_same_after_a_restart_until_it_is_renewed_or_revoked() {
    let data = tempfile::tempdir().expect("a folder");
    let hands = Hands::at(0, START);
    let tokens = hands.open(data.path());
    assert!(!tokens.is_crew_code("00000000"));
    let code = tokens.crew_code().expect("a code");
    drop(tokens);
    let tokens = hands.open(data.path());
    assert_eq!(tokens.crew_code().expect("a code"), code);
    assert!(tokens.is_crew_code(&code.expose().to_lowercase()) && tokens.authenticate(code.expose()).is_none());
    let fresh = tokens.renew_crew_code().expect("a code");
    assert!(!tokens.is_crew_code(code.expose()) && tokens.is_crew_code(fresh.expose()));
    assert_eq!(tokens.revoke(CREW_CODE_LABEL).expect("revoked"), 1);
    assert!(!tokens.is_crew_code(fresh.expose()));
}

#[test]
fn the_list_names_all_that_holds_and_no_secret() {
    let data = tempfile::tempdir().expect("a folder");
    let hands = Hands::at(0, START);
    let tokens = hands.open(data.path());
    let link = tokens.issue_lasting(Role::Director, "desk", None).expect("a link");
    let (used, _) = tokens.issue_ticket(Role::Camera, "camera 1", Some(SlotId(1))).expect("a ticket");
    let (open, _) = tokens.issue_ticket(Role::Camera, "camera 2", Some(SlotId(2))).expect("a ticket");
    let redeemed = tokens.redeem(used.expose()).expect("answered").expect("let in");
    let code = tokens.crew_code().expect("a code");
    let list = tokens.list();
    let seen: Vec<(&str, TokenKind)> = list.iter().map(|view| (view.label.as_str(), view.kind)).collect();
    let expect = [("desk", TokenKind::Link), ("camera 1", TokenKind::Token), ("camera 2", TokenKind::Personal), (CREW_CODE_LABEL, TokenKind::Crew)];
    assert_eq!(seen, expect);
    let text = serde_json::to_string(&list).expect("json");
    for secret in [&link, &used, &open, &redeemed.token, &code] {
        assert!(!text.contains(secret.expose()));
    }
    assert_eq!(tokens.revoke("camera 2").expect("revoked"), 1);
    assert!(tokens.redeem(open.expose()).expect("answered").is_err());
    hands.set(80 * HOUR, START + 80 * HOUR);
    assert_eq!(tokens.list().len(), 2);
}

#[test]
fn tokens_of_the_version_before_still_open() {
    let data = tempfile::tempdir().expect("a folder");
    let sha256 = hash_of("old token");
    let text = format!(r#"[{{"role":"director","label":"desk","slot":null,"sha256":"{sha256}","issued":1}}]"#);
    std::fs::write(data.path().join("tokens.json"), text).expect("written");
    let (tokens, problems) = Tokens::open(data.path()).expect("tokens");
    assert!(problems.is_empty());
    assert_eq!(tokens.authenticate("old token").map(|actor| actor.role), Some(Role::Director));
}

#[test]
fn tickets_are_bounded() {
    let data = tempfile::tempdir().expect("a folder");
    let tokens = Hands::at(0, START).open(data.path());
    let (first, _) = tokens.issue_ticket(Role::Viewer, "v", None).expect("a ticket");
    for _ in 0..MAX_TICKETS {
        tokens.issue_ticket(Role::Viewer, "v", None).expect("a ticket");
    }
    assert_eq!(tokens.redeem(first.expose()).expect("answered"), Err(Void::Unknown));
    assert!(tokens.lock().tickets.len() <= MAX_TICKETS);
}

#[test]
fn any_text_is_no_ticket_and_any_file_opens() {
    let data = tempfile::tempdir().expect("a folder");
    let tokens = std::panic::AssertUnwindSafe(Hands::at(0, START).open(data.path()));
    tokens.issue_ticket(Role::Viewer, "v", None).expect("a ticket");
    tokens.crew_code().expect("a code");
    let other = tempfile::tempdir().expect("a folder");
    bolero::check!().with_iterations(500).with_type::<(String, Vec<u8>)>().for_each(|(text, bytes)| {
        assert_eq!(tokens.redeem(text).expect("answered"), Err(Void::Unknown));
        assert!(tokens.authenticate(text).is_none());
        tokens.is_crew_code(text);
        std::fs::write(other.path().join("tokens.json"), bytes).expect("written");
        Tokens::open(other.path()).expect("tokens");
    });
}
