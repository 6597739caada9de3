//! What happened, as values for the studio's events and metrics.

use std::collections::VecDeque;

use serde::Serialize;
use tl_base::MediaTime;

use crate::answer::Kind;

/// Notices that are kept for whoever takes them; the oldest leaves when there are more, and is counted.
pub const MAX_NOTICES: usize = 256;
/// So many gaps in a row mean that the packaging has failed, not stumbled.
const FAILED_IN_A_ROW: u64 = 3;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Notice {
    /// A whole segment can be fetched.
    SegmentReady {
        /// Which rendition.
        kind: Kind,
        /// Its path.
        name: String,
        /// Media sequence number.
        msn: u64,
        /// How long it plays.
        duration: MediaTime,
        /// Its size.
        bytes: u64,
        /// From the end of its last sample until now; none when the time is not known.
        latency: Option<MediaTime>,
    },
    /// A media playlist lists another whole segment. The playlists between, one for each part, are not told.
    ManifestUpdated {
        /// Which rendition.
        kind: Kind,
        /// Its path.
        path: &'static str,
        /// Number of the newest whole segment in it.
        msn: u64,
        /// Its size.
        bytes: u64,
    },
    /// The presentation has come this far; told with each picture segment.
    ProgressUpdate(Progress),
    /// The presentation is whole.
    TranscodeCompleted(Progress),
    /// Segments keep failing; told once, until one is good again.
    TranscodeFailed {
        /// Which rendition.
        kind: Kind,
        /// What is wrong with the newest.
        reason: String,
    },
    /// Something was not as it must be, and what was done.
    Found(Finding),
}

/// How far a presentation has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Duration of all whole picture segments, gaps included.
    pub played: MediaTime,
    /// Whole segments of all renditions that could be fetched.
    pub segments_ready: u64,
    /// Segments that are gaps.
    pub segments_failed: u64,
}

/// Something that was not as it must be when it was looked at, before anybody could fetch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: What,
    /// Its path.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
    /// What was done.
    pub action: Action,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum What {
    /// An initialisation segment.
    Init,
    /// A part of a segment.
    Part,
    /// A playlist.
    Playlist,
}

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// It was made again from the same access units, and is good. Told once a segment.
    Remade,
    /// It is marked as missing, and with it its segment. Told once a segment.
    Gap,
    /// It is not served; the last good one stays. Told once, until one is good again.
    Withheld,
}

/// Counts since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Whole segments of all renditions that could be fetched.
    pub segments_ready: u64,
    /// Segments that are gaps.
    pub segments_failed: u64,
    /// Parts that could be fetched.
    pub parts_ready: u64,
    /// Parts and initialisation segments that were good at the second try.
    pub parts_remade: u64,
    /// Parts that are gaps.
    pub parts_failed: u64,
    /// Access units that nothing could be made of; they count as missing.
    pub units_refused: u64,
    /// Playlists that were good at the second try.
    pub playlists_remade: u64,
    /// Playlists that were not served.
    pub playlists_withheld: u64,
    /// Size of the newest picture playlist, bytes.
    pub playlist_bytes: u64,
    /// Of the newest segment: from the end of its last sample until it was ready.
    pub latency: Option<MediaTime>,
    /// The longest of these.
    pub latency_max: MediaTime,
    /// Sum of these.
    pub latency_sum: MediaTime,
    /// How many there are in the sum.
    pub latency_count: u64,
    /// Notices that nobody took in time.
    pub notices_dropped: u64,
    /// Duration of all whole picture segments, gaps included.
    pub played: MediaTime,
}

impl Figures {
    /// Share of segments that are gaps, 0 to 1.
    pub fn failed_share(&self) -> f64 {
        self.segments_failed as f64 / (self.segments_ready + self.segments_failed).max(1) as f64
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress { played: self.played, segments_ready: self.segments_ready, segments_failed: self.segments_failed }
    }
}

/// Notices and counts of a presentation.
#[derive(Debug, Default)]
pub(crate) struct Log {
    notices: VecDeque<Notice>,
    pub figures: Figures,
    /// Gaps in a row, of pictures and of sound.
    failing: (u64, u64),
}

impl Log {
    pub fn tell(&mut self, notice: Notice) {
        if self.notices.len() == MAX_NOTICES {
            self.notices.pop_front();
            self.figures.notices_dropped += 1;
        }
        self.notices.push_back(notice);
    }

    pub fn take(&mut self) -> Vec<Notice> {
        self.notices.drain(..).collect()
    }

    /// A segment is ready.
    pub fn ready(&mut self, notice: Notice) {
        let Notice::SegmentReady { kind, latency, duration, .. } = &notice else { return };
        self.figures.segments_ready += 1;
        *self.failing(*kind) = 0;
        if let Some(latency) = *latency {
            self.figures.latency = Some(latency);
            self.figures.latency_max = self.figures.latency_max.max(latency);
            self.figures.latency_sum += latency;
            self.figures.latency_count += 1;
        }
        let (kind, duration) = (*kind, *duration);
        self.tell(notice);
        self.progress(kind, duration);
    }

    /// A segment is a gap.
    pub fn failed(&mut self, kind: Kind, duration: MediaTime, reason: &str) {
        self.figures.segments_failed += 1;
        let failing = self.failing(kind);
        *failing += 1;
        if *failing == FAILED_IN_A_ROW {
            self.tell(Notice::TranscodeFailed { kind, reason: reason.to_owned() });
        }
        self.progress(kind, duration);
    }

    fn failing(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Video => &mut self.failing.0,
            Kind::Audio => &mut self.failing.1,
        }
    }

    fn progress(&mut self, kind: Kind, duration: MediaTime) {
        if kind == Kind::Video {
            self.figures.played += duration;
            self.tell(Notice::ProgressUpdate(self.figures.progress()));
        }
    }
}
