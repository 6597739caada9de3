//! What is remembered of the look from one start to the next.

use serde::{Deserialize, Serialize};

/// How the person has arranged the console. What an older or newer version wrote is read as far as it fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Layout {
    /// Width of the rail at the right, points.
    pub rail_points: f32,
    /// Share of the height that the cameras' tiles take, 0 to 1; none: what the pictures above them leave.
    pub tiles_share: Option<f32>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { rail_points: 280.0, tiles_share: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_and_newer_files_are_read_as_far_as_they_fit() {
        let read = |text| serde_json::from_str::<Layout>(text).expect("a layout");
        assert_eq!(read("{}"), Layout::default());
        assert_eq!(read(r#"{"rail_points": 300, "what_comes_later": [1]}"#), Layout { rail_points: 300.0, ..Layout::default() });
        let kept = Layout { rail_points: 250.0, tiles_share: Some(0.5) };
        assert_eq!(read(&serde_json::to_string(&kept).expect("JSON")), kept);
    }
}
