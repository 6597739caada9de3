//! A playlist taken apart without judging it.

/// Attributes of a tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attributes<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Attributes<'a> {
    /// Splits at the commas that stand outside quotes.
    pub fn parse(text: &'a str) -> Self {
        let mut found = Vec::new();
        let mut quoted = false;
        let parts = text.split(|c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        for part in parts {
            if let Some((key, value)) = part.split_once('=') {
                found.push((key.trim(), value.trim().trim_matches('"')));
            }
        }
        Self(found)
    }

    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// A number that is finite and not negative.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(number)
    }
}

/// A number that is finite and not negative.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part<'a> {
    pub uri: &'a str,
    /// Seconds; none when it is not a number.
    pub duration: Option<f64>,
    pub independent: bool,
    /// Whether there is nothing to fetch.
    pub gap: bool,
}

/// A segment; without an address while it grows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Segment<'a> {
    pub uri: Option<&'a str>,
    /// Seconds; none when it is not a number.
    pub duration: Option<f64>,
    pub discontinuity: bool,
    /// Whether there is nothing to fetch.
    pub gap: bool,
    pub map: Option<&'a str>,
    /// Microseconds since 1970.
    pub date_time: Option<i64>,
    pub parts: Vec<Part<'a>>,
}

impl Segment<'_> {
    /// Seconds, of the parts while it grows.
    pub fn seconds(&self) -> f64 {
        self.duration.unwrap_or_else(|| self.parts.iter().filter_map(|part| part.duration).sum())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Playlist<'a> {
    pub versions: Vec<&'a str>,
    pub target: Option<f64>,
    pub media_sequence: Option<u64>,
    pub discontinuity_sequence: Option<u64>,
    /// Whether a sequence tag came behind a segment.
    pub late_sequence: bool,
    pub independent: bool,
    pub server_control: Option<Attributes<'a>>,
    pub part_target: Option<f64>,
    pub skipped: Option<u64>,
    pub segments: Vec<Segment<'a>>,
    /// Tags behind the last whole segment.
    pub growing: Segment<'a>,
    pub hints: Vec<Attributes<'a>>,
    pub reports: Vec<Attributes<'a>>,
    pub ended: bool,
}

impl<'a> Playlist<'a> {
    pub fn parse(text: &'a str) -> Self {
        let mut playlist = Self::default();
        let mut segment = Segment::default();
        let mut has_inf = false;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-VERSION" => playlist.versions.push(value),
                "#EXT-X-TARGETDURATION" => playlist.target = number(value),
                "#EXT-X-MEDIA-SEQUENCE" => {
                    playlist.late_sequence |= !playlist.segments.is_empty();
                    playlist.media_sequence = value.parse().ok();
                }
                "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                    playlist.late_sequence |= !playlist.segments.is_empty();
                    playlist.discontinuity_sequence = value.parse().ok();
                }
                "#EXT-X-INDEPENDENT-SEGMENTS" => playlist.independent = true,
                "#EXT-X-SERVER-CONTROL" => playlist.server_control = Some(Attributes::parse(value)),
                "#EXT-X-PART-INF" => playlist.part_target = Attributes::parse(value).number("PART-TARGET"),
                "#EXT-X-SKIP" => playlist.skipped = Attributes::parse(value).get("SKIPPED-SEGMENTS").and_then(|count| count.parse().ok()),
                "#EXT-X-DISCONTINUITY" => segment.discontinuity = true,
                "#EXT-X-GAP" => segment.gap = true,
                "#EXT-X-MAP" => segment.map = Attributes::parse(value).get("URI"),
                "#EXT-X-PROGRAM-DATE-TIME" => segment.date_time = date_time(value),
                "#EXT-X-PART" => {
                    let attributes = Attributes::parse(value);
                    segment.parts.push(Part {
                        uri: attributes.get("URI").unwrap_or_default(),
                        duration: attributes.number("DURATION"),
                        independent: attributes.get("INDEPENDENT") == Some("YES"),
                        gap: attributes.get("GAP") == Some("YES"),
                    });
                }
                "#EXTINF" => {
                    if has_inf {
                        // A duration whose address never came is no segment, but it must be seen.
                        playlist.segments.push(std::mem::take(&mut segment));
                    }
                    has_inf = true;
                    segment.duration = number(value.split(',').next().unwrap_or_default());
                }
                "#EXT-X-PRELOAD-HINT" => playlist.hints.push(Attributes::parse(value)),
                "#EXT-X-RENDITION-REPORT" => playlist.reports.push(Attributes::parse(value)),
                "#EXT-X-ENDLIST" => playlist.ended = true,
                _ if line.starts_with('#') => {}
                _ => {
                    segment.uri = Some(line);
                    playlist.segments.push(std::mem::take(&mut segment));
                    has_inf = false;
                }
            }
        }
        if has_inf {
            playlist.segments.push(std::mem::take(&mut segment));
        }
        playlist.growing = segment;
        playlist
    }

    /// Number of the first segment that is not skipped.
    pub fn first_listed(&self) -> u64 {
        self.media_sequence.unwrap_or(0).saturating_add(self.skipped.unwrap_or(0))
    }

    /// Number of the newest segment that has a part, and that part's index.
    pub fn newest_part(&self) -> Option<(u64, u64)> {
        let after = self.first_listed().saturating_add(self.segments.len() as u64);
        if !self.growing.parts.is_empty() {
            return Some((after, self.growing.parts.len() as u64 - 1));
        }
        let last = self.segments.last().filter(|last| !last.parts.is_empty())?;
        Some((after - 1, last.parts.len() as u64 - 1))
    }

    /// Whole segments with their numbers, then the growing one.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &Segment<'a>)> {
        let growing = Some(&self.growing).filter(|growing| !growing.parts.is_empty());
        (self.first_listed()..).zip(self.segments.iter().chain(growing))
    }
}

/// `2026-11-20T18:04:05.123Z`, microseconds since 1970.
fn date_time(text: &str) -> Option<i64> {
    let (date, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|field| field.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
    let seconds = number(time.next()?)?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..24).contains(&hour) || !(0..60).contains(&minute) {
        return None;
    }
    // Days of the civil calendar, with the year starting in March so that the leap day is its last.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + (153 * shifted_month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000_000 + (seconds * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        for micros in [0, 951_827_696_789_000, 1_795_129_445_001_000, 4_102_444_799_999_000] {
            assert_eq!(date_time(&tl_base::Wall(micros).to_rfc3339()), Some(micros));
        }
        assert_eq!(date_time("yesterday"), None);
        assert_eq!(date_time("2026-13-01T00:00:00Z"), None);
    }

    #[test]
    fn quoted_commas_split_nothing() {
        let attributes = Attributes::parse("CODECS=\"avc1.64001f,mp4a.40.2\",BANDWIDTH=5");
        assert_eq!((attributes.get("CODECS"), attributes.number("BANDWIDTH")), (Some("avc1.64001f,mp4a.40.2"), Some(5.0)));
    }
}
