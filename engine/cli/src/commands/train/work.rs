//! The hidden folder beside the model folder in which a training keeps what it goes on from after an interruption.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use engine::runner::Checkpoint;
use serde::{Deserialize, Serialize};

use super::{super::ready::Ready, Course};
use crate::exit::{Error, ExitCode};

const RECORD: &str = "training.json";
const LOCK: &str = "lock";
/// It holds hashes and the name of a file.
const MAX_RECORD_BYTES: u64 = 1 << 20;

/// Which training it is. A checkpoint of another one is of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Identity {
    /// Hashes.
    config: String,
    data: String,
    model: String,
    device: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    identity: Identity,
    /// The file's name in the folder as its path.
    checkpoint: Option<Checkpoint>,
}

/// The folder. Whoever holds it has it for itself.
#[derive(Debug)]
pub(in super::super) struct Work {
    folder: PathBuf,
    record: Record,
    /// With the path as it is now.
    checkpoint: Option<Checkpoint>,
    discarded: bool,
    _lock: File,
}

impl Identity {
    pub(in super::super) fn new(course: &Course, ready: &Ready) -> Result<Identity, Error> {
        let file = &course.file;
        let what = (
            &file.config,
            &file.ladder,
            file.eval_every,
            file.objective,
            file.seed,
            file.trial,
            trials::runner::threads(file),
            course.rung,
        );
        let text = serde_json::to_vec(&what).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
        Ok(Identity {
            config: blake3::hash(&text).to_hex().to_string(),
            // Both splits are in it, and which of them are trained on.
            data: format!("{} {:?}", ready.prepared.task.hash(), course.on),
            model: ready.model_hash()?,
            device: ready.prepared.device.to_string(),
        })
    }

    /// What of another training is not the same, in words.
    fn differs_in(&self, other: &Identity) -> Vec<&'static str> {
        let parts = [
            ("config or number of threads", self.config != other.config),
            ("data", self.data != other.data),
            ("pre-trained weights", self.model != other.model),
            ("device", self.device != other.device),
        ];
        parts.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

impl Work {
    /// Makes the folder for the model folder `to`, or finds what an earlier training has left there.
    pub(in super::super) fn open(to: &Path, identity: &Identity) -> Result<Work, Error> {
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // On the disk that must hold the model anyway.
        let folder = parent.join(format!(".{}.training", to.file_name().unwrap_or_default().to_string_lossy()));
        let failed = |error: io::Error| Error::write(&folder, &error);
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::environment(format!(
                    "another process is training {}: wait for it, or choose another place",
                    to.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut work = Work {
            folder,
            record: Record { identity: identity.clone(), checkpoint: None },
            checkpoint: None,
            discarded: false,
            _lock: lock,
        };
        if let Some(found) = work.read()? {
            let changed = identity.differs_in(&found.identity);
            if !changed.is_empty() {
                return Err(Error::input(format!(
                    "{} holds a training that was interrupted, with another {}: remove that folder to begin anew, or choose another place for this one",
                    work.folder.display(),
                    changed.join(", another ")
                )));
            }
            let here = |found: Checkpoint| Checkpoint { path: work.folder.join(found.path.file_name().unwrap_or_default()), ..found };
            work.checkpoint = found.checkpoint.clone().map(here).filter(|checkpoint| checkpoint.path.is_file());
            work.record = found;
        }
        work.tidy();
        Ok(work)
    }

    pub(in super::super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// To go on from.
    pub(super) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// Makes `checkpoint` the one to go on from.
    pub(super) fn keep(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let name = PathBuf::from(checkpoint.path.file_name().unwrap_or_default());
        self.record.checkpoint = Some(Checkpoint { path: name, ..checkpoint.clone() });
        self.write().map_err(|error| Error::write(&self.folder.join(RECORD), &error))?;
        self.checkpoint = Some(checkpoint.clone());
        self.tidy();
        Ok(())
    }

    /// Forgets the checkpoint.
    pub(super) fn begin_again(&mut self) -> Result<(), Error> {
        self.record.checkpoint = None;
        self.checkpoint = None;
        self.write().map_err(|error| Error::write(&self.folder.join(RECORD), &error))?;
        self.tidy();
        Ok(())
    }

    /// That training was interrupted, and how it goes on.
    pub(in super::super) fn interrupted(&self) -> Error {
        match &self.checkpoint {
            Some(checkpoint) => Error::interrupted(format!(
                "interrupted after step {}: the same command goes on from there ({} holds what it needs)",
                checkpoint.step,
                self.folder.display()
            )),
            None => Error::interrupted("interrupted: nothing was written"),
        }
    }

    /// `error` with how training goes on after it.
    pub(super) fn to_be_continued(&self, error: Error) -> Error {
        match &self.checkpoint {
            Some(checkpoint) => Error {
                message: format!("{}\n  it goes on from step {} then ({})", error.message, checkpoint.step, self.folder.display()),
                ..error
            },
            None => error,
        }
    }

    /// `error`, which kept what was trained from being written to `to`, with how that is still done.
    pub(super) fn to_be_written(&self, to: &Path, error: Error) -> Error {
        let until = match error.code {
            ExitCode::Usage => format!("once {} is removed or has another name, ", to.display()),
            ExitCode::Environment => String::new(),
            // The same again would end in the same way.
            _ => return error,
        };
        let Some(checkpoint) = &self.checkpoint else { return error };
        let message = format!(
            "{}\n  what was trained is kept in {}: {until}the same command goes on from there, at step {}",
            error.message,
            self.folder.display(),
            checkpoint.step
        );
        Error { message, ..error }
    }

    /// Has the folder removed: what it was for is done, or comes to nothing.
    pub(in super::super) fn discard(&mut self) {
        self.discarded = true;
    }

    fn read(&self) -> Result<Option<Record>, Error> {
        let path = self.folder.join(RECORD);
        let failed = |why: String| Error::input(format!("cannot read {}: {why}\n  remove that folder to begin anew", path.display()));
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => io::Read::read_to_end(&mut io::Read::take(file, MAX_RECORD_BYTES), &mut text).map_err(|e| failed(e.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        serde_json::from_slice(&text).map(Some).map_err(|e| failed(e.to_string()))
    }

    fn write(&self) -> io::Result<()> {
        let mut file = trials::files::temporary(&self.folder, ".record-")?;
        file.write_all(&serde_json::to_vec(&self.record)?)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(RECORD))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Removes what nobody goes on from: older checkpoints, and what was left half-written. What cannot be removed is in nobody's way.
    fn tidy(&self) {
        let kept = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.path.file_name());
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if Some(name.as_os_str()) != kept && (text.ends_with(".ckpt") || text.starts_with('.')) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Work {
    /// Nothing is left that nobody goes on from; what is another training's stays.
    fn drop(&mut self) {
        if self.discarded || !self.folder.join(RECORD).exists() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
