//! The studio's door as a phone or a script knocks on it: HTTPS with the studio's own certificate as the only root.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tl_base::{Secret, SlotId};
use tl_show::Action;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::Error;

/// The longest answer read.
const MAX_ANSWER_BYTES: u64 = 64 * 1_024;
/// The longest snapshot read.
const MAX_SNAPSHOT_BYTES: u64 = 4 << 20;
/// Connecting and answering together may take this long.
const PATIENCE: Duration = Duration::from_secs(4);

/// A way into the studio.
#[derive(Clone)]
pub(crate) struct Door {
    agent: Agent,
    /// For many requests one after the other: its connection stays.
    keeping: Agent,
    base: String,
}

/// A phone's place in the studio.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    /// The answer to its offer.
    pub(crate) sdp: String,
    /// Address that ends it.
    pub(crate) location: String,
}

/// Why it was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody answered.
    Unreachable(String),
    /// The studio said no.
    Status(u16, String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "nobody answers: {why}"),
            Self::Status(status, words) => write!(f, "refused with {status}: {words}"),
        }
    }
}

impl Door {
    /// `base` is the studio's address, `https://host:port`.
    pub(crate) fn new(base: &str, certificate_pem: &str) -> Result<Self, Error> {
        if !base.starts_with("https://") {
            return Err(Error::Door(format!("not an https address: {base}")));
        }
        let certificates: Vec<Certificate<'static>> = parse_pem(certificate_pem.as_bytes())
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err(Error::Door("the certificate file holds no certificate".into()));
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&certificates))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        // Connections are not kept: the studio may be restarted between two requests.
        let agent = |idle: usize| -> Agent {
            let config = Agent::config_builder().tls_config(tls.clone()).http_status_as_error(false).timeout_global(Some(PATIENCE));
            config.max_idle_connections(idle).max_idle_connections_per_host(idle).build().into()
        };
        Ok(Self { agent: agent(0), keeping: agent(1), base: base.trim_end_matches('/').to_owned() })
    }

    /// Offers a phone's pictures to a slot.
    pub(crate) fn join(&self, slot: SlotId, token: &Secret, offer: &str) -> Result<Joined, Refusal> {
        let request =
            self.agent.post(format!("{}/whip/{slot}", self.base)).header("Authorization", format!("Bearer {}", token.expose())).content_type("application/sdp");
        let mut answer = request.send(offer).map_err(unreachable)?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string().map_err(unreachable)?;
        if status != 201 {
            return Err(Refusal::Status(status, first_words(&body)));
        }
        let location = if location.starts_with('/') { format!("{}{location}", self.base) } else { location };
        Ok(Joined { sdp: body, location })
    }

    /// Says goodbye.
    pub(crate) fn leave(&self, location: &str, token: &Secret) -> Result<(), Refusal> {
        // A location elsewhere would carry the token away.
        if !location.starts_with(&self.base) {
            return Ok(());
        }
        let answer = self.agent.delete(location).header("Authorization", format!("Bearer {}", token.expose())).call().map_err(unreachable)?;
        let status = answer.status().as_u16();
        if answer.status().is_success() { Ok(()) } else { Err(Refusal::Status(status, String::new())) }
    }

    /// Asks the studio to do something; the answer is what it said.
    pub(crate) fn command(&self, token: &Secret, id: &str, action: &Action) -> Result<Value, Refusal> {
        let body = json!({"id": id, "command": action}).to_string();
        let request = self.agent.post(format!("{}/api/v1/sessions/current/commands", self.base));
        let request = request.header("Authorization", bearer(token)).content_type("application/json");
        read(request.send(body.as_str()), MAX_ANSWER_BYTES)
    }

    /// What the studio shows of itself.
    pub(crate) fn snapshot(&self, token: &Secret) -> Result<Value, Refusal> {
        let request = self.agent.get(format!("{}/api/v1/sessions/current/snapshot", self.base)).header("Authorization", bearer(token));
        read(request.call(), MAX_SNAPSHOT_BYTES)
    }

    /// Tells the studio where a camera's pictures come from.
    pub(crate) fn set_source(&self, slot: SlotId, token: &Secret, setup: &Value) -> Result<(), Refusal> {
        let request = self.agent.put(self.source(slot)).header("Authorization", bearer(token)).content_type("application/json");
        read(request.send(setup.to_string().as_str()), MAX_ANSWER_BYTES).map(drop)
    }

    /// The camera takes whoever comes again.
    pub(crate) fn clear_source(&self, slot: SlotId, token: &Secret) -> Result<(), Refusal> {
        read(self.agent.delete(self.source(slot)).header("Authorization", bearer(token)).call(), MAX_ANSWER_BYTES).map(drop)
    }

    fn source(&self, slot: SlotId) -> String {
        format!("{}/api/v1/sessions/current/cameras/{slot}/source", self.base)
    }

    /// What the studio's clock shows, milliseconds.
    pub(crate) fn studio_ms(&self, token: &Secret) -> Result<f64, Refusal> {
        let answer = read(self.keeping.get(format!("{}/api/v1/clock", self.base)).header("Authorization", bearer(token)).call(), MAX_ANSWER_BYTES)?;
        let micros = answer.get("clock_us").and_then(Value::as_f64);
        micros.map(|micros| micros / 1e3).ok_or_else(|| Refusal::Unreachable("no time in the answer".into()))
    }

    /// Uploads a recorded piece; `words` say what it is.
    pub(crate) fn upload(&self, slot: SlotId, token: &Secret, words: &str, mime: &str, data: &[u8]) -> Result<(), Refusal> {
        let request = self.keeping.post(format!("{}?{words}", self.chunks(slot))).header("Authorization", bearer(token)).content_type(mime);
        read(request.send(data), MAX_ANSWER_BYTES).map(drop)
    }

    /// Ends an upload.
    pub(crate) fn end_upload(&self, slot: SlotId, token: &Secret) -> Result<(), Refusal> {
        read(self.agent.delete(self.chunks(slot)).header("Authorization", bearer(token)).call(), MAX_ANSWER_BYTES).map(drop)
    }

    fn chunks(&self, slot: SlotId) -> String {
        format!("{}/api/v1/sessions/current/cameras/{slot}/chunks", self.base)
    }
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.expose())
}

/// What was answered; null where that is no JSON.
fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>, limit: u64) -> Result<Value, Refusal> {
    let mut answer = answer.map_err(unreachable)?;
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(limit).read_to_string().map_err(unreachable)?;
    if !status.is_success() {
        return Err(Refusal::Status(status.as_u16(), first_words(&text)));
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn unreachable(error: ureq::Error) -> Refusal {
    Refusal::Unreachable(error.to_string())
}

fn first_words(body: &str) -> String {
    body.chars().filter(|letter| !letter.is_control()).take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_without_certificate_or_tls_is_refused() {
        assert!(matches!(Door::new("http://127.0.0.1:1", ""), Err(Error::Door(_))));
        assert!(matches!(Door::new("https://127.0.0.1:1", "garbage"), Err(Error::Door(_))));
    }
}
