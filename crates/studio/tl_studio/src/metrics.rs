//! The studio's figures as Prometheus text (exposition format 0.0.4).

use std::fmt::Write;

use tl_playlist::Figures;
use tl_rtc::{SessionId, ViewerStats};
use tl_wire::Snapshot;

/// All figures of a snapshot, of live delivery and of viewers by WebRTC. What was not measured is left out.
pub fn text(snapshot: &Snapshot, delivery: Option<&Figures>, viewers: &[(SessionId, ViewerStats)]) -> String {
    let mut out = String::with_capacity(4_096);
    let mut line = |name: &str, kind: &str, help: &str, values: &[(String, Option<f64>)]| {
        if values.iter().all(|(_, value)| value.is_none()) {
            return;
        }
        // Writing to a string cannot fail.
        write!(out, "# HELP touchline_{name} {help}\n# TYPE touchline_{name} {kind}\n").ok();
        for (labels, value) in values {
            if let Some(value) = value {
                writeln!(out, "touchline_{name}{labels} {value}").ok();
            }
        }
    };
    let one = |value: Option<f64>| vec![(String::new(), value)];
    let output = &snapshot.output;
    line("programme_frames_total", "counter", "Programme pictures encoded", &one(Some(output.frames as f64)));
    line("programme_dropped_total", "counter", "Ticks that were not encoded", &one(Some(output.dropped as f64)));
    line("programme_repeated_total", "counter", "Ticks that showed a picture twice", &one(Some(output.repeated as f64)));
    line("programme_black_total", "counter", "Black pictures that nobody asked for", &one(Some(output.black as f64)));
    line("programme_render_p95_ms", "gauge", "Tick to finished picture", &one(output.render_ms.map(|render| render.p95)));
    line("budget_ms", "gauge", "Delay budget of the show", &one(Some(snapshot.budget.now_ms)));
    line("loudness_short_term_lufs", "gauge", "EBU R 128 short-term loudness of the programme", &one(snapshot.meter.short_term_lufs.map(f64::from)));
    line("loudness_integrated_lufs", "gauge", "EBU R 128 integrated loudness of the programme", &one(snapshot.meter.integrated_lufs.map(f64::from)));
    line("true_peak_dbtp", "gauge", "Highest true peak of the programme", &one(snapshot.meter.true_peak_dbtp.map(f64::from)));
    line("load_level", "gauge", "How much work is shed, 0 to 3", &one(Some(f64::from(snapshot.load.level))));
    line("machine_cpu_ratio", "gauge", "Share of all processors in use", &one(snapshot.health.machine_cpu));
    line("memory_free_bytes", "gauge", "Memory that is still free", &one(snapshot.health.memory_free_bytes.map(|bytes| bytes as f64)));
    line("network_in_bps", "gauge", "Received by this machine", &one(snapshot.health.network_in_bps));
    line("network_out_bps", "gauge", "Sent by this machine", &one(snapshot.health.network_out_bps));
    line("temperature_celsius", "gauge", "Hottest sensor", &one(snapshot.health.temperature_c));
    line("viewers_whep", "gauge", "People watching by WebRTC", &one(Some(f64::from(snapshot.viewers_whep))));
    let per_viewer = |value: &dyn Fn(&ViewerStats) -> Option<f64>| {
        viewers.iter().map(|(session, stats)| (format!("{{session=\"{session}\"}}"), value(stats))).collect::<Vec<_>>()
    };
    line("viewer_bitrate_bps", "gauge", "Sent to a viewer by WebRTC", &per_viewer(&|stats| stats.bitrate_bps));
    line("viewer_rtt_ms", "gauge", "Round trip to a viewer by WebRTC", &per_viewer(&|stats| stats.rtt_ms));
    line("viewer_loss_ratio", "gauge", "Packets lost on the way to a viewer by WebRTC", &per_viewer(&|stats| stats.loss));
    if let Some(figures) = delivery {
        line("segments_ready_total", "counter", "Segments announced", &one(Some(figures.segments_ready as f64)));
        line("segments_failed_total", "counter", "Segments that became gaps", &one(Some(figures.segments_failed as f64)));
        line("segments_failed_ratio", "gauge", "Share of segments that became gaps", &one(Some(figures.failed_share())));
        line("parts_remade_total", "counter", "Parts that were made again", &one(Some(figures.parts_remade as f64)));
        line("segment_latency_ms", "gauge", "Last picture of a segment to its announcement", &one(figures.latency.map(|time| time.as_millis_f64())));
    }
    line("viewers", "gauge", "People watching", &one(Some(f64::from(snapshot.viewers))));
    line("cpu_cores", "gauge", "Cores' worth of CPU in use", &one(snapshot.health.cpu));
    line("resident_bytes", "gauge", "Resident memory", &one(snapshot.health.rss_bytes.map(|bytes| bytes as f64)));
    line("disk_free_bytes", "gauge", "Free disk for recordings", &one(snapshot.health.disk_free_bytes.map(|bytes| bytes as f64)));
    let per_camera = |value: &dyn Fn(&tl_wire::CameraView) -> Option<f64>| {
        snapshot.cameras.iter().map(|camera| (format!("{{slot=\"{}\"}}", camera.slot), value(camera))).collect::<Vec<_>>()
    };
    line(
        "camera_live",
        "gauge",
        "1 while pictures arrive in time",
        &per_camera(&|camera| Some(f64::from(u8::from(camera.state == tl_show::SourceState::Live)))),
    );
    line("camera_frames_total", "counter", "Pictures decoded", &per_camera(&|camera| Some(camera.frames as f64)));
    line("camera_lost_total", "counter", "Pictures known to be lost", &per_camera(&|camera| camera.lost.map(|lost| lost as f64)));
    line("camera_reconnects_total", "counter", "Times it came back", &per_camera(&|camera| Some(f64::from(camera.reconnects))));
    line("camera_bitrate_bps", "gauge", "As received", &per_camera(&|camera| camera.stats.bitrate_bps));
    line("camera_fps", "gauge", "Complete pictures a second", &per_camera(&|camera| camera.stats.fps));
    line("camera_loss_ratio", "gauge", "Packets lost before repair", &per_camera(&|camera| camera.stats.loss));
    line("camera_jitter_ms", "gauge", "Inter-arrival jitter", &per_camera(&|camera| camera.stats.jitter_ms));
    line("camera_rtt_ms", "gauge", "Round trip", &per_camera(&|camera| camera.stats.rtt_ms));
    line("camera_delay_p99_ms", "gauge", "Capture to decoded", &per_camera(&|camera| camera.delay_ms.map(|delay| delay.p99)));
    let per_output = |value: &dyn Fn(&tl_wire::OutputView) -> f64| {
        let label = |name: &str| name.replace(['\\', '"', '\n'], "_");
        snapshot
            .outputs
            .iter()
            .map(|output| (format!("{{name=\"{}\",kind=\"{}\"}}", label(&output.name), output.kind), Some(value(output))))
            .collect::<Vec<_>>()
    };
    line("output_bytes_total", "counter", "Sent to a destination", &per_output(&|output| output.bytes as f64));
    line("output_dropped_total", "counter", "Left out because a destination was slow or away", &per_output(&|output| output.dropped as f64));
    line("output_live", "gauge", "1 while it is reached", &per_output(&|output| f64::from(u8::from(output.state == "live"))));
    line("output_reconnects_total", "counter", "Times it was reached again", &per_output(&|output| f64::from(output.reconnects)));
    out
}
