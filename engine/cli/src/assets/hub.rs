//! The Hugging Face hub.

use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use hf_hub::{
    Cache,
    api::{Progress, sync::ApiBuilder},
};

use super::{Asset, FetchEvent};

/// The client has no timeouts of its own: without a sign of life for this long the hub is taken as out of reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until the first bytes come.
    pub(super) first: Duration,
    /// Between bytes after that.
    pub(super) silence: Duration,
}

pub(super) const PATIENCE: Patience = Patience { first: Duration::from_secs(8), silence: Duration::from_secs(30) };

/// Downloads the asset's files from a model repository to the folder `content`.
pub(super) fn download(
    endpoint: &str,
    patience: Patience,
    repository: &str,
    asset: &Asset,
    scratch: &Path,
    content: &Path,
    tell: &mut dyn FnMut(FetchEvent),
) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel();
    let (endpoint, repository) = (endpoint.trim_end_matches('/').to_owned(), repository.to_owned());
    let files: Vec<&'static str> = asset.files.iter().map(|file| file.name).collect();
    let (scratch, content) = (scratch.join("hub"), content.to_owned());
    // A thread that can be left behind: a connection that hangs cannot be interrupted, only abandoned. It then writes to a folder that is gone.
    thread::spawn(move || {
        let result = download_files(&endpoint, &repository, &files, &scratch, &content, &sender);
        // The receiver is gone when nobody waits any longer.
        let _ = sender.send(Message::Done(result));
    });
    let mut wait = patience.first;
    loop {
        match receiver.recv_timeout(wait) {
            Ok(Message::Bytes { file, done, total }) => {
                wait = patience.silence;
                tell(FetchEvent::Bytes { file, done, total });
            }
            Ok(Message::Done(result)) => return result,
            Err(_) => return Err(format!("no answer for {} seconds", wait.as_secs_f64())),
        }
    }
}

enum Message {
    Bytes { file: String, done: u64, total: u64 },
    Done(Result<(), String>),
}

fn download_files(
    endpoint: &str,
    repository: &str,
    files: &[&str],
    scratch: &Path,
    content: &Path,
    sender: &mpsc::Sender<Message>,
) -> Result<(), String> {
    let api = ApiBuilder::from_cache(Cache::new(scratch.to_owned()))
        .with_endpoint(endpoint.to_owned())
        .with_progress(false)
        .build()
        .map_err(|e| e.to_string())?;
    let repository = api.model(repository.to_owned());
    for file in files {
        let progress = Report { sender: sender.clone(), file: (*file).to_owned(), done: 0, total: 0 };
        let path = repository.download_with_progress(file, progress).map_err(|e| format!("{file}: {e}"))?;
        fs::copy(&path, content.join(file)).map_err(|e| format!("cannot write {file}: {e}"))?;
    }
    Ok(())
}

struct Report {
    sender: mpsc::Sender<Message>,
    file: String,
    done: u64,
    total: u64,
}

impl Report {
    fn send(&self) {
        // Nobody listens to an abandoned download.
        let _ = self.sender.send(Message::Bytes { file: self.file.clone(), done: self.done, total: self.total });
    }
}

impl Progress for Report {
    fn init(&mut self, size: usize, _filename: &str) {
        (self.done, self.total) = (0, size as u64);
        self.send();
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.send();
    }

    fn finish(&mut self) {
        self.send();
    }
}
