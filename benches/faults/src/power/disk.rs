//! What a disk may hold after the power was cut, by a log of what was done to it.
//!
//! What was written to a file is certain once the file was synced after it; of later writes any may be there and any may not, and of the last one that is
//! there only a part may be. A name is certain once its folder was synced; of later changes of a folder's names some first ones are there.

use std::{collections::BTreeMap, path::PathBuf};

use rand::{RngExt as _, rngs::ChaCha8Rng};

use crate::traps::{Op, Record};

/// What disks write whole, at most.
const SECTOR: usize = 512;

/// The file by which SQLite's processes share memory: nobody reads it after a restart.
const SHARED_MEMORY: &str = "-shm";

#[derive(Debug)]
pub(crate) struct Disk<'a> {
    nodes: Vec<Node<'a>>,
    /// As the programs see it; the watched folder is "".
    names: BTreeMap<String, usize>,
    /// By process, thread and name: how much of the node's changes the sync under way covers.
    syncs: BTreeMap<(u32, u32, &'a str), usize>,
}

#[derive(Debug)]
struct Node<'a> {
    /// Certain.
    content: Content,
    /// What may be there besides, in order.
    changes: Vec<Change<'a>>,
    /// Changes that have become certain.
    settled: usize,
}

#[derive(Debug, Clone)]
enum Content {
    File(Vec<u8>),
    Folder(BTreeMap<String, usize>),
}

#[derive(Debug)]
enum Change<'a> {
    Write { offset: usize, data: &'a [u8] },
    Truncate(usize),
    Add(String, usize),
    Rename(String, String),
    Remove(String),
}

/// What is on the disk: a file's bytes, or a folder.
pub(crate) type Image = Vec<(PathBuf, Option<Vec<u8>>)>;

impl<'a> Disk<'a> {
    /// With an empty folder.
    pub(crate) fn new() -> Disk<'a> {
        let root = Node::new(Content::Folder(BTreeMap::new()));
        Disk { nodes: vec![root], names: BTreeMap::from([(String::new(), 0)]), syncs: BTreeMap::new() }
    }

    /// The error: what the log cannot mean.
    pub(crate) fn apply(&mut self, record: &'a Record) -> Result<(), String> {
        let name = record.name.as_str();
        if name.ends_with(SHARED_MEMORY) {
            return Ok(());
        }
        let sync = (record.process, record.thread, name);
        match record.op {
            Op::Told => {}
            Op::Write => self.change(name, Change::Write { offset: record.offset as usize, data: &record.data })?,
            Op::Truncate => self.change(name, Change::Truncate(record.offset as usize))?,
            Op::SyncBegun => {
                let node = &self.nodes[self.node(name)?];
                self.syncs.insert(sync, node.settled + node.changes.len());
            }
            Op::Synced => {
                let covered = self.syncs.remove(&sync).ok_or_else(|| format!("the sync of {name} has no beginning"))?;
                let node = self.node(name)?;
                self.nodes[node].settle(covered);
            }
            Op::Create => self.make(name, Content::File(Vec::new()))?,
            Op::MakeFolder => self.make(name, Content::Folder(BTreeMap::new()))?,
            Op::Remove => {
                let (folder, own) = split(name);
                self.change(folder, Change::Remove(own.to_owned()))?;
                self.names.remove(name);
            }
            Op::Rename => {
                let ((from, own), (to, new)) = (split(name), split(&record.other));
                if from != to {
                    return Err(format!("{name} is moved to another folder, {}", record.other));
                }
                self.change(from, Change::Rename(own.to_owned(), new.to_owned()))?;
                let node = self.names.remove(name).ok_or_else(|| format!("{name} is renamed and was never made"))?;
                self.names.insert(record.other.clone(), node);
            }
        }
        Ok(())
    }

    /// One of the disks that a cut of the power now may leave.
    pub(crate) fn cut(&self, random: &mut ChaCha8Rng) -> Image {
        let mut image = Vec::new();
        // Images in which nearly nothing or nearly everything got to the disk are as likely as those between.
        let kept = random.random::<f64>();
        let share = (1.5 * kept - 0.25).clamp(0.0, 1.0);
        self.gather(0, &PathBuf::new(), share, random, &mut image);
        image
    }

    fn gather(&self, node: usize, path: &std::path::Path, share: f64, random: &mut ChaCha8Rng, image: &mut Image) {
        match self.nodes[node].after(share, random) {
            Content::File(bytes) => image.push((path.to_owned(), Some(bytes))),
            Content::Folder(names) => {
                image.push((path.to_owned(), None));
                for (name, node) in names {
                    self.gather(node, &path.join(name), share, random, image);
                }
            }
        }
    }

    fn node(&self, name: &str) -> Result<usize, String> {
        self.names.get(name).copied().ok_or_else(|| format!("the log has not told of {name}"))
    }

    fn change(&mut self, name: &str, change: Change<'a>) -> Result<(), String> {
        let node = self.node(name)?;
        self.nodes[node].changes.push(change);
        Ok(())
    }

    fn make(&mut self, name: &str, content: Content) -> Result<(), String> {
        let node = self.nodes.len();
        self.nodes.push(Node::new(content));
        let (folder, own) = split(name);
        self.change(folder, Change::Add(own.to_owned(), node))?;
        self.names.insert(name.to_owned(), node);
        Ok(())
    }
}

