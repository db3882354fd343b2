//! What can go wrong while a report is made.

use std::{io, path::PathBuf};

use polars::error::PolarsError;

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("cannot write {}: {source}; check that the folder may be written to and the disk is not full", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{} holds {added} entries that another program has added, which would be lost; move it elsewhere, then write it again",
        path.display()
    )]
    Added { path: PathBuf, added: usize },
    #[error("cannot replace {}: {found} in it is not of a former report; move it elsewhere, then write the report again", path.display())]
    NotOurs { path: PathBuf, found: String },
    #[error("cannot build the table `{table}`: {source}")]
    Table { table: &'static str, source: PolarsError },
    #[error("cannot draw the chart `{chart}`: {reason}")]
    Chart { chart: &'static str, reason: String },
    #[error("cannot fill the report's page: {0}")]
    Page(#[from] minijinja::Error),
    #[error("cannot write the best config as RON: {0}")]
    Config(#[from] ron::Error),
}
