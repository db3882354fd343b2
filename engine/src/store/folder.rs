//! A study's folder, and who may write in it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::StoreError;
use crate::{events::WorkerInfo, folds::Fold};

const SWEEP_LOCK: &str = "sweep.lock";

/// `study.sqlite`, `checkpoints/`, `artefacts/` and what reports add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyFolder(PathBuf);

impl StudyFolder {
    /// `root` should be absolute: what trains in it is told paths below it.
    pub fn new(root: impl Into<PathBuf>) -> StudyFolder {
        StudyFolder(root.into())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    pub fn database(&self) -> PathBuf {
        self.0.join("study.sqlite")
    }

    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// For what is written while `fold` trains.
    pub fn fold(&self, fold: Fold) -> PathBuf {
        self.checkpoints().join(fold.name())
    }

    pub fn artefacts(&self) -> PathBuf {
        self.0.join("artefacts")
    }

    /// As events name it.
    pub fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.0).unwrap_or(path).to_owned()
    }

    /// Where a file that an event names is: in this folder, whatever the event says. Events that say otherwise are refused; should one get by, nothing outside
    /// is read or removed for it.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        let ordinary = path.components().filter(|part| matches!(part, Component::Normal(_)));
        ordinary.fold(self.0.clone(), |folder, part| folder.join(part))
    }

    fn locks(&self) -> PathBuf {
        self.0.join("locks")
    }

    /// Whether a sweep or one of `workers`, those of the study, is at work here: what was killed left its name in the study, but no lock.
    pub fn is_worked_on<'a>(&self, workers: impl IntoIterator<Item = &'a WorkerInfo>) -> bool {
        is_held(&self.0.join(SWEEP_LOCK)) || workers.into_iter().any(|worker| self.is_alive(worker))
    }

    /// Whether `worker` holds its lock.
    pub fn is_alive(&self, worker: &WorkerInfo) -> bool {
        self.lock_of(worker).is_some_and(|path| is_held(&path))
    }

    /// A study may come from anywhere, so what it says is no path.
    fn lock_of(&self, worker: &WorkerInfo) -> Option<PathBuf> {
        let name = worker.lock.as_ref()?;
        (Path::new(name).file_name()? == name.as_str()).then(|| self.locks().join(name))
    }

    /// Removes the lock file of a worker that is dead.
    pub(crate) fn bury(&self, worker: &WorkerInfo) {
        if let Some(path) = self.lock_of(worker) {
            // Nothing is wrong with one that stays behind.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Makes the folders that trials write to.
    pub fn create(&self) -> Result<(), StoreError> {
        [self.checkpoints(), self.artefacts()].into_iter().try_for_each(|path| {
            std::fs::create_dir_all(&path).map_err(|source| StoreError::Io { path, action: "make the folder", source })
        })
    }
}

/// The right to run a study's workers on this machine. The operating system gives it back when the process ends, however it ends, so a lock
/// file left behind by a dead process is no obstacle.
#[derive(Debug)]
pub struct StudyLock(#[expect(dead_code, reason = "held for its lock, which goes when it is dropped")] File);

impl StudyLock {
    pub fn acquire(folder: &StudyFolder) -> Result<StudyLock, StoreError> {
        let path = folder.root().join(SWEEP_LOCK);
        let wrap = |action, source| StoreError::Io { path: path.clone(), action, source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| wrap("open the lock file", e))?;
        match patiently(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Whoever holds the lock wrote its id there; on some systems the file cannot be read meanwhile.
                let pid = file.read_to_string(&mut pid).is_ok().then(|| pid.trim().to_owned()).filter(|p| !p.is_empty());
                return Err(StoreError::InUse { path: folder.root().to_owned(), pid });
            }
            Err(TryLockError::Error(e)) => return Err(wrap("lock the lock file", e)),
        }
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|e| wrap("write the lock file", e))?;
        Ok(StudyLock(file))
    }
}

/// Whether another holds the lock of this file.
fn is_held(path: &Path) -> bool {
    // Patiently: another who only looks holds it for a moment.
    let lock = File::open(path).map(|file| patiently(&file));
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// Tries for a moment: who only looks whether a lock is held has it meanwhile.
fn patiently(file: &File) -> Result<(), TryLockError> {
    const TRIES: u32 = 5;
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            other => return other,
        }
    }
    file.try_lock()
}

/// Held by a worker for as long as it lives, so that anybody can tell whether it does: the operating system gives it back when the process
/// ends, however it ends.
#[derive(Debug)]
pub struct WorkerLock {
    name: String,
    path: PathBuf,
    _file: File,
}

