//! The TypeScript twins in `ui/shared/src/generated/wire.ts` say what the Rust types say.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};

use tl_base::PictureAdvice;
use tl_testkit::assert_golden_text;
use tl_wire::{Command, Destination, Event, JoinTicket, Outcome, Role, SCHEMA_VERSION, Snapshot};
use ts_rs::{Config, TS, TypeVisitor};

const HEAD: &str = "// What crosses the border between studio and pages. Generated from the Rust types: `cargo xtask bless` writes it anew.
// Times of the show are nanoseconds since the session's epoch; a number holds a hundred days of them exactly.
";

/// Declarations by name, of everything that was visited and what it refers to.
struct Twins {
    config: Config,
    seen: HashSet<TypeId>,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Twins {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // What has no file of its own is a builtin type, and is written where it is used.
        if T::output_path().is_none() || !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        self.declarations.insert(T::ident(&self.config), format!("{docs}export {}\n", T::decl(&self.config)));
        T::visit_dependencies(self);
    }
}

#[test]
fn twins_are_fresh() {
    let mut twins = Twins { config: Config::new().with_large_int("number"), seen: HashSet::new(), declarations: BTreeMap::new() };
    twins.visit::<Command>();
    twins.visit::<Outcome>();
    twins.visit::<Event>();
    twins.visit::<Snapshot>();
    twins.visit::<JoinTicket>();
    twins.visit::<Role>();
    twins.visit::<Destination>();
    twins.visit::<PictureAdvice>();
    let mut text = format!("{HEAD}\n/** Version of an event's form. */\nexport const SCHEMA_VERSION = {SCHEMA_VERSION};\n");
    for declaration in twins.declarations.values() {
        text.push('\n');
        text.push_str(declaration);
    }
    assert_golden_text(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../ui/shared/src/generated/wire.ts"), &tidy(&text));
}

/// Comments of one line on one line, fields indented, no blanks at line ends.
fn tidy(text: &str) -> String {
    let short = text.replace("/**\n * ", "/** ").replace("\n */", " */");
    let mut inside = false;
    let mut out = String::new();
    for line in short.lines().map(str::trim_end) {
        let indent = if inside && !line.is_empty() { "  " } else { "" };
        out.push_str(indent);
        out.push_str(line);
        out.push('\n');
        inside = (inside || line.starts_with("export type")) && !line.ends_with(';');
    }
    out
}
