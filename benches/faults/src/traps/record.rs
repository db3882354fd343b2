//! The log of what was done, in one order for all processes.

use std::{fs, io, path::Path};

use super::calls::call;

const MAGIC: u32 = 0x666c_7401;
const HEADER: usize = 36;
/// Parts of a write that are taken together; more than any program here uses.
pub(super) const PARTS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Op {
    /// `data` at `offset`.
    Write = 1,
    /// To the length `offset`.
    Truncate,
    /// The program waits for a file or folder to be on the disk. What was done before this is there ...
    SyncBegun,
    /// ... from this on.
    Synced,
    Create,
    MakeFolder,
    /// To `other`.
    Rename,
    Remove,
    /// On standard output: `data`.
    Told,
}

impl Op {
    const ALL: [Op; 9] = [Op::Write, Op::Truncate, Op::SyncBegun, Op::Synced, Op::Create, Op::MakeFolder, Op::Rename, Op::Remove, Op::Told];
}

/// Something that was done.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) op: Op,
    pub(crate) process: u32,
    pub(crate) thread: u32,
    /// Below the folder.
    pub(crate) name: String,
    pub(crate) other: String,
    pub(crate) offset: u64,
    pub(crate) data: Vec<u8>,
}

/// Appends a record in one call, so that records of several processes do not mix. `false`: it was not written whole.
pub(super) fn append(log: i32, op: Op, names: [&[u8]; 2], offset: u64, parts: &[libc::iovec]) -> bool {
    let length: usize = parts.iter().map(|part| part.iov_len).sum();
    let mut header = [0_u8; HEADER];
    let (process, thread) = (call(libc::SYS_getpid, [0; 5]) as u32, call(libc::SYS_gettid, [0; 5]) as u32);
    header[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[4] = op as u8;
    header[8..12].copy_from_slice(&process.to_le_bytes());
    header[12..16].copy_from_slice(&thread.to_le_bytes());
    header[16..18].copy_from_slice(&(names[0].len() as u16).to_le_bytes());
    header[18..20].copy_from_slice(&(names[1].len() as u16).to_le_bytes());
    header[20..28].copy_from_slice(&offset.to_le_bytes());
    header[28..36].copy_from_slice(&(length as u64).to_le_bytes());
    let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut all = [empty; PARTS + 3];
    let part = |bytes: &[u8]| libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    (all[0], all[1], all[2]) = (part(&header), part(names[0]), part(names[1]));
    all[3..3 + parts.len()].copy_from_slice(parts);
    let written = call(libc::SYS_writev, [log as u64, all.as_ptr() as u64, 3 + parts.len() as u64, 0, 0]);
    written == (HEADER + names[0].len() + names[1].len() + length) as i64
}

/// Everything in the log at `path`.
pub(crate) fn read_log(path: &Path) -> io::Result<Vec<Record>> {
    let bytes = fs::read(path)?;
    let mut rest = &bytes[..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, format!("{}: record {} is broken", path.display(), records.len()));
        let (header, body) = rest.split_at_checked(HEADER).ok_or_else(broken)?;
        let number = |at: usize, size: usize| header[at..at + size].iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let op = Op::ALL.into_iter().find(|op| *op as u8 == header[4]).filter(|_| number(0, 4) == u64::from(MAGIC)).ok_or_else(broken)?;
        let (name, body) = body.split_at_checked(number(16, 2) as usize).ok_or_else(broken)?;
        let (other, body) = body.split_at_checked(number(18, 2) as usize).ok_or_else(broken)?;
        let (data, body) = body.split_at_checked(number(28, 8) as usize).ok_or_else(broken)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        records.push(Record {
            op,
            process: number(8, 4) as u32,
            thread: number(12, 4) as u32,
            name: text(name),
            other: text(other),
            offset: number(20, 8),
            data: data.to_vec(),
        });
        rest = body;
    }
    Ok(records)
}
