//! Named colours and what they are in a light and in a dark theme.
//!
//! Marks stand out from their ground by at least 3:1 and text by 4.5:1 (WCAG 2.2, 1.4.3 and 1.4.11), and readers of any colour vision tell them apart;
//! the tests below measure both. What a colour says is always said by a shape, a hatch or a label too.

use plotters::style::RGBColor;

/// What a picture is to be looked at on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub const ALL: [Theme; 2] = [Theme::Light, Theme::Dark];

    /// What stands behind the name of the chart in the names of its files.
    pub fn suffix(self) -> &'static str {
        match self {
            Theme::Light => "",
            Theme::Dark => "-dark",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::charts) enum Colour {
    /// Of the whole surface.
    Ground,
    Ink,
    /// Of words that matter less.
    Faded,
    Grid,
    /// Of lanes for what has no place on an axis.
    Lane,
    /// The best trial.
    Best,
    Failed,
    Running,
    /// A finalist's training with another seed.
    Again,
    Lost,
    /// From 0, the first rung, to 1, the full length: the further, the more it stands out.
    Rung(f64),
    /// From 0, hardly to be told from the ground, to 1.
    Heat(f64),
}

/// The colour of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::charts) enum Fill {
    Plain(Colour),
    /// Black or white, whichever is read better over this.
    Over(Colour),
}

type Stop = (u8, u8, u8);

struct Palette {
    ground: Stop,
    ink: Stop,
    faded: Stop,
    grid: Stop,
    lane: Stop,
    best: Stop,
    failed: Stop,
    running: Stop,
    again: Stop,
    lost: Stop,
    rungs: [Stop; 3],
    faintest: Stop,
}

const LIGHT: Palette = Palette {
    ground: (255, 255, 255),
    ink: (25, 30, 38),
    faded: (92, 100, 112),
    grid: (228, 231, 236),
    lane: (246, 247, 250),
    best: (190, 112, 10),
    failed: (172, 10, 16),
    running: (22, 94, 66),
    again: (146, 48, 127),
    lost: (131, 132, 134),
    rungs: [(84, 146, 211), (28, 96, 176), (6, 22, 72)],
    faintest: (238, 243, 250),
};

const DARK: Palette = Palette {
    ground: (29, 35, 45),
    ink: (236, 238, 242),
    faded: (170, 178, 190),
    grid: (54, 62, 75),
    lane: (37, 44, 55),
    best: (236, 156, 24),
    failed: (240, 60, 50),
    running: (90, 250, 150),
    again: (176, 124, 158),
    lost: (186, 189, 192),
    rungs: [(62, 120, 200), (110, 172, 240), (204, 230, 255)],
    faintest: (42, 50, 64),
};

impl Colour {
    /// The colour of rung `rung` of `of`.
    pub(in crate::charts) fn rung(rung: usize, of: usize) -> Colour {
        Colour::Rung(if of <= 1 { 1.0 } else { rung.min(of - 1) as f64 / (of - 1) as f64 })
    }

    pub(super) fn rgb(self, theme: Theme) -> RGBColor {
        let palette = match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        };
        let [first, middle, last] = palette.rungs;
        let (r, g, b) = match self {
            Colour::Ground => palette.ground,
            Colour::Ink => palette.ink,
            Colour::Faded => palette.faded,
            Colour::Grid => palette.grid,
            Colour::Lane => palette.lane,
            Colour::Best => palette.best,
            Colour::Failed => palette.failed,
            Colour::Running => palette.running,
            Colour::Again => palette.again,
            Colour::Lost => palette.lost,
            Colour::Rung(share) => along(&[first, middle, last], share),
            Colour::Heat(share) => along(&[palette.faintest, first, middle, last], share),
        };
        RGBColor(r, g, b)
    }
}

impl Fill {
    pub(super) fn rgb(self, theme: Theme) -> RGBColor {
        match self {
            Fill::Plain(colour) => colour.rgb(theme),
            Fill::Over(ground) => {
                let ground = ground.rgb(theme);
                let (black, white) = (RGBColor(0, 0, 0), RGBColor(255, 255, 255));
                if contrast(black, ground) >= contrast(white, ground) { black } else { white }
            }
        }
    }
}

