use std::process::Command;
use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::fake::{DIRECTOR, Door, OWNER};

#[test]
fn https_holds_for_who_knows_the_certificate_and_for_no_other() {
    let door = Door::open();
    let pem = std::fs::read(&door.tls.certificate).unwrap();
    let agent = |roots: &[Certificate<'static>]| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(roots))
            .build();
        ureq::Agent::new_with_config(ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build())
    };
    let known = agent(&[Certificate::from_pem(&pem).unwrap()]);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{}/api/v1/sessions", door.server.https_addr.port());
        let mut answer = known.get(&url).header("Authorization", format!("Bearer {DIRECTOR}")).call().unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.body_mut().read_to_string().unwrap().contains("\"id\":\"s1\""));
        assert_eq!(known.get(&url).call().unwrap().status(), 401);
    }
    let stranger = Door::open();
    let other = std::fs::read(&stranger.tls.certificate).unwrap();
    let url = format!("https://127.0.0.1:{}/api/v1/sessions", door.server.https_addr.port());
    assert!(agent(&[Certificate::from_pem(&other).unwrap()]).get(&url).call().is_err());
    let login = known.post(url.replace("sessions", "login")).send_json(serde_json::json!({"token": OWNER})).unwrap();
    let cookie = login.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    assert!(cookie.starts_with("__Host-touchline-") && cookie.contains("; Secure"), "{}", cookie.split('=').next().unwrap_or_default());
    assert_eq!(door.server.certificate_sha256, door.tls.certificate_sha256);
}

#[test]
fn http_2_is_spoken() {
    let door = Door::open();
    let url = format!("https://127.0.0.1:{}/api/v1/sessions/current/snapshot", door.server.https_addr.port());
    let ran = Command::new("curl")
        .args(["--http2", "--silent", "--show-error", "--max-time", "20", "--cacert"])
        .arg(&door.tls.certificate)
        .args(["--header", &format!("Authorization: Bearer {OWNER}"), "--output", "/dev/null", "--write-out", "%{http_version} %{response_code}", &url])
        .output();
    let Ok(ran) = ran else {
        eprintln!("SKIPPED: curl is not installed, so HTTP/2 was not tried");
        return;
    };
    assert_eq!((String::from_utf8_lossy(&ran.stdout).as_ref(), String::from_utf8_lossy(&ran.stderr).as_ref()), ("2 200", ""));
}
