//! Everything that a study's folder gets from here.

use std::path::{Path, PathBuf};

use engine::record::StudyRecord;

use crate::{charts, error::ReportError, files, html, tables};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// `report/index.html`: complete in itself.
    pub page: PathBuf,
    /// `report/*.png`.
    pub charts: Vec<PathBuf>,
    /// `tables/*.parquet`, `tables/*.csv` and `tables/README.md`.
    pub tables: Vec<PathBuf>,
}

/// Writes `tables/` and `report/` into the study folder `dir`. Each file is replaced in one go, the page last, so that a reader never sees half of one.
/// `data_report` is what was found in the data (see the page's data section for what it may hold), if known.
pub fn write_report(record: &StudyRecord, data_report: Option<&serde_json::Value>, dir: &Path) -> Result<ReportFiles, ReportError> {
    let numbers = tables::Tables::read(record);
    let tables = tables::write_tables(&numbers, &dir.join("tables"))?;
    let drawn = charts::all(&numbers, record.state.objective)?;
    let page = html::page(record, &numbers, &drawn, data_report)?;
    let report = dir.join("report");
    files::create_dir(&report)?;
    let mut charts = Vec::new();
    for chart in &drawn {
        charts.push(files::write(&report.join(format!("{}.png", chart.name)), &chart.png)?);
    }
    let page = files::write(&report.join("index.html"), page.as_bytes())?;
    Ok(ReportFiles { page, charts, tables })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn a_report_is_written_and_replaced_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let first = write_report(&sample_record(5, 2, 0), None, dir.path()).unwrap();
        let again = write_report(&sample_record(6, 2, 0), None, dir.path()).unwrap();
        assert_eq!(first, again);
        let named: BTreeSet<PathBuf> = again.charts.iter().chain(&again.tables).chain([&again.page]).cloned().collect();
        let found: BTreeSet<PathBuf> = ["tables", "report"]
            .iter()
            .flat_map(|sub| std::fs::read_dir(dir.path().join(sub)).unwrap().map(|e| e.unwrap().path()))
            .collect();
        assert_eq!(named, found);
        assert_eq!(again.charts.len(), 4);
    }

    #[test]
    fn a_study_without_trials_has_a_report_too() {
        let dir = tempfile::tempdir().unwrap();
        let written = write_report(&sample_record(0, 2, 0), None, dir.path()).unwrap();
        assert!(written.charts.is_empty());
        assert!(std::fs::read_to_string(written.page).unwrap().contains("No trial has started yet."));
    }
}
