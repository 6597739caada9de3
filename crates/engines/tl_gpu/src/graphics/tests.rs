use super::*;

const CANVAS: Size = Size::new(1_280, 720);

fn team(short: &str, colour: &str, score: u32) -> TeamLook {
    TeamLook { short: short.into(), colour: colour.into(), score }
}

fn bug(clock: &str) -> ScoreBug {
    ScoreBug { home: team("LIO", "#1d4fd8", 2), away: team("BEA", "#b3131d", 1), clock: Some(clock.into()), period: Some("P2".into()) }
}

#[test]
fn the_bug_lies_on_the_safe_area_and_keeps_its_place() {
    let mut graphics = Graphics::new(CANVAS).expect("templates");
    let first = graphics.score_bug(&bug("12:34"));
    // 5 % of 1280 and 720, less the shadow's 8.
    assert_eq!(first.origin(), (56, 28));
    for clock in ["11:11", "00:00", "08:88"] {
        let next = graphics.score_bug(&bug(clock));
        assert_eq!((next.origin(), next.size()), (first.origin(), first.size()), "{clock}");
    }
}

#[test]
fn the_same_words_are_drawn_once() {
    let mut graphics = Graphics::new(CANVAS).expect("templates");
    let first = graphics.score_bug(&bug("12:34"));
    assert!(Arc::ptr_eq(&first, &graphics.score_bug(&bug("12:34"))));
    assert!(!Arc::ptr_eq(&first, &graphics.score_bug(&bug("12:35"))));
}

#[test]
fn a_slate_is_brighter_than_black_pictures_and_opaque() {
    for canvas in [CANVAS, Size::new(1_920, 1_080), Size::new(720, 1_280), Size::new(64, 64)] {
        let mut graphics = Graphics::new(canvas).expect("templates");
        for score in [None, Some(bug("1:00"))] {
            let slate = graphics.slate("Back in a moment", "Lions against Bears", score.as_ref());
            assert!(slate.mean_luma() > 48.0, "{}", slate.mean_luma());
            assert_eq!(slate.frame().map(|frame| frame.size), Some(canvas));
        }
    }
}

#[test]
fn graphics_stay_on_the_canvas_whatever_they_say() {
    let mut graphics = Graphics::new(CANVAS).expect("templates");
    let long = "Sport- und Turnverein 1848 Niederoberschleißheim & Söhne <Frauen> ".repeat(9);
    let images = [
        graphics.lower_third(&long, &long),
        graphics.lower_third("", ""),
        graphics.lower_third("{{subtitle}}", "\u{0}\u{1}\u{fffe}"),
        graphics.slate(&long, &long, None),
        graphics.clock(Some(&long), Some(&long)),
        graphics.clock(None, None),
        graphics.score_bug(&ScoreBug { home: team(&long, "nonsense", u32::MAX), away: team("", "", 0), clock: Some(long.clone()), period: Some(long.clone()) }),
    ];
    for image in images {
        let ((x, y), Size { width, height }) = (image.origin(), image.size());
        assert!(x + width <= CANVAS.width && y + height <= CANVAS.height, "{x} {y} {width} {height}");
    }
}

#[test]
fn templates_use_no_colour_of_their_own() {
    let tokens = include_str!("../../../../../assets/tokens.json");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../assets/graphics");
    for file in std::fs::read_dir(folder).expect("the templates").map(|entry| entry.expect("an entry").path()) {
        let drawing = std::fs::read_to_string(&file).expect("a text");
        for colour in drawing.split("\"#").skip(1).filter_map(|rest| rest.split('"').next()).filter(|_| file.extension().is_some_and(|kind| kind == "svg")) {
            assert!(tokens.contains(&format!("\"#{colour}\"")), "{}: #{colour}", file.display());
        }
    }
}
