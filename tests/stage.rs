//! A studio in a folder of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use tl_rehearsal::Faults;
use tl_studio::{AppLink, Config, Inputs, Studio};
use tl_wire::CameraView;

use crate::{Client, Phones, until};

/// A studio on loopback with free ports.
pub fn quiet_config(data_dir: &Path) -> Config {
    let usual = Config::default();
    let inputs = Inputs { srt_port: 0, rtmp_port: 0, ..usual.inputs };
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Config { data_dir: data_dir.to_path_buf(), address, https_port: 0, cameras: 6, inputs, software_gpu: true, ..usual }
}

/// A running studio and its folder.
pub struct Stage {
    /// The studio.
    pub studio: Studio,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Starts a studio; `change` may alter its settings first.
    pub fn open(change: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        tl_base::log::init("warn");
        let folder = tempfile::tempdir()?;
        let mut config = quiet_config(folder.path());
        change(&mut config);
        Ok(Self { studio: Studio::start(config)?, folder })
    }

    /// Where the studio keeps its things.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client with the owner's token.
    pub fn owner(&self) -> anyhow::Result<Client> {
        self.client(&self.studio.links().owner_token)
    }

    /// A client with this token.
    pub fn client(&self, token: &str) -> anyhow::Result<Client> {
        let links = self.studio.links();
        Client::new(&links.base, &std::fs::read_to_string(&links.certificate)?, token)
    }

    /// Phones that join, and the wait until all of them are live and one is on air.
    pub fn phones(&self, count: usize, faults: Faults, script: bool) -> anyhow::Result<Phones> {
        let phones = Phones::start(self.studio.links(), self.truth(), count, faults, script)?;
        until("every phone is live", 90.0, || {
            let snapshot = self.studio.snapshot();
            let live = snapshot.cameras.iter().filter(|camera| camera.is_live()).count();
            live >= count && snapshot.program.live.is_some() && snapshot.output.frames > 10
        })?;
        Ok(phones)
    }

    /// What apps are set to for a slot.
    pub fn app(&self, slot: u16) -> anyhow::Result<AppLink> {
        self.studio.links().apps.iter().find(|app| app.slot == slot).cloned().ok_or_else(|| anyhow::anyhow!("no app link for camera {slot}"))
    }

    /// The address at which an SRT app calls a slot, with its keys.
    pub fn srt_url(&self, slot: u16) -> anyhow::Result<String> {
        let app = self.app(slot)?;
        let url = app.srt.ok_or_else(|| anyhow::anyhow!("camera {slot} does not listen"))?;
        Ok(format!("{url}?streamid={}&passphrase={}&latency=120000", app.srt_stream_id, app.srt_passphrase))
    }

    /// The address at which an RTMP app publishes to a slot, with its key.
    pub fn rtmp_url(&self, slot: u16) -> anyhow::Result<String> {
        let app = self.app(slot)?;
        Ok(format!("{}/{}", app.rtmp.ok_or_else(|| anyhow::anyhow!("the RTMP server is closed"))?, app.rtmp_key))
    }

    /// A camera as it is now.
    pub fn camera(&self, slot: u16) -> Option<CameraView> {
        self.studio.snapshot().cameras.iter().find(|camera| camera.slot.0 == slot).cloned()
    }

    /// Whether a camera is live.
    pub fn is_live(&self, slot: u16) -> bool {
        self.camera(slot).is_some_and(|camera| camera.is_live())
    }

    /// Where the phones write what really happened.
    pub fn truth(&self) -> PathBuf {
        self.folder.path().join("truth.jsonl")
    }

    /// Ends the studio; its folder stays until the stage is dropped.
    pub fn close(self) -> anyhow::Result<tempfile::TempDir> {
        let problems = self.studio.stop();
        anyhow::ensure!(problems.is_empty(), "the studio ended with problems: {problems:?}");
        Ok(self.folder)
    }
}
