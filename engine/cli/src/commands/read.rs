//! `thawline read`: reads data and says nothing, so that another process learns whether one lives through it.
//!
//! What polars does with a Parquet file that is damaged may end the process, with nothing to catch: a page says to hold 2^64 values, and that
//! much memory is asked for. Whoever keeps something that must not be lost has such a file read in a process of its own first. A worker does
//! without: it is one.

use std::{
    io::{self, Read as _, Write as _, stdin},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use search_spaces::data::{Data, Files, Location};
use serde::{Deserialize, Serialize};
use trials::{
    data::{DataError, Rows, image::Pictures as Labelled, table},
    predict::Pictures,
};

use crate::exit::Error;

/// What is read, on standard input as JSON.
#[derive(Debug, Serialize, Deserialize)]
enum Reading {
    /// Of one file what a task needs.
    Data(Box<Data>),
    /// All columns of a table.
    Table(PathBuf),
    /// Images whose labels are not asked for.
    Pictures(PathBuf),
}

/// What a process that lives has found is found again by the one that asked.
pub(super) fn run() -> Result<(), Error> {
    bounded();
    let mut text = String::new();
    stdin().read_to_string(&mut text).map_err(Error::environment)?;
    match serde_json::from_str(&text).map_err(Error::usage)? {
        Reading::Data(data) => match *data {
            Data::Text(data) => drop(Rows::read(&data)),
            Data::Images(data) => drop(Labelled::read(&data)),
        },
        Reading::Table(file) => drop(table::read(&file, None, None)),
        Reading::Pictures(file) => drop(Pictures::find(&file)),
    }
    Ok(())
}

/// What the allocator may have reserved without a use for it.
#[cfg(unix)]
const RESERVED: u64 = 2 << 30;

/// Has this process die before others do, soon after the one that asked, and without a core file. Where the system does not let it, it reads all the same.
#[cfg(unix)]
fn bounded() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // Of all processes the system takes this one first where memory ends.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
    let lower = |resource: Resource, most: u64| {
        let now = getrlimit(resource);
        let current = Some(now.current.map_or(most, |current| current.min(most)));
        let _ = setrlimit(resource, Rlimit { current, ..now });
    };
    lower(Resource::Core, 0);
    if let Some(memory) = engine::devices::memory() {
        lower(Resource::Data, memory.saturating_add(RESERVED));
    }
}

#[cfg(not(unix))]
fn bounded() {}

/// What is wrong with the Parquet files of `data` that a process does not live through reading, or cannot try to.
pub(super) fn deadly(data: &Data, program: &Path) -> Vec<DataError> {
    let named = match data.files() {
        Files::One(one) => vec![one],
        Files::Splits { train, validation, test } => [Some(train), validation.as_ref(), test.as_ref()].into_iter().flatten().collect(),
    };
    let mut found = Vec::new();
    for location in named {
        let Location::Path(file) = location else { continue };
        let mut alone = Box::new(data.clone());
        *alone.files_mut() = Files::One(location.clone());
        found.extend(tried(file, &Reading::Data(alone), program).err());
    }
    found
}

/// Refuses data that a process does not live through reading.
pub(super) fn try_data(data: &Data, program: &Path) -> Result<(), Error> {
    deadly(data, program).into_iter().next().map_or(Ok(()), |error| Err(Error::input(error)))
}

/// The same for a table.
pub(super) fn try_table(file: &Path, program: &Path) -> Result<(), Error> {
    tried(file, &Reading::Table(file.to_owned()), program).map_err(Error::input)
}

/// The same for images, or texts, without labels.
pub(super) fn try_unlabelled(file: &Path, images: bool, program: &Path) -> Result<(), Error> {
    let reading = if images { Reading::Pictures(file.to_owned()) } else { Reading::Table(file.to_owned()) };
    tried(file, &reading, program).map_err(Error::input)
}

/// Has `program` read `file`, if it is a Parquet file.
fn tried(file: &Path, reading: &Reading, program: &Path) -> Result<(), DataError> {
    if !file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet")) || !file.is_file() {
        return Ok(());
    }
    let failed = |source: io::Error| {
        let why = format!("trying it with {} failed: {source}", program.display());
        DataError::Read { file: file.to_owned(), source: io::Error::new(source.kind(), why) }
    };
    let status = serde_json::to_vec(reading).map_err(io::Error::from).and_then(|text| run_to_its_end(program, &text)).map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    if !has_died(status) {
        return Err(failed(io::Error::other(status.to_string())));
    }
    let how = status.to_string().replace(" (core dumped)", "");
    let reason = format!("the process that read it died ({how}): it is damaged, or takes more memory than there is");
    Err(DataError::Parquet { file: file.to_owned(), reason })
}

fn run_to_its_end(program: &Path, text: &[u8]) -> io::Result<ExitStatus> {
    // How it died is told by its status: polars and the allocator say theirs in words for developers.
    let mut child = Command::new(program).arg("read").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // Why one is gone already its status says.
        let _ = input.write_all(text);
    }
    child.wait()
}

/// Not by its own will.
#[cfg(unix)]
fn has_died(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;

    status.signal().is_some()
}

/// Codes of this program are small.
#[cfg(not(unix))]
fn has_died(status: ExitStatus) -> bool {
    status.code().is_none_or(|code| !(0..256).contains(&code))
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn only_a_process_that_died_speaks_against_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.parquet");
        fs::write(&file, "").unwrap();
        let script = folder.path().join("dies");
        fs::write(&script, "#!/bin/sh\nkill -KILL $$\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let told = |program: &Path| try_table(&file, program).unwrap_err().message.replace(folder.path().to_str().unwrap(), "DIR");
        insta::assert_snapshot!(told(&script), @"DIR/a.parquet: not a readable Parquet file: the process that read it died (signal: 9 (SIGKILL)): it is damaged, or takes more memory than there is");
        insta::assert_snapshot!(told(Path::new("false")), @"cannot read DIR/a.parquet: trying it with false failed: exit status: 1");
        insta::assert_snapshot!(told(&folder.path().join("gone")), @"cannot read DIR/a.parquet: trying it with DIR/gone failed: No such file or directory (os error 2)");
        assert_eq!(try_table(&file, Path::new("true")), Ok(()));
        assert_eq!(try_table(&folder.path().join("a.csv"), &script), Ok(()));
    }
}
