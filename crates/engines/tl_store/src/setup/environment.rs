//! Secrets that whoever starts the studio gives it in its environment, as service managers do.

use tl_base::{Secret, SlotId};

/// `TOUCHLINE_SECRET_<NAME>`: the key of a destination by its name, the password of a camera by `camera 3`. Letters become
/// upper case, everything but letters and digits `_`. The studio itself never puts a secret there.
pub fn secret_from_environment(name: &str) -> Option<Secret> {
    let found = std::env::var(variable(name)).ok().filter(|value| !value.is_empty());
    found.map(Secret::new)
}

/// The name by which a camera's password stands in the environment.
pub(crate) fn camera_name(slot: SlotId) -> String {
    if slot.is_camera() { format!("camera {slot}") } else { slot.to_string() }
}

fn variable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("TOUCHLINE_SECRET_{}", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_variable() {
        assert_eq!(variable("Club channel 2"), "TOUCHLINE_SECRET_CLUB_CHANNEL_2");
        assert_eq!(variable("camera 3"), "TOUCHLINE_SECRET_CAMERA_3");
        assert_eq!(variable("a=b\nü"), "TOUCHLINE_SECRET_A_B__");
        assert_eq!(secret_from_environment("no such destination anywhere"), None);
    }
}
