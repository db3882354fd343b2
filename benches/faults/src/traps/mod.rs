//! Takes over what a program does to files below one folder: lets it fail, or writes it down.
//!
//! A seccomp filter turns each such system call into a signal, whose handler does the call in the program's place. So it is caught whoever makes
//! it: SQLite and the standard library call the C library, others call the kernel themselves. Children inherit the filter; they are to be
//! the same program, which installs its handler again before it touches a file. Linux on x86-64 only.

#![expect(unsafe_code, reason = "system calls are taken apart and made again")]

mod calls;
mod filter;
mod handler;
mod record;

use std::{
    env,
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io,
    os::{fd::IntoRawFd as _, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
    sync::atomic::AtomicU64,
};

pub(crate) use record::{Op, Record, read_log};

const FOLDER: &str = "FAULTS_FOLDER";
const LOG: &str = "FAULTS_LOG";
const FAIL: &str = "FAULTS_FAIL";
const COUNTER: &str = "FAULTS_COUNTER";

/// How an operation goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Once, with "input/output error": any operation that changes something or waits for the disk.
    Error,
    /// The disk is full from then on: nothing more is written, made or renamed; removing works.
    Full,
    /// Half of a write is done, and from then on the disk is full.
    Torn,
    /// Half of a write is done, once: the caller has to write the rest.
    Short,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Fault, String> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| "error, full, torn or short".to_owned())
    }
}

impl Fault {
    pub(crate) const ALL: [Fault; 4] = [Fault::Error, Fault::Full, Fault::Torn, Fault::Short];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Error => "error",
            Fault::Full => "full",
            Fault::Torn => "torn",
            Fault::Short => "short",
        }
    }
}

/// What the traps do in a program.
#[derive(Debug)]
struct Traps {
    /// Without a slash at its end; the kernel's name for it.
    folder: Vec<u8>,
    /// A descriptor of the log.
    log: Option<i32>,
    /// Which of the operations goes wrong, how, and how many there have been in all processes.
    fail: Option<(Fault, u64, &'static AtomicU64)>,
}

/// What is to be done to a program and its children.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Must be there.
    pub(crate) folder: PathBuf,
    /// A file that takes everything done below the folder, and what the program says on standard output. With a fault only the latter.
    pub(crate) log: Option<PathBuf>,
    /// The operation that goes wrong, from 1, and a file of eight bytes that counts them.
    pub(crate) fail: Option<(Fault, u64, PathBuf)>,
}

impl Plan {
    /// Makes its files, and lets `command` work to it.
    pub(crate) fn set(&self, command: &mut Command) -> io::Result<()> {
        command.env(FOLDER, &self.folder);
        if let Some(log) = &self.log {
            OpenOptions::new().append(true).create(true).open(log)?;
            command.env(LOG, log);
        }
        if let Some((fault, at, counter)) = &self.fail {
            fs::write(counter, 0_u64.to_le_bytes())?;
            command.env(FAIL, format!("{}:{at}", fault.name())).env(COUNTER, counter);
        }
        Ok(())
    }
}

/// Installs what the environment asks for, if it does.
pub(crate) fn install() -> io::Result<()> {
    let Some(folder) = env::var_os(FOLDER) else { return Ok(()) };
    let folder = Path::new(&folder).canonicalize()?.as_os_str().as_bytes().to_vec();
    // Not made here: a child's filter is there before its handler.
    let log = env::var_os(LOG).map(|path| OpenOptions::new().append(true).open(path)).transpose()?;
    let fail = match (env::var(FAIL), env::var_os(COUNTER)) {
        (Ok(fail), Some(counter)) => Some(parse(&fail, &counter)?),
        _ => None,
    };
    handler::install(Traps { folder, log: log.map(File::into_raw_fd), fail })?;
    filter::install()
}

fn parse(fail: &str, counter: &OsStr) -> io::Result<(Fault, u64, &'static AtomicU64)> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, format!("{FAIL}={fail}: not a fault and a number"));
    let (name, at) = fail.split_once(':').ok_or_else(wrong)?;
    let fault = name.parse().map_err(|_| wrong())?;
    let file = OpenOptions::new().read(true).write(true).open(counter)?;
    Ok((fault, at.parse().map_err(|_| wrong())?, calls::shared(&file)?))
}
