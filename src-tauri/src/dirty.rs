//! What has to be painted anew of a window: where two frames differ.
//!
//! Most of the console stands still while the pictures move, and on the software driver every pixel costs. A frame is compared with the one
//! before, mesh by mesh; a picture that is opaque hides what was drawn before it, so there nothing below it is drawn again.

use tl_console::egui::epaint::{ClippedPrimitive, Mesh, Primitive, Vertex};
use tl_console::egui::{Color32, Pos2, Rect, TextureId};

/// More parts than this cost more than they save.
const MOST_PARTS: usize = 16;
/// If this share of the window changes, all of it is painted.
const MOST_SHARE: f32 = 0.75;
/// Edges are soft for so many points.
const SOFT: f32 = 1.0;

/// One part that has to be painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Where, points.
    pub rect: Rect,
    /// Primitives before this one are hidden there.
    pub from: usize,
}

/// What has to be painted.
#[derive(Clone, Debug, PartialEq)]
pub enum Dirty {
    /// Everything.
    All,
    /// These parts, and nothing else. They may overlap, and are painted in this order.
    Parts(Vec<Part>),
}

/// Compares two frames of a window that covers `screen`; `is_new` says whether a texture shows something else than before.
pub fn between(before: &[ClippedPrimitive], now: &[ClippedPrimitive], screen: Rect, is_new: impl Fn(TextureId) -> bool) -> Dirty {
    if before.len() != now.len() {
        return Dirty::All;
    }
    let mut parts = Vec::new();
    for (index, (old, new)) in before.iter().zip(now).enumerate() {
        let (Primitive::Mesh(was), Primitive::Mesh(is)) = (&old.primitive, &new.primitive) else { return Dirty::All };
        if old.clip_rect != new.clip_rect || was.texture_id != is.texture_id {
            return Dirty::All;
        }
        let clip = new.clip_rect.intersect(screen);
        if is_new(is.texture_id) {
            let hides = is_opaque_picture(is) && was.vertices == is.vertices;
            add(&mut parts, bounds(&is.vertices).union(bounds(&was.vertices)), clip, if hides { index } else { 0 });
        } else {
            differences(was, is, |rect| add(&mut parts, rect, clip, 0));
        }
    }
    join(&mut parts);
    let area: f32 = parts.iter().map(|part| part.rect.area()).sum();
    if parts.len() > MOST_PARTS || area > MOST_SHARE * screen.area() {
        return Dirty::All;
    }
    // What lies on top of a picture that changed is drawn with it. Plain parts come first, since a picture may lie in one.
    parts.sort_by_key(|part| part.from);
    Dirty::Parts(parts)
}

fn add(parts: &mut Vec<Part>, rect: Rect, clip: Rect, from: usize) {
    // A picture's edges are hard; everything else fades out over a point.
    let rect = if from == 0 { rect.expand(SOFT) } else { rect }.intersect(clip);
    if rect.is_positive() {
        parts.push(Part { rect, from });
    }
}

/// Parts that overlap become one, as far as they are of one kind.
fn join(parts: &mut Vec<Part>) {
    let mut index = 0;
    while let Some(part) = parts.get(index).copied() {
        let other = parts.iter().enumerate().skip(index + 1).find(|(_, other)| other.from == part.from && other.rect.intersects(part.rect));
        match other.map(|(at, other)| (at, other.rect)) {
            Some((at, rect)) => {
                parts.swap_remove(at);
                if let Some(part) = parts.get_mut(index) {
                    part.rect = part.rect.union(rect);
                }
                // It may reach others now.
                index = 0;
            }
            None => index += 1,
        }
    }
}

/// A picture that fills its rectangle and lets nothing shine through.
fn is_opaque_picture(mesh: &Mesh) -> bool {
    matches!(mesh.texture_id, TextureId::User(_)) && mesh.vertices.len() == 4 && mesh.vertices.iter().all(|vertex| vertex.color == Color32::WHITE)
}

fn bounds(vertices: &[Vertex]) -> Rect {
    vertices.iter().fold(Rect::NOTHING, |rect, vertex| extend(rect, vertex.pos))
}

fn extend(mut rect: Rect, pos: Pos2) -> Rect {
    rect.extend_with(pos);
    rect
}

