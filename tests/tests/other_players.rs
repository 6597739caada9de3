//! Players that are not ours play the live stream and the one that is over: streamlink, ffmpeg.

use std::process::{Command, Stdio};

use tl_tests::{Stage, alone, decodes_cleanly, duration_secs, ffmpeg_to, installed, skip, until};

#[test]
fn streamlink_plays_the_live_stream() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") || !installed("streamlink") {
        skip("ffmpeg or streamlink is not installed");
        return Ok(());
    }
    let stage = Stage::open(|_| {})?;
    let camera = ffmpeg_to("mpegts", &stage.srt_url(1)?)?;
    until("the camera is live", 30.0, || stage.is_live(1))?;
    let playlist = format!("{}{}", stage.studio.links().base, stage.owner()?.watch()?);
    until("there is something to play", 20.0, || stage.studio.snapshot().output.frames > 240)?;
    let out = stage.folder().join("seen.ts");
    let mut player = Command::new("timeout");
    player.args(["60", "streamlink", "--loglevel", "error", "--hls-duration", "8", "--hls-live-edge", "2"]);
    // It trusts the studio's own certificate, as a person who said yes to it does.
    player.env("REQUESTS_CA_BUNDLE", &stage.studio.links().certificate);
    let done = player.arg("--output").arg(&out).arg(format!("hls://{playlist}")).arg("best").stdin(Stdio::null()).output()?;
    anyhow::ensure!(done.status.success() && out.is_file(), "streamlink: {}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    decodes_cleanly(&out)?;
    let seconds = duration_secs(&out)?;
    anyhow::ensure!(seconds >= 6.0, "{seconds} s were played");
    drop(camera);
    stage.close()?;
    Ok(())
}