/// The colour at `share` of a ramp through `stops`, which are equally far apart.
fn along(stops: &[Stop], share: f64) -> Stop {
    let pieces = stops.len() - 1;
    let at = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) * pieces as f64 };
    let piece = (at as usize).min(pieces - 1);
    let (from, to, along) = (stops[piece], stops[piece + 1], at - piece as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * along).round() as u8;
    (mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// From 1, none, to 21, black on white (WCAG 2.2).
fn contrast(a: RGBColor, b: RGBColor) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: RGBColor) -> f64 {
    let [r, g, b] = linear(colour);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Intensities of light, of 1 (IEC 61966-2-1).
fn linear(RGBColor(r, g, b): RGBColor) -> [f64; 3] {
    [r, g, b].map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Matrix = [[f64; 3]; 3];

    /// Machado, Oliveira and Fernandes (2009), "A physiologically-based model for simulation of color vision deficiency", table of severity 1.0; they
    /// take linear intensities.
    const VISIONS: [(&str, Matrix); 4] = [
        ("usual", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        ("protanopia", [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]]),
        ("deuteranopia", [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]]),
        ("tritanopia", [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]]),
    ];

    fn times(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2])
    }

    /// Lightness and two opponent axes in which equal distances look alike, of 100 (Björn Ottosson 2020, Oklab).
    fn oklab(linear: [f64; 3]) -> [f64; 3] {
        let cones: Matrix = [
            [0.412_221_47, 0.536_332_54, 0.051_445_99],
            [0.211_903_5, 0.680_699_55, 0.107_396_96],
            [0.088_302_46, 0.281_718_84, 0.629_978_7],
        ];
        let lab: Matrix = [
            [0.210_454_26, 0.793_617_79, -0.004_072_05],
            [1.977_998_5, -2.428_592_21, 0.450_593_71],
            [0.025_904_04, 0.782_771_77, -0.808_675_77],
        ];
        times(&lab, times(&cones, linear).map(f64::cbrt)).map(|value| value * 100.0)
    }

    fn distance(a: RGBColor, b: RGBColor, vision: &Matrix) -> f64 {
        let seen = |colour| oklab(times(vision, linear(colour)).map(|value| value.clamp(0.0, 1.0)));
        let (a, b) = (seen(a), seen(b));
        (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()
    }

    const MARKS: [Colour; 8] = [
        Colour::Best,
        Colour::Failed,
        Colour::Running,
        Colour::Again,
        Colour::Lost,
        Colour::Rung(0.0),
        Colour::Rung(0.5),
        Colour::Rung(1.0),
    ];

    #[test]
    fn readers_of_any_colour_vision_tell_marks_apart() {
        for theme in Theme::ALL {
            for (index, a) in MARKS.iter().enumerate() {
                for b in &MARKS[index + 1..] {
                    for (name, vision) in &VISIONS {
                        let apart = distance(a.rgb(theme), b.rgb(theme), vision);
                        assert!(apart > 8.0, "{a:?} and {b:?} are {apart:.1} apart with {name} vision on {theme:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_ladder_of_five_rungs_has_five_blues() {
        for theme in Theme::ALL {
            for rung in 1..5 {
                let (a, b) = (Colour::rung(rung - 1, 5).rgb(theme), Colour::rung(rung, 5).rgb(theme));
                for (name, vision) in &VISIONS {
                    assert!(distance(a, b, vision) > 6.5, "rungs {} and {rung} with {name} vision on {theme:?}", rung - 1);
                }
                // Further up is further from the ground, and never the other way round.
                let ground = Colour::Ground.rgb(theme);
                assert!(contrast(b, ground) > contrast(a, ground));
            }
        }
    }

    #[test]
    fn marks_and_text_stand_out_from_their_grounds() {
        for theme in Theme::ALL {
            for ground in [Colour::Ground, Colour::Lane] {
                for mark in MARKS {
                    let found = contrast(mark.rgb(theme), ground.rgb(theme));
                    assert!(found >= 3.0, "{mark:?} on {ground:?} has {found:.2} on {theme:?}");
                }
                for text in [Colour::Ink, Colour::Faded] {
                    let found = contrast(text.rgb(theme), ground.rgb(theme));
                    assert!(found >= 4.5, "{text:?} on {ground:?} has {found:.2} on {theme:?}");
                }
            }
        }
    }

    #[test]
    fn text_over_any_colour_is_read() {
        let ramps = (0..=100).flat_map(|step| [Colour::Rung(f64::from(step) / 100.0), Colour::Heat(f64::from(step) / 100.0)]);
        for colour in MARKS.into_iter().chain(ramps) {
            for theme in Theme::ALL {
                let found = contrast(Fill::Over(colour).rgb(theme), colour.rgb(theme));
                assert!(found >= 4.5, "over {colour:?}: {found:.2} on {theme:?}");
            }
        }
    }

    #[test]
    fn ramps_stay_within_whatever_comes() {
        for theme in Theme::ALL {
            assert_eq!(Colour::Heat(f64::NAN).rgb(theme), Colour::Heat(0.0).rgb(theme));
            assert_eq!(Colour::Heat(7.0).rgb(theme), Colour::Rung(1.0).rgb(theme));
            assert_eq!(Colour::rung(0, 1).rgb(theme), Colour::rung(6, 4).rgb(theme));
        }
    }
}
