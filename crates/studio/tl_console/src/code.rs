//! A link drawn as a code to scan.

use egui::{Mesh, Rect, Shape, Ui, pos2, vec2};
use qrcodegen::{QrCode, QrCodeEcc};

use crate::tokens::dark;

/// Light modules around the code that a scanner needs (ISO/IEC 18004).
const QUIET: i32 = 4;

/// A code that is made once for each link.
#[derive(Debug, Default)]
pub struct Code {
    link: String,
    /// Modules along a side; 0 when the link does not fit into a code.
    modules: i32,
    /// Column, row and length of each run of dark modules.
    runs: Vec<(i32, i32, i32)>,
}

impl Code {
    /// Draws the code of `link` into a square; false when the link is too long for one.
    pub fn draw(&mut self, ui: &Ui, link: &str, square: Rect) -> bool {
        if self.link != link {
            *self = Self::of(link);
        }
        if self.modules == 0 {
            return false;
        }
        ui.painter().rect_filled(square, 0.0, dark::TEXT);
        ui.painter().add(Shape::mesh(self.mesh(square)));
        true
    }

    fn of(link: &str) -> Self {
        let made = QrCode::encode_text(link, QrCodeEcc::Medium).ok();
        let (modules, runs) = made.map_or((0, Vec::new()), |code| (code.size(), runs(&code)));
        Self { link: link.to_owned(), modules, runs }
    }

    /// One rectangle for each run, its edges on whole points so that they are sharp.
    fn mesh(&self, square: Rect) -> Mesh {
        let module = square.width() / (self.modules + 2 * QUIET) as f32;
        let at = |modules: i32| (modules as f32 * module).round();
        let mut mesh = Mesh::default();
        for (x, y, length) in &self.runs {
            let (left, top) = (at(x + QUIET), at(y + QUIET));
            let rect = Rect::from_min_max(pos2(left, top), pos2(at(x + length + QUIET), at(y + 1 + QUIET)));
            mesh.add_colored_rect(rect.translate(vec2(square.left(), square.top())), dark::GROUND);
        }
        mesh
    }
}

fn runs(code: &QrCode) -> Vec<(i32, i32, i32)> {
    let mut runs = Vec::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let length = (x..code.size()).take_while(|x| code.get_module(*x, y)).count() as i32;
            if length > 0 {
                runs.push((x, y, length));
            }
            x += length.max(1);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_are_the_code() {
        let link = "https://192.168.1.20:8443/phone/#c=48217730";
        let made = Code::of(link);
        let code = QrCode::encode_text(link, QrCodeEcc::Medium).expect("a code");
        let dark = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y))).filter(|(x, y)| code.get_module(*x, *y)).count();
        assert_eq!(made.runs.iter().map(|(.., length)| *length as usize).sum::<usize>(), dark);
        assert!(made.runs.iter().all(|(x, y, length)| (*x..x + length).all(|x| code.get_module(x, *y))));
        assert_eq!(Code::of(&"x".repeat(5000)).modules, 0);
    }
}
