//! The card's section on groups of examples.

use serde::Serialize;

use super::{
    Card, Table,
    results::{FEW, split_of},
    text::plain,
};
use crate::{fairness::Measured, format, intervals::Share, tables::Predicted};

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
    let shares: Vec<_> = Predicted::of(&predicted.groups, study.trial, split).collect();
    if shares.is_empty() {
        return None;
    }
    let mut section = Section { split: split.name(), column: card.file.data.group().map(plain), ..Section::default() };
    // Of two classes, one's rates say what the other's do.
    let classes = card.labels.len();
    let mut groups = Table::new(&["group", "measure", "examples", "value"]);
    for row in &shares {
        let second_of_two = classes == 2 && row.class.as_ref() == card.labels.first();
        if row.measured == Measured::Accuracy && row.share.of < FEW {
            section.small.push(plain(&row.group));
        }
        if row.measured == Measured::Accuracy || !second_of_two && classes <= 4 {
            groups.row([plain(&row.group), measure(row.measured, row.class.as_deref()), format::count(row.share.of), share(row.share)]);
        }
    }
    section.groups = groups.filled();
    let mut gaps = Table::new(&["measure", "highest", "lowest", "gap", "95 % interval of all comparisons", ""]);
    for gap in Predicted::of(&predicted.gaps, study.trial, split) {
        let what = measure(gap.measured, gap.class.as_deref());
        let end = |(group, share): &(String, Share)| format!("{} {}", plain(group), value(*share));
        let interval = format!("{:+.3} to {:+.3}", gap.low, gap.high);
        let verdict = if gap.is_significant() { "significant" } else { "may be chance" };
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

fn measure(measured: Measured, class: Option<&str>) -> String {
    let class = class.map(plain).unwrap_or_default();
    match measured {
        Measured::Accuracy => "accuracy".to_owned(),
        Measured::FalsePositives => format!("false-positive rate of {class}"),
        Measured::FalseNegatives => format!("false-negative rate of {class}"),
    }
}

fn value(share: Share) -> String {
    share.value().map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"))
}

fn share(share: Share) -> String {
    match share.interval() {
        Some((low, high)) => format!("{} ({low:.3} to {high:.3})", value(share)),
        None => value(share),
    }
}
