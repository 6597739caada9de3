use bytes::Bytes;
use tl_store::Hash;

use crate::client::Ask;
use crate::fake::{CAMERA, DIRECTOR, Door, OWNER, VIEWER};

const RECORDINGS: &str = "/api/v1/sessions/current/recordings";

#[test]
fn a_recording_comes_whole_or_in_part() {
    let door = Door::open();
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(door.fake.folder.path().join("programme.mp4"), &bytes).unwrap();
    let path = format!("{RECORDINGS}/programme.mp4");
    let get = |range: &str| Ask::get(door.http, &path).token(DIRECTOR).header("Range", range).send();
    let whole = Ask::get(door.http, &path).token(DIRECTOR).send();
    assert_eq!((whole.status, whole.header("content-type"), whole.header("accept-ranges"), whole.body == bytes), (200, "video/mp4", "bytes", true));
    let part = get("bytes=100000-100009");
    assert_eq!((part.status, part.header("content-range"), part.body.as_slice()), (206, "bytes 100000-100009/200000", &bytes[100_000..100_010]));
    assert_eq!(get("bytes=-5").body, &bytes[199_995..]);
    let outside = get("bytes=200000-");
    assert_eq!((outside.status, outside.header("content-range"), outside.refusal().as_str()), (416, "bytes */200000", "invalid"));
    let list = Ask::get(door.http, RECORDINGS).token(DIRECTOR).send().json();
    assert_eq!(list[0]["path"], "programme.mp4");
    assert_eq!(Ask::get(door.http, RECORDINGS).token(OWNER).send().json()[0]["path"], "/home/someone/touchline/recordings/programme.mp4");
}

#[test]
fn names_that_lead_elsewhere_open_nothing() {
    let door = Door::open();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", door.fake.folder.path().join("link.mp4")).unwrap();
    std::fs::create_dir(door.fake.folder.path().join("folder.mp4")).unwrap();
    let long = "a".repeat(4_096);
    let names = [
        "..",
        "../x",
        "%2e%2e",
        "%2e%2e%2fx",
        "..%2fx",
        "..%5cx",
        "..\\x",
        "CON",
        "aux.mp4",
        "a:b",
        "a%00b",
        "%00",
        "%2fetc%2fpasswd",
        ".hidden",
        "-x",
        &long,
        "link.mp4",
        "folder.mp4",
        "none.mp4",
    ];
    for name in names {
        let status = Ask::get(door.http, &format!("{RECORDINGS}/{name}")).token(OWNER).send().status;
        assert!([400, 404].contains(&status), "{name}: {status}");
        let status = Ask::get(door.http, &format!("/api/v1/content/{name}")).token(OWNER).send().status;
        assert!([400, 404].contains(&status), "{name}: {status}");
        // Pages as well, from whichever folder they come.
        let status = Ask::get(door.http, &format!("/desk/{name}")).token(OWNER).send().status;
        assert!([400, 404].contains(&status), "{name}: {status}");
    }
    let asked = door.fake.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|asked| ["recording s1 link.mp4", "recording s1 folder.mp4", "recording s1 none.mp4"].contains(&asked.as_str())), "{asked:?}");
}

#[test]
fn content_has_its_hash_for_a_name() {
    let door = Door::open();
    let hash = Hash::of(&[Bytes::from_static(b"a segment")]).to_string();
    std::fs::write(door.fake.folder.path().join(&hash), b"a segment").unwrap();
    let get = |path: &str| Ask::get(door.http, path).token(OWNER).send();
    let found = get(&format!("/api/v1/content/{hash}"));
    assert_eq!((found.text().as_str(), found.header("etag")), ("a segment", format!("\"{hash}\"").as_str()));
    assert!(found.header("cache-control").contains("immutable"));
    assert_eq!(get(&format!("/api/v1/content/{hash}/info")).json(), serde_json::json!({"hash": hash, "bytes": 9}));
    let resumed = Ask::get(door.http, &format!("/api/v1/content/{hash}")).token(OWNER).header("Range", "bytes=2-").header("If-Range", "\"other\"").send();
    assert_eq!((resumed.status, resumed.text().as_str()), (200, "a segment"));
    for unknown in ["a".repeat(64), hash.to_uppercase(), "x".to_owned()] {
        assert_eq!(get(&format!("/api/v1/content/{unknown}")).refusal(), "not_found");
        assert_eq!(get(&format!("/api/v1/content/{unknown}/info")).refusal(), "not_found");
    }
}

#[test]
fn thumbnails_are_for_the_crew_and_the_camera_itself() {
    let door = Door::open();
    let get = |token: &str, slot: &str| Ask::get(door.http, &format!("/api/v1/sessions/current/cameras/{slot}/thumbnail.jpg")).token(token).send();
    let jpeg = get(CAMERA, "1");
    assert_eq!((jpeg.status, jpeg.header("content-type"), jpeg.body.starts_with(b"\xff\xd8")), (200, "image/jpeg", true));
    assert_eq!(
        (get(CAMERA, "2").status, get(VIEWER, "1").status, get(DIRECTOR, "2").status, get(DIRECTOR, "0").status, get(DIRECTOR, "x").status),
        (403, 403, 404, 404, 404)
    );
}
