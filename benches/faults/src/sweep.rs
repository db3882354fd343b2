//! A sweep as a process, and what can be done to it and its workers.

#![expect(unsafe_code, reason = "a signal to another process")]

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use engine::clock::Stopwatch;

/// How long a sweep of curves may take to do anything that is waited for, in seconds.
pub(crate) const PATIENCE: f64 = 180.0;

/// How a sweep ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    /// Everything it and its workers said on standard error.
    pub(crate) said: String,
}

#[derive(Debug)]
pub(crate) struct Sweep {
    child: Child,
    said: std::path::PathBuf,
}

impl Sweep {
    /// `said` takes its standard error.
    pub(crate) fn start(mut command: Command, said: &Path) -> io::Result<Sweep> {
        let _ = fs::remove_file(said);
        let log = OpenOptions::new().append(true).create(true).open(said)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        Ok(Sweep { child, said: said.to_owned() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn workers(&self) -> Vec<u32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// How it has ended, if it has by `seconds` from now.
    pub(crate) fn wait(&mut self, seconds: f64) -> io::Result<Option<End>> {
        let watch = Stopwatch::start();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let said = String::from_utf8_lossy(&fs::read(&self.said)?).into_owned();
                return Ok(Some(End { code: status.code(), said }));
            }
            if watch.seconds() >= seconds {
                return Ok(None);
            }
            sleep(Duration::from_micros(500));
        }
    }

    pub(crate) fn send(&self, signal: i32) {
        send(self.pid(), signal);
    }
}

impl Drop for Sweep {
    /// Nothing goes on once the harness has stopped looking.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            for pid in self.workers() {
                send(pid, libc::SIGKILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A shell that starts the harness in the background has it and its children ignore SIGINT: a sweep would not notice one that comes before it watches for it.
pub(crate) fn take_interrupts_as_usual() {
    // SAFETY: a plain system call, before any other thread is there.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
}

/// A process that has gone is none of the errors.
pub(crate) fn send(pid: u32, signal: i32) {
    // SAFETY: a plain system call; the process is a child, or a child's child, that this harness has started.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

/// Whether it is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
