//! What the best trial takes for what.

use std::fmt::Write as _;

use std::collections::BTreeMap;

use super::{
    Chart, RIGHT,
    legend::Legend,
    marks::Mark,
    scene::Scene,
    surface::{Colour, Drawing, Horizontal, Type, Vertical},
    titled,
};
use crate::{
    format,
    tables::{Predicted, PredictionsRow},
};

/// Of more classes those with the most mistakes are shown.
const SHOWN: usize = 40;
/// So many classes still have their counts in the cells.
const COUNTED: usize = 14;
const TOP: f64 = 92.0;
const LEFT: f64 = 210.0;
/// Of a class.
const CELL: (f64, f64) = (11.0, 46.0);
/// Below the matrix.
const NAMES: f64 = 116.0;

struct Matrix<'a> {
    classes: Vec<&'a str>,
    /// Of all classes, shown or not, in the order of `classes`: how many examples there are.
    support: Vec<u64>,
    counts: BTreeMap<(usize, usize), u64>,
    left_out: usize,
}

impl<'a> Matrix<'a> {
    fn of(predicted: &'a Predicted, of: &PredictionsRow) -> Matrix<'a> {
        let rows: Vec<_> = Predicted::of(&predicted.classes, of.trial, of.split).collect();
        let confused: Vec<_> = Predicted::of(&predicted.confusion, of.trial, of.split).collect();
        let mut mistakes: BTreeMap<&str, u64> = BTreeMap::new();
        for row in confused.iter().filter(|row| row.label != row.predicted) {
            *mistakes.entry(&row.label).or_default() += row.count;
            *mistakes.entry(&row.predicted).or_default() += row.count;
        }
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(mistakes.get(rows[*index].class.as_str()).copied().unwrap_or(0)));
        order.truncate(SHOWN);
        order.sort_unstable();
        let classes: Vec<&str> = order.iter().map(|index| rows[*index].class.as_str()).collect();
        let place: BTreeMap<&str, usize> = classes.iter().enumerate().map(|(place, class)| (*class, place)).collect();
        let counts = confused
            .iter()
            .filter_map(|row| Some(((*place.get(row.label.as_str())?, *place.get(row.predicted.as_str())?), row.count)))
            .collect();
        Matrix { support: order.iter().map(|index| rows[*index].support).collect(), left_out: rows.len() - classes.len(), classes, counts }
    }

    fn count(&self, label: usize, predicted: usize) -> u64 {
        self.counts.get(&(label, predicted)).copied().unwrap_or(0)
    }

    /// Of the examples of `label`.
    fn share(&self, label: usize, predicted: usize) -> f64 {
        self.count(label, predicted) as f64 / self.support[label].max(1) as f64
    }

    /// The pairs that are mistaken most often, at most three.
    fn worst(&self) -> Vec<String> {
        let mut pairs: Vec<(&(usize, usize), &u64)> = self.counts.iter().filter(|((label, predicted), _)| label != predicted).collect();
        pairs.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let words = |((label, predicted), count): &(&(usize, usize), &u64)| {
            format!("{} taken for {} {}", self.classes[*label], self.classes[*predicted], times(**count))
        };
        pairs.iter().take(3).map(words).collect()
    }
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", format::count(count)) }
}

