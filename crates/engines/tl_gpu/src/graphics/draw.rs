//! Lays out each graphic on the grid of a 1280x720 picture, and draws it at the canvas' scale.

use std::collections::VecDeque;

use resvg::tiny_skia::{Pixmap, PixmapPaint, Transform};
use tl_base::Size;

use super::look::colours;
use super::template::fill;
use super::text::{Face, Fitted, Typesetter};
use super::{OverlayImage, ScoreBug, TeamLook};
use crate::Error;

const SCORE_BUG: &str = include_str!("../../../../../assets/graphics/score_bug.svg");
const TIME: &str = include_str!("../../../../../assets/graphics/time.svg");
const LOWER_THIRD: &str = include_str!("../../../../../assets/graphics/lower_third.svg");
const SLATE: &str = include_str!("../../../../../assets/graphics/slate.svg");
const SLATE_SCORE: &str = include_str!("../../../../../assets/graphics/slate_score.svg");

/// Lines of the grid along the canvas' short side.
const GRID: f32 = 720.0;
/// Share of each side that stays free.
const SAFE: f32 = 0.05;
/// Room for the shadow around a panel, grid units.
const SHADOW: f32 = 8.0;
/// Width of the teams' panel and the gap behind it, grid units.
const TEAMS_WIDTH: f32 = 292.0;
const GAP: f32 = 4.0;
/// Height of the bug, grid units.
const BUG_HEIGHT: f32 = 48.0;
/// Drawn parts kept: teams seldom change, so a few suffice.
const KEPT_PARTS: usize = 4;

/// Draws graphics for one canvas.
pub(crate) struct Drawer {
    set: Typesetter,
    canvas: Size,
    /// Canvas pixels per grid unit.
    scale: f32,
    parts: VecDeque<(String, Pixmap)>,
}

impl Drawer {
    pub fn new(canvas: Size) -> Self {
        Self { set: Typesetter::new(), canvas, scale: canvas.short_side() as f32 / GRID, parts: VecDeque::new() }
    }

    /// Draws everything once, so that a broken template is found out at the start.
    pub fn check(&mut self) -> Result<(), Error> {
        let team = TeamLook { short: "ABC".into(), colour: "#ffffff".into(), score: 0 };
        let bug = ScoreBug { home: team.clone(), away: team, clock: Some("0:00".into()), period: Some("P1".into()) };
        self.score_bug(&bug)?;
        self.lower_third("Title", "Subtitle")?;
        self.slate("Title", "Subtitle", Some(&bug)).map(|_| ())
    }

