//! Quantities and paths for people.

use std::{borrow::Cow, path::Path};

/// `45 s`, `3 min 10 s`, `2 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..600 if !whole.is_multiple_of(60) => format!("{} min {} s", whole / 60, whole % 60),
        60..3600 => format!("{} min", (whole + 30) / 60),
        _ if whole % 3600 < 60 => format!("{} h", whole / 3600),
        _ => format!("{} h {} min", whole / 3600, (whole % 3600) / 60),
    }
}

/// `0:02:10`, `26:00:00`: of equal width for the first ten hours.
pub(crate) fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", whole / 3600, whole % 3600 / 60, whole % 60)
}

/// What is the same in `step 12` and `step 7`.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut kept: String = text.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    while kept.contains("##") {
        kept = kept.replace("##", "#");
    }
    kept
}

/// On one line, whatever it holds: causes may come from anywhere.
pub(crate) fn line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect()
}

/// At most `width` columns wide, with a sign where something is left out.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    console::truncate_str(text, width, "…")
}

/// A bar of `width` columns, filled up to a share in `[0, 1]`.
pub(crate) fn bar(share: f64, width: usize) -> String {
    let filled = ((share.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    "█".repeat(filled) + &"░".repeat(width - filled)
}

/// `3.2 GB`, `410 MB`.
pub(crate) fn bytes(bytes: f64) -> String {
    if bytes >= 1e9 { format!("{:.1} GB", bytes / 1e9) } else { format!("{:.0} MB", (bytes / 1e6).ceil()) }
}

/// A path as a shell reads it.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    shlex::try_quote(&path).map_or_else(|_| path.to_string(), Cow::into_owned)
}

/// Columns of equal width, two blanks apart; the first row is the header.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        let all: Vec<String> = ["studies/bbc", "my studies/b'c", "größe"].map(|path| quoted(Path::new(path))).into();
        insta::assert_snapshot!(all.join("\n"), @r#"
        studies/bbc
        "my studies/b'c"
        'größe'
        "#);
    }

    #[test]
    fn durations_read_well() {
        let all: Vec<String> = [0.4, 59.0, 60.0, 190.0, 1500.0, 3600.0, 7500.0].map(seconds).into();
        assert_eq!(all, ["0 s", "59 s", "1 min", "3 min 10 s", "25 min", "1 h", "2 h 5 min"]);
    }

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!((cut("ab", 2).as_ref(), cut("abc", 2).as_ref(), cut("漢字漢字", 5).as_ref()), ("ab", "a…", "漢字…"));
        assert_eq!((bar(0.5, 4).as_str(), bar(f64::NAN, 2).as_str(), bar(7.0, 2).as_str()), ("██░░", "░░", "██"));
        assert_eq!((clock(130.0).as_str(), clock(93_600.4).as_str()), ("0:02:10", "26:00:00"));
        assert_eq!(without_numbers("step 1200 of 7, 0.5"), "step # of #, #.#");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["long".to_owned(), "c".to_owned()]];
        assert_eq!(table(&rows), "  a     b\n  long  c");
    }
}
