//! Exit codes, and errors split by whose fault they are.

use std::{fmt, io, path::Path};

use engine::runner::TrialError;

/// What the program's exit code says. These numbers are an interface: scripts branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// An error in the program itself.
    Failed = 1,
    /// The command line is wrong (what clap uses too).
    Usage = 2,
    /// The space file is wrong.
    Space = 3,
    /// Data, model or study cannot be read, or is not what it should be.
    Input = 4,
    /// No trial succeeded.
    NoTrial = 5,
    /// A check did not hold.
    Check = 6,
    /// The environment: device, disk, network.
    Environment = 7,
    /// Interrupted; the study is safe.
    Interrupted = 130,
}

/// "Input/output error", which has no [`io::ErrorKind`]; the same on every Unix.
const EIO: i32 = 5;

/// Why a command did not do what it was asked to; the kind decides the exit code. The message says what, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub code: ExitCode,
    /// Empty when it has been told already.
    pub message: String,
}

impl Error {
    /// For an error that another process has told with its exit code.
    pub fn with_code(code: u8, message: impl fmt::Display) -> Error {
        use ExitCode::{Check, Environment, Failed, Input, Interrupted, NoTrial, Space, Usage};
        let known = [Usage, Space, Input, NoTrial, Check, Environment, Interrupted];
        Error::new(known.into_iter().find(|known| *known as u8 == code).unwrap_or(Failed), message)
    }

    fn new(code: ExitCode, message: impl fmt::Display) -> Error {
        Error { code, message: message.to_string() }
    }

    pub fn failed(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Failed, message)
    }

    pub fn usage(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Usage, message)
    }

    pub fn space(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Space, message)
    }

    pub fn input(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Input, message)
    }

    pub fn no_trial(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::NoTrial, message)
    }

    pub fn check(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Check, message)
    }

    pub fn environment(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Environment, message)
    }

    pub fn interrupted(message: impl fmt::Display) -> Error {
        Error::new(ExitCode::Interrupted, message)
    }

    /// For a trial outside of a study that could not go on; `what` says which.
    pub fn trial(what: impl fmt::Display, error: &TrialError) -> Error {
        let code = match error {
            TrialError::Machine(_) | TrialError::OutOfMemory(_) | TrialError::Device(_) => ExitCode::Environment,
            TrialError::CheckpointLost(_) => ExitCode::Input,
            TrialError::NonFiniteLoss { .. } | TrialError::Other(_) => ExitCode::NoTrial,
        };
        Error::new(code, format!("{what}: {error}"))
    }

    /// For a failed write to `path`.
    pub fn write(path: &Path, error: &io::Error) -> Error {
        // A temporary file's error names that file, which means nothing to the user.
        let inner = error.get_ref().and_then(|wrapped| wrapped.source()).and_then(|source| source.downcast_ref::<io::Error>());
        let error = inner.unwrap_or(error);
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "\n  the disk is full: make room, then run the same command again",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "\n  choose a folder that you may write to",
            // What names a temporary file keeps the number in its text alone.
            _ if error.raw_os_error() == Some(EIO) || error.to_string().contains(&format!("(os error {EIO})")) => {
                "\n  see that the disk is in order, then run the same command again"
            }
            _ => "",
        };
        Error::environment(format!("cannot write {}: {error}{hint}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_says_what_to_do() {
        let told = |error: io::Error| Error::write(Path::new("best.ron"), &error).message;
        insta::assert_snapshot!(told(io::Error::from_raw_os_error(EIO)), @"
        cannot write best.ron: Input/output error (os error 5)
          see that the disk is in order, then run the same command again
        ");
        insta::assert_snapshot!(told(io::Error::from_raw_os_error(28)), @"
        cannot write best.ron: No space left on device (os error 28)
          the disk is full: make room, then run the same command again
        ");
    }
}
