//! What needs attention, worst first, each with what to do.

use tl_show::SourceState;
use tl_store::space::Level;
use tl_wire::{CameraView, Warning};

use super::Control;

/// A machine hotter than this will slow itself down soon, degrees Celsius.
const HOT_C: f64 = 92.0;

fn warning(about: &str, message: &str, remedy: &str) -> Warning {
    Warning { about: about.into(), message: message.into(), remedy: remedy.into() }
}

/// There is no device to draw with.
pub(crate) fn no_graphics() -> Warning {
    warning(
        "computer",
        "Nothing can be drawn on this computer: the programme shows one camera at a time, without score and transitions.",
        "Install a graphics driver (on Debian and Ubuntu: mesa-vulkan-drivers); it is found by itself.",
    )
}

impl Control {
    pub(super) fn warnings(&self, cameras: &[CameraView]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for camera in cameras {
            let about = format!("camera {}", camera.slot);
            match camera.state {
                SourceState::Lost => warnings.push(Warning {
                    about: about.clone(),
                    message: format!("{}: no picture.", camera.name),
                    remedy: "Ask its owner to look at the phone; it returns by itself.".into(),
                }),
                SourceState::Stale => {
                    warnings.push(Warning {
                        about: about.clone(),
                        message: format!("{}: the picture stands still.", camera.name),
                        remedy: "Wait a moment, or cut to another camera.".into(),
                    });
                }
                _ => {}
            }
            if let Some(verdict) = camera.admission.as_ref().filter(|verdict| !verdict.accepted) {
                warnings.push(Warning { about, message: verdict.reason.clone(), remedy: verdict.suggested_adjustments.join(" ") });
            }
        }
        if self.governor.level() > 0 {
            let shed = self.governor.steps().iter().map(|step| step.phrase()).collect::<Vec<_>>().join("; ");
            warnings.push(warning("computer", &format!("This computer is too busy: {shed}."), "Close other programs; what was shed comes back by itself."));
        }
        if let Some(hot) = self.parts.health.temperature_c().filter(|celsius| *celsius > HOT_C) {
            warnings.push(warning(
                "computer",
                &format!("This computer is at {hot:.0} °C and will slow down."),
                "Give it air and shade; take it off soft surfaces.",
            ));
        }
        match self.disk {
            Level::Plenty => {}
            Level::Warn => warnings.push(warning("disk", "Less than 30 minutes of recording fit on the disk.", "Free some space, or record to another disk.")),
            Level::ShedIso => warnings.push(warning(
                "disk",
                "Less than ten minutes fit on the disk: the cameras' own recordings have stopped.",
                "Free some space; they start again by themselves.",
            )),
            Level::Stop => warnings.push(warning(
                "disk",
                "The disk is full: nothing is recorded, the programme goes on.",
                "Free some space; recording starts again by itself.",
            )),
        }
        for view in self.parts.outputs.view().into_iter().filter(|view| !matches!(view.kind.as_str(), "hls" | "whep")) {
            if matches!(view.state.as_str(), "waiting" | "refused") {
                let remedy = if view.state == "refused" { "Check the address and the stream key." } else { "Nothing; it is tried again by itself." };
                warnings.push(Warning { about: view.name.clone(), message: format!("{} is not reached: {}", view.name, view.detail), remedy: remedy.into() });
            }
        }
        warnings
    }
}