/// `None` where no predictions are known.
pub(super) fn chart(scene: &Scene<'_>) -> Option<Chart> {
    let predicted = &scene.tables.predicted;
    let of = predicted.of_best()?;
    let figures = of.found.as_ref().ok()?;
    let matrix = Matrix::of(predicted, of);
    if matrix.classes.is_empty() {
        return None;
    }
    let accuracy = figures.accuracy.value().map_or_else(|| "no accuracy".to_owned(), |value| format!("accuracy {value:.3}"));
    let mut subtitle =
        format!("Trial {} on the {} split: {accuracy} over {}", of.trial, of.split.name(), format::counted(figures.accuracy.of, "example"));
    if matrix.left_out > 0 {
        let all = matrix.classes.len() + matrix.left_out;
        let _ = write!(subtitle, "; the {} classes with the most mistakes, of {all}", matrix.classes.len());
    }
    let cell = ((RIGHT - LEFT) / matrix.classes.len() as f64).clamp(CELL.0, CELL.1);
    let bottom = TOP + 24.0 + cell * matrix.classes.len() as f64;
    let mut legend = Legend::new("Share of a row");
    for (share, words) in [(1.0, "all"), (0.5, "half"), (0.1, "a tenth")] {
        legend.entry(true, Mark::Bar { colour: Colour::Heat(share) }, words);
    }
    legend.entry(true, Mark::Pale { colour: Colour::Lane }, "predicted right");
    let mut drawing = titled((bottom + NAMES + 20.0).max(TOP + legend.height() + 20.0), "Confusion matrix", &subtitle);
    cells(&mut drawing, &matrix, cell);
    names(&mut drawing, &matrix, cell, bottom);
    legend.draw(&mut drawing, TOP + 14.0);
    let worst = matrix.worst();
    let worst = if worst.is_empty() { "No mistakes".to_owned() } else { format!("The most frequent mistakes: {}", worst.join("; ")) };
    Some(Chart {
        name: "confusion",
        title: "Confusion matrix",
        alt: format!("{subtitle}. {worst}."),
        caption: format!(
            "A row is a class as the data have it, a column a class as it was predicted; a cell is the stronger, the larger its share of the row. What is right lies on \
             the outlined diagonal, all else is a mistake. {worst}."
        ),
        drawing,
    })
}

fn cells(drawing: &mut Drawing, matrix: &Matrix<'_>, cell: f64) {
    let top = TOP + 24.0;
    let classes = matrix.classes.len();
    let end = cell * classes as f64;
    drawing.rectangle((LEFT, top), (LEFT + end, top + end), Colour::Lane, 1.0);
    for (label, predicted) in matrix.counts.keys().copied() {
        let share = matrix.share(label, predicted);
        let (x, y) = (LEFT + predicted as f64 * cell, top + label as f64 * cell);
        // What is there at all is told from what is not.
        let colour = Colour::Heat(0.06 + 0.94 * share);
        drawing.rectangle((x + 0.5, y + 0.5), (x + cell - 0.5, y + cell - 0.5), colour, 1.0);
        if classes <= COUNTED {
            let style = Type::new(11.5).over(colour).anchored(Horizontal::Center, Vertical::Center);
            let count = format::count(matrix.count(label, predicted));
            if style.width(&count) <= cell - 4.0 {
                drawing.text((x + cell / 2.0, y + cell / 2.0), &count, style);
            }
        }
    }
    for class in 0..classes {
        let (x, y) = (LEFT + class as f64 * cell, top + class as f64 * cell);
        drawing.outline((x, y), (x + cell, y + cell), Colour::Faded, 1.0);
    }
}

fn names(drawing: &mut Drawing, matrix: &Matrix<'_>, cell: f64, bottom: f64) {
    let size = if cell >= 13.0 { 11.0 } else { 9.0 };
    let (beside, under) = (Type::new(size).anchored(Horizontal::Right, Vertical::Center), Type::new(size));
    let lie = matrix.classes.iter().all(|class| under.width(class) <= cell - 6.0);
    for (index, class) in matrix.classes.iter().enumerate() {
        let middle = (index as f64 + 0.5) * cell;
        let words = format!("{class} ({})", format::count(matrix.support[index]));
        drawing.text((LEFT - 9.0, TOP + 24.0 + middle), &beside.fitted(&words, LEFT - 34.0), beside);
        if lie {
            drawing.text((LEFT + middle, bottom + 9.0), class, under.anchored(Horizontal::Center, Vertical::Top));
        } else {
            let upright = under.anchored(Horizontal::Right, Vertical::Center);
            drawing.upright((LEFT + middle, bottom + 9.0), &upright.fitted(class, NAMES - 32.0), upright);
        }
    }
    let label = Type::new(12.0).faded();
    drawing.text(
        (LEFT, TOP + 14.0),
        "predicted, below; what it is, on the left (with the number of examples)",
        label.anchored(Horizontal::Left, Vertical::Bottom),
    );
}
