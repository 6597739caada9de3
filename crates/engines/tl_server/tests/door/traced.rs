//! Paths that lead elsewhere, with the system as a witness: what was opened is read from a trace, not from answers alone.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use tl_store::Hash;

use crate::client::Ask;
use crate::fake::{Door, OWNER, VIEWER};

/// Set in the process that is traced, and names the folder of the trace.
const TRACED: &str = "TOUCHLINE_TEST_TRACED";

/// What an attacker writes where a name belongs.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "..",
        "../canary",
        "%2e%2e%2fcanary",
        "..%2fcanary",
        "%2e%2e/canary",
        "..%5ccanary",
        "..\\canary",
        "....//canary",
        "..;/canary",
        "%252e%252e%252fcanary",
        "%c0%ae%c0%ae%2fcanary",
        "%uff0e%uff0e/canary",
        "CON",
        "aux.mp4",
        "canary:stream",
        "canary%00.mp4",
        "%00",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "file:%2f%2f%2fetc%2fpasswd",
        "link.mp4",
        "linked%2fcanary",
        "linked/canary",
        "~root",
        "canary%0d%0aX: y",
        ".",
        ".canary",
        "canary.",
    ]
    .map(str::to_owned)
    .into();
    names.extend((1..12).map(|depth| format!("{}etc%2fpasswd", "..%2f".repeat(depth))));
    names.push("a".repeat(4_096));
    names
}

/// Every route that has a name in it.
fn places(grant: &str, hash: &str, name: &str) -> Vec<String> {
    vec![
        format!("/api/v1/sessions/current/recordings/{name}"),
        format!("/api/v1/sessions/{name}/recordings/programme.mp4"),
        format!("/api/v1/sessions/current/cameras/{name}/thumbnail.jpg"),
        format!("/api/v1/content/{name}"),
        format!("/api/v1/content/{name}/info"),
        format!("/api/v1/content/{hash}/{name}"),
        format!("/api/v1/content/{hash}/video/{name}"),
        format!("/api/v1/content/{hash}/manifest.mpd/{name}"),
        format!("/desk/{name}"),
        format!("/phone/assets/{name}"),
        format!("{grant}/{name}"),
        format!("{grant}/v0/{name}"),
        format!("/api/v1/join/{name}"),
    ]
}

/// Asks everything; each answer must be a refusal that tells nothing of what lies elsewhere.
fn attack() {
    let door = Door::open();
    let inside = door.fake.folder.path();
    let outside = tempfile::tempdir().unwrap();
    let canary = outside.path().join("canary");
    std::fs::write(&canary, "CANARY-SINGS").unwrap();
    std::fs::write(inside.join("programme.mp4"), "picture").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&canary, inside.join("link.mp4")).unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.join("linked")).unwrap();
        let false_blob = Hash::of(&[Bytes::from_static(b"never stored")]).to_string();
        std::os::unix::fs::symlink(&canary, inside.join(&false_blob)).unwrap();
    }
    let false_blob = Hash::of(&[Bytes::from_static(b"never stored")]).to_string();
    let url = Ask::post(door.http, "/api/v1/watch").token(VIEWER).json("{}").send().json()["url"].as_str().unwrap().to_owned();
    let grant = url.trim_end_matches("/live.m3u8");
    let good = Ask::get(door.http, "/api/v1/sessions/current/recordings/programme.mp4").token(OWNER).send();
    assert_eq!(good.text(), "picture", "the way that is meant is open");
    // Says in the trace where the attack begins.
    std::fs::metadata(Path::new("/the/attack/begins")).unwrap_err();
    let mut asked = 0;
    for name in names().iter().chain([&false_blob]) {
        for place in places(grant, &false_blob, name) {
            // What curl or a browser would tidy up goes out as it is.
            let answer = Ask::get(door.http, &place.replace(' ', "%20")).token(OWNER).send();
            assert!((400..500).contains(&answer.status) && !answer.text().contains("CANARY") && !answer.text().contains("root:"), "{place}: {}", answer.status);
            asked += 1;
        }
    }
    std::fs::metadata(Path::new("/the/attack/ends")).unwrap_err();
    eprintln!("{asked} addresses that lead elsewhere were asked for");
}

#[test]
fn path_traversal() {
    if std::env::var_os(TRACED).is_some() {
        return attack();
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let run = Command::new("strace")
        .args(["-f", "-s", "4096", "-e", "trace=open,openat,openat2,creat,stat,statx,newfstatat", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "traced::path_traversal", "--nocapture"])
        .env(TRACED, "1")
        .output();
    let Ok(run) = run else {
        eprintln!("SKIPPED: strace is not installed, so only answers were looked at and not what was opened");
        return attack();
    };
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{told}");
    let calls = std::fs::read_to_string(&trace).unwrap();
    let attack = calls.split("/the/attack/begins").nth(1).and_then(|rest| rest.split("/the/attack/ends").next()).expect("marks in the trace");
    let opened = |line: &str| line.contains("open") && !line.contains(" = -1 ") && !line.contains("O_NOFOLLOW|O_PATH");
    for line in attack.lines().filter(|line| opened(line)) {
        assert!(!["canary", "passwd", "shadow", "tokens.json", "key.pem"].iter().any(|elsewhere| line.contains(elsewhere)), "{line}");
    }
    // Nobody even looked for one of them.
    let looked: Vec<&str> = attack.lines().filter(|line| line.contains("passwd") || line.contains("canary")).collect();
    assert!(looked.is_empty(), "{looked:#?}");
    eprintln!(
        "{} calls of the system during the attack were searched; {}",
        attack.lines().count(),
        told.lines().find(|line| line.contains("asked for")).unwrap_or_default()
    );
}
