//! `thawline read`: reads data and says nothing, so that another process learns whether one lives through it.
//!
//! What polars does with a Parquet file that is damaged may end the process, with nothing to catch: a page says to hold 2^64 values, and that
//! much memory is asked for. Whoever keeps something that must not be lost has such a file read in a process of its own first. A worker does
//! without: it is one.

use std::{
    io::{Read as _, Write as _, stdin},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use search_spaces::data::{Data, Files, Location};
use serde::{Deserialize, Serialize};
use trials::data::{DataError, Rows, image::Pictures, table};

use crate::exit::Error;

/// What is read, on standard input as JSON.
#[derive(Debug, Serialize, Deserialize)]
enum Reading {
    /// Of one file what a task needs.
    Data(Box<Data>),
    /// All columns of a table.
    Table(PathBuf),
}

/// What a process that lives has found is found again by the one that asked.
pub(super) fn run() -> Result<(), Error> {
    bounded();
    let mut text = String::new();
    stdin().read_to_string(&mut text).map_err(Error::environment)?;
    match serde_json::from_str(&text).map_err(Error::usage)? {
        Reading::Data(data) => match *data {
            Data::Text(data) => drop(Rows::read(&data)),
            Data::Images(data) => drop(Pictures::read(&data)),
        },
        Reading::Table(file) => drop(table::read(&file, None, None)),
    }
    Ok(())
}

/// Ends this process before it takes the memory of others, and without a core file.
#[cfg(unix)]
fn bounded() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let lower = |resource: Resource, most: u64| {
        let now = getrlimit(resource);
        let current = Some(now.current.map_or(most, |current| current.min(most)));
        // Where the system does not let it, the process is ended later.
        let _ = setrlimit(resource, Rlimit { current, ..now });
    };
    lower(Resource::Core, 0);
    if let Some(memory) = engine::devices::memory() {
        lower(Resource::Data, memory);
    }
}

#[cfg(not(unix))]
fn bounded() {}

/// The Parquet files of `data` that a process does not live through reading.
pub(super) fn deadly(data: &Data, program: &Path) -> Result<Vec<DataError>, Error> {
    let named = match data.files() {
        Files::One(one) => vec![one],
        Files::Splits { train, validation, test } => [Some(train), validation.as_ref(), test.as_ref()].into_iter().flatten().collect(),
    };
    let mut found = Vec::new();
    for location in named {
        let Location::Path(file) = location else { continue };
        let mut alone = Box::new(data.clone());
        *alone.files_mut() = Files::One(location.clone());
        found.extend(died(file, &Reading::Data(alone), program)?);
    }
    Ok(found)
}

/// Refuses data that a process does not live through reading.
pub(super) fn try_data(data: &Data, program: &Path) -> Result<(), Error> {
    deadly(data, program)?.into_iter().next().map_or(Ok(()), |error| Err(Error::input(error)))
}

/// The same for a table.
pub(super) fn try_table(file: &Path, program: &Path) -> Result<(), Error> {
    died(file, &Reading::Table(file.to_owned()), program)?.map_or(Ok(()), |error| Err(Error::input(error)))
}

/// Has `program` read `file`.
fn died(file: &Path, reading: &Reading, program: &Path) -> Result<Option<DataError>, Error> {
    if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) || !file.is_file() {
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| {
        Error::environment(format!("cannot start {} to read {} with: {error}", program.display(), file.display()))
    };
    let text = serde_json::to_vec(reading).map_err(|error| failed(&error))?;
    let mut command = Command::new(program);
    // Why it died is told by how: polars and the allocator say theirs in words for developers.
    command.arg("read").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    if let Some(mut input) = child.stdin.take() {
        // One that is gone already is waited for below.
        let _ = input.write_all(&text);
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    if status.success() || was_interrupted(status) {
        return Ok(None);
    }
    let how = status.to_string().replace(" (core dumped)", "");
    let reason = format!("the process that read it died ({how}): it is damaged, or takes more memory than there is");
    Ok(Some(DataError::Parquet { file: file.to_owned(), reason }))
}

/// Ctrl-C goes to both processes, and is for this one to act on.
#[cfg(unix)]
fn was_interrupted(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    status.signal().is_some_and(|signal| [SIGHUP, SIGINT, SIGTERM].contains(&signal))
}

#[cfg(not(unix))]
fn was_interrupted(_: ExitStatus) -> bool {
    false
}
