//! The text of a space for someone who knows no hyperparameters.

use std::fmt::Write as _;

/// What the text depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// RON of the model's location.
    pub(super) model: String,
    /// RON of the data's location.
    pub(super) data: String,
    /// Columns of a file without a header line.
    pub(super) columns: Option<Vec<String>>,
    pub(super) text: String,
    pub(super) pair: Option<String>,
    pub(super) label: String,
    pub(super) rows: usize,
    /// Rows without a text or label.
    pub(super) missing: usize,
    pub(super) classes: Vec<(String, usize)>,
    /// Tokens within which 95 of 100 inputs fit.
    pub(super) usual_tokens: usize,
    pub(super) longest_tokens: usize,
    /// The most the model takes.
    pub(super) model_tokens: usize,
    /// Blocks below the head.
    pub(super) blocks: usize,
}

impl Facts {
    /// A multiple of 16 that holds most inputs, as far as the model and patience allow: the cost of a step grows with it.
    fn max_tokens(&self) -> usize {
        const PATIENCE: usize = 128;
        self.usual_tokens.next_multiple_of(16).clamp(16, self.model_tokens.min(PATIENCE))
    }
}

/// A RON string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// What every space begins with.
pub(super) const HEAD: &str = "\
// A search space: what to fine-tune, on what, and which ways of doing so to try.
//
//     thawline check THIS_FILE                    shows what it means
//     thawline check THIS_FILE --probe            measures how long it would take
//     thawline sweep THIS_FILE --study my-study   runs it; the same command again continues it
";

pub(super) fn render(facts: &Facts) -> String {
    let max_tokens = facts.max_tokens();
    let columns = facts.columns.as_ref().map_or_else(String::new, |columns| {
        let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        format!("        // The file has no header line: these are the names of its columns.\n        columns: [{}],\n", names.join(", "))
    });
    let text = match &facts.pair {
        Some(pair) => format!("Pair({}, {})", quoted(&facts.text), quoted(pair)),
        None => quoted(&facts.text),
    };
    let missing = if facts.missing > 0 {
        format!(
            "        // {} rows have no text or no label: they are left out. Reject would stop instead.\n        missing: Drop,\n",
            facts.missing
        )
    } else {
        String::new()
    };
    let (classes, metric, why) = classes_told(&facts.classes);
    let half = (facts.blocks / 2).max(1);
    format!(
        "{HEAD}Sweep(
    model: {model},

    // {rows} rows; {class_count} classes: {classes}.
    data: (
        files: One({data}),
{columns}        text: {text},
        label: {label},
{missing}        // These shares of the rows are kept apart: configs are compared on the first, and the second is yours to look at once, at the end.
        split: (validation: 0.15, test: 0.15),
        // 95 of 100 inputs have at most {usual} tokens, the longest {longest}; the model takes {model_tokens}. What is longer is cut off.
        // Twice as many tokens take about twice as long.
        max_tokens: {max_tokens},
    ),

    // {why}
    objective: Maximize({metric}),

    settings: (
        // Configs to try. The first is always the literature's default recipe, so that the report can say what was gained over it.
        trials: 24,
        // Stop after this much time, whatever is done by then: \"30m\", \"8h\". The study can be extended later.
        // budget: \"8h\",
        // Every config first trains a third of a pass; the best third of them go on to one pass; the best third of those to the end.
        r_min: Epochs(0.334),
        eta: 3,
        seed: 0,
    ),

    // Plain values are fixed. Those in a domain are searched: LogUniform(low, high) draws more evenly over orders of magnitude,
    // Choice([...]) takes one of a list.
    space: (
        // Passes over the training data.
        epochs: 3,
        batch_size: Choice([16, 32]),
        optimizer: AdamW(
            // What matters most. Too low learns slowly, too high forgets what the model knows.
            learning_rate: LogUniform(1e-5, 3e-4),
            weight_decay: LogUniform(1e-3, 1e-1),
        ),
        schedule: Choice([Linear(), Cosine()]),
        // Share of the steps over which the learning rate rises at the start; it should be over before the first rung.
        warmup: Choice([0.0, 0.06, 0.1]),
        // Which of the model's {blocks} blocks train: all, the upper half, or more and more of them from the top down.
        unfreeze: Choice([Everything, LastBlocks(k: {half}), Progressive(start: 1, blocks: 2, every: 0.5)]),
        // Lower blocks learn more slowly by this factor a block; 1 is all the same.
        layer_decay: Choice([1.0, 0.9, 0.8]),
        dropout: (hidden: 0.1, attention: 0.1, classifier: Uniform(0.0, 0.3)),
        label_smoothing: Choice([0.0, 0.1]),
    ),
)
",
        model = facts.model,
        rows = facts.rows,
        class_count = facts.classes.len(),
        data = facts.data,
        label = quoted(&facts.label),
        usual = facts.usual_tokens,
        longest = facts.longest_tokens,
        model_tokens = facts.model_tokens,
        blocks = facts.blocks,
    )
}

/// The first dozen classes, and the metric that suits them with the reason.
pub(super) fn classes_told(classes: &[(String, usize)]) -> (String, &'static str, &'static str) {
    let counts = || classes.iter().map(|(_, count)| *count);
    let uneven = counts().max().unwrap_or(0) > 3 * counts().min().unwrap_or(0);
    let (metric, why) = if uneven {
        (
            "MacroF1",
            "The classes are uneven: the mean F1 of the classes counts each of them alike. Others: Accuracy, Matthews, Minimize(Loss).",
        )
    } else {
        ("Accuracy", "Others: MacroF1 (counts each class alike), Matthews, Minimize(Loss).")
    };
    let told: Vec<String> = classes.iter().take(12).map(|(name, count)| format!("{} {count}", printable(name))).collect();
    let more = if classes.len() > 12 { ", ..." } else { "" };
    (told.join(", ") + more, metric, why)
}

/// A class name in a comment: on one line, and short.
fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(30).collect()
}
