//! What can go wrong while a report is made.

use std::{io, path::PathBuf};

use polars::error::PolarsError;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot write {}: {source}; check that the folder may be written to and the disk is not full", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot build the table `{table}`: {source}")]
    Table { table: &'static str, source: PolarsError },
    #[error("cannot draw the chart `{chart}`: {reason}")]
    Chart { chart: &'static str, reason: String },
    #[error("cannot fill the report's page: {0}")]
    Page(#[from] minijinja::Error),
    #[error("cannot write the best config as RON: {0}")]
    Config(#[from] ron::Error),
}
