//! Does the trapped calls, unless they are to fail, and writes down what was done. Runs in a signal handler: no allocation, no lock.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use libc::{c_int, c_long, c_void, iovec, siginfo_t, ucontext_t};

use super::{
    Fault, Traps,
    calls::{Name, call},
    record::{Op, PARTS, append},
};

static TRAPS: OnceLock<Traps> = OnceLock::new();

/// Ends of what no name is left of.
const DELETED: &[u8] = b" (deleted)";

pub(super) fn install(traps: Traps) -> io::Result<()> {
    TRAPS.set(traps).map_err(|_| io::Error::other("the traps are installed already"))?;
    // SAFETY: a handler of the kind that `SA_SIGINFO` asks for, which does what a handler may.
    let installed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = trapped as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) == 0
    };
    if installed { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn trapped(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands the interrupted thread's registers, of which the system call's result is one.
    unsafe {
        let errno = *libc::__errno_location();
        let registers = &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs;
        let at = |register: c_int| registers[register as usize] as u64;
        let arguments = [at(libc::REG_RDI), at(libc::REG_RSI), at(libc::REG_RDX), at(libc::REG_R10), at(libc::REG_R8)];
        let number = at(libc::REG_RAX) as c_long;
        registers[libc::REG_RAX as usize] = match TRAPS.get() {
            Some(traps) => traps.call(number, arguments),
            None => call(number, arguments),
        };
        *libc::__errno_location() = errno;
    }
}

/// Kinds of operations, by what makes them fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    /// Takes room on the disk, too.
    Make,
    /// Works on a full disk: removing, cutting off, growing by nothing but zeros, waiting.
    Other,
}

enum Verdict {
    Do,
    Half,
    Fail(c_int),
}

impl Traps {
    fn call(&self, number: c_long, arguments: [u64; 5]) -> i64 {
        let [a, b, c, ..] = arguments;
        let here = libc::AT_FDCWD as u64;
        match number {
            libc::SYS_write | libc::SYS_pwrite64 => {
                self.write(number, arguments, &[iovec { iov_base: b as *mut c_void, iov_len: c as usize }])
            }
            libc::SYS_writev | libc::SYS_pwritev | libc::SYS_pwritev2 => {
                // SAFETY: the program has given these to the kernel as that many parts.
                let parts = unsafe { std::slice::from_raw_parts(b as *const iovec, c as usize) };
                self.write(number, arguments, parts)
            }
            libc::SYS_fsync | libc::SYS_fdatasync => self.sync(number, arguments),
            libc::SYS_ftruncate => self.change(number, arguments, Kind::Other, Op::Truncate, &Name::of_descriptor(a), None),
            libc::SYS_truncate => self.change(number, arguments, Kind::Other, Op::Truncate, &Name::of_path(here, a), None),
            libc::SYS_unlink | libc::SYS_rmdir => self.change(number, arguments, Kind::Other, Op::Remove, &Name::of_path(here, a), None),
            libc::SYS_unlinkat => self.change(number, arguments, Kind::Other, Op::Remove, &Name::of_path(a, b), None),
            libc::SYS_mkdir => self.change(number, arguments, Kind::Make, Op::MakeFolder, &Name::of_path(here, a), None),
            libc::SYS_mkdirat => self.change(number, arguments, Kind::Make, Op::MakeFolder, &Name::of_path(a, b), None),
            libc::SYS_rename => {
                self.change(number, arguments, Kind::Make, Op::Rename, &Name::of_path(here, a), Some(&Name::of_path(here, b)))
            }
            libc::SYS_renameat | libc::SYS_renameat2 => {
                self.change(number, arguments, Kind::Make, Op::Rename, &Name::of_path(a, b), Some(&Name::of_path(c, arguments[3])))
            }
            libc::SYS_open => self.open(number, arguments, &Name::of_path(here, a), b),
            libc::SYS_creat => self.open(number, arguments, &Name::of_path(here, a), libc::O_TRUNC as u64),
            libc::SYS_openat => self.open(number, arguments, &Name::of_path(a, b), c),
            // Whoever uses these has another way when they are not there.
            libc::SYS_copy_file_range | libc::SYS_splice | libc::SYS_vmsplice | libc::SYS_openat2 => -i64::from(libc::ENOSYS),
            libc::SYS_sendfile | libc::SYS_fallocate => -i64::from(libc::EINVAL),
            _ => give_up(b"faults: a system call that the traps do not know\n"),
        }
    }

    /// Whether the next operation of this kind goes wrong.
    fn verdict(&self, kind: Kind) -> Verdict {
        let Some((fault, at, counter)) = self.fail else { return Verdict::Do };
        let counts = match fault {
            Fault::Error => true,
            Fault::Full => kind != Kind::Other,
            Fault::Torn | Fault::Short => kind == Kind::Write,
        };
        let full = |counter: &AtomicU64| matches!(fault, Fault::Full | Fault::Torn) && counter.load(Ordering::SeqCst) >= at;
        if !counts {
            return if kind != Kind::Other && full(counter) { Verdict::Fail(libc::ENOSPC) } else { Verdict::Do };
        }
        let count = counter.fetch_add(1, Ordering::SeqCst) + 1;
        match fault {
            Fault::Error if count == at => Verdict::Fail(libc::EIO),
            Fault::Torn | Fault::Short if count == at => Verdict::Half,
            Fault::Full | Fault::Torn if count >= at => Verdict::Fail(libc::ENOSPC),
            _ => Verdict::Do,
        }
    }