/// Where two meshes of one texture differ.
fn differences(was: &Mesh, is: &Mesh, mut each: impl FnMut(Rect)) {
    if was.indices == is.indices && was.vertices.len() == is.vertices.len() {
        let corners = |index: &u32| was.vertices.get(*index as usize).zip(is.vertices.get(*index as usize));
        let mut run: Option<Rect> = None;
        for triangle in is.indices.chunks(3) {
            let changed = triangle.iter().filter_map(corners).any(|(was, is)| was != is);
            if changed {
                let all = triangle.iter().filter_map(corners).fold(run.unwrap_or(Rect::NOTHING), |rect, (was, is)| extend(extend(rect, was.pos), is.pos));
                run = Some(all);
            } else if let Some(rect) = run.take() {
                each(rect);
            }
        }
        run.into_iter().for_each(each);
        return;
    }
    // Something was added or left: what is the same at either end stays.
    let same = was.vertices.iter().zip(&is.vertices).take_while(|(was, is)| was == is).count();
    let most = was.vertices.len().min(is.vertices.len()) - same;
    let same_behind = was.vertices.iter().rev().zip(is.vertices.iter().rev()).take(most).take_while(|(was, is)| was == is).count();
    // A triangle may reach from what changed into what did not; shapes are drawn one after the other, so some vertices more are enough.
    let middle =
        |vertices: &[Vertex]| bounds(vertices.get(same.saturating_sub(REACH)..(vertices.len() - same_behind + REACH).min(vertices.len())).unwrap_or_default());
    each(middle(&was.vertices).union(middle(&is.vertices)));
}

/// What has to be drawn for these parts, in this order: the ground where nothing hides it, and of every mesh the triangles that reach into
/// a part, and no more.
pub fn cut(primitives: &[ClippedPrimitive], parts: &[Part], ground: Color32) -> Vec<ClippedPrimitive> {
    let of_part = |part: &Part| {
        let part = *part;
        let below = (part.from == 0).then(|| {
            let mut mesh = Mesh::default();
            mesh.add_colored_rect(part.rect, ground);
            ClippedPrimitive { clip_rect: part.rect, primitive: Primitive::Mesh(mesh) }
        });
        below.into_iter().chain(primitives.iter().skip(part.from).filter_map(move |primitive| cut_one(primitive, part.rect)))
    };
    parts.iter().flat_map(of_part).collect()
}

fn cut_one(primitive: &ClippedPrimitive, rect: Rect) -> Option<ClippedPrimitive> {
    let clip_rect = primitive.clip_rect.intersect(rect);
    let Primitive::Mesh(mesh) = &primitive.primitive else { return None };
    if !clip_rect.is_positive() {
        return None;
    }
    let mut kept = Mesh::with_texture(mesh.texture_id);
    let (triangles, _) = mesh.indices.as_chunks::<3>();
    for triangle in triangles {
        let [Some(a), Some(b), Some(c)] = triangle.map(|index| mesh.vertices.get(index as usize)) else { continue };
        if bounds(&[*a, *b, *c]).intersects(clip_rect) {
            let first = kept.vertices.len() as u32;
            kept.vertices.extend([a, b, c]);
            kept.indices.extend([first, first + 1, first + 2]);
        }
    }
    (!kept.indices.is_empty()).then_some(ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(kept) })
}

/// Vertices of a letter or a plain rectangle with its soft edge.
const REACH: usize = 12;

#[cfg(test)]
mod tests {
    use tl_console::egui::pos2;

    use super::*;

    const SCREEN: Rect = Rect { min: Pos2::ZERO, max: Pos2::new(1_000.0, 500.0) };
    const LETTERS: TextureId = TextureId::Managed(0);

    fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
        Rect::from_min_max(pos2(x, y), pos2(x + width, y + height))
    }

    /// One mesh of rectangles, each in a colour.
    fn mesh(texture_id: TextureId, rects: &[(Rect, Color32)]) -> ClippedPrimitive {
        let mut mesh = Mesh::with_texture(texture_id);
        rects.iter().for_each(|(rect, colour)| mesh.add_rect_with_uv(*rect, Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), *colour));
        ClippedPrimitive { clip_rect: SCREEN, primitive: Primitive::Mesh(mesh) }
    }

    fn parts(before: &[ClippedPrimitive], now: &[ClippedPrimitive], new: Option<TextureId>) -> Option<Vec<(Rect, usize)>> {
        match between(before, now, SCREEN, |texture| Some(texture) == new) {
            Dirty::All => None,
            Dirty::Parts(parts) => Some(parts.iter().map(|part| (part.rect, part.from)).collect()),
        }
    }

    fn ground() -> ClippedPrimitive {
        mesh(LETTERS, &[(SCREEN, Color32::BLACK), (rect(10.0, 10.0, 20.0, 20.0), Color32::RED), (rect(900.0, 400.0, 20.0, 20.0), Color32::RED)])
    }

    #[test]
    fn what_stands_still_is_not_painted() {
        assert_eq!(parts(&[ground()], &[ground()], None), Some(Vec::new()));
    }

    #[test]
    fn a_change_of_colour_is_painted_where_it_is() {
        let changed = mesh(LETTERS, &[(SCREEN, Color32::BLACK), (rect(10.0, 10.0, 20.0, 20.0), Color32::RED), (rect(900.0, 400.0, 20.0, 20.0), Color32::BLUE)]);
        assert_eq!(parts(&[ground()], &[changed], None), Some(vec![(rect(899.0, 399.0, 22.0, 22.0), 0)]));
    }

    #[test]
    fn what_moves_is_painted_where_it_was_and_is() {
        let moved = mesh(LETTERS, &[(SCREEN, Color32::BLACK), (rect(15.0, 10.0, 20.0, 20.0), Color32::RED), (rect(900.0, 400.0, 20.0, 20.0), Color32::RED)]);
        assert_eq!(parts(&[ground()], &[moved], None), Some(vec![(rect(9.0, 9.0, 27.0, 22.0), 0)]));
    }

    #[test]
    fn a_letter_more_is_painted() {
        let box_at = |x: f32| (rect(x, 100.0, 5.0, 5.0), Color32::WHITE);
        let text = |count: usize| {
            let tail = [(rect(0.0, 490.0, 5.0, 5.0), Color32::GREEN); 8];
            let letters: Vec<_> = (0..count).map(|at| box_at(10.0 * at as f32)).chain(tail).collect();
            mesh(LETTERS, &letters)
        };
        let found = parts(&[text(20)], &[text(21)], None).expect("parts");
        assert!(found.iter().any(|(part, _)| part.contains_rect(rect(200.0, 100.0, 5.0, 5.0))), "{found:?}");
    }

    #[test]
    fn a_new_picture_hides_what_is_below_it() {
        let camera = TextureId::User(3);
        let frame =
            [ground(), mesh(camera, &[(rect(100.0, 100.0, 320.0, 180.0), Color32::WHITE)]), mesh(LETTERS, &[(rect(110.0, 110.0, 40.0, 10.0), Color32::RED)])];
        assert_eq!(parts(&frame, &frame, Some(camera)), Some(vec![(rect(100.0, 100.0, 320.0, 180.0), 1)]));
        // A dimmed one does not.
        let dim = [ground(), mesh(camera, &[(rect(100.0, 100.0, 320.0, 180.0), Color32::from_white_alpha(90))])];
        assert_eq!(parts(&dim, &dim, Some(camera)).expect("parts"), [(rect(99.0, 99.0, 322.0, 182.0), 0)]);
    }

    #[test]
    fn another_arrangement_is_painted_whole() {
        assert_eq!(parts(&[ground()], &[ground(), ground()], None), None);
        let mut clipped = ground();
        clipped.clip_rect = rect(0.0, 0.0, 10.0, 10.0);
        assert_eq!(parts(&[ground()], &[clipped], None), None);
        assert_eq!(parts(&[ground()], &[mesh(TextureId::User(1), &[])], None), None);
        let elsewhere = mesh(LETTERS, &[(rect(0.0, 0.0, 999.0, 499.0), Color32::WHITE), (SCREEN, Color32::RED), (SCREEN, Color32::RED)]);
        assert_eq!(parts(&[ground()], &[elsewhere], None), None, "most of it changed");
    }

    #[test]
    fn only_what_reaches_into_a_part_is_drawn() {
        let part = |rect, from| [Part { rect, from }];
        let frame = [ground(), mesh(TextureId::User(3), &[(rect(0.0, 0.0, 50.0, 50.0), Color32::WHITE)])];
        let shape = |cut: Vec<ClippedPrimitive>| -> Vec<(TextureId, usize)> {
            cut.iter()
                .map(|primitive| match &primitive.primitive {
                    Primitive::Mesh(mesh) => (mesh.texture_id, mesh.indices.len() / 3),
                    Primitive::Callback(_) => panic!("no mesh"),
                })
                .collect()
        };
        // What lies below everything, the ground's two triangles and those of one red rectangle, and the picture's.
        assert_eq!(shape(cut(&frame, &part(rect(12.0, 12.0, 4.0, 4.0), 0), Color32::BLACK)), [(LETTERS, 2), (LETTERS, 4), (TextureId::User(3), 2)]);
        assert_eq!(shape(cut(&frame, &part(rect(12.0, 12.0, 4.0, 4.0), 1), Color32::BLACK)), [(TextureId::User(3), 2)]);
        assert_eq!(shape(cut(&frame, &part(rect(901.0, 401.0, 4.0, 4.0), 1), Color32::BLACK)), []);
    }

    #[test]
    fn overlapping_parts_are_one() {
        let near = |x: f32, colour| (rect(x, 10.0, 20.0, 20.0), colour);
        let still = (rect(500.0, 300.0, 10.0, 10.0), Color32::GRAY);
        let frame = |colour| mesh(LETTERS, &[near(10.0, colour), still, near(25.0, colour), still, near(40.0, colour)]);
        assert_eq!(parts(&[frame(Color32::RED)], &[frame(Color32::BLUE)], None), Some(vec![(rect(9.0, 9.0, 52.0, 22.0), 0)]));
    }
}
