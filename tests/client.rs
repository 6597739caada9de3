//! A client that speaks HTTPS to the studio and believes only its certificate.

use std::sync::Arc;

use serde_json::Value;
use tl_wire::Snapshot;

/// An HTTPS client with one token.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: String,
}

impl Client {
    /// A client for the studio at `base` whose certificate is `certificate_pem`.
    pub fn new(base: &str, certificate_pem: &str, token: &str) -> anyhow::Result<Self> {
        let roots: Vec<ureq::tls::Certificate<'static>> = ureq::tls::parse_pem(certificate_pem.as_bytes())
            .filter_map(|item| if let Ok(ureq::tls::PemItem::Certificate(found)) = item { Some(found) } else { None })
            .collect();
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).timeout_global(Some(std::time::Duration::from_secs(15))).build();
        Ok(Self { agent: config.new_agent(), base: base.to_owned(), token: token.to_owned() })
    }

    /// GET: status, content type, body.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).header("Authorization", format!("Bearer {}", self.token)).call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_vec()?))
    }

    /// GET of a text that must be there.
    pub fn text(&self, path: &str) -> anyhow::Result<String> {
        let (status, body) = self.get(path)?;
        anyhow::ensure!(status == 200, "{path}: {status}");
        Ok(String::from_utf8(body)?)
    }

    /// POST of a body: status and body of the answer.
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        let ask =
            self.agent.post(format!("{}{path}", self.base)).header("Authorization", format!("Bearer {}", self.token)).header("Content-Type", content_type);
        let mut answer = ask.send(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_vec()?))
    }

    /// PUT of a JSON document: status and body of the answer.
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<(u16, String)> {
        let ask = self.agent.put(format!("{}{path}", self.base)).header("Authorization", format!("Bearer {}", self.token));
        let mut answer = ask.header("Content-Type", "application/json").send(serde_json::to_vec(body)?)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// DELETE: status of the answer.
    pub fn delete(&self, path: &str) -> anyhow::Result<u16> {
        let ask = self.agent.delete(format!("{}{path}", self.base)).header("Authorization", format!("Bearer {}", self.token));
        Ok(ask.call()?.status().as_u16())
    }

    /// Sends one command; status and answer.
    pub fn command(&self, id: &str, command: Value) -> anyhow::Result<(u16, Value)> {
        let body = serde_json::to_vec(&serde_json::json!({ "id": id, "command": command }))?;
        let (status, answer) = self.post("/api/v1/sessions/current/commands", "application/json", &body)?;
        Ok((status, serde_json::from_slice(&answer)?))
    }

    /// What is, now.
    pub fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let (status, body) = self.get("/api/v1/sessions/current/snapshot")?;
        anyhow::ensure!(status == 200, "snapshot: {status}");
        Ok(serde_json::from_slice(&body)?)
    }

    /// The address under which live media is served to this token.
    pub fn watch(&self) -> anyhow::Result<String> {
        let (status, body) = self.post("/api/v1/watch", "application/json", b"{}")?;
        anyhow::ensure!(status == 200 || status == 201, "watch: {status}");
        let answer: Value = serde_json::from_slice(&body)?;
        answer["url"].as_str().map(str::to_owned).ok_or_else(|| anyhow::anyhow!("no url in {answer}"))
    }
}
