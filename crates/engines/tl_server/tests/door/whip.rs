use crate::client::Ask;
use crate::fake::{CAMERA, DIRECTOR, Door, VIEWER};

#[test]
fn an_offer_is_answered_and_ended_at_its_location() {
    let door = Door::open();
    let offer = |token: &str, slot: &str, kind: &str| {
        Ask::post(door.http, &format!("/whip/{slot}")).token(token).header("Content-Type", kind).body(b"v=0 offer").send()
    };
    let answer = offer(CAMERA, "1", "application/sdp");
    assert_eq!((answer.status, answer.header("content-type"), answer.text().as_str()), (201, "application/sdp", "v=0 answers 9 bytes"));
    assert_eq!((answer.header("location"), answer.header("etag")), ("/whip/1/session-1", "\"session-1\""));
    let end = |token: &str, place: &str| Ask::new(door.http, "DELETE", place).token(token).send().status;
    assert_eq!(end(VIEWER, "/whip/1/session-1"), 403);
    assert_eq!(end(CAMERA, "/whip/2/session-2"), 403, "another's connection");
    assert_eq!(
        (end(CAMERA, "/whip/1/other"), end(CAMERA, "/whip/1/%2e%2e"), end(CAMERA, "/whip/1/session-1"), end(DIRECTOR, "/whip/2/session-2")),
        (404, 404, 200, 200)
    );
    assert_eq!(
        (offer(CAMERA, "2", "application/sdp").status, offer(VIEWER, "1", "application/sdp").status, offer("", "1", "application/sdp").status),
        (403, 403, 401)
    );
    assert_eq!((offer(DIRECTOR, "3", "application/sdp").refusal().as_str(), offer(DIRECTOR, "33", "application/sdp").status), ("conflict", 404));
    assert_eq!((offer(CAMERA, "1", "text/plain").status, offer(CAMERA, "1", "application/sdp; charset=utf-8").status), (415, 201));
}

#[test]
fn what_is_no_offer_is_refused() {
    let door = Door::open();
    for body in [b"".as_slice(), b"  \r\n", b"\xff\xff"] {
        let answer = Ask::post(door.http, "/whip/1").token(CAMERA).header("Content-Type", "application/sdp").body(body).send();
        assert_eq!((answer.status, answer.refusal().as_str()), (400, "invalid"));
    }
    let options = Ask::new(door.http, "OPTIONS", "/whip/1").send();
    assert_eq!((options.status, options.header("accept-post")), (204, "application/sdp"));
    for method in ["GET", "PUT", "PATCH"] {
        assert_eq!(Ask::new(door.http, method, "/whip/1").token(CAMERA).send().status, 405, "{method}");
    }
    assert_eq!(Ask::new(door.http, "PATCH", "/whip/1/session-1").token(CAMERA).send().status, 405);
}
