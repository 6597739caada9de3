//! Graphics on air, drawn from SVG templates into YUV planes with alpha. No GPU takes part; call it from a worker thread.
//!
//! What was drawn is kept: the same words give the same picture again, and when the clock moves on only its strip is drawn.

mod draw;
mod look;
mod overlay;
mod template;
mod text;

use std::collections::VecDeque;
use std::sync::Arc;

use tl_base::Size;

use crate::Error;
use draw::Drawer;
pub use overlay::OverlayImage;

/// Finished graphics kept of each kind.
const KEPT: usize = 8;

/// One team's part of the score bug.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TeamLook {
    /// Up to five characters show at full size; longer ones are made smaller, then cut.
    pub short: String,
    /// `#rrggbb`; what cannot be read becomes a neutral grey.
    pub colour: String,
    /// Points.
    pub score: u32,
}

/// What the score bug shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScoreBug {
    /// Left team.
    pub home: TeamLook,
    /// Right team.
    pub away: TeamLook,
    /// Time as it is to be read, `12:34`; none hides the clock.
    pub clock: Option<String>,
    /// Short name of the period, `P2`; none hides it.
    pub period: Option<String>,
}

/// Draws graphics for one canvas size and keeps the ones drawn last.
pub struct Graphics {
    drawer: Drawer,
    canvas: Size,
    bugs: Recent<ScoreBug>,
    clocks: Recent<(Option<String>, Option<String>)>,
    lower_thirds: Recent<(String, String)>,
    slates: Recent<(String, String, Option<ScoreBug>)>,
}

impl Graphics {
    /// Reads templates and fonts for a canvas, and fails when a template is broken.
    pub fn new(canvas: Size) -> Result<Self, Error> {
        let mut drawer = Drawer::new(canvas);
        drawer.check()?;
        Ok(Self { drawer, canvas, bugs: Recent::default(), clocks: Recent::default(), lower_thirds: Recent::default(), slates: Recent::default() })
    }

    /// Teams, score, period and clock at the top left.
    pub fn score_bug(&mut self, bug: &ScoreBug) -> Arc<OverlayImage> {
        let canvas = self.canvas;
        self.bugs.get(bug, || self.drawer.score_bug(bug).unwrap_or_else(|error| broken(error, canvas)))
    }

    /// Period and clock alone, at the top left.
    pub fn clock(&mut self, clock: Option<&str>, period: Option<&str>) -> Arc<OverlayImage> {
        let canvas = self.canvas;
        let key = (clock.map(str::to_owned), period.map(str::to_owned));
        self.clocks.get(&key, || self.drawer.clock(clock, period).unwrap_or_else(|error| broken(error, canvas)))
    }

    /// Two lines at the bottom left; an empty second line leaves one.
    pub fn lower_third(&mut self, title: &str, subtitle: &str) -> Arc<OverlayImage> {
        let canvas = self.canvas;
        let key = (title.to_owned(), subtitle.to_owned());
        self.lower_thirds.get(&key, || self.drawer.lower_third(title, subtitle).unwrap_or_else(|error| broken(error, canvas)))
    }

    /// A full picture for when there is nothing else to show, with score and period when there are any. The clock is left out, so that
    /// a running one does not draw the slate anew.
    pub fn slate(&mut self, title: &str, subtitle: &str, score: Option<&ScoreBug>) -> Arc<OverlayImage> {
        let canvas = self.canvas;
        let score = score.map(|bug| ScoreBug { clock: None, ..bug.clone() });
        let key = (title.to_owned(), subtitle.to_owned(), score.clone());
        self.slates.get(&key, || self.drawer.slate(title, subtitle, score.as_ref()).unwrap_or_else(|error| broken(error, canvas)))
    }
}

/// A graphic that cannot be drawn must not stop the show.
fn broken(error: Error, canvas: Size) -> OverlayImage {
    tracing::error!("{error}");
    OverlayImage::empty(canvas)
}

/// The graphics drawn last, newest at the back.
struct Recent<K> {
    kept: VecDeque<(K, Arc<OverlayImage>)>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self { kept: VecDeque::with_capacity(KEPT) }
    }
}

impl<K: PartialEq + Clone> Recent<K> {
    fn get(&mut self, key: &K, draw: impl FnOnce() -> OverlayImage) -> Arc<OverlayImage> {
        if let Some((_, image)) = self.kept.iter().find(|(kept, _)| kept == key) {
            return Arc::clone(image);
        }
        let image = Arc::new(draw());
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((key.clone(), Arc::clone(&image)));
        image
    }
}

#[cfg(test)]
mod tests;
