//! The card's section on groups of examples.

use serde::Serialize;

use super::{
    Card, Table,
    results::{FEW, split_of},
    text::plain,
};
use crate::{fairness::Measured, format, intervals::Share};

/// With more classes than this the table of groups has accuracy alone.
const FEW_CLASSES: usize = 4;

#[derive(Debug, Default, Serialize)]
pub(super) struct Section {
    split: &'static str,
    column: Option<String>,
    /// A gap that is significant.
    warnings: Vec<String>,
    groups: Option<Table>,
    gaps: Option<Table>,
    /// Groups of which the split has few examples.
    #[serde(skip)]
    pub(super) small: Vec<String>,
}

/// `None` where the data have no groups, or nothing is known of them.
pub(super) fn section(card: &Card<'_>) -> Option<Section> {
    let study = card.study?;
    let (split, _) = split_of(study)?;
    let predicted = &study.tables.predicted;
    let shares = predicted.shares_of(study.trial, split);
    if shares.is_empty() {
        return None;
    }
    let mut section = Section { split: split.name(), column: card.file.data.group().map(plain), ..Section::default() };
    let mut groups = Table::new(&["group", "measure", "examples", "value"]);
    for row in &shares {
        if row.measured == Measured::Accuracy && row.share.of < FEW {
            section.small.push(plain(&row.group));
        }
        if row.measured == Measured::Accuracy || card.labels.len() <= FEW_CLASSES {
            groups.row([
                plain(&row.group),
                measure(row.measured, row.class.as_deref(), card.labels),
                format::count(row.share.of),
                share(row.share),
            ]);
        }
    }
    section.groups = groups.filled();
    let mut gaps = Table::new(&["measure", "higher", "lower", "gap", "95 % interval, for all comparisons together", ""]);
    for gap in predicted.gaps_of(study.trial, split) {
        let what = measure(gap.measured, gap.class.as_deref(), card.labels);
        let end = |(group, share): &(String, Share)| format!("{} {}", plain(group), value(*share));
        let interval = format!("{:+.3} to {:+.3}", gap.low, gap.high);
        let verdict = match (gap.is_significant(), gap.largest) {
            (true, true) => "significant",
            (true, false) => "significant, though not the largest",
            (false, _) => "may be chance",
        };
        if gap.is_significant() {
            let (higher, lower) = (plain(&gap.higher.0), plain(&gap.lower.0));
            section.warnings.push(format!(
                "{what}: {} in the group {higher} against {} in the group {lower}, a gap of {:.3} ({interval}). The draw of examples alone would hardly make it.",
                value(gap.higher.1),
                value(gap.lower.1),
                gap.difference
            ));
        }
        gaps.row([what, end(&gap.higher), end(&gap.lower), format!("{:.3}", gap.difference), interval, verdict.to_owned()]);
    }
    section.gaps = gaps.filled();
    Some(section)
}

/// With both its names where there are two classes: people differ in which of them they call the positive one.
fn measure(measured: Measured, class: Option<&str>, labels: &[String]) -> String {
    let other = match labels {
        [a, b] => class.map(|class| plain(if a == class { b } else { a })),
        _ => None,
    };
    let class = class.map(plain).unwrap_or_default();
    match measured {
        Measured::Accuracy => "accuracy".to_owned(),
        Measured::FalsePositives if other.is_some() => {
            format!("false-positive rate of {class}, false-negative rate of {}", other.unwrap_or_default())
        }
        Measured::FalsePositives => format!("false-positive rate of {class}"),
        Measured::FalseNegatives => format!("false-negative rate of {class}"),
    }
}

fn value(share: Share) -> String {
    share.value().map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"))
}

fn share(share: Share) -> String {
    format::share(share).unwrap_or_else(|| "none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_classes_a_rate_has_both_its_names() {
        let two = ["benign", "hateful"].map(str::to_owned);
        let three = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            measure(Measured::FalsePositives, Some("hateful"), &two),
            "false-positive rate of hateful, false-negative rate of benign"
        );
        assert_eq!(
            measure(Measured::FalsePositives, Some("benign"), &two),
            "false-positive rate of benign, false-negative rate of hateful"
        );
        assert_eq!(measure(Measured::FalsePositives, Some("b"), &three), "false-positive rate of b");
        assert_eq!(measure(Measured::FalseNegatives, Some("b"), &three), "false-negative rate of b");
        assert_eq!(measure(Measured::Accuracy, None, &two), "accuracy");
    }
}
