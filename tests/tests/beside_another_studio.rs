//! Two studios on one machine: the second takes other ports, and nobody's camera ends up in the wrong one.

use std::net::UdpSocket;

use tl_tests::{Stage, alone, ffmpeg_to, installed, skip, until};

#[test]
fn a_taken_port_is_left_to_whoever_has_it() -> anyhow::Result<()> {
    let _alone = alone();
    if !installed("ffmpeg") {
        skip("ffmpeg is not installed");
        return Ok(());
    }
    let port = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let open = || {
        Stage::open(|config| {
            config.cameras = 1;
            config.inputs.srt_port = port;
        })
    };
    let (first, second) = (open()?, open()?);
    assert!(first.srt_url(1)?.contains(&format!(":{port}")));
    assert!(!second.srt_url(1)?.contains(&format!(":{port}")), "{}", second.srt_url(1)?);
    let one = ffmpeg_to("mpegts", &first.srt_url(1)?)?;
    let other = ffmpeg_to("mpegts", &second.srt_url(1)?)?;
    until("each has its own camera", 30.0, || first.is_live(1) && second.is_live(1))?;
    drop((one, other));
    first.close()?;
    second.close()?;
    Ok(())
}