impl WorkerLock {
    /// To be held before the worker joins the study.
    pub fn acquire(folder: &StudyFolder) -> Result<WorkerLock, StoreError> {
        let locks = folder.locks();
        std::fs::create_dir_all(&locks).map_err(|source| StoreError::Io { path: locks.clone(), action: "make the folder", source })?;
        // One that is dead may have had the same process id.
        for number in 0_u64.. {
            let name = format!("{}-{number}.lock", std::process::id());
            let path = locks.join(&name);
            let wrap = |action, source| StoreError::Io { path: path.clone(), action, source };
            let file = match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(wrap("open the lock file", source)),
            };
            file.lock().map_err(|source| wrap("lock the lock file", source))?;
            return Ok(WorkerLock { name, path, _file: file });
        }
        unreachable!("numbers do not end")
    }

    /// As [`WorkerInfo::lock`] has it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for WorkerLock {
    fn drop(&mut self) {
        // One that stays behind says that its worker is dead, too.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Refuses file systems on which SQLite's locks cannot be relied on. Known on Linux only.
pub(super) fn refuse_network(folder: &Path) -> Result<(), StoreError> {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else { return Ok(()) };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    match network_kind(&mounts, &folder) {
        Some(kind) => Err(StoreError::NetworkFileSystem { path: folder, kind: kind.to_owned() }),
        None => Ok(()),
    }
}

/// The file system's name if `folder` is on one of another machine, by the lines of `/proc/self/mounts`.
fn network_kind<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    const NETWORK: [&str; 15] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "fuse.ceph",
        "fuse.sshfs",
        "fuse.glusterfs",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "orangefs",
    ];
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        // Blanks in names are written as octal escapes.
        let point = fields.next()?.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
        Some((PathBuf::from(point), fields.next()?))
    });
    // Of mounts over each other the last counts, and `max_by_key` gives the last of equals.
    let (_, kind) = mounts.filter(|(point, _)| folder.starts_with(point)).max_by_key(|(point, _)| point.components().count())?;
    NETWORK.contains(&kind).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sweep_at_a_time_and_a_stale_lock_file_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StudyFolder::new(dir.path());
        std::fs::write(dir.path().join("sweep.lock"), "12345\n").unwrap();
        assert!(!folder.is_worked_on([]));
        let lock = StudyLock::acquire(&folder).unwrap();
        assert!(folder.is_worked_on([]));
        let error = StudyLock::acquire(&folder).unwrap_err().to_string().replace(&dir.path().display().to_string(), "STUDY");
        let expected = format!(
            "STUDY: in use by another sweep (process {}): wait for it to end, stop it, or work beside it with --join",
            std::process::id()
        );
        assert_eq!(error, expected);
        drop(lock);
        StudyLock::acquire(&folder).unwrap();
    }

    #[test]
    fn a_worker_is_alive_as_long_as_it_holds_its_lock() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StudyFolder::new(dir.path());
        let worker = |lock: &str| WorkerInfo { lock: Some(lock.to_owned()), ..crate::testing::worker("cpu#1") };
        let (one, two) = (WorkerLock::acquire(&folder).unwrap(), WorkerLock::acquire(&folder).unwrap());
        let (first, second) = (worker(one.name()), worker(two.name()));
        assert_ne!(first, second);
        assert!(folder.is_alive(&first) && folder.is_alive(&second) && folder.is_worked_on([&first]));
        drop(one);
        assert!(!folder.is_alive(&first) && folder.is_alive(&second) && !folder.is_worked_on([&first]));
        // As a killed one leaves it.
        std::fs::write(folder.locks().join(first.lock.as_ref().unwrap()), "").unwrap();
        assert!(!folder.is_alive(&first));
        assert_ne!(WorkerLock::acquire(&folder).unwrap().name(), first.lock.as_ref().unwrap());
        folder.bury(&first);
        assert_eq!(std::fs::read_dir(folder.locks()).unwrap().count(), 1);
    }

    #[test]
    fn network_file_systems_are_known_by_the_innermost_mount() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n/dev/sdb1 /home/me/my\\040disk xfs rw 0 0\n";
        assert_eq!(network_kind(mounts, Path::new("/home/me/study")), Some("nfs4"));
        assert_eq!(network_kind(mounts, Path::new("/home/me/my disk/study")), None);
        assert_eq!(network_kind(mounts, Path::new("/homes/study")), None);
    }

    #[test]
    fn files_are_named_relative_to_the_folder() {
        let folder = StudyFolder::new("/studies/a");
        let file = folder.checkpoints().join("trial-1-step-2.ckpt");
        assert_eq!(folder.relative(&file), Path::new("checkpoints/trial-1-step-2.ckpt"));
        assert_eq!(folder.absolute(&folder.relative(&file)), file);
        for path in ["../../home/me/letters.txt", "/home/me/letters.txt", "checkpoints/../../b", "..", "/"] {
            let path = folder.absolute(Path::new(path));
            assert!(path.starts_with(folder.root()) && !path.components().any(|part| part == Component::ParentDir), "{path:?}");
        }
    }
}