    fn write(&self, number: c_long, arguments: [u64; 5], parts: &[iovec]) -> i64 {
        let name = Name::of_descriptor(arguments[0]);
        // The sixth argument is in the way: its flags say how to wait, which matters to nobody here.
        let number = if number == libc::SYS_pwritev2 { libc::SYS_pwritev } else { number };
        let Some(below) = name.below(&self.folder).filter(|name| !name.ends_with(DELETED)) else {
            let result = call(number, arguments);
            if arguments[0] == 1 && result > 0 {
                self.note(Op::Told, [b"", b""], 0, parts, result as usize);
            }
            return result;
        };
        let length: usize = parts.iter().map(|part| part.iov_len).sum();
        let result = match self.verdict(Kind::Write) {
            Verdict::Do => call(number, arguments),
            Verdict::Fail(error) => return -i64::from(error),
            Verdict::Half if length < 2 => return -i64::from(libc::ENOSPC),
            Verdict::Half => {
                let mut part = parts.iter().find(|part| part.iov_len > 1).copied().unwrap_or(parts[0]);
                part.iov_len = part.iov_len.div_ceil(2);
                let (number, [descriptor, _, _, offset, high]) = (one_part(number), arguments);
                call(number, [descriptor, part.iov_base as u64, part.iov_len as u64, offset, high])
            }
        };
        if result > 0 {
            let offset = match number {
                libc::SYS_pwrite64 | libc::SYS_pwritev => arguments[3],
                _ => (call(libc::SYS_lseek, [arguments[0], 0, libc::SEEK_CUR as u64, 0, 0]) - result) as u64,
            };
            self.log_below(Op::Write, [below, b""], offset, parts, result as usize);
        }
        result
    }

    fn sync(&self, number: c_long, arguments: [u64; 5]) -> i64 {
        let name = Name::of_descriptor(arguments[0]);
        let Some(below) = name.below(&self.folder) else { return call(number, arguments) };
        if let Verdict::Fail(error) = self.verdict(Kind::Other) {
            return -i64::from(error);
        }
        self.log_below(Op::SyncBegun, [below, b""], 0, &[], 0);
        let result = call(number, arguments);
        if result == 0 {
            self.log_below(Op::Synced, [below, b""], 0, &[], 0);
        }
        result
    }

    fn change(&self, number: c_long, arguments: [u64; 5], kind: Kind, op: Op, name: &Name, other: Option<&Name>) -> i64 {
        let other = other.map(|other| other.below(&self.folder));
        let (below, other) = match (name.below(&self.folder), other) {
            (Some(below), None) => (below, &b""[..]),
            (Some(below), Some(Some(other))) => (below, other),
            (None, None | Some(None)) => return call(number, arguments),
            _ => give_up(b"faults: a file is moved out of the folder, or into it\n"),
        };
        if let Verdict::Fail(error) = self.verdict(kind) {
            return -i64::from(error);
        }
        let result = call(number, arguments);
        if result == 0 {
            self.log_below(op, [below, other], arguments[1], &[], 0);
        }
        result
    }

    fn open(&self, number: c_long, arguments: [u64; 5], name: &Name, flags: u64) -> i64 {
        let Some(below) = name.below(&self.folder) else { return call(number, arguments) };
        let path = if number == libc::SYS_openat { [arguments[0], arguments[1]] } else { [libc::AT_FDCWD as u64, arguments[0]] };
        let there = call(libc::SYS_faccessat, [path[0], path[1], libc::F_OK as u64, 0, 0]) == 0;
        let empties = there && flags & libc::O_TRUNC as u64 != 0;
        if (!there || empties)
            && let Verdict::Fail(error) = self.verdict(if there { Kind::Other } else { Kind::Make })
        {
            return -i64::from(error);
        }
        let result = call(number, arguments);
        if result >= 0 && !there {
            self.log_below(Op::Create, [below, b""], 0, &[], 0);
        } else if result >= 0 && empties {
            self.log_below(Op::Truncate, [below, b""], 0, &[], 0);
        }
        result
    }

    /// In a run in which something fails only what is told matters.
    fn log_below(&self, op: Op, names: [&[u8]; 2], offset: u64, parts: &[iovec], length: usize) {
        if self.fail.is_none() {
            self.note(op, names, offset, parts, length);
        }
    }

    /// `length`: how much of the parts was written.
    fn note(&self, op: Op, names: [&[u8]; 2], offset: u64, parts: &[iovec], length: usize) {
        let Some(log) = self.log else { return };
        if parts.len() > PARTS {
            give_up(b"faults: a write of too many parts\n");
        }
        let mut written = [iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; PARTS];
        let mut left = length;
        for (place, part) in written.iter_mut().zip(parts) {
            *place = iovec { iov_base: part.iov_base, iov_len: part.iov_len.min(left) };
            left -= place.iov_len;
        }
        if !append(log, op, names, offset, &written[..parts.len()]) {
            give_up(b"faults: the log cannot be written\n");
        }
    }
}

fn one_part(number: c_long) -> c_long {
    match number {
        libc::SYS_writev => libc::SYS_write,
        libc::SYS_pwritev => libc::SYS_pwrite64,
        other => other,
    }
}

/// A log that is not whole would prove nothing.
fn give_up(why: &[u8]) -> ! {
    call(libc::SYS_write, [2, why.as_ptr() as u64, why.len() as u64, 0, 0]);
    call(libc::SYS_exit_group, [99, 0, 0, 0, 0]);
    std::process::abort()
}
