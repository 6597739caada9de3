//! Playlists as they are served: rendered once for each change, judged by the conformance rules, and kept.
//!
//! A playlist that breaks a rule is rendered once more; when that does not help, the last good one stays until there is a good
//! one again. Two rules are left out: pictures on time matter more than a part that is shorter than hinted at (see the crate's
//! page on late pictures), and players cope with both.

use bytes::Bytes;

use crate::answer::Kind;
use crate::conformance::{self, Playlist, Problem};
use crate::fault::Fault;
use crate::rendition::Rendition;
use crate::text;

/// Rules that late pictures may break.
const TOLERATED: [&str; 2] = ["hint-kept", "part-too-short"];

/// Everything that the text of a media playlist depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    changes: u64,
    next: Option<(u64, usize)>,
    other: Option<(u64, usize)>,
}

impl Mark {
    pub fn of(rendition: &Rendition, next: (u64, usize), other: Option<&Rendition>) -> Self {
        Self { changes: rendition.changes, next: (!rendition.ended).then_some(next), other: other.and_then(Rendition::newest_part) }
    }
}

/// A media playlist and what it tells.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub full: Bytes,
    /// With old segments left out.
    pub delta: Bytes,
    /// Number of the newest whole segment.
    whole: Option<u64>,
    /// Number and index of the newest part.
    part: Option<(u64, usize)>,
}

impl Good {
    /// Whether it holds segment `msn`, or part `part` of it, or what comes after.
    pub fn contains(&self, msn: u64, part: Option<u64>) -> bool {
        let Some(part) = part else { return self.whole.is_some_and(|newest| newest >= msn) };
        let Some((newest, index)) = self.part else { return false };
        // A part behind the last of a whole segment is the first of the next one.
        if newest == msn { index as u64 >= part } else { newest > msn }
    }
}

/// What came of looking whether a playlist has changed.
#[derive(Debug)]
pub(crate) enum Looked {
    /// It has not, or is not ready.
    Same,
    /// There is a new one; `listed` is the newest whole segment where the one before did not have it.
    New { listed: Option<u64> },
    /// There is a new one at the second try.
    Remade(Problem),
    /// There should be a new one, and the old one stays.
    Withheld {
        problem: Problem,
        /// Whether the one before was good.
        first: bool,
    },
}

/// The served playlist of one rendition.
#[derive(Debug, Default)]
pub(crate) struct Served {
    good: Option<Good>,
    /// What was tried last, good or not.
    tried: Option<Mark>,
    candidate: Option<(Good, Mark)>,
    /// Whether the newest try was withheld.
    withheld: bool,
    /// The newest whole segment that was told.
    listed: Option<u64>,
}

/// Text of bytes that were a string.
fn as_text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl Served {
    pub fn good(&self) -> Option<&Good> {
        self.good.as_ref()
    }

    /// Renders what has changed.
    pub fn render(&mut self, rendition: &Rendition, next: (u64, usize), other: Option<&Rendition>, fault: &mut Fault) {
        let mark = Mark::of(rendition, next, other);
        if self.tried == Some(mark) || !rendition.is_ready() {
            return;
        }
        let edge = |skip| text::Edge { next: mark.next, other, skip };
        let full = fault.playlist(text::media(rendition, &edge(false)));
        let delta = text::media(rendition, &edge(true));
        let good = Good {
            full: Bytes::from(full),
            delta: Bytes::from(delta),
            whole: rendition.newest_whole().map(|segment| segment.msn),
            part: rendition.newest_part(),
        };
        self.candidate = Some((good, mark));
    }

    /// Takes a candidate as good, or leaves it.
    fn settle(&mut self, problem: Option<&Problem>) {
        let Some((good, mark)) = self.candidate.take() else { return };
        self.tried = Some(mark);
        self.withheld = problem.is_some();
        if problem.is_none() {
            self.good = Some(good);
        }
    }

    fn newly_listed(&mut self) -> Option<u64> {
        let newest = self.good.as_ref()?.whole;
        let is_new = newest != self.listed;
        self.listed = newest;
        newest.filter(|_| is_new)
    }

    /// The text that would be served if the candidate were good.
    fn newest(&self) -> Option<&Bytes> {
        self.candidate.as_ref().map(|(good, _)| &good.full).or(self.good.as_ref().map(|good| &good.full))
    }

    /// What is wrong with the candidate by itself and as what comes after the last good one.
    fn judge(&self, new: Option<&Playlist<'_>>) -> Option<Problem> {
        let ((candidate, _), new) = (self.candidate.as_ref()?, new?);
        let (full, delta) = (as_text(&candidate.full), as_text(&candidate.delta));
        let mut problems = conformance::media_of(full, new);
        problems.extend(conformance::delta_of((full, new), (delta, &Playlist::parse(delta))));
        if let Some(good) = &self.good {
            let before = as_text(&good.full);
            problems.extend(conformance::change_of((before, &Playlist::parse(before)), (full, new)));
        }
        first(problems)
    }
}

fn first(problems: Vec<Problem>) -> Option<Problem> {
    problems.into_iter().find(|problem| !TOLERATED.contains(&problem.rule))
}

/// Judges the candidates of both renditions, each by itself and beside the other; `again` renders them once more.
pub(crate) fn settle(video: &mut Served, audio: &mut Served, mut again: impl FnMut(&mut Served, Kind)) -> [Looked; 2] {
    let [video_first, audio_first] = judge(video, audio);
    for (served, kind, problem) in [(&mut *video, Kind::Video, &video_first), (&mut *audio, Kind::Audio, &audio_first)] {
        if problem.is_some() {
            served.candidate = None;
            again(served, kind);
        }
    }
    let is_good = video_first.is_none() && audio_first.is_none();
    let [video_now, audio_now] = if is_good { [None, None] } else { judge(video, audio) };
    let looked = |served: &mut Served, before: Option<Problem>, now: Option<Problem>| {
        if served.candidate.is_none() {
            return Looked::Same;
        }
        let first = !served.withheld;
        served.settle(now.as_ref());
        match (before, now) {
            (_, Some(problem)) => Looked::Withheld { problem, first },
            (Some(problem), None) => Looked::Remade(problem),
            (None, None) => Looked::New { listed: served.newly_listed() },
        }
    };
    [looked(video, video_first, video_now), looked(audio, audio_first, audio_now)]
}

/// What is wrong with each candidate.
fn judge(video: &Served, audio: &Served) -> [Option<Problem>; 2] {
    if video.candidate.is_none() && audio.candidate.is_none() {
        return [None, None];
    }
    let texts = [video.newest(), audio.newest()].map(|text| text.map(as_text));
    let parsed = texts.map(|text| text.map(Playlist::parse));
    let [video_list, audio_list] = &parsed;
    let mut wrong = [video.judge(video_list.as_ref()), audio.judge(audio_list.as_ref())];
    if let ([None, None], Some(video_list), Some(audio_list)) = (&wrong, video_list, audio_list) {
        let beside = first(conformance::renditions_of(&[(Kind::Video.playlist(), video_list), (Kind::Audio.playlist(), audio_list)]));
        // Which of them is wrong cannot be told, so neither is served.
        wrong = [video, audio].map(|served| beside.clone().filter(|_| served.candidate.is_some()));
    }
    wrong
}