impl<'a> Node<'a> {
    fn new(content: Content) -> Node<'a> {
        Node { content, changes: Vec::new(), settled: 0 }
    }

    fn settle(&mut self, covered: usize) {
        let count = covered.saturating_sub(self.settled);
        for change in self.changes.drain(..count) {
            self.content.apply(&change, usize::MAX);
        }
        self.settled += count;
    }

    fn after(&self, share: f64, random: &mut ChaCha8Rng) -> Content {
        let mut content = self.content.clone();
        if matches!(content, Content::Folder(_)) {
            let count = (0..self.changes.len()).take_while(|_| random.random_bool(share)).count();
            self.changes[..count].iter().for_each(|change| content.apply(change, usize::MAX));
            return content;
        }
        let there: Vec<&Change> = self.changes.iter().filter(|_| random.random_bool(share)).collect();
        for (at, change) in there.iter().enumerate() {
            let torn = at + 1 == there.len() && random.random_bool(0.5);
            content.apply(change, if torn { part(change, random) } else { usize::MAX });
        }
        content
    }
}

/// How much of a write got to the disk.
fn part(change: &Change, random: &mut ChaCha8Rng) -> usize {
    let Change::Write { data, .. } = change else { return usize::MAX };
    let bytes = random.random_range(0..=data.len());
    if random.random_bool(0.5) { bytes / SECTOR * SECTOR } else { bytes }
}

impl Content {
    /// Of a write `most` bytes.
    fn apply(&mut self, change: &Change, most: usize) {
        match (self, change) {
            (Content::File(bytes), Change::Write { offset, data }) => {
                let data = &data[..data.len().min(most)];
                if data.is_empty() {
                    return;
                }
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..offset + data.len()].copy_from_slice(data);
            }
            (Content::File(bytes), Change::Truncate(length)) => bytes.resize(*length, 0),
            (Content::Folder(names), Change::Add(name, node)) => {
                names.insert(name.clone(), *node);
            }
            (Content::Folder(names), Change::Rename(from, to)) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            (Content::Folder(names), Change::Remove(name)) => {
                names.remove(name);
            }
            _ => {}
        }
    }
}

/// Folder and own name.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    fn record(op: Op, name: &str, other: &str, offset: u64, data: &[u8]) -> Record {
        Record { op, process: 1, thread: 1, name: name.to_owned(), other: other.to_owned(), offset, data: data.to_vec() }
    }

    /// Every disk that many cuts after `log` leave, as text.
    fn disks(log: &[Record]) -> BTreeSet<String> {
        let mut disk = Disk::new();
        for record in log {
            disk.apply(record).unwrap();
        }
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let text = |image: Image| {
            let files = image.into_iter().filter_map(|(path, bytes)| Some((path.display().to_string(), bytes?)));
            files.map(|(path, bytes)| format!("{path}={}", String::from_utf8_lossy(&bytes))).collect::<Vec<_>>().join(" ")
        };
        (0..2000).map(|_| text(disk.cut(&mut random))).collect()
    }

    #[test]
    fn only_what_was_synced_is_certain() {
        let write = |data: &str| record(Op::Write, "a", "", 0, data.as_bytes());
        let sync = |name: &str| [record(Op::SyncBegun, name, "", 0, b""), record(Op::Synced, name, "", 0, b"")];
        let mut log = vec![record(Op::Create, "a", "", 0, b""), write("xy")];
        let all = disks(&log);
        assert_eq!(all, ["", "a=", "a=x", "a=xy"].map(str::to_owned).into());
        log.extend(sync("a"));
        assert_eq!(disks(&log), ["", "a=xy"].map(str::to_owned).into(), "the name is not certain yet");
        log.extend(sync(""));
        assert_eq!(disks(&log), ["a=xy"].map(str::to_owned).into());
        log.push(record(Op::Rename, "a", "b", 0, b""));
        assert_eq!(disks(&log), ["a=xy", "b=xy"].map(str::to_owned).into());
        log.push(record(Op::Remove, "b", "", 0, b""));
        assert_eq!(disks(&log), ["", "a=xy", "b=xy"].map(str::to_owned).into());
    }

    #[test]
    fn a_sync_covers_what_was_done_before_it_began() {
        let log = [
            record(Op::Create, "a", "", 0, b""),
            record(Op::SyncBegun, "", "", 0, b""),
            record(Op::Create, "b", "", 0, b""),
            record(Op::Synced, "", "", 0, b""),
        ];
        assert_eq!(disks(&log), ["a=", "a= b="].map(str::to_owned).into());
    }
}
