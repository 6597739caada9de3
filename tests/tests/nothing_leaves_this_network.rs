//! A default run sends nothing to anybody who was not invited: a studio with phones in a network of its own, watched from outside.

use std::process::{Command, Stdio};
use std::time::Duration;

use tl_tests::{Peer, alone, built_program, installed, skip};

/// The test's own network: a namespace with one cable to the outside, and a route to everywhere.
struct Network(String);

impl Network {
    fn make() -> anyhow::Result<Option<Self>> {
        let name = format!("tl{}", std::process::id() % 100_000);
        let network = Self(name.clone());
        let inside = |words: &str| format!("netns exec {name} ip {words}");
        let steps = [
            format!("netns add {name}"),
            format!("link add {name}o type veth peer name {name}i netns {name}"),
            format!("addr add 198.51.100.1/24 dev {name}o"),
            format!("link set {name}o up"),
            inside("link set lo up"),
            inside(&format!("addr add 198.51.100.2/24 dev {name}i")),
            inside(&format!("link set {name}i up")),
            inside("route add default via 198.51.100.1"),
        ];
        for step in steps {
            let done = Command::new("ip").args(step.split(' ')).stdin(Stdio::null()).output()?;
            if !done.status.success() {
                skip(&format!("networks of one's own cannot be made here: {}", String::from_utf8_lossy(&done.stderr).trim()));
                return Ok(None);
            }
        }
        Ok(Some(network))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for words in [vec!["netns", "del", &self.0], vec!["link", "del", &format!("{}o", self.0)]] {
            // The cable goes with the namespace; the second is for a start that failed half way.
            drop(Command::new("ip").args(words).stderr(Stdio::null()).status());
        }
    }
}

#[test]
fn a_default_run_speaks_only_to_its_own_network() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ip") || !installed("tcpdump") {
        skip("ip or tcpdump is not installed");
        return Ok(());
    }
    let Some(program) = built_program() else {
        skip("the program touchline is not built");
        return Ok(());
    };
    let Some(network) = Network::make()? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let capture = folder.path().join("capture.pcap");
    let mut tcpdump = Command::new("tcpdump");
    tcpdump.args(["-i", &format!("{}o", network.0), "-n", "-U", "-Z", "root", "-w"]).arg(&capture);
    let watching = Peer::start(&mut tcpdump)?;
    tl_tests::until("the watch has begun", 10.0, || capture.is_file())?;
    // One packet that must be seen, so that an empty capture means something.
    let ping = Command::new("ip").args(["netns", "exec", &network.0, "bash", "-c", "echo seen > /dev/udp/203.0.113.7/7"]).status()?;
    anyhow::ensure!(ping.success(), "the test's own packet was not sent");

    let json = folder.path().join("report.json");
    let mut demo = Command::new("timeout");
    demo.args(["120", "ip", "netns", "exec", &network.0]).arg(&program).args(["demo", "--headless", "--seconds", "8", "--cameras", "2", "--json"]).arg(&json);
    demo.arg("--data-dir").arg(folder.path().join("data")).stdin(Stdio::null()).stdout(Stdio::null());
    let done = demo.output()?;
    anyhow::ensure!(done.status.success(), "the demo failed: {}", String::from_utf8_lossy(&done.stderr));
    // The kernel hands the last packets to the capture a moment after they were sent, and tells nobody when it has.
    std::thread::sleep(Duration::from_millis(300));
    watching.end();

    let shown = Command::new("tcpdump").args(["-n", "-r"]).arg(&capture).output()?;
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("203.0.113.7.7"), "the watch sees what is sent: {shown}");
    // What the system itself says to its neighbours is none of ours: address resolution and IPv6's own greetings.
    let ours = |line: &&str| !line.contains("ARP") && !line.contains("ICMP6") && !line.contains("203.0.113.7.7") && !line.contains("ff02::");
    let strangers: Vec<&str> = shown.lines().filter(ours).collect();
    assert!(strangers.is_empty(), "packets left the network: {strangers:#?}");
    Ok(())
}
