//! A table of texts in Parquet.

use trials::fuzzing::table;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(table) = table("a.parquet", bytes, None) {
        assert!(table.rows.iter().all(|row| row.values.len() == table.columns.len()));
    }
}
