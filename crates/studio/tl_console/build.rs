//! Turns the tokens of the look into constants, so that no colour or size is written a second time.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

/// One file for Rust and CSS.
const TOKENS: &str = "../../../assets/tokens.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={TOKENS}");
    let tokens: Value = serde_json::from_str(&fs::read_to_string(TOKENS)?)?;
    let mut out = String::new();
    for group in ["dark", "meaning"] {
        module(&mut out, group, &tokens["colour"][group], colour)?;
    }
    module(&mut out, "size", &tokens["type"]["size_px"], |value| Some(("f32", format!("{:?}", value.as_f64()?))))?;
    module(&mut out, "space", &tokens["space_px"], |value| Some(("f32", format!("{:?}", value.as_f64()?))))?;
    module(&mut out, "target", &tokens["target_px"], |value| Some(("f32", format!("{:?}", value.as_f64()?))))?;
    module(&mut out, "radius", &tokens["radius_px"], |value| Some(("u8", value.as_u64()?.min(255).to_string())))?;
    module(&mut out, "motion", &tokens["motion"], |value| Some(("f32", format!("{:?}", value.as_f64()? / 1000.0))))?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("tokens.rs"), out)?;
    Ok(())
}

/// One module of constants; what `constant` does not understand is left out.
fn module(out: &mut String, name: &str, group: &Value, constant: impl Fn(&Value) -> Option<(&'static str, String)>) -> Result<(), Box<dyn Error>> {
    let group = group.as_object().ok_or_else(|| format!("{TOKENS}: no group {name}"))?;
    writeln!(out, "pub mod {name} {{")?;
    for (key, value) in group {
        let Some((kind, value)) = constant(value) else { continue };
        // A name does not begin with a digit: space 4 is `S4`.
        let digit = key.starts_with(|c: char| c.is_ascii_digit());
        writeln!(out, "    pub const {}{}: {kind} = {value};", if digit { "S" } else { "" }, key.to_uppercase())?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

/// `#rrggbb` or `#rrggbbaa`; egui keeps colours multiplied by their alpha.
fn colour(value: &Value) -> Option<(&'static str, String)> {
    let digits = value.as_str()?.strip_prefix('#')?;
    let byte = |at: usize| u32::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let alpha = byte(6).unwrap_or(255);
    let [red, green, blue] = [byte(0)?, byte(2)?, byte(4)?].map(|channel| (channel * alpha + 127) / 255);
    Some(("egui::Color32", format!("egui::Color32::from_rgba_premultiplied({red}, {green}, {blue}, {alpha})")))
}
