//! From a picture's code values to the programme's.

use tl_frame::{Colour, Matrix, Range};

/// Code values in, code values out: `dot(row, (y, u, v)) + offset` for each of Y, U and V.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Conversion {
    /// Rows for Y, U and V; columns for y, u, v and the offset.
    pub rows: [[f64; 4]; 3],
}

impl Conversion {
    /// From `colour` to BT.709, limited range.
    pub fn to_programme(colour: Colour) -> Self {
        let (luma_scale, luma_offset, chroma_scale) = match colour.range {
            Range::Limited => (1.0, 0.0, 1.0),
            // 256 codes become 220 of luma and 225 of chroma.
            Range::Full => (219.0 / 255.0, 16.0, 224.0 / 255.0),
        };
        let mix = matrix_mix(colour.matrix);
        let row = |target: usize| {
            let [_, cb, cr] = mix.get(target).copied().unwrap_or_default();
            // The matrices work on Y in 219 steps and chroma in 224; the differences between matrices are in the same unit.
            let into = if target == 0 { 219.0 / 224.0 } else { 1.0 };
            let (u, v) = (cb * into * chroma_scale, cr * into * chroma_scale);
            let (own, offset) = if target == 0 { (luma_scale, luma_offset) } else { (0.0, 128.0) };
            [own, u, v, offset - 128.0 * (u + v)]
        };
        Self { rows: [row(0), row(1), row(2)] }
    }

    /// Whether luma depends on chroma.
    pub fn mixes_chroma(&self) -> bool {
        self.rows.first().is_some_and(|[_, u, v, _]| *u != 0.0 || *v != 0.0)
    }
}

/// Luma coefficients of red and blue.
fn coefficients(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
    }
}

/// (Y, Cb, Cr) of BT.709 from (Y, Cb, Cr) of `from`, Y in 0 to 1 and chroma in -0.5 to 0.5. Y always keeps its weight of 1 and gives none to chroma.
fn matrix_mix(from: Matrix) -> [[f64; 3]; 3] {
    if from == Matrix::Bt709 {
        return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    }
    let (r, b) = coefficients(from);
    let (to_r, to_b) = coefficients(Matrix::Bt709);
    let to_g = 1.0 - to_r - to_b;
    let mix = |y: f64, cb: f64, cr: f64| {
        let red = y + 2.0 * (1.0 - r) * cr;
        let blue = y + 2.0 * (1.0 - b) * cb;
        let green = (y - r * red - b * blue) / (1.0 - r - b);
        let luma = to_r * red + to_g * green + to_b * blue;
        [luma, (blue - luma) / (2.0 * (1.0 - to_b)), (red - luma) / (2.0 * (1.0 - to_r))]
    };
    let ([yy, yu, yv], [by, bu, bv], [ry, ru, rv]) = (mix(1.0, 0.0, 0.0), mix(0.0, 1.0, 0.0), mix(0.0, 0.0, 1.0));
    [[yy, by, ry], [yu, bu, ru], [yv, bv, rv]]
}

/// Red, green and blue, 0 to 1 and coded as they are shown, from a picture's plane values, 0 to 1: rows for red, green and blue, columns for
/// y, u, v and the offset. Solved from the equations that `coefficients` is the heart of.
pub(crate) fn rgb_rows(colour: Colour) -> [[f32; 4]; 3] {
    let (kr, kb) = coefficients(colour.matrix);
    let kg = 1.0 - kr - kb;
    let (luma_scale, luma_black, chroma_scale) = match colour.range {
        Range::Limited => (255.0 / 219.0, 16.0 / 219.0, 255.0 / 224.0),
        Range::Full => (1.0, 0.0, 1.0),
    };
    let zero = 128.0 / 255.0;
    let row = |cb: f64, cr: f64| {
        let (u, v) = (cb * chroma_scale, cr * chroma_scale);
        [luma_scale, u, v, -luma_black - zero * (u + v)].map(|value| value as f32)
    };
    [row(0.0, 2.0 * (1.0 - kr)), row(-2.0 * kb * (1.0 - kb) / kg, -2.0 * kr * (1.0 - kr) / kg), row(2.0 * (1.0 - kb), 0.0)]
}

/// Y, U and V code values of the programme for 8-bit sRGB-coded red, green and blue, not rounded.
pub(crate) fn programme_of_rgb(rgb: [f32; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|value| value / 255.0);
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [16.0 + 219.0 * y, 128.0 + 224.0 * (b - y) / 1.8556, 128.0 + 224.0 * (r - y) / 1.5748]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(colour: Colour, yuv: [f64; 3]) -> [f64; 3] {
        let [y, u, v] = yuv;
        Conversion::to_programme(colour).rows.map(|[a, b, c, d]| a * y + b * u + c * v + d)
    }

    fn close(found: [f64; 3], wanted: [f64; 3]) {
        assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.06), "{found:?} instead of {wanted:?}");
    }

    #[test]
    fn the_programme_stays_as_it_is() {
        assert!(!Conversion::to_programme(Colour::PROGRAMME).mixes_chroma());
        close(convert(Colour::PROGRAMME, [41.0, 240.0, 110.0]), [41.0, 240.0, 110.0]);
    }

    /// Pure red, green and blue in each coding, from the standards' own equations.
    #[test]
    fn primaries_arrive_where_the_programme_has_them() {
        for (rgb, wanted) in [([1.0, 0.0, 0.0], [62.56, 102.34, 240.0]), ([0.0, 1.0, 0.0], [172.63, 41.66, 26.27]), ([0.0, 0.0, 1.0], [31.81, 240.0, 117.73])] {
            for matrix in [Matrix::Bt601, Matrix::Bt709] {
                let (kr, kb) = coefficients(matrix);
                let [r, g, b] = rgb;
                let y = kr * r + (1.0 - kr - kb) * g + kb * b;
                let (cb, cr) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
                close(convert(Colour { matrix, range: Range::Limited }, [16.0 + 219.0 * y, 128.0 + 224.0 * cb, 128.0 + 224.0 * cr]), wanted);
                close(convert(Colour { matrix, range: Range::Full }, [255.0 * y, 128.0 + 255.0 * cb, 128.0 + 255.0 * cr]), wanted);
            }
        }
    }

    /// From red, green and blue to the programme's planes and back.
    #[test]
    fn colours_of_tiles_are_the_programme_s() {
        for rgb in [[255.0, 0.0, 0.0], [0.0, 255.0, 0.0], [0.0, 0.0, 255.0], [10.0, 200.0, 90.0], [255.0; 3], [0.0; 3]] {
            let [y, u, v] = programme_of_rgb(rgb).map(|code| code / 255.0);
            let back = rgb_rows(Colour::PROGRAMME).map(|[a, b, c, d]| 255.0 * (a * y + b * u + c * v + d));
            assert!(back.iter().zip(rgb).all(|(back, rgb)| (back - rgb).abs() < 0.2), "{back:?} instead of {rgb:?}");
        }
        let [red, ..] = rgb_rows(Colour { matrix: Matrix::Bt601, range: Range::Full });
        assert_eq!(red, [1.0, 0.0, 1.402, -1.402 * (128.0 / 255.0)].map(|value: f64| value as f32));
    }

    #[test]
    fn grey_has_no_colour_in_any_coding() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            close(convert(Colour { matrix, range: Range::Full }, [255.0, 128.0, 128.0]), [235.0, 128.0, 128.0]);
            close(convert(Colour { matrix, range: Range::Limited }, [100.0, 128.0, 128.0]), [100.0, 128.0, 128.0]);
        }
    }
}