    pub fn score_bug(&mut self, bug: &ScoreBug) -> Result<OverlayImage, Error> {
        let mut values = self.teams(bug, [TEAM_IN_BUG, SCORE_IN_BUG], 32.0);
        values.retain(|(key, _)| *key != "period");
        let teams = self.part("score_bug.svg", &filled(SCORE_BUG, &values))?;
        let (x, y) = self.corner(0.0, 0.0);
        let Some(time) = self.time(bug.clock.as_deref(), bug.period.as_deref())? else {
            return Ok(OverlayImage::from_pixmap(&teams, (x, y)));
        };
        // Panels start a shadow's width within their drawings, so those overlap.
        let step = ((TEAMS_WIDTH + GAP) * self.scale).round() as i32;
        let width = (step as u32 + time.width()).max(teams.width());
        let mut both = pixmap(width, teams.height().max(time.height()), "score_bug.svg")?;
        both.draw_pixmap(0, 0, teams.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
        both.draw_pixmap(step, 0, time.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
        Ok(OverlayImage::from_pixmap(&both, (x, y)))
    }

    pub fn clock(&mut self, clock: Option<&str>, period: Option<&str>) -> Result<OverlayImage, Error> {
        let (x, y) = self.corner(0.0, 0.0);
        Ok(self.time(clock, period)?.map_or_else(|| OverlayImage::empty(self.canvas), |time| OverlayImage::from_pixmap(&time, (x, y))))
    }

    pub fn lower_third(&mut self, title: &str, subtitle: &str) -> Result<OverlayImage, Error> {
        let (grid_w, grid_h) = self.grid();
        let room = (grid_w * (1.0 - 2.0 * SAFE)).min(860.0) - 62.0;
        let title = self.set.fit(Face::InterStrong, title, 34.0, 24.0, room);
        let subtitle = self.set.fit(Face::Inter, subtitle, 22.0, 17.0, room);
        let one = subtitle.text.is_empty();
        let panel_w = (title.width.max(subtitle.width) + 66.0).max(240.0).ceil();
        let panel_h = if one { 68.0 } else { 100.0 };
        let title_y = if one { middle(SHADOW, panel_h, Face::InterStrong, title.size) } else { SHADOW + 45.0 };
        let drawing = filled(
            LOWER_THIRD,
            &[
                ("width", number(panel_w + 2.0 * SHADOW)),
                ("height", number(panel_h + 2.0 * SHADOW)),
                ("panel_w", number(panel_w)),
                ("panel_h", number(panel_h)),
                ("bar_h", number(panel_h - 32.0)),
                ("shadow_a", number(panel_w + 8.0)),
                ("shadow_b", number(panel_w + 4.0)),
                ("shadow_c", number(panel_w + 2.0)),
                ("shadow_a_h", number(panel_h + 8.0)),
                ("shadow_b_h", number(panel_h + 5.0)),
                ("shadow_c_h", number(panel_h + 2.0)),
                ("title", title.text),
                ("title_size", number(title.size)),
                ("title_y", number(title_y)),
                ("subtitle", subtitle.text),
                ("subtitle_size", number(subtitle.size)),
                ("subtitle_y", number(SHADOW + 79.0)),
            ],
        );
        let drawn = self.draw("lower_third.svg", &drawing)?;
        let corner = self.corner(0.0, grid_h * (1.0 - 2.0 * SAFE) - panel_h);
        Ok(OverlayImage::from_pixmap(&drawn, corner))
    }

    pub fn slate(&mut self, title: &str, subtitle: &str, score: Option<&ScoreBug>) -> Result<OverlayImage, Error> {
        let (width, height) = self.grid();
        let room = width * 0.84;
        let title = self.set.fit(Face::InterStrong, title, 56.0, 30.0, room);
        let subtitle = self.set.fit(Face::Inter, subtitle, 26.0, 18.0, room);
        let centre = width / 2.0;
        let middle_y = height / 2.0 - if score.is_some() { 40.0 } else { 0.0 };
        let title_y = if subtitle.text.is_empty() { middle_y + title.size * 0.36 } else { middle_y + 4.0 };
        let score = match score {
            Some(bug) => {
                let mut values = self.teams(bug, [114.0, 68.0], 46.0);
                values.extend([("x", number(centre - 220.0)), ("y", number(middle_y + 130.0))]);
                filled(SLATE_SCORE, &values)
            }
            None => String::new(),
        };
        let values = [
            ("width", number(width)),
            ("height", number(height)),
            ("centre", number(centre)),
            ("circle_y", number(height / 2.0)),
            ("band_y", number(middle_y - 84.0)),
            ("band_h", number(168.0)),
            ("title", title.text),
            ("title_size", number(title.size)),
            ("title_y", number(title_y)),
            ("subtitle", subtitle.text),
            ("subtitle_size", number(subtitle.size)),
            ("subtitle_y", number(middle_y + 52.0)),
        ];
        // The words come last: a team called {{title}} stays what it is called.
        let (before, after) = SLATE.split_once("{{score}}").unwrap_or((SLATE, ""));
        let drawing = format!("{}{score}{}", filled(before, &values), filled(after, &values));
        let tree = self.set.parse(&drawing).map_err(|error| template("slate.svg", &error))?;
        let mut drawn = pixmap(self.canvas.width, self.canvas.height, "slate.svg")?;
        resvg::render(&tree, Transform::from_scale(self.scale, self.scale), &mut drawn.as_mut());
        Ok(OverlayImage::from_pixmap(&drawn, (0, 0)))
    }

    /// The canvas in grid units.
    fn grid(&self) -> (f32, f32) {
        (self.canvas.width as f32 / self.scale, self.canvas.height as f32 / self.scale)
    }

    /// Where a drawing goes whose panel lies at this place within the safe area, grid units.
    fn corner(&self, x: f32, y: f32) -> (u32, u32) {
        let place = |at: f32, side: u32| ((at - SHADOW) * self.scale + side as f32 * SAFE).round().max(0.0) as u32;
        (place(x, self.canvas.width), place(y, self.canvas.height))
    }

    fn teams(&mut self, bug: &ScoreBug, [team_room, score_room]: [f32; 2], size: f32) -> Vec<(&'static str, String)> {
        let height = if size > 40.0 { (0.0, 72.0) } else { (SHADOW, BUG_HEIGHT) };
        let mut name = |team: &TeamLook| {
            let fitted = self.set.fit(Face::Barlow, &team.short, size, size * 0.56, team_room);
            let y = middle(height.0, height.1, Face::Barlow, fitted.size);
            (fitted.text, number(fitted.size), number(y))
        };
        let (home, away) = (name(&bug.home), name(&bug.away));
        let points = [&bug.home, &bug.away].map(|team| team.score.min(9_999).to_string());
        let wide = points.iter().max_by_key(|text| text.len()).map(String::as_str).unwrap_or_default();
        let score = self.set.fit(Face::Barlow, wide, size * 1.2, 12.0, score_room).size;
        let [home_score, away_score] = points;
        let ((home_colour, home_text), (away_colour, away_text)) = (colours(&bug.home.colour), colours(&bug.away.colour));
        let period = self.set.fit(Face::Barlow, bug.period.as_deref().unwrap_or_default(), 24.0, 16.0, 400.0).text;
        vec![
            ("home_colour", home_colour),
            ("home_text", home_text.into()),
            ("home_short", home.0),
            ("home_size", home.1),
            ("home_y", home.2),
            ("home_score", home_score),
            ("away_colour", away_colour),
            ("away_text", away_text.into()),
            ("away_short", away.0),
            ("away_size", away.1),
            ("away_y", away.2),
            ("away_score", away_score),
            ("score_size", number(score)),
            ("score_y", number(middle(height.0, height.1, Face::Barlow, score))),
            ("period", period),
        ]
    }

    /// The strip with period and clock; none when both are hidden.
    fn time(&mut self, clock: Option<&str>, period: Option<&str>) -> Result<Option<Pixmap>, Error> {
        let period = self.set.fit(Face::Barlow, period.unwrap_or_default(), 24.0, 16.0, 120.0);
        let clock: String = clock.unwrap_or_default().chars().filter(|c| !c.is_control()).take(12).collect();
        if period.text.is_empty() && clock.is_empty() {
            return Ok(None);
        }
        let size = 34.0;
        let start = SHADOW + 14.0;
        let after_period = if period.text.is_empty() { start } else { start + period.width.ceil() + if clock.is_empty() { 0.0 } else { 12.0 } };
        let (xs, end) = self.columns(&clock, size, after_period);
        let panel = (end + 14.0 - SHADOW).ceil();
        let Fitted { text, width, .. } = period;
        let values = [
            ("width", number(panel + 2.0 * SHADOW)),
            ("panel", number(panel)),
            ("outline", number(panel - 1.0)),
            ("shadow_a", number(panel + 8.0)),
            ("shadow_b", number(panel + 4.0)),
            ("shadow_c", number(panel + 2.0)),
            ("period", text),
            ("period_x", number(start + width / 2.0)),
            ("clock", clock),
            ("clock_xs", xs),
            ("clock_y", number(middle(SHADOW, BUG_HEIGHT, Face::Barlow, size))),
            ("clock_size", number(size)),
        ];
        let drawing = filled(TIME, &values);
        self.draw("time.svg", &drawing).map(Some)
    }

    /// The middle of each character when all digits are as wide as the widest, and where the last one ends.
    fn columns(&mut self, text: &str, size: f32, start: f32) -> (String, f32) {
        let digit = ('0'..='9').map(|digit| self.set.width(Face::Barlow, digit.encode_utf8(&mut [0; 4]), size)).fold(0.0, f32::max) + size * 0.03;
        let mut at = start;
        let mut xs = String::new();
        for c in text.chars() {
            let width = if c.is_ascii_digit() { digit } else { self.set.width(Face::Barlow, c.encode_utf8(&mut [0; 4]), size) + size * 0.1 };
            xs.push_str(&number(at + width / 2.0));
            xs.push(' ');
            at += width;
        }
        (xs.trim_end().to_owned(), at)
    }

    /// A drawing, or the one kept from before.
    fn part(&mut self, name: &'static str, drawing: &str) -> Result<Pixmap, Error> {
        if let Some((_, kept)) = self.parts.iter().find(|(kept, _)| kept == drawing) {
            return Ok(kept.clone());
        }
        let drawn = self.draw(name, drawing)?;
        if self.parts.len() == KEPT_PARTS {
            self.parts.pop_front();
        }
        self.parts.push_back((drawing.to_owned(), drawn.clone()));
        Ok(drawn)
    }

    fn draw(&mut self, name: &'static str, drawing: &str) -> Result<Pixmap, Error> {
        let tree = self.set.parse(drawing).map_err(|error| template(name, &error))?;
        let side = |length: f32| ((length * self.scale).ceil() as u32).clamp(2, 8_192);
        let mut drawn = pixmap(side(tree.size().width()), side(tree.size().height()), name)?;
        resvg::render(&tree, Transform::from_scale(self.scale, self.scale), &mut drawn.as_mut());
        Ok(drawn)
    }
}

/// Room for a team's name and for its points in the bug, grid units.
const TEAM_IN_BUG: f32 = 78.0;
const SCORE_IN_BUG: f32 = 38.0;

fn filled(template: &str, values: &[(&str, String)]) -> String {
    let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
    fill(template, &values)
}

/// The baseline that puts capitals in the middle of a box.
fn middle(top: f32, height: f32, face: Face, size: f32) -> f32 {
    top + height / 2.0 + face.capital() * size / 2.0
}

fn number(value: f32) -> String {
    format!("{value:.2}")
}

fn pixmap(width: u32, height: u32, name: &'static str) -> Result<Pixmap, Error> {
    Pixmap::new(width, height).ok_or(Error::Template { name, reason: "too large".into() })
}

fn template(name: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::Template { name, reason: error.to_string() }
}
