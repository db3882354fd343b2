//! A table of texts. The first byte says in which format: `c` CSV, `n` CSV without a header line, `t` TSV, `j` JSON lines.

use trials::fuzzing::table;

pub(crate) fn run(bytes: &[u8]) {
    let Some((format, bytes)) = bytes.split_first() else { return };
    let names = ["text".to_owned(), "label".to_owned()];
    let (file, names) = match format {
        b'c' => ("a.csv", None),
        b'n' => ("a.csv", Some(&names[..])),
        b't' => ("a.tsv", None),
        b'j' => ("a.jsonl", None),
        _ => return,
    };
    if let Ok(table) = table(file, bytes, names) {
        assert!(!table.rows.is_empty());
        for row in &table.rows {
            assert_eq!(row.values.len(), table.columns.len());
            assert!(row.values.iter().flatten().all(|value| !value.trim().is_empty()));
        }
    }
}
