//! What no log, answer or error may hold.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::client::Ask;
use crate::fake::{DIRECTOR, Door, OWNER};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Captured {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[test]
fn everything_that_is_logged_is_free_of_secrets() {
    let captured = Captured::default();
    // Everything that any crate says, without the redactor that stands before the real log.
    let said = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(captured.clone()).finish();
    tracing::subscriber::set_global_default(said).unwrap();
    let door = Door::open();
    let ticket =
        Ask::post(door.http, "/api/v1/tickets").token(DIRECTOR).json(r#"{"role":"camera","slot":2}"#).send().json()["token"].as_str().unwrap().to_owned();
    let code =
        Ask::post(door.http, "/api/v1/tickets").token(DIRECTOR).json(r#"{"role":"camera","kind":"crew"}"#).send().json()["token"].as_str().unwrap().to_owned();
    let joined = Ask::post(door.http, "/api/v1/join").json(&json!({ "ticket": ticket }).to_string()).send().json()["token"].as_str().unwrap().to_owned();
    let request =
        Ask::post(door.http, "/api/v1/join").json(&json!({ "code": code, "name": "Anna" }).to_string()).send().json()["request"].as_str().unwrap().to_owned();
    let put = |path: &str, body: &str| Ask::new(door.http, "PUT", path).token(OWNER).json(body).send();
    put("/api/v1/sessions/current/cameras/1/source", r#"{"protocol":"rtsp","url":"rtsp://anna:s3cret-a@10.0.0.9/s3cret-b","user":"u","password":"s3cret-c"}"#);
    put("/api/v1/sessions/current/cameras/1/source", r#"{"protocol":"s3cret-d"}"#);
    put("/api/v1/destinations/club", r#"{"url":"rtmps://a.example/live/s3cret-e","key":"s3cret-f"}"#);
    put("/api/v1/destinations/club", r#"{"kind":"srt","url":"srt://a:1?passphrase=s3cret-g","key":"s3cret-h"}"#);
    Ask::post(door.http, "/api/v1/login").json(r#"{"token":"s3cret-i"}"#).send();
    Ask::post(door.http, "/api/v1/login").json(r#"{"tokens":"s3cret-j"}"#).send();
    Ask::get(door.http, "/desk/?door=s3cret-k").send();
    let grant = Ask::post(door.http, "/api/v1/watch").token(OWNER).json("{}").send().json()["url"].as_str().unwrap().to_owned();
    Ask::get(door.http, &grant).send();
    for guess in 0..6 {
        Ask::get(door.http, "/api/v1/sessions").token(&format!("s3cret-guess-{guess}")).send();
    }
    let door_token = door.door_token();
    let (address, server) = (door.http, door.server);
    Ask::get(address, "/api/v1/sessions").token(door_token.expose()).send();
    server.shutdown();
    let said = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    assert!(said.contains("a source is set up") && said.contains("locked out"), "nothing was captured: {said}");
    let grant = grant.split('/').nth(2).unwrap();
    for secret in ["s3cret", &ticket, &code, &joined, &request, grant, door_token.expose(), OWNER, DIRECTOR] {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
    eprintln!("{} bytes of log were searched", said.len());
}
