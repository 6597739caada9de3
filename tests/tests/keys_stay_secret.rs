//! A destination's key is in nobody's process list, environment, log or file, while it is used and afterwards.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tl_tests::{alone, built_program, nginx_rtmp, skip, until};

const KEY: &str = "live-4711-nobody-may-read-this";

/// A demo that is ended with the test, however that ends.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// This process and all that it started, by what the system tells of parents.
fn family(of: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all: Vec<u32> = std::fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(elder) = found.get(at).copied() {
        found.extend(all.iter().filter(|pid| parent(**pid) == Some(elder)));
        at += 1;
    }
    found
}

fn holds_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes())
}

/// Files below a folder that hold the key.
fn telling(folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            telling(&path, found)?;
        } else if holds_key(&std::fs::read(&path)?) {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

#[test]
fn a_stream_key_is_told_to_its_server_alone() -> anyhow::Result<()> {
    let _alone = alone();
    if !Path::new("/proc/self/environ").is_file() {
        skip("this system has no /proc");
        return Ok(());
    }
    let Some(program) = built_program() else {
        skip("the program touchline is not built");
        return Ok(());
    };
    let Some(nginx) = nginx_rtmp()? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (data, address) = (folder.path().join("data"), folder.path().join("address"));
    std::fs::write(&address, nginx.url.replace("/live/key", &format!("/live/{KEY}")))?;
    let mut command = Command::new("timeout");
    command.args(["150"]).arg(&program).args(["demo", "--headless", "--seconds", "6", "--cameras", "1", "--rtmp"]).arg(format!("@{}", address.display()));
    command.arg("--data-dir").arg(&data).arg("--json").arg(folder.path().join("report.json"));
    let mut demo = Demo(command.env("RUST_LOG", "debug").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    let mut streams = Vec::new();
    let out = demo.0.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    let err = demo.0.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
    for mut stream in [out, err].into_iter().flatten() {
        streams.push(std::thread::spawn(move || {
            let mut told = Vec::new();
            stream.read_to_end(&mut told).map(|_| told)
        }));
    }
    until("the server has the stream, and so the key", 120.0, || nginx.recordings().iter().any(|file| file.to_string_lossy().contains(KEY)))?;
    let processes = family(demo.0.id());
    anyhow::ensure!(processes.len() >= 3, "the studio and the phones are processes of their own: {processes:?}");
    for pid in processes {
        for what in ["cmdline", "environ"] {
            // A process may have ended meanwhile.
            let told = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            assert!(!holds_key(&told), "/proc/{pid}/{what} holds the key");
        }
    }
    let ended = demo.0.wait()?;
    for stream in streams {
        let told = stream.join().map_err(|_| anyhow::anyhow!("a reader panicked"))??;
        assert!(!holds_key(&told), "the output holds the key: {}", String::from_utf8_lossy(&told));
        assert!(!told.is_empty(), "nothing was told at all");
    }
    anyhow::ensure!(ended.success(), "the demo failed");
    let mut found = Vec::new();
    telling(&data, &mut found)?;
    assert_eq!(found, Vec::<String>::new(), "files that hold the key");
    assert!(!holds_key(&std::fs::read(folder.path().join("report.json"))?), "the report holds the key");
    Ok(())
}
