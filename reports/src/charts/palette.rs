//! Colours of Okabe and Ito (2008), which readers of any colour vision tell apart, and one ramp of blues for rungs. What a colour says is
//! always said by a shape, a hatch or a label too.

use plotters::style::RGBColor;

pub(super) const INK: RGBColor = RGBColor(34, 40, 49);
pub(super) const FADED: RGBColor = RGBColor(102, 110, 122);
pub(super) const GRID: RGBColor = RGBColor(228, 231, 236);
pub(super) const LANE: RGBColor = RGBColor(243, 244, 247);
pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
/// The best trial.
pub(super) const BEST: RGBColor = RGBColor(230, 159, 0);
pub(super) const DEFAULT: RGBColor = RGBColor(0, 0, 0);
pub(super) const FAILED: RGBColor = RGBColor(213, 94, 0);
pub(super) const RUNNING: RGBColor = RGBColor(0, 158, 115);
/// A finalist's training with another seed.
pub(super) const AGAIN: RGBColor = RGBColor(204, 121, 167);
pub(super) const LOST: RGBColor = RGBColor(140, 146, 156);

/// The further a trial was trained, the darker.
pub(super) fn rung(rung: usize, of: usize) -> RGBColor {
    const STOPS: [(f64, f64, f64); 3] = [(158.0, 205.0, 238.0), (46.0, 132.0, 196.0), (8.0, 46.0, 107.0)];
    let share = if of <= 1 { 1.0 } else { rung.min(of - 1) as f64 / (of - 1) as f64 };
    let (from, to, along) = if share < 0.5 { (STOPS[0], STOPS[1], share * 2.0) } else { (STOPS[1], STOPS[2], share * 2.0 - 1.0) };
    let mix = |a: f64, b: f64| (a + (b - a) * along).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
