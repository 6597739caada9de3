//! A real nginx with its RTMP module, in a folder of its own.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tl_base::Secret;

use super::PATIENCE;

/// The key that the server takes.
pub const KEY: &str = "sesame-4711";

pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A server in a folder of its own.
pub struct Nginx {
    pub child: Child,
    pub folder: tempfile::TempDir,
    pub port: u16,
}

impl Nginx {
    /// None where nginx or its module is missing; the test says so.
    pub fn start() -> Option<Self> {
        let module =
            ["/usr/lib/nginx/modules/ngx_rtmp_module.so", "/usr/share/nginx/modules/ngx_rtmp_module.so"].into_iter().find(|path| Path::new(path).exists());
        let Some(module) = module else {
            eprintln!("SKIPPED: nginx with its RTMP module is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let (port, http) = (free_port(), free_port());
        let at = folder.path().display();
        std::fs::create_dir(folder.path().join("flv")).expect("a folder");
        let config = format!(
            "load_module {module};
daemon off;
master_process off;
pid {at}/pid;
error_log {at}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
  access_log off;
  server {{
    listen 127.0.0.1:{port};
    application live {{
      live on;
      record all;
      record_path {at}/flv;
      record_unique on;
      notify_method get;
      on_publish http://127.0.0.1:{http}/auth;
    }}
  }}
}}
http {{
  access_log off;
  client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3; uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;
  server {{
    listen 127.0.0.1:{http};
    location /auth {{
      if ($arg_name = \"{KEY}\") {{ return 200; }}
      return 403;
    }}
  }}
}}
"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).expect("written");
        let child = spawn(folder.path());
        let server = Self { child, folder, port };
        server.wait_until_up();
        Some(server)
    }

    pub fn wait_until_up(&self) {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "nginx does not start: {}", std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub fn start_again(&mut self) {
        self.child = spawn(self.folder.path());
        self.wait_until_up();
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success());
    }

    pub fn url(&self, key: &str) -> Secret {
        Secret::new(format!("rtmp://127.0.0.1:{}/live/{key}", self.port))
    }

    /// What it recorded, oldest first.
    pub fn recorded(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = self.folder.path().join("flv").read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }
}

pub fn spawn(folder: &Path) -> Child {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("nginx runs")
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.kill();
    }
}
