//! Python packages, through the user's own `pip` and its settings (index, proxy, certificates).

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Downloads one package without its dependencies into `scratch` and says where it is. Nothing of it is installed or run.
pub(super) fn download(python: &Path, requirement: &str, scratch: &Path) -> Result<PathBuf, String> {
    let folder = scratch.join("pip");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"])
        // Offline machines should hear so in seconds, not after pip's five attempts of 15 s.
        .args(["--timeout", "10", "--retries", "1", "--dest"])
        .arg(&folder)
        .arg(requirement)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run {}: {e} (is Python 3 installed?)", python.display()))?;
    if !output.status.success() {
        return Err(reason(&String::from_utf8_lossy(&output.stderr)));
    }
    let package = fs::read_dir(&folder).ok().and_then(|mut entries| entries.next()).and_then(Result::ok);
    package.map(|entry| entry.path()).ok_or_else(|| "pip said it succeeded and left no file".to_owned())
}

/// The line of pip's complaints that says most: its last one marked as an error.
fn reason(stderr: &str) -> String {
    let mut errors = stderr.lines().filter(|line| line.starts_with("ERROR:"));
    let line = errors.next_back().or_else(|| stderr.lines().rfind(|line| !line.trim().is_empty()));
    line.map_or_else(|| "pip failed without saying why".to_owned(), |line| line.trim_start_matches("ERROR:").trim().to_owned())
}
