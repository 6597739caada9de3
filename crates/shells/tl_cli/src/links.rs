//! The file through which local tools learn where a studio is. It holds tokens, so only its owner may read it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tl_base::SlotId;

/// Where a running studio is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinksFile {
    /// `https://127.0.0.1:port`.
    pub base: String,
    /// The server's certificate, PEM file.
    pub certificate: std::path::PathBuf,
    /// The control page.
    pub desk: String,
    /// The watch page.
    pub watch: String,
    /// The phone page of each slot.
    pub phones: Vec<(SlotId, String)>,
    /// Owner's token.
    pub owner_token: String,
    /// Director's token for a script.
    pub script_token: String,
    /// Camera tokens by slot.
    pub camera_tokens: Vec<(SlotId, String)>,
    /// What apps that speak SRT or RTMP are set to.
    #[serde(default)]
    pub apps: Vec<tl_studio::AppLink>,
    /// The session's folder.
    pub session_dir: std::path::PathBuf,
    /// Process id of the studio.
    pub pid: u32,
}

impl LinksFile {
    /// What a studio tells.
    pub fn of(studio: &tl_studio::Studio) -> Self {
        let links = studio.links().clone();
        Self {
            base: links.base,
            certificate: links.certificate,
            desk: links.desk,
            watch: links.watch,
            phones: links.phones,
            owner_token: links.owner_token,
            script_token: links.script_token,
            camera_tokens: links.camera_tokens,
            apps: links.apps,
            session_dir: studio.session_dir().to_path_buf(),
            pid: std::process::id(),
        }
    }

    /// Writes it for its owner alone.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        tl_studio::write_private(path, &json)?;
        Ok(())
    }

    /// Reads it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}
